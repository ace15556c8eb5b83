"""Registered metrics on their way: fetched, stored, read, queried, merged, kept by others."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, ReportCache, fetch_report
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.parquet_file import PartitionFiles
from tests.support.box import Box
from tests.support.registration import another_process
from tests.support.stores import partitions_in

NAME, SALES, RATE, KIND = "storePageVisits", "storeSales", "storeRate", "storeKind"
REGISTERED = [NAME, SALES, RATE, KIND]
METRICS = ["clicks", "cost", *REGISTERED]
COLUMNS = ["date", "tactic", "campaignId", "campaignName", "costType", "clicks", "cost"]
"""Those of a stored day where no metric is registered."""
pytestmark = pytest.mark.off_contract  # the description has no columns of tomorrow


@pytest.fixture(autouse=True)
def _register() -> None:
    for name, kind in zip(REGISTERED, ("count", "money", "ratio", "category"), strict=True):
        sda.metrics.register(name, kind, ["campaigns", "asins"])


def fetch(box: Box, store: ReportCache, metrics: list[str] = METRICS, **options: Any) -> Any:
    return fetch_report(
        "campaigns", box.day(9), box.day(3), metrics=metrics,
        client=box.client_for(0, "v3"), cache=store, **options,
    )  # fmt: skip


def read(box: Box, store: ReportCache, metrics: list[str] | None = METRICS) -> pd.DataFrame:
    return store.read("campaigns", box.day(9), box.day(3), metrics=metrics)


def test_registered_metrics_are_fetched_stored_and_read(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    assert frame[REGISTERED].dtypes.astype(str).to_dict() == {
        NAME: "Int64", SALES: "float64", RATE: "float64", KIND: "category",
    }  # fmt: skip
    assert (frame[NAME] > 0).any()
    assert (frame[SALES] % 1 > 0).any()
    assert frame[RATE].notna().all()
    assert set(frame[KIND]) == {"alpha", "beta", "gamma"}
    pd.testing.assert_frame_equal(read(box, store), frame)
    requested = box.sandbox.count("create_report")
    fetch(box, store)
    assert box.sandbox.count("create_report") == requested
    assert store.verify().empty
    by_page = fetch_report(
        "campaigns", box.day(3), metrics=NAME, segment="matchedTarget",
        client=box.client_for(0, "v3"), cache=store,
    )  # fmt: skip
    assert by_page[NAME].sum() == frame.loc[frame["date"] == box.day(3), NAME].sum()


def test_registered_metrics_are_queried(box: Box, store: ReportCache) -> None:
    pytest.importorskip("duckdb")
    assert "storePageVisits" not in store.sql("select * from targets").columns
    frame = fetch(box, store)
    sums = store.sql(f"select sum({NAME}) as n, sum({SALES}) as sales from campaigns")
    assert sums["n"].iloc[0] == frame[NAME].sum()
    assert sums["sales"].iloc[0] == pytest.approx(frame[SALES].sum())
    sda.metrics.register("visitsOfTomorrow", "count", "campaigns")
    [[missing]] = store.sql("select count(*) from campaigns where visitsOfTomorrow is null").values
    assert missing == len(frame)


def test_a_metric_that_is_registered_later_widens_the_store(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    sda.metrics.register("visitsOfTomorrow", "count", "campaigns")
    wider = fetch(box, store, ["visitsOfTomorrow"])
    assert wider["visitsOfTomorrow"].notna().all()
    assert "visitsOfTomorrow" in read(box, store, None)


def test_a_store_is_read_where_its_metrics_are_not_registered(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    with another_process():
        unregistered = read(box, store, None)
        assert list(unregistered.columns) == COLUMNS
        pd.testing.assert_series_equal(unregistered["cost"], frame["cost"])
        assert store.verify().empty
        assert store.repair().empty
        assert len(store.entries()) == 14
        assert NAME in store.entries()["columns"].iloc[0]
        requested = box.sandbox.count("create_report")
        fetch(box, store, ["clicks", "cost"])
        assert box.sandbox.count("create_report") == requested
        with pytest.raises(InvalidRequest, match="is not a metric"):
            read(box, store, [NAME])
    pd.testing.assert_frame_equal(read(box, store), frame)


@pytest.mark.parametrize("compacted_by", ["this process", "another process"])
def test_compacted_months_keep_what_is_not_registered(
    box: Box, store: ReportCache, compacted_by: str
) -> None:
    frame = fetch(box, store)
    for file in Path(store.path).rglob("*.month"):
        file.unlink()
    if compacted_by == "this process":
        assert store.compact() == 2
    with another_process():
        assert store.compact() == (2 if compacted_by == "another process" else 0)
        assert store.verify().empty
        assert len(read(box, store, ["clicks"])) == len(frame)
    assert store.compact() == 0
    pd.testing.assert_frame_equal(read(box, store), frame)
    assert store.verify().empty
    if compacted_by == "this process":
        assert store.sql(f"select sum({NAME}) from campaigns").iloc[0, 0] == frame[NAME].sum()


@pytest.mark.parametrize("api", ["v3", "v2"])
def test_a_refresh_where_they_are_not_registered_keeps_their_values(
    box: Box, store: ReportCache, api: str
) -> None:
    frame = fetch(box, store)
    with another_process():
        fetch_report(
            "campaigns", box.day(9), box.day(3), metrics=["impressions"],
            client=box.client_for(0, api), cache=store, refresh="always",
        )  # fmt: skip
        assert "impressions" in read(box, store, None)
        assert store.verify().empty
    pd.testing.assert_frame_equal(
        read(box, store, REGISTERED), frame.drop(columns=["clicks", "cost"])
    )


def test_a_store_keeps_columns_that_come_while_a_report_is_stored(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that knows the metric stores a day between the look and the write."""
    fetch(box, store, ["clicks"])
    partitions = partitions_in(store)
    source = str(store.entries()["source"].iloc[0])
    partition = Partition(
        source, str(box.sandbox.profile_ids[0]), "campaigns", None, "T00020",
        box.sandbox.today - timedelta(5),
    )  # fmt: skip
    rows = partitions.load(partition, ["campaignId", "clicks"])
    assert rows is not None
    wider = rows.append_column(NAME, rows.column("clicks"))
    write = PartitionFiles.write
    others = [{partition: wider}]

    def write_late(self: PartitionFiles, *arguments: Any) -> None:
        if others:
            origin = Provenance("other", box.clock.now(), "v3")
            partitions.store_report(others.pop(), origin)
        write(self, *arguments)

    with another_process():
        monkeypatch.setattr(PartitionFiles, "write", write_late)
        origin = Provenance("late", box.clock.now(), "v3")
        outcome = partitions.store_report({partition: rows}, origin)[partition]
    assert outcome.refetch_with is None
    stored = partitions.load(partition, ["clicks", NAME])
    assert stored is not None
    assert stored.column(NAME).equals(rows.column("clicks"))
    assert partitions.lookup(partition).report_id == "late"  # type: ignore[union-attr]


def test_another_kind_in_another_process(box: Box, store: ReportCache) -> None:
    """Counts are read as money; money is not read as a count, and nothing is lost by trying."""
    frame = fetch(box, store)
    with another_process():
        sda.metrics.register(NAME, "money", "campaigns")
        as_money = read(box, store, [NAME])
        assert as_money[NAME].dtype == "float64"
        assert as_money[NAME].tolist() == frame[NAME].tolist()
        sda.metrics.register(SALES, "count", "campaigns")
        with pytest.raises(sda.CacheError, match=r"storeSales.*register it as it was"):
            read(box, store, [SALES])
        assert len(read(box, store, ["cost"])) == len(frame)
        assert store.verify().empty
    pd.testing.assert_frame_equal(read(box, store), frame)


def test_a_report_that_another_process_requested_is_adopted(box: Box, store: ReportCache) -> None:
    with pytest.raises(sda.ReportTimeout):
        fetch_report(
            "campaigns", box.day(3), metrics=METRICS, client=box.client_for(0, "v3"), cache=store,
            timeout=3,
        )  # fmt: skip
    assert box.sandbox.count("create_report") == 1
    with another_process():
        frame = fetch_report(
            "campaigns", box.day(3), metrics=["clicks", "cost"], client=box.client_for(0, "v3"),
            cache=store,
        )  # fmt: skip
    assert len(frame)
    assert box.sandbox.count("create_report") == 1
    assert set(store.entries()["columns"].iloc[0]) == {"campaignId", "clicks", "cost"}


def test_a_spawned_process_knows_none_and_reads_the_store(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    script = (
        "import sys, sdanalytics as sda\n"
        "frame = sda.ReportCache(sys.argv[1]).read('campaigns', sys.argv[2], sys.argv[3])\n"
        "print(list(frame.columns), frame['cost'].sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(store.path), box.day(9), box.day(3)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    expected = COLUMNS
    assert done.stdout.strip() == f"{expected} {frame['cost'].sum()}"


def test_registered_metrics_of_version_2(box: Box, store: ReportCache) -> None:
    sda.metrics.register("oldVisits", "count", "campaigns", api="v2")
    frame = fetch_report(
        "campaigns", box.day(3), metrics=["clicks", "oldVisits"],
        client=box.client_for(0, "v2"), cache=store,
    )  # fmt: skip
    assert frame["oldVisits"].sum() > 0
    fetch(box, store)
    both = store.read("campaigns", box.day(3), metrics=["oldVisits", NAME])
    assert both["oldVisits"].tolist() == frame["oldVisits"].tolist()
    assert both[NAME].notna().all()
