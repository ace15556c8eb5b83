"""Frames through version 1 equal those through version 3, for every metric that both have."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import fetch_report
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import CATALOGUE, ColumnKind, available_metrics
from tests.support.box import Box
from tests.support.clock import JumpingClock

Report = tuple[RecordType, Any]
"""A record type and its segment."""
REPORTS: Final[list[Report]] = [
    ("campaigns", None),
    ("adGroups", None),
    ("productAds", None),
    ("asins", None),
    ("campaigns", "matchedTarget"),
    ("adGroups", "matchedTarget"),
]
ACCOUNTS: Final = [(0, report) for report in REPORTS] + [
    (1, ("productAds", None)),
    (2, ("campaigns", None)),
    (2, ("asins", None)),
]
"""A seller in the US, a vendor in Germany and a seller in Japan, with reports of each."""
OF_TODAY: Final = "campaignStatus"
"""Version 1 knows what a campaign is now, version 3 what it was on the day."""
UNIT: Final = {"USD": 0.01, "EUR": 0.01, "JPY": 1.0}


def shared_metrics(record_type: str, segment: str | None) -> list[str]:
    """Return the metrics that both versions have."""
    in_v1 = available_metrics(record_type, segment, "v1")
    in_v3 = available_metrics(record_type, segment, "v3")
    return [name for name in in_v3 if name in in_v1]


def fetch(box: Box, advertiser: int, api: str, report: Report, metrics: list[str]) -> pd.DataFrame:
    """Return the last ten days, today included."""
    record_type, segment = report
    client = box.client_for(advertiser, api)
    return fetch_report(
        record_type, box.day(9), box.day(0), metrics=metrics, segment=segment, client=client,
        cache=False,
    )  # fmt: skip


def assert_equal(through_v1: pd.DataFrame, through_v3: pd.DataFrame) -> None:
    """Compare what adds up exactly, and rates as far as version 3 rounds them."""
    unit = UNIT[through_v3.attrs["sdanalytics"]["currency"]]
    names = [str(name) for name in through_v3]
    rates = {name: unit for name in names if name.startswith(("eCP", "newToBrandECP"))}
    for name in names:
        if name in CATALOGUE and CATALOGUE[name].kind is ColumnKind.RATIO:
            rates[name] = 1e-6
    exact = [name for name in names if name not in {*rates, OF_TODAY}]
    pd.testing.assert_frame_equal(through_v1[exact], through_v3[exact])
    assert list(through_v1) == list(through_v3)
    for name, tolerance in rates.items():
        computed, rounded = (frame[name].to_numpy(float) for frame in (through_v1, through_v3))
        np.testing.assert_allclose(computed, rounded, rtol=0, atol=tolerance * 0.5001, err_msg=name)


@pytest.mark.parametrize(("advertiser", "report"), ACCOUNTS)
def test_frames_through_both_versions_are_equal(advertiser: int, report: Report) -> None:
    metrics = shared_metrics(*report)
    if advertiser == 1:
        metrics.remove("sku")  # version 3 has it for sellers only
    frames = {}
    for api in ("v1", "v3"):
        box = Box(JumpingClock())  # requested at the same moment: today changes all the time
        with box.sandbox:
            frames[api] = fetch(box, advertiser, api, report, metrics)
        assert frames[api].attrs["sdanalytics"]["api"] == api
    assert len(frames["v1"]) > 100
    assert_equal(frames["v1"], frames["v3"])


@pytest.mark.parametrize("report", REPORTS)
def test_metrics_of_version_1_alone_are_the_truth(box: Box, report: Report) -> None:
    record_type, segment = report
    others = {*available_metrics(*report, "v2"), *available_metrics(*report, "v3")}
    in_v1 = [name for name in available_metrics(*report, "v1") if name not in others]
    metrics = [name for name in in_v1 if CATALOGUE[name].is_summable]
    assert "salesFromViewsPromoted" in metrics or record_type == "asins"
    query: dict[str, Any] = {"segment": segment, "metrics": metrics}
    client = box.client_for(0, "v1")
    days = box.day(62), box.day(61)
    frame = fetch_report(record_type, *days, client=client, cache=False, **query)
    assert frame[metrics].sum().gt(0).any()
    pd.testing.assert_frame_equal(box.sandbox.truth(record_type, *days, **query), frame)


def test_expectations_are_of_metrics_that_other_versions_have(box: Box) -> None:
    with pytest.raises(sda.InvalidRequest, match="allViewsSales"):
        box.sandbox.truth("campaigns", box.day(61), metrics=["allViewsSales"], expected=True)


def test_nearly_all_metrics_of_version_3_are_compared() -> None:
    missing = {}
    for report in REPORTS:
        in_v3 = available_metrics(*report, "v3")
        missing[report] = set(in_v3).difference(shared_metrics(*report))
    reach = {"cumulativeReach", "avgImpressionsFrequency"}  # which add up over nothing
    no_field = {"linkOuts", "bidOptimization", "adKeywordStatus"}
    for (record_type, segment), names in missing.items():
        if record_type != "asins":
            assert names <= reach | no_field, (record_type, segment)
    assert {"attributedSales14dOtherSKU", "qualifiedBorrows"} <= missing["asins", None]


@pytest.mark.slow
def test_fifteen_months_in_one_call_are_the_truth(box: Box) -> None:
    metrics = ["impressions", "clicks", "cost", "viewAttributedSales14d", "attributedSales14d"]
    client = box.client_for(0, "v1")
    frame = fetch_report(
        "campaigns", box.day(450), box.day(1), metrics=metrics, client=client, cache=False
    )
    assert frame["date"].nunique() == 450
    assert len(box.sandbox.reports) == 4
    assert box.clock.monotonic() - 1000.0 < 15 * 60
    truth = box.sandbox.truth("campaigns", box.day(450), box.day(60), metrics=metrics)
    old = frame[frame["date"] <= box.day(60)]
    # Of campaigns of more than a year ago the service lists no tactic any more.
    assert set(old["tactic"]) == {"T00020", "T00030", "unknown"}
    assert old.loc[old["tactic"] == "unknown", "date"].max() < pd.Timestamp(box.day(330))
    pd.testing.assert_frame_equal(sort_days(old), sort_days(truth))


def sort_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of campaigns by day, without tactics."""
    by_campaign = frame.drop(columns="tactic").sort_values(["date", "campaignId"])
    return by_campaign.reset_index(drop=True)
