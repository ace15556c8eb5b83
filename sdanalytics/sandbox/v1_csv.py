"""The files of version 1 reports: CSV, as openly as Amazon describes it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sdanalytics.sandbox.simulation.report_rows import JsonRow

MAX_PARTS: Final = 100
_MISSING: Final = ('""', "null")
"""How a missing value is written: the files of a report take turns."""
_ENCODING: Final = "utf-8-sig"


def encode_csv(rows: Sequence[JsonRow], names: Sequence[str], part_rows: int) -> list[bytes]:
    """Return the files of a report: with a BOM and a header each, all cells quoted.

    Neither the order of rows nor that of columns means anything; it is the same for the same
    report.

    Parameters
    ----------
    rows : sequence of dict
        None: a missing value.
    names : sequence of str
        The fields of the report.
    part_rows : int
        Rows of a file, unless there would be more than `MAX_PARTS` files.
    """
    order = random.Random(" ".join(names))
    columns = list(names)
    order.shuffle(columns)
    shuffled = list(rows)
    order.shuffle(shuffled)
    size = max(part_rows, math.ceil(len(rows) / MAX_PARTS))
    starts = range(0, max(len(rows), 1), size)
    parts = []
    for number, start in enumerate(starts):
        missing = _MISSING[number % len(_MISSING)]
        lines = _list_lines(shuffled[start : start + size], columns, missing)
        parts.append("".join(lines).encode(_ENCODING))
        columns.reverse()
    return parts


def _list_lines(rows: Sequence[JsonRow], columns: Sequence[str], missing: str) -> Iterator[str]:
    yield _join_cells([_quote_cell(name) for name in columns])
    for row in rows:
        yield _join_cells([_encode_cell(row.get(name), missing) for name in columns])


def _join_cells(cells: Sequence[str]) -> str:
    return ",".join(cells) + "\r\n"


def _encode_cell(value: Any, missing: str) -> str:
    if value is None:
        return missing
    return _quote_cell(str(value))


def _quote_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
