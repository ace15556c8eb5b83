"""Compacted months always return the rows of the daily files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.checksum import table_checksum
from sdanalytics.store.compaction import MAX_COMPACTED_ROWS, CompactedMonths
from tests.support.box import Box
from tests.support.stores import partitions_in

METRICS = ["clicks", "cost", "campaignName"]


def fetch(box: Box, store: ReportCache, metrics: list[str] = METRICS) -> pd.DataFrame:
    """Fetch ten days, all in one month."""
    return fetch_report(
        "campaigns", box.day(12), box.day(3), metrics=metrics, client=box.client, cache=store
    )


def read(box: Box, store: ReportCache, metrics: list[str] = METRICS) -> pd.DataFrame:
    return store.read("campaigns", box.day(12), box.day(3), metrics=metrics)


def months(store: ReportCache) -> list[Path]:
    return sorted((Path(store.path) / "months").rglob("*.month"))


def days(store: ReportCache) -> list[Path]:
    return sorted((Path(store.path) / "reports").rglob("*.parquet"))


def spoil(path: Path) -> None:
    """Make a file unreadable without changing its modification time, like a failing disk."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.write(b"\0" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b)


@pytest.fixture
def compacted(box: Box, store: ReportCache) -> ReportCache:
    """Return a store with ten days of two tactics, compacted."""
    fetch(box, store)
    assert len(months(store)) == 2
    return store


def test_a_call_compacts_its_months_and_later_calls_read_them(
    box: Box, compacted: ReportCache
) -> None:
    frame = read(box, compacted)
    for path in days(compacted):
        spoil(path)
    same(read(box, compacted), frame)
    requested = box.sandbox.count("request_report")
    same(fetch(box, compacted), frame)
    assert box.sandbox.count("request_report") == requested
    assert len(compacted.entries()) == 20


def test_sql_reads_compacted_months(box: Box, compacted: ReportCache) -> None:
    shutil.copytree(compacted.path, compacted.path.with_name("loose"))
    shutil.rmtree(compacted.path.with_name("loose") / "months")
    query = """select date, tactic, count(*) as n, sum(clicks) as clicks, sum(cost) as cost
               from campaigns where date > ? group by all order by all"""
    day = pd.Timestamp(box.day(9))
    expected = ReportCache(compacted.path.with_name("loose")).sql(query, [day])
    for path in days(compacted):
        spoil(path)
    same(compacted.sql(query, [day]), expected)
    [[count]] = compacted.sql("select count(*) from campaigns").to_numpy()
    assert count == len(read(box, compacted))


def test_engines_read_each_row_once(box: Box, compacted: ReportCache) -> None:
    [[rows]] = duckdb.sql(f"select count(*) from '{compacted.path}/**/*.parquet'").fetchall()
    assert rows == len(read(box, compacted))
    assert len(days(compacted)) == 20


def test_results_are_the_same_without_compacted_months(box: Box, compacted: ReportCache) -> None:
    frame, entries = read(box, compacted), compacted.entries()
    coverage = compacted.coverage(now=box.clock.now())
    shutil.rmtree(Path(compacted.path) / "months")
    same(compacted.entries(), entries)
    same(compacted.coverage(now=box.clock.now()), coverage)
    same(read(box, compacted), frame)


def test_a_restated_day_is_read_from_its_own_file(box: Box, compacted: ReportCache) -> None:
    partition = Partition(
        compacted.entries()["source"].iloc[0], str(box.sandbox.profile_ids[0]), "campaigns", None,
        "T00020", box.sandbox.today - timedelta(5),
    )  # fmt: skip
    columns = ["campaignId", *METRICS]
    table = partitions_in(compacted).load(partition, columns)
    assert table is not None
    doubled = pa.array(np.asarray(table["clicks"]) * 2)
    table = table.set_column(table.column_names.index("clicks"), "clicks", doubled)
    before = read(box, compacted)
    partitions_in(compacted).store_report(
        {partition: table}, Provenance("other", box.clock.now(), "v2")
    )
    after = read(box, compacted)
    changed = (after["date"] == pd.Timestamp(partition.date)) & (after["tactic"] == "T00020")
    assert after["clicks"].equals(before["clicks"].where(~changed, before["clicks"] * 2))
    assert (compacted.entries().loc[lambda df: df["report_id"] == "other", "date"]).tolist() == [
        pd.Timestamp(partition.date)
    ]


def test_a_wider_call_compacts_wider_months(box: Box, compacted: ReportCache) -> None:
    wide = [*METRICS, "impressions"]
    fetch_report("campaigns", box.day(4), metrics=wide, client=box.client, cache=compacted)
    narrow = read(box, compacted)  # days of two widths, one of them compacted
    frame = fetch(box, compacted, wide)
    same(frame[narrow.columns], narrow)
    for path in days(compacted):
        spoil(path)
    same(read(box, compacted, wide), frame)


def test_removed_days_are_not_served(box: Box, compacted: ReportCache) -> None:
    frame = read(box, compacted)
    assert compacted.remove("campaigns", box.day(5), tactic="T00020") == 1
    assert len(months(compacted)) == 1
    removed = (frame["date"] == box.day(5)) & (frame["tactic"] == "T00020")
    same(read(box, compacted), frame[~removed].reset_index(drop=True))
    assert "T00020" in str(months(compacted)[0])  # compacted again, by reading


def test_days_of_deleted_files_are_not_served(box: Box, compacted: ReportCache) -> None:
    frame = read(box, compacted)
    days(compacted)[0].unlink()
    assert len(read(box, compacted)) < len(frame)
    assert read(box, compacted).attrs["sdanalytics"]["slices_missing"] == 1


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def foreign(path: Path) -> None:
    pq.write_table(pa.table({"clicks": [1]}), path)


def of_another_series(path: Path) -> None:
    shutil.copy(next(p for p in path.parents[1].rglob("*.month") if p != path), path)


def other_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:400] = bytes(300)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [half, foreign, of_another_series, other_bytes])
def test_an_invalid_compacted_month_is_reported_and_changes_nothing(
    box: Box, compacted: ReportCache, damage: Callable[[Path], None]
) -> None:
    frame = read(box, compacted)
    path = months(compacted)[0]
    damage(path)
    assert compacted.verify()["path"].tolist() == [str(path)]
    assert len(compacted.repair()) == 1
    assert not path.exists()
    same(read(box, compacted), frame)
    assert compacted.verify().empty


@pytest.mark.parametrize("damage", [half, foreign, of_another_series, other_bytes])
def test_an_invalid_compacted_month_is_ignored(
    box: Box, compacted: ReportCache, damage: Callable[[Path], None]
) -> None:
    frame = read(box, compacted)
    damage(months(compacted)[0])
    same(read(box, compacted), frame)
    same(fetch(box, compacted), fetch(box, compacted))


def test_a_copied_store_is_read_correctly(box: Box, compacted: ReportCache, tmp_path: Path) -> None:
    frame = read(box, compacted)
    shutil.copytree(compacted.path, tmp_path / "copy")
    same(read(box, ReportCache(tmp_path / "copy")), frame)


def test_leftovers_of_killed_processes_are_removed(compacted: ReportCache) -> None:
    left = months(compacted)[0].with_name(".2026-11.month.0123456789ab.tmp")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert compacted.repair().empty
    assert not left.exists()


def make_day(store: ReportCache, day: date, rows: int, clicks: int | None = None) -> None:
    table = pa.table(
        {
            "campaignId": pa.array(range(rows), pa.int64()),
            "clicks": pa.array([clicks or day.day] * rows, pa.int64()),
        }
    )
    partition = Partition("NA", "1", "campaigns", None, "T00020", day)
    origin = Provenance("r", datetime(2026, 6, 1, tzinfo=UTC), "v2")
    partitions_in(store).store_report({partition: table}, origin)


def test_days_of_a_store_without_checksums_are_valid(store: ReportCache) -> None:
    for n in range(1, 7):
        make_day(store, date(2026, 1, n), 3)
    for path in days(store):
        file = pq.read_table(path, partitioning=None)
        document = json.loads(file.schema.metadata[b"sdanalytics"])
        del document["checksum"]
        metadata = {b"sdanalytics": json.dumps(document).encode()}
        pq.write_table(file.replace_schema_metadata(metadata), path)
    assert store.compact() == 1
    assert store.verify().empty


def restate(store: ReportCache, clicks: int) -> None:
    """Store six days again, each with the same size as before."""
    for n in range(1, 7):
        make_day(store, date(2026, 1, n), 3, clicks)


def total(store: ReportCache) -> int:
    frame = store.read("campaigns", "2026-01-01", "2026-01-06", metrics=["clicks"])
    return int(frame["clicks"].sum())


def test_files_without_modification_time_are_not_compacted(tmp_path: Path) -> None:
    store = ReportCache(str(tmp_path).strip("/"), filesystem=MemoryFileSystem())
    for clicks in (1, 9):
        restate(store, clicks)
        assert total(store) == 18 * clicks
        assert store.compact() == 0
        assert store.sql("select sum(clicks) as n from campaigns")["n"].tolist() == [18 * clicks]


def test_a_file_in_place_of_the_folder_is_tolerated(store: ReportCache) -> None:
    restate(store, 1)
    (store.path / "months").write_bytes(b"")
    assert total(store) == 18
    assert store.remove("campaigns", "2026-01-02", "2026-01-03", tactic="T00020") == 2
    assert total(store) == 12


def test_few_days_are_read_from_their_own_files(store: ReportCache) -> None:
    restate(store, 1)
    assert total(store) == 18
    spoil(days(store)[0])
    assert len(store.read("campaigns", "2026-01-01", "2026-01-02", metrics=["clicks"])) == 3
    assert total(store) == 18


def test_a_store_is_read_while_the_interpreter_ends(store: ReportCache) -> None:
    restate(store, 1)
    script = f"""
import atexit
from sdanalytics import ReportCache
def read():
    frame = ReportCache({str(store.path)!r}).read("campaigns", "2026-01-01", "2026-01-06")
    print(len(frame))
atexit.register(read)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("18\n", "")


def test_large_days_are_not_compacted(store: ReportCache) -> None:
    for n in range(1, 7):
        make_day(store, date(2026, 1, n), MAX_COMPACTED_ROWS + 1 if n == 3 else 2)
    frame = store.read("campaigns", "2026-01-01", "2026-01-06", metrics=["clicks"])
    size = months(store)[0].stat().st_size
    assert size < days(store)[2].stat().st_size
    same(store.read("campaigns", "2026-01-01", "2026-01-06", metrics=["clicks"]), frame)


def test_compact_covers_all_months(store: ReportCache) -> None:
    for n in range(40):
        make_day(store, date(2026, 1, 1) + timedelta(n), 3)
    assert store.compact() == 2
    assert store.compact() == 0
    frame = store.read("campaigns", "2026-01-01", "2026-02-09", metrics=["clicks"])
    assert frame["clicks"].sum() == 3 * (sum(range(1, 32)) + sum(range(1, 10)))
    assert len(frame) == 120


def test_empty_days_are_compacted_too(store: ReportCache) -> None:
    for n in range(1, 8):
        make_day(store, date(2026, 1, n), n % 2)
    assert store.compact() == 1
    assert len(store.read("campaigns", "2026-01-01", "2026-01-07")) == 4
    assert len(store.entries()) == 7


def test_a_month_that_differs_from_its_days_is_found(
    box: Box, compacted: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it says fits together, and none of it is what the days have."""
    frame = read(box, compacted)
    read_sources = CompactedMonths._read_sources

    def double_clicks(self: CompactedMonths, *arguments: Any) -> Any:
        for day in read_sources(self, *arguments):
            clicks = pa.array(np.asarray(day.rows["clicks"]) * 2)
            rows = day.rows.set_column(day.rows.column_names.index("clicks"), "clicks", clicks)
            cached = replace(day.cached, checksum=table_checksum(rows))
            yield day._replace(rows=rows, cached=cached)

    shutil.rmtree(Path(compacted.path) / "months")
    with monkeypatch.context() as patch:
        patch.setattr(CompactedMonths, "_read_sources", double_clicks)
        assert compacted.compact() == 2
    assert not read(box, compacted).equals(frame)
    problems = compacted.verify()
    assert problems["path"].tolist() == [str(path) for path in months(compacted)]
    assert problems["problem"].str.contains("not those stored").all()
    compacted.repair()
    same(read(box, compacted), frame)
