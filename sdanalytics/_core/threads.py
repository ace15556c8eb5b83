"""Threads of the library, and how they end when the interpreter exits.

They are daemons: a connection that hangs must not hold up an interpreter that wants to exit. But
while it exits, a daemon thread that comes back from a function in C is ended there, and if that
is one of C++ (NumPy, Arrow, matplotlib) the process is aborted (exit code 134). So at exit,
threads are waited for until each has ended or waits for the network; from there it never returns.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Final

EXIT_TIMEOUT: Final = 30.0
"""Seconds for which an interpreter that exits waits for threads, at most."""
_CHECK_INTERVAL: Final = 0.01

_THREADS: Final[weakref.WeakSet[threading.Thread]] = weakref.WeakSet()
_waiting: Final[set[int]] = set()
"""The identifiers of the threads that wait for the network."""
_left_behind: Final[weakref.WeakSet[threading.Thread]] = weakref.WeakSet()
"""The threads that an interpreter which exits has left, or is about to leave, to the network."""


def start_thread(target: Callable[[], object], name: str) -> threading.Thread:
    """Start a thread that an interpreter which exits waits for, unless it waits for the network."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    _THREADS.add(thread)
    if threading.current_thread() in _left_behind:
        _left_behind.add(thread)
    thread.start()
    return thread


@contextlib.contextmanager
def waiting_for_network() -> Iterator[None]:
    """Mark the current thread as one that an interpreter which exits does not wait for."""
    identifier = threading.get_ident()
    _waiting.add(identifier)
    try:
        yield
    finally:
        if threading.current_thread() in _left_behind:
            threading.Event().wait()  # the process ends meanwhile
        _waiting.discard(identifier)


def wait_for_threads(timeout: float = EXIT_TIMEOUT) -> bool:
    """Wait until no thread of the library computes; return False if the timeout passes first."""
    end = time.monotonic() + timeout
    while any(thread.is_alive() and thread.ident not in _waiting for thread in list(_THREADS)):
        if time.monotonic() >= end:
            return False
        time.sleep(_CHECK_INTERVAL)
    return True


def _end_threads() -> None:
    # With those that they start, but not what a later function of `atexit` starts and waits for.
    _left_behind.update(_THREADS)
    wait_for_threads()


atexit.register(_end_threads)
