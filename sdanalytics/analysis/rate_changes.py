"""Changes of rates between two periods, and what chance leaves open of them.

An interval of a ratio of two rates is recovered from the intervals of both: the method of variance
estimates recovery, MOVER (Zou and Donner, "Construction of confidence limits about effect measures:
a general approach", Statistics in Medicine 27, 2008), on the scale of logarithms. The distances of
the bounds from the rates add up as independent errors do, below and above apart, so that skewed
intervals stay so. It assumes that the periods are independent, and it is as good as the
intervals that it is given.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """A positive number and its bounds.

    Attributes
    ----------
    value, low, high : float
        `low` is 0 or missing where nothing bounds it below, `high` infinite or missing where
        nothing does above.
    """

    value: float
    low: float
    high: float

    def invert(self) -> Interval:
        """Return the interval of 1 by the number."""
        value = 1 / self.value
        low = 0.0
        if self.high > 0:
            low = 1 / self.high
        high = math.inf
        if self.low > 0:
            high = 1 / self.low
        return Interval(value, low, high)

    def relevel(self, level: float, new_level: float) -> Interval:
        """Return the interval of another level, as if the logarithm were normal."""
        factor = _find_quantile(new_level) / _find_quantile(level)
        down = factor * _find_distance(self.value, self.low)
        up = factor * _find_distance(self.value, self.high)
        return _surround(self.value, down, up)

    def excludes(self, value: float) -> bool:
        """Return whether a number is outside of the bounds."""
        return self.low > value or self.high < value


def combine_errors(value: float, *sources: Interval) -> Interval:
    """Return the interval of a number that is wrong by the errors of several sources.

    Parameters
    ----------
    value : float
        Above 0.
    *sources : Interval
        Independent ones; only their distances from their bounds matter.
    """
    downs = []
    ups = []
    for source in sources:
        down = _find_distance(source.value, source.low)
        up = _find_distance(source.value, source.high)
        downs.append(down)
        ups.append(up)
    down = math.hypot(*downs)
    up = math.hypot(*ups)
    return _surround(value, down, up)


def compare_rates(before: Interval, after: Interval) -> Interval:
    """Return the ratio of two independent rates, the later by the earlier one."""
    ratio = after.value / before.value
    return combine_errors(ratio, after, before.invert())


def _find_quantile(level: float) -> float:
    """Return how many standard errors an interval reaches to either side."""
    share_below = (1 + level) / 2
    normal = NormalDist()
    return normal.inv_cdf(share_below)


def _find_distance(value: float, bound: float) -> float:
    """Return the distance of a bound on the scale of logarithms; infinite where none is known."""
    if not 0 < bound < math.inf:
        return math.inf
    ratio = bound / value
    return abs(math.log(ratio))


def _surround(value: float, down: float, up: float) -> Interval:
    low = value * math.exp(-down)
    high = value * math.exp(up)
    return Interval(value, low, high)
