"""`fetch_report`: the frame holds what the service sent, and days are requested once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.literals import RecordType, Segment
from sdanalytics.model.metrics import (
    CATALOGUE,
    TACTICS,
    ColumnKind,
    identity_columns,
    requestable_metrics,
)
from sdanalytics.model.record_types import list_record_types
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.figures import text_below
from tests.support.rows import REPORTS, frame_rows

DTYPES = {
    ColumnKind.ID: "Int64",
    ColumnKind.COUNT: "Int64",
    ColumnKind.MONEY: "float64",
    ColumnKind.RATIO: "float64",
    ColumnKind.TEXT: "str",
    ColumnKind.CATEGORY: "category",
}


def sent(box: Box, columns: list[str], keys: list[str]) -> list[dict[str, Any]]:
    """Return all rows that the sandbox sent, as the frame should show them."""
    rows = []
    for report in box.sandbox.reports.values():
        day = pd.Timestamp(report.request["reportDate"])
        for row in report.rows:
            partition = {"date": day, "tactic": report.request["tactic"]}
            rows.append(partition | {name: row.get(name) for name in columns})
    return sorted(rows, key=lambda row: tuple(row[key] for key in ["date", "tactic", *keys]))


@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
@pytest.mark.parametrize("advertiser", [0, 2])
def test_every_cell_is_what_the_service_sent(
    box: Box,
    store: ReportCache,
    record_type: RecordType,
    segment: Segment | None,
    advertiser: int,
) -> None:
    client = box.client_for(advertiser)
    metrics = list(requestable_metrics(record_type, segment))
    keys = list(identity_columns(record_type, segment))
    expected_columns = ["date", "tactic", *dict.fromkeys(keys + metrics)]

    def fetch(names: list[str]) -> pd.DataFrame:
        return fetch_report(
            record_type, box.day(4), box.day(2), metrics=names, segment=segment, client=client,
            cache=store,
        )  # fmt: skip

    frame = fetch(metrics)

    assert frame.columns.tolist() == expected_columns
    assert len(frame) > 10
    assert frame_rows(frame) == sent(box, expected_columns[2:], keys)
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    for name in expected_columns[2:]:
        assert frame[name].dtype == DTYPES[CATALOGUE[name].kind], name
    assert frame["date"].dtype == "datetime64[s]"
    assert frame["tactic"].dtype == "category"

    requests = len(box.sandbox.requests)
    pd.testing.assert_frame_equal(fetch(metrics), frame)
    reordered = ["cost"] if "cost" in metrics else ["attributedSales14dOtherSKU"]
    reordered += ["campaignName"]
    assert fetch(reordered).columns.tolist() == ["date", "tactic", *keys, *reordered]
    assert len(box.sandbox.requests) == requests


def test_a_wider_call_requests_once_and_keeps_the_old_columns(box: Box, store: ReportCache) -> None:
    def fetch(*metrics: str) -> pd.DataFrame:
        return fetch_report(
            "campaigns", box.day(3), box.day(2), metrics=metrics, client=box.client, cache=store
        )

    fetch("cost", "clicks")
    assert box.sandbox.count("request_report") == 4
    both = fetch("impressions", "cost")
    assert box.sandbox.count("request_report") == 8
    assert both.columns.tolist() == ["date", "tactic", "campaignId", "impressions", "cost"]
    requested = [report.request["metrics"] for report in box.sandbox.reports.values()][-1]
    assert set(requested.split(",")) == {"campaignId", "clicks", "cost", "impressions"}
    fetch("clicks", "impressions")
    assert box.sandbox.count("request_report") == 8
    assert len(store.entries()) == 4


def test_default_metrics_are_documented_and_useful(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(1), client=box.client, cache=False)
    assert {"campaignName", "cost", "attributedSales14d", "viewAttributedSales14d"} <= set(frame)
    assert frame["tactic"].unique().tolist() == list(TACTICS)
    assert frame["date"].unique().tolist() == [pd.Timestamp(box.day(1))]
    for record_type in list_record_types("v2"):
        single = fetch_report(record_type, box.day(1), client=box.client, cache=False)
        assert len(single) > 0
        assert "sku" not in single


@pytest.mark.parametrize(
    "start",
    [
        "2026-11-18",
        date(2026, 11, 18),
        pd.Timestamp("2026-11-18 15:00"),
        np.datetime64("2026-11-18"),
    ],
)
def test_days_in_all_their_spellings(box: Box, start: Any) -> None:
    frame = fetch_report("campaigns", start, client=box.client, cache=False, tactic="T00030")
    assert frame["date"].unique().tolist() == [pd.Timestamp("2026-11-18")]
    assert box.sandbox.count("request_report") == 1


def test_an_empty_day_is_a_typed_frame_and_is_not_requested_again(
    box: Box, store: ReportCache
) -> None:
    full = fetch_report("targets", box.day(5), client=box.client, cache=store)
    box.sandbox.set_content(lambda report: [])
    empty = fetch_report("targets", box.day(6), client=box.client, cache=store)
    assert len(empty) == 0
    assert [str(t) for t in empty.dtypes] == [str(t) for t in full.dtypes]
    assert empty.columns.tolist() == full.columns.tolist()
    requests = len(box.sandbox.requests)
    fetch_report("targets", box.day(6), client=box.client, cache=store)
    assert len(box.sandbox.requests) == requests
    both = fetch_report("targets", box.day(6), box.day(5), client=box.client, cache=store)
    pd.testing.assert_frame_equal(both, full)


def test_values_are_kept_exactly(box: Box, store: ReportCache) -> None:
    rows: list[dict[str, Any]] = [
        {"clicks": 3, "cost": 5, "campaignId": 9007199254740993, "campaignName": 'a},{"b\n☃'},
        {
            "campaignName": None,
            "campaignId": "9223372036854775807",
            "cost": 12.3,
            "new": {"a": [1]},
        },
        {"campaignId": 1, "cost": None, "clicks": None, "campaignName": ""},
    ]
    box.sandbox.set_content(lambda report: rows)
    frame = fetch_report(
        "campaigns", box.day(1), metrics=["campaignName", "cost", "clicks"], tactic="T00020",
        client=box.client, cache=store,
    )  # fmt: skip
    assert frame["campaignId"].tolist() == [1, 9007199254740993, 9223372036854775807]
    assert frame["cost"].isna().tolist() == [True, False, False]
    assert frame["cost"].tolist()[1:] == [5.0, 12.3]
    assert frame["clicks"].tolist() == [pd.NA, 3, pd.NA]
    assert frame["campaignName"].tolist()[:2] == ["", 'a},{"b\n☃']
    assert pd.isna(frame["campaignName"][2])


def test_the_frame_has_its_provenance(box: Box, store: ReportCache) -> None:
    fetch_report("campaigns", box.day(60), box.day(59), client=box.client, cache=store)
    frame = fetch_report("campaigns", box.day(60), box.day(57), client=box.client, cache=store)
    provenance = frame.attrs["sdanalytics"]
    assert provenance["record_type"] == "campaigns"
    assert provenance["profile_id"] == str(box.sandbox.profile_ids[0])
    assert provenance["currency"] == "USD"
    assert provenance["timezone"] == "America/Los_Angeles"
    assert provenance["api"] == "v2"
    assert (provenance["days_fetched"], provenance["days_from_cache"]) == (2, 2)
    assert provenance["restatable_from"] is None
    assert provenance["oldest_fetched_at"] < box.clock.now().isoformat()
    recent = fetch_report("campaigns", box.day(57), box.day(54), client=box.client, cache=store)
    assert recent.attrs["sdanalytics"]["restatable_from"] == box.day(55)
    today = box.day(0)
    assert recent.attrs["sdanalytics"]["fetched_on"] == [[box.day(57), box.day(54), today]]


def test_figures_mark_restatable_days_of_fetched_and_of_stored_frames(
    box: Box, store: ReportCache
) -> None:
    days = box.day(9), box.day(1)
    fetched = fetch_report("campaigns", *days, client=box.client, cache=store)
    for frame in (fetched, store.read("campaigns", *days)):
        axes = sda.plots.trend(frame, "cost")
        assert "may still be restated: from" in text_below(axes)
        plt.close("all")


def test_cache_false_stores_nothing(box: Box) -> None:
    fetch_report("campaigns", box.day(1), client=box.client, cache=False)
    fetch_report("campaigns", box.day(1), client=box.client, cache=False)
    assert box.sandbox.count("request_report") == 4
    assert not ReportCache().path.exists()


def test_the_default_store_and_client_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sda.sandbox.start(delay=0.0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        frame = fetch_report("campaigns", sandbox.today, tactic="T00020")
    assert len(frame) > 0
    assert len(ReportCache().entries()) == 1


def test_refresh_decides_which_days_are_requested_again(box: Box, store: ReportCache) -> None:
    today = box.sandbox.today

    def fetch_and_list_days(refresh: Any) -> list[int]:
        known = set(box.sandbox.reports)
        fetch_report(
            "campaigns", today - timedelta(50), today, client=box.client, cache=store,
            refresh=refresh, tactic="T00020",
        )  # fmt: skip
        new = [r for i, r in box.sandbox.reports.items() if i not in known]
        days = [date.fromisoformat(r.request["reportDate"]) for r in new]
        return sorted((today - day).days for day in days)

    assert fetch_and_list_days("auto") == list(range(51))
    assert fetch_and_list_days("auto") == []
    box.clock.pass_time(12 * 3600 + 60)  # 18:00 to 6:00 UTC: the same day in Los Angeles
    assert box.sandbox.today == today
    assert fetch_and_list_days("never") == []
    assert fetch_and_list_days("auto") == [0, 1, 2, 3]
    box.clock.pass_time(1.5 * 3600)
    assert fetch_and_list_days("auto") == []
    assert fetch_and_list_days("always") == list(range(51))


def test_due_days_are_those_that_a_call_fetches(box: Box, store: ReportCache) -> None:
    options: dict[str, Any] = {"client": box.client, "cache": store}
    for ago in (55, 44, 43, 42, 16, 15, 14, 5, 4, 3, 2, 1):
        fetch_report("campaigns", box.day(ago), tactic="T00020", **options)
    for hours in (13, 25, 24 * 7):
        box.clock.pass_time(3600.0 * hours)
        expected = int(store.coverage(now=box.clock.now())["is_due"].sum())
        before = box.sandbox.count("request_report")
        first = str(store.entries()["date"].min().date())
        fetch_report("campaigns", first, box.day(1), tactic="T00020", **options)
        assert expected > 0
        assert box.sandbox.count("request_report") - before == expected
        assert not store.coverage(now=box.clock.now())["is_due"].any()


@pytest.mark.parametrize(("api", "operation"), [("v2", "request_report"), ("v3", "create_report")])
def test_a_day_is_fetched_for_the_last_time_when_it_is_56_days_old(
    box: Box, store: ReportCache, api: str, operation: str
) -> None:
    day = box.day(44)
    options: dict[str, Any] = {"tactic": "T00020", "cache": store, "client": box.client_for(0, api)}
    requested_at = []
    for age in range(44, 63):
        before = box.sandbox.count(operation)
        frame = fetch_report("campaigns", day, **options)
        if box.sandbox.count(operation) > before:
            requested_at.append(age)
        coverage = store.coverage(start=day, end=day, tactic="T00020", now=box.clock.now())
        [state] = coverage["state"]
        assert state == ("final" if age > 60 else "restatable")
        open_from = frame.attrs["sdanalytics"]["restatable_from"]
        assert open_from == (day if age < 56 else None)
        plan = sda.plan_report("campaigns", day, **options)
        assert plan.from_cache == [date.fromisoformat(day)]
        box.clock.pass_time(24 * 3600 - 60)
    assert requested_at == [44, 56]


def test_a_frame_across_the_change_of_view_attribution_says_it(store: ReportCache) -> None:
    box = Box(JumpingClock(datetime(2026, 1, 20, 18, tzinfo=UTC)))
    with box.sandbox:
        client = box.client_for(0, "v3")
        across = fetch_report("campaigns", "2025-12-30", "2026-01-02", client=client, cache=store)
        after = fetch_report("campaigns", "2026-01-01", "2026-01-02", client=client, cache=store)
    assert across.attrs["sdanalytics"]["view_attribution_changed"] == "2026-01-01"
    assert after.attrs["sdanalytics"]["view_attribution_changed"] is None
    with pytest.warns(sda.PeriodWarning, match="2026-01-01"):
        sda.compare(across, ("2025-12-30", "2025-12-31"), ("2026-01-01", "2026-01-02"))


class WrongClock(JumpingClock):
    """A clock that is three weeks ahead: by it, restatable days look final."""

    def __init__(self, right: JumpingClock) -> None:
        super().__init__()
        self._right = right

    def now(self) -> datetime:
        return self._right.now() + timedelta(days=21)

    def monotonic(self) -> float:
        return self._right.monotonic()

    def pass_time(self, seconds: float) -> None:
        self._right.pass_time(seconds)


def test_a_day_fetched_in_the_future_is_fetched_again_once(
    box: Box, store: ReportCache, clock: JumpingClock
) -> None:
    day = box.day(30)
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], WrongClock(clock))
    fetch_report("campaigns", day, client=client, cache=store)
    assert box.sandbox.count("request_report") == 2
    for _ in range(2):
        fetch_report("campaigns", day, client=box.client, cache=store)
        assert box.sandbox.count("request_report") == 4
    assert (store.entries()["fetched_at"] <= clock.now()).all()


def test_days_older_than_the_history_come_from_the_store(box: Box, store: ReportCache) -> None:
    day = box.day(58)
    frame = fetch_report("campaigns", day, client=box.client, cache=store)
    box.clock.pass_time(9 * 86400)
    requests = len(box.sandbox.requests)
    again = fetch_report("campaigns", day, client=box.client, cache=store)
    assert len(box.sandbox.requests) == requests
    always = fetch_report("campaigns", day, client=box.client, cache=store, refresh="always")
    pd.testing.assert_frame_equal(again, frame)
    pd.testing.assert_frame_equal(always, frame)
    with pytest.raises(sda.ReportTooOld, match="too far in the past"):
        fetch_report("campaigns", day, metrics=["vtr"], client=box.client, cache=store)
    pd.testing.assert_frame_equal(
        fetch_report("campaigns", day, client=box.client, cache=store), frame
    )


def test_a_call_from_the_cache_makes_no_request(box: Box, store: ReportCache) -> None:
    frame = fetch_report("productAds", box.day(3), client=box.client, cache=store)
    client = box.client
    box.sandbox.stop()
    again = fetch_report("productAds", box.day(3), client=client, cache=store)
    pd.testing.assert_frame_equal(again, frame)


def test_days_are_days_of_the_profile(box: Box) -> None:
    box.clock.pass_time(12 * 3600)  # 6:00 UTC on the 21st: 22:00 on the 20th in Los Angeles
    assert box.day(0) == "2026-11-20"
    with pytest.raises(sda.InvalidRequest, match="2026-11-21 is in the future"):
        fetch_report("campaigns", "2026-11-21", client=box.client, cache=False)
    assert box.sandbox.count("request_report") == 0
    frame = fetch_report("campaigns", "2026-11-21", client=box.client_for(2), cache=False)
    assert frame.attrs["sdanalytics"]["timezone"] == "Asia/Tokyo"


def test_profiles_are_kept_apart_in_one_store(box: Box, store: ReportCache) -> None:
    frames = [
        fetch_report("campaigns", box.day(2), client=box.client_for(n), cache=store)
        for n in range(3)
    ]
    currencies = [frame["currency"].unique().tolist() for frame in frames]
    assert currencies == [["USD"], ["EUR"], ["JPY"]]
    assert len(store.entries()) == 6
