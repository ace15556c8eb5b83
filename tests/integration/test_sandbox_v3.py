"""The sandbox in version 3: rejections, and the same account as in version 2."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
import requests

from sdanalytics import sandbox
from sdanalytics.model.metrics import CATALOGUE, TACTICS, identity_columns, requestable_metrics
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.caller import Caller, Rows, report_body, unpack
from tests.support.clock import JumpingClock
from tests.support.rows import REPORTS


def columns_of(record_type: str, segment: str | None) -> list[str]:
    names = requestable_metrics(record_type, segment, api="v3")
    return ["date", *(str(CATALOGUE[name].v3_name) for name in names)]


@pytest.fixture
def caller(box: Box) -> Caller:
    return Caller(box)


# -- rejections ----------------------------------------------------------------------------


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer Atza|made-up"}, 401),
        ({"Amazon-Advertising-API-ClientId": "other"}, 401),
        ({"Amazon-Advertising-API-Scope": ""}, 400),
        ({"Amazon-Advertising-API-Scope": "123"}, 401),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
def test_headers_are_validated(caller: Caller, headers: dict[str, str], status: int) -> None:
    answer = caller.create(**headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["code"] == str(status)


COLUMNS: Final = ["date", "campaignId"]


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "not JSON"),
        ([], "not an object"),
        ({}, "startDate, endDate, configuration"),
        (report_body(configuration="sdCampaigns"), "configuration"),
        (report_body(configuration={}), "adProduct, reportTypeId"),
        (report_body(reportDate="20261110"), "reportDate"),
        (report_body(name=7), "name"),
        (report_body(startDate=20261110), "startDate"),
        (report_body(startDate="20261110"), "startDate is not YYYY-MM-DD"),
        (report_body(startDate="2026-11-31"), "startDate is not YYYY-MM-DD"),
        (report_body(startDate="2026-11-13"), "endDate is before startDate"),
        (report_body(endDate="2026-11-21"), "in the future"),
        (report_body(startDate="2026-09-15", endDate="2026-09-15"), "(2026-09-16)"),
        (report_body(startDate="2026-10-12"), "31 days"),
        (report_body(adProduct="SPONSORED_PRODUCTS"), "adProduct"),
        (report_body(reportTypeId="spCampaigns"), "reportTypeId is unknown or invalid"),
        (report_body(groupBy="campaign"), "groupBy"),
        (report_body(groupBy=[]), "groupBy"),
        (report_body(groupBy=["adGroup"]), "groupBy is invalid for sdCampaigns"),
        (report_body(groupBy=["campaign", "matchedTarget"]), "groupBy"),
        (report_body("asins", "matchedTarget"), "groupBy is invalid for sdPurchasedProduct"),
        (report_body(columns=[]), "columns"),
        (report_body(columns=["date", 7]), "columns"),
        (
            report_body(columns=["date", "cots", "clicks2"]),
            "invalid value: (cots, clicks2)",
        ),
        (report_body(columns=["date", "attributedSales14d"]), "(attributedSales14d)"),
        (report_body(columns=["date", "adGroupName"]), "(adGroupName)"),
        (report_body(segment="matchedTarget", columns=["campaignBudgetAmount"]), "(campaignBudget"),
        (report_body(columns=[*COLUMNS, "startDate", "endDate"]), "(startDate, endDate)"),
        (report_body(columns=COLUMNS, timeUnit="SUMMARY"), "(date)"),
        (report_body(timeUnit="HOURLY"), "DAILY, SUMMARY"),
        (report_body(format="CSV"), "GZIP_JSON"),
        (report_body(filters="enabled"), "filters"),
        (report_body(filters=[{"field": "campaignStatus"}]), "values"),
        (report_body(filters=[{"field": "adGroupName", "values": ["A"]}]), "(adGroupName)"),
        (report_body(filters=[{"field": "campaignStatus", "values": []}]), "filters"),
    ],
)
def test_bodies_are_validated(caller: Caller, body: Any, message: str) -> None:
    answer = caller.create(body)
    assert answer.status_code == 400
    assert message in answer.json()["detail"]
    assert caller.box.sandbox.reports == {}


@pytest.mark.parametrize(
    "change",
    [
        {"startDate": "2026-10-13"},  # 31 days
        {"startDate": "2026-09-16", "endDate": "2026-09-16"},  # 65 days ago
        {"endDate": "2026-11-20"},  # today
        {"name": "mine"},
        {"name": None, "filters": None},
    ],
)
def test_limits_are_inclusive(caller: Caller, change: dict[str, Any]) -> None:
    assert caller.create(report_body(**change)).status_code == 200


@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
def test_a_report_has_the_columns_of_its_table(
    caller: Caller, record_type: str, segment: str | None
) -> None:
    columns = columns_of(record_type, segment)
    rows = caller.rows(report_body(record_type, segment, columns=columns))
    assert {name for row in rows for name in row} == set(columns)
    every = {str(metric.v3_name) for metric in CATALOGUE.values() if metric.v3_reports}
    for name in sorted(every - set(columns)):
        assert caller.create(report_body(record_type, segment, columns=[name])).status_code == 400


def test_vendors_have_no_purchased_products_and_no_skus(box: Box) -> None:
    vendor = Caller(box, advertiser=1)
    assert vendor.create(report_body("asins")).status_code == 400
    assert vendor.create(report_body("productAds", columns=["promotedSku"])).status_code == 400
    assert vendor.create(report_body("productAds", columns=["promotedAsin"])).status_code == 200


def test_an_account_without_the_product_is_forbidden(clock: JumpingClock) -> None:
    with sandbox.start() as default_box:
        unregistered = {default_box.profile_ids[0]}
    box = Box(clock, unregistered=unregistered)
    with box.sandbox:
        assert Caller(box).create().status_code == 403
        assert Caller(box).call("GET", "/sd/campaigns").status_code == 403
        assert Caller(box, advertiser=1).create().status_code == 200


# -- the life of a report ------------------------------------------------------------------


def test_a_report_is_pending_then_processing_then_completed(caller: Caller) -> None:
    body = report_body(name="mine")
    created = caller.create(body).json()
    report_id = created["reportId"]
    assert created == body | {
        "reportId": report_id,
        "status": "PENDING",
        "createdAt": "2026-11-20T18:00:00.000Z",
        "updatedAt": "2026-11-20T18:00:00.000Z",
        **dict.fromkeys(("generatedAt", "url", "urlExpiresAt", "fileSize", "failureReason")),
    }
    seen = []
    for _ in range(5):
        document = caller.get(report_id).json()
        seen.append((document["status"], document["url"] is None))
        caller.box.clock.pass_time(1.25)
    assert seen == [("PENDING", True)] * 2 + [("PROCESSING", True)] * 2 + [("COMPLETED", False)]
    assert document["generatedAt"] == document["updatedAt"] == "2026-11-20T18:00:05.000Z"
    assert document["urlExpiresAt"] == "2026-11-20T19:00:05.000Z"
    payload = requests.get(document["url"], timeout=10)
    assert len(payload.content) == document["fileSize"]
    assert unpack(payload) == caller.box.sandbox.reports[report_id].rows


def test_a_url_is_valid_for_an_hour_and_each_poll_gives_a_new_one(
    caller: Caller,
) -> None:
    report_id = caller.create().json()["reportId"]
    caller.box.clock.pass_time(6)
    url = caller.get(report_id).json()["url"]
    assert url.startswith(caller.box.sandbox.storage_url)
    caller.box.clock.pass_time(3599)
    assert requests.get(url, timeout=10).status_code == 200
    caller.box.clock.pass_time(2)
    assert requests.get(url, timeout=10).status_code == 403
    fresh = Caller(caller.box).get(report_id).json()["url"]  # the token was, too
    assert requests.get(fresh, timeout=10).status_code == 200


def test_a_report_can_fail_for_a_reason(caller: Caller) -> None:
    report_id = caller.create().json()["reportId"]
    report = caller.box.sandbox.reports[report_id]
    report.status, report.details = "FAILED", "Internal error of the generator"
    assert caller.get(report_id).json()["failureReason"] is None
    caller.box.clock.pass_time(6)
    document = caller.get(report_id).json()
    assert (document["status"], document["url"]) == ("FAILED", None)
    assert document["failureReason"] == "Internal error of the generator"


@pytest.mark.parametrize("without_url", [True, False])
def test_days_without_activity(clock: JumpingClock, without_url: bool) -> None:
    box = Box(clock, v3_empty_url=without_url)
    with box.sandbox:
        box.sandbox.set_content(lambda report: [])
        caller = Caller(box)
        report_id = caller.create().json()["reportId"]
        clock.pass_time(6)
        document = caller.get(report_id).json()
        assert document["status"] == "COMPLETED"
        assert document["generatedAt"] is not None
        if without_url:
            assert document["url"] is document["urlExpiresAt"] is document["fileSize"] is None
        else:
            assert document["fileSize"] == 22
            assert unpack(requests.get(document["url"], timeout=10)) == []


def test_a_report_belongs_to_its_profile_and_version(caller: Caller) -> None:
    box = caller.box
    report_id = caller.create().json()["reportId"]
    other = Caller(box, advertiser=2)
    assert other.get(report_id).status_code == 404
    assert other.delete(report_id).status_code == 404
    assert caller.call("GET", f"/v2/reports/{report_id}").status_code == 404
    body = {"reportDate": "20261118", "tactic": "T00020", "metrics": "clicks"}
    v2 = caller.call("POST", "/sd/campaigns/report", json=body).json()["reportId"]
    assert caller.get(v2).status_code == 404
    assert caller.get(report_id).status_code == 200


def test_a_report_in_flight_is_not_built_twice(caller: Caller) -> None:
    report_id = caller.create().json()["reportId"]
    refused = caller.create(report_body(name="another name"))
    assert refused.status_code == 425
    detail = f"The Request is a duplicate of : {report_id}"
    assert refused.json() == {"code": "425", "detail": detail}
    for other in (
        report_body(endDate="2026-11-13"),
        report_body(columns=["date"]),
        report_body("adGroups"),
    ):
        assert caller.create(other).status_code == 200
    assert Caller(caller.box, advertiser=1).create().status_code == 200
    caller.box.clock.pass_time(6)
    assert caller.create().status_code == 200


def test_a_create_answered_with_429_may_have_succeeded(caller: Caller) -> None:
    body = json.dumps({"code": "429", "detail": "Too Many Requests"})
    headers = {"Content-Type": "application/json"}
    caller.box.sandbox.script_responses(
        "create_report", ScriptedResponse(429, body, headers, stage="done")
    )
    assert caller.create().status_code == 429
    [report_id] = caller.box.sandbox.reports
    assert report_id in caller.create().json()["detail"]


def test_only_pending_reports_can_be_deleted(caller: Caller) -> None:
    report_id = caller.create().json()["reportId"]
    assert caller.delete(report_id).json()["status"] == "CANCELLED"
    assert caller.get(report_id).status_code == 404
    assert caller.delete(report_id).status_code == 404
    again = caller.create().json()["reportId"]  # and no duplicate
    for status in ("PROCESSING", "COMPLETED"):
        caller.box.clock.pass_time(3)
        assert caller.get(again).json()["status"] == status
        assert caller.delete(again).status_code == 400


def test_limits_answer_429(clock: JumpingClock) -> None:
    box = Box(clock, queue_limit=2, retry_after=9)
    with box.sandbox:
        caller = Caller(box)
        bodies = [report_body(startDate=f"2026-11-0{n}") for n in (1, 2, 3)]
        answers = [caller.create(body) for body in bodies]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["Retry-After"] == "9"
        assert answers[-1].json()["code"] == "429"
        caller.delete(answers[0].json()["reportId"])
        assert caller.create(bodies[2]).status_code == 200
    box = Box(clock, rate_limit=1, retry_after=None)
    with box.sandbox:
        caller = Caller(box)
        report_id = caller.create().json()["reportId"]
        refused = [
            caller.create(),
            *[caller.get(report_id) for _ in range(2)],
            *[caller.call("GET", "/sd/campaigns") for _ in range(2)],
        ]
        assert [answer.status_code for answer in refused] == [429, 200, 429, 200, 429]
        assert "Retry-After" not in refused[0].headers


@pytest.mark.parametrize("operation", ["create_report", "get_report", "delete_report", "campaigns"])
def test_faults_can_be_scripted(caller: Caller, operation: str) -> None:
    report_id = caller.create(report_body("targets")).json()["reportId"]
    calls: dict[str, Callable[[], object]] = {
        "create_report": caller.create,
        "get_report": lambda: caller.get(report_id),
        "delete_report": lambda: caller.delete(report_id),
        "campaigns": caller.campaigns,
    }
    before = caller.box.sandbox.count(operation)
    faults = [
        ScriptedResponse(0, stage="unread"),
        ScriptedResponse(0, reset=True),
        ScriptedResponse(None, truncate_at=9),
    ]
    caller.box.sandbox.script_responses(operation, *faults)
    for _ in faults:
        with pytest.raises(requests.RequestException):
            calls[operation]()
    assert caller.box.sandbox.count(operation) == before + 3
    assert len(caller.box.sandbox.reports) == (2 if operation == "create_report" else 1)


# -- the same account ----------------------------------------------------------------------


def by_place(rows: Rows, keys: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows_by_key = {tuple(row[key] for key in keys): row for row in rows}
    assert len(rows_by_key) == len(rows)
    return rows_by_key


def through_v2(caller: Caller, record_type: str, segment: str | None, days: int) -> Rows:
    """Return the last days of both tactics, by version 3 names where there are any."""
    today = caller.box.sandbox.today
    return [
        {"date": str(day)} | {CATALOGUE[name].v3_name or name: row[name] for name in row}
        for day in (today - timedelta(ago) for ago in range(days))
        for tactic in TACTICS
        for row in caller.v2_rows(record_type, segment, day, tactic)
    ]


def through_v3(caller: Caller, record_type: str, segment: str | None, days: int) -> Rows:
    """Return the same from reports of at most 31 days."""
    today, rows = caller.box.sandbox.today, []
    for newest in range(0, days, 31):
        body = report_body(
            record_type,
            segment,
            startDate=str(today - timedelta(min(newest + 30, days - 1))),
            endDate=str(today - timedelta(newest)),
            columns=columns_of(record_type, segment),
        )
        rows += caller.rows(body)
    return rows


@pytest.fixture
def at_once(clock: JumpingClock) -> Iterator[Caller]:
    """A caller whose reports take no time: all are of one moment, as attribution matures."""
    box = Box(clock, delay=0.0)
    with box.sandbox:
        yield Caller(box)


@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
def test_both_versions_have_the_same_numbers_for_35_days(
    at_once: Caller, record_type: str, segment: str | None
) -> None:
    both = set(requestable_metrics(record_type, segment)) & set(
        requestable_metrics(record_type, segment, api="v3")
    )
    common = {str(CATALOGUE[name].v3_name) for name in both}
    keys = [
        "date",
        *(str(CATALOGUE[name].v3_name) for name in identity_columns(record_type, segment)),
    ]
    assert common > set(keys[1:])
    old = by_place(through_v2(at_once, record_type, segment, 35), keys)
    new = by_place(through_v3(at_once, record_type, segment, 35), keys)
    assert at_once.box.sandbox.count("create_report") == 2
    assert at_once.box.sandbox.count("request_report") == 70
    assert len(old) > 200
    both_versions = [
        {key: {name: row[name] for name in row.keys() & common} for key, row in rows.items()}
        for rows in (old, new)
    ]
    assert both_versions[0] == both_versions[1]


@pytest.mark.parametrize("advertiser", [1, 2])
def test_both_versions_agree_for_each_advertiser(clock: JumpingClock, advertiser: int) -> None:
    box = Box(clock, delay=0.0)
    with box.sandbox:
        caller = Caller(box, advertiser)
        names = ["campaignId", "date", "cost", "sales", "campaignName"]
        totals = [
            sorted([row[name] for name in names] for row in through(caller, "campaigns", None, 3))
            for through in (through_v2, through_v3)
        ]
        assert totals[0] == totals[1]
        assert len(totals[0]) > 20


def test_results_are_reproducible() -> None:
    answers = []
    for _ in range(2):
        box = Box(JumpingClock())
        with box.sandbox:
            columns = columns_of("targets", None)
            answers.append(Caller(box).rows(report_body("targets", columns=columns)))
    assert answers[0] == answers[1]


def test_sums_of_version_3_metrics_are_consistent(at_once: Caller) -> None:
    parts = {
        "addToCart": ("addToCartClicks", "addToCartViews"),
        "addToList": ("addToListFromClicks", "addToListFromViews"),
        "newToBrandDetailPageViews": (
            "newToBrandDetailPageViewClicks",
            "newToBrandDetailPageViewViews",
        ),
    }
    totals = set()
    for record_type in ("campaigns", "adGroups", "productAds", "targets"):
        columns = columns_of(record_type, None)
        rows = at_once.rows(report_body(record_type, columns=columns))
        sums = Counter[str]()
        for row in rows:
            sums.update({name: row[name] for names in parts.values() for name in names})
            for total, names in parts.items():
                assert row[total] == sum(row[name] for name in names)
            searches = row["brandedSearches"] - row["brandedSearchesClicks"]
            assert row["brandedSearchesViews"] == max(0, searches)
        totals.add(tuple(sorted(sums.items())))
    [once] = totals
    assert all(count > 0 for _, count in once)


def test_rates_and_costs_are_computed_from_the_row(at_once: Caller) -> None:
    rows = at_once.rows(report_body(columns=columns_of("campaigns", None)))
    for row in rows:
        assert row["addToCartRate"] == round(row["addToCart"] / row["impressions"], 6)
        assert row["brandedSearchRate"] == round(row["brandedSearches"] / row["impressions"], 6)
        assert row["eCPAddToCart"] == pytest.approx(row["cost"] / row["addToCart"], abs=0.006)
        assert row["longTermROAS"] == pytest.approx(row["longTermSales"] / row["cost"], abs=1e-6)
        assert row["longTermSales"] >= row["newToBrandSales"]
    assert len(rows) > 20


def test_a_summary_is_the_sum_of_its_days(at_once: Caller) -> None:
    names = ["matchedTargetAsin", "campaignId", "clicks", "salesClicks"]
    body = report_body(segment="matchedTarget", columns=["date", *names])
    sums: Counter[tuple[Any, ...]] = Counter()
    for row in at_once.rows(body):
        for name in names[2:]:
            sums[row["campaignId"], row["matchedTargetAsin"], name] += row[name]
    body = report_body(
        segment="matchedTarget", columns=["startDate", "endDate", *names], timeUnit="SUMMARY"
    )
    summary = at_once.rows(body)
    assert {(row["startDate"], row["endDate"]) for row in summary} == {("2026-11-10", "2026-11-12")}
    for row in summary:
        for name in names[2:]:
            total = sums.pop((row["campaignId"], row["matchedTargetAsin"], name))
            assert row[name] == pytest.approx(total)
    assert not sums


def test_filters_exclude_rows(at_once: Caller) -> None:
    columns = ["campaignId", "cost"]
    everything = at_once.rows(report_body(columns=["costType", *columns]))
    filters = [{"field": "costType", "values": ["VCPM"]}]
    rows = at_once.rows(report_body(columns=columns, filters=filters))
    expected = [row for row in everything if row.pop("costType") == "VCPM"]
    assert 0 < len(rows) < len(everything)
    assert rows == expected


# -- campaigns, and a retired version ------------------------------------------------------

ALL_STATES: Final = "enabled,paused,archived"


def test_campaigns_are_listed_in_pages(clock: JumpingClock) -> None:
    box = Box(clock, page_size=7)
    with box.sandbox:
        caller = Caller(box)
        pages: list[list[dict[str, Any]]] = []
        while not pages or pages[-1]:
            start = sum(map(len, pages))
            pages.append(caller.campaigns(startIndex=start, count=100, stateFilter=ALL_STATES))
        sizes = [len(page) for page in pages]
        assert set(sizes[:-2]) == {7}
        assert len(sizes) > 4
        listed = [campaign["campaignId"] for page in pages for campaign in page]
        assert len(listed) == len(set(listed))
        assert len(caller.campaigns(startIndex=1, count=2)) == 2
        assert caller.campaigns(startIndex=1, count=2) == caller.campaigns()[1:3]


def test_archived_campaigns_are_listed_on_request(caller: Caller) -> None:
    listed = caller.campaigns()
    assert {campaign["state"] for campaign in listed} <= {"enabled", "paused"}
    archived = caller.campaigns(stateFilter="archived")
    assert {campaign["state"] for campaign in archived} == {"archived"}
    assert len(caller.campaigns(stateFilter=ALL_STATES)) == len(listed) + len(archived)


def test_every_campaign_of_a_report_is_listed_with_its_tactic(at_once: Caller) -> None:
    listed = {
        campaign["campaignId"]: (campaign["tactic"], campaign["name"])
        for campaign in at_once.campaigns(stateFilter=ALL_STATES)
    }
    for ago in (0, 1, 30, 60):
        day = at_once.box.sandbox.today - timedelta(ago)
        for tactic in TACTICS:
            for row in at_once.v2_rows("campaigns", None, day, tactic):
                assert listed[row["campaignId"]] == (tactic, row["campaignName"])


def test_campaigns_can_be_unlisted(at_once: Caller) -> None:
    first, *others = at_once.campaigns()
    box = Box(at_once.box.clock, unlisted={first["campaignId"]})
    with box.sandbox:
        caller = Caller(box)
        assert caller.campaigns() == others
        assert first["campaignId"] in {row["campaignId"] for row in caller.rows()}


@pytest.mark.off_contract
@pytest.mark.parametrize(
    "query",
    [
        {"count": 0},
        {"count": "all"},
        {"startIndex": -1},
        {"stateFilter": "running"},
        {"stateFilter": ""},
    ],
)
def test_queries_are_validated(caller: Caller, query: dict[str, Any]) -> None:
    assert caller.call("GET", "/sd/campaigns", params=query).status_code == 400


def test_version_2_can_be_switched_off(clock: JumpingClock) -> None:
    box = Box(clock, retired=True)
    with box.sandbox:
        caller = Caller(box)
        body = {"reportDate": "20261118", "tactic": "T00020", "metrics": "clicks"}
        responses = [
            caller.call("POST", "/sd/campaigns/report", json=body),
            caller.call("GET", "/v2/reports/x"),
            caller.call("GET", "/v2/reports/x/download"),
        ]
        assert [answer.status_code for answer in responses] == [404, 404, 404]
        assert box.sandbox.count("request_report") == 1
        assert len(caller.call("GET", "/v2/profiles").json()) == 3
        assert len(caller.rows()) > 20
        assert len(caller.campaigns()) > 5


@pytest.mark.parametrize(
    ("accepted", "status"),
    [
        ("*/*", 200),
        ("application/*", 200),
        ("application/vnd.createasyncreportresponse.v3+json", 200),
        ("application/json, application/vnd.createasyncreportresponse.v3+json;q=0.5", 200),
        ("application/json", 406),
        ("application/vnd.getasyncreportresponse.v3+json", 406),
        ("text/html", 406),
    ],
)
def test_a_create_is_answered_in_a_type_that_is_accepted(
    box: Box, accepted: str, status: int
) -> None:
    answer = Caller(box).create(Accept=accepted)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(
        "application/vnd.createasyncreportresponse.v3+json" if status == 200 else "application/json"
    )


def test_the_types_of_other_responses_are_their_own(box: Box) -> None:
    caller = Caller(box)
    report_id = caller.create().json()["reportId"]
    found = caller.get(report_id).headers["Content-Type"]
    assert found == "application/vnd.getasyncreportresponse.v3+json"
    deleted = caller.delete(report_id).headers["Content-Type"]
    assert deleted == "application/vnd.deleteasyncreportresponse.v3+json"
