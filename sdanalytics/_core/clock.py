"""Time behind one small class, so that tests can let it pass."""

from __future__ import annotations

import queue
import threading
import time
from datetime import UTC, datetime
from typing import Final, TypeVar

T = TypeVar("T")

# A wait for a lock cannot be interrupted on Windows; with a limit, Ctrl-C is noticed in time
# everywhere.
MAX_BLOCKING_WAIT: Final = 0.5
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
        timeout = min(seconds, threading.TIMEOUT_MAX)
        return event.wait(timeout)

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        """Return the next item of a queue; None when none comes within `seconds` (or sooner).

        Parameters
        ----------
        inbox : queue.SimpleQueue
        seconds : float
        workers_busy : bool
            Whether any worker may put an item: if not, a clock of a test need not wait, but can
            let the time pass at once.
        """
        timeout = max(0.0, min(seconds, MAX_BLOCKING_WAIT))
        try:
            return inbox.get(timeout=timeout)
        except queue.Empty:
            return None
