"""Allowed hosts, encryption, limits of size, and the handling of secrets."""

from __future__ import annotations

import concurrent.futures
import gzip
import logging
import socket
import ssl
import threading
from typing import Any

import pytest
import trustme

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

AMAZON = "https://advertising-api.amazon.com"
HERE = "http://127.0.0.1:8080"


def client_of(box: Box, **settings: Any) -> Client:
    return Client(
        Credentials.from_env(box.sandbox.environment),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        clock=box.clock,
        **settings,
    )


# -- where payloads come from ---------------------------------------------------------------


def test_a_redirect_to_another_host_is_rejected_with_its_name(box: Box, store: ReportCache) -> None:
    link = {"Location": "https://files.example.org/1?X-Amz-Signature=secret"}
    box.sandbox.script_responses("download_report", *[ScriptedResponse(307, "", link)] * 8)
    with pytest.raises(sda.DownloadFailed, match=r"files\.example\.org.*storage_hosts") as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=store)
    assert "secret" not in str(caught.value)


def test_storage_may_not_redirect_further(box: Box, store: ReportCache) -> None:
    link = {"Location": f"{box.sandbox.storage_url}/b/x.json.gz"}
    box.sandbox.script_responses("storage", *[ScriptedResponse(302, "", link)] * 8)
    with pytest.raises(sda.DownloadFailed, match="storage answered 302"):
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=store)
    assert box.sandbox.count("storage") == 2  # one for each link, none for a redirect


def test_the_api_may_not_redirect_at_all(box: Box) -> None:
    elsewhere = ScriptedResponse(302, "", {"Location": f"{box.sandbox.storage_url}/b/x"})
    box.sandbox.script_responses("profiles", elsewhere)
    with pytest.raises(sda.ApiError, match="302"):
        box.client.profiles()
    assert box.sandbox.count("storage") == 0


# -- encryption -----------------------------------------------------------------------------


@pytest.mark.parametrize("variable", [None, "PYTHONHTTPSVERIFY", "CURL_CA_BUNDLE"])
def test_certificates_are_always_verified(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "" if "BUNDLE" in variable else "0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        for _ in range(5):
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    received.append(encrypted.recv(1000))
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    client = Client(
        Credentials("id", access_token="Atza|token"),
        1,
        base_url=f"https://127.0.0.1:{port}",
        clock=JumpingClock(),
    )
    with listener, pytest.raises(sda.ConnectionFailed, match="certificate"):
        client.profiles()
    assert received == []


# -- limits of size ---------------------------------------------------------------------------


def test_a_payload_that_would_fill_the_memory_is_rejected(box: Box, store: ReportCache) -> None:
    bomb = gzip.compress(b"[" + b",".join([b'{"campaignId":1}'] * (1 << 17)) + b"]")
    assert len(bomb) < 1 << 14
    box.sandbox.set_content(lambda report: bomb)
    client = client_of(box, largest_report=1 << 20)
    with pytest.raises(sda.CorruptReport, match="largest_report="):
        fetch_report("campaigns", box.day(1), client=client, cache=store)
    with pytest.warns(sda.DataWarning):
        frame = fetch_report("campaigns", box.day(1), client=client_of(box), cache=store)
    assert len(frame) == 2 << 17


def test_an_endless_payload_is_cut_off(box: Box, store: ReportCache) -> None:
    box.sandbox.set_content(lambda report: b"\x1f\x8b" + bytes(1 << 22))
    client = client_of(box, largest_report=1 << 20)
    with pytest.raises(sda.DownloadFailed, match="more than 1,048,576 bytes"):
        fetch_report("campaigns", box.day(1), client=client, cache=store)


def test_an_oversized_compressed_response_is_not_decompressed(box: Box) -> None:
    bomb = gzip.compress(b"[" + b" " * (1 << 27) + b"]")
    compressed = ScriptedResponse(200, bomb, {"Content-Encoding": "gzip"})
    box.sandbox.script_responses("profiles", *[compressed] * 5)
    with pytest.raises(sda.ApiError):
        box.client.profiles()


# -- secrets ------------------------------------------------------------------------------------


def test_passing_a_client_to_a_process_pool_is_explained(box: Box) -> None:
    with (
        concurrent.futures.ProcessPoolExecutor(1) as pool,
        pytest.raises(TypeError, match="from_env"),
    ):
        pool.submit(print, box.client).result()


# -- the log -------------------------------------------------------------------------------------


def log_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    own = [record for record in caplog.records if record.name == "sdanalytics"]
    return [record.getMessage() for record in own if record.levelno >= logging.INFO]


@pytest.mark.parametrize("days", [1, 14, 40])
def test_info_logs_a_call_in_a_dozen_lines(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    caplog.set_level(logging.INFO, "sdanalytics")
    fetch_report("campaigns", box.day(1), client=box.client, cache=store, tactic="T00020")
    caplog.clear()
    box.sandbox.revoke_tokens()
    fetch_report("campaigns", box.day(days), box.day(1), client=box.client, cache=store)
    messages = log_messages(caplog)
    assert len(messages) <= 12
    total = "1 day" if days == 1 else f"{days} days"
    profile = box.sandbox.profile_ids[0]
    assert messages[0].startswith(f"campaigns {box.day(days)}")
    assert f"of profile {profile}" in messages[0]
    # One of the two tactics of a day is stored: the day is not.
    assert messages[0].endswith(f"{total}, 0 from the cache, {days} to fetch")
    first = next(line for line in messages if "requested report" in line)
    assert any(report_id in first for report_id in box.sandbox.reports)
    assert any("stored report" in line and f" of {total})" in line for line in messages)
    assert messages[-1].startswith(f"campaigns {box.day(days)}")
    assert "complete after" in messages[-1]


def test_info_logs_waits_and_their_reasons(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sdanalytics")
    fetch_report("campaigns", box.day(9), client=box.client, cache=store)
    box.sandbox.script_responses(
        "request_report", ScriptedResponse(429, "", {"Retry-After": "17"}), ScriptedResponse(500)
    )
    box.sandbox.revoke_tokens()
    caplog.clear()
    fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=store)
    messages = "\n".join(log_messages(caplog))
    assert "request_report: throttled (429); waiting 17.0 s (Retry-After)" in messages
    assert "request_report: status 500; retrying in" in messages


def test_debug_logs_each_exchange(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sdanalytics")
    fetch_report("campaigns", box.day(9), box.day(1), client=box.client, cache=store)
    lines = [record.getMessage() for record in caplog.records if record.name == "sdanalytics"]
    for report_id in box.sandbox.reports:
        assert any(report_id in line for line in lines)
    for operation in ("request_report", "get_report_status", "download_report", "storage"):
        exchanges = [line for line in lines if line.startswith(f"{operation}: ")]
        assert len(exchanges) >= box.sandbox.count(operation), operation
