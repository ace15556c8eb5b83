"""One odd answer to a read is no verdict: it is read again, and a report is asked for once."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, ReportRequest, fetch_report
from sdanalytics.sandbox import Report, ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

Api = Literal["v2", "v3"]
Store = ReportCache | Literal[False]
REQUEST = ReportRequest("20261118", "campaignId,clicks,cost", "T00020")
HTML = "<html><head><title>Hotel</title></head><body>Please log in.</body></html>"
BAD_BODIES = {
    "HTML": HTML,
    "nothing": "",
    "cut JSON": '{"reportId": "amzn1.',
    "a list": "[1]",
    "an object": '{"message": "OK"}',
    "no status": '{"reportId": "x"}',
    "no id": '{"status": "SUCCESS"}',
    "another report": '{"reportId": "another", "status": "SUCCESS"}',
    "null": "null",
}
READS = [
    ("v2", "token"), ("v2", "profiles"), ("v2", "get_report_status"), ("v2", "download_report"),
    ("v3", "token"), ("v3", "profiles"), ("v3", "get_report"), ("v3", "campaigns"),
]  # fmt: skip
STATUS: dict[Api, str] = {"v2": "get_report_status", "v3": "get_report"}
CREATE: dict[Api, str] = {"v2": "request_report", "v3": "create_report"}


def fetch(box: Box, store: Store, api: Api, days: int = 1, **settings: Any) -> Any:
    return fetch_report(
        "campaigns", box.day(days), box.day(1), metrics=["clicks"], tactic="T00020",
        client=box.client_for(0, api), cache=store, **settings,
    )  # fmt: skip


# -- F4: 200, and not what the operation answers -----------------------------------------------


@pytest.mark.parametrize("kind", BAD_BODIES)
@pytest.mark.parametrize(("api", "operation"), READS)
def test_a_bad_answer_with_200_is_read_again(
    box: Box, store: ReportCache, api: Api, operation: str, kind: str
) -> None:
    bad = ScriptedResponse(200, BAD_BODIES[kind])
    box.sandbox.script_responses(operation, *[bad] * 3)
    assert not fetch(box, store, api).empty
    assert box.sandbox.count(CREATE[api]) == 1
    assert box.sandbox.count(operation) > 3


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_of_a_wrong_kind_is_read_again(box: Box, status: int) -> None:
    box.sandbox.script_responses("profiles", ScriptedResponse(status, HTML))
    assert len(box.client.profiles()) == 3
    assert 0.5 <= sum(box.clock.waits) <= 1.0


@pytest.mark.parametrize(("api", "operation"), READS)
def test_bad_answers_for_good_are_an_error_that_says_what_came(
    box: Box, store: ReportCache, api: Api, operation: str
) -> None:
    box.sandbox.script_responses(operation, *[ScriptedResponse(200, HTML)] * 50)
    with pytest.raises(sda.ApiError, match="Hotel Please log in") as caught:
        fetch(box, store, api)
    assert (caught.value.operation, caught.value.status) == (operation, 200)
    assert "CLIENT_SECRET" not in str(caught.value)
    box.sandbox.clear_script()
    assert not fetch(box, store, api).empty
    assert box.sandbox.count(CREATE[api]) <= 1


def test_the_deadline_ends_the_reading_of_bad_answers(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("profiles", *[ScriptedResponse(200, HTML)] * 50)
    started = box.clock.monotonic()
    with pytest.raises(sda.ApiError, match="is not a list of profiles; it has the text 'Hotel"):
        fetch(box, store, "v2", timeout=2)
    assert box.clock.monotonic() - started <= 2
    assert 1 < box.sandbox.count("profiles") < 5


def test_a_bad_answer_shows_no_token_and_no_link(box: Box) -> None:
    for body in (
        '[{"access_token": "very-secret"}]',
        '{"access_token": {"value": "very-secret"}}',
        '{"access_token": "very-secret',
        "See https://s3.amazonaws.com/x?X-Amz-Signature=very-secret",
    ):
        box.sandbox.script_responses("token", *[ScriptedResponse(200, body)] * 5)
        with pytest.raises(sda.ApiError) as caught:
            box.client.profiles()
        assert "very-secret" not in f"{caught.value}{vars(caught.value)}"


@pytest.mark.parametrize("bad", [ScriptedResponse(200, HTML), ScriptedResponse(307)])
def test_a_download_without_a_redirect_is_tried_again(
    box: Box, store: ReportCache, bad: ScriptedResponse
) -> None:
    box.sandbox.script_responses("download_report", *[bad] * 4)
    assert not fetch(box, store, "v2").empty
    assert box.sandbox.count("request_report") == 1


def test_an_unknown_status_is_an_error_at_once(box: Box) -> None:
    report_id = box.client.request_report("campaigns", REQUEST).reportId
    document = json.dumps({"reportId": report_id, "status": "SHRUG"})
    box.sandbox.script_responses("get_report_status", ScriptedResponse(200, document))
    assert box.client.get_report_status(report_id).status == "SHRUG"


@pytest.mark.parametrize("body", [HTML, "", "{}"])
def test_a_deletion_may_be_answered_with_anything(box: Box, store: ReportCache, body: str) -> None:
    from sdanalytics._core.deadline import Deadline
    from sdanalytics.api.client import open_session
    from sdanalytics.api.reporting_v3 import ReportingV3

    box.sandbox.script_responses("delete_report", ScriptedResponse(200, body, stage="done"))
    session = open_session(box.client_for(0, "v3"), Deadline(box.clock, 60))
    ReportingV3(session).delete("00000000-0000-4000-8000-000000000000")
    assert box.sandbox.count("delete_report") == 1


# -- F4: creates -------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"status": "IN_PROGRESS"}, {}, {"fileSize": "?"}])
@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_a_create_with_a_report_id_is_taken(
    box: Box, status: int, fields: dict[str, object]
) -> None:
    body = json.dumps({"reportId": "amzn1.x", **fields})
    box.sandbox.script_responses("request_report", ScriptedResponse(status, body))
    report = box.client.request_report("campaigns", REQUEST)
    assert (report.reportId, report.status, report.fileSize) == ("amzn1.x", "IN_PROGRESS", None)


@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_report_of_an_odd_create_is_fetched(
    box: Box, store: ReportCache, api: Api, status: int
) -> None:
    with pytest.raises(sda.ReportTimeout):  # of a call that leaves no record
        fetch(box, False, api, timeout=0.5)
    [report_id] = box.sandbox.reports
    body = json.dumps({"reportId": report_id})
    box.sandbox.script_responses(CREATE[api], ScriptedResponse(status, body))
    assert not fetch(box, store, api).empty
    assert list(box.sandbox.reports) == [report_id]


def test_a_version_2_create_without_an_id_is_not_sent_again(box: Box) -> None:
    page = ScriptedResponse(200, HTML, stage="done")
    body = json.dumps({"reportDate": "20261118"})
    for bad in (page, ScriptedResponse(202, body, stage="done")):
        box.sandbox.script_responses("request_report", bad)
        with pytest.raises(sda.ApiError, match="new report") as caught:
            box.client.request_report("campaigns", REQUEST)
        assert "may build the same report twice" in "".join(caught.value.__notes__)
    assert box.sandbox.count("request_report") == 2


def test_a_version_3_create_without_an_id_finds_its_report_again(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses("create_report", ScriptedResponse(200, HTML, stage="done"))
    assert not fetch(box, store, "v3").empty
    assert len(box.sandbox.reports) == 1


# -- A5: answers of the login ------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        ScriptedResponse(200, HTML),
        ScriptedResponse(302, "", {"Location": "https://portal.example/login?token=very-secret"}),
        ScriptedResponse(407, HTML),
        ScriptedResponse(403, HTML),
        ScriptedResponse(404, ""),
        ScriptedResponse(500, ""),
        ScriptedResponse(503, HTML),
        ScriptedResponse(429, ""),
    ],
    ids=lambda answer: str(answer.status),
)
def test_other_answers_of_the_login_do_not_accuse_the_credentials(
    box: Box, answer: ScriptedResponse
) -> None:
    box.sandbox.script_responses("token", *[answer] * 50)
    with pytest.raises(sda.ApiError, match=str(answer.status)) as caught:
        box.client.profiles()
    text = str(caught.value)
    assert not isinstance(caught.value, sda.Unauthorized)
    assert caught.value.operation in ("token", "")
    for word in ("SDANALYTICS_CLIENT_ID", "REFRESH_TOKEN", "Credentials", "very-secret", "/login"):
        assert word not in text
    if answer.status == 302:
        assert "portal.example" in text
    if answer.status in (407, 403, 404):
        assert "127.0.0.1" in text


def test_a_refused_login_names_the_credentials(box: Box) -> None:
    box.sandbox.script_responses("token", ScriptedResponse(400, '{"error": "invalid_grant"}'))
    with pytest.raises(sda.Unauthorized, match="SDANALYTICS_CLIENT_ID"):
        box.client.profiles()


@pytest.mark.parametrize(("api", "operation"), READS[1:])
def test_redirects_of_other_operations_name_the_host(
    box: Box, store: ReportCache, api: Api, operation: str
) -> None:
    location = {"Location": "https://portal.example/login?token=very-secret"}
    box.sandbox.script_responses(operation, *[ScriptedResponse(302, "", location)] * 9)
    with pytest.raises(sda.ApiError, match=r"portal\.example") as caught:
        fetch(box, store, api)
    assert "very-secret" not in str(caught.value)
    assert "/login" not in str(caught.value)


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token", "access_token"])
@pytest.mark.parametrize("form", ['"{}"', "'{}'", '"{}', "{}'"])
def test_quotes_around_credentials_are_refused(name: str, form: str) -> None:
    values = {
        "client_id": "id",
        "client_secret": "very-secret",
        "refresh_token": "Atzr|very-secret",
    }
    values[name] = form.format("Atzr|very-secret")
    with pytest.raises(sda.NotConfigured, match=f"^{name} must be without quotes") as caught:
        Credentials(**values)
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("bar", ["%7C", "%7c"])
def test_an_encoded_refresh_token_is_refused(bar: str) -> None:
    environment = {
        "SDANALYTICS_CLIENT_ID": "id",
        "SDANALYTICS_CLIENT_SECRET": "secret",
        "SDANALYTICS_REFRESH_TOKEN": f"Atzr{bar}very-secret",
        "SDANALYTICS_PROFILE_ID": "1",
    }
    with pytest.raises(sda.NotConfigured, match=r"^refresh_token must .*%7C") as caught:
        Client.from_env(environment)
    assert "very-secret" not in str(caught.value)


# -- F2: a report that is not known yet --------------------------------------------------------

EARLY = {
    404: '{"code": "NOT_FOUND", "details": "Could not find report"}',
    400: '{"code": "400", "details": "Report does not exist"}',
    403: '{"message": "Forbidden"}',
}
LOOKS: list[tuple[Api, str]] = [
    ("v2", "get_report_status"),
    ("v2", "download_report"),
    ("v3", "get_report"),
]


@pytest.mark.parametrize("status", EARLY)
@pytest.mark.parametrize(("api", "operation"), LOOKS)
def test_a_young_report_that_is_not_known_is_looked_at_again(
    box: Box, store: ReportCache, api: Api, operation: str, status: int
) -> None:
    box.sandbox.script_responses(operation, *[ScriptedResponse(status, EARLY[status])] * 3)
    assert not fetch(box, store, api).empty
    assert len(box.sandbox.reports) == 1
    looks = [e.at for e in box.sandbox.requests if e.operation == operation][:4]
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert gaps == sorted(gaps)
    assert gaps[0] > 0.5


@pytest.mark.parametrize("status", EARLY)
def test_ten_days_that_are_not_known_at_first_are_requested_once(
    box: Box, store: ReportCache, status: int
) -> None:
    early = ScriptedResponse(status, EARLY[status])
    box.sandbox.script_responses("get_report_status", *[early] * 10)
    assert not fetch(box, store, "v2", days=10).empty
    assert box.sandbox.count("request_report") == 10


def test_a_report_that_stays_unknown_is_requested_again_after_a_minute(
    box: Box, store: ReportCache
) -> None:
    def hide_first(report: Report) -> None:
        if not box.sandbox.reports:
            report.status, report.ready_at = "CANCELLED", report.asked_at  # and so 404

    box.sandbox.set_content(hide_first)
    assert not fetch(box, store, "v3").empty
    creates = [e.at for e in box.sandbox.requests if e.operation == "create_report"]
    assert len(creates) == 2
    assert creates[1] - creates[0] >= 60


def test_a_report_that_stays_forbidden_ends_after_a_minute(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("get_report_status", *[ScriptedResponse(403, EARLY[403])] * 99)
    started = box.clock.monotonic()
    with pytest.raises(sda.Forbidden):
        fetch(box, store, "v2")
    assert 60 <= box.clock.monotonic() - started < 120
    assert box.sandbox.count("request_report") == 1


def test_an_account_without_the_product_is_a_verdict_at_once(box: Box, store: ReportCache) -> None:
    details = "Advertiser is not authorized for Sponsored Display."
    refusal = ScriptedResponse(403, json.dumps({"code": "FORBIDDEN", "details": details}))
    box.sandbox.script_responses("request_report", *[refusal] * 2)
    with pytest.raises(sda.Forbidden, match="not authorized"):
        fetch(box, store, "v2")
    assert box.sandbox.count("request_report") == 1
    assert box.clock.waits == []


@pytest.mark.parametrize(("api", "operation"), LOOKS)
def test_a_resumed_report_that_is_not_known_is_gone(
    box: Box, store: ReportCache, api: Api, operation: str
) -> None:
    with pytest.raises(sda.ReportTimeout):
        fetch(box, store, api, timeout=1)
    box.clock.pass_time(30)
    box.sandbox.script_responses(operation, *[ScriptedResponse(404, EARLY[404])] * 2)
    before = box.clock.monotonic()
    with contextlib.suppress(sda.NotFound):  # of a download, which ends the call
        fetch(box, store, api)
    assert box.clock.monotonic() - before < 60


# -- A2: Retry-After -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1.5", 1.5),
        ("40.25", 40.25),
        ("Fri, 20 Nov 2026 18:00:30 GMT", 30.0),
        ("Friday, 20-Nov-26 18:00:30 GMT", 30.0),
        ("Fri Nov 20 18:00:30 2026", 30.0),
        ("Fri, 20 Nov 2026 17:00:00 GMT", 0.0),
        ("0.0", 0.0),
    ],
)
@pytest.mark.parametrize("operation", ["token", "profiles", "request_report", "get_report_status"])
def test_a_429_waits_as_long_as_it_says(
    box: Box, operation: str, header: str, seconds: float
) -> None:
    client = box.client
    limited = ScriptedResponse(429, "<html>Too Many Requests</html>", {"Retry-After": header})
    box.sandbox.script_responses(operation, limited)
    if operation in ("token", "profiles"):
        client.profiles()
    else:
        client.get_report_status(client.request_report("campaigns", REQUEST).reportId)
    assert seconds - 0.01 <= box.clock.monotonic() - 1000 <= seconds + 0.2


@pytest.mark.parametrize("header", ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("api", ["v2", "v3"])
def test_limits_beyond_the_deadline_say_until_when(
    box: Box, store: ReportCache, api: Api, header: str
) -> None:
    headers = {"amazon-advertising-api-throttled": "true", "Retry-After": header}
    limited = ScriptedResponse(429, '{"message": "Too Many Requests"}', headers)
    for operation in (CREATE[api], STATUS[api]):
        box.sandbox.clear_script()
        box.sandbox.script_responses(operation, *[limited] * 500)
        with pytest.raises(
            sda.RateLimited, match=r"[Uu]ntil 2026-11-20 \d\d:\d\d:\d\d UTC"
        ) as caught:
            fetch(box, store, api, timeout=100)
        until = caught.value.until
        assert until is not None
        assert until.utcoffset() == timedelta(0)
        assert box.clock.now() < until <= box.clock.now() + timedelta(hours=2)


@pytest.mark.parametrize(
    ("header", "until"),
    [("90.5", datetime(2026, 11, 20, 18, 1, 30, 500_000, UTC)),
     ("Fri, 20 Nov 2026 18:40:00 GMT", datetime(2026, 11, 20, 18, 40, tzinfo=UTC))],
)  # fmt: skip
@pytest.mark.parametrize(
    ("api", "operation"), [*READS, ("v2", "request_report"), ("v3", "create_report")]
)
def test_the_moment_is_that_of_retry_after(
    box: Box, store: ReportCache, api: Api, operation: str, header: str, until: datetime
) -> None:
    limited = ScriptedResponse(429, "", {"Retry-After": header})
    box.sandbox.script_responses(operation, limited)
    with pytest.raises(sda.RateLimited) as caught:
        fetch(box, store, api, timeout=60)
    assert caught.value.until is not None
    assert abs((caught.value.until - until).total_seconds()) < 60


@pytest.mark.parametrize("header", [{}, {"Retry-After": "-5"}, {"Retry-After": "soon"}])
def test_limits_without_a_moment_say_an_estimated_one(box: Box, header: dict[str, str]) -> None:
    page = "<html>Too many requests</html>"
    box.sandbox.script_responses("profiles", *[ScriptedResponse(429, page, header)] * 5)
    with pytest.raises(sda.RateLimited, match=r"Too many requests.*until 2026-11-20") as caught:
        box.client.profiles()
    assert caught.value.until is not None
    assert box.clock.now() <= caught.value.until < box.clock.now() + timedelta(minutes=1)


def test_a_moment_that_stays_in_the_past_is_no_reason_to_hurry(
    box: Box, store: ReportCache
) -> None:
    past = ScriptedResponse(429, "", {"Retry-After": "Fri, 20 Nov 2026 17:00:00 GMT"})
    box.sandbox.script_responses("request_report", *[past] * 15)
    assert not fetch(box, store, "v2").empty
    assert 20 < box.clock.monotonic() - 1000 < 200


# -- what is accepted ----------------------------------------------------------------------------


def test_version_3_accepts_the_types_of_its_responses(box: Box, store: ReportCache) -> None:
    assert not fetch(box, store, "v3").empty
    accepted = {
        e.operation: e.headers["Accept"] for e in box.sandbox.requests if "Accept" in e.headers
    }
    for operation, word in (("create_report", "create"), ("get_report", "get")):
        types = f"application/vnd.{word}asyncreportresponse.v3+json, application/json"
        assert accepted[operation] == types
    assert accepted["profiles"] == accepted["token"] == "application/json"


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_a_406_of_a_read_is_not_about_the_age_of_a_day(
    box: Box, store: ReportCache, api: Api
) -> None:
    box.sandbox.script_responses(STATUS[api], *[ScriptedResponse(406)] * 2)
    with pytest.raises(sda.ApiError) as caught:
        fetch(box, store, api)
    assert not isinstance(caught.value, sda.ReportTooOld)


def test_a_425_may_name_a_report_that_is_not_known_yet(
    clock: JumpingClock, store: ReportCache
) -> None:
    """A call died after the request; the next one meets its report before all parts know it."""
    box = Box(clock, delay=60.0)
    with box.sandbox:
        lost = ScriptedResponse(0, stage="done", reset=True)
        box.sandbox.script_responses("create_report", lost)
        box.sandbox.script_responses("get_report", *[ScriptedResponse(404, "{}")] * 3)
        assert not fetch(box, store, "v3", days=3).empty
        assert len(box.sandbox.reports) == 1
