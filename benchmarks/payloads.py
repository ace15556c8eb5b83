"""Payloads for the benchmarks: always the same ones, made once and kept.

Each is one gzip file of a JSON array of flat objects with 40 fields of a targets report: most
counts and sums zero, names that repeat, fields in an order that changes from row to row, some
null and some missing; a target's id, too, is null in one row of a thousand.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sdanalytics.model.metrics import CATALOGUE, ColumnKind, identity_columns, requestable_metrics

RECORD_TYPE: Final = "targets"
WORK: Final = Path(__file__).parent / ".work"
"""The folder of generated files; git ignores it."""

_IDS: Final = identity_columns(RECORD_TYPE)
_COUNTS: Final = ("impressions", "clicks", "attributedConversions14d")
CHECKED: Final = (*_IDS, *_COUNTS)
"""Columns whose sums are compared between contestants."""
_TEXTS: Final = ("campaignName", "adGroupName", "targetingText", "targetingType", "currency")
_SUMS: Final = tuple(
    name for name in requestable_metrics(RECORD_TYPE, None, "v2") if name not in (*CHECKED, *_TEXTS)
)
COLUMNS: Final = (*CHECKED, *_TEXTS, *_SUMS)[:40]

_MADE_BY: Final = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
"""A hash of this module: payloads of another version are made again."""
_BLOCK: Final = 8_000
"""Rows that are written at a time."""
_ORDERS: Final = 8
_FIRST_ID: Final = 2**53 + 1
"""The first whole number that a float cannot hold; every fourth from there is rounded down."""
_ROWS_PER_ID: Final = {"targetId": 1, "adGroupId": 40, "campaignId": 200}
"""The number of rows with the same id."""


@dataclass(frozen=True)
class Payload:
    """A payload with its number of rows and the sums of `CHECKED`."""

    path: Path
    text_bytes: int
    rows: int
    sums: dict[str, int]


def payload(rows: int) -> Payload:
    """Return the payload with this number of rows."""
    path = WORK / "payloads" / f"{rows}-{_MADE_BY}.json.gz"
    summary_path = path.with_suffix(".facts")
    if not summary_path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        summary = asdict(_write_payload(path, rows))
        summary_path.write_text(json.dumps({k: v for k, v in summary.items() if k != "path"}))
    return Payload(path, **json.loads(summary_path.read_text()))


def _write_payload(path: Path, rows: int) -> Payload:
    random = np.random.default_rng(6)
    orders = [_template(random, number) for number in range(_ORDERS)]
    sums = dict.fromkeys(CHECKED, 0)
    length = 0
    unfinished = path.with_suffix(f".{os.getpid()}")
    with open(unfinished, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for first in range(0, rows, _BLOCK):
            numbers = np.arange(first, min(first + _BLOCK, rows))
            columns = {name: _column(name, numbers, random) for name in COLUMNS}
            for name in CHECKED:
                sums[name] += sum(int(text) for text in columns[name] if text != "null")
            text = ",".join(_objects(columns, orders))
            length += file.write(("," if first else "[").encode() + text.encode())
        length += file.write(b"]")
    unfinished.replace(path)
    return Payload(path, length, rows, sums)


def _template(random: np.random.Generator, number: int) -> tuple[list[str], str]:
    """Return an order of the fields; the last two orders lack some fields."""
    names = [str(name) for name in random.permutation(COLUMNS)]
    if number >= _ORDERS - 2:
        missing = {str(name) for name in random.choice(COLUMNS[-20:], 4)}
        names = [name for name in names if name not in missing]
    return names, "{" + ",".join(f'"{name}":%s' for name in names) + "}"


def _objects(columns: dict[str, list[str]], orders: list[tuple[list[str], str]]) -> list[str]:
    """Return the rows of a block; each order has every eighth of them."""
    rendered = [""] * len(columns[COLUMNS[0]])
    for number, (names, template) in enumerate(orders):
        values = zip(*(columns[name][number::_ORDERS] for name in names), strict=True)
        rendered[number::_ORDERS] = [template % row for row in values]
    return rendered


def _column(name: str, numbers: Any, random: np.random.Generator) -> list[str]:
    """Return the values of a column in JSON."""
    kind = CATALOGUE[name].kind
    if kind is ColumnKind.ID:
        values = (_FIRST_ID + 4 * (numbers // _ROWS_PER_ID[name])).astype(str)
        return _with_nulls(values, numbers % 997 == 7) if name == "targetId" else values.tolist()
    if kind in (ColumnKind.TEXT, ColumnKind.CATEGORY):
        return [json.dumps(text) for text in _texts(name, numbers)]
    is_zero = random.random(len(numbers)) > (0.3 if name == "impressions" else 0.02)
    whole = np.where(is_zero, 0, random.geometric(0.02, len(numbers)))
    texts = whole.astype(str)
    if kind is not ColumnKind.COUNT:
        texts = np.where(is_zero, "0.0", np.char.add(texts, ".37"))
    return _with_nulls(texts, random.random(len(numbers)) < 0.001)


def _texts(name: str, numbers: Any) -> list[str]:
    if name == "currency":
        return ["USD"] * len(numbers)
    if CATALOGUE[name].kind is ColumnKind.CATEGORY:
        return ["TARGETING_EXPRESSION"] * len(numbers)
    if name == "campaignName":
        return [f"SD | Remarketing, views {n // 200 % 30:02d} – große Marken" for n in numbers]
    if name == "adGroupName":
        return [f"Ad group {n // 40 % 5}" for n in numbers]
    return [f"asin=B0{n // 7 % 4000:08d}" for n in numbers]


def _with_nulls(texts: Any, are_null: Any) -> list[str]:
    return [str(text) for text in np.where(are_null, "null", texts)]
