"""Rows of unknown tactic: a row of a day counts once, at every moment and after every crash."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial, partialmethod
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.parquet_file import PartitionFiles
from sdanalytics.store.reader import PartitionReader
from sdanalytics.store.unknown_tactic import UnknownTacticFiles
from tests.support.samples import NOW, SOURCE, US, day
from tests.support.stores import partitions_in

Rows = Mapping[int, int]
"""The clicks of campaigns by id."""
DAY = Partition(SOURCE, str(US), "campaigns", None, "unknown", day(1))
TONIGHT = NOW + timedelta(hours=12)
TACTICS = ("T00020", "T00030", "unknown")


def put(
    store: ReportCache,
    rows: Mapping[str, Rows],
    hours: int = 0,
    requested: Sequence[str] | None = None,
    columns: Sequence[str] = ("clicks",),
    of_day: date = DAY.date,
) -> None:
    """Store the rows of a day, by tactic."""
    tables = {}
    for tactic, clicks in rows.items():
        schema = arrow_schema(["campaignId", *columns])
        values: dict[str, list[Any]] = {name: list(clicks.values()) for name in columns}
        table = pa.table({"campaignId": list(clicks), **values}, schema=schema)
        tables[DAY._replace(tactic=tactic, date=of_day)] = table
    wanted = None
    if requested is not None:
        wanted = [DAY._replace(tactic=tactic) for tactic in requested]
    origin = Provenance(f"report {hours}", NOW + timedelta(hours=hours), "v3")
    partitions_in(store).store_report(tables, origin, requested=wanted, now=TONIGHT)


def read(store: ReportCache) -> dict[str, Rows]:
    """Read the day, by tactic, through each of the readers of a store."""
    frame = store.read("campaigns", DAY.date, metrics=["clicks"])
    found = store.sql("select tactic, campaignId, clicks from campaigns order by all")
    columns = ["tactic", "campaignId", "clicks"]
    assert sorted(frame[columns].itertuples(index=False)) == list(found.itertuples(index=False))
    [total] = store.sql("select count(*) as n from campaigns")["n"]
    assert total == len(frame)
    assert frame["campaignId"].is_unique
    rows: dict[str, dict[int, int]] = {}
    for tactic, campaign, clicks in found.itertuples(index=False):
        rows.setdefault(tactic, {})[campaign] = clicks
    return dict(rows)


def scan(store: ReportCache) -> list[int]:
    """Read the campaigns of all files, as a program does that knows nothing of the rule."""
    files = ds.dataset(store.path / "reports", partitioning="hive")
    return sorted(files.to_table(columns=["campaignId"])["campaignId"].to_pylist())


def test_a_row_that_a_stored_tactic_has_does_not_become_unknown(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10, 2: 20}})
    # A report for the other tactic has all rows, and no list names campaign 2.
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}}, 1, ["T00030"])
    assert read(store) == {"T00020": {1: 10, 2: 20}, "T00030": {3: 30}}
    assert scan(store) == [1, 2, 3]


def test_a_row_whose_tactic_is_not_requested_stays_where_it_is(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}})
    put(store, {"T00020": {1: 10, 2: 20}, "T00030": {3: 31}, "unknown": {}}, 1, ["T00030"])
    assert read(store) == {"T00020": {1: 10}, "T00030": {3: 31}, "unknown": {2: 20}}
    put(store, {"T00020": {1: 10, 2: 21}}, 2)
    assert read(store) == {"T00020": {1: 10, 2: 21}, "T00030": {3: 31}}
    assert scan(store) == [1, 2, 3]


def test_a_row_that_the_service_no_longer_has_is_dropped(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {}, "unknown": {2: 20, 3: 30}})
    put(store, {"T00020": {1: 10}, "T00030": {}, "unknown": {3: 31}}, 1)
    assert read(store) == {"T00020": {1: 10}, "unknown": {3: 31}}


def test_a_narrower_report_adds_its_rows_of_unknown_tactic(store: ReportCache) -> None:
    put(store, {"T00020": {}, "T00030": {}, "unknown": {2: 20}}, columns=["clicks", "impressions"])
    put(store, {"T00030": {}, "unknown": {2: 21, 3: 30}}, 1, ["T00030"])
    assert read(store) == {"unknown": {2: 21, 3: 30}}
    found = store.sql("select campaignId, impressions from campaigns order by all")
    assert found["impressions"].fillna(-1).tolist() == [20, -1]


BEFORE: Mapping[str, Rows] = {"T00020": {1: 10}, "T00030": {4: 40}, "unknown": {2: 20, 3: 30}}
AFTER: Mapping[str, Rows] = {"T00020": {1: 11, 2: 21}, "T00030": {3: 31}, "unknown": {4: 41}}


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize("order", list(itertools.permutations(TACTICS)))
def test_a_crash_between_two_files_neither_loses_nor_doubles_a_row(
    order: Sequence[str], writes: int, store: ReportCache
) -> None:
    put(store, BEFORE)
    write = PartitionFiles.write
    left = writes

    def write_or_crash(self: PartitionFiles, *args: Any) -> None:
        nonlocal left
        if left == 0:
            raise sda.CacheError("the disk is full")
        left -= 1
        write(self, *args)

    with mock.patch.object(PartitionFiles, "write", write_or_crash):
        try:
            put(store, {tactic: AFTER[tactic] for tactic in order}, 1)
        except sda.CacheError:
            assert writes < 4
    found = read(store)
    assert set().union(*found.values()) == {1, 2, 3, 4}
    put(store, AFTER, 2)  # the next report leaves the files as they should be
    assert read(store) == AFTER
    assert scan(store) == [1, 2, 3, 4]


def test_the_later_of_two_writers_sees_the_file_of_the_other(store: ReportCache) -> None:
    """A call of version 2 stores a tactic while one of version 3 stores the day."""
    write = PartitionFiles.write

    def write_after_the_other(self: PartitionFiles, partition: Partition, *args: Any) -> None:
        with mock.patch.object(PartitionFiles, "write", write):
            put(store, {"T00020": {2: 20}})
        write(self, partition, *args)

    with mock.patch.object(PartitionFiles, "write", write_after_the_other):
        put(store, {"T00030": {}, "unknown": {2: 20}}, 1, ["T00030"])
    assert scan(store) == [2]
    assert read(store) == {"T00020": {2: 20}}


def test_verify_names_rows_in_two_files_and_repair_removes_them(store: ReportCache) -> None:
    put(store, {"T00020": {}, "T00030": {}, "unknown": {2: 20, 3: 30}})
    with mock.patch.object(UnknownTacticFiles, "remove_known_rows"):  # as a crash would
        put(store, {"T00020": {2: 20}}, 1)
    assert scan(store) == [2, 2, 3]
    assert read(store) == {"T00020": {2: 20}, "unknown": {3: 30}}
    [problem] = store.verify()["problem"]
    assert problem.startswith("1 of its rows are also stored under their tactic")
    mended = store.repair()
    assert mended["problem"].tolist() == [problem]
    assert mended["moved_to"].isna().all()
    assert scan(store) == [2, 3]
    assert read(store) == {"T00020": {2: 20}, "unknown": {3: 30}}
    assert store.verify().empty


def test_remove_removes_rows_of_unknown_tactic(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}})
    assert store.remove("campaigns", DAY.date, tactic="T00020") == 1
    assert scan(store) == [2, 3]
    assert store.remove("campaigns", DAY.date) == 2
    assert list((store.path / "reports").rglob("*.parquet")) == []


def test_older_data_do_not_replace_newer(store: ReportCache) -> None:
    put(store, {"T00020": {1: 11}, "unknown": {2: 21}}, 1)
    put(store, {"T00020": {1: 10}, "unknown": {2: 20}}, 0)
    assert read(store) == {"T00020": {1: 11}, "unknown": {2: 21}}


def test_older_data_replace_those_of_a_clock_that_was_ahead(store: ReportCache) -> None:
    with mock.patch(f"{__name__}.NOW", NOW + timedelta(days=365)):
        put(store, {"T00020": {1: 11}})
    put(store, {"T00020": {1: 10}})
    assert read(store) == {"T00020": {1: 10}}


def test_a_damaged_file_is_moved_aside_and_not_made_valid(store: ReportCache) -> None:
    put(store, {"T00020": {}, "T00030": {}, "unknown": {2: 20, 3: 30}})
    with mock.patch.object(UnknownTacticFiles, "remove_known_rows"):  # as a crash would
        put(store, {"T00020": {2: 20}}, 1)
    path = next((store.path / "reports").rglob("tactic=unknown/*/report.parquet"))
    table = pq.read_table(path)
    clicks = table.schema.get_field_index("clicks")
    pq.write_table(table.set_column(clicks, "clicks", pa.array([7, 7], pa.int64())), path)
    moved = store.repair()
    assert moved["problem"].str.split(":").str[0].tolist() == ["incomplete", "damaged"]
    assert moved["moved_to"].notna().all()
    assert not path.exists()


def test_a_day_without_its_rows_of_unknown_tactic_is_missing(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}})
    next((store.path / "reports").rglob("tactic=unknown/*/report.parquet")).unlink()
    assert read(store) == {}
    assert store.read("campaigns", DAY.date).attrs["sdanalytics"]["slices_missing"] == 2
    problems = store.verify()["problem"]
    assert problems.str.startswith("incomplete: 1 rows of the same day").tolist() == [True, True]
    assert len(store.repair()) == 2
    assert store.verify().empty
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}})
    assert read(store) == {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}}


def test_a_day_without_rows_of_unknown_tactic_needs_no_file_of_them(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {}})
    assert read(store) == {"T00020": {1: 10}, "T00030": {3: 30}}
    assert store.verify().empty


def move_to_its_tactic(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10, 2: 20}}, 1)


def find_another_campaign(store: ReportCache) -> None:
    put(store, {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20, 4: 40}}, 1)


def remove(store: ReportCache) -> None:
    store.remove("campaigns", DAY.date)


def replace(store: ReportCache) -> None:
    remove(store)
    find_another_campaign(store)


def begin_to_remove(store: ReportCache) -> None:
    next((store.path / "reports").rglob("tactic=unknown/*/report.parquet")).unlink()


stat = PartitionReader.stat


class ChangeAt:
    """A look at files, by `PartitionReader.stat`, before or after which something happens."""

    def __init__(self, moment: int, change: Callable[[], None]) -> None:
        self.moments = 0
        self._moment = moment
        self._change = change

    def pass_moment(self) -> None:
        if self.moments == self._moment:
            self._change()
        self.moments += 1


def look(reader: PartitionReader, change: ChangeAt, partitions: Any) -> Any:
    """Read stamps as `PartitionReader.stat` does."""
    change.pass_moment()
    stamps = stat(reader, partitions)
    change.pass_moment()
    return stamps


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(
    "change", [move_to_its_tactic, find_another_campaign, remove, replace, begin_to_remove]
)
@pytest.mark.parametrize("reader", ["read", "sql"])
def test_a_reader_sees_a_day_whole_whenever_another_changes_it(
    change: Callable[[ReportCache], None], reader: str, compacted: bool, tmp_path: Path
) -> None:
    for moment in itertools.count():
        store = ReportCache(tmp_path / f"{moment}")
        for ago in range(1, 5 if compacted else 2):
            rows = {"T00020": {1: 10}, "T00030": {3: 30}, "unknown": {2: 20}}
            put(store, rows, of_day=day(ago))
        if compacted:
            assert store.compact() > 0
        looks = ChangeAt(moment, partial(change, store))
        with mock.patch.object(PartitionReader, "stat", partialmethod(look, looks)):
            if reader == "read":
                frame = store.read("campaigns", day(4), day(1), metrics=["clicks"])
            else:
                frame = store.sql("select date, campaignId from campaigns")
        campaigns = sorted(frame.loc[frame["date"].dt.date == DAY.date, "campaignId"])
        # Of a day that is being removed, rows of unknown tactic may be left, and no others.
        assert campaigns in ([1, 2, 3], [1, 2, 3, 4], [], [2]), moment
        if looks.moments <= moment:
            break
    assert moment > 2
