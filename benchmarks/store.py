"""Reading a year of days: through the store, and from one file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.payloads import WORK
from benchmarks.results import Goal, Section
from benchmarks.trials import Contestant, Outcome, compare
from sdanalytics import ReportCache
from sdanalytics.model.dtypes import arrow_schema, arrow_type
from sdanalytics.model.metrics import CATALOGUE, TACTICS, ColumnKind, requestable_metrics
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.profiles import Profile
from sdanalytics.store.cache import internal_store
from sdanalytics.store.concat import concat_partitions

COLUMNS: Final = requestable_metrics("campaigns", None, "v2")[:40]
METRICS: Final = ("impressions", "clicks", "cost", "attributedConversions14d", "attributedSales14d")
CHECKED: Final = ("campaignId", "impressions", "clicks", "attributedConversions14d")
FIRST: Final = date(2025, 1, 1)
_STORED: Final = datetime(2026, 6, 1, tzinfo=UTC)
"""A moment at which every day is final."""
_PROFILE: Final = Profile("1001", "US", "USD", "America/Los_Angeles", "seller", "Bench")
_FORTNIGHT: Final = 14
_LEAST: Final = 0.050
"""Seconds that a small call may take."""


@dataclass(frozen=True)
class Shape:
    """The size of a store, and the rounds of measuring."""

    days: int
    rows: int
    rounds: int

    @property
    def last(self) -> date:
        """The last day."""
        return FIRST + timedelta(self.days - 1)


YEAR: Final = Shape(days=365, rows=2_000, rounds=5)
QUICK: Final = Shape(days=60, rows=200, rounds=2)

READ_FIRST: Final = "ReportCache.read, the first of a store"
READ, FETCH = "ReportCache.read", 'fetch_report, refresh="auto"'
READ_FEW, FETCH_FEW = f"{READ}, 14 days", "fetch_report, 14 days"
RAW, RAW_TABLE = "limit: one file, to the same dtypes", "limit: one file, to an Arrow table"
QUERY: Final = "DuckDB on reports/, to an Arrow table"

_TEXT: Final = f"""
{{shape.days}} days x 2 tactics x {{shape.rows:,}} rows of campaigns, {len(COLUMNS)} columns,
stored by `ReportCache.store` when every day was final: {{sizes[0]:,.0f}} MiB in `reports`, and once
more {{sizes[1]:,.0f}} MiB in `months`, which the first read compacts. Read: date, tactic,
campaignId, {", ".join(METRICS)}.
One file is the same rows and all columns, with date and tactic, as `pq.write_table` writes it.
Everything is in the system's cache, imports are not counted, no way touches the network, and all
but the first are warm. The sums of {", ".join(CHECKED)}
are the same whichever way.
"""

REASON: Final = """
One file knows of no days. On top of its pages come a look at each of 730 files, which tells
whether its copy in a compacted month is current (6 of 98 ms on a quiet machine), 24 footers
(6), the work for each day (10), and days of two tactics put in turns into one column (20); date
and tactic, which the file has, are made (8). An Arrow table is what the frame is made of: against
it, the frame itself counts.
"""

CONTESTANTS: Final = (
    Contestant(READ, "stored", "read"),
    Contestant(FETCH, "stored", "fetch"),
    Contestant(RAW, "stored", "raw frame"),
    Contestant(RAW_TABLE, "stored", "raw table"),
    Contestant(QUERY, "stored", "query"),
    Contestant(READ_FEW, "stored", "read a fortnight"),
    Contestant(FETCH_FEW, "stored", "fetch a fortnight"),
)


def measure(quick: bool) -> Section:
    """Measure all ways to read the store."""
    shape = QUICK if quick else YEAR
    folder = WORK / "store"
    shutil.rmtree(folder, ignore_errors=True)
    print(f"  storing {shape.days} days", file=sys.stderr, flush=True)
    cache, one_file = ReportCache(folder / "store"), folder / "one.parquet"
    _build(cache, one_file, shape)
    job = {
        "store": str(cache.path),
        "one_file": str(one_file),
        "profile_id": _PROFILE.profile_id,
        "metrics": METRICS,
        "checked": CHECKED,
        "year": (str(FIRST), str(shape.last)),
        "fortnight": (str(shape.last - timedelta(_FORTNIGHT - 1)), str(shape.last)),
    }
    first = compare([Contestant(READ_FIRST, "stored", "read")], job | {"long": 0}, 1)
    cache.compact()
    outcomes = first | compare(CONTESTANTS, job, shape.rounds)
    sizes = [_mib(cache.path / name) for name in ("reports", "months")]
    return section(outcomes, _TEXT.format(shape=shape, sizes=sizes))


def _mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _build(cache: ReportCache, one_file: Path, shape: Shape) -> None:
    """Store one partition at a time, as reports arrive, and write the one file."""
    random = np.random.default_rng(6)
    store = internal_store(cache)
    store.metadata.store_profile("NA", _PROFILE)
    tables = {}
    for day in (FIRST + timedelta(n) for n in range(shape.days)):
        for tactic in TACTICS:
            partition = Partition("NA", _PROFILE.profile_id, "campaigns", None, tactic, day)
            tables[partition] = _table(random, shape.rows)
            origin = Provenance(f"{tactic}-{day}", _STORED, "v2")
            store.partitions.store_report({partition: tables[partition]}, origin)
    pq.write_table(concat_partitions(tables, COLUMNS), one_file, compression="zstd")


def _table(random: np.random.Generator, rows: int) -> pa.Table:
    """Return the table of a report: most counts and sums zero, names that repeat."""
    arrays = [pa.array(_values(name, rows, random), arrow_type(name)) for name in COLUMNS]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(COLUMNS))


def _values(name: str, rows: int, random: np.random.Generator) -> Any:
    kind = CATALOGUE[name].kind
    if kind is ColumnKind.ID:
        return 2**53 + 1 + 2 * np.arange(rows)
    if kind in (ColumnKind.TEXT, ColumnKind.CATEGORY):
        return [f"SD | Remarketing, views {n % 30:02d}" for n in range(rows)]
    share = 0.7 if name == "impressions" else 0.02
    amounts = np.where(random.random(rows) < share, random.geometric(0.02, rows), 0)
    return amounts if kind is ColumnKind.COUNT else amounts / 100


def section(outcomes: Mapping[str, Outcome], text: str) -> Section:
    """Return the section: the table and the goals."""
    _check(outcomes)
    raw = outcomes[RAW].seconds
    rows: list[dict[str, object]] = [
        {
            "way": name,
            "ms": 1000 * outcome.seconds,
            "times one file": outcome.seconds / raw,
            "peak MiB": outcome.peak / 2**20,
            "runs": len(outcome.runs),
            "rows": outcome.summary["rows"],
        }
        for name, outcome in outcomes.items()
    ]
    return Section("Reading the store", text, rows, list(_goals(outcomes)))


def _check(outcomes: Mapping[str, Outcome]) -> None:
    """Check that all ways to read the whole year read the same values."""
    whole = [outcome for name, outcome in outcomes.items() if name not in (READ_FEW, FETCH_FEW)]
    sums = [(outcome.summary["rows"], outcome.summary["sums"]) for outcome in whole]
    assert all(total == sums[0] for total in sums), sums


def _goals(outcomes: Mapping[str, Outcome]) -> Iterator[Goal]:
    for limit, to in ((RAW, "the same dtypes"), (RAW_TABLE, "an Arrow table")):
        for name in (READ, FETCH):
            ratio = outcomes[name].seconds / outcomes[limit].seconds
            title = f"{name}, times pyarrow's read of one file to {to}"
            yield Goal(title, "at most 1.5", f"{ratio:.2f}", ratio <= 1.5)
    for name in (READ_FEW, FETCH_FEW):
        seconds = outcomes[name].seconds
        yield Goal(name, "under 50 ms", f"{1000 * seconds:.1f} ms", seconds < _LEAST)
