"""Royalties, which earlier releases stored as counts: such days are read, merged and compacted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.partition import Partition, Provenance
from tests.support.box import Box
from tests.support.stores import partitions_in

ROYALTIES = [f"royaltyQualifiedBorrows{after}" for after in ("", "FromClicks", "FromViews")]
METRICS = ["clicks", *ROYALTIES]
KENP = [
    f"kindleEditionNormalizedPages{kind}{after}"
    for kind in ("Read", "Royalties")
    for after in ("", "FromClicks", "FromViews")
]


def store_as_counts(box: Box, store: ReportCache, ago: int, count: int = 7) -> None:
    """Store a day as an earlier release did: its files have royalties as int64."""
    source = str(store.entries()["source"].iloc[0])
    profile = str(box.sandbox.profile_ids[0])
    for tactic in ("T00020", "T00030"):
        partition = Partition(
            source, profile, "campaigns", None, tactic, box.sandbox.today - timedelta(ago)
        )
        rows = partitions_in(store).load(partition, ["campaignId", "clicks"])
        assert rows is not None
        for name in ROYALTIES:
            rows = rows.append_column(name, pa.array([count] * rows.num_rows, pa.int64()))
        store.remove("campaigns", box.day(ago), tactic=tactic)
        provenance = Provenance(f"old-{ago}-{tactic}", box.clock.now(), "v3")
        partitions_in(store).store_report({partition: rows}, provenance)


def stored_type(store: ReportCache, ago: int, box: Box) -> set[str]:
    files = Path(store.path).rglob(f"date={box.day(ago)}/report.parquet")
    return {str(pq.read_schema(file).field(ROYALTIES[0]).type) for file in files}


def fetch(box: Box, store: ReportCache, metrics: list[str] = METRICS) -> pd.DataFrame:
    return fetch_report(
        "campaigns", box.day(9), box.day(4), metrics=metrics,
        client=box.client_for(0, "v3"), cache=store,
    )  # fmt: skip


@pytest.fixture
def mixed(box: Box, store: ReportCache) -> ReportCache:
    """Return a store of six days: three as an earlier release stored them."""
    fetch(box, store)
    for ago in (9, 8, 7):
        store_as_counts(box, store, ago)
    assert stored_type(store, 8, box) == {"int64"}
    assert stored_type(store, 5, box) == {"double"}
    return store


def test_royalties_and_pages_of_kindle_books_are_fetched(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, [*METRICS, *KENP, "linkOuts", "qualifiedBorrows"])
    for name in (*METRICS, *KENP, "linkOuts", "qualifiedBorrows"):
        assert frame[name].sum() > 0, name
    for name in (*ROYALTIES, *KENP[3:]):
        assert frame[name].dtype == "float64"
        assert (frame[name] % 1 > 0).any(), name
    for name in (*KENP[:3], "linkOuts"):
        assert frame[name].dtype == "Int64"
    for total, *parts in (ROYALTIES, KENP[:3], KENP[3:]):
        pd.testing.assert_series_equal(
            frame[total], frame[parts[0]] + frame[parts[1]], check_names=False
        )


def test_days_stored_as_counts_are_read_as_money(box: Box, mixed: ReportCache) -> None:
    days = (box.day(9), box.day(4))
    frame = mixed.read("campaigns", *days, metrics=METRICS)
    assert {str(frame[name].dtype) for name in ROYALTIES} == {"float64"}
    old = frame["date"] < box.day(6)
    assert (frame.loc[old, ROYALTIES] == 7.0).all(axis=None)
    assert frame["date"].nunique() == 6
    requested = box.sandbox.count("create_report")
    pd.testing.assert_frame_equal(fetch(box, mixed)[METRICS], frame[METRICS])
    assert box.sandbox.count("create_report") == requested


def test_days_stored_as_counts_are_verified_and_queried(box: Box, mixed: ReportCache) -> None:
    pytest.importorskip("duckdb")
    frame = mixed.read("campaigns", box.day(9), box.day(4), metrics=METRICS)
    assert mixed.verify().empty
    assert mixed.repair().empty
    assert len(mixed.entries()) == 12
    query = f"select sum({ROYALTIES[0]}) as royalties, count(*) as n from campaigns"
    [[royalties, count]] = mixed.sql(query).to_numpy()
    assert royalties == pytest.approx(frame[ROYALTIES[0]].sum())
    assert count == len(frame)


def test_days_stored_as_counts_are_compacted(box: Box, mixed: ReportCache) -> None:
    frame = mixed.read("campaigns", box.day(9), box.day(4), metrics=METRICS)
    for file in Path(mixed.path).rglob("*.month"):
        file.unlink()
    assert mixed.compact() == 2
    assert mixed.verify().empty
    pd.testing.assert_frame_equal(
        mixed.read("campaigns", box.day(9), box.day(4), metrics=METRICS), frame
    )
    assert mixed.compact() == 0


def test_a_damaged_day_stored_as_counts_is_not_compacted(box: Box, mixed: ReportCache) -> None:
    for file in Path(mixed.path).rglob("*.month"):
        file.unlink()
    for file in Path(mixed.path).rglob(f"date={box.day(8)}/report.parquet"):
        table = pq.read_table(file)
        changed = pa.array([8] * table.num_rows, pa.int64())
        position = table.column_names.index(ROYALTIES[0])
        pq.write_table(table.set_column(position, ROYALTIES[0], changed), file)
    mixed.compact()
    problems = mixed.verify()
    assert len(problems) == 2
    assert problems["problem"].str.contains("its rows differ").all()
    assert problems["path"].str.contains(box.day(8)).all()


def test_days_stored_as_counts_are_widened_and_fetched_again(box: Box, mixed: ReportCache) -> None:
    wider = fetch(box, mixed, [*METRICS, "cost"])
    assert stored_type(mixed, 8, box) == {"double"}
    assert not (wider[ROYALTIES[0]] == 7.0).all()
    assert mixed.verify().empty
    store_as_counts(box, mixed, 8)
    fetch_report("campaigns", box.day(8), metrics=["clicks", "attributedSales7d"],
                 client=box.client_for(0, "v2"), cache=mixed)  # fmt: skip
    merged = mixed.read("campaigns", box.day(8), metrics=[*METRICS, "attributedSales7d"])
    assert (merged[ROYALTIES] == 7.0).all(axis=None)
    assert stored_type(mixed, 8, box) == {"double"}
