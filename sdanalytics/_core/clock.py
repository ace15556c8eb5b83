"""Time behind one small class, so that tests can let it pass."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

# A wait on a lock cannot be interrupted on Windows; with a limit, Ctrl-C is noticed in time
# everywhere.
MAX_BLOCKING_WAIT = 0.5
"""Seconds that a single wait may block."""


class Clock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        """Return the current moment, as an aware datetime in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set, for at most `seconds`; return whether it is."""
        return event.wait(min(seconds, threading.TIMEOUT_MAX))

    def time_to_sleep(self, seconds: float, *, workers_busy: bool) -> float:
        """Return the real seconds to sleep until `seconds` have passed on this clock.

        `workers_busy` tells whether a worker thread is at work: if none is, a simulated clock
        may let the time pass at once and return 0.
        """
        return seconds
