"""The sandbox in version 1: refusals, files, and the same account as in version 3."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

import pytest
import requests

from sdanalytics.sandbox.v1_fields import V1_FIELDS
from tests.support.box import Box
from tests.support.caller import Caller, report_body
from tests.support.clock import JumpingClock
from tests.support.v1_caller import (
    ALL_ACCOUNTS,
    CAMPAIGN,
    FIELDS,
    Cells,
    V1Caller,
    both,
    display_in,
    on,
    read_file,
)

PRODUCT: Final = ["convertedProduct.id", "convertedProductMarketplace.value"]


@pytest.fixture
def caller(box: Box) -> V1Caller:
    return V1Caller(box)


def totals(rows: Iterable[Cells], keys: list[str], name: str) -> dict[tuple[Any, ...], float]:
    """Return the sums of a metric by fields; a missing value is left out."""
    sums: dict[tuple[Any, ...], float] = defaultdict(float)
    for row in rows:
        sums[tuple(row[key] for key in keys)] += float(row[name] or 0)
    return {key: round(value, 2) for key, value in sums.items()}


# -- accounts ------------------------------------------------------------------------------


def test_accounts_that_are_not_global_are_listed_on_request_only(caller: V1Caller) -> None:
    listed = [[account["displayName"] for account in caller.accounts(**q)] for q in ALL_ACCOUNTS]
    assert listed == [["Northwind Outdoor", "Alpenglück GmbH"], ["青葉商店"]]


def test_pages_of_accounts_can_be_empty_and_not_the_last(clock: JumpingClock) -> None:
    box = Box(clock, profiles=9, page_size=2)
    with box.sandbox:
        caller = V1Caller(box)
        first = caller.call("query/advertiserAccounts", {}).json()
        assert first["advertiserAccounts"] == []
        assert first["nextToken"]
        assert len(caller.accounts()) == 6
        [*_, last] = caller.accounts()
        chosen = {"include": [last["advertiserAccountId"]]}
        assert caller.accounts(advertiserAccountIdFilter=chosen) == [last]


def test_an_account_holds_profiles_of_several_countries_and_ids_of_none(caller: V1Caller) -> None:
    ids = caller.accounts()[0]["alternateIds"]
    assert {item["countryCode"] for item in ids if "profileId" in item} == {"US", "CA"}
    assert any("profileId" not in item for item in ids)


@pytest.mark.off_contract
@pytest.mark.parametrize(
    "query",
    [
        {"maxResults": 9}, {"maxResults": 101}, {"maxResults": True}, {"nextToken": "next"},
        {"isGlobalAccountFilter": {"include": ["true"]}}, {"isGlobalAccountFilter": [True]},
        {"isGlobalAccountFilter": {"include": [True, False]}}, {"pageSize": 10},
    ],
)  # fmt: skip
def test_queries_for_accounts_are_validated(caller: V1Caller, query: dict[str, Any]) -> None:
    answer = caller.call("query/advertiserAccounts", query)
    assert (answer.status_code, answer.json()["code"]) == (400, "400000")


# -- refusals ------------------------------------------------------------------------------


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 207),
        ({"Amazon-Ads-ClientId": "", "Amazon-Advertising-API-ClientId": "same"}, 207),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer Atza|made-up"}, 401),
        ({"Amazon-Ads-ClientId": "other"}, 401),
        ({"Amazon-Ads-ClientId": ""}, 401),
        ({"Content-Type": "text/plain"}, 400),
        ({"Accept": "text/csv"}, 400),
    ],
)
def test_headers_are_validated_in_version_1(
    caller: V1Caller, headers: dict[str, str], status: int
) -> None:
    own = caller.headers["Amazon-Ads-ClientId"]
    given = {name: own if value == "same" else value for name, value in headers.items()}
    assert caller.create(**given).status_code == status


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"format": "GZIP_JSON"}, "400000", "CSV"),
        ({"format": "csv"}, "400000", "CSV"),
        ({"name": "mine"}, "400000", "name"),
        ({"fields": []}, "400000", "fields"),
        ({"fields": [*FIELDS, "date.value"]}, "400000", "twice"),
        ({"fields": ["campaign.id", "metric.clicks"]}, "400000", "time dimension, got 0"),
        ({"fields": CAMPAIGN}, "400000", "metric"),
        ({"fields": ["date.value", "metric.clicks"]}, "400000", "campaign.id"),
        ({"startDate": "2026-11-13"}, "400000", "endDate is before startDate"),
        ({"startDate": "20261110"}, "400000", "YYYY-MM-DD"),
        ({"startDate": "2026-07-15"}, "400000", "120 days, got 121"),
        ({"endDate": "2026-11-21"}, "400000", "in the future"),
        ({"filter": {}}, "400000", "'on' or 'and'"),
        ({"filter": {"or": {}}}, "400000", "or"),
        ({"filter": both()}, "400000", "filters"),
        ({"filter": on("adProduct.value")}, "400000", "values"),
        ({"filter": {"on": {"field": "adProduct.value"}}}, "400000", "comparisonOperator"),
        (
            {"fields": [*CAMPAIGN, *PRODUCT, "metric.purchases", "metric.clicks"]},
            "400004",
            "field metric.clicks cannot be used with convertedProduct",
        ),
        (
            {"fields": [*CAMPAIGN, "matchedTarget.value", "metric.userReach"]},
            "400004",
            "field metric.userReach cannot be used with matchedTarget",
        ),
        ({"fields": [*CAMPAIGN, "target.value", "metric.clicks"]}, "400004", "with target"),
        ({"fields": [*CAMPAIGN, "metric.cost"]}, "400005", "field metric.cost"),
        ({"filter": on("campaign.tactic", "T00020")}, "400005", "field campaign.tactic"),
        (
            {"fields": [*CAMPAIGN, "metric.totalCost"]},
            "400006",
            "400006: field metric.totalCost cannot be used without also including fields: "
            "(budgetCurrency.value)",
        ),
        (
            {"fields": ["date.value", "campaign.name", "metric.clicks"]},
            "400006",
            "field campaign.name cannot be used without also including fields: (campaign.id)",
        ),
        ({"fields": [*FIELDS, "clicks"]}, "400013", "field clicks has invalid format"),
        (
            {"startDate": "2025-08-20", "endDate": "2025-08-22"},
            "400025",
            "startDate 2025-08-20 is before the look-back window (2025-08-21)",
        ),
        (
            {"fields": [*CAMPAIGN, "clicks", "metric.cost"]},
            "400100",
            "400013: field clicks has invalid format; 400005: field metric.cost",
        ),
    ],
)
def test_creates_are_validated(
    caller: V1Caller, change: dict[str, Any], code: str, message: str
) -> None:
    answer = caller.create(caller.body(**change))
    assert caller.box.sandbox.reports == {}
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert message in answer.json()["message"]


@pytest.mark.off_contract
def test_refusals_can_be_told_in_a_207(clock: JumpingClock) -> None:
    box = Box(clock, v1_multi_status=True)
    with box.sandbox:
        caller = V1Caller(box)
        create = caller.create(caller.body([*FIELDS, "clicks", "metric.cost"]))
        retrieve = caller.call("retrieve/reports", {"reportIds": ["made-up"]})
    codes = []
    for answer in (create, retrieve):
        assert (answer.status_code, answer.json()["success"]) == (207, [])
        [item] = answer.json()["error"]
        codes.append([error["code"] for error in item["errors"]])
    assert codes == [["400013", "400005"], ["404001"]]


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ([], "400000"),
        ([{"profileId": "1842030415361601"}], "400000"),
        ([{"advertiserAccountId": "1842030415361601"}], "400026"),
        ([{"managerAccountId": "amzn1.ads-account.m.x"}], "400026"),
        ([{"advertiserAccountId": "x"}] * 6, "400000"),
    ],
)
def test_accounts_of_a_create_are_validated(
    caller: V1Caller, accounts: list[dict[str, str]], code: str
) -> None:
    answer = caller.create(caller.body() | {"accessRequestedAccounts": accounts})
    assert answer.json()["code"] == code


def test_an_account_without_the_product_is_not_accessible(clock: JumpingClock) -> None:
    box = Box(clock)
    with box.sandbox:
        unregistered = {box.sandbox.profile_ids[0]}
    box = Box(clock, unregistered=unregistered)
    with box.sandbox:
        assert V1Caller(box).create().json()["code"] == "400026"


def test_limits_of_days_are_inclusive(caller: V1Caller) -> None:
    first = caller.body(startDate="2025-08-21", endDate="2025-08-21")
    assert len({row["date.value"] for row in caller.rows(first)}) == 1
    longest = caller.body(startDate="2026-07-24", endDate="2026-11-20")
    days = {row["date.value"] for row in caller.rows(longest)}
    assert len(days) == 120


def test_errors_of_other_reports_and_of_several_ids(caller: V1Caller) -> None:
    unknown = caller.call("retrieve/reports", {"reportIds": ["made-up"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "404001")


@pytest.mark.off_contract
@pytest.mark.parametrize("body", [{"reportIds": ["a", "b"]}, {"reportIds": []}, {"reportId": "a"}])
def test_exactly_one_report_is_retrieved(caller: V1Caller, body: Any) -> None:
    assert caller.call("retrieve/reports", body).json()["code"] == "400000"


# -- limits on creates ---------------------------------------------------------------------


def test_a_create_within_a_minute_of_another_is_refused_and_so_are_those_after_it(
    caller: V1Caller,
) -> None:
    clock = caller.box.clock
    caller.start()
    clock.pass_time(59)
    early = caller.create()
    assert (early.status_code, early.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "Retry-After" not in early.headers
    clock.pass_time(179)
    assert caller.create().status_code == 429
    clock.pass_time(1)
    assert caller.create().status_code == 207


def test_a_third_report_in_flight_is_refused_until_minutes_later(clock: JumpingClock) -> None:
    box = Box(clock, delay=1000.0)
    with box.sandbox:
        caller = V1Caller(box)
        for _ in range(2):
            assert caller.create().status_code == 207
            clock.pass_time(61)
        assert caller.create().status_code == 429
        clock.pass_time(900)
        assert caller.create().status_code == 207


def test_a_refused_request_is_no_create(caller: V1Caller) -> None:
    assert caller.create(caller.body(format="PARTITIONED_CSV")).status_code == 207
    caller.box.clock.pass_time(61)
    late = caller.body(startDate="2025-08-01", endDate="2025-08-01")
    assert caller.create(late).status_code == 400
    assert caller.create().status_code == 207


# -- the life of a report ------------------------------------------------------------------


def test_a_version_1_report_is_pending_then_processing_then_completed(caller: V1Caller) -> None:
    body = caller.body()
    [success] = caller.create(body).json()["success"]
    report_id = success["report"]["reportId"]
    assert success["report"] == {
        "reportId": report_id,
        "status": "PENDING",
        "creationDateTime": "2026-11-20T18:00:00.000Z",
        "lastUpdatedDateTime": "2026-11-20T18:00:00.000Z",
        **body["reports"][0],
    }
    seen = []
    for _ in range(5):
        document = caller.retrieve(report_id)
        seen.append(document["status"])
        caller.box.clock.pass_time(1.25)
    assert seen == ["PENDING"] * 2 + ["PROCESSING"] * 2 + ["COMPLETED"]
    assert document["completedDateTime"] == "2026-11-20T18:00:05.000Z"
    [part] = document["completedReportParts"]
    assert part["urlExpirationDateTime"] == "2026-11-20T19:00:05.000Z"
    payload = requests.get(part["url"], timeout=10)
    assert len(payload.content) == part["sizeInBytes"]


def test_links_of_version_1_expire_and_another_retrieve_has_fresh_ones(caller: V1Caller) -> None:
    report_id = caller.start()
    caller.box.clock.pass_time(6)
    [part] = caller.retrieve(report_id)["completedReportParts"]
    caller.box.clock.pass_time(3601)
    assert requests.get(part["url"], timeout=10).status_code == 403
    [fresh] = V1Caller(caller.box).retrieve(report_id)["completedReportParts"]
    assert requests.get(fresh["url"], timeout=10).status_code == 200
    other = fresh["url"].replace("_0.csv", "_1.csv")
    assert requests.get(other, timeout=10).status_code == 403


def test_a_version_1_report_can_fail_with_a_code_and_a_reason(caller: V1Caller) -> None:
    report_id = caller.start()
    report = caller.box.sandbox.reports[report_id]
    report.status, report.failure_code, report.details = "FAILED", "002", "Internal error"
    caller.box.clock.pass_time(6)
    document = caller.retrieve(report_id)
    found = [document[name] for name in ("status", "failureCode", "failureReason")]
    assert found == ["FAILED", "002", "Internal error"]


def test_a_deleted_report_is_not_found(caller: V1Caller) -> None:
    report_id = caller.start()
    assert caller.call("delete/reports", {"reportIds": [report_id]}).status_code == 207
    for operation in ("retrieve", "delete"):
        answer = caller.call(f"{operation}/reports", {"reportIds": [report_id]})
        assert answer.json()["code"] == "404001"


# -- files ---------------------------------------------------------------------------------


def test_files_have_their_columns_in_any_order_and_missing_values_in_two_ways(
    clock: JumpingClock,
) -> None:
    box = Box(clock, v1_part_rows=10)
    fields = [*CAMPAIGN, "campaign.name", "metric.clicks", "metric.completeViewsVideoAd"]
    with box.sandbox:
        caller = V1Caller(box)
        files = caller.files(caller.body(fields))
    assert [len(read_file(file)) for file in files] == [10, 10, 10, 3]
    assert all(file.startswith(b"\xef\xbb\xbf") for file in files)
    headers = [file.decode("utf-8-sig").splitlines()[0] for file in files]
    assert len(set(headers)) > 1
    for header in headers:
        assert sorted(header.split(",")) == sorted(f'"{name}"' for name in fields)
    missing = [(b',""' in file, b",null" in file) for file in files]
    assert missing == [(True, False), (False, True)] * 2
    rows = [row for file in files for row in read_file(file)]
    order = [row["date.value"] for row in rows]
    assert order != sorted(str(day) for day in order)


def test_there_are_never_more_than_a_hundred_files(clock: JumpingClock) -> None:
    box = Box(clock, v1_part_rows=1)
    with box.sandbox:
        caller = V1Caller(box)
        body = caller.body(startDate="2026-11-01", endDate="2026-11-20")
        assert 50 < len(caller.files(body)) <= 100


@pytest.mark.parametrize(("no_parts", "count"), [(False, 1), (True, 0)])
def test_a_report_without_rows_has_an_empty_file_or_none(
    clock: JumpingClock, no_parts: bool, count: int
) -> None:
    box = Box(clock, v1_no_parts=no_parts)
    with box.sandbox:
        caller = V1Caller(box)
        files = caller.files(caller.body(filter=display_in("MX")))
        assert [read_file(file) for file in files] == [[]] * count


def test_rows_of_the_test_are_served_as_they_are(caller: V1Caller) -> None:
    caller.box.sandbox.set_content(lambda report: [{"campaign.id": '7 "x", y', "more": 1}])
    [row] = caller.rows()
    assert row["campaign.id"] == '7 "x", y'
    assert row["metric.totalCost"] is None
    caller.box.sandbox.set_content(lambda report: b"<html>")
    assert caller.files() == [b"<html>"]


# -- rows ----------------------------------------------------------------------------------


def test_without_filters_there_are_rows_of_other_countries_and_products(caller: V1Caller) -> None:
    fields = [*FIELDS, "campaign.country", "adProduct.value"]
    keys = ["campaign.country", "adProduct.value", "budgetCurrency.value"]
    everything = caller.rows(caller.body(fields, filter=None))
    products = ("Sponsored Display", "Sponsored Products")
    countries = (("US", "USD"), ("CA", "CAD"))
    expected = {(country, name, money) for country, money in countries for name in products}
    assert {tuple(row[key] for key in keys) for row in everything} == expected
    own = caller.rows(caller.body(fields))
    assert {tuple(row[key] for key in keys) for row in own} == {("US", products[0], "USD")}
    assert len({row["campaign.id"] for row in everything}) == 4 * len(
        {row["campaign.id"] for row in own}
    )


def test_filters_nest_and_can_be_negated(caller: V1Caller) -> None:
    some = caller.rows()
    chosen, *others = sorted({str(row["campaign.id"]) for row in some})
    narrow = both(display_in("US"), both(on("campaign.id", chosen, others[0])))
    assert {row["campaign.id"] for row in caller.rows(caller.body(filter=narrow))} == {
        chosen,
        others[0],
    }
    rest = both(display_in("US"), on("campaign.id", chosen, negated=True))
    assert {row["campaign.id"] for row in caller.rows(caller.body(filter=rest))} == set(others)


def test_a_report_of_several_accounts_has_the_rows_of_all(caller: V1Caller) -> None:
    body = caller.body([*FIELDS, "advertiserAccount.id"], filter=None)
    second = {"advertiserAccountId": caller.account_id(2)}
    body["accessRequestedAccounts"].append(second)
    found = {row["advertiserAccount.id"] for row in caller.rows(body)}
    assert found == {caller.account_id(0), second["advertiserAccountId"]}


def test_rows_of_purchases_include_the_promoted_product(caller: V1Caller) -> None:
    fields = [
        *CAMPAIGN, *PRODUCT, "adGroup.id", "advertisedProduct.id", "productRelevance.value",
        "metric.purchases", "metric.purchasesHalo", "metric.purchasesPromoted",
    ]  # fmt: skip
    rows = caller.rows(caller.body(fields))
    by_relevance = {
        word: [row for row in rows if row["productRelevance.value"] == word]
        for word in ("Promoted", "Halo")
    }
    assert all(by_relevance.values())
    for row in by_relevance["Promoted"]:
        assert row["convertedProduct.id"] == row["advertisedProduct.id"]
        assert (row["metric.purchasesHalo"], row["metric.purchasesPromoted"]) == (
            "0",
            row["metric.purchases"],
        )
    for row in by_relevance["Halo"]:
        assert row["convertedProduct.id"] != row["advertisedProduct.id"]
        assert row["metric.purchasesHalo"] == row["metric.purchases"]
    plain = [*CAMPAIGN, "metric.purchases"]
    both_ways = [totals(part, CAMPAIGN, "metric.purchases") for part in (
        rows, caller.rows(caller.body(plain)),
    )]  # fmt: skip
    assert both_ways[0] == {key: value for key, value in both_ways[1].items() if value}


def test_matched_targets_have_rows_since_the_day_they_came(caller: V1Caller) -> None:
    fields = [*CAMPAIGN, "matchedTarget.value", "metric.clicks"]
    body = caller.body(fields, startDate="2026-07-10", endDate="2026-07-17")
    days = {row["date.value"] for row in caller.rows(body)}
    assert days == {"2026-07-15", "2026-07-16", "2026-07-17"}


def test_every_field_has_values(caller: V1Caller) -> None:
    level = {"target", "convertedProduct", "convertedProductMarketplace", "productRelevance"}
    narrow = {"userReach", "averageUserImpressionFrequency"}
    fields = [
        field.name
        for field in V1_FIELDS.values()
        if field.group not in level and field.name.removeprefix("metric.") not in narrow
    ]
    rows = caller.rows(caller.body(fields, startDate="2026-09-01", endDate="2026-09-03"))
    empty = {name for name in fields if all(row[name] is None for row in rows)}
    assert empty == set()
    assert {row["portfolio.portfolioId"] for row in rows} >= {"-1"}
    assert {row["campaign.deliveryStatus"] for row in rows} >= {"DELIVERING", "ENDED"}


# -- the attribution of before 2026-01-01 ----------------------------------------------------


def test_all_views_results_are_those_of_both_models_before_the_change(caller: V1Caller) -> None:
    names = ["Sales", "Purchases", "UnitsSold"]
    pairs = {f"metric.allViews{name}": f"metric.{name[0].lower()}{name[1:]}" for name in names}
    fields = [*CAMPAIGN, "campaign.costType", "budgetCurrency.value", *pairs, *pairs.values()]
    body = caller.body(fields, startDate="2025-12-20", endDate="2026-01-12")
    sums: dict[tuple[bool, str], tuple[float, float]] = {}
    for row in caller.rows(body):
        is_after = str(row["date.value"]) >= "2026-01-01"
        key = (is_after, str(row["campaign.costType"]))
        for former, standard in pairs.items():
            values = float(str(row[former])), float(str(row[standard]))
            assert values[0] >= values[1]
            before = sums.get(key, (0.0, 0.0))
            sums[key] = before[0] + values[0], before[1] + values[1]
    assert sums.keys() == {(after, kind) for after in (False, True) for kind in ("CPC", "VCPM")}
    for (is_after, kind), (former_sum, standard_sum) in sums.items():
        differs = is_after and kind == "VCPM"
        assert (former_sum > standard_sum) == differs, (is_after, kind)
    of_all_views, of_standard = sums[True, "VCPM"]
    assert 1.1 < of_all_views / of_standard < 1.4


def test_all_views_results_after_clicks_are_the_standard_ones(caller: V1Caller) -> None:
    fields = [*FIELDS, "metric.allViewsSalesFromClicks", "metric.salesFromClicks"]
    for row in caller.rows(caller.body(fields)):
        assert row["metric.allViewsSalesFromClicks"] == row["metric.salesFromClicks"]


# -- the same account ----------------------------------------------------------------------


def test_days_of_fifteen_months_ago_are_those_of_a_longer_version_3(clock: JumpingClock) -> None:
    box = Box(clock, v3_history_days=500)
    with box.sandbox:
        caller = V1Caller(box)
        start = date(2025, 8, 21)
        days: dict[str, Any] = {"startDate": str(start), "endDate": str(start + timedelta(2))}
        fields = [*FIELDS, "metric.sales", "metric.clicks"]
        found = caller.rows(caller.body(fields, **days))
        columns = ["date", "campaignId", "cost", "sales", "clicks"]
        expected = Caller(box).rows(report_body(columns=columns, **days))
    keys = {"date": "date.value", "campaignId": "campaign.id", "cost": "metric.totalCost"}
    keys |= {name: f"metric.{name}" for name in ("sales", "clicks")}
    assert sorted([str(row[name]) for name in columns] for row in expected) == sorted(
        [str(row[keys[name]]) for name in columns] for row in found
    )
