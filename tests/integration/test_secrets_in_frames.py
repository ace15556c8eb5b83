"""No secret is among the local variables of a traceback, as crash reporters and notebooks show."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from functools import partial

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, ReportRequest, fetch_report
from sdanalytics.sandbox import ScriptedResponse
from tests.integration.test_secrets import FAILURES, assert_no_secret, failures
from tests.support.box import Box

REQUEST = ReportRequest("20261118", "campaignId,clicks,cost", "T00020")


def show_with_locals(error: BaseException) -> str:
    """Return a traceback with the variables of each frame of the package, and of its context."""
    shown = traceback.TracebackException.from_exception(
        error, capture_locals=True, max_group_width=9
    )
    texts = []
    current: traceback.TracebackException | None = shown
    while current is not None:
        for frame in current.stack:
            if "/sdanalytics/" in frame.filename:
                texts.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
        texts += list(current.format_exception_only())
        current = current.__cause__ or current.__context__
    return "\n".join(texts)


class RecordKeeper(logging.Handler):
    """Keeps what a handler that shows local variables would show."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.shown.append(show_with_locals(record.exc_info[1]))


@pytest.mark.off_contract
@pytest.mark.parametrize("failure", FAILURES)
def test_errors_of_calls_and_their_logs_show_none(
    box: Box, store: ReportCache, failure: str
) -> None:
    keeper = RecordKeeper()
    logger = logging.getLogger("sdanalytics")
    logger.addHandler(keeper)
    logger.setLevel("DEBUG")
    try:
        failures(box)[failure]()
        with pytest.raises(sda.SDAnalyticsError) as caught:
            fetch_report("campaigns", box.day(1), client=box.client, cache=store, tactic="T00020")
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(logging.NOTSET)
    assert keeper.shown
    for shown in (show_with_locals(caught.value), *keeper.shown):
        assert_no_secret(shown)
        assert box.sandbox.environment["SDANALYTICS_CLIENT_SECRET"] not in shown
        assert "Bearer" not in shown


@pytest.mark.off_contract
@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize("operation", ["token", "profiles", "create", "status", "storage"])
@pytest.mark.parametrize("response", [ScriptedResponse(403, "no"), ScriptedResponse(0)])
def test_errors_of_each_operation_show_none(
    box: Box, api: str, operation: str, response: ScriptedResponse
) -> None:
    names = {
        "v2": {"create": "request_report", "status": "get_report_status"},
        "v3": {"create": "create_report", "status": "get_report"},
    }
    client = box.client_for(0, api)
    box.sandbox.script_responses(names[api].get(operation, operation), *[response] * 40)
    with pytest.raises(sda.SDAnalyticsError) as caught:
        fetch_report("campaigns", box.day(1), client=client, cache=False, tactic="T00020")
    assert_no_secret(show_with_locals(caught.value))


@pytest.mark.off_contract
def test_errors_of_a_client_show_none(box: Box) -> None:
    report_id = box.client.request_report("campaigns", REQUEST).reportId
    box.clock.pass_time(box.sandbox.settings.delay)
    calls: dict[str, Callable[[], object]] = {
        "profiles": box.client.profiles,
        "request_report": partial(box.client.request_report, "campaigns", REQUEST),
        "get_report_status": partial(box.client.get_report_status, report_id),
        "download_report": partial(box.client.download_report, report_id),
        "storage": partial(box.client.download_report, report_id),
    }
    for operation, call in calls.items():
        for response in (ScriptedResponse(403, "no"), ScriptedResponse(0)):
            box.sandbox.script_responses(operation, *[response] * 5)
            with pytest.raises(sda.SDAnalyticsError) as caught:
                call()
            box.sandbox.clear_script()
            assert_no_secret(show_with_locals(caught.value))


@pytest.mark.parametrize("name", ["client_secret", "refresh_token", "access_token"])
@pytest.mark.parametrize("value", ["Atzr|a secret\n", '"Atzr|a-secret"', "Atzr%7Ca-secret", "ä"])
def test_errors_of_credentials_show_none(name: str, value: str) -> None:
    values = {"client_secret": "Atzr|other", "refresh_token": "Atzr|another", name: value}
    if value.endswith("\n"):
        values[name] = "Atzr|a\nsecret"
    with pytest.raises(sda.NotConfigured) as caught:
        Credentials("id", **values)
    assert_no_secret(show_with_locals(caught.value))


@pytest.mark.parametrize("missing", ["CLIENT_ID", "CLIENT_SECRET", "REGION"])
def test_errors_of_the_environment_show_none(
    box: Box, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in box.sandbox.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv(f"SDANALYTICS_{missing}", "")
    if missing == "REGION":
        monkeypatch.setenv("SDANALYTICS_REGION", "Mars")
    for read in (Client.from_env, partial(Client.from_env, os.environ), sda.connect_or_demo):
        if missing != "REGION" and read is sda.connect_or_demo:
            continue  # it starts a demo
        with pytest.raises((sda.NotConfigured, sda.InvalidRequest)) as caught:
            read()
        assert_no_secret(show_with_locals(caught.value))


@pytest.mark.off_contract
def test_a_token_that_was_renewed_is_still_removed(box: Box) -> None:
    client = box.client
    client.profiles()
    first = box.sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    box.sandbox.revoke_tokens()
    client.profiles()
    opaque = first.partition("|")[2]  # what a gateway might echo
    assert opaque
    box.sandbox.script_responses("profiles", ScriptedResponse(403, f'{{"details":"{first}"}}'))
    with pytest.raises(sda.Forbidden) as caught:
        client.profiles()
    assert first not in str(caught.value)
