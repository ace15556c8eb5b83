"""Memory of frames: the public ones, and those that pandas makes of the same JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.payloads import COLUMNS, RECORD_TYPE, WORK, payload
from benchmarks.peers import peer_python
from benchmarks.results import Goal, Section
from benchmarks.trials import Contestant, compare
from sdanalytics.model.metrics import TACTICS, default_metrics, identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import list_record_types
from sdanalytics.parsing.payload import read_payload
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.report_rows import render_v2_rows
from sdanalytics.store.concat import tables_to_frame

LARGE: Final = 100_000
"""Rows of the report of 40 fields."""
DAYS: Final = 60
_NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
_NAIVE: Final = "pandas"
_NAIVE_2: Final = "pandas 2"

_TEXT: Final = f"""
Bytes of frames, `memory_usage(deep=True)`: the public frame, and `pd.DataFrame` of the parsed JSON
with a column of days and one of tactics, in this environment's pandas and in pandas 2. The first
five are {DAYS} days of both tactics of the sandbox's first advertiser, default metrics; the last is
the report of {len(COLUMNS)} fields that is parsed above.
"""

REASON: Final = """
A count is `Int64`, nine bytes, and an amount `float64`, eight, whatever is in them; pandas takes
eight for either. What is saved is saved on texts: few-valued ones are categories, and the others
lie in Arrow's memory, where those of pandas 3 lie too. Only beside pandas 2, whose texts are
objects, can a frame that is mostly text be a third.
"""


def measure(quick: bool) -> Section:
    """Measure all record types, and the report of 40 fields."""
    found = {
        f"{name}, default metrics": _compare_sizes(
            _sandbox_payload(name, quick), name, _columns(name)
        )
        for name in list_record_types("v2")
    }
    large = payload(2_000 if quick else LARGE)
    found[f"{RECORD_TYPE}, {len(COLUMNS)} fields"] = _compare_sizes(
        large.path, RECORD_TYPE, COLUMNS
    )
    return Section("Frames", _TEXT, list(_rows(found)), list(_goals(found)))


def _columns(record_type: str) -> tuple[str, ...]:
    return (*identity_columns(record_type, None), *default_metrics(record_type))


def _sandbox_payload(record_type: str, quick: bool) -> Path:
    """Write many days of the sandbox as one payload."""
    advertiser = next(iter(ADVERTISERS.values()))
    days = [date(2026, 1, 1) + timedelta(n) for n in range(2 if quick else DAYS)]
    rows = [
        row
        for day in days
        for tactic in TACTICS
        for row in render_v2_rows(
            advertiser, record_type, day, tactic, _columns(record_type), None, _NOW
        )
    ]
    path = WORK / "payloads" / f"{record_type}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(rows).encode(), mtime=0))
    return path


def _compare_sizes(path: Path, record_type: str, columns: tuple[str, ...]) -> dict[str, int]:
    """Return the number of rows, and the bytes of each frame."""
    partition = Partition("NA", "1", record_type, None, TACTICS[0], date(2026, 1, 1))
    table = read_payload(path.read_bytes(), columns)
    ours = tables_to_frame({partition: table}, columns)
    contestants = [
        Contestant(_NAIVE, "naive_frame"),
        Contestant(_NAIVE_2, "naive_frame", python=peer_python("pandas 2")),
    ]
    outcomes = compare(contestants, {"payload": str(path), "checked": []}, 1)
    sizes = {name: int(outcome.summary["bytes"]) for name, outcome in outcomes.items()}
    return {"rows": len(ours), "ours": int(ours.memory_usage(deep=True).sum()), **sizes}


def _rows(found: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, object]]:
    for name, sizes in found.items():
        yield {
            "frame": name,
            "rows": sizes["rows"],
            "ours, bytes a row": sizes["ours"] / sizes["rows"],
            "pandas, bytes a row": sizes[_NAIVE] / sizes["rows"],
            "pandas 2, bytes a row": sizes[_NAIVE_2] / sizes["rows"],
            "ours / pandas": sizes["ours"] / sizes[_NAIVE],
            "ours / pandas 2": sizes["ours"] / sizes[_NAIVE_2],
        }


def _goals(found: Mapping[str, Mapping[str, int]]) -> Iterator[Goal]:
    for naive in (_NAIVE, _NAIVE_2):
        shares = [sizes["ours"] / sizes[naive] for sizes in found.values()]
        title = f"memory of a frame beside the naive one of {naive}"
        measured = f"{min(shares):.2f} to {max(shares):.2f}"
        yield Goal(title, "at most a third", measured, max(shares) <= 1 / 3)
