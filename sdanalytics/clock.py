"""Time, behind one small class, so that tests can make it pass."""

from __future__ import annotations

import copy
import queue
import threading
import time
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

# A wait on a lock cannot be interrupted on Windows: none is longer than this, so that
# Ctrl-C is heard in time everywhere.
LONGEST_UNINTERRUPTED = 0.5
"""Seconds."""


class Clock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The moment, as an aware datetime in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set, for at most `seconds`; tell whether it is."""
        return event.wait(min(seconds, threading.TIMEOUT_MAX))

    def receive(self, inbox: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """The next item of `inbox`; None when none came within `seconds` (or sooner).

        `busy` tells whether anybody is at work who may send one: if nobody is, a clock that
        does not wait may as well let the time pass at once.
        """
        try:
            return inbox.get(timeout=max(0.0, min(seconds, LONGEST_UNINTERRUPTED)))
        except queue.Empty:
            return None


class Limit:
    """How long a call may take, and whether somebody ended it.

    Parameters
    ----------
    clock : Clock
    seconds : float
        From now on, on the monotonic clock.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self._end = clock.monotonic() + seconds
        self._stopped = threading.Event()
        self.is_cancelled = False
        self._inboxes: list[queue.SimpleQueue[Any]] = []

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when the time is over or the call was stopped."""
        if self._stopped.is_set():
            return 0.0
        return max(0.0, self._end - self.clock.monotonic())

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass; returns at once when the call is stopped."""
        if seconds > 0:
            self.clock.wait(self._stopped, seconds)

    def part(self) -> Limit:
        """The same limit for one of the call's many threads; ends when the call does."""
        return copy.copy(self)

    def wakes(self, inbox: queue.SimpleQueue[Any]) -> None:
        """Have None put into `inbox` when the call is stopped: who waits for it shall see."""
        self._inboxes.append(inbox)

    def cancel(self) -> None:
        """End the call because its answer is no longer wanted."""
        self.is_cancelled = True
        self.stop()

    def stop(self) -> None:
        """End the call: all its waits return now."""
        self._stopped.set()
        for inbox in self._inboxes:
            inbox.put(None)
