"""The results that days would have if they converted as final days did, and how much they vary.

Results are expected of clicks, or of viewable impressions for vCPM campaigns. The rate of a
campaign is drawn towards that of its cost type, and the factor of a weekday towards 1, the more
the less they differ beyond chance: credibility (H. Buehlmann and E. Straub, "Glaubwuerdigkeit fuer
Schadensaetze", Mitteilungen der Vereinigung schweizerischer Versicherungsmathematiker 70 (1970),
111-133).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import divide_or_zero
from sdanalytics.analysis.snapshot import Snapshot
from sdanalytics.analysis.steps import Array

OLD_AGE: Final = 28
"""Days from this age on are those that young ones are compared with."""
_LEAST_DISPERSION: Final = 1e-3
"""Days that are all alike leave rounding errors, which would count as certainty."""
_WEEKDAYS: Final = np.arange(7)[:, None]


@dataclass(frozen=True)
class Variation:
    """How much results vary about what is expected of them.

    Attributes
    ----------
    dispersion : float
        The variance by chance, by the expected number.
    beyond : float
        The relative variance beyond chance: days differ.
    """

    dispersion: float
    beyond: float

    def weigh(self, expected: Array) -> Array:
        """Return the inverse of the variance of the logarithm of results."""
        variance = self.dispersion + self.beyond * expected
        return divide_or_zero(expected, variance)


def expect_results(snapshot: Snapshot, numbers: Array) -> tuple[Array, Variation]:
    """Return the results that units would have each day if they converted as on final days.

    Parameters
    ----------
    snapshot : Snapshot
    numbers : numpy.ndarray of float, shape (units, days)
        A result.

    Returns
    -------
    expected : numpy.ndarray of float, shape (units, days)
    variation : Variation
        Of all units together.
    """
    is_old = snapshot.age >= OLD_AGE
    expected = np.zeros_like(numbers)
    for is_part in (snapshot.is_vcpm, ~snapshot.is_vcpm):
        exposure = snapshot.exposure[is_part]
        part = numbers[is_part]
        rates = _estimate_rates(part[:, is_old], exposure[:, is_old])
        expected[is_part] = exposure * rates
    old_numbers = numbers[:, is_old]
    old_expected = expected[:, is_old]
    dispersion = _measure_dispersion(old_numbers, old_expected)
    daily = old_expected.sum(axis=0)
    found = old_numbers.sum(axis=0)
    surplus = relative_surplus(found, daily)
    each = np.full_like(daily, dispersion)
    by_chance = divide_or_zero(each, daily)
    beyond = _measure_excess(surplus, by_chance)
    variation = Variation(dispersion, beyond)
    weights = variation.weigh(daily)
    weekday = snapshot.weekday[is_old]
    factors = _weigh_weekdays(surplus, weights, weekday)
    return expected * factors[snapshot.weekday], variation


def relative_surplus(found: Array, expected: Array) -> Array:
    """Return what was found more than expected, by what was expected."""
    return divide_or_zero(found - expected, expected)


def _estimate_rates(numbers: Array, exposure: Array) -> Array:
    """Return the rate of results of each unit, drawn towards that of all; shape (units, 1)."""
    found = numbers.sum(axis=1, keepdims=True)
    exposed = exposure.sum(axis=1, keepdims=True)
    own_rates = divide_or_zero(found, exposed)
    rate = divide_or_zero(found.sum(), exposed.sum())
    dispersion = _measure_dispersion(numbers, exposure * own_rates)
    expected = exposed * rate
    surplus = relative_surplus(found, expected)
    squares = expected * surplus**2
    units = np.count_nonzero(expected)
    by_chance = dispersion * (units - 1)
    excess = np.maximum(squares.sum() - by_chance, 0.0)
    total = expected.sum()
    squared = expected**2
    largest = divide_or_zero(squared.sum(), total)
    between = divide_or_zero(excess, total - largest)
    known = expected * between
    credibility = divide_or_zero(known, known + dispersion)
    rates: Array = rate * (1 + credibility * surplus)
    return rates


def _measure_dispersion(numbers: Array, expected: Array) -> float:
    """Return Pearson's chi-square by its degrees of freedom; 1 if nothing is expected."""
    surplus = numbers - expected
    squares = divide_or_zero(surplus**2, expected)
    chi_square = float(squares.sum())
    is_known = expected > 0
    has_any = is_known.any(axis=1)
    units = np.count_nonzero(has_any)
    freedom = np.count_nonzero(is_known) - units
    if freedom <= 0:
        return 1.0
    return max(chi_square / freedom, _LEAST_DISPERSION)


def _measure_excess(residuals: Array, variances: Array) -> float:
    """Return how much more residuals vary than their own variances explain, as a variance."""
    excess = residuals**2 - variances
    return max(0.0, float(excess.mean()))


def _weigh_weekdays(surplus: Array, weights: Array, weekday: Array) -> Array:
    """Return the factor of each weekday, drawn towards 1 by as little as weekdays differ."""
    is_weekday = weekday == _WEEKDAYS
    known = is_weekday @ weights
    weighted = weights * surplus
    sums = is_weekday @ weighted
    means = divide_or_zero(sums, known)
    ones = np.ones_like(known)
    variances = divide_or_zero(ones, known)
    between = _measure_excess(means, variances)
    drawn = divide_or_zero(means, variances + between)
    factors: Array = 1 + between * drawn
    return factors
