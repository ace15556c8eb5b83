"""A store written by version 0.1.0 is read, widened, verified and compacted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.model.literals import RecordType
from tests.support.box import Box
from tests.support.clock import JumpingClock

PORT = 18423
"""The source of its reports is a sandbox at this port."""
CAMPAIGNS: tuple[RecordType, str, str] = ("campaigns", "2026-10-01", "2026-10-06")
MEASURES = ["impressions", "clicks", "cost", "attributedSales14d"]
SUMS = {"impressions": 3941063, "clicks": 12956, "cost": 13797.11, "attributedSales14d": 23889.01}
ROWS = 65
UNKNOWN_ROWS = 12
"""All as they were read when the store was written."""


@pytest.fixture
def old(tmp_path: Path) -> ReportCache:
    """Return a copy of the old store."""
    with zipfile.ZipFile(Path(__file__).parent / "stores" / "version-0.1.0.zip") as packed:
        packed.extractall(tmp_path / "old")
    return ReportCache(tmp_path / "old")


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[Box]:
    box_on_port = Box(clock, port=PORT)
    with box_on_port.sandbox:
        yield box_on_port


def test_old_stores_are_read(old: ReportCache) -> None:
    entries = old.entries()
    assert len(entries) == 32
    assert set(entries["api"]) == {"v2", "v3"}
    assert set(entries["tactic"]) == {"T00020", "T00030", "unknown"}
    assert len(old.pending()) == 2
    df = old.read(*CAMPAIGNS)
    assert df[MEASURES].sum().round(2).to_dict() == SUMS
    assert len(df) == ROWS
    assert df.attrs["sdanalytics"]["currency"] == "USD"
    assert df.dtypes.astype(str).to_dict() == {
        "date": "datetime64[s]",
        "tactic": "category",
        "campaignId": "Int64",
        "campaignName": "str",
        "impressions": "Int64",
        "clicks": "Int64",
        "cost": "float64",
        "attributedSales14d": "float64",
    }


def test_rows_of_unknown_tactic_are_read(old: ReportCache) -> None:
    df = old.read("adGroups", "2026-11-12", "2026-11-13")
    assert (df["tactic"] == "unknown").sum() == UNKNOWN_ROWS


def test_old_stores_are_widened(old: ReportCache, box: Box) -> None:
    client = box.client_for(0)
    before = old.read(*CAMPAIGNS)
    wider = sda.fetch_report(
        *CAMPAIGNS, metrics=["attributedUnitsOrdered14d"], client=client, cache=old
    )
    assert wider["attributedUnitsOrdered14d"].notna().all()
    after = old.read(*CAMPAIGNS)
    assert set(after.columns) == {*before.columns, "attributedUnitsOrdered14d"}
    pd.testing.assert_frame_equal(after[["date", "campaignId"]], before[["date", "campaignId"]])


def test_old_stores_are_served_without_network(old: ReportCache, box: Box) -> None:
    client = box.client_for(0)
    sda.fetch_report(*CAMPAIGNS, metrics=MEASURES, client=client, cache=old, refresh="never")
    assert box.sandbox.requests == []


def test_old_stores_are_verified_and_compacted(old: ReportCache) -> None:
    assert old.verify().empty
    assert old.compact() == 4  # the copied files have new fingerprints
    assert old.read(*CAMPAIGNS)[MEASURES].sum().round(2).to_dict() == SUMS
    assert old.compact() == 0
    assert old.verify().empty
    assert old.repair().empty


def test_old_stores_are_queried(old: ReportCache) -> None:
    pytest.importorskip("duckdb")
    sums = old.sql(
        "select sum(clicks) as clicks from campaigns where date between '2026-10-01' and"
        " '2026-10-06'"
    )
    assert sums["clicks"].tolist() == [SUMS["clicks"]]
