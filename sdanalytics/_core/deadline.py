"""The time limit of a call, and its cancellation."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator

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
        self._end = clock.monotonic() + seconds
        self._stopped = threading.Event()
        self.is_cancelled = False
        self._on_expiry: list[Callable[[], object]] = []

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when the time is over or the call was ended."""
        if self._stopped.is_set():
            return 0.0
        return max(0.0, self._end - self.clock.monotonic())

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until the call is ended."""
        if seconds > 0:
            self.clock.wait(self._stopped, seconds)

    def child(self) -> Deadline:
        """Return the same deadline for a thread of the call; it ends with the call."""
        return copy.copy(self)

    @contextlib.contextmanager
    def branch(self) -> Iterator[Deadline]:
        """Yield the same deadline for a part of the call: it ends with the call, or alone."""
        part = Deadline(self.clock, self.seconds)
        part._end = self._end

        def end_with_call() -> None:
            part.is_cancelled = self.is_cancelled
            part.expire()

        with self.on_expiry(end_with_call):
            yield part

    @contextlib.contextmanager
    def on_expiry(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call `callback` if the call is ended early while the context lasts.

        It runs in the thread that ends the call, and is not called when the time is over.
        """
        self._on_expiry.append(callback)
        try:
            if self._stopped.is_set():
                callback()
            yield
        finally:
            self._on_expiry.remove(callback)

    def cancel(self) -> None:
        """End the call because its result is no longer wanted."""
        self.is_cancelled = True
        self.expire()

    def expire(self) -> None:
        """End the call: all its waits return now."""
        self._stopped.set()
        for callback in tuple(self._on_expiry):
            callback()
