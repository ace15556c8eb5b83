"""A cooperative scheduler: coroutine tasks on one thread, blocking calls on a few workers.

A task awaits what it needs: `Scheduler.call`, `Scheduler.sleep`, or a `Mutex`. All decisions are
made in the thread of `Scheduler.run`, so tasks share data without locks, and thousands of them
need no thread each. Why not trio or asyncio: ``docs/decisions/0001-scheduler.md``.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, TypeVar

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import GRACE_PERIOD, THREAD_NAME
from sdanalytics._core.threads import start_thread

T = TypeVar("T")

_WAKE_NOW: Final = 0.0
"""A moment before any other."""


class Effect:
    """Something that a task waits for; awaiting it hands it to the scheduler."""

    def __await__(self) -> Generator[Effect, Any, Any]:
        """Suspend the task; return what the scheduler resumes it with."""
        return (yield self)


@dataclass(frozen=True)
class Sleep(Effect):
    """A wait for a number of seconds, or until all tasks are woken."""

    seconds: float


@dataclass(frozen=True)
class BlockingCall(Effect):
    """A call that a worker makes."""

    call: Callable[[], Any]


Task = Coroutine[Effect, Any, None]


@dataclass(frozen=True)
class Acquire(Effect):
    """A wait for a mutex."""

    mutex: Mutex


class Mutex:
    """A lock that one task has at a time, in the order of their requests.

    It is used as ``async with mutex:``.

    Parameters
    ----------
    resume : callable
        Resumes a task soon.
    """

    def __init__(self, resume: Callable[[Task], None]) -> None:
        self._resume = resume
        self._tasks: deque[Task] = deque()  # the first one has the lock

    async def __aenter__(self) -> None:
        await Acquire(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del self._tasks[0]
        if self._tasks:
            self._resume(self._tasks[0])

    def enqueue(self, task: Task) -> None:
        """Put a task at the end of the queue."""
        self._tasks.append(task)
        if len(self._tasks) == 1:
            self._resume(task)


@dataclass(frozen=True)
class CallLimits:
    """The limits on blocking calls.

    Attributes
    ----------
    max_workers : int
        How many calls of a scheduler run at the same time.
    slots : context manager
        Entered by each call; schedulers that run side by side share a semaphore.
    """

    max_workers: int
    slots: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)


@dataclass(frozen=True)
class _CallOutcome:
    task: Task
    value: Any = None
    error: BaseException | None = None
    was_called: bool = True


class Scheduler:
    """Runs tasks until all have ended, or one of them raises an error.

    Parameters
    ----------
    deadline : Deadline
        Of the whole run.
    limits : CallLimits
    """

    def __init__(self, deadline: Deadline, limits: CallLimits) -> None:
        self._deadline = deadline
        self._clock = deadline.clock
        self._limits = limits
        self._unfinished: set[Task] = set()
        self._sleeping: list[tuple[float, int, Task]] = []  # a heap by moment and order
        self._order = itertools.count()
        self._calls: queue.SimpleQueue[tuple[Task, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[_CallOutcome | None] = queue.SimpleQueue()
        self._running_calls = 0

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a blocking function in a worker; return its result."""
        result: T = await BlockingCall(lambda: function(*args))
        return result

    async def sleep(self, seconds: float) -> None:
        """Wait, or return early when all tasks are woken."""
        await Sleep(seconds)

    def mutex(self) -> Mutex:
        """Return a lock for the tasks of this scheduler."""
        return Mutex(lambda task: self._resume_in(0.0, task))

    def wake_all(self) -> None:
        """End all sleeps, so that tasks check their conditions again."""
        self._sleeping = [(_WAKE_NOW, order, task) for _, order, task in self._sleeping]
        heapq.heapify(self._sleeping)

    def run(self, tasks: Sequence[Task]) -> bool:
        """Run tasks, started in order, until all end; return False if the deadline passes first.

        An error of a task ends the run, and is raised. Calls that are running then get
        `GRACE_PERIOD` seconds to end.
        """
        self._unfinished = set(tasks)
        workers = self._start_workers(min(self._limits.max_workers, len(tasks)))
        is_complete = False
        try:
            with self._deadline.on_expiry(lambda: self._outcomes.put(None)):
                for task in tasks:
                    self._resume(task)
                is_complete = self._run_until_complete()
        finally:
            if not is_complete:
                self._drain()
            for task in self._unfinished:
                task.close()
            self._stop_workers(workers)
        return is_complete

    def _run_until_complete(self) -> bool:
        while self._unfinished:
            remaining = self._deadline.remaining
            if remaining <= 0:
                return False
            if self._sleeping:
                next_moment = self._sleeping[0][0]
                remaining = min(remaining, next_moment - self._clock.monotonic())
            is_busy = self._running_calls > 0
            outcome = self._clock.get_from(
                self._outcomes, max(0.0, remaining), workers_busy=is_busy
            )
            if outcome is not None:
                self._running_calls -= 1
                if not outcome.was_called:
                    return False
                self._resume(outcome.task, outcome.value, outcome.error)
            self._resume_sleepers()
        return True

    def _resume_sleepers(self) -> None:
        while self._sleeping and self._sleeping[0][0] <= self._clock.monotonic():
            _, _, task = heapq.heappop(self._sleeping)
            self._resume(task)

    def _resume(self, task: Task, value: Any = None, error: BaseException | None = None) -> None:
        """Advance a task until it awaits its next effect, or ends."""
        try:
            effect = task.send(value) if error is None else task.throw(error)
        except StopIteration:
            self._unfinished.remove(task)
            return
        if isinstance(effect, Sleep):
            self._resume_in(effect.seconds, task)
        elif isinstance(effect, Acquire):
            effect.mutex.enqueue(task)
        else:
            assert isinstance(effect, BlockingCall)
            self._running_calls += 1
            self._calls.put((task, effect.call))

    def _resume_in(self, seconds: float, task: Task) -> None:
        moment = self._clock.monotonic() + seconds
        heapq.heappush(self._sleeping, (moment, next(self._order), task))

    def _start_workers(self, count: int) -> list[threading.Thread]:
        return [start_thread(self._worker_loop, THREAD_NAME) for _ in range(count)]

    def _worker_loop(self) -> None:
        while (item := self._calls.get()) is not None:
            task, call = item
            with self._limits.slots:
                outcome = self._make_call(task, call)
            self._outcomes.put(outcome)

    def _make_call(self, task: Task, call: Callable[[], Any]) -> _CallOutcome:
        if self._deadline.remaining <= 0:  # its result is no longer wanted
            return _CallOutcome(task, was_called=False)
        try:
            return _CallOutcome(task, call())
        except BaseException as error:  # whatever it is: the task would wait for ever
            return _CallOutcome(task, error=error)

    def _stop_workers(self, workers: Sequence[threading.Thread]) -> None:
        for _ in workers:
            self._calls.put(None)
        if self._running_calls == 0:  # so that an interpreter that exits now finds them ended
            for worker in workers:
                worker.join(GRACE_PERIOD)

    def _drain(self) -> None:
        """Give running calls a moment to store what has arrived; abandon those that hang."""
        self._deadline.expire()
        end = time.monotonic() + GRACE_PERIOD  # real seconds: they are for real work
        while self._running_calls > 0 and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                if self._outcomes.get(timeout=left) is not None:
                    self._running_calls -= 1
