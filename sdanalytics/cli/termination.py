"""The end of a command by SIGTERM, as orderly as by Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Terminated(BaseException):
    """SIGTERM was received; raised in the main thread, as KeyboardInterrupt after Ctrl-C."""


@contextlib.contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the block when the process receives SIGTERM.

    Python handles signals in the main thread only: elsewhere this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated
