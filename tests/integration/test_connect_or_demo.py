"""`connect_or_demo`: one line that gives a notebook an account, or a demo with a history."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics.demo.history import fill_history
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.store.cache import internal_store
from tests.support.box import Box
from tests.support.clock import JumpingClock

pytestmark = pytest.mark.slow

CONNECT = """
import os
import sdanalytics as sda
client, last = sda.connect_or_demo(delay=0)
again, _ = sda.connect_or_demo(delay=0)
print(client.source == again.source, last)
frame = sda.fetch_report("campaigns", days=28, client=client)
about = frame.attrs["sdanalytics"]
print(str(frame["date"].max().date()) == str(last), about["days_from_cache"])
curve = sda.maturity(profile_id=client.profile_id, source=client.source)
print(curve["method"].unique().tolist())
print(os.environ["SDANALYTICS_CACHE_DIR"])
"""


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | variables,
    )


def test_without_credentials_it_is_a_demo_whose_user_has_fetched_every_morning() -> None:
    run = run_python(CONNECT)
    said, said_again, connected, fetched, method, folder = run.stdout.splitlines()
    assert said == said_again == "Connected to a demo account on this machine, with made-up data."
    assert connected == "True 2026-11-22"
    is_of_last_day, from_cache = fetched.split()
    assert is_of_last_day == "True"
    assert 7 <= int(from_cache) < 14  # younger ones are due every morning
    assert method == "['vintages']"
    assert folder != os.environ["SDANALYTICS_CACHE_DIR"]
    assert not Path(folder).exists()  # removed with the process
    assert run.stderr == ""


def test_the_days_of_each_demo_are_the_same_and_in_a_store_of_its_own() -> None:
    code = """
import sdanalytics as sda
for delay in (0, 0.01, 0):
    client, last = sda.connect_or_demo(delay=delay)
    store = sda.ReportCache()
    history = store.history("campaigns", "2026-11-03", last, source=client.source)
    print(store.path, hash(tuple(history["fetched_at"])), history["attributedSales14d"].sum())
"""
    first, second, again = run_python(code).stdout.splitlines()[1::2]
    assert first == again
    assert first.split()[1:] == second.split()[1:]
    assert first.split()[0] != second.split()[0]


def test_the_history_of_the_demo_is_that_of_calls_on_as_many_mornings(
    tmp_path: Path, clock: JumpingClock
) -> None:
    box = Box(clock, delay=0)
    client = box.client_for(0, "v3")
    fetched, made = sda.ReportCache(tmp_path / "fetched"), sda.ReportCache(tmp_path / "made")
    mornings = []
    with box.sandbox:
        for _ in range(9):  # a day of more than two weeks is due once a week
            mornings.append(clock.now())
            sda.fetch_report("campaigns", days=60, client=client, cache=fetched)
            clock.pass_time(24 * 3600 - (clock.now() - mornings[-1]).total_seconds())
    assert client.profile_id is not None
    advertiser = ADVERTISERS[client.profile_id]
    fill_history(internal_store(made).partitions, client, advertiser, mornings)
    first, last = "2026-09-21", "2026-11-27"
    expected = fetched.history("campaigns", first, last)
    actual = made.history("campaigns", first, last)
    assert len(expected) > 1500
    actual["age"] = expected["age"]  # of a store that knows the time zone
    pd.testing.assert_frame_equal(actual, expected)
    pd.testing.assert_frame_equal(
        made.read("campaigns", first, last), fetched.read("campaigns", first, last)
    )


def test_with_credentials_it_is_their_account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sda.sandbox.start() as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        before = os.environ["SDANALYTICS_CACHE_DIR"]
        client, last = sda.connect_or_demo()
        assert client.profiles()["profileId"].tolist() == sandbox.profile_ids
        assert (sandbox.today - last).days == 1
    assert os.environ["SDANALYTICS_CACHE_DIR"] == before
    profile = sandbox.profile_ids[0]
    shown = capsys.readouterr().out
    assert shown == f"Connected to your account: profile {profile} of {client.source}.\n"


def test_credentials_without_a_profile_are_not_replaced_by_a_demo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sda.sandbox.start() as sandbox:
        for name, value in sandbox.environment.items():
            if name != "SDANALYTICS_PROFILE_ID":
                monkeypatch.setenv(name, value)
        with pytest.raises(sda.NotConfigured, match=str(sandbox.profile_ids[1])):
            sda.connect_or_demo()


def test_the_sandbox_of_lab_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdanalytics.cli.lab_command import _sandbox_environment

    with _sandbox_environment(os.environ, 0.0) as variables:
        run = run_python(CONNECT, **variables)
    assert run.stdout.startswith("Connected to a demo account")
