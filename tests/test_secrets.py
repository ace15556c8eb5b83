"""No token, secret or presigned address ever shows: a whole day of trouble, then a grep."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.redact import redact
from sdanalytics.api.client import open_session
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.conftest import Box

SECRET_WORDS = ("Atza|", "Atzr|", "X-Amz-Signature", "X-Amz-Date", CLIENT_SECRET, REFRESH_TOKEN)


def assert_no_secret(text: str) -> None:
    for word in SECRET_WORDS:
        assert word not in text, word


def told(error: BaseException) -> str:
    """All that a notebook or a log shows of an error, its contexts and notes included."""
    texts = [*traceback.format_exception(error), repr(error), str(vars(error))]
    inner = error.__cause__ or error.__context__
    return "".join(texts) + (told(inner) + repr(inner.args) if inner else "")


def troubles(box: Box) -> dict[str, Callable[[], None]]:
    echo = f'{{"code":"X","details":"bad token Atza|abc for {REFRESH_TOKEN} {CLIENT_SECRET}"}}'
    link = f"{box.sandbox.storage_url}/b/x.json.gz?X-Amz-Date=1&X-Amz-Signature=abc"
    arrange = box.sandbox.script_responses
    return {
        "storage refuses": lambda: arrange(
            "storage", *[ScriptedResponse(403, f"<E>{link}</E>")] * 4
        ),
        "storage breaks": lambda: arrange("storage", *[ScriptedResponse(0)] * 20),
        "storage is down": lambda: arrange(
            "download_report",
            *[ScriptedResponse(307, "", {"Location": f"http://127.0.0.1:9/b?X-Amz-Signature=abc&n={n}"})
              for n in range(4)],
        ),
        "the link is not safe": lambda: arrange(
            "download_report", *[ScriptedResponse(307, "", {"Location": "gopher:" + link})] * 4
        ),
        "the service echoes": lambda: arrange("request_report", ScriptedResponse(400, echo)),
        "the login echoes": lambda: arrange("token", ScriptedResponse(400, echo)),
        "the login breaks": lambda: arrange("token", *[ScriptedResponse(0)] * 5),
        "a create breaks": lambda: arrange("request_report", ScriptedResponse(0)),
        "the payload is the link": lambda: box.sandbox.set_content(lambda report: link.encode()),
    }  # fmt: skip


@pytest.mark.parametrize("trouble", [
    "storage refuses", "storage breaks", "storage is down", "the link is not safe",
    "the service echoes", "the login echoes", "the login breaks", "a create breaks",
    "the payload is the link",
])  # fmt: skip
def test_no_secret_in_errors_or_logs(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    client = box.client
    troubles(box)[trouble]()
    with pytest.raises(sda.SDAnalyticsError) as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=client, cache=store)
    assert_no_secret(told(caught.value))
    assert_no_secret(caplog.text + "".join(repr(record.args) for record in caplog.records))
    assert len(caplog.records) > 0
    assert_no_secret(repr(client))


def test_no_secret_in_logs_or_the_store_when_all_is_well(
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
    assert len(stored) == 8  # six reports, the profile, the ledger
    for path in stored:
        content = path.read_bytes()
        for word in (*SECRET_WORDS, CLIENT_ID):
            assert word.encode() not in content


def test_what_looks_like_a_secret_is_taken_out_of_texts() -> None:
    text = (
        "Bearer abc.def Atza|x-1 Atzr|y https://s3/a?X-Amz-Signature=1&b=2 hush amzn1.oa2-cs.v1.q"
    )
    clean = redact(text, ["hush", None, ""])
    for word in ("abc.def", "Atza", "Atzr", "Signature", "hush", "oa2-cs"):
        assert word not in clean
    assert "https://s3/a?" in clean
    assert "pw" not in redact("https://user:pw@host/path")
    assert "q%2Fz" not in redact("client_secret=q%2Fz&x=1", ["q/z"])
    for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Security-Token"):
        assert "value" not in redact(f"{name}=value")


def test_addresses_stay_out_of_what_the_http_library_warns_of(
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


def test_credentials_show_nothing_when_formatted() -> None:
    credentials = Credentials("id", "hush-secret", "Atzr|hush")
    client = Client(credentials, 1)
    shown = f"{credentials!r} {credentials} {client!r} {client} {[client]}"
    session = open_session(client, Deadline(client.clock, 1))
    shown += f"{vars(client)} {vars(session)} {session} {session.config}"
    assert "hush" not in shown
    for make in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            make(session)
