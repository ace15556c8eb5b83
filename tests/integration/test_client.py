"""The three operations, the login, and each documented error of the service."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, ReportRequest, fetch_report
from sdanalytics._core.clock import Clock
from sdanalytics.sandbox import Sandbox, ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

REQUEST = ReportRequest("20261118", "campaignId,clicks,cost", "T00020")

OPERATIONS: dict[str, Callable[[Client, str], object]] = {
    "request_report": lambda client, _: client.request_report("campaigns", REQUEST),
    "get_report_status": lambda client, report_id: client.get_report_status(report_id),
    "download_report": lambda client, report_id: client.download_report(report_id),
}
DOCUMENTED = {
    400: sda.BadRequest,
    401: sda.Unauthorized,
    403: sda.Forbidden,
    404: sda.NotFound,
    429: sda.RateLimited,
    500: sda.ServerError,
}
ONLY_ON_CREATE = {406: sda.ReportTooOld, 422: sda.InvalidReport}
CASES = [
    (op, status)
    for op in OPERATIONS
    for status in DOCUMENTED
    if (op, status) != ("request_report", 404)
]
CASES += [("request_report", status) for status in ONLY_ON_CREATE]


def new_report(box: Box) -> str:
    return box.client.request_report("campaigns", REQUEST).reportId


def test_a_report_is_requested_polled_and_downloaded(box: Box) -> None:
    client = box.client
    report = client.request_report("campaigns", REQUEST)
    assert report.status == "IN_PROGRESS"
    assert report.recordType == "CAMPAIGN"
    assert client.get_report_status(report.reportId).status == "IN_PROGRESS"
    box.clock.pass_time(5)
    ready = client.get_report_status(report.reportId)
    assert ready.status == "SUCCESS"
    assert ready.location == f"{client.base_url}/v2/reports/{report.reportId}/download"
    payload = client.download_report(report.reportId)
    assert ready.fileSize == len(payload)
    assert json.loads(gzip.decompress(payload)) == box.sandbox.reports[report.reportId].rows


@pytest.mark.parametrize(("operation", "status"), CASES)
def test_each_documented_status_has_its_own_error(box: Box, operation: str, status: int) -> None:
    report_id = new_report(box)
    body = json.dumps({"code": "SOME_CODE", "details": "what it says", "requestId": "R-1"})
    box.sandbox.script_responses(operation, *[ScriptedResponse(status, body)] * 5)
    with pytest.raises((DOCUMENTED | ONLY_ON_CREATE)[status]) as caught:
        OPERATIONS[operation](box.client, report_id)
    error = caught.value
    assert (error.operation, error.status, error.code) == (operation, status, "SOME_CODE")
    assert (error.details, error.request_id) == ("what it says", "R-1")
    for text in (str(status), "SOME_CODE", "what it says", "R-1"):
        assert text in str(error)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (
            "<html><head><style>b{}</style></head><h1>503</h1>Try &amp; wait</html>",
            "503 Try & wait",
        ),
        ("", None),
        ('{"message": "Forbidden"}', "Forbidden"),
        ("[1]", "[1]"),
        ('{"code": 7}', None),
    ],
)
@pytest.mark.parametrize("operation", list(OPERATIONS))
def test_error_bodies_of_other_formats_are_shown(
    box: Box, operation: str, body: str, details: str | None
) -> None:
    report_id = new_report(box)
    box.sandbox.script_responses(operation, ScriptedResponse(403, body, {"x-amz-rid": "R-2"}))
    with pytest.raises(sda.Forbidden) as caught:
        OPERATIONS[operation](box.client, report_id)
    assert caught.value.details == details
    assert caught.value.request_id is not None


@pytest.mark.parametrize("operation", ["request_report", "get_report_status", "download_report"])
@pytest.mark.parametrize(
    "answer", [ScriptedResponse(200, "<html>hotel wifi</html>"), ScriptedResponse(204)]
)
def test_a_response_of_the_wrong_type_is_an_error(
    box: Box, operation: str, answer: ScriptedResponse
) -> None:
    report_id = new_report(box)
    box.sandbox.script_responses(operation, *[answer] * 5)
    with pytest.raises(sda.ApiError) as caught:
        OPERATIONS[operation](box.client, report_id)
    assert caught.value.status == answer.status


def test_reads_are_retried_and_creates_only_if_they_created_nothing(box: Box) -> None:
    report_id = new_report(box)
    for status in (500, 503, 429, 0):
        box.sandbox.script_responses("get_report_status", ScriptedResponse(status))
    box.client.get_report_status(report_id)
    assert box.sandbox.count("get_report_status") == 5

    for status in (500, 429, 503):
        box.sandbox.script_responses("request_report", ScriptedResponse(status))
    box.client.request_report("campaigns", REQUEST)
    assert box.sandbox.count("request_report") == 1 + 4

    box.sandbox.script_responses("request_report", ScriptedResponse(0))
    with pytest.raises(sda.ConnectionFailed) as caught:
        box.client.request_report("campaigns", REQUEST)
    assert caught.value.sent
    assert "may build the same report twice" in "".join(caught.value.__notes__)
    assert box.sandbox.count("request_report") == 1 + 4 + 1


def test_a_create_that_cannot_have_been_sent_is_retried(box: Box) -> None:
    client = Client(
        Credentials("id", access_token="Atza|x"),
        1,
        base_url="http://127.0.0.1:9",
        clock=box.clock,
    )
    with pytest.raises(sda.ConnectionFailed, match=r"127\.0\.0\.1:9") as caught:
        client.request_report("campaigns", REQUEST)
    assert not caught.value.sent
    assert len(box.clock.waits) == 4


def test_back_off_grows_with_jitter(box: Box) -> None:
    report_id = new_report(box)
    box.sandbox.script_responses("get_report_status", *[ScriptedResponse(500)] * 5)
    with pytest.raises(sda.ServerError):
        box.client.get_report_status(report_id)
    for n, wait in enumerate(box.clock.waits):
        assert 0.5 * 2**n <= wait <= 1.0 * 2**n
    assert len(box.clock.waits) == 4


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Fri, 20 Nov 2026 18:00:30 GMT", 30.0), ("0", 0.0)]
)
def test_429_waits_for_its_retry_after(box: Box, header: str, seconds: float) -> None:
    report_id = new_report(box)
    client = box.client
    client.get_report_status(report_id)
    box.clock.waits.clear()
    box.sandbox.script_responses(
        "get_report_status", ScriptedResponse(429, "", {"Retry-After": header})
    )
    before = box.clock.monotonic()
    client.get_report_status(report_id)
    assert seconds <= box.clock.monotonic() - before <= seconds + 1


def test_429_without_retry_after_backs_off_with_full_jitter(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = new_report(box)
    bounds: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", longest)
    box.sandbox.script_responses("get_report_status", *[ScriptedResponse(429)] * 4)
    box.client.get_report_status(report_id)
    assert bounds == [(0, 2), (0, 4), (0, 8), (0, 16)]
    assert [wait for wait in box.clock.waits if wait > 1] == pytest.approx([2, 4, 8, 16])


def test_presigned_links_are_followed_without_credentials(box: Box) -> None:
    report_id = new_report(box)
    box.clock.pass_time(5)
    box.client.download_report(report_id)
    [storage] = [exchange for exchange in box.sandbox.requests if exchange.operation == "storage"]
    assert {name.lower() for name in storage.headers} <= {
        "host", "accept-encoding", "user-agent", "connection", "accept",
    }  # fmt: skip
    assert "sdanalytics" not in str(storage.headers)


def test_a_netrc_file_is_ignored(
    box: Box, tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    report_id = new_report(box)
    box.clock.pass_time(5)
    assert box.client.download_report(report_id)


@pytest.mark.parametrize("status", [403, 404])
def test_a_rejection_by_storage_is_a_failed_download(box: Box, status: int) -> None:
    report_id = new_report(box)
    box.clock.pass_time(5)
    client = box.client
    box.sandbox.script_responses(
        "storage", ScriptedResponse(status, "<Error><Code>AccessDenied</Code></Error>")
    )
    with pytest.raises(sda.DownloadFailed, match="AccessDenied") as caught:
        client.download_report(report_id)
    assert caught.value.report_id == report_id


@pytest.mark.parametrize(
    "location", ["ftp://x/y", "http://example.org/report?X-Amz-Signature=s", "/v2/elsewhere"]
)
def test_unsafe_redirects_are_not_followed(box: Box, location: str) -> None:
    report_id = new_report(box)
    box.sandbox.script_responses(
        "download_report", ScriptedResponse(307, "", {"Location": location})
    )
    with pytest.raises(sda.DownloadFailed) as caught:
        box.client.download_report(report_id)
    assert "X-Amz" not in str(caught.value)
    assert box.sandbox.count("storage") == 0


def test_requests_send_a_user_agent(box: Box) -> None:
    box.client.profiles()
    agents = {exchange.headers["User-Agent"] for exchange in box.sandbox.requests}
    assert agents == {f"sdanalytics/{sda.__version__}"}


def test_profiles(box: Box) -> None:
    frame = box.client.profiles()
    assert frame["profileId"].tolist() == box.sandbox.profile_ids
    assert frame["profileId"].dtype == "Int64"
    assert frame["currencyCode"].tolist() == ["USD", "EUR", "JPY"]
    assert frame["timezone"].tolist() == ["America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"]
    assert frame["accountType"].tolist() == ["seller", "vendor", "seller"]
    [exchange] = [e for e in box.sandbox.requests if e.operation == "profiles"]
    assert "Amazon-Advertising-Api-Scope" not in exchange.headers
    assert exchange.query == "apiProgram=report&accessLevel=view"


def test_profiles_that_may_only_be_viewed_are_listed(clock: JumpingClock) -> None:
    box = Box(clock)
    settings = replace(box.sandbox.settings, view_only=box.sandbox.profile_ids)
    box.sandbox.stop()
    with Sandbox(settings) as sandbox:
        client = sandbox.client_for(sandbox.profile_ids[0], clock)
        assert client.profiles()["profileId"].tolist() == sandbox.profile_ids
        token = sandbox.requests[-1].headers["Authorization"]
        login = {
            "Authorization": token,
            "Amazon-Advertising-API-ClientId": sandbox.environment["SDANALYTICS_CLIENT_ID"],
        }
        for query, listed in (("", 0), ("?accessLevel=edit", 0), ("?accessLevel=view", 3)):
            url = f"{sandbox.base_url}/v2/profiles{query}"
            assert len(requests.get(url, headers=login, timeout=10).json()) == listed


@pytest.mark.parametrize("body", ["{}", "[1]", '[{"countryCode":"US"}]', "null", "[" * 100_000])
def test_a_malformed_list_of_profiles_is_an_error(box: Box, body: str) -> None:
    box.sandbox.script_responses("profiles", *[ScriptedResponse(200, body)] * 5)
    with pytest.raises(sda.ApiError) as caught:
        box.client.profiles()
    assert caught.value.operation == "profiles"


def test_profiles_with_missing_fields_are_listed(box: Box) -> None:
    body = '[null, {"profileId": 9007199254740993}, {"profileId": "2", "accountInfo": null}]'
    box.sandbox.script_responses("profiles", ScriptedResponse(200, body))
    frame = box.client.profiles()
    assert frame["profileId"].tolist() == [9007199254740993, 2]
    assert frame["currencyCode"].isna().all()


# -- login -------------------------------------------------------------------------------


def test_a_fetch_requests_one_token(box: Box) -> None:
    fetch_report("campaigns", box.day(10), box.day(1), client=box.client, cache=False)
    assert box.sandbox.count("request_report") == 20
    assert box.sandbox.count("token") == 1


def test_concurrent_threads_request_one_token(box: Box) -> None:
    report_id = new_report(box)
    client = box.client
    together = threading.Barrier(8)

    def get_token() -> None:
        together.wait()
        client.get_report_status(report_id)

    threads = [threading.Thread(target=get_token) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.sandbox.count("token") == 1


def test_a_token_is_renewed_before_it_expires(box: Box) -> None:
    report_id = new_report(box)
    client = box.client
    client.get_report_status(report_id)
    box.clock.pass_time(3600 - 150)
    client.get_report_status(report_id)
    assert box.sandbox.count("token") == 1
    box.clock.pass_time(100)
    client.get_report_status(report_id)
    assert box.sandbox.count("token") == 2
    assert all(exchange.status < 400 for exchange in box.sandbox.requests)


def test_a_401_is_retried_once_with_a_new_token(box: Box) -> None:
    report_id = new_report(box)
    client = box.client
    client.get_report_status(report_id)
    box.sandbox.revoke_tokens()
    client.get_report_status(report_id)
    statuses = [e.status for e in box.sandbox.requests if e.operation == "get_report_status"]
    assert statuses == [200, 401, 200]

    body = '{"code":"UNAUTHORIZED","details":"Not authorized to access scope 123"}'
    box.sandbox.script_responses(
        "get_report_status", ScriptedResponse(401, body), ScriptedResponse(401, body)
    )
    with pytest.raises(sda.Unauthorized, match="scope 123"):
        client.get_report_status(report_id)


def test_a_rejected_refresh_token_is_explained(box: Box) -> None:
    client = Client(
        Credentials("amzn1.application-oa2-client.sandbox", "wrong-secret", "Atzr|wrong"),
        1,
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        clock=box.clock,
    )
    with pytest.raises(sda.Unauthorized, match="SDANALYTICS_CLIENT_ID") as caught:
        client.profiles()
    assert caught.value.operation == "token"
    assert caught.value.code == "invalid_client"
    box.sandbox.script_responses(
        "token",
        ScriptedResponse(400, '{"error":"invalid_grant","error_description":"Atzr|wrong is bad"}'),
    )
    with pytest.raises(sda.Unauthorized, match="REFRESH_TOKEN") as caught:
        client.profiles()
    assert caught.value.code == "invalid_grant"
    assert "Atzr|wrong" not in str(caught.value)


def test_an_access_token_is_used_and_not_renewed(box: Box) -> None:
    report_id = new_report(box)
    token = box.sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    client = Client(
        Credentials("amzn1.application-oa2-client.sandbox", access_token=token),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        clock=box.clock,
    )
    client.get_report_status(report_id)
    box.sandbox.revoke_tokens()
    with pytest.raises(sda.Unauthorized):
        client.get_report_status(report_id)
    assert box.sandbox.count("token") == 1


# -- profiles ------------------------------------------------------------------------------


def test_a_profile_id_is_a_number_as_in_the_list_of_profiles(box: Box) -> None:
    client = box.client
    profiles = client.profiles().set_index("profileId")
    assert profiles["countryCode"].to_dict()[client.profile_id] == "US"
    german = box.sandbox.profile_ids[1]
    for given in (german, str(german), f" {german} ", profiles.index[1]):
        assert client.for_profile(given).profile_id == german
    assert type(client.for_profile(str(german)).profile_id) is int
    client.for_profile(german).request_report("campaigns", REQUEST)
    assert box.sandbox.requests[-1].headers["Amazon-Advertising-Api-Scope"] == str(german)
    for invalid in (True, 1.0, -1, "", "1e3", "\u0661", "9" * 5000, None):
        with pytest.raises(sda.InvalidRequest, match="profile_id must be the number"):
            client.for_profile(invalid)  # type: ignore[arg-type]


def test_a_profile_of_another_login_is_explained(box: Box) -> None:
    client = box.sandbox.client_for(999)
    with pytest.raises(sda.NotConfigured, match="Northwind Outdoor"):
        fetch_report("campaigns", "2026-11-18", client=client, cache=False)


# -- network errors ------------------------------------------------------------------------


def serve(answer: bytes, *, pause: float = 0.0) -> str:
    """Serve these bytes to every connection, one by one if there is a pause."""
    listener = socket.create_server(("127.0.0.1", 0))

    def respond(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            for byte in answer if pause else ():
                connection.sendall(bytes([byte]))
                time.sleep(pause)
            connection.sendall(b"" if pause else answer)

    def run() -> None:
        with listener:
            while True:
                threading.Thread(target=respond, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def ready_made(base_url: str, clock: Clock | None = None) -> Client:
    return Client(Credentials("id", access_token="Atza|token"), 1, base_url=base_url, clock=clock)


def test_compressed_responses_are_read(box: Box) -> None:
    client = box.client
    body = gzip.compress(b'[{"profileId": 5}]')
    box.sandbox.script_responses(
        "profiles", ScriptedResponse(200, body, {"Content-Encoding": "gzip"})
    )
    assert client.profiles()["profileId"].tolist() == [5]
    accepted = {exchange.headers["Accept-Encoding"] for exchange in box.sandbox.requests}
    assert accepted == {"identity"}


def test_a_binary_body_is_not_shown(box: Box) -> None:
    report_id = new_report(box)
    box.sandbox.script_responses("get_report_status", ScriptedResponse(400, b"\x1f\x8b\x00\xff"))
    with pytest.raises(sda.BadRequest, match="gives no details"):
        box.client.get_report_status(report_id)


def test_an_error_being_handled_by_the_caller_changes_nothing(box: Box) -> None:
    client = box.client
    client.profiles()
    box.sandbox.script_responses("request_report", *[ScriptedResponse(0)] * 5)
    try:
        ready_made("http://127.0.0.1:9", box.clock).get_report_status("x")
    except sda.ConnectionFailed:
        with pytest.raises(sda.ConnectionFailed) as caught:
            client.request_report("campaigns", REQUEST)
    assert caught.value.sent
    assert box.sandbox.count("request_report") == 1


@pytest.mark.parametrize("year", ["99999", "1", "0"])
def test_an_invalid_retry_after_is_ignored(box: Box, year: str) -> None:
    report_id = new_report(box)
    header = {"Retry-After": f"Fri, 31 Dec {year} 23:59:59 GMT"}
    box.sandbox.script_responses("get_report_status", ScriptedResponse(429, "", header))
    assert box.client.get_report_status(report_id).status == "IN_PROGRESS"


def test_a_hanging_link_is_abandoned_before_it_expires(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = new_report(box)
    box.clock.pass_time(5)
    monkeypatch.setattr("sdanalytics.api.transport.STORAGE_READ_TIMEOUT", 0.2)
    box.sandbox.script_responses("storage", *[ScriptedResponse(0, delay=1.0)] * 5)
    with pytest.raises(sda.DownloadFailed):
        box.client.download_report(report_id)
    assert box.sandbox.count("storage") <= 2


def test_the_timeout_ends_a_response_whose_headers_trickle(tmp_path: Path) -> None:
    base_url = serve(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200, pause=0.1)
    started = time.monotonic()
    with pytest.raises(sda.ReportTimeout):
        fetch_report(
            "campaigns", "2026-01-01", client=ready_made(base_url), cache=tmp_path, timeout=0.5
        )
    assert time.monotonic() - started < 4


def test_a_call_that_waits_for_a_token_does_not_block_others(store: ReportCache) -> None:
    with sda.sandbox.start(delay=0.0) as sandbox:
        client, day = sandbox.client, sandbox.today
        sandbox.script_responses("token", ScriptedResponse(0, delay=8))
        with pytest.raises(sda.ReportTimeout):
            fetch_report("campaigns", day, client=client, cache=store, timeout=0.5)
        started = time.monotonic()
        fetch_report("campaigns", day, client=client, cache=store, tactic="T00020")
        assert time.monotonic() - started < 6


@pytest.mark.parametrize(
    "timezone", [None, 5, "", "Nowhere/City", "America", "../../etc/passwd", ["UTC"]]
)
def test_a_profile_without_a_time_zone_is_reported_and_not_stored(
    box: Box, store: ReportCache, timezone: object
) -> None:
    profile = {"profileId": box.sandbox.profile_ids[0], "timezone": timezone}
    box.sandbox.script_responses("profiles", ScriptedResponse(200, json.dumps([profile])))
    with pytest.raises(sda.NotConfigured, match="time zone"):
        fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    frame = fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert frame.attrs["sdanalytics"]["timezone"] == "America/Los_Angeles"


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", '{"timezone": null}', "[" * 100_000, '{"profile_id": "1"}']
)
def test_damaged_profile_metadata_is_requested_again(
    box: Box, store: ReportCache, content: str
) -> None:
    fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    [profile_file] = (store.path / "profiles").rglob("*.json")
    profile_file.write_text(content)
    fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert box.sandbox.count("profiles") == 2


@pytest.mark.parametrize("invalid", [5, None, "", b"x"])
def test_an_invalid_report_id_is_rejected(box: Box, invalid: object) -> None:
    for operation in ("get_report_status", "download_report"):
        with pytest.raises(sda.InvalidRequest):
            getattr(box.client, operation)(invalid)
    assert box.sandbox.requests == []


def test_a_numeric_report_id_is_returned_as_text(box: Box) -> None:
    box.sandbox.script_responses(
        "request_report", ScriptedResponse(202, '{"reportId": 77, "status": "IN_PROGRESS"}')
    )
    assert box.client.request_report("campaigns", REQUEST).reportId == "77"


def test_a_response_about_another_report_is_rejected(box: Box) -> None:
    report_id = new_report(box)
    another = ScriptedResponse(200, '{"reportId": "another", "status": "SUCCESS"}')
    box.sandbox.script_responses("get_report_status", *[another] * 5)
    with pytest.raises(sda.ApiError, match="about report another"):
        box.client.get_report_status(report_id)
