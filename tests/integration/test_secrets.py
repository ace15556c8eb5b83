"""No token, secret or presigned address is shown in errors, logs or the store."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.box import Box

SECRET_WORDS = ("Atza|", "Atzr|", "X-Amz-Signature", "X-Amz-Date", CLIENT_SECRET, REFRESH_TOKEN)
FAILURES = [
    "storage refuses", "storage breaks", "storage is down", "the link is not safe",
    "the service echoes", "the login echoes", "the login breaks", "a create breaks",
    "the payload is the link",
]  # fmt: skip


def assert_no_secret(text: str) -> None:
    for word in SECRET_WORDS:
        assert word not in text, word


def shown_text(error: BaseException) -> str:
    """Return what a notebook or a log shows of an error, with its contexts and notes."""
    texts = [*traceback.format_exception(error), repr(error), str(vars(error))]
    inner = error.__cause__ or error.__context__
    return "".join(texts) + (shown_text(inner) + repr(inner.args) if inner else "")


def failures(box: Box) -> dict[str, Callable[[], None]]:
    echo = f'{{"code":"X","details":"bad token Atza|abc for {REFRESH_TOKEN} {CLIENT_SECRET}"}}'
    link = f"{box.sandbox.storage_url}/b/x.json.gz?X-Amz-Date=1&X-Amz-Signature=abc"
    script = box.sandbox.script_responses
    return {
        "storage refuses": lambda: script(
            "storage", *[ScriptedResponse(403, f"<E>{link}</E>")] * 4
        ),
        "storage breaks": lambda: script("storage", *[ScriptedResponse(0)] * 20),
        "storage is down": lambda: script(
            "download_report",
            *[ScriptedResponse(307, "", {"Location": f"http://127.0.0.1:9/b?X-Amz-Signature=abc&n={n}"})
              for n in range(4)],
        ),
        "the link is not safe": lambda: script(
            "download_report", *[ScriptedResponse(307, "", {"Location": "gopher:" + link})] * 4
        ),
        "the service echoes": lambda: script("request_report", ScriptedResponse(400, echo)),
        "the login echoes": lambda: script("token", ScriptedResponse(400, echo)),
        "the login breaks": lambda: script("token", *[ScriptedResponse(0)] * 5),
        "a create breaks": lambda: script("request_report", ScriptedResponse(0)),
        "the payload is the link": lambda: box.sandbox.set_content(lambda report: link.encode()),
    }  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_no_secret_in_errors_or_logs(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    client = box.client
    failures(box)[failure]()
    with pytest.raises(sda.SDAnalyticsError) as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=client, cache=store)
    assert_no_secret(shown_text(caught.value))
    assert_no_secret(caplog.text + "".join(repr(record.args) for record in caplog.records))
    assert len(caplog.records) > 0
    assert_no_secret(repr(client))


def test_no_secret_in_logs_or_the_store_without_errors(
    box: Box,
    store: ReportCache,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    frame = fetch_report(
        "campaigns", box.day(3), box.day(1), client=box.client, cache=store, progress=True
    )
    names = {record.name for record in caplog.records}
    assert {"sdanalytics", "urllib3.connectionpool"} <= names
    assert_no_secret(caplog.text + str(frame.attrs) + "".join(capfd.readouterr()))
    stored = [path for path in store.path.rglob("*") if path.is_file()]
    assert len(stored) == 8  # six reports, the profile, the registry
    for path in stored:
        content = path.read_bytes()
        for word in (*SECRET_WORDS, CLIENT_ID):
            assert word.encode() not in content


def test_warnings_of_the_http_library_show_no_addresses(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    box.client.profiles()
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    url = "http://s3/x?Expires=1&Signature=very-secret"
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s)", url)
    logging.getLogger("urllib3.connectionpool").debug("%s", url)
    assert caplog.text.count("[removed]") == 2
    assert "very-secret" not in caplog.text
