"""Time, behind one small class, so that tests can make it pass."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

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

    def time_to_sleep(self, seconds: float, *, workers_busy: bool) -> float:
        """Return the real seconds to sleep until `seconds` have passed on this clock.

        `workers_busy` tells whether a worker thread is at work: if none is, a simulated clock
        may let the time pass at once and return 0.
        """
        return seconds
