"""Decisions about groups, by the probability that their ACOS is above a target.

- cut: above, by a probability that holds the share of wrong cuts (`find_cut_bar`)
- scale: the probability is below 1 - level
- keep: neither, and the ACOS is known to be about at the target: the whole interval of it is within
  a quarter of the target
- wait: none of these is known yet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray

CUT: Final = "cut"
WAIT: Final = "wait"
ACTIONS: Final = [CUT, "keep", "scale", WAIT]
ABOUT: Final = 1.25
"""An ACOS between the target by this and the target times this is about at the target."""


@dataclass(frozen=True)
class Odds:
    """The ACOS of groups, as far as it is known: the ratio by a Gamma variable of mean 1.

    Attributes
    ----------
    ratios : numpy.ndarray of float64
        The ACOS of the expected sales by the target; missing where nothing is known.
    shapes : numpy.ndarray of float64
        Of the Gamma distribution of sales: as many orders as they are known by.
    level : float
    """

    ratios: Any
    shapes: Any
    level: float

    @property
    def above(self) -> Any:
        """The probability that the ACOS is above the target."""
        from scipy.special import gammainc

        expected = self.shapes * self.ratios
        return gammainc(self.shapes, expected)

    @property
    def is_about_target(self) -> BoolArray:
        """Whether the central interval of the ACOS lies about the target."""
        from scipy.special import gammaincinv

        tail = (1 - self.level) / 2
        expected = self.ratios * self.shapes
        highest = gammaincinv(self.shapes, 1 - tail)
        lowest = gammaincinv(self.shapes, tail)
        low = expected / highest
        high = divide(expected, lowest)
        is_not_below = low >= 1 / ABOUT
        is_about: BoolArray = is_not_below & (high <= ABOUT)
        return is_about


def find_cut_bar(above: Any, level: float) -> float:
    """Return the probability from which on groups are cut, at least the level.

    The step-up rule of Benjamini and Hochberg ("Controlling the false discovery rate", Journal of
    the Royal Statistical Society B 57, 1995) on the probabilities of error, 1 - above: of m groups
    the i most certain are cut if the i-th is wrong with at most i/m times (1 - level). So the
    expected share of wrong cuts, which is the mean of these probabilities over the cuts (Efron,
    "Large-Scale Inference", 2010, chapter 5), stays below 1 - level with room for a model that is
    wrong; and where groups have many orders of their own the probabilities are those of one-sided
    tests, for which the rule holds it whatever the rates are.
    """
    known = above[~np.isnan(above)]
    errors = np.sort(1 - known)
    count = max(len(errors), 1)
    step = (1 - level) / count
    ranks = np.arange(len(errors)) + 1
    allowed = step * ranks
    is_passed = errors <= allowed
    passed = np.flatnonzero(is_passed)
    if len(passed):
        last = passed[-1]
        return 1 - float(errors[last])
    return 1 - step


def decide(odds: Odds, bar: float) -> pd.Categorical:
    """Return the action for each group.

    Parameters
    ----------
    odds : Odds
    bar : float
        The probability from which on groups are cut.
    """
    above = odds.above
    is_cut = above >= bar
    is_scaled = above < 1 - odds.level
    is_known = is_cut | is_scaled
    is_kept = ~is_known & odds.is_about_target
    count = len(above)
    actions = np.full(count, WAIT, dtype="object")
    actions[is_cut] = CUT
    actions[is_scaled] = "scale"
    actions[is_kept] = "keep"
    return pd.Categorical(actions, categories=ACTIONS)


def count_needed_orders(odds: Odds, bar: float) -> Any:
    """Return about how many more orders it takes until each group is decided.

    As many as make the interval of the ACOS so narrow, at what is expected of it now, that it is on
    one side of the target, or about it; by the normal distribution of its logarithm.
    """
    from scipy.special import ndtri

    distances = np.log(odds.ratios)
    score_above = ndtri(bar)
    score_below = ndtri(odds.level)
    scores = np.where(distances > 0, score_above, score_below)
    one_sided = divide(scores, distances)
    widest = np.log(ABOUT)
    margins = widest - np.abs(distances)
    is_near = margins > 0
    margins = np.where(is_near, margins, np.nan)
    central = ndtri(0.5 + odds.level / 2)
    about = central / margins
    nearest = np.fmin(np.abs(one_sided), about)
    needed = np.square(nearest)
    return np.maximum(needed - odds.shapes, 1.0)
