"""All clients of a process with the same login share one token."""

from __future__ import annotations

import gc
import logging
import os
import threading
import weakref

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report
from sdanalytics.api.shared_tokens import MAX_UNUSED_LOGINS, SHARED_TOKENS, SharedTokens
from sdanalytics.sandbox import Sandbox, ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.box import Box
from tests.support.clock import JumpingClock

LOGIN = ("client", "very-secret", "Atzr|also-secret")


def client_with(box: Box, token_url: str | None = None, **change: str) -> Client:
    values = {
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN,
    }  # fmt: skip
    return Client(
        Credentials(**values | change), box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url, token_url=token_url or box.sandbox.token_url,
        clock=box.clock,
    )  # fmt: skip


def test_clients_one_after_the_other_request_one_token(box: Box) -> None:
    for advertiser in (0, 1, 2, 0, 1, 2, 0, 1):
        box.client_for(advertiser).profiles()
        gc.collect()
    assert box.sandbox.count("token") == 1


def test_calls_without_a_client_request_one_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with sda.sandbox.start(delay=0.0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        for day in range(8):
            folder = tmp_path_factory.mktemp("store")
            start = sandbox.today.replace(day=1) if day else sandbox.today
            fetch_report("campaigns", start, metrics=["clicks"], tactic="T00020", cache=folder)
        assert sandbox.count("request_report") == 8
        assert sandbox.count("token") == 1


def test_clients_at_the_same_time_request_one_token(box: Box) -> None:
    clients = [box.client_for(n % 3) for n in range(8)]
    together = threading.Barrier(8)

    def list_profiles(client: Client) -> None:
        together.wait()
        client.profiles()

    threads = [threading.Thread(target=list_profiles, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.sandbox.count("profiles") == 8
    assert box.sandbox.count("token") == 1


def test_a_token_that_is_renewed_by_one_is_renewed_for_all(box: Box) -> None:
    first, second = box.client, box.client
    first.profiles()
    box.sandbox.revoke_tokens()
    second.profiles()
    first.profiles()
    assert box.sandbox.count("token") == 2
    statuses = [e.status for e in box.sandbox.requests if e.operation == "profiles"]
    assert statuses == [200, 401, 200, 200]


def test_an_expired_token_is_not_shared(box: Box) -> None:
    box.client.profiles()
    box.clock.pass_time(3600)
    box.client.profiles()
    assert box.sandbox.count("token") == 2
    assert {e.status for e in box.sandbox.requests} == {200}


def test_other_logins_urls_and_clocks_have_tokens_of_their_own(box: Box) -> None:
    box.client.profiles()
    client_with(box).profiles()
    assert box.sandbox.count("token") == 1
    with pytest.raises(sda.Unauthorized):
        client_with(box, client_secret="another").profiles()
    with pytest.raises(sda.Unauthorized):
        client_with(box, refresh_token="Atzr|another").profiles()
    client_with(box, token_url=f"{box.sandbox.token_url}/").profiles()
    assert box.sandbox.count("token") == 3
    with Box(box.clock).sandbox as other:
        client_with(box, token_url=other.token_url)
        assert other.count("token") == 0
    box.sandbox.client_for(box.sandbox.profile_ids[0], JumpingClock()).profiles()
    assert box.sandbox.count("token") == 4


def test_a_login_that_is_not_used_is_forgotten() -> None:
    shared = SharedTokens()
    used = shared.provider(Credentials(*LOGIN), "http://h", JumpingClock())
    unused = []
    for number in range(100):
        credentials = Credentials(f"client-{number}", *LOGIN[1:])
        unused.append(weakref.ref(shared.provider(credentials, "http://h", JumpingClock())))
    gc.collect()
    assert sum(reference() is not None for reference in unused) <= MAX_UNUSED_LOGINS
    del used


def test_the_shared_tokens_show_no_secret(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = box.client
    client.profiles()
    shown = f"{SHARED_TOKENS!r}{vars(SHARED_TOKENS)!r}{list(SHARED_TOKENS._in_use.items())!r}"
    for word in (CLIENT_SECRET, REFRESH_TOKEN, "Atza"):
        assert word not in shown + caplog.text


def test_texts_of_the_service_are_redacted_for_all_clients(box: Box, store: ReportCache) -> None:
    first, second = box.client, box.client
    first.profiles()
    old = box.sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    box.sandbox.revoke_tokens()
    second.profiles()
    new = box.sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    assert old != new
    for client in (first, second):
        for secret in (old, new, CLIENT_SECRET, REFRESH_TOKEN):
            bare = secret.partition("|")[2] or secret
            echo = f'{{"code": "X", "details": "bad {secret}, {bare!r}"}}'
            box.sandbox.script_responses("profiles", ScriptedResponse(400, echo))
            with pytest.raises(sda.BadRequest) as caught:
                client.profiles()
            assert secret not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_can_find_its_token() -> None:
    with Sandbox(sda.sandbox.Settings(delay=0.0)) as sandbox:
        sandbox.client.profiles()
        with SHARED_TOKENS._lock:  # as another thread may hold it at that moment
            process_id = os.fork()
            if process_id == 0:
                try:
                    os._exit(0 if len(sandbox.client.profiles()) == 3 else 1)
                finally:
                    os._exit(2)
        _, status = os.waitpid(process_id, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert sandbox.count("token") == 1
