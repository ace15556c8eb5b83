"""The truth of the sandbox: the numbers of its reports once all orders have arrived."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from sdanalytics import InvalidRequest, ReportCache, fetch_report, sandbox
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import available_metrics
from sdanalytics.model.record_types import list_record_types
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.rows import REPORTS

ADDITIVE = [
    "impressions", "viewImpressions", "clicks", "cost",
    "attributedConversions14d", "attributedUnitsOrdered14d", "attributedSales14d",
    "attributedOrdersNewToBrand14d", "attributedSalesNewToBrand14d",
    "attributedSales14dSameSKU", "attributedDetailPageView14d",
    "viewAttributedConversions14d", "viewAttributedSales14d", "viewAttributedUnitsOrdered14d",
    "viewAttributedDetailPageView14d",
]  # fmt: skip
WINDOWS = ["1d", "7d", "14d", "30d"]
SEASON = "2026-07-01", "2026-09-28"
"""Ninety days without a sale."""


def days_ago(box: Box, first: int, last: int) -> tuple[str, str]:
    return box.day(first), box.day(last)


def sums(frame: pd.DataFrame, names: list[str]) -> dict[str, float]:
    return {name: round(float(frame[name].sum()), 2) for name in names}


def assert_is_true(frame: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Compare a frame with the truth, which has the default metrics of both versions."""
    assert len(frame.columns) >= len(truth.columns) - 4
    pd.testing.assert_frame_equal(truth[list(frame)], frame)


def old_days(box: Box, api: str) -> tuple[str, str]:
    """Return days whose numbers are final, and that the service still has."""
    return days_ago(box, 60, 60) if api == "v2" else days_ago(box, 62, 61)


# -- the final numbers -----------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
def test_a_report_of_old_days_is_the_truth(
    box: Box, store: ReportCache, record_type: RecordType, segment: Any, api: Any
) -> None:
    days = old_days(box, api)
    metrics = list(available_metrics(record_type, segment, api))
    if (record_type, segment, api) == ("campaigns", "matchedTarget", "v3"):
        metrics.remove("campaignStatus")  # of the list in version 3, of the day in version 2
    client = box.client_for(0, api)
    query: dict[str, Any] = {"segment": segment, "metrics": metrics}
    frame = fetch_report(record_type, *days, client=client, cache=store, **query)
    pd.testing.assert_frame_equal(box.sandbox.truth(record_type, *days, **query), frame)
    frame = fetch_report(record_type, *days, segment=segment, client=client, cache=store)
    assert_is_true(frame, box.sandbox.truth(record_type, *days, segment=segment))


@pytest.mark.parametrize("advertiser", [1, 2])
def test_every_advertiser_has_a_truth(box: Box, store: ReportCache, advertiser: int) -> None:
    days = old_days(box, "v3")
    client = box.client_for(advertiser, "v3")
    frame = fetch_report("targets", *days, client=client, cache=store)
    profile_id = box.sandbox.profile_ids[advertiser]
    truth = box.sandbox.truth("targets", *days, profile_id=profile_id)
    assert_is_true(frame, truth)
    assert len(truth) > 50


def test_invalid_traffic_has_a_truth(box: Box, store: ReportCache) -> None:
    days = days_ago(box, 90, 88)
    client = box.client_for(0, "v3")
    frame = fetch_report("invalidTraffic", *days, client=client, cache=store)
    pd.testing.assert_frame_equal(box.sandbox.truth("invalidTraffic", *days), frame)


def test_the_truth_of_today_is_known_today(box: Box, store: ReportCache) -> None:
    day = box.day(0)
    known_today = box.sandbox.truth("targets", day)
    partial = fetch_report("targets", day, client=box.client, cache=False)
    assert partial["clicks"].sum() < 0.8 * known_today["clicks"].sum()
    box.clock.pass_time(timedelta(days=61).total_seconds())
    frame = fetch_report("targets", day, client=box.client_for(0, "v3"), cache=store)
    assert_is_true(frame, known_today)


def test_the_truth_of_days_to_come_is_known(box: Box) -> None:
    tomorrow = str(box.sandbox.today + timedelta(1))
    assert box.sandbox.truth("campaigns", tomorrow)["cost"].sum() > 500


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"record_type": "keywords"}, "record_type"),
        ({"end": "2026-10-31"}, "end must not be before start"),
        ({"metrics": ["cots"]}, "did you mean 'cost'"),
        ({"segment": "page"}, "matchedTarget"),
        ({"profile_id": 123}, "profile_id must be one of 1842030415361601"),
        ({"record_type": "asins", "profile_id": 2750418263940173}, "for sellers"),
        (
            {"record_type": "productAds", "metrics": ["sku"], "profile_id": 2750418263940173},
            "sku is for sellers",
        ),
        ({"record_type": "asins", "expected": True}, "expected must be False for asins"),
    ],
)
def test_a_truth_that_there_is_not_is_refused(
    box: Box, query: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        box.sandbox.truth(**{"record_type": "campaigns", "start": "2026-11-01", **query})


# -- all reports of a moment agree -------------------------------------------------------------


@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize("ago", [0, 1, 4, 17, 41])
def test_all_reports_of_a_moment_agree_to_the_cent(clock: JumpingClock, ago: int, api: Any) -> None:
    moment = clock.now()
    with sandbox.start(delay=0.0, now=lambda: moment, monotonic=clock.monotonic) as service:
        client = service.client_for(service.profile_ids[0], clock, api)
        day = service.today - timedelta(ago)

        def fetch(record_type: RecordType, names: list[str], segment: Any = None) -> pd.DataFrame:
            return fetch_report(
                record_type, day, metrics=names, segment=segment, client=client, cache=False
            )

        agreed = sums(fetch("campaigns", ADDITIVE), ADDITIVE)
        others: list[Any] = [report for report in REPORTS if report[0] != "asins"]
        for record_type, segment in others:
            available = available_metrics(record_type, segment, api)
            names = [name for name in ADDITIVE if name in available]
            found = sums(fetch(record_type, names, segment), names)
            assert found == {name: agreed[name] for name in names}, (record_type, segment)
        halo = "attributedSales14dOtherSKU"
        left = agreed["attributedSales14d"] - agreed["attributedSales14dSameSKU"]
        assert sums(fetch("asins", [halo]), [halo])[halo] == pytest.approx(left, abs=0.001)
        assert min(agreed.values()) > 0


def test_traffic_agrees_with_that_of_invalid_clicks(box: Box) -> None:
    client, names = box.client_for(0, "v3"), ["impressions", "clicks"]
    for ago in (5, 6, 30):
        query: dict[str, Any] = {"metrics": names, "client": client, "cache": False}
        campaigns = fetch_report("campaigns", box.day(ago), **query)
        traffic = fetch_report("invalidTraffic", box.day(ago), **query)
        assert sums(campaigns, names) == sums(traffic, names)


def test_the_truth_agrees_for_all_record_types(box: Box) -> None:
    totals = set()
    for record_type in set(list_record_types("v2")) - {"asins"}:
        frame = box.sandbox.truth(record_type, *SEASON, metrics=ADDITIVE)
        totals.add(tuple(sums(frame, ADDITIVE).values()))
    assert len(totals) == 1


def test_shorter_windows_are_within_longer_ones(box: Box) -> None:
    names = [f"attributedSales{window}" for window in WINDOWS]
    frame = box.sandbox.truth("targets", *SEASON, metrics=names)
    for shorter, longer in itertools.pairwise(names):
        assert (frame[shorter] <= frame[longer] + 1e-9).all()
        assert frame[shorter].sum() < frame[longer].sum()


def test_an_order_stays_from_when_it_arrives_until_it_is_cancelled(box: Box) -> None:
    """Of one day, seen again and again, no target loses orders but those that are cancelled."""
    day, metric = box.day(1), "viewAttributedConversions14d"
    seen = []
    client = box.client_for(0, "v3")
    for _ in range(16):
        frame = fetch_report("targets", day, metrics=[metric], client=client, cache=False)
        seen.append(frame.set_index("targetId")[metric])
        box.clock.pass_time(timedelta(days=4).total_seconds())
    changes = pd.concat(seen, axis=1).diff(axis=1).iloc[:, 1:]
    gained, lost = changes.clip(lower=0).sum(), -changes.clip(upper=0).sum()
    assert gained.iloc[:4].sum() > 20
    assert 0 < lost.sum() < 0.1 * seen[-1].sum()
    final = box.sandbox.truth("targets", day, metrics=[metric]).set_index("targetId")[metric]
    pd.testing.assert_series_equal(seen[-1], final)
