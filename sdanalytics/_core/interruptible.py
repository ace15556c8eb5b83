"""Blocking calls that Ctrl-C and a deadline can interrupt."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.threads import start_thread

T = TypeVar("T")

GRACE_PERIOD: Final = 0.7
"""Seconds that calls already running get to end when the fetch ends early."""
THREAD_NAME: Final = "sdanalytics"


def run_interruptible(call: Callable[[], T], deadline: Deadline) -> T | None:
    """Run a blocking call in a separate thread; return None if the deadline passes first.

    The calling thread waits on a queue only, so it notices Ctrl-C and the deadline even if the call
    hangs.
    """
    inbox: queue.SimpleQueue[Future[T] | None] = queue.SimpleQueue()
    thread = start_thread(lambda: inbox.put(_capture(call)), THREAD_NAME)
    try:
        with deadline.on_expiry(lambda: inbox.put(None)):
            outcome = _receive(inbox, deadline)
    except BaseException:
        _abandon(thread, deadline)
        raise
    if outcome is None:
        _abandon(thread, deadline)
        return None
    thread.join(GRACE_PERIOD)  # so that an interpreter that exits now finds it ended
    return outcome.result()


def _capture(call: Callable[[], T]) -> Future[T]:
    outcome: Future[T] = Future()
    try:
        outcome.set_result(call())
    except BaseException as error:  # whatever it is: the caller would wait for ever
        outcome.set_exception(error)
    return outcome


def _receive(inbox: queue.SimpleQueue[Future[T] | None], deadline: Deadline) -> Future[T] | None:
    while (remaining := deadline.remaining) > 0:
        try:
            outcome = inbox.get(timeout=min(remaining, MAX_BLOCKING_WAIT))
        except queue.Empty:
            continue
        if outcome is not None:
            return outcome
    return None


def _abandon(thread: threading.Thread, deadline: Deadline) -> None:
    """Give an abandoned call a moment to end."""
    deadline.expire()
    thread.join(GRACE_PERIOD)
