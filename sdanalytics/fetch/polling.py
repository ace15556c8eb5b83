"""When to look whether a report is ready: first when one usually is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

_SHARE: Final = 1 / 32
"""Of what a report usually takes: what it is corrected by, and waited between two looks."""

_SCOUTS: Final = 4
"""How many are looked at often as long as nothing is known: what they show holds for all."""

_PATIENCE: Final = 4.0, 30.0
"""Seconds, the fewest and the most, that the others are left alone meanwhile."""

_MOMENT: Final = 0.001
"""Seconds that are not waited for: clocks are no finer."""


def backoff_intervals(first: float, longest: float) -> Iterator[float]:
    """Seconds between looks: growing by half up to the longest, each with a fifth of jitter."""
    wait = first
    while True:
        yield wait * random.uniform(0.8, 1.2)
        wait = min(1.5 * wait, longest)


class AdaptivePoller:
    """The looks at reports that were asked for one after another.

    What one usually takes is learned from those that have come: a little less when one was
    ready at the first look at its time, a little more when it was not. So most are looked at
    once or twice. As long as nothing is known the first few are looked at as `waits` says, and
    the others whenever they have become about twice as old.

    Parameters
    ----------
    waits : callable
        Gives the seconds to wait before each look at a report of which nothing is known.
    """

    def __init__(self, waits: Callable[[], Iterator[float]]) -> None:
        self._waits = waits
        self._usual = 0.0
        self._scouts = 0

    def pauses(self, age: Callable[[], float]) -> Iterator[float]:
        """Seconds to let pass for a report that is so many seconds old; 0: look at it now."""
        is_scout = self._scouts < _SCOUTS
        self._scouts += is_scout
        try:
            yield from self._pauses(age, is_scout)
        finally:
            self._scouts -= is_scout

    def _pauses(self, age: Callable[[], float], is_scout: bool) -> Iterator[float]:
        looked_at, is_timed = 0.0, False
        least, most = _PATIENCE
        for wait in self._waits():
            if not (is_scout or self._usual):
                # By chance, or those that were asked for together would be looked at together.
                wait = max(wait, min(max(least, looked_at), most) * random.uniform(0.75, 1.25))
            while (left := self._due(looked_at, wait, is_timed) - age()) > _MOMENT:
                yield left
            looked_at, is_timed = age(), self._usual > 0
            yield 0.0

    def learn(self, before: float, age: float) -> bool:
        """Take note of a report that was found ready at that age; whether nothing was known.

        `before` is its age at the look before, when it was not ready yet; 0: there was none.
        """
        is_first, usual = self._usual == 0, self._usual or age
        # By what was seen, not by what is thought by now: others on their way show the same.
        earlier, later = age * (1 - _SHARE), usual * (1 + 2 * _SHARE)
        self._usual = min((before + age) / 2, later) if before else min(usual, earlier)
        return is_first

    def _due(self, looked_at: float, wait: float, is_timed: bool) -> float:
        """How old a report is to be at the next look; `is_timed`: there was one at its time."""
        if self._usual and not is_timed:
            return self._usual
        return looked_at + max(wait, _SHARE * self._usual)
