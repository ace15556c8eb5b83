"""Shared fixtures: a sandbox, a store, and a clock that jumps instead of waiting."""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import pytest

from sdanalytics import Client, ReportCache, sandbox
from sdanalytics._core.clock import Clock
from sdanalytics.sandbox import Sandbox
from sdanalytics.store.cache import internal_store
from sdanalytics.store.partitions import PartitionStore
from tests.contract import RequestWatcher, contract_errors

T = TypeVar("T")

mpl.use("agg")

CHILD_WARNINGS = ",".join(
    [
        "error",
        "default:There is no current event loop:DeprecationWarning",  # of ipykernel
        "default:Unimplemented abstract methods:DeprecationWarning",  # of pip
    ]
)
"""What Python programs that a test starts do with warnings: the same as pytest (pyproject.toml)."""


def partitions_in(store: ReportCache) -> PartitionStore:
    """Return the partitions of a cache, below its public methods."""
    return internal_store(store).partitions


class JumpingClock(Clock):
    """A clock that each wait advances at once; work takes no time.

    Attributes
    ----------
    waits : list of float
        All waits, in seconds.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)) -> None:
        self._start = now
        self._passed = 0.0
        self._lock = threading.Lock()
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return 1000.0 + self._passed

    def pass_time(self, seconds: float) -> None:
        with self._lock:
            self._passed += max(0.0, seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self.waits.append(seconds)
            self.pass_time(seconds)
        return event.is_set()

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        try:
            return inbox.get(timeout=0.2 if workers_busy else 0.0)
        except queue.Empty:
            if not workers_busy:
                self.pass_time(seconds)
            return None


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


class Box:
    """A sandbox on the jumping clock."""

    def __init__(self, clock: JumpingClock, **settings: Any) -> None:
        settings.setdefault("delay", 5.0)
        self.clock = clock
        self.sandbox: Sandbox = sandbox.start(now=clock.now, monotonic=clock.monotonic, **settings)

    @property
    def client(self) -> Client:
        return self.client_for(0)

    def client_for(self, advertiser: int) -> Client:
        return self.sandbox.client_for(self.sandbox.profile_ids[advertiser], self.clock)

    def day(self, ago: int) -> str:
        return str(self.sandbox.today - timedelta(ago))


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[Box]:
    box_on_clock = Box(clock)
    with box_on_clock.sandbox:
        yield box_on_clock


@pytest.fixture
def store(tmp_path: Path) -> ReportCache:
    return ReportCache(tmp_path / "store")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep tests apart from the settings and the default store of the machine."""
    for name in [name for name in os.environ if name.startswith("SDANALYTICS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SDANALYTICS_CACHE_DIR", str(tmp_path / "default-store"))
    monkeypatch.setenv("PYTHONWARNINGS", CHILD_WARNINGS)


def pytest_configure(config: pytest.Config) -> None:
    marker = "off_contract: sends on purpose what the service's description does not allow"
    config.addinivalue_line("markers", marker)


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
    """Check that requests to a sandbox follow the service's description (`tests.contract`)."""
    yield
    exchanges = _request_watcher.new_requests()
    if request.node.get_closest_marker("off_contract") is None:
        found = contract_errors(exchanges)
        assert not found, "\n".join(found)
