"""Unit tests open no connection and start no process."""

from __future__ import annotations

import socket
import subprocess
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import pytest
from matplotlib.font_manager import findSystemFonts


@pytest.fixture(scope="session")
def _find_fonts() -> None:
    """Let matplotlib find the installed fonts: it asks a program, once in a process."""
    findSystemFonts()


@pytest.fixture(autouse=True)
def _isolated(_find_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that leaves its process; a socket pair, which event loops have, is allowed."""
    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _refuse_socket)
    monkeypatch.setattr(subprocess.Popen, "__init__", _refuse_process)
    monkeypatch.setattr(BaseProcess, "start", _refuse_process)


def _refuse_socket(*args: Any, **kwargs: Any) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(
        "a unit test must not open a socket: take reports from tests/support/samples.py, "
        "or move the test to tests/integration"
    )


def _refuse_process(*args: Any, **kwargs: Any) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail("a unit test must not start a process: move it to tests/integration")
