"""Log sampling: the 1st, 4th, 16th, ... event of a kind at INFO, the rest at DEBUG."""

from __future__ import annotations

import logging
import threading
from collections import Counter


class SampledLogger:
    """Logs the 1st, 4th, 16th, 64th, ... event of a kind at INFO, the others at DEBUG.

    A call of 600 reports thus logs about as many lines as one of ten.

    Parameters
    ----------
    logger : logging.Logger
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def log(self, event: str, message: str, *values: object) -> None:
        """Log an event.

        Parameters
        ----------
        event : str
            The kind of event, for counting only.
        message : str
            With placeholders for `values`, as in `logging`.
        """
        with self._lock:
            self._counts[event] += 1
            count = self._counts[event]
        level = logging.INFO if _is_power_of_four(count) else logging.DEBUG
        self._logger.log(level, message, *values)


def _is_power_of_four(number: int) -> bool:
    power = 1
    while power < number:
        power *= 4
    return power == number
