"""Maturity curves of a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, ReportCache
from tests.support.box import Box
from tests.support.clock import JumpingClock


def fetch_daily(box: Box, clock: JumpingClock, store: ReportCache, mornings: int) -> None:
    client = box.client_for(0, "v3")
    for _ in range(mornings):
        days = box.day(20), box.day(1)
        sda.fetch_report("campaigns", *days, client=client, cache=store)
        clock.pass_time(24 * 3600 - 60)


def test_a_curve_says_what_it_is(box: Box, clock: JumpingClock, store: ReportCache) -> None:
    fetch_daily(box, clock, store, 4)
    curve = sda.maturity(store)
    assert list(curve.columns) == [
        "costType", "metric", "age", "share", "share_low", "share_high", "days", "method",
    ]  # fmt: skip
    assert set(curve["costType"]) == {"CPC", "VCPM"}
    assert sorted(curve["age"].unique()) == list(range(42))
    metadata = curve.attrs["sdanalytics"]
    assert metadata["record_type"] == "campaigns"
    assert metadata["currency"] == "USD"
    assert metadata["maturity"]["by"] == ["costType"]
    assert set(metadata["maturity"]["dispersion"]) == set(curve["metric"])
    newest = store.history("campaigns", box.day(20), box.day(1))["fetched_at"].max()
    assert metadata["maturity"]["as_of"] == newest.isoformat()
    whole = sda.maturity(store, by=None)
    assert len(whole) == len(curve) / 2


def test_a_comparison_says_which_share_has_come_if_the_frame_allows_it(
    box: Box, clock: JumpingClock, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_daily(box, clock, store, 4)
    monkeypatch.setenv("SDANALYTICS_CACHE_DIR", str(store.path))
    frame = store.read("campaigns", box.day(10), box.day(2))
    weeks = (box.day(10), box.day(7)), (box.day(5), box.day(2))
    with pytest.warns(sda.ImmatureWarning, match=r"about [0-9]+% of the orders of period_a and"):
        sda.compare(frame, *weeks, metrics=["attributedSales14d"])
    without_cost_type = frame.drop(columns="costType")
    with pytest.warns(sda.ImmatureWarning, match=r"final=maturity\(cache\) compares"):
        sda.compare(without_cost_type, *weeks, metrics=["attributedSales14d"])


@pytest.mark.parametrize("days", [7, 14])
def test_a_sale_is_not_taken_for_final_numbers(days: int, store: ReportCache) -> None:
    after_sale = JumpingClock(datetime(2026, 11, 29, 18, tzinfo=UTC))
    box = Box(after_sale, seed=2)
    young = box.day(days), box.day(1)
    with box.sandbox:
        sda.fetch_report(
            "campaigns", box.day(57), box.day(1), client=box.client_for(0, "v3"), cache=store
        )
        truth = box.sandbox.truth("campaigns", *young)
    curve = sda.maturity(store, method="cross-section")
    frame = store.read("campaigns", *young)
    found = sda.summarize(frame, "costType", final=curve).set_index("costType")
    known = sda.summarize(truth, "costType").set_index("costType")
    for metric in ("orders", "sales"):
        assert (found[f"{metric}_final_low"] < known[metric]).all()
        assert (known[metric] < found[f"{metric}_final_high"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method must be one of auto, vintages, cross-section"),
        ({"record_type": "campaign"}, "did you mean 'campaigns'"),
        ({"record_type": "asins"}, "use 'campaigns'"),
        ({"by": "campignName"}, "did you mean 'campaignName'"),
        ({"by": "clicks"}, "by must be one of tactic, campaignId"),
        ({"by": 5}, "by must be the name of a column or a list of names"),
        ({"cache": False}, "cache must be a store"),
        ({"start": "2026-02-30"}, "start"),
        ({}, "nothing is stored.*fetch_report fills it"),
    ],
)
def test_bad_input_is_an_error_that_says_what_to_do(
    store: ReportCache, options: dict[str, Any], message: str
) -> None:
    options.setdefault("cache", store)
    with pytest.raises(InvalidRequest, match=message):
        sda.maturity(**options)
