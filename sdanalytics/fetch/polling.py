"""Adaptive polling: a report is first polled when reports are typically ready."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

_TOLERANCE: Final = 1 / 32
"""Shares of the estimated build time: its correction, and the minimum time between polls."""
_PROBES: Final = 4
"""Reports that are polled often while no build time is known; the others learn from them."""
_UNPROBED_INTERVAL: Final = 4.0, 30.0
"""Minimum and maximum seconds between polls of the other reports meanwhile."""
_EPSILON: Final = 0.001
"""Seconds below which a wait is skipped: clocks are not finer."""
_GROWTH: Final = 1.5
_JITTER: Final = 0.2


def backoff_intervals(first: float, longest: float) -> Iterator[float]:
    """Yield seconds between polls: growing by half up to the longest, each with 20 % jitter."""
    interval = first
    while True:
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)
        yield interval * jitter
        interval = min(_GROWTH * interval, longest)


class AdaptivePoller:
    """Decides when the reports of a fetch are polled.

    The build time is estimated from the reports that are ready: a little less when one was
    ready at the first poll at its time, a little more when it was not. So most reports are polled
    once or twice. While nothing is known, the first few are polled at `intervals`, and the others
    whenever they have become about twice as old.

    Parameters
    ----------
    intervals : callable
        Returns the seconds to wait before each poll of a report while nothing is known.
    """

    def __init__(self, intervals: Callable[[], Iterator[float]]) -> None:
        self._intervals = intervals
        self._estimate = 0.0  # seconds; 0: nothing is known
        self._probes = 0

    def delays(self, age: Callable[[], float]) -> Iterator[float]:
        """Yield seconds to wait for a report, or 0 when it is to be polled now.

        Parameters
        ----------
        age : callable
            Returns how old the report is, in seconds.
        """
        is_probe = self._probes < _PROBES
        if not is_probe:
            yield from self._delays(age, is_probe=False)
            return
        self._probes += 1
        try:
            yield from self._delays(age, is_probe=True)
        finally:
            self._probes -= 1

    def observe(self, previous_age: float, age: float) -> bool:
        """Learn from a report that was found ready; return whether it is the first.

        Parameters
        ----------
        previous_age : float
            Its age at the poll before, in seconds; 0: there was none.
        age : float
            Its age when it was found ready.
        """
        is_first = self._estimate == 0
        estimate = self._estimate or age
        if previous_age:
            # Only a step towards the observation: other reports in flight will show the same.
            later = estimate * (1 + 2 * _TOLERANCE)
            midpoint = (previous_age + age) / 2
            self._estimate = min(midpoint, later)
        else:
            earlier = age * (1 - _TOLERANCE)
            self._estimate = min(estimate, earlier)
        return is_first

    def _delays(self, age: Callable[[], float], *, is_probe: bool) -> Iterator[float]:
        polled_at = 0.0
        was_polled_on_time = False
        for interval in self._intervals():
            if not is_probe and not self._estimate:
                interval = max(interval, _unprobed_interval(polled_at))
            while True:
                due = self._next_poll_age(polled_at, interval, was_polled_on_time)
                delay = due - age()
                if delay <= _EPSILON:
                    break
                yield delay
            polled_at = age()
            was_polled_on_time = self._estimate > 0
            yield 0.0

    def _next_poll_age(self, polled_at: float, interval: float, was_polled_on_time: bool) -> float:
        """Return how old a report has to be at its next poll."""
        if self._estimate and not was_polled_on_time:
            return self._estimate
        shortest = _TOLERANCE * self._estimate
        return polled_at + max(interval, shortest)


def _unprobed_interval(polled_at: float) -> float:
    """Return about the age at the last poll, within limits.

    Random, or reports that were requested together would be polled together.
    """
    shortest, longest = _UNPROBED_INTERVAL
    interval = min(max(shortest, polled_at), longest)
    return interval * random.uniform(0.75, 1.25)
