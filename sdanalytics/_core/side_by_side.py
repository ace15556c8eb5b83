"""Calls side by side: each of many items is worked on in one of a few threads."""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import THREAD_NAME
from sdanalytics._core.threads import start_thread

T = TypeVar("T")


def call_side_by_side(
    function: Callable[[T], object], items: Iterable[T], max_threads: int, deadline: Deadline
) -> None:
    """Call a function with each item, in several threads, and wait until all have returned.

    An error ends the deadline, so that the other calls return soon, and is raised. Ctrl-C ends the
    wait, and the deadline.
    """
    waiting = deque(items)
    errors: list[BaseException] = []

    def work() -> None:
        while waiting and not errors:
            try:
                item = waiting.popleft()
            except IndexError:  # another thread took it
                return
            try:
                function(item)
            except BaseException as error:  # whatever it is: the caller would not know
                errors.append(error)
                deadline.expire()

    threads = []
    for _ in range(min(max_threads, len(waiting))):
        # The context is copied so that output belongs to the cell that began the call.
        run_in_context = partial(contextvars.copy_context().run, work)
        threads.append(start_thread(run_in_context, THREAD_NAME))
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(MAX_BLOCKING_WAIT)
    except BaseException:
        waiting.clear()
        deadline.expire()
        raise
    if errors:
        raise errors[0]
