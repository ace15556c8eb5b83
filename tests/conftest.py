"""Fixtures and rules of all tests: no network but loopback, no settings of this machine."""

from __future__ import annotations

import functools
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.sandbox import Sandbox
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.contract import RequestWatcher, contract_errors
from tests.support.registration import another_process

mpl.use("agg")

CHILD_WARNINGS = ",".join(
    [
        "error",
        "default:There is no current event loop:DeprecationWarning",  # of ipykernel
        "default:For consistency across implementations:PendingDeprecationWarning",  # of ipykernel
        "default:Unimplemented abstract methods:DeprecationWarning",  # of pip
    ]
)
"""What Python programs that a test starts do with warnings: the same as pytest (pyproject.toml)."""


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[Box]:
    box_on_clock = Box(clock)
    with box_on_clock.sandbox:
        yield box_on_clock


@pytest.fixture
def store(tmp_path: Path) -> ReportCache:
    return ReportCache(tmp_path / "store")


@pytest.fixture
def picker(box: Box, store: ReportCache) -> Iterator[Any]:
    report_picker = sda.ReportPicker(box.client, cache=store)
    yield report_picker
    report_picker.close()


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:  # importing it takes a while
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep tests apart from the settings and the default store of the machine."""
    for name in [name for name in os.environ if name.startswith("SDANALYTICS_")]:
        monkeypatch.delenv(name)
    # Not in tmp_path: it would make a folder for each of the many tests that store nothing.
    store = tmp_path_factory.getbasetemp() / uuid.uuid4().hex / "default-store"
    monkeypatch.setenv("SDANALYTICS_CACHE_DIR", str(store))
    monkeypatch.setenv("SDANALYTICS_CONFIG", str(store.parent / "config.toml"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("PYTHONWARNINGS", CHILD_WARNINGS)
    monkeypatch.setenv("XDG_STATE_HOME", str(store.parent / "state"))


@pytest.fixture(autouse=True)
def _own_catalogue() -> Iterator[None]:
    """Keep the metrics that a test registers from the tests after it."""
    with another_process():
        yield


def pytest_configure(config: pytest.Config) -> None:
    marker = "off_contract: sends on purpose what the service's description does not allow"
    config.addinivalue_line("markers", marker)
    # A shell that runs tests in the background lets them ignore Ctrl-C, which some of them send.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _request_watcher() -> Iterator[RequestWatcher]:
    """Watch every sandbox that is started."""
    watcher = RequestWatcher()
    init = Sandbox.__init__

    @functools.wraps(init)
    def watched_init(self: Sandbox, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        watcher.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sandbox, "__init__", watched_init)
        yield watcher


@pytest.fixture(autouse=True)
def _check_requests(
    request: pytest.FixtureRequest, _request_watcher: RequestWatcher
) -> Iterator[None]:
    """Check that requests to a sandbox follow the service's description."""
    yield
    exchanges = _request_watcher.new_requests()
    if request.node.get_closest_marker("off_contract") is None:
        found = contract_errors(exchanges)
        assert not found, "\n".join(found)
