"""The machine's clocks behind one small class, so that tests can simulate them."""

from __future__ import annotations

import queue
import threading
import time
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")

# A wait on a lock cannot be interrupted on Windows; with a limit, Ctrl-C is noticed in time
# everywhere.
MAX_BLOCKING_WAIT = 0.5
"""Seconds that a single wait may block."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> datetime:
    """Parse an ISO moment of a file, in its own time zone; it may have none.

    Raises
    ------
    ValueError
        Also for moments before 2000 or after 2200: such a clock would make days final, or never.
    """
    moment = datetime.fromisoformat(text)
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        in_utc = datetime.max.replace(tzinfo=UTC)
    if not _EARLIEST <= in_utc < _LATEST:
        raise ValueError(f"{text} is not a moment between 2000 and 2200")
    return moment


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

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        """Return the next item of a queue; None if none arrives within `seconds`.

        `workers_busy` is true while a worker may still send an item; otherwise a simulated clock
        may advance at once, and return None sooner.
        """
        try:
            return inbox.get(timeout=max(0.0, min(seconds, MAX_BLOCKING_WAIT)))
        except queue.Empty:
            return None
