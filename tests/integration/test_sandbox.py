"""The sandbox: it rejects what the service rejects, and its accounts are consistent."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
import requests

from sdanalytics import Forbidden, ReportCache, fetch_report, sandbox
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import requestable_metrics
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.caller import token
from tests.support.clock import JumpingClock
from tests.support.contract import response_errors

CHUNKED = {"Transfer-Encoding": "chunked"}


def post(box: Box, record_type: str = "campaigns", **change: Any) -> requests.Response:
    """Send a create, and check its response against the description of the service."""
    body = {"reportDate": "20261118", "tactic": "T00020", "metrics": "clicks,cost"}
    headers = {
        "Authorization": f"Bearer {token(box)}",
        "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
        "Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[0]),
    }
    headers |= change.pop("headers", {})
    body = {name: value for name, value in (body | change).items() if value is not None}
    url = f"{box.sandbox.base_url}/sd/{record_type}/report"
    sent = {name: value for name, value in headers.items() if value}
    answer = requests.post(url, json=body, headers=sent, timeout=10)
    assert response_errors("request_report", answer) == []
    return answer


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 202),
        ({"headers": {"Authorization": ""}}, 401),
        ({"headers": {"Authorization": "Bearer Atza|made-up"}}, 401),
        ({"headers": {"Amazon-Advertising-API-ClientId": "other"}}, 401),
        ({"headers": {"Amazon-Advertising-API-Scope": ""}}, 400),
        ({"headers": {"Amazon-Advertising-API-Scope": "123"}}, 401),
        ({"record_type": "keywords"}, 400),
        ({"reportDate": None}, 400),
        ({"reportDate": "2026-11-18"}, 400),
        ({"reportDate": "20260901"}, 406),
        ({"reportDate": "20261201"}, 422),
        ({"tactic": "T00010"}, 422),
        ({"metrics": "clicks,cots"}, 422),
        ({"metrics": "clicks, cost"}, 422),
        ({"metrics": "adGroupName"}, 422),
        ({"segment": "matchedTarget"}, 202),
        ({"segment": "page"}, 422),
        ({"record_type": "asins", "segment": "matchedTarget", "metrics": "asin"}, 422),
    ],
)
def test_it_rejects_what_the_service_rejects(box: Box, change: dict[str, Any], status: int) -> None:
    assert post(box, **change).status_code == status


def test_vendors_have_no_asins_report_and_no_sku(box: Box) -> None:
    scope = {"Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[1])}
    assert post(box, "asins", headers=scope, metrics="asin").status_code == 400
    assert post(box, "productAds", headers=scope, metrics="asin,sku").status_code == 400
    assert post(box, "productAds", headers=scope, metrics="asin").status_code == 202


def test_an_account_without_the_product_is_forbidden(clock: JumpingClock) -> None:
    german = 1
    with sandbox.start() as default_box:
        unregistered = {default_box.profile_ids[german]}
    box = Box(clock, unregistered=unregistered)
    with box.sandbox:
        with pytest.raises(Forbidden, match="not authorized for Sponsored Display") as caught:
            fetch_report("campaigns", box.day(1), client=box.client_for(german), cache=False)
        assert (caught.value.status, caught.value.operation) == (403, "request_report")
        assert len(fetch_report("campaigns", box.day(1), client=box.client, cache=False)) > 0


def test_a_report_belongs_to_its_profile(box: Box) -> None:
    report_id = post(box).json()["reportId"]
    headers = {
        "Authorization": f"Bearer {token(box)}",
        "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
        "Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[2]),
    }
    url = f"{box.sandbox.base_url}/v2/reports/{report_id}"
    assert requests.get(url, headers=headers, timeout=10).status_code == 404
    own = headers | {"Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[0])}
    assert requests.get(url, headers=own, timeout=10).json()["status"] == "IN_PROGRESS"
    early = requests.get(f"{url}/download", headers=own, timeout=10, allow_redirects=False)
    assert early.status_code == 400


def test_limits_answer_429(clock: JumpingClock) -> None:
    box = Box(clock, queue_limit=2, retry_after=9)
    with box.sandbox:
        answers = [post(box) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert answers[-1].headers["Retry-After"] == "9"
        clock.pass_time(6)
        assert post(box).status_code == 202
    box = Box(clock, rate_limit=1, retry_after=None)
    with box.sandbox:
        answers = [post(box) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 429]
        assert "Retry-After" not in answers[-1].headers


@pytest.mark.off_contract
def test_storage_accepts_only_valid_links_without_credentials(box: Box) -> None:
    report_id = post(box).json()["reportId"]
    box.clock.pass_time(6)
    headers = {
        "Authorization": f"Bearer {token(box)}",
        "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
        "Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[0]),
    }
    url = f"{box.sandbox.base_url}/v2/reports/{report_id}/download"
    answer = requests.get(url, headers=headers, timeout=10, allow_redirects=False)
    link = answer.headers["Location"]
    assert answer.status_code == 307
    assert link.startswith(box.sandbox.storage_url)
    assert box.sandbox.storage_url != box.sandbox.base_url
    assert requests.get(link, timeout=10).status_code == 200
    for name, value in headers.items():
        assert requests.get(link, headers={name: value}, timeout=10).status_code == 400
    assert requests.get(link[:-1], timeout=10).status_code == 403
    assert requests.get(link.partition("?")[0], timeout=10).status_code == 403
    box.clock.pass_time(31)
    expired = requests.get(link, timeout=10)
    assert expired.status_code == 403
    assert "<Message>Request has expired</Message>" in expired.text


def test_results_are_reproducible() -> None:
    moment = datetime(2026, 11, 20, 18, tzinfo=UTC)
    frames = []
    for _ in range(2):
        box = Box(JumpingClock(moment))
        with box.sandbox:
            frames.append(fetch_report("targets", box.day(9), client=box.client, cache=False))
    pd.testing.assert_frame_equal(frames[0], frames[1])


@pytest.mark.parametrize("advertiser", [0, 1, 2])
def test_reports_have_consistent_sums(box: Box, store: ReportCache, advertiser: int) -> None:
    totals = {}
    metrics = ["clicks", "cost", "impressions", "attributedSales14d"]
    record_types: list[RecordType] = ["campaigns", "adGroups", "productAds", "targets"]
    for record_type in record_types:
        frame = fetch_report(
            record_type, box.day(9), box.day(7), metrics=metrics,
            client=box.client_for(advertiser), cache=store,
        )  # fmt: skip
        totals[record_type] = [round(float(frame[name].sum()), 2) for name in metrics]
    assert len(set(map(tuple, totals.values()))) == 1
    assert min(totals["campaigns"]) > 0


def test_halo_sales_are_the_rest_of_all_sales(box: Box, store: ReportCache) -> None:
    def total(record_type: RecordType, name: str) -> float:
        frame = fetch_report(
            record_type, box.day(9), metrics=[name], client=box.client, cache=store
        )
        return float(frame[name].sum())

    left = total("campaigns", "attributedSales14d") - total(
        "campaigns", "attributedSales14dSameSKU"
    )
    assert total("asins", "attributedSales14dOtherSKU") == pytest.approx(left)
    assert left > 0


def test_metrics_have_plausible_relative_sizes(box: Box) -> None:
    frame = fetch_report(
        "campaigns", box.day(20), box.day(1), metrics=requestable_metrics("campaigns"),
        client=box.client, cache=False,
    )  # fmt: skip
    assert (frame["clicks"] <= frame["viewImpressions"]).all()
    assert (frame["viewImpressions"] <= frame["impressions"]).all()
    for shorter, longer in (("1d", "7d"), ("7d", "14d"), ("14d", "30d")):
        low, high = (f"attributedConversions{days}" for days in (shorter, longer))
        assert (frame[low] <= frame[high]).all()
    assert (frame["attributedConversions14dSameSKU"] <= frame["attributedConversions14d"]).all()
    assert (frame["attributedSales14d"] <= frame["viewAttributedSales14d"] + 0.01).all()
    assert set(frame["costType"].unique()) == {"CPC", "VCPM"}


def test_attribution_matures_and_clicks_settle(box: Box) -> None:
    day = box.day(0)
    box.clock.pass_time(13.9 * 3600)  # just before midnight in Los Angeles

    def totals() -> pd.Series[Any]:
        frame = fetch_report("campaigns", day, client=box.client, cache=False)
        return frame[["clicks", "cost", "viewAttributedConversions14d"]].sum()

    seen = []
    for days in (0, 1, 3, 7, 14):
        box.clock.pass_time(days * 86400)
        seen.append(totals())
    conversions = [row["viewAttributedConversions14d"] for row in seen]
    assert conversions == sorted(conversions)
    assert conversions[0] < 0.6 * conversions[3]
    assert seen[1]["clicks"] > seen[2]["clicks"]
    assert seen[2]["clicks"] == seen[4]["clicks"]
    box.clock.pass_time(34 * 86400)
    final = box.sandbox.truth("campaigns", day)["viewAttributedConversions14d"].sum()
    assert totals()["viewAttributedConversions14d"] == final


def test_the_account_has_trends_and_events(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(28), box.day(1), client=box.client, cache=False)
    names = frame["campaignName"]
    first_days = frame.groupby("campaignName")["date"].min()
    launches = first_days[first_days.index.str.startswith("Launch")]
    assert (launches > frame["date"].min()).any()
    daily_cost = frame[names == "Backpacks – Competitors"].groupby("date")[["cost"]].sum()["cost"]
    assert daily_cost.max() > 2 * daily_cost.median()
    daily = frame.groupby("date")[["impressions"]].sum().reset_index()
    weekend = daily["date"].dt.day_of_week >= 5
    rhythm = daily["impressions"].groupby(weekend).mean()
    assert rhythm[True] > 1.05 * rhythm[False]
    sales = frame["viewAttributedSales14d"].sum()
    assert 0.1 < frame["cost"].sum() / sales < 1.0


def test_japanese_money_has_no_decimals(box: Box) -> None:
    fetch_report("campaigns", box.day(5), client=box.client_for(2), cache=False)
    costs = [row["cost"] for report in box.sandbox.reports.values() for row in report.rows]
    assert all(isinstance(cost, int) for cost in costs)


@pytest.mark.off_contract
def test_the_sandbox_stops(box: Box) -> None:
    url = f"{box.sandbox.base_url}/v2/profiles"
    with requests.Session() as session:
        assert session.get(url, timeout=10).status_code == 401
        box.sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=10)


def connected(box: Box) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(box.sandbox.base_url).netloc, timeout=10)


def listed(connection: http.client.HTTPConnection, box: Box) -> bytes:
    """Request the list of profiles on this connection."""
    headers = {
        "Authorization": f"Bearer {token(box)}",
        "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
    }
    connection.request("GET", "/v2/profiles", headers=headers)
    return connection.getresponse().read()


def test_a_connection_serves_many_requests(box: Box) -> None:
    connection = connected(box)
    own = listed(connection, box)
    assert b"Northwind Outdoor" in own
    own_socket = connection.sock
    box.sandbox.script_responses("profiles", ScriptedResponse(404, "[]"), ScriptedResponse(204))
    assert [listed(connection, box) for _ in range(3)] == [b"[]", b"", own]
    assert connection.sock is own_socket
    connection.close()


@pytest.mark.parametrize(
    ("fault", "created", "ended_by"),
    [
        (ScriptedResponse(0, stage="unread"), 0, ConnectionError),
        (ScriptedResponse(0, reset=True), 0, ConnectionResetError),
        (ScriptedResponse(0), 0, http.client.RemoteDisconnected),
        (ScriptedResponse(0, stage="done", reset=True), 1, ConnectionResetError),
        (ScriptedResponse(0, stage="done"), 1, http.client.RemoteDisconnected),
        (ScriptedResponse(504, stage="done"), 1, None),
        (ScriptedResponse(504), 0, None),
        (ScriptedResponse(None, truncate_at=5), 1, http.client.IncompleteRead),
        (ScriptedResponse(None, headers=CHUNKED, truncate_at=20), 1, http.client.IncompleteRead),
    ],
)
def test_a_report_is_made_even_if_the_response_is_lost(
    box: Box, fault: ScriptedResponse, created: int, ended_by: type[Exception] | None
) -> None:
    box.sandbox.script_responses("request_report", fault)
    connection = connected(box)
    body = '{"reportDate": "20261118", "tactic": "T00020", "metrics": "clicks"}'
    headers = {
        "Authorization": f"Bearer {token(box)}",
        "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
        "Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[0]),
        "Content-Type": "application/json",
    }

    def create() -> int:
        connection.request("POST", "/sd/campaigns/report", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    if ended_by is None:
        assert create() == fault.status
    else:
        with pytest.raises(ended_by):
            create()
    assert len(box.sandbox.reports) == created
    assert box.sandbox.count("request_report") == 1
    connection.close()


def test_responses_are_delayed_trickled_and_chunked(box: Box) -> None:
    connection = connected(box)
    own = listed(connection, box)
    box.sandbox.script_responses(
        "profiles",
        ScriptedResponse(None, delay=0.3),
        ScriptedResponse(None, trickle=0.3),
        ScriptedResponse(None, headers=CHUNKED, trickle=0.3),
    )
    for _ in range(3):
        started = time.monotonic()
        assert listed(connection, box) == own
        assert time.monotonic() - started > 0.25
    connection.close()


def test_a_client_may_leave_within_a_request(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    address = urlsplit(box.sandbox.token_url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST {address.path} HTTP/1.1\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + b"grant_type=ref")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert box.sandbox.requests == []
    assert capsys.readouterr().err == ""


def test_a_script_can_be_cleared(box: Box) -> None:
    box.sandbox.script_responses("profiles", *[ScriptedResponse(503)] * 9)
    connection = connected(box)
    assert listed(connection, box) == b""
    box.sandbox.clear_script()
    assert b"Northwind Outdoor" in listed(connection, box)
    connection.close()


def test_it_can_stop_listening_after_a_response_and_resume(box: Box) -> None:
    box.sandbox.script_responses("request_report", ScriptedResponse(None, then_stop=True))
    answer = post(box)
    report_id = answer.json()["reportId"]
    with pytest.raises(ConnectionRefusedError):
        connected(box).connect()
    box.sandbox.resume_listening()
    box.clock.pass_time(5)
    assert box.client.get_report_status(report_id).status == "SUCCESS"


def test_without_the_extra_only_start_fails() -> None:
    script = """
import sys
sys.modules["werkzeug"] = None
import inspect
import sdanalytics
from sdanalytics import *
inspect.getmembers(sdanalytics)
assert not hasattr(sdanalytics.sandbox, "Sandbox")
try:
    sdanalytics.sandbox.start()
except sdanalytics.NotConfigured as error:
    assert isinstance(error, sdanalytics.MissingDependency)
    assert error.name == "werkzeug"
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install werkzeug" in run.stdout


def test_no_row_has_sales_without_an_order(box: Box, store: ReportCache) -> None:
    suffixes: dict[RecordType, str] = {"asins": "14dOtherSKU", "targets": "14d"}
    for record_type, suffix in suffixes.items():
        names = [
            f"viewAttributed{kind}{suffix}" for kind in ("Sales", "Conversions", "UnitsOrdered")
        ]
        frame = fetch_report(record_type, box.day(9), metrics=names, client=box.client, cache=store)
        sales, orders, units = (frame[name] for name in names)
        assert ((sales > 0) == (orders > 0)).all()
        assert ((units > 0) == (orders > 0)).all()


def test_most_days_stay_within_the_budget(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(20), box.day(1), client=box.client, cache=False)
    within = frame["cost"] <= frame["campaignBudget"]
    assert 0.8 < within.mean() < 1.0


def test_it_has_its_own_clock() -> None:
    long_ago = datetime(2025, 1, 2, 12, tzinfo=UTC)
    with sandbox.start(now=lambda: long_ago, delay=0.0) as service:
        assert service.today == long_ago.date()
        assert service.today - timedelta(1) < long_ago.date()
