"""Tests in this folder cannot leave their process; tests/unit/conftest.py sees to it."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from sdanalytics import Client, Credentials, sandbox


def list_profiles() -> None:
    client = Client(Credentials("id", access_token="Atza|x"), 1, base_url="http://127.0.0.1:9")
    client.profiles()


@pytest.mark.parametrize(
    ("act", "refused"),
    [
        (list_profiles, "socket"),
        (sandbox.start, "socket"),
        (lambda: socket.create_connection(("127.0.0.1", 9)), "socket"),
        (lambda: subprocess.run([sys.executable, "-c", ""]), "process"),
        (lambda: multiprocessing.Process().start(), "process"),
    ],
)
def test_leaving_the_process_fails_a_test(act: Callable[[], object], refused: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=rf"must not .* a {refused}"):
        act()


@pytest.fixture(scope="module")
def failure() -> str:
    with pytest.raises(pytest.fail.Exception) as caught:
        sandbox.start()
    return str(caught.value)


def test_a_fixture_for_many_tests_fails_too(failure: str) -> None:
    assert "must not open a socket" in failure


def test_event_loops_are_allowed() -> None:
    asyncio.run(asyncio.sleep(0))
