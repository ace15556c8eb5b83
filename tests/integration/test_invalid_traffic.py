"""The report of gross and invalid traffic: version 3 only, a year, by the campaign's name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import (
    CorruptReport,
    InvalidRequest,
    PartialFetchError,
    ReportCache,
    ReportPicker,
    ReportTimeout,
    ReportTooOld,
    fetch_report,
)
from sdanalytics.api.reporting_v2 import ReportRequest
from sdanalytics.errors import DataWarning
from sdanalytics.model.record_types import list_record_types
from sdanalytics.sandbox import Report
from tests.support.box import Box
from tests.support.caller import Caller, report_body

COLUMNS = [
    "date", "tactic", "campaignName", "campaignStatus", "costType",
    "impressions", "grossImpressions", "invalidImpressions", "invalidImpressionRate",
    "clicks", "grossClickThroughs", "invalidClickThroughs", "invalidClickThroughRate",
]  # fmt: skip
KEYS = ["date", "campaignName"]


def fetch(box: Box, store: ReportCache, first: int, last: int = 1, **options: Any) -> pd.DataFrame:
    """Fetch the days from `first` to `last` days ago."""
    client = box.client_for(0, "v3")
    days = box.day(first), box.day(last)
    return fetch_report("invalidTraffic", *days, client=client, cache=store, **options)


def send_rows(box: Box, *rows: dict[str, Any]) -> None:
    """Fill the reports requested from now on with these rows on each of their days."""

    def content(report: Report) -> list[dict[str, Any]]:
        days = pd.date_range(report.request["startDate"], report.request["endDate"])
        return [{"date": f"{day:%Y-%m-%d}", **row} for day in days for row in rows]

    box.sandbox.set_content(content)


# -- fetching --------------------------------------------------------------------------------


def test_a_report_adds_up_and_is_read_from_the_cache_afterwards(
    box: Box, store: ReportCache
) -> None:
    frame = fetch(box, store, 3)
    assert list(frame) == COLUMNS
    assert frame["tactic"].tolist() == ["all"] * len(frame)
    assert frame["date"].nunique() == 3
    assert (frame["clicks"] + frame["invalidClickThroughs"] == frame["grossClickThroughs"]).all()
    assert (frame["impressions"] + frame["invalidImpressions"] == frame["grossImpressions"]).all()
    assert box.sandbox.count("create_report") == 1
    # Its campaigns are told apart by their names, and have the cost types of the list.
    by_name = frame.groupby("campaignName")["costType"]
    assert set(by_name.nunique()) == {1}
    assert set(frame["costType"]) == {"CPC", "VCPM"}
    assert box.sandbox.count("campaigns") == 2
    requests = len(box.sandbox.requests)
    again = fetch(box, store, 3)
    assert len(box.sandbox.requests) == requests
    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs["sdanalytics"]["tactics"] == ["all"]
    assert again.attrs["sdanalytics"]["arriving_from"] is None


def test_valid_traffic_is_that_of_the_campaigns_report(box: Box, store: ReportCache) -> None:
    caller = Caller(box)
    names = ["date", "campaignName", "campaignStatus", "clicks", "impressions"]
    days = {"startDate": box.day(7), "endDate": box.day(0)}
    sent = []
    for record_type in ("campaigns", "invalidTraffic"):
        answer = caller.create(report_body(record_type, columns=names, **days))
        sent.append(box.sandbox.reports[answer.json()["reportId"]].rows)
    campaigns, traffic = sent
    assert len(traffic) > 70
    assert traffic == campaigns


def test_the_service_has_a_year_of_it_in_one_report(box: Box) -> None:
    caller = Caller(box)

    def create(first: int, last: int) -> tuple[int, str]:
        days = {"startDate": box.day(first), "endDate": box.day(last)}
        columns = ["date", "campaignName", "clicks"]
        answer = caller.create(report_body("invalidTraffic", columns=columns, **days))
        return answer.status_code, answer.json().get("detail", "")

    box.sandbox.set_content(lambda report: [])
    assert create(365, 1) == (200, "")
    status, details = create(365, 0)
    assert (status, "365 days" in details) == (400, True)
    status, details = create(366, 366)
    assert (status, "retention start date" in details) == (400, True)


def test_clicks_fall_by_what_is_found_to_be_invalid(box: Box, store: ReportCache) -> None:
    young = fetch(box, store, 1).set_index(KEYS)
    box.clock.pass_time(timedelta(days=20).total_seconds())
    old = fetch(box, store, 21, 21).set_index(KEYS)
    assert (old["grossClickThroughs"] == young["grossClickThroughs"]).all()
    assert (old["clicks"] <= young["clicks"]).all()
    assert old["clicks"].sum() < young["clicks"].sum()
    totals = old[["invalidClickThroughs", "grossClickThroughs"]].sum()
    assert 0.02 < totals["invalidClickThroughs"] / totals["grossClickThroughs"] < 0.06
    assert old["invalidClickThroughRate"].between(0.0, 0.15).all()
    assert old["invalidClickThroughRate"].nunique() > 1


def test_a_year_is_one_report_and_the_day_before_it_is_too_old(
    box: Box, store: ReportCache
) -> None:
    send_rows(box, {"campaignName": "a", "clicks": 1})
    frame = fetch(box, store, 364, 0, metrics=["clicks"])
    assert frame["date"].nunique() == len(frame) == 365
    assert box.sandbox.count("create_report") == 1
    assert len(fetch(box, store, 365, metrics=["clicks"])) == 365
    assert box.sandbox.count("create_report") == 2
    with pytest.raises(ReportTooOld, match="version 3 has 365 days of history") as caught:
        fetch(box, store, 366, 366)
    assert f"The service has reports from {box.day(365)} on: start there" in str(caught.value)
    assert box.sandbox.count("create_report") == 2


def test_of_more_than_a_year_all_that_there_is_is_fetched(box: Box, store: ReportCache) -> None:
    send_rows(box, {"campaignName": "a", "clicks": 1})
    with pytest.raises(PartialFetchError, match=f"reports from {box.day(365)} on") as caught:
        fetch(box, store, 367, 0, metrics=["clicks"])
    assert {str(partition.date) for partition in caught.value.failures} == {
        box.day(367), box.day(366),
    }  # fmt: skip
    assert len(store.entries()) == 366
    spans = [
        (report.request["startDate"], report.request["endDate"])
        for report in box.sandbox.reports.values()
    ]
    assert sorted(spans)[-1] == (box.day(364), box.day(0))
    assert box.day(365) in {start for start, _ in spans}


def test_a_report_in_flight_is_resumed(box: Box, store: ReportCache) -> None:
    box.sandbox.settings.__dict__["delay"] = 100.0
    with pytest.raises(ReportTimeout):
        fetch(box, store, 2, timeout=20.0)
    pending = store.pending()
    assert pending["tactic"].tolist() == ["all", "all"]
    assert len(fetch(box, store, 2)) > 0
    assert box.sandbox.count("create_report") == 1


# -- what is refused before any network ------------------------------------------------------


def test_version_2_is_refused_with_what_to_do(box: Box, store: ReportCache) -> None:
    client = box.client_for(0, "v2")
    request = ReportRequest(reportDate="20261118", metrics="clicks", tactic="T00020")
    calls: list[Callable[[], object]] = [
        lambda: fetch_report("invalidTraffic", box.day(1), client=client, cache=store),
        lambda: fetch_report(
            "invalidTraffic", box.day(1), client=client, cache=store, refresh="never"
        ),
        lambda: sda.plan_report("invalidTraffic", box.day(1), client=client, cache=store),
        lambda: sda.submit_report("invalidTraffic", box.day(1), client=client, cache=store),
        lambda: client.request_report("invalidTraffic", request),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest, match=r'of version 3 .* only.*api="v3"'):
            call()
    assert box.sandbox.requests == []


@pytest.mark.parametrize(
    "tactic", ["T00020", ["T00030"], ["T00020", "T00030"], "audiences", ["all", "T00020"], 7]
)
def test_a_tactic_is_refused(box: Box, store: ReportCache, tactic: Any) -> None:
    with pytest.raises(InvalidRequest, match="tactic"):
        fetch(box, store, 1, tactic=tactic)
    for call in (store.read, store.coverage, store.remove):
        with pytest.raises(InvalidRequest, match="tactic"):
            call("invalidTraffic", box.day(1), tactic=tactic)
    assert box.sandbox.requests == []


def test_the_one_tactic_may_be_named(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 1)
    tactics = frame.attrs["sdanalytics"]["tactics"]
    pd.testing.assert_frame_equal(fetch(box, store, 1, tactic=tactics), frame)
    with pytest.raises(InvalidRequest, match="tactic must be one of T00020, T00030, got 'all'"):
        store.read("campaigns", box.day(1), tactic="all")  # type: ignore[arg-type]


def test_segments_and_metrics_of_other_reports_are_refused(box: Box, store: ReportCache) -> None:
    with pytest.raises(InvalidRequest, match="invalidTraffic cannot be segmented"):
        fetch(box, store, 1, segment="matchedTarget")
    with pytest.raises(InvalidRequest, match="'cost' is not available for invalidTraffic"):
        fetch(box, store, 1, metrics=["clicks", "cost"])
    with pytest.raises(InvalidRequest, match="'campaignId' is not available for invalidTraffic"):
        fetch(box, store, 1, metrics=["campaignId"])
    assert box.sandbox.requests == []


# -- the name as the key ---------------------------------------------------------------------


def test_campaigns_of_one_name_are_rows_alike(box: Box, store: ReportCache) -> None:
    send_rows(
        box, {"campaignName": "a", "clicks": 1}, {"campaignName": "b", "clicks": 2},
        {"campaignName": "a", "clicks": 4},
    )  # fmt: skip
    with pytest.warns(DataWarning, match="alike in campaignName on the same day: 1 more") as said:
        frame = fetch(box, store, 1, metrics=["clicks"])
    assert len(said) == 1
    assert frame["campaignName"].tolist() == ["a", "a", "b"]
    assert frame["clicks"].sum() == 7
    assert frame.attrs["sdanalytics"]["rows_alike"] == 1
    with pytest.warns(DataWarning, match="alike in campaignName"):
        assert len(store.read("invalidTraffic", box.day(1))) == 3


@pytest.mark.parametrize("nameless", [{"campaignName": None}, {}, {"campaignName": ""}])
def test_a_row_without_a_name_is_no_row(
    box: Box, store: ReportCache, nameless: dict[str, Any]
) -> None:
    send_rows(box, {"campaignName": "a", "clicks": 1}, {**nameless, "clicks": 1})
    with pytest.raises(CorruptReport) as caught:
        fetch(box, store, 1, metrics=["clicks"])
    assert (caught.value.field, caught.value.row) == ("campaignName", 1)
    assert store.entries().empty


def test_a_day_without_rows_has_the_same_dtypes(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 1)
    send_rows(box)
    empty = fetch(box, store, 40, 40)
    assert empty.dtypes.equals(frame.dtypes)
    assert empty["tactic"].cat.categories.tolist() == ["all"]
    assert store.coverage("invalidTraffic", box.day(40), box.day(40))["state"].item() == "empty"


# -- the store -------------------------------------------------------------------------------


def test_stored_days_are_read_without_network(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 18)
    requests = len(box.sandbox.requests)
    store.compact()
    assert list(store.path.glob("months/**/tactic=all/*.month"))
    found = store.read("invalidTraffic", box.day(19), box.day(1))
    pd.testing.assert_frame_equal(found, frame)
    assert found.attrs["sdanalytics"]["slices_missing"] == 1
    narrow = store.read("invalidTraffic", box.day(2), metrics=["invalidClickThroughs"])
    assert list(narrow) == ["date", "tactic", "campaignName", "invalidClickThroughs"]
    assert len(box.sandbox.requests) == requests


def test_a_metric_more_is_added_to_the_stored_days(box: Box, store: ReportCache) -> None:
    fetch(box, store, 2, metrics=["clicks"])
    frame = fetch(box, store, 2, metrics=["invalidClickThroughs"])
    assert list(frame) == ["date", "tactic", "campaignName", "invalidClickThroughs"]
    assert set(store.entries()["columns"].map(tuple)) == {
        ("campaignName", "clicks", "invalidClickThroughs")
    }


def test_sql_joins_it_with_campaigns_by_name_and_day(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 2)
    client = box.client_for(0, "v3")
    fetch_report("campaigns", box.day(2), box.day(1), client=client, cache=store)
    (row,) = store.sql(
        "select count(*) as days, count(distinct campaignId) as campaigns, "
        "sum(i.invalidClickThroughs) as invalid, max(i.tactic) as tactic "
        "from invalidTraffic i join campaigns using (source, profile_id, date, campaignName)"
    ).to_dict("records")
    assert row == {
        "days": len(frame),
        "campaigns": frame["campaignName"].nunique(),
        "invalid": frame["invalidClickThroughs"].sum(),
        "tactic": "all",
    }
    total = store.sql("select sum(grossClickThroughs) as n from invalidTraffic where tactic='all'")
    assert total["n"].item() == frame["grossClickThroughs"].sum()


def test_entries_verify_and_remove(box: Box, store: ReportCache) -> None:
    fetch(box, store, 3)
    entries = store.entries()
    assert entries["tactic"].tolist() == ["all"] * 3
    assert entries["path"].str.contains("record_type=invalidTraffic/segment=none/tactic=all/").all()
    assert store.verify().empty
    assert store.remove("invalidTraffic", box.day(3), box.day(2)) == 2
    assert len(store.entries()) == 1


def test_coverage_knows_its_history_and_its_tactic(box: Box, store: ReportCache) -> None:
    fetch(box, store, 2)
    now = box.clock.now()
    year = store.coverage("invalidTraffic", box.day(366), box.day(1), now=now)
    assert year["tactic"].unique().tolist() == ["all"]
    assert year["state"].tolist() == ["gone", *["missing"] * 363, *["restatable"] * 2]
    assert store.coverage(tactic="T00020", now=now).empty
    profile: dict[str, Any] = {"source": box.client.source, "profile_id": box.client.profile_id}
    unknown = ReportCache(store.path / "other").coverage("invalidTraffic", now=now, **profile)
    assert len(unknown) == 365
    assert unknown["is_due"].all()
    everything = store.coverage(now=now)
    assert everything["record_type"].unique().tolist() == ["invalidTraffic"]
    sda.plots.coverage(everything)


@pytest.mark.parametrize(
    ("later", "last_due"),
    [(timedelta(hours=11), 0), (timedelta(hours=13), 5), (timedelta(hours=25), 14),
     (timedelta(days=6), 14), (timedelta(days=7, hours=1), 30), (timedelta(days=200), 30)],
)  # fmt: skip
def test_days_are_due_until_nothing_is_taken_out_any_more(
    box: Box, store: ReportCache, later: timedelta, last_due: int
) -> None:
    fetch(box, store, 40, metrics=["clicks"])
    days = box.day(40), box.day(1)
    coverage = store.coverage("invalidTraffic", *days, now=box.clock.now() + later)
    ages = range(40, 0, -1)
    assert coverage["is_due"].tolist() == [age <= last_due for age in ages]
    assert coverage["state"].tolist() == ["final" if age > 30 else "restatable" for age in ages]


def test_the_metadata_name_the_days_that_may_still_change(box: Box, store: ReportCache) -> None:
    notes = fetch(box, store, 40, metrics=["clicks"]).attrs["sdanalytics"]
    read = store.read("invalidTraffic", box.day(40), box.day(1)).attrs["sdanalytics"]
    for metadata in (notes, read):
        assert metadata["restatable_from"] == box.day(30)
        assert metadata["traffic_restatable_from"] == box.day(30)
        assert metadata["arriving_from"] is None


# -- analysis and figures --------------------------------------------------------------------


def test_summaries_have_sums_and_ratios_of_the_sums(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 14)
    kpis = sda.add_kpis(frame)
    assert [name for name in kpis if name not in frame] == ["ctr"]
    (row,) = sda.summarize(frame).to_dict("records")
    sums = frame[["invalidClickThroughs", "grossClickThroughs"]].sum()
    assert row["invalidClickThroughs"] == sums["invalidClickThroughs"]
    assert row["invalidClickThroughRate"] == pytest.approx(
        sums["invalidClickThroughs"] / sums["grossClickThroughs"], rel=1e-12
    )
    assert row["invalidClickThroughRate"] != pytest.approx(
        frame["invalidClickThroughRate"].mean(), rel=1e-6
    )
    weeks = (box.day(14), box.day(8)), (box.day(7), box.day(1))
    compared = sda.compare(frame, *weeks, by="campaignName", metrics=["invalidClickThroughRate"])
    assert compared["invalidClickThroughRate_change"].notna().any()


def test_figures_draw_what_it_has_and_say_what_it_lacks(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store, 14)
    axes = sda.plots.trend(frame, metric="invalidClickThroughs", by="campaignName")
    assert axes.get_ylabel() == "invalidClickThroughs"
    sda.plots.top(frame, "invalidClickThroughRate", by="campaignName")
    sda.plots.calendar(frame, "grossClickThroughs")
    for draw in (sda.plots.trend, sda.plots.top, sda.plots.calendar, sda.plots.efficiency):
        with pytest.raises(InvalidRequest, match="rows of invalidTraffic have no cost"):
            draw(frame)
    with pytest.raises(InvalidRequest, match="rows of invalidTraffic have no adGroupName: fetch"):
        sda.summarize(frame, by="adGroupName")


# -- the picker ------------------------------------------------------------------------------


def test_the_picker_offers_it_in_version_3_without_tactics(box: Box, store: ReportCache) -> None:
    picker: Any = ReportPicker(box.client_for(0, "v3"), cache=store)
    assert picker.record_type.options == list_record_types()
    picker.tactic.value = "T00020"
    picker.record_type.value = "invalidTraffic"
    assert picker.tactic.layout.display == "none"
    assert picker.segment.disabled
    assert picker.metrics.value == tuple(COLUMNS[3:])
    assert picker.query.tactics == ("all",)
    assert "tactic" not in picker.code
    assert "metrics" not in picker.code
    picker.fetch()
    assert picker.wait(60)
    assert list(picker.data) == COLUMNS
    picker.record_type.value = "campaigns"
    assert picker.tactic.layout.display is None
    assert picker.query.tactics == ("T00020",)
    picker.close()


def test_the_picker_does_not_offer_it_in_version_2(box: Box, store: ReportCache) -> None:
    picker: Any = ReportPicker(box.client_for(0, "v2"), cache=store)
    assert "invalidTraffic" not in picker.record_type.options
    picker.close()


# -- the catalogue ---------------------------------------------------------------------------


def test_its_metrics_are_listed_with_what_they_mean() -> None:
    listed = sda.list_metrics("invalidTraffic").set_index("metric")
    assert set(listed.index) == {*COLUMNS[2:], "portfolioId"}
    assert not listed["v2"].any()
    assert listed["meaning"].str.len().gt(10).all()
    summable = listed.index[listed["is_summable"]]
    assert set(summable) == {name for name in COLUMNS[5:] if not name.endswith("Rate")}
    assert sda.metrics.default_metrics("invalidTraffic") == tuple(COLUMNS[3:])
    assert sda.metrics.available("invalidTraffic", api="v2") == ()
    assert sda.metrics.identity("invalidTraffic") == ("campaignName",)


def test_no_metric_of_version_2_can_be_registered_for_it() -> None:
    with pytest.raises(InvalidRequest, match="record_types must be one of campaigns"):
        sda.metrics.register("robotClicks", "count", "invalidTraffic", api="v2")
