"""Unit tests open no socket and start no process."""

from __future__ import annotations

import subprocess
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def _isolated(socket_disabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        pytest.fail("a unit test starts a process: move it to tests/integration")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(BaseProcess, "start", refuse)
