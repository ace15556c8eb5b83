"""Unit tests open no connection and start no process; nor do their fixtures."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import numpy.testing  # noqa: F401  before 2.0 it asks a program about the processor, once
import pytest
from matplotlib.font_manager import findSystemFonts


@pytest.fixture(scope="package", autouse=True)
def _isolated() -> Iterator[None]:
    """Fail tests and fixtures of any scope that start a process or a server."""
    findSystemFonts()  # matplotlib asks a program, once in a process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", _refuse_process)
        patch.setattr(BaseProcess, "start", _refuse_process)
        patch.setattr(socket.socket, "bind", _refuse_socket)
        yield


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail tests that connect, which pytest-socket allows each test anew: to loopback."""
    monkeypatch.setattr(socket.socket, "connect", _refuse_socket)
    monkeypatch.setattr(socket.socket, "connect_ex", _refuse_socket)


def _refuse_process(*args: Any, **kwargs: Any) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail("a unit test must not start a process: move it to tests/integration")


def _refuse_socket(refused: socket.socket, *args: Any, **kwargs: Any) -> NoReturn:
    __tracebackhide__ = True
    refused.close()
    pytest.fail(
        "a unit test must not open a socket: take reports from tests/support/samples.py, "
        "or move the test to tests/integration"
    )
