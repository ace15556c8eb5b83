"""The time limit of a call, and its cancellation."""

from __future__ import annotations

import copy
import queue
import threading
from typing import Any

from sdanalytics._core.clock import Clock


class Deadline:
    """The time limit of a call, and its cancellation.

    Parameters
    ----------
    clock : Clock
    seconds : float
        From now on, on the monotonic clock.

    Attributes
    ----------
    is_cancelled : bool
        Whether the user has cancelled the call.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.is_cancelled = False
        self._ends_at = clock.monotonic() + seconds
        self._expired = threading.Event()
        self._queues: list[queue.SimpleQueue[Any]] = []

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when the time is over or the call has been ended."""
        if self._expired.is_set():
            return 0.0
        seconds = self._ends_at - self.clock.monotonic()
        return max(0.0, seconds)

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until the call is ended."""
        if seconds > 0:
            self.clock.wait(self._expired, seconds)

    def child(self) -> Deadline:
        """Return the same deadline for a thread of the call; it is cancelled with the call."""
        return copy.copy(self)

    def notify(self, inbox: queue.SimpleQueue[Any]) -> None:
        """Put None into a queue when the call is ended, to wake the thread that reads it."""
        self._queues.append(inbox)

    def cancel(self) -> None:
        """End the call because its result is no longer wanted."""
        self.is_cancelled = True
        self.expire()

    def expire(self) -> None:
        """End the call: all its waits return now."""
        self._expired.set()
        for inbox in self._queues:
            inbox.put(None)
