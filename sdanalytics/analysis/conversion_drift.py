"""Drift: how much conversion may have changed since the days that young ones are compared with.

The logarithm of conversion is taken for a random walk from week to week. The variance of its steps
is that of the differences of successive weeks of final days beyond chance (J. von Neumann, R. Kent,
H. Bellinson and B. Hart, "The mean square successive difference", Annals of Mathematical
Statistics 12 (1941), 153-162). A store has few such weeks, so that it is assumed to be no smaller
than `LEAST_STEP` has it. A sales event that only young days have cannot be seen in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import divide_or_zero
from sdanalytics.analysis.expected_results import OLD_AGE, Variation, relative_surplus
from sdanalytics.analysis.steps import Array
from sdanalytics.analysis.vintages import FINAL_AGE

LEAST_STEP: Final = 0.04
"""The least standard deviation of the logarithm of conversion from a week to the next: over the
four weeks from final days to the youngest it is 8 %, as prices, stock and rivals change."""
_WEEK: Final = 7


def measure_conversion_drift(
    age: Array, found: Array, expected: Array, variation: Variation
) -> Array:
    """Return the variance that drift gives the logarithm of the share at each age.

    Parameters
    ----------
    age : numpy.ndarray of int, shape (days,)
    found, expected : numpy.ndarray of float, shape (days,)
        The results of days, and those expected of them.
    variation : Variation

    Returns
    -------
    numpy.ndarray of float, shape (ages,)
    """
    step = _measure_steps(age, found, expected, variation)
    ages = np.arange(FINAL_AGE + 1)
    to_old = np.maximum(OLD_AGE - ages, 0)
    drift: Array = max(step, LEAST_STEP**2) * to_old / _WEEK
    return drift


def _measure_steps(age: Array, found: Array, expected: Array, variation: Variation) -> float:
    """Return the variance of the change from week to week beyond chance; 0 without two weeks."""
    number = (age - OLD_AGE) // _WEEK
    numbers, counts = np.unique(number, return_counts=True)
    is_whole = (numbers >= 0) & (counts == _WEEK)
    is_week = number == numbers[is_whole, None]
    weekly = is_week @ expected
    surplus = relative_surplus(is_week @ found, weekly)
    # Days are independent: what they vary beyond chance adds up by their squares.
    daily_variance = variation.dispersion * expected + variation.beyond * expected**2
    by_chance = divide_or_zero(is_week @ daily_variance, weekly**2)
    if len(surplus) < 2:
        return 0.0
    squares = np.diff(surplus) ** 2
    chance = by_chance[1:] + by_chance[:-1]
    return float(np.mean(squares - chance))
