"""A clock that jumps instead of waiting."""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sdanalytics._core.clock import Clock

T = TypeVar("T")


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
