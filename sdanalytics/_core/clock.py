"""Time, behind one small class, so that tests can make it pass."""

from __future__ import annotations

import queue
import threading
import time
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")

# A wait on a lock cannot be interrupted on Windows: none is longer than this, so that
# Ctrl-C is heard in time everywhere.
MAX_BLOCKING_WAIT = 0.5
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

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        """The next item of `inbox`; None when none came within `seconds` (or sooner).

        `workers_busy` tells whether anybody is at work who may send one: if nobody is, a clock that
        does not wait may as well let the time pass at once.
        """
        try:
            return inbox.get(timeout=max(0.0, min(seconds, MAX_BLOCKING_WAIT)))
        except queue.Empty:
            return None
