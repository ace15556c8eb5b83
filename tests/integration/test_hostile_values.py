"""Odd values of the service, the user and the disk: typed errors, bounded waits, one line each."""

from __future__ import annotations

import gc
import json
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, ReportPicker, fetch_report, plots
from sdanalytics.sandbox import ScriptedResponse
from tests.integration.test_client import ready_made, serve
from tests.support.box import Box
from tests.support.samples import SOURCE, US, day, sample_frame, store_samples

HALF = "\ud800"
"""Half of a surrogate pair: no encoding has it."""
PROFILES = ScriptedResponse(200, '[{"profileId": 5}]')


# -- values of the service ------------------------------------------------------------------


@pytest.mark.off_contract
@pytest.mark.parametrize("lifetime", ["9" * 400, "-1", "0", "1e308", '"soon"', "null", "true"])
def test_any_lifetime_of_a_token_will_do(box: Box, lifetime: str) -> None:
    token = f'{{"access_token": "Atza|x", "expires_in": {lifetime}}}'
    box.sandbox.script_responses("token", ScriptedResponse(200, token))
    box.sandbox.script_responses("profiles", PROFILES)
    assert box.client.profiles()["profileId"].tolist() == [5]


@pytest.mark.off_contract
@pytest.mark.parametrize("token", ["opaque-caf\u0142", f"opaque{HALF}", "opaque\nb", ""])
def test_a_token_that_no_header_can_have_is_not_shown(box: Box, token: str) -> None:
    body = json.dumps({"access_token": token, "expires_in": 3600})
    box.sandbox.script_responses("token", *[ScriptedResponse(200, body)] * 20)
    with pytest.raises(sda.ApiError, match="is not a document with a token") as caught:
        box.client.profiles()
    assert "opaque" not in str(caught.value)


@pytest.mark.off_contract
def test_half_a_character_in_a_profile_is_replaced(box: Box, store: ReportCache) -> None:
    account = {"name": f"North{HALF}wind", "type": "seller"}
    profile = {
        "profileId": box.sandbox.profile_ids[0], "countryCode": "US", "currencyCode": f"USD{HALF}",
        "timezone": "America/Los_Angeles", "accountInfo": account,
    }  # fmt: skip
    body = json.dumps([profile])
    box.sandbox.script_responses("profiles", *[ScriptedResponse(200, body)] * 2)
    assert box.client.profiles()["accountName"].tolist() == ["North\ufffdwind"]
    with pytest.warns(sda.errors.DataWarning, match="the profile's currency is USD\ufffd"):
        fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert store.verify().empty


@pytest.mark.parametrize("currency", [r"$\frac$", "US$ $", "$$", "a_{b", "%", "\\"])
def test_any_currency_can_be_drawn(currency: str) -> None:
    frame = sample_frame("campaigns")
    frame["currency"] = currency
    for plot in (plots.trend, plots.top, plots.efficiency):
        plot(frame).figure.canvas.draw()


def test_texts_of_the_service_forge_no_line(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor do they move the cursor, or fill the clipboard of a terminal."""
    caplog.set_level(logging.DEBUG, "sdanalytics")
    text = "bad\n2026-01-01 ERROR root: forged\r\x1b]52;c;aGk=\x07\x1b[2J\x9b2J"
    body = json.dumps({"code": text, "details": text, "requestId": text})
    box.sandbox.script_responses("request_report", *[ScriptedResponse(400, body)] * 9)
    with pytest.raises(sda.ApiError) as caught:
        fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    for shown in (str(caught.value), *(record.getMessage() for record in caplog.records)):
        assert shown.isprintable() or "forged" not in shown
    assert "forged" in str(caught.value)


@pytest.mark.parametrize("host", ["10.1.2.3", "example.org", "127.0.0.1.example.org", "0.0.0.0"])
@pytest.mark.parametrize("name", ["base_url", "token_url"])
def test_a_login_is_sent_over_http_to_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    def make(address: str) -> Client:
        urls: dict[str, Any] = {"base_url": "http://127.0.0.1:8080", name: address}
        return Client(Credentials("id", access_token="Atza|x"), 1, **urls)

    assert make("http://localhost:8080")
    assert make(f"https://{host}")
    with pytest.raises(sda.InvalidRequest, match=f"{name} must begin with https://"):
        make(f"http://{host}")
    monkeypatch.setenv("SDANALYTICS_ALLOW_HTTP", "1")
    assert make(f"http://{host}")


# -- answers without an end -----------------------------------------------------------------

ENDLESS = {
    "headers": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000,
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "extensions": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 10_000,
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX: "
    + b"x" * 999,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_answers_that_drip_end_with_the_time_for_them(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("sdanalytics.api.own_profile.OPERATION_TIMEOUT", 0.5)
    monkeypatch.setattr("sdanalytics.widgets.picker_model.PROFILES_TIMEOUT", 0.5)
    client = ready_made(serve(ENDLESS[kind], pause=0.02))
    began = time.monotonic()
    with pytest.raises(sda.SDAnalyticsError):
        client.profiles()
    picker: Any = ReportPicker(client, cache=False)
    picker.close()
    assert time.monotonic() - began < 10


@pytest.mark.off_contract
def test_a_list_of_campaigns_without_an_end_is_read_once(box: Box, store: ReportCache) -> None:
    """The service ignores `startIndex`: each page is the first one."""
    page = json.dumps([{"campaignId": number, "tactic": "T00020"} for number in range(100)])
    box.sandbox.script_responses("campaigns", *[ScriptedResponse(200, page)] * 50)
    client = box.client_for(0, "v3")
    assert len(fetch_report("campaigns", box.day(2), client=client, cache=store)) > 0
    assert box.sandbox.count("campaigns") == 2


# -- the user's queries, and the disk ---------------------------------------------------------


@pytest.mark.parametrize("query", [f"select '{HALF}'", f'select 1 as "{HALF}"', HALF, "", "\0", 5])
def test_queries_that_are_none_are_invalid_requests(store: ReportCache, query: Any) -> None:
    with pytest.raises(sda.InvalidRequest, match=r"query must be|DuckDB"):
        store.sql(query)


def test_a_long_query_writes_nothing_to_the_standard_output(
    store: ReportCache, capfd: pytest.CaptureFixture[str]
) -> None:
    [(value,)] = store.sql("select current_setting('enable_progress_bar')").to_numpy().tolist()
    assert value is False
    assert capfd.readouterr().out == ""


def test_days_are_stored_although_others_are_removed(store: ReportCache) -> None:
    """A folder that is empty is removed, at any moment between its making and its first file."""
    store_samples(store, "campaigns", 1)
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            store.remove("campaigns", day(1), source=SOURCE, profile_id=US)

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(100):
            store_samples(store, "campaigns", 1, metrics=["clicks"])
    finally:
        ended.set()
        remover.join()


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be flushed")
def test_all_folders_that_a_new_one_is_made_in_are_flushed(
    store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[str] = set()
    fsync = os.fsync

    def watch(handle: int) -> None:
        flushed.add(os.path.realpath(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    store_samples(store, "campaigns", 1)
    root = Path(os.path.realpath(store.path))
    folders = [path for path in root.rglob("*") if path.is_dir()]
    assert folders
    assert {str(path.parent) for path in folders} <= flushed
    assert str(root.parent) in flushed  # the root is new, too


def test_closed_pickers_keep_no_rows(box: Box) -> None:
    from ipywidgets.widgets.widget import _instances as alive

    before = set(alive)
    picker: Any = ReportPicker(box.client, cache=False)
    picker.fetch_button.click()
    assert picker.wait(60)
    made = [alive[key] for key in set(alive).difference(before)]
    [table] = [weakref.ref(widget) for widget in made if "Table" in type(widget).__name__]
    picker.close()
    assert set(alive) == before
    del picker, made
    gc.collect()
    assert table() is None
