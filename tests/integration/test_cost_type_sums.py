"""Sums by cost type: every report of a moment gives the same, and final ones are the truth."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sdanalytics import ReportCache, fetch_report, summarize
from sdanalytics.model.literals import RecordType
from tests.support.box import Box

RECORD_TYPES: tuple[RecordType, ...] = ("adGroups", "productAds", "targets")
SUMS = ["cost", "orders", "units", "sales", "ntb_orders", "ntb_sales"]
HALO = ["halo_orders", "halo_units", "halo_sales"]


def by_cost_type(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return sums by cost type, amounts to the cent."""
    sums = summarize(frame, "costType").set_index("costType")
    return sums[[name for name in names if name in sums]].astype(float).round(2)


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_reports_agree_by_cost_type(box: Box, store: ReportCache, api: Any) -> None:
    client = box.client_for(0, api)

    def fetch(record_type: RecordType) -> pd.DataFrame:
        return fetch_report(record_type, box.day(12), box.day(9), client=client, cache=store)

    expected = by_cost_type(fetch("campaigns"), SUMS)
    assert set(expected.index) == {"CPC", "VCPM"}
    assert (expected[["cost", "orders", "sales"]] > 0).all(axis=None)
    for record_type in RECORD_TYPES:
        found = by_cost_type(fetch(record_type), SUMS)
        pd.testing.assert_frame_equal(found, expected[list(found)])


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_the_halo_is_the_truth(box: Box, store: ReportCache, api: Any) -> None:
    days = (box.day(60), box.day(60)) if api == "v2" else (box.day(64), box.day(61))
    frame = fetch_report("asins", *days, client=box.client_for(0, api), cache=store)
    truth = box.sandbox.truth("asins", *days)
    expected = by_cost_type(truth, HALO)
    assert (expected > 0).all(axis=None)
    pd.testing.assert_frame_equal(by_cost_type(frame, HALO), expected)
