"""`sandbox.connect`: one line that gives a notebook an account, or a sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sdanalytics as sda

FETCH = """
import os
from datetime import date, timedelta
import sdanalytics as sda
client = sda.sandbox.connect(delay=0)
again = sda.sandbox.connect(delay=0)
print(client.source == again.source)
day = date.today() - timedelta(days=2)  # over everywhere
frame = sda.fetch_report("campaigns", day, client=client)
print(len(frame) > 0, len(sda.ReportCache().entries()) > 0)
print(os.environ["SDANALYTICS_CACHE_DIR"])
"""


def test_without_credentials_it_is_a_sandbox_with_a_cache_of_its_own() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FETCH],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said, said_again, same, fetched, folder = run.stdout.splitlines()
    assert said == said_again == "Connected to a sandbox on this machine, with made-up data."
    assert same == "True"
    assert fetched == "True True"
    assert folder != os.environ["SDANALYTICS_CACHE_DIR"]
    assert not Path(folder).exists()  # removed with the process
    assert run.stderr == ""


def test_with_credentials_it_is_their_account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sda.sandbox.start() as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        before = os.environ["SDANALYTICS_CACHE_DIR"]
        client = sda.sandbox.connect()
        assert client.profiles()["profileId"].tolist() == sandbox.profile_ids
    assert os.environ["SDANALYTICS_CACHE_DIR"] == before
    profile = sandbox.profile_ids[0]
    shown = capsys.readouterr().out
    assert shown == f"Connected to your account: profile {profile} of {client.source}.\n"


def test_credentials_without_a_profile_are_not_replaced_by_a_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sda.sandbox.start() as sandbox:
        for name, value in sandbox.environment.items():
            if name != "SDANALYTICS_PROFILE_ID":
                monkeypatch.setenv(name, value)
        client = sda.sandbox.connect()
        assert client.profiles()["profileId"].tolist() == sandbox.profile_ids
    assert capsys.readouterr().out == f"Connected to your account in {client.source}.\n"
