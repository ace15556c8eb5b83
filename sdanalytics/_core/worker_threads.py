"""Blocking calls in worker threads under trio, in real or simulated time.

The decision for trio is recorded in ``docs/decisions/0001-scheduler.md``. Importing this module
imports trio, so only a fetch that requests something does.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

import trio

from sdanalytics._core.clock import Clock
from sdanalytics._core.interruptible import THREAD_NAME

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class WorkerThreads:
    """Run the blocking calls of trio tasks, a limited number at a time.

    A task that is cancelled abandons its call: the thread goes on, and nobody waits for it but
    `wait_until_idle`.

    Parameters
    ----------
    max_threads : int
        How many calls run at the same time.
    """

    def __init__(self, max_threads: int) -> None:
        self._limiter = trio.CapacityLimiter(max_threads)
        self._awaited = 0  # changed in trio's thread only
        self._running = 0
        self._finished = threading.Condition()

    @property
    def is_busy(self) -> bool:
        """Whether a task waits for a call, running or queued."""
        return self._awaited > 0

    async def run(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run a blocking call in a worker thread."""
        self._awaited += 1
        try:
            return await trio.to_thread.run_sync(
                self._run_counted,
                call,
                *args,
                thread_name=THREAD_NAME,
                abandon_on_cancel=True,
                limiter=self._limiter,
            )
        finally:
            self._awaited -= 1

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait, for at most so many real seconds, until no call runs; return whether none does."""
        with self._finished:
            return self._finished.wait_for(lambda: self._running == 0, seconds)

    def _run_counted(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        with self._finished:
            self._running += 1
        try:
            return call(*args)
        finally:
            with self._finished:
                self._running -= 1
                self._finished.notify_all()


class TrioClock(trio.abc.Clock):
    """The time of a trio run by a `Clock`, which may be simulated.

    Parameters
    ----------
    clock : Clock
    workers : WorkerThreads
        Simulated time stands still while they are busy: their calls may let it pass themselves.
    """

    def __init__(self, clock: Clock, workers: WorkerThreads) -> None:
        self._clock = clock
        self._workers = workers

    def start_clock(self) -> None:
        """Do nothing: the clock is running."""

    def current_time(self) -> float:
        """Return the seconds of the monotonic clock."""
        return self._clock.monotonic()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the real seconds that trio may sleep until `deadline`."""
        seconds = deadline - self._clock.monotonic()
        if math.isinf(seconds):  # nothing is waited for but a call
            return seconds
        return self._clock.time_to_sleep(seconds, workers_busy=self._workers.is_busy)
