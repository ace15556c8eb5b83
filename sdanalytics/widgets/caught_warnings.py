"""Warnings of what the picker computes and draws: shown in the widget, not in the cell."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Final

# Warnings filters belong to the process, so that one figure is drawn at a time.
_drawing_lock: Final = threading.Lock()


@contextlib.contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Yield a list that has the texts of the warnings afterwards, to show them in the widget."""
    texts: list[str] = []
    with _drawing_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield texts
        texts += dict.fromkeys(str(warning.message) for warning in caught)
