"""A story in a dozen lines: of things alike, the first is told, then ever fewer."""

from __future__ import annotations

import logging
import threading
from collections import Counter


class SampledLogger:
    """Logs the 1st, 4th, 16th, 64th ... of each kind at INFO, the others at DEBUG.

    So a call of 600 reports tells what it does in about as many lines as one of ten.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def log(self, kind: str, message: str, *values: object) -> None:
        """Log one thing of a kind."""
        with self._lock:
            self._counts[kind] += 1
            count = self._counts[kind]
        level = logging.INFO if _is_power_of_four(count) else logging.DEBUG
        self._logger.log(level, message, *values)


def _is_power_of_four(count: int) -> bool:
    return count & (count - 1) == 0 and count.bit_length() % 2 == 1
