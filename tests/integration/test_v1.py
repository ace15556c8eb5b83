"""Version 1, the unified Ads API, behind the same calls: accounts, limits, errors, history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, ReportCache, fetch_report, plan_report, sandbox
from sdanalytics.errors import (
    ApiError,
    BadRequest,
    CorruptReport,
    DataWarning,
    DownloadFailed,
    Forbidden,
    InvalidReport,
    NotConfigured,
    PartialFetchError,
    ReportFailed,
    ReportTooOld,
)
from sdanalytics.sandbox import Report, ScriptedResponse
from sdanalytics.sandbox.scripting import RecordedRequest
from tests.support.box import Box
from tests.support.clock import JumpingClock

CREATE, RETRIEVE = "create_v1_report", "retrieve_v1_report"
COST = ["impressions", "cost"]


class V1Box(Box):
    """A sandbox that stays at one moment while the clock jumps; clients use version 1."""

    def __init__(self, clock: JumpingClock, **settings: Any) -> None:
        moment = clock.now()
        self.clock = clock
        options = {"delay": 5.0} | settings
        self.sandbox = sandbox.start(now=lambda: moment, monotonic=clock.monotonic, **options)

    @property
    def client(self) -> Client:
        return self.client_for(0, "v1")


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[V1Box]:
    v1_box = V1Box(clock)
    with v1_box.sandbox:
        yield v1_box


def fetch(box: V1Box, first: int = 3, last: int = 1, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"cache": False, "metrics": COST, "client": box.client} | options
    record_type = given.pop("record_type", "campaigns")
    return fetch_report(record_type, box.day(first), box.day(last), **given)


def requests_of(box: V1Box, operation: str) -> list[RecordedRequest]:
    return [request for request in box.sandbox.requests if request.operation == operation]


def bodies(box: V1Box, operation: str = CREATE) -> list[Any]:
    return [json.loads(request.body) for request in requests_of(box, operation)]


def days_of(box: V1Box) -> list[tuple[str, str]]:
    """Return the first and the last day of each report that was requested."""
    periods = [body["reports"][0]["periods"][0]["datePeriod"] for body in bodies(box)]
    return [(period["startDate"], period["endDate"]) for period in periods]


def connect(service: sandbox.Sandbox, **settings: Any) -> Client:
    """Return a client of the sandbox's first profile."""
    names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
    secrets = [service.environment[f"SDANALYTICS_{name}"] for name in names]
    return Client(
        sda.Credentials(*secrets),
        service.profile_ids[0],
        base_url=service.base_url,
        token_url=service.token_url,
        **settings,
    )


# -- requests ------------------------------------------------------------------------------


def test_a_report_is_requested_from_the_account_of_the_profile_alone(box: V1Box) -> None:
    fetch(box)
    [body] = bodies(box)
    [account] = body["accessRequestedAccounts"]
    assert account["advertiserAccountId"].startswith("amzn1.ads-account.g.")
    [report] = body["reports"]
    assert report["format"] == "CSV"
    [product, country] = report["query"]["filter"]["and"]["filters"]
    assert (product["on"]["field"], product["on"]["values"]) == (
        "adProduct.value",
        ["SPONSORED_DISPLAY"],
    )
    assert (country["on"]["field"], country["on"]["values"]) == ("campaign.country", ["US"])


def test_both_headers_have_the_client_id_and_none_the_profile(box: V1Box) -> None:
    fetch(box)
    [create] = requests_of(box, CREATE)
    names = {name.lower(): value for name, value in create.headers.items()}
    assert names["amazon-ads-clientid"] == names["amazon-advertising-api-clientid"]
    assert "amazon-advertising-api-scope" not in names


def test_rates_are_never_requested_but_computed_from_their_sums(box: V1Box) -> None:
    frame = fetch(box, metrics=["vctr", "eCPAddToCart", "clicks", "viewImpressions"])
    [body] = bodies(box)
    fields = body["reports"][0]["query"]["fields"]
    assert {"metric.vctr", "metric.costPerAddToCart"}.isdisjoint(fields)
    assert {"metric.viewableImpressions", "metric.addToCart", "metric.totalCost"} <= set(fields)
    seen = frame["viewImpressions"] > 0
    expected = (frame["clicks"] / frame["viewImpressions"])[seen].astype(float)
    pd.testing.assert_series_equal(frame["vctr"][seen], expected, check_names=False)
    assert frame["vctr"][~seen].isna().all()
    assert list(frame)[3:] == ["vctr", "eCPAddToCart", "clicks", "viewImpressions"]


def test_the_results_of_all_views_have_amazons_names(box: V1Box) -> None:
    frame = fetch(box, metrics=["allViewsSales", "viewAttributedSales14d", "costType"])
    vcpm = frame[frame["costType"] == "VCPM"]
    assert vcpm["allViewsSales"].sum() > vcpm["viewAttributedSales14d"].sum() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"record_type": "targets"}, "got 'targets'.*Version 3 has it"),
        (
            {"record_type": "invalidTraffic", "metrics": None},
            "got 'invalidTraffic'.*Version 3 has it",
        ),
        ({"metrics": ["cumulativeReach"]}, "'cumulativeReach' has no field.*version 3 has it"),
        ({"metrics": ["attributedSales7d"]}, "'attributedSales7d' has no field"),
    ],
)
def test_what_version_1_does_not_have_is_refused_before_any_request(
    box: V1Box, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(sda.InvalidRequest, match=message):
        fetch(box, **options)
    assert box.sandbox.requests == []


# -- accounts ------------------------------------------------------------------------------


def test_the_account_is_asked_for_once_and_kept_in_the_store(
    box: V1Box, store: ReportCache
) -> None:
    fetch(box, cache=store)
    asked = box.sandbox.count("query_accounts")
    assert asked > 0
    fetch(box, 6, 4, cache=store)
    assert box.sandbox.count("query_accounts") == asked
    assert store.verify().empty
    [file] = (store.path / "accounts").rglob("*.json")
    file.write_text("{}")
    assert store.verify()["problem"].str.contains("not an account").all()
    fetch(box, 9, 7, cache=store)
    assert box.sandbox.count("query_accounts") == 2 * asked


def test_accounts_that_are_not_global_are_found_too(box: V1Box) -> None:
    frame = fetch(box, client=box.client_for(2, "v1"), metrics=["cost", "currency"])
    assert set(frame["currency"]) == {"JPY"}
    filters = [body["isGlobalAccountFilter"] for body in bodies(box, "query_accounts")]
    assert filters[0] == {"include": [True]}
    assert filters[-1] == {"include": [False]}


def answer_accounts(box: V1Box, *accounts: list[dict[str, str]]) -> None:
    """Let the sandbox list accounts with these other ids, instead of its own."""
    documents = [
        {"advertiserAccountId": f"amzn1.ads-account.g.{number}", "alternateIds": ids}
        for number, ids in enumerate(accounts)
    ]
    page = json.dumps({"advertiserAccounts": documents})
    box.sandbox.script_responses("query_accounts", *[ScriptedResponse(200, page)] * 2)


@pytest.mark.off_contract
def test_a_profile_without_an_account_is_an_error_that_names_version_3(box: V1Box) -> None:
    answer_accounts(box, [{"profileId": "7", "countryCode": "US"}])
    with pytest.raises(NotConfigured, match=r'is in none of the accounts.*api="v3"'):
        fetch(box)
    assert requests_of(box, CREATE) == []


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_login_without_access_to_version_1_is_told_of_version_3(box: V1Box, status: int) -> None:
    body = json.dumps({"code": "FORBIDDEN", "message": "not for you"})
    box.sandbox.script_responses("query_accounts", ScriptedResponse(status, body))
    with pytest.raises(ApiError, match=r'not for you.* is a beta.*Client\(api="v3"\)') as caught:
        fetch(box)
    assert caught.value.status == status
    assert requests_of(box, CREATE) == []


@pytest.mark.off_contract
def test_profiles_of_one_country_in_one_account_are_not_mixed(box: V1Box) -> None:
    own = {"profileId": str(box.sandbox.profile_ids[0]), "countryCode": "US"}
    answer_accounts(box, [own, {"profileId": "7", "countryCode": "US"}])
    with pytest.raises(NotConfigured, match="another profile in the same country"):
        fetch(box)
    assert requests_of(box, CREATE) == []


# -- limits --------------------------------------------------------------------------------


@pytest.mark.slow
def test_fifteen_months_are_four_reports_two_at_a_time_a_minute_apart(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = V1Box(clock, delay=600.0)
    with box.sandbox:
        frame = fetch(box, 450, 1, cache=store)
        assert frame["date"].nunique() == 450
        assert frame.attrs["sdanalytics"]["days_by_api"] == {"v1": 450}
        spans = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in days_of(box)]
        assert [(last - first).days + 1 for first, last in spans] == [120, 120, 120, 90]
        creates = [request.at for request in requests_of(box, CREATE)]
        assert all(later - earlier >= 59.9 for earlier, later in pairwise(creates))
        assert creates[2] - creates[0] >= 599.9  # the third waits for the first
        # Four reports of ten minutes each, two at a time: a little more than twenty minutes.
        assert 1260 <= clock.monotonic() - 1000 <= 1500
        assert all(request.status == 207 for request in requests_of(box, CREATE))
    assert set(store.entries()["api"]) == {"v1"}


def test_a_429_without_retry_after_is_waited_out_for_minutes(
    box: V1Box, store: ReportCache
) -> None:
    box.sandbox.script_responses(
        CREATE, *[ScriptedResponse(429, '{"code": "TOO_MANY_REQUESTS", "message": "Slow"}')] * 2
    )
    assert len(fetch(box, cache=store)) > 0
    first, second, third = (request.at for request in requests_of(box, CREATE))
    assert 225 <= second - first <= 310
    assert 450 <= third - second <= 610


def test_a_429_within_a_207_is_waited_out_as_well(box: V1Box, store: ReportCache) -> None:
    item = {"index": 0, "errors": [{"code": "TOO_MANY_REQUESTS", "message": "Slow"}]}
    body = json.dumps({"error": [item], "success": []})
    box.sandbox.script_responses(CREATE, ScriptedResponse(207, body))
    assert len(fetch(box, cache=store)) > 0
    first, second = (request.at for request in requests_of(box, CREATE))
    assert second - first >= 225


def test_calls_of_other_profiles_wait_for_the_same_limit(box: V1Box, store: ReportCache) -> None:
    fetch(box, cache=store)
    fetch(box, cache=store, client=box.client_for(1, "v1"))
    first, second = (request.at for request in requests_of(box, CREATE))
    assert second - first > 59.9
    # Version 3 has limits of its own.
    began = box.clock.monotonic()
    fetch(box, cache=store, refresh="always", client=box.client_for(0, "v3"))
    assert box.clock.monotonic() - began < 60


@pytest.mark.slow
def test_many_profiles_side_by_side_share_the_limits(
    store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the clock of the machine: a jumping one would give each of the waiting threads its own.
    monkeypatch.setattr("sdanalytics.api.create_pacing.LearnedPacing.recheck_interval", 0.2)
    monkeypatch.setattr("sdanalytics.fetch.protocols.v1.FIRST_POLL_INTERVAL", 0.2)
    with sandbox.start(delay=2.0, profiles=4, v1_create_gap=0.3) as service:
        client = connect(service, api="v1", create_rate=1 / 0.4)
        days = [str(service.today - timedelta(ago)) for ago in (3, 1)]
        frame = fetch_report(
            "campaigns", *days, metrics=COST, profiles="all", client=client, cache=store, timeout=60
        )
        statuses = [sent.status for sent in service.requests if sent.operation == CREATE]
        assert statuses == [207] * 4
    assert frame["profile_id"].nunique() == 4


def test_a_rate_of_creates_that_the_user_sets_is_the_first_gap(box: V1Box) -> None:
    client = connect(box.sandbox, api="v1", create_rate=1 / 90, clock=box.clock)
    for ago in (1, 2):
        fetch(box, ago, ago, client=client)
    first, second = (request.at for request in requests_of(box, CREATE))
    assert 89.9 <= second - first < 100


# -- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize(
    ("code", "words", "error"),
    [
        ("400000", "400000: malformed request", BadRequest),
        ("400004", "400004: fields cannot be combined: adGroup.id", InvalidReport),
        ("400005", "400005: unknown field", InvalidReport),
        ("400006", "400006: a field cannot be used without others", InvalidReport),
        ("400013", "400013: field has invalid format", InvalidReport),
        ("400025", "400025: the period is beyond the look-back window", ReportTooOld),
        ("400026", "400026: the account is not accessible", Forbidden),
        ("400100", "400100: 400005: unknown field; 400013: invalid format", InvalidReport),
        ("400100", "400100: 400025: too old", ReportTooOld),
        ("FORBIDDEN", "no access to the account", Forbidden),
        ("BAD_REQUEST", "something else", BadRequest),
    ],
)
def test_each_code_of_a_refusal_is_an_error_with_amazons_words(
    box: V1Box, code: str, words: str, error: type[ApiError], is_wrapped: bool
) -> None:
    status = 403 if code == "FORBIDDEN" else 400
    body: Any = {"code": code, "message": words}
    if is_wrapped:
        status, body = 207, {"error": [{"index": 0, "errors": [body]}], "success": []}
    box.sandbox.script_responses(CREATE, *[ScriptedResponse(status, json.dumps(body))] * 9)
    with pytest.raises(error) as caught:
        fetch(box, 1, 1, metrics=["cost"])
    assert isinstance(caught.value, ApiError)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert (caught.value.code, caught.value.operation) == (code, "create_report")


def test_a_default_metric_that_the_service_does_not_know_is_left_out(box: V1Box) -> None:
    body = {"code": "400005", "message": "400005: unknown field metric.viewableImpressions"}
    box.sandbox.script_responses(CREATE, ScriptedResponse(400, json.dumps(body)))
    with pytest.warns(DataWarning, match="viewImpressions"):
        frame = fetch(box, metrics=None)
    assert frame["viewImpressions"].isna().all()
    assert frame["impressions"].sum() > 0
    assert "metric.viewableImpressions" not in bodies(box)[-1]["reports"][0]["query"]["fields"]


def test_a_report_that_fails_says_why(box: V1Box) -> None:
    def fail(report: Report) -> None:
        report.status, report.failure_code, report.details = "FAILED", "002", "Internal error"

    box.sandbox.set_content(fail)
    with pytest.raises(ReportFailed, match="002: Internal error") as caught:
        fetch(box)
    assert caught.value.details == "002: Internal error"


def test_a_report_that_the_service_forgets_is_requested_again(
    box: V1Box, store: ReportCache
) -> None:
    body = {"code": "404001", "message": "404001: report does not exist"}
    gone = ScriptedResponse(404, json.dumps(body))
    # For a minute it may merely not know the report yet.
    box.sandbox.script_responses(RETRIEVE, *[gone] * 12)
    assert len(fetch(box, cache=store)) > 0
    assert len(requests_of(box, CREATE)) == 2


# -- parts ---------------------------------------------------------------------------------


def test_a_report_of_many_parts_is_the_same_as_one_of_a_single_part(clock: JumpingClock) -> None:
    frames = []
    for rows in (7, 10_000):
        box = V1Box(JumpingClock(), v1_part_rows=rows)
        with box.sandbox:
            frames.append(fetch(box, 9, 1))
            parts = box.sandbox.count("storage")
            assert (parts > 5) == (rows == 7)
    pd.testing.assert_frame_equal(frames[0], frames[1])


@pytest.mark.parametrize("has_no_parts", [False, True])
def test_a_report_without_rows_is_days_without_rows(
    clock: JumpingClock, store: ReportCache, has_no_parts: bool
) -> None:
    box = V1Box(clock, v1_no_parts=has_no_parts)
    with box.sandbox:
        box.sandbox.set_content(lambda report: [])
        frame = fetch(box, cache=store)
    assert frame.empty
    assert len(store.entries()) == 6


def describe_reports(box: V1Box, **changes: Any) -> None:
    """Let the sandbox describe each report as completed and changed, at every look."""

    def script(report: Report) -> None:
        document = {"reportId": report.report_id, "status": "COMPLETED"}
        document |= report.request["reports"][0] | changes
        body = json.dumps({"error": None, "success": [{"index": 0, "report": document}]})
        box.sandbox.script_responses(RETRIEVE, *[ScriptedResponse(207, body)] * 3)

    box.sandbox.set_content(script)


OTHER_PERIOD = {"datePeriod": {"startDate": "2026-11-18", "endDate": "2026-11-18"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "lists no parts"),
        ({"completedReportParts": None}, "lists no parts"),
        ({"completedReportParts": [{"sizeInBytes": 5}]}, "part 1 of 1 of report .* no address"),
        ({"completedReportParts": [{"url": ""}]}, "part 1 of 1 of report .* no address"),
        ({"completedReportParts": [], "periods": [OTHER_PERIOD]}, "has the days 2026-11-18"),
        ({"completedReportParts": [], "periods": []}, "another report than was requested"),
        (
            {"completedReportParts": [], "query": {"fields": ["date.value", "campaign.id"]}},
            "lacks the fields adProduct.value, budgetCurrency.value, metric",
        ),
    ],
)
def test_a_report_that_lacks_a_part_or_is_another_one_is_no_report(
    box: V1Box, store: ReportCache, changes: dict[str, Any], message: str
) -> None:
    describe_reports(box, **changes)
    with pytest.raises(CorruptReport, match=message):
        fetch(box, 1, 1, cache=store)
    assert store.entries().empty


def test_a_part_of_another_size_is_downloaded_again(box: V1Box, store: ReportCache) -> None:
    fields = ["date.value", "adProduct.value", "campaign.id", "budgetCurrency.value"]
    header = ",".join([*fields, "metric.impressions", "metric.totalCost"])
    box.sandbox.script_responses("storage", ScriptedResponse(200, header.encode()))
    assert len(fetch(box, cache=store)) > 0
    assert box.sandbox.count("storage") == 2
    assert len(requests_of(box, CREATE)) == 1


def test_a_link_that_has_expired_is_replaced_by_a_fresh_one(box: V1Box, store: ReportCache) -> None:
    refused = ScriptedResponse(403, b"<Error><Code>AccessDenied</Code></Error>")
    box.sandbox.script_responses("storage", refused)
    assert len(fetch(box, cache=store)) > 0
    assert len(requests_of(box, CREATE)) == 1
    box.sandbox.script_responses("storage", *[refused] * 4)
    with pytest.raises(DownloadFailed, match="AccessDenied"):
        fetch(box, refresh="always", cache=store)


# -- rows ----------------------------------------------------------------------------------


def make_row(box: V1Box, **cells: Any) -> dict[str, Any]:
    return {
        "date.value": box.day(1),
        "adProduct.value": "Sponsored Display",
        "campaign.id": "7",
        "budgetCurrency.value": "USD",
        "metric.impressions": "5",
        "metric.totalCost": "1.5",
    } | {name.replace("_", "."): value for name, value in cells.items()}


def test_rows_of_other_ad_products_are_left_out(box: V1Box) -> None:
    rows = [
        make_row(box, adProduct_value=product, campaign_id=str(number))
        for number, product in enumerate(
            ["Sponsored Display", "Sponsored Products", "SPONSORED_DISPLAY", "Amazon DSP"], 1
        )
    ]
    box.sandbox.set_content(lambda report: rows)
    frame = fetch(box, 1, 1)
    assert frame["campaignId"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"adProduct_value": "Sponsored Spaceships"}, "got 'Sponsored Spaceships'"),
        ({"adProduct_value": None}, "'adProduct.value' of row 0 must identify"),
        ({"campaign_id": "7e3"}, "'campaign.id' of row 0"),
        ({"date_value": "2020-01-01"}, "must be a day from"),
    ],
)
def test_rows_that_cannot_be_of_the_report_are_refused(
    box: V1Box, cells: dict[str, Any], message: str
) -> None:
    box.sandbox.set_content(lambda report: [make_row(box, **cells)])
    with pytest.raises(CorruptReport, match=message):
        fetch(box, 1, 1)


def test_ids_are_exact_and_campaigns_that_are_not_listed_have_an_unknown_tactic(
    box: V1Box,
) -> None:
    box.sandbox.set_content(lambda report: [make_row(box, campaign_id="9007199254740993")])
    frame = fetch(box, 1, 1)
    assert frame["campaignId"].tolist() == [9007199254740993]
    assert frame["tactic"].tolist() == ["unknown"]


def test_purchases_of_the_advertised_product_are_left_out(box: V1Box) -> None:
    def make_purchase(product: str, relevance: str) -> dict[str, Any]:
        return make_row(box) | {
            "adGroup.id": "8",
            "advertisedProduct.id": "B01",
            "convertedProduct.id": product,
            "productRelevance.value": relevance,
            "metric.purchasesHalo": "2",
        }

    rows = [make_purchase("B01", "Promoted"), make_purchase("B02", "Halo")]
    box.sandbox.set_content(lambda report: rows)
    metrics = ["viewAttributedConversions14dOtherSKU"]
    frame = fetch(box, 1, 1, record_type="asins", metrics=metrics)
    assert frame["otherAsin"].tolist() == ["B02"]


# -- calls that end ------------------------------------------------------------------------


def test_a_call_that_ends_leaves_its_reports_to_the_next_one(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = V1Box(clock, delay=600.0)
    with box.sandbox:
        with pytest.raises(sda.errors.ReportTimeout):
            fetch(box, 450, 1, cache=store, timeout=300)
        requested = len(requests_of(box, CREATE))
        assert requested == 2
        frame = fetch(box, 450, 1, cache=store)
        assert frame["date"].nunique() == 450
        assert len(requests_of(box, CREATE)) == 4


def test_reports_of_a_call_that_ended_count_as_in_flight_while_they_are_built(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = V1Box(clock, delay=500.0)
    with box.sandbox:
        with pytest.raises(sda.errors.ReportTimeout):
            fetch(box, 240, 1, cache=store, timeout=100)
        other = box.client_for(1, "v1")
        assert fetch(box, 300, 290, cache=store, client=other)["date"].nunique() == 11
        creates = requests_of(box, CREATE)
        assert [request.status for request in creates] == [207, 207, 207]
        assert 600 <= creates[2].at - creates[0].at <= 720
        # Reports that were left long ago delay nothing, whether or not they were collected.
        clock.pass_time(3600)
        began = clock.monotonic()
        fetch(box, 320, 310, cache=store, client=other)
        assert clock.monotonic() - began < 600


# -- one call over both --------------------------------------------------------------------


@pytest.mark.slow
def test_older_days_come_through_version_1_and_all_others_through_version_3(
    box: V1Box, store: ReportCache
) -> None:
    client = box.client_for(0, "v3", "v1")
    options: dict[str, Any] = {"client": client, "cache": store}
    plan = plan_report("campaigns", box.day(200), box.day(1), metrics=COST, **options)
    assert (plan.reports, len(plan.to_request), plan.unavailable) == (5, 200, [])
    frame = fetch(box, 200, 1, **options)
    assert frame["date"].nunique() == 200
    assert frame.attrs["sdanalytics"]["days_by_api"] == {"v1": 136, "v3": 64}
    assert days_of(box)[0][1] == box.day(65)
    entries = store.entries()
    oldest_of_v3 = entries.loc[entries["api"] == "v3", "date"].min()
    assert oldest_of_v3 == pd.Timestamp(box.day(64))
    assert box.sandbox.count("create_report") == 3
    requested = len(box.sandbox.requests)
    pd.testing.assert_frame_equal(fetch(box, 200, 1, **options), frame)
    assert len(box.sandbox.requests) == requested
    through_v1 = fetch(box, 200, 1)
    pd.testing.assert_frame_equal(through_v1, frame)


def test_days_that_version_3_unexpectedly_lacks_come_through_version_1(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = V1Box(clock, v3_history_days=50)
    with box.sandbox:
        client = box.client_for(0, "v3", "v1")
        frame = fetch(box, 60, 40, client=client, cache=store)
    assert frame["date"].nunique() == 21
    assert frame.attrs["sdanalytics"]["days_by_api"] == {"v1": 10, "v3": 11}


def test_default_metrics_that_version_1_lacks_are_missing_on_its_days(
    box: V1Box, store: ReportCache
) -> None:
    options = {"record_type": "adGroups", "client": box.client_for(0, "v3", "v1"), "cache": store}
    with pytest.warns(DataWarning, match="bidOptimization"):
        frame = fetch(box, 67, 62, metrics=None, **options)
    old = frame["date"] <= box.day(65)
    assert frame.loc[old, "bidOptimization"].isna().all()
    assert frame.loc[~old, "bidOptimization"].notna().all()
    requested = len(box.sandbox.requests)
    with pytest.warns(DataWarning, match="bidOptimization"):
        fetch(box, 67, 62, metrics=None, **options)
    assert len(box.sandbox.requests) == requested


@pytest.mark.parametrize(
    ("history", "options", "message"),
    [
        (None, {}, r'Client\(history="v1"\), or SDANALYTICS_HISTORY=v1'),
        (None, {"record_type": "targets"}, "start there"),
        ("v1", {"record_type": "targets"}, "The unified Ads API has none of targets"),
        ("v1", {"metrics": ["cumulativeReach"]}, "The unified Ads API has no cumulativeReach"),
    ],
)
def test_days_that_are_too_old_for_version_3_name_the_way_to_get_them(
    box: V1Box, history: str | None, options: dict[str, Any], message: str
) -> None:
    client = box.client_for(0, "v3", history)
    with pytest.raises(ReportTooOld, match=message) as caught:
        fetch(box, 100, 90, client=client, **options)
    assert ("history=" in str(caught.value)) == (history is None and not options)
    with pytest.raises(PartialFetchError, match=message):
        fetch(box, 100, 10, client=client, **options)
    assert bodies(box) == []


def test_days_before_the_first_matched_targets_are_not_taken_for_days_without_rows(
    box: V1Box, store: ReportCache
) -> None:
    first = date(2026, 7, 15)
    days: dict[str, Any] = {"start": first - timedelta(2), "end": first + timedelta(2)}
    options: dict[str, Any] = {"segment": "matchedTarget", "client": box.client, "cache": store}
    plan = plan_report("campaigns", **days, metrics=COST, **options)
    assert plan.unavailable == [first - timedelta(2), first - timedelta(1)]
    with pytest.raises(PartialFetchError, match="by matched target those from 2026-07-15 on"):
        fetch_report("campaigns", **days, metrics=COST, **options)
    assert days_of(box) == [("2026-07-15", "2026-07-17")]
    assert store.entries()["date"].min() == pd.Timestamp(first)


def test_days_beyond_fifteen_months_are_not_requested(box: V1Box) -> None:
    with pytest.raises(ReportTooOld, match="version 1 has 455 days of history"):
        fetch(box, 460, 456)
    with pytest.raises(PartialFetchError, match="4 of 7 days"):
        fetch(box, 459, 453)
    assert days_of(box) == [(box.day(455), box.day(453))]


def test_coverage_knows_how_far_version_1_goes_back(box: V1Box, store: ReportCache) -> None:
    fetch(box, 100, 100, cache=store)
    days: dict[str, Any] = {"start": box.day(100), "end": box.day(99), "now": box.clock.now()}
    states = {
        history: store.coverage("campaigns", history_days=history, **days)["state"].tolist()[1::2]
        for history in (65, 455)
    }
    assert states == {65: ["gone"] * 2, 455: ["missing"] * 2}
    assert set(store.coverage("targets", history_days=455, **days)["state"]) == {"gone"}


# -- settings ------------------------------------------------------------------------------


def test_the_environment_chooses_versions(box: V1Box) -> None:
    environment = box.sandbox.environment
    client = Client.from_env(environment | {"SDANALYTICS_API": "v1"})
    assert (client.api, client.history) == ("v1", None)
    both = {"SDANALYTICS_API": "v3", "SDANALYTICS_HISTORY": "v1"}
    client = Client.from_env(environment | both)
    assert (client.api, client.history) == ("v3", "v1")
    assert repr(client).endswith("api='v3', history='v1')")
    with pytest.raises(sda.InvalidRequest, match="SDANALYTICS_HISTORY: history must be left out"):
        Client.from_env(environment | both | {"SDANALYTICS_API": "v1"})
    with pytest.raises(sda.InvalidRequest, match="history must be one of v1, got 'v2'"):
        Client.from_env(environment | both | {"SDANALYTICS_HISTORY": "v2"})


def test_a_login_of_the_config_file_chooses_versions(
    box: V1Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = box.sandbox.environment
    names = ("client_id", "client_secret", "refresh_token", "base_url", "token_url")
    settings = {name: environment[f"SDANALYTICS_{name.upper()}"] for name in names}
    settings |= {"api": "v3", "history": "v1"}
    config = tmp_path / "config.toml"
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    config.write_text("\n".join(["[default]", *lines]))
    config.chmod(0o600)
    monkeypatch.setenv("SDANALYTICS_CONFIG", str(config))
    client = Client.from_config()
    assert (client.api, client.history) == ("v3", "v1")


def test_the_last_days_may_be_as_many_as_the_history_of_both(box: V1Box) -> None:
    client = box.client_for(0, "v3", "v1")
    query: dict[str, Any] = {"metrics": COST, "client": client, "cache": False}
    assert len(plan_report("campaigns", days=455, **query).to_request) == 455
    with pytest.raises(sda.InvalidRequest, match="days must be at most 455 for campaigns"):
        plan_report("campaigns", days=456, **query)
    with pytest.raises(sda.InvalidRequest, match="days must be at most 65 for targets"):
        plan_report("targets", days=66, client=client, cache=False)
    query["client"] = box.client_for(0, "v3")
    with pytest.raises(sda.InvalidRequest, match=r'at most 65 .*Client\(history="v1"\).* last 455'):
        plan_report("campaigns", days=400, **query)
    with pytest.raises(sda.InvalidRequest) as caught:
        plan_report("targets", days=66, client=query["client"], cache=False)
    assert "history=" not in str(caught.value)
    assert date.fromisoformat(box.day(455)) + timedelta(455) == box.sandbox.today
