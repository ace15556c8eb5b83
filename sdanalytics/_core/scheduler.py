"""Many stories at once: one thread decides, a few workers do what takes time.

A story is a generator. It yields what it waits for, a pause or a piece of work, and is
resumed with the work's result or error: so each story reads from top to bottom, thousands
of them need no thread each, and all decisions are made in one thread.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sdanalytics._core.deadline import Deadline

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

SETTLE_TIME: Final = 0.7
"""Seconds that work already begun gets to end when the call ends early."""


@dataclass(frozen=True)
class Sleep:
    """Let that many seconds pass; fewer when all are hurried."""

    seconds: float


class Mutex:
    """What one story has at a time: yielding it waits in line for it, `leave` gives it back.

    Parameters
    ----------
    resume : callable
        Goes on with the story of a key.
    """

    def __init__(self, resume: Callable[[Any], None]) -> None:
        self._resume = resume
        self._line: deque[Any] = deque()  # the first of it has the turn

    def enter(self, key: Any) -> None:
        """Put a story at the end of the line."""
        self._line.append(key)
        if len(self._line) == 1:
            self._resume(key)

    def leave(self) -> None:
        """Give the turn to the next in line."""
        self._line.popleft()
        if self._line:
            self._resume(self._line[0])


BlockingCall = Callable[[], Any]
Effect = Sleep | Mutex | BlockingCall
Task = Generator[Effect, Any, T]
"""Gives what it was about."""


class Scheduler(Generic[K]):
    """Plays stories to their ends.

    Parameters
    ----------
    limit : Limit
        Of the whole play.
    workers : int
        How many pieces of work are done at the same time.
    on_end : callable
        Called with each story's key and its error (None when it ended well), as it ends.
        What it raises ends the play.
    """

    def __init__(
        self, deadline: Deadline, workers: int, on_end: Callable[[K, Exception | None], None]
    ) -> None:
        self._deadline = deadline
        self._workers = workers
        self._on_end = on_end
        self._stories: dict[K, Task[None]] = {}
        self._pauses: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._work: queue.SimpleQueue[tuple[K, BlockingCall] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[K, Any, Exception | None] | None]
        self._done = queue.SimpleQueue()
        deadline.notify(self._done)
        self._running = 0

    def turn(self) -> Mutex:
        """A turn for the stories of this stage."""
        return Mutex(lambda key: self._resume_in(0.0, key))

    def hurry(self) -> None:
        """End all pauses: what was waited for may have changed."""
        self._pauses = [(0.0, n, key) for _, n, key in self._pauses]
        heapq.heapify(self._pauses)

    def play(self, stories: Mapping[K, Task[None]]) -> bool:
        """Play until all have ended; False when the limit came first."""
        self._stories = dict(stories)
        # Daemons: a hanging connection must not hold up an interpreter that wants to end.
        threads = [
            threading.Thread(target=self._serve, name="sdanalytics", daemon=True)
            for _ in range(min(self._workers, len(stories)))
        ]
        for thread in threads:
            thread.start()
        try:
            for key in stories:
                self._advance(key)
            ended = self._play()
            if not ended:
                self._settle()
            return ended
        except BaseException:
            self._settle()
            raise
        finally:
            for _ in threads:
                self._work.put(None)
            if self._running == 0:  # an interpreter that ends now should meet none of them
                for thread in threads:
                    thread.join(SETTLE_TIME)

    @classmethod
    def perform(cls, work: Callable[[], T], deadline: Deadline) -> T | None:
        """Do one piece of work; None when the limit came first.

        What takes time is never done in the thread that waits: that one hears Ctrl-C and
        the limit whatever the work hangs on.
        """
        results: list[T] = []

        def story() -> Task[None]:
            results.append((yield work))

        def ended(key: str, error: Exception | None) -> None:
            if error is not None:
                raise error

        Scheduler(deadline, 1, ended).play({"": story()})
        return results[0] if results else None

    def _play(self) -> bool:
        clock = self._deadline.clock
        while self._stories:
            if self._deadline.remaining <= 0:
                return False
            patience = self._deadline.remaining
            if self._pauses:
                patience = min(patience, self._pauses[0][0] - clock.monotonic())
            done = clock.get_from(self._done, max(0.0, patience), workers_busy=self._running > 0)
            if done is not None:
                self._running -= 1
                self._advance(*done)
            while self._pauses and self._pauses[0][0] <= clock.monotonic():
                self._advance(heapq.heappop(self._pauses)[2])
        return True

    def _advance(self, key: K, value: Any = None, error: Exception | None = None) -> None:
        story = self._stories[key]
        try:
            step = story.send(value) if error is None else story.throw(error)
        except StopIteration:
            self._end(key, None)
        except Exception as failure:
            self._end(key, failure)
        else:
            if isinstance(step, Sleep):
                self._resume_in(step.seconds, key)
            elif isinstance(step, Mutex):
                step.enter(key)
            else:
                self._running += 1
                self._work.put((key, step))

    def _resume_in(self, seconds: float, key: K) -> None:
        due = self._deadline.clock.monotonic() + seconds
        heapq.heappush(self._pauses, (due, next(self._order), key))

    def _end(self, key: K, error: Exception | None) -> None:
        del self._stories[key]
        self._on_end(key, error)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            key, work = item
            try:
                value = work() if self._deadline.remaining > 0 else None
                self._done.put((key, value, None))
            except Exception as error:
                self._done.put((key, None, error))

    def _settle(self) -> None:
        """Give what has arrived a moment to be stored; what hangs is left behind."""
        self._deadline.expire()
        end = time.monotonic() + SETTLE_TIME  # real seconds: they are for real work
        while self._running > 0 and (patience := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                if self._done.get(timeout=patience) is not None:
                    self._running -= 1
