"""The report of gross and invalid traffic: version 3 only, a year, by the campaign's name."""

from __future__ import annotations

import pandas as pd

from sdanalytics import ReportCache, fetch_report
from tests.support.box import Box

COLUMNS = [
    "date", "tactic", "campaignName", "campaignStatus",
    "impressions", "grossImpressions", "invalidImpressions", "invalidImpressionRate",
    "clicks", "grossClickThroughs", "invalidClickThroughs", "invalidClickThroughRate",
]  # fmt: skip


def fetch(box: Box, store: ReportCache, first: int, last: int = 1) -> pd.DataFrame:
    """Fetch the days from `first` to `last` days ago."""
    client = box.client_for(0, "v3")
    return fetch_report("invalidTraffic", box.day(first), box.day(last), client=client, cache=store)


def test_a_fetched_report_adds_up_and_is_read_from_the_cache_afterwards(
    box: Box, store: ReportCache
) -> None:
    frame = fetch(box, store, 3)
    assert list(frame) == COLUMNS
    assert frame["tactic"].tolist() == ["all"] * len(frame)
    assert frame["date"].nunique() == 3
    assert frame["campaignName"].is_unique is False
    assert (frame["clicks"] + frame["invalidClickThroughs"] == frame["grossClickThroughs"]).all()
    assert (frame["impressions"] + frame["invalidImpressions"] == frame["grossImpressions"]).all()
    assert box.sandbox.count("create_report") == 1
    assert box.sandbox.count("campaigns") == 0
    requests = len(box.sandbox.requests)
    again = fetch(box, store, 3)
    assert len(box.sandbox.requests) == requests
    pd.testing.assert_frame_equal(again, frame)
