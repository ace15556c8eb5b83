"""Summaries and figures of a million rows: beside the sums alone, by pandas, DuckDB and Polars."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import duckdb
import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import sdanalytics as sda
from benchmarks.results import Goal, Section
from sdanalytics.analysis.kpi_definitions import is_additive
from sdanalytics.model.metrics import CATALOGUE, ColumnKind, default_metrics

ROWS: Final = 1_000_000
FEW: Final = 10_000
CAMPAIGNS: Final = 300
DAYS: Final = 60
FIRST: Final = np.datetime64("2026-09-01", "s")
WEEKS: Final = (("2026-09-03", "2026-09-16"), ("2026-09-17", "2026-09-30"))
ROUNDS: Final = 7
BY: Final = "campaignName"

OURS, PANDAS, DUCKDB, POLARS = "sdanalytics", "pandas", "DuckDB", "Polars"
SUMMARIES: Final = ("summarize(df)", 'summarize(df, "campaignName")', '(df, "campaignName", "W")')
TREND, TREND_BY = 'trend(df, "acos")', 'trend(df, "cost", by="campaignName")'
TOP: Final = 'top(df, "cost", dot="acos")'
FEW_ROWS: Final = f'summarize of {FEW:,} rows, "campaignName"'
EMPTY: Final = "limit: a figure of matplotlib with ten bars"

_TEXT: Final = f"""
{{rows:,}} rows of campaigns ({CAMPAIGNS} campaigns, {DAYS} days, half of the rows vCPM), the
default columns, in memory: seconds. All take turns in one process, {{rounds}} times; these are the
medians. Beside each call stand the sums alone: of all columns that add up, by the same key (for
figures: of the columns that the metric is made of). `summarize` also finds names, results by cost
type, KPIs and whether ratios have both parts; figures are drawn with all that is in them. DuckDB
and Polars work with all processors, the others with one. Whole numbers are the same, whoever sums
them.
"""

REASON: Final = """
Figures are matplotlib's: of a figure with ten bars and their names alone it takes what stands in
the last line, and its layout is computed twice. On a machine that does other work beside this,
seconds are longer for all; read the ratios.
"""


@dataclass(frozen=True)
class Task:
    """Work that is measured: ours, and the sums behind it, by whoever does them."""

    name: str
    ways: Mapping[str, Callable[[], Any]]


def measure(quick: bool) -> Section:
    """Measure all tasks in turns."""
    mpl.use("agg")
    frame = make_frame(FEW if quick else ROWS)
    rounds = 2 if quick else ROUNDS
    tasks = list(_tasks(frame))
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 1):
        print(f"  round {number} of {rounds}", file=sys.stderr, flush=True)
        for task in tasks:
            for way, work in task.ways.items():
                seconds = _time(work)
                if number:  # the first warms up
                    times.setdefault((task.name, way), []).append(seconds)
    medians = {key: median(values) for key, values in times.items()}
    text = _TEXT.format(rows=len(frame), rounds=rounds)
    return Section("Summaries", text, list(_rows(tasks, medians)), list(_goals(medians)))


def _time(work: Callable[[], Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_frame(rows: int) -> pd.DataFrame:
    """Make a frame as `fetch_report` returns them, sorted by date."""
    random = np.random.default_rng(17)
    campaigns = random.integers(0, CAMPAIGNS, rows)
    days = np.sort(random.integers(0, DAYS, rows))
    columns: dict[str, Any] = {
        "date": FIRST + days.astype("timedelta64[D]"),
        "tactic": _categorize(campaigns, ["T00020", "T00030"]),
        "campaignId": pd.array(10**17 + campaigns, "Int64"),
    }
    for name in default_metrics("campaigns"):
        columns[name] = _make_column(name, campaigns, random)
    frame = pd.DataFrame(columns)
    ages = {"restatable_from": "2026-10-01", "traffic_restatable_from": "2026-10-28"}
    frame.attrs["sdanalytics"] = {"record_type": "campaigns", "currency": "USD", **ages}
    return frame


def _make_column(name: str, campaigns: Any, random: np.random.Generator) -> Any:
    kind = CATALOGUE[name].kind
    if kind is ColumnKind.TEXT:
        names = [f"SD | US | 2026 Q4 | Retargeting {n:03d}" for n in range(CAMPAIGNS)]
        return pd.array(np.array(names, dtype="object")[campaigns], dtype="str")
    if kind is ColumnKind.CATEGORY:
        words = {"costType": ["CPC", "VCPM"], "currency": ["USD"]}.get(name, ["enabled", "paused"])
        return _categorize(campaigns // 2, words)
    if kind is ColumnKind.MONEY:
        return random.gamma(2, 5, len(campaigns)).round(2)
    return pd.array(random.poisson(900 if name == "impressions" else 3, len(campaigns)), "Int64")


def _categorize(numbers: Any, words: list[str]) -> Any:
    """Return words in turns, as a category."""
    return pd.Categorical.from_codes(numbers % len(words), dtype=pd.CategoricalDtype(words))


def _tasks(frame: pd.DataFrame) -> Iterator[Task]:
    """Yield the tasks; what sums the same is checked to come to the same."""
    everybody = Sums(frame)
    keys: tuple[list[str], ...] = ([], [BY], ["week", BY])
    for name, key in zip(SUMMARIES, keys, strict=True):
        everybody.check(key)
        freq = "W" if "week" in key else None
        by = BY if BY in key else None
        ours = {OURS: lambda by=by, freq=freq: sda.summarize(frame, by, freq)}
        yield Task(name, ours | everybody.ways(key, everybody.additive))
    yield Task("add_kpis(df)", {OURS: lambda: sda.add_kpis(frame)})
    compared = {OURS: lambda: sda.compare(frame, *WEEKS, by=BY)}
    yield Task('compare(df, ..., by="campaignName")', compared | everybody.ways_of_weeks())
    parts = ["cost", "attributedSales14d", "viewAttributedSales14d"]
    trend = {OURS: lambda: _draw(sda.plots.trend(frame, "acos"))}
    yield Task(TREND, trend | everybody.ways(["date"], parts))
    trend_by = {OURS: lambda: _draw(sda.plots.trend(frame, "cost", by=BY))}
    yield Task(TREND_BY, trend_by | everybody.ways(["date", BY], ["cost"]))
    top = {OURS: lambda: _draw(sda.plots.top(frame, "cost", dot="acos"))}
    yield Task(TOP, top | everybody.ways([BY], parts))
    few = frame.head(FEW)
    yield Task(FEW_ROWS, {OURS: lambda: sda.summarize(few, BY)} | Sums(few).ways([BY], None))
    yield Task(EMPTY, {"matplotlib": _draw_empty})


class Sums:
    """The sums of a frame's columns by pandas, DuckDB and Polars."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.additive = [name for name in frame.columns.tolist() if is_additive(name)]
        table = pa.Table.from_pandas(frame, preserve_index=False)
        self._polars: Any = pl.from_arrow(table)
        self._duckdb = duckdb.connect()
        self._duckdb.register("rows", table)

    def ways(self, keys: list[str], names: list[str] | None) -> dict[str, Callable[[], Any]]:
        """Return the ways to sum columns, all that add up by default."""
        summed = self.additive if names is None else names
        return {
            PANDAS: lambda: self._by_pandas(keys, summed),
            DUCKDB: lambda: self._by_duckdb(keys, summed),
            POLARS: lambda: self._by_polars(keys, summed),
        }

    def ways_of_weeks(self) -> dict[str, Callable[[], Any]]:
        """Return the way to sum both periods of the comparison."""
        return {PANDAS: self._both_by_pandas}

    def check(self, keys: list[str]) -> None:
        """Check that whole numbers are the same, whoever sums them."""
        found = {
            int(self._by_pandas(keys, ["clicks"])["clicks"].sum()),
            sum(row[-1] for row in self._by_duckdb(keys, ["clicks"]).fetchall()),
            int(self._by_polars(keys, ["clicks"])["clicks"].sum()),
            int(sda.summarize(self.frame)["clicks"].iloc[0]),
        }
        assert len(found) == 1, found

    def _by_pandas(self, keys: list[str], names: list[str]) -> pd.DataFrame:
        groupers: list[Any] = [
            pd.Grouper(key="date", freq="W") if key == "week" else key for key in keys
        ]
        groups = groupers or [np.zeros(len(self.frame), dtype="int8")]
        return self.frame.groupby(groups, observed=True, dropna=False)[names].sum()

    def _both_by_pandas(self) -> None:
        for first, last in WEEKS:
            rows = self.frame[self.frame["date"].between(first, last)]
            rows.groupby(BY)[self.additive].sum()

    def _by_duckdb(self, keys: list[str], names: list[str]) -> Any:
        shown = ["date_trunc('week', date) as week" if key == "week" else key for key in keys]
        sums = [f'sum("{name}") as "{name}"' for name in names]
        query = f"select {', '.join([*shown, *sums])} from rows"
        return self._duckdb.execute(f"{query} group by all" if keys else query)

    def _by_polars(self, keys: list[str], names: list[str]) -> Any:
        sums = [pl.col(name).sum() for name in names]
        if not keys:
            return self._polars.select(sums)
        week = pl.col("date").dt.truncate("1w").alias("week")
        groupers = [week if key == "week" else pl.col(key) for key in keys]
        return self._polars.group_by(groupers).agg(sums)


def _draw(axes: Any) -> None:
    import matplotlib.pyplot as plt

    axes.figure.canvas.draw()
    plt.close(axes.figure)


def _draw_empty() -> None:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    axes.barh([f"SD | US | Retargeting {n}" for n in range(10)], range(10))
    _draw(axes)


def _rows(
    tasks: list[Task], medians: Mapping[tuple[str, str], float]
) -> Iterator[dict[str, object]]:
    for task in tasks:
        times = {way: medians.get((task.name, way)) for way in (OURS, PANDAS, DUCKDB, POLARS)}
        ours, sums = times[OURS], times[PANDAS]
        yield {
            "what": task.name,
            "ours, s": ours if ours is not None else medians[task.name, "matplotlib"],
            "pandas' sums, s": sums,
            "DuckDB's, s": times[DUCKDB],
            "Polars', s": times[POLARS],
            "times pandas' sums": ours / sums if ours and sums else None,
            "above them, s": ours - sums if ours and sums else None,
        }


def _goals(medians: Mapping[tuple[str, str], float]) -> Iterator[Goal]:
    for name in SUMMARIES:
        ratio = medians[name, OURS] / medians[name, PANDAS]
        title = f"{name}, times pandas' sums of the same columns by the same key"
        yield Goal(title, "at most 2.5", f"{ratio:.2f}", ratio <= 2.5)
    for name in (TREND, TREND_BY, TOP):
        above = medians[name, OURS] - medians[name, PANDAS]
        title = f"{name} with drawing, above pandas' sums"
        yield Goal(title, "at most 0.2 s", f"{above:.2f} s", above <= 0.2)
    seconds = medians[FEW_ROWS, OURS]
    yield Goal(FEW_ROWS, "at most 15 ms", f"{1000 * seconds:.1f} ms", seconds <= 0.015)
