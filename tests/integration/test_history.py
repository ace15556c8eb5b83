"""The history of days: every version once, as it was fetched, whatever happens in between."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pyarrow as pa
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import default_metrics, requestable_metrics
from sdanalytics.model.partition import Provenance
from sdanalytics.parsing.payload import read_payload
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.report_rows import render_v2_rows
from sdanalytics.store.parquet_file import PartitionFiles
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.samples import NOW, US
from tests.support.stores import partitions_in
from tests.support.versions import DAY, list_versions, store_version


def files(store: ReportCache) -> list[str]:
    return [path.name for path in sorted((store.path / "history").rglob("day.history*"))]


def same(frame: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, other, check_flags=False)


@pytest.fixture(params=["v2", "v3"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_version_is_read_as_it_was_fetched(
    box: Box, clock: JumpingClock, store: ReportCache, api: str
) -> None:
    client = box.client_for(0, api)
    first, last = box.day(3), box.day(1)
    metrics = ["impressions", "clicks", "cost"]
    fetched: dict[datetime, pd.DataFrame] = {}
    for _ in range(4):
        frame = sda.fetch_report(
            "campaigns", first, last, metrics=metrics, client=client, cache=store,
            refresh="always",
        )  # fmt: skip
        fetched[clock.now()] = frame
        clock.pass_time(25 * 3600)
    whole = store.history("campaigns", first, last, metrics=metrics)
    assert len(whole) == sum(map(len, fetched.values()))
    zone = client.profiles()["timezone"].iloc[0]
    for moment, frame in fetched.items():
        then = store.read("campaigns", first, last, metrics=metrics, as_of=moment)
        same(then, frame)
        assert then.attrs["sdanalytics"]["slices_missing"] == 0
    ages = whole.groupby("fetched_at")["age"].agg(["min", "max"])
    fetched_at: Any = ages.index
    local = fetched_at.tz_convert(zone).tz_localize(None).normalize()
    assert ages["min"].tolist() == list((local - pd.Timestamp(last)).days - 1)
    assert ages["max"].tolist() == list((local - pd.Timestamp(first)).days - 1)
    assert whole["age"].dtype == "Int64"
    assert str(whole["fetched_at"].dtype) == "datetime64[us, UTC]"
    before = store.read("campaigns", first, last, metrics=metrics, as_of=NOW - timedelta(9))
    assert before.empty
    assert before.attrs["sdanalytics"]["slices_missing"] == 6


def test_versions_are_kept_with_their_own_rows_and_columns(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10, 2: 20}}, 0)
    store_version(store, {"T00020": {2: 21, 3: 30}}, 1, impressions={2: 200, 3: 300})
    store_version(store, {"T00020": {3: 31}}, 2, impressions={3: 301})
    assert list_versions(store) == [
        (0, "T00020", 1, 10), (0, "T00020", 2, 20),
        (1, "T00020", 2, 21), (1, "T00020", 3, 30),
        (2, "T00020", 3, 31),
    ]  # fmt: skip
    frame = store.history("campaigns", DAY.date)
    assert list(frame.columns) == [
        "date", "tactic", "campaignId", "fetched_at", "age", "clicks", "impressions",
    ]  # fmt: skip
    assert frame["impressions"].tolist() == [pd.NA, pd.NA, 200, 300, 301]
    assert files(store) == ["day.history"]
    assert store.verify().empty


EXTREMES = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, None, None, 7]
FRACTIONS = [0.0, -0.0, 0.1, -1e308, 5e-324, float("inf"), None, 3.5, None]
TEXTS = ["", "a", None, "a", "\u20ac", "a", None, None, "b" * 300]


def test_any_values_come_back_exactly(store: ReportCache) -> None:
    """Each version has them in another order: numbers are stored by their differences."""
    metrics = ["clicks", "cost", "adGroupName"]
    columns = ["campaignId", "adGroupId", *metrics]
    ids = list(range(1, 1 + len(EXTREMES)))
    expected: dict[datetime, pd.DataFrame] = {}
    for hour in range(4):
        moment = NOW + timedelta(hours=hour)
        rotated = [[*values[hour:], *values[:hour]] for values in (EXTREMES, FRACTIONS, TEXTS)]
        values = dict(zip(columns, [ids, ids, *rotated], strict=True))
        table = pa.table(values, schema=arrow_schema(columns))
        report = {DAY._replace(record_type="adGroups"): table}
        origin = Provenance(f"report {hour}", moment, "v3")
        partitions_in(store).store_report(report, origin, now=NOW + timedelta(days=9))
        expected[moment] = store.read("adGroups", DAY.date, metrics=metrics)
    assert files(store) == ["day.history"]
    for moment, frame in expected.items():
        found = store.read("adGroups", DAY.date, metrics=metrics, as_of=moment)
        same(found, frame)
        assert found["cost"].to_numpy().tobytes() == frame["cost"].to_numpy().tobytes()


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_versions_that_differ_little_take_little_space(store: ReportCache) -> None:
    """A day that was fetched each morning for two weeks, then weekly, has 18 of them."""
    columns = ["campaignId", *default_metrics("campaigns")]
    names = [name for name in columns if name in requestable_metrics("campaigns")]
    for age in (*range(1, 16), 22, 29, 36, 43):
        moment = datetime.combine(DAY.date + timedelta(age), NOW.timetz())
        rows = render_v2_rows(ADVERTISERS[US], "campaigns", DAY.date, "T00020", names, None, moment)
        table = read_payload(gzip.compress(json.dumps(rows).encode()), names)
        origin = Provenance(f"report {age}", moment, "v2")
        partitions_in(store).store_report({DAY: table}, origin, now=moment)
    assert store.history("campaigns", DAY.date)["fetched_at"].nunique() == 19
    assert 0 < size(store.path / "history") < 0.4 * size(store.path / "reports")


def test_what_is_declined_is_no_version(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 1)
    store_version(store, {"T00020": {1: 9}}, 0)
    assert list_versions(store) == [(1, "T00020", 1, 10)]
    assert files(store) == []


def test_columns_taken_over_from_the_other_version_are_not_seen_again(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0, linkOuts={1: 3})
    table = pa.table(
        {"campaignId": [1], "clicks": [11]}, schema=arrow_schema(["campaignId", "clicks"])
    )
    later = Provenance("of version 2", NOW + timedelta(hours=1), "v2")
    partitions_in(store).store_report({DAY: table}, later, now=NOW + timedelta(1))
    assert store.read("campaigns", DAY.date, metrics=["linkOuts"])["linkOuts"].tolist() == [3]
    frame = store.history("campaigns", DAY.date, metrics=["clicks", "linkOuts"])
    assert frame["clicks"].tolist() == [10, 11]
    assert frame["linkOuts"].tolist() == [3, pd.NA]


@pytest.mark.parametrize("writes", [1, 2])
def test_a_crash_neither_loses_nor_doubles_a_version(store: ReportCache, writes: int) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    store_version(store, {"T00020": {1: 11}}, 1)
    versions = [(0, "T00020", 1, 10), (1, "T00020", 1, 11)]
    atomic_write = type(store.storage).atomic_write
    calls = 0

    def crash(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == writes:
            raise sda.CacheError("a crash")
        return atomic_write(*args)

    with (
        mock.patch.object(type(store.storage), "atomic_write", crash),
        pytest.raises(sda.CacheError, match="a crash"),
    ):
        store_version(store, {"T00020": {1: 12}}, 2)
    assert list_versions(store) == versions
    store_version(store, {"T00020": {1: 12}}, 2)
    assert list_versions(store) == [*versions, (2, "T00020", 1, 12)]


def test_a_version_that_another_call_stores_meanwhile_is_kept(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    write = PartitionFiles.write

    def overtaken(*args: Any) -> None:
        with mock.patch.object(PartitionFiles, "write", write):
            store_version(store, {"T00020": {1: 11}}, 1)
        with mock.patch.object(PartitionFiles, "write", write):
            write(*args)

    with mock.patch.object(PartitionFiles, "write", overtaken):
        store_version(store, {"T00020": {1: 12}}, 2)
    assert list_versions(store) == [
        (0, "T00020", 1, 10),
        (1, "T00020", 1, 11),
        (2, "T00020", 1, 12),
    ]


def test_rows_of_unknown_tactic_keep_their_history(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}, "T00030": {}, "unknown": {2: 20, 3: 30}}, 0)
    store_version(store, {"T00020": {1: 11, 2: 21}, "T00030": {}, "unknown": {3: 31}}, 1)
    assert list_versions(store) == [
        (0, "T00020", 1, 10), (1, "T00020", 1, 11), (1, "T00020", 2, 21),
        (0, "unknown", 2, 20), (0, "unknown", 3, 30), (1, "unknown", 3, 31),
    ]  # fmt: skip
    table = pa.table(
        {"campaignId": [3], "clicks": [32]}, schema=arrow_schema(["campaignId", "clicks"])
    )
    known = Provenance("of version 2", NOW + timedelta(hours=2), "v2")
    partitions_in(store).store_report(
        {DAY._replace(tactic="T00030"): table}, known, now=NOW + timedelta(1)
    )
    assert (2, "T00030", 3, 32) in list_versions(store)
    assert (1, "unknown", 3, 31) in list_versions(store)
    assert len(list_versions(store)) == 7
    for hour, campaigns in ((0, [1, 2, 3]), (1, [1, 2, 3]), (2, [1, 2, 3])):
        moment = NOW + timedelta(hours=hour)
        frame = store.read("campaigns", DAY.date, metrics=["clicks"], as_of=moment)
        assert sorted(frame["campaignId"]) == campaigns
    assert frame.loc[frame["campaignId"] == 3, "clicks"].tolist() == [32]


def test_a_row_that_a_tactic_had_before_has_no_second_history(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    partitions = partitions_in(store)
    schema = arrow_schema(["campaignId", "clicks"])
    tables = {
        DAY._replace(tactic="T00030"): pa.table({"campaignId": [2], "clicks": [20]}, schema=schema),
        DAY._replace(tactic="unknown"): pa.table(
            {"campaignId": [1], "clicks": [10]}, schema=schema
        ),
    }
    origin = Provenance("partly known", NOW + timedelta(hours=1), "v3")
    only = [DAY._replace(tactic="T00030")]
    partitions.store_report(tables, origin, requested=only, now=NOW + timedelta(1))
    assert list_versions(store) == [(0, "T00020", 1, 10), (1, "T00030", 2, 20)]


def test_remove_removes_the_history(store: ReportCache) -> None:
    for hour in (0, 1):
        store_version(store, {"T00020": {1: 10}, "T00030": {2: 20}, "unknown": {3: 30}}, hour)
    assert len(files(store)) == 3
    assert store.remove("campaigns", DAY.date, tactic="T00020") == 1
    assert len(files(store)) == 2
    assert store.remove("campaigns", DAY.date) == 2
    assert files(store) == []


def test_a_store_without_history_keeps_none(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    store_version(store, {"T00020": {1: 11}}, 1)
    other = ReportCache(store.path, history=False)
    store_version(other, {"T00020": {1: 12}}, 2)
    assert list_versions(other) == [(0, "T00020", 1, 10), (2, "T00020", 1, 12)]


def test_a_damaged_history_is_told_and_set_aside(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    store_version(store, {"T00020": {1: 11}}, 1)
    [path] = (store.path / "history").rglob("day.history*")
    content = bytearray(path.read_bytes())
    content[10:40] = bytes(30)
    path.write_bytes(content)
    assert store.verify()["path"].tolist() == [str(path)]
    assert list_versions(store) == [(1, "T00020", 1, 11)]
    store_version(store, {"T00020": {1: 12}}, 2)  # does not overwrite it
    assert list_versions(store) == [(1, "T00020", 1, 11), (2, "T00020", 1, 12)]
    [aside] = (store.path / "damaged").rglob("day.history.*")
    assert aside.read_bytes() == content
    path.write_bytes(content)
    assert store.repair()["path"].tolist() == [str(path)]
    assert store.verify().empty


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        (datetime(2026, 11, 20), "must have a time zone.*tz='UTC'"),
        ("2026-11-20 12:00", "must have a time zone"),
        ("yesterday evening", "must be a moment with a time zone"),
        (["2026-11-20"], "must be a moment with a time zone"),
    ],
)
def test_a_moment_needs_a_time_zone(store: ReportCache, as_of: Any, message: str) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    with pytest.raises(sda.InvalidRequest, match=message):
        store.read("campaigns", DAY.date, as_of=as_of)


def test_moments_may_be_text_and_in_any_zone(store: ReportCache) -> None:
    store_version(store, {"T00020": {1: 10}}, 0)
    store_version(store, {"T00020": {1: 11}}, 2)
    for as_of in ("2026-11-20T19:00Z", pd.Timestamp("2026-11-20 11:00", tz="US/Pacific")):
        frame = store.read("campaigns", DAY.date, metrics=["clicks"], as_of=as_of)
        assert frame["clicks"].tolist() == [10]
