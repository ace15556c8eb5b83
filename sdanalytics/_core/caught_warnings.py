"""Warnings of what is computed and drawn: for a widget or a page, not for the console."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Final

# Warnings filters belong to the process, so that one block collects at a time.
_collecting_lock: Final = threading.RLock()


@contextlib.contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Yield a list that has the texts of the warnings afterwards, to show them elsewhere."""
    texts: list[str] = []
    with _collecting_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield texts
        texts += dict.fromkeys(str(warning.message) for warning in caught)
