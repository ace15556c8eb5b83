"""Version 3 with the same calls: the same frames, store and names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, ReportCache, fetch_report, sandbox
from sdanalytics.model.metrics import requestable_metrics
from sdanalytics.model.partition import report_name
from sdanalytics.sandbox import Report, ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

REPORTS = [
    ("campaigns", None), ("adGroups", None), ("productAds", None), ("targets", None),
    ("asins", None), ("campaigns", "matchedTarget"), ("adGroups", "matchedTarget"),
    ("targets", "matchedTarget"),
]  # fmt: skip
NAMES = [report_name(*report) for report in REPORTS]


class Still(Box):
    """A sandbox whose numbers do not change while the clock jumps, to compare them."""

    def __init__(self, clock: JumpingClock, **settings: Any) -> None:
        moment = clock.now()
        self.clock = clock
        settings = {"delay": 5.0} | settings
        self.sandbox = sandbox.start(now=lambda: moment, monotonic=clock.monotonic, **settings)


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[Box]:
    still_box = Still(clock)
    with still_box.sandbox:
        yield still_box


def through(box: Box, api: str, advertiser: int = 0) -> Client:
    return box.sandbox.client_for(box.sandbox.profile_ids[advertiser], box.clock, api)


def common(record_type: str, segment: str | None) -> list[str]:
    """Return the metrics that both versions have."""
    v3 = requestable_metrics(record_type, segment, "v3")
    return [name for name in requestable_metrics(record_type, segment, "v2") if name in v3]


def fetch(box: Box, api: str, first: int, last: int, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"cache": False, "client": through(box, api)} | options
    record_type = given.pop("record_type", "campaigns")
    return fetch_report(record_type, box.day(first), box.day(last), **given)


def creates(box: Box) -> dict[str, int]:
    return {name: box.sandbox.count(name) for name in ("request_report", "create_report")}


@pytest.mark.parametrize("report", REPORTS, ids=NAMES)
@pytest.mark.parametrize("advertiser", [0, 1])
def test_both_versions_return_the_same_frame(
    box: Box, report: tuple[str, str | None], advertiser: int
) -> None:
    record_type, segment = report
    if (record_type, advertiser) == ("asins", 1):
        pytest.skip("vendors have no such report")
    metrics = [name for name in common(*report) if advertiser == 0 or name != "sku"]
    options: dict[str, Any] = {"record_type": record_type, "segment": segment, "metrics": metrics}
    v2, v3 = (
        fetch(box, api, 5, 1, client=through(box, api, advertiser), **options)
        for api in ("v2", "v3")
    )
    assert len(v2) > 0
    pd.testing.assert_frame_equal(v2, v3)
    assert v3.attrs["sdanalytics"]["api"] == "v3"
    assert creates(box) == {"request_report": 10, "create_report": 1}


def test_default_metrics_are_those_that_version_3_has(box: Box) -> None:
    for record_type, segment in REPORTS:
        v2 = fetch(box, "v2", 1, 1, record_type=record_type, segment=segment)
        v3 = fetch(box, "v3", 1, 1, record_type=record_type, segment=segment)
        assert set(v3.columns) <= set(v2.columns)
        missing = set(v2.columns) - set(v3.columns)
        assert missing <= {
            "targetingType", "campaignStatus", "campaignBudget", "costType", "viewImpressions",
            "bidOptimization", "attributedSalesNewToBrand14d", "viewAttributedSalesNewToBrand14d",
        }  # fmt: skip
        pd.testing.assert_frame_equal(v2[list(v3.columns)], v3)


def test_metrics_of_version_3_only_can_be_fetched(box: Box) -> None:
    own = ["addToCart", "addToCartRate", "detailPageViewsClicks", "newToBrandDetailPageViews"]
    own = [
        name
        for name in requestable_metrics("campaigns", None, "v3")
        if name not in common("campaigns", None)
    ]
    frame = fetch(box, "v3", 2, 1, metrics=["cost", *own])
    assert frame.columns[3:].tolist() == ["cost", *own]
    assert frame["addToCart"].dtype == "Int64"
    assert frame["addToCartRate"].dtype == "float64"
    assert frame["addToCart"].sum() > 0
    with pytest.raises(sda.InvalidRequest, match='api="v3"'):
        fetch(box, "v2", 2, 1, metrics=own)


def test_metrics_without_a_counterpart_are_rejected_before_any_request(box: Box) -> None:
    with pytest.raises(sda.InvalidRequest, match="14-day window only: 'attributedSales14d'"):
        fetch(box, "v3", 1, 1, metrics=["attributedSales7d"])
    with pytest.raises(sda.InvalidRequest, match="targetingType"):
        fetch(box, "v3", 1, 1, record_type="targets", metrics=["targetingType"])
    assert box.sandbox.requests == []


def test_sixty_days_are_two_reports(box: Box) -> None:
    frame = fetch(box, "v3", 60, 1, metrics=["cost"])
    assert frame["date"].nunique() == 60
    assert creates(box) == {"request_report": 0, "create_report": 2}
    for report in box.sandbox.reports.values():
        days = [date.fromisoformat(report.request[name]) for name in ("startDate", "endDate")]
        assert (days[1] - days[0]).days + 1 <= 31
        configuration = report.request["configuration"]
        assert configuration["timeUnit"] == "DAILY"
        assert "date" in configuration["columns"]


def test_only_missing_days_are_requested(box: Box, store: ReportCache) -> None:
    fetch(box, "v3", 40, 31, cache=store)
    fetch(box, "v3", 50, 20, cache=store)
    spans = [(r.request["startDate"], r.request["endDate"]) for r in box.sandbox.reports.values()]
    assert spans == [(box.day(40), box.day(31)), (box.day(50), box.day(20))]
    # The second report includes the ten days in the middle, which were stored already.
    assert len(store.entries()) == 2 * 31
    fetch(box, "v3", 50, 20, cache=store)
    assert creates(box)["create_report"] == 2


def test_days_without_rows_become_empty_files(box: Box, store: ReportCache) -> None:
    quiet = box.day(2)
    box.sandbox.set_content(lambda report: [])
    frame = fetch(box, "v3", 3, 1, cache=store)
    assert frame.empty
    assert frame["date"].dtype == "datetime64[s]"
    entries = store.entries()
    assert entries["rows"].tolist() == [0] * 6
    assert quiet in entries["date"].astype("str").tolist()
    fetch(box, "v3", 3, 1, cache=store)
    assert creates(box)["create_report"] == 1


@pytest.mark.parametrize("v3_empty_url", [False, True])
def test_a_report_without_rows(clock: JumpingClock, v3_empty_url: bool) -> None:
    box = Still(clock, v3_empty_url=v3_empty_url)
    with box.sandbox:
        box.sandbox.set_content(lambda report: [])
        assert fetch(box, "v3", 3, 1).empty


# -- switching ------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("v2", "v3"), ("v3", "v2")])
def test_a_store_filled_through_one_serves_calls_through_the_other(
    box: Box, store: ReportCache, first: str, second: str
) -> None:
    metrics = common("campaigns", None)
    before = fetch(box, first, 5, 1, cache=store, metrics=metrics)
    requested = len(box.sandbox.reports)
    after = fetch(box, second, 5, 1, cache=store, metrics=metrics)
    pd.testing.assert_frame_equal(before, after)
    assert len(box.sandbox.reports) == requested
    assert set(store.entries()["api"]) == {first}


def test_days_of_both_versions_make_one_frame(box: Box, store: ReportCache) -> None:
    metrics = common("campaigns", None)
    fetch(box, "v2", 9, 5, cache=store, metrics=metrics)
    mixed = fetch(box, "v3", 9, 1, cache=store, metrics=metrics)
    pd.testing.assert_frame_equal(mixed, fetch(box, "v2", 9, 1, metrics=metrics))
    assert set(store.entries()["api"]) == {"v2", "v3"}


def test_columns_that_only_the_other_version_has_are_kept(box: Box, store: ReportCache) -> None:
    old = fetch(box, "v2", 3, 1, cache=store, metrics=["cost", "attributedSales7d"])
    fetch(box, "v3", 3, 1, cache=store, metrics=["cost", "addToCart"], refresh="always")
    [columns] = {tuple(names) for names in store.entries()["columns"]}
    assert set(columns) == {"campaignId", "cost", "attributedSales7d", "addToCart"}
    stored = store.read(
        "campaigns", box.day(3), box.day(1), metrics=["cost", "attributedSales7d", "addToCart"]
    )
    pd.testing.assert_frame_equal(stored[old.columns.tolist()], old)
    assert stored["addToCart"].notna().all()
    # And back: columns of version 3 only are kept, too.
    fetch(box, "v2", 3, 1, cache=store, metrics=["clicks"], refresh="always")
    again = store.read("campaigns", box.day(3), box.day(1), metrics=["clicks", "addToCart"])
    pd.testing.assert_series_equal(again["addToCart"], stored["addToCart"])


def test_a_retired_endpoint_is_explained_at_once(clock: JumpingClock, store: ReportCache) -> None:
    box = Still(clock, retired=True)
    with box.sandbox:
        with pytest.raises(sda.Retired, match=r'2024-10-31.*api="v3"') as caught:
            fetch(box, "v2", 30, 1, cache=store)
        assert isinstance(caught.value, sda.NotFound)
        assert box.sandbox.count("request_report") <= 2
        assert len(fetch(box, "v3", 30, 1, cache=store)) > 0


# -- tactics --------------------------------------------------------------------------------


def test_the_tactic_filter_works(box: Box, store: ReportCache) -> None:
    v2 = fetch(box, "v2", 3, 1, tactic="T00030", metrics=["cost"])
    v3 = fetch(box, "v3", 3, 1, tactic="T00030", metrics=["cost"], cache=store)
    pd.testing.assert_frame_equal(v2, v3)
    # The report had the other tactic, too: it is stored.
    fetch(box, "v3", 3, 1, metrics=["cost"], cache=store)
    assert creates(box)["create_report"] == 1


def test_the_list_of_campaigns_is_stored_and_paged(clock: JumpingClock, store: ReportCache) -> None:
    box = Still(clock, page_size=2)
    with box.sandbox:
        v3 = fetch(box, "v3", 5, 1, cache=store, metrics=["cost"])
        pages = box.sandbox.count("campaigns")
        assert pages > 3
        fetch(box, "v3", 9, 6, cache=store, metrics=["cost"])
        assert box.sandbox.count("campaigns") == pages
        pd.testing.assert_frame_equal(v3, fetch(box, "v2", 5, 1, metrics=["cost"]))


@pytest.fixture
def hidden(clock: JumpingClock) -> Iterator[tuple[Box, int]]:
    """Return a sandbox that does not list a campaign of yesterday, and that campaign."""
    with Still(clock).sandbox as whole:
        client = whole.client_for(whole.profile_ids[0], clock)
        frame = fetch_report("campaigns", whole.today - timedelta(1), client=client, cache=False)
    campaign = int(frame["campaignId"].iloc[0])
    box = Still(clock, unlisted=[campaign])
    with box.sandbox:
        yield box, campaign


def test_rows_of_unlisted_campaigns_have_unknown_tactic(
    hidden: tuple[Box, int], store: ReportCache
) -> None:
    box, campaign = hidden
    v2 = fetch(box, "v2", 2, 1, metrics=["cost"])
    v3 = fetch(box, "v3", 2, 1, metrics=["cost"], cache=store)
    unknown = v3[v3["tactic"] == "unknown"]
    assert set(unknown["campaignId"]) == {campaign}
    assert v3["cost"].sum() == pytest.approx(v2["cost"].sum())
    assert len(v3) == len(v2)
    assert v3["date"].is_monotonic_increasing
    assert v3["tactic"].cat.categories.equals(v2["tactic"].cat.categories)
    read = store.read("campaigns", box.day(2), box.day(1), metrics=["cost"])
    pd.testing.assert_frame_equal(read, v3)
    assert set(store.coverage(now=box.clock.now())["tactic"]) == {"T00020", "T00030"}
    # A call for one tactic returns no rows of unknown tactic, and says so.
    days = (box.day(2), box.day(1))
    with pytest.warns(sda.DataWarning, match=f"{len(unknown)} rows .* left out"):
        frame = fetch(box, "v3", 2, 1, metrics=["cost"], cache=store, tactic="T00020")
    assert set(frame["tactic"]) == {"T00020"}
    with pytest.warns(sda.DataWarning, match=f"{len(unknown)} rows .* left out"):
        read = store.read("campaigns", *days, metrics=["cost"], tactic="T00020")
    pd.testing.assert_frame_equal(read, frame)


def test_a_row_counts_once_when_its_tactic_becomes_known(
    hidden: tuple[Box, int], store: ReportCache
) -> None:
    box, campaign = hidden
    fetch(box, "v3", 1, 1, metrics=["cost"], cache=store)
    through_v2 = fetch(box, "v2", 1, 1, metrics=["cost"], cache=store, refresh="always")
    assert (through_v2["campaignId"] == campaign).sum() == 1
    assert "unknown" not in set(through_v2["tactic"])
    pd.testing.assert_frame_equal(through_v2, fetch(box, "v2", 1, 1, metrics=["cost"]))
    import duckdb

    scan = f"read_parquet('{store.path}/reports/**/*.parquet', hive_partitioning=true)"
    [[total]] = duckdb.sql(f"select sum(cost) from {scan}").fetchall()
    assert total == pytest.approx(through_v2["cost"].sum())


# -- duplicates, timeouts and failures ---------------------------------------------------------


def test_a_duplicate_with_the_same_content_is_adopted(box: Box, store: ReportCache) -> None:
    """A call died after the request and before it could record the id."""
    fetch(box, "v3", 9, 9)  # loads profile and token
    box.sandbox.script_responses("create_report", ScriptedResponse(0, stage="done", reset=True))
    frame = fetch(box, "v3", 3, 1, cache=store)
    assert box.sandbox.count("create_report") == 3
    assert len(box.sandbox.reports) == 2  # the one that was lost was found again
    assert len(frame) > 0


def test_a_duplicate_with_other_content_is_not_adopted(box: Box) -> None:
    fetch(box, "v3", 9, 9)
    [other] = box.sandbox.reports
    detail = f'{{"code":"425","detail":"The Request is a duplicate of : {other}"}}'
    box.sandbox.script_responses("create_report", ScriptedResponse(425, detail))
    with pytest.raises(sda.ApiError, match="425") as caught:
        fetch(box, "v3", 3, 1)
    assert "is another one" in "".join(caught.value.__notes__)


def test_a_report_may_take_three_hours(clock: JumpingClock, store: ReportCache) -> None:
    box = Still(clock, delay=3 * 3600.0)
    with box.sandbox:
        frame = fetch(box, "v3", 3, 1, cache=store)
        assert len(frame) > 0
        polls = [e.at for e in box.sandbox.requests if e.operation == "get_report"]
        assert len(polls) < 3 * 3600 / 40
    assert clock.monotonic() < 1000 + 3.1 * 3600


def test_the_default_timeout_is_four_hours(clock: JumpingClock, store: ReportCache) -> None:
    box = Still(clock, delay=30 * 3600.0)
    with box.sandbox:
        started = clock.monotonic()
        with pytest.raises(sda.ReportTimeout) as caught:
            fetch(box, "v3", 3, 1, cache=store)
        assert 4 * 3600 - 10 <= clock.monotonic() - started <= 4 * 3600 + 10
        assert list(caught.value.report_ids) == list(box.sandbox.reports)
        assert len(sda.pending(store)) == 6


def test_a_failed_report_has_a_reason(box: Box) -> None:
    def fail(report: Report) -> None:
        report.status, report.details = "FAILED", "Internal error of the generator"

    box.sandbox.set_content(fail)
    with pytest.raises(sda.ReportFailed, match="Internal error of the generator"):
        fetch(box, "v3", 3, 1)


def test_cancelling_a_job_deletes_its_reports_in_flight(store: ReportCache) -> None:
    with sandbox.start(delay=600) as service:
        client = service.client_for(service.profile_ids[0], api="v3")
        days = service.today - timedelta(50), service.today
        job = sda.submit_report("campaigns", *days, client=client, cache=store)
        while service.count("create_report") < 2 or job.status().waiting < 51:
            assert not job.wait(0.02)
        job.cancel()
        assert job.wait(30)
        assert service.count("delete_report") == 2
    assert sda.pending(store).empty


def test_an_abandoned_job_is_resumed(store: ReportCache) -> None:
    with sandbox.start(delay=600) as service:
        client = service.client_for(service.profile_ids[0], api="v3")
        days = service.today - timedelta(50), service.today
        job = sda.submit_report("campaigns", *days, client=client, cache=store)
        while sda.pending(store)["report_id"].count() < 102:
            assert not job.wait(0.01)
        job.detach()
        assert job.wait(30)
        for report in service.reports.values():
            report.ready_at = 0.0
        frame = fetch_report("campaigns", *days, client=client, cache=store)
        assert frame["date"].nunique() == 51
        assert service.count("create_report") == 2
        assert service.count("delete_report") == 0
    assert sda.pending(store).empty


def test_a_plan_counts_reports_and_partitions(box: Box, store: ReportCache) -> None:
    client = through(box, "v3")
    plan = sda.plan_report("campaigns", box.day(66), box.day(1), client=client, cache=store)
    assert plan.reports == 4
    assert plan.partitions["action"].value_counts()["request"] == 130
    assert plan.unavailable == [date.fromisoformat(box.day(66))]
    assert "66 days: 65 to fetch (4 reports to request), 0 from the cache, 1 unavail" in str(plan)


def test_unavailable_days_fail_separately(box: Box, store: ReportCache) -> None:
    with pytest.raises(sda.PartialFetchError, match="has reports from") as caught:
        fetch(box, "v3", 70, 60, cache=store)
    failed_days = {str(partition.date) for partition in caught.value.failures}
    assert failed_days == {box.day(ago) for ago in range(66, 71)}
    assert len(store.entries()) == 12


def test_kpis_figures_and_the_picker_work_with_both_versions(box: Box) -> None:
    v2, v3 = (fetch(box, api, 14, 1) for api in ("v2", "v3"))
    pd.testing.assert_frame_equal(
        sda.summarize(v2, "campaignName"), sda.summarize(v3, "campaignName")
    )
    picker = sda.ReportPicker(through(box, "v3"), cache=False)
    picker.fetch()
    assert picker.wait(60)
    assert picker.data is not None
    assert picker.data.attrs["sdanalytics"]["api"] == "v3"
    picker.close()
