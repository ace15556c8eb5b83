"""Curves from one snapshot: what young days have of results, by what final days brought.

Without earlier versions of days there is one way to see how far a day has come: its clicks (of CPC
campaigns) or viewable impressions (of vCPM campaigns) tell how many results it will have if they
convert as those of final days did. So the share at an age is

    results of the day by those expected of it

smoothed by age as the chain ladder is (`sdanalytics.analysis.graduation`), and rising: isotonic
regression (R. Barlow, D. Bartholomew, J. Bremner and H. Brunk, "Statistical Inference under
Order Restrictions", 1972).

- What is expected of a campaign is drawn towards its cost type by credibility (Buehlmann and
  Straub 1970), and weekdays towards 1, by as much as they differ beyond chance.
- The error has the chance of each day, the variation of final days beyond it, and an assumed part
  for what will be cancelled.

It fails where conversion itself has changed within two months, which it takes for delay: in a sales
event, or after a change of prices. It cannot see what is taken out of clicks and impressions: their
shares are assumed to be 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import Array, Growth, Prior, divide_or_zero
from sdanalytics.analysis.graduation import build_prior
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.analysis.maturity_curve import CurveEstimate
from sdanalytics.analysis.snapshot import Snapshot
from sdanalytics.analysis.vintages import FINAL_AGE
from sdanalytics.errors import InvalidRequest

_OLD_AGE: Final = 28
"""Days from this age on are those that young ones are compared with."""
_MIN_OLD_DAYS: Final = 14
"""Two of each weekday."""
_TRAFFIC_ERRORS: Final = (0.02, 0.02, 0.02, 0.005)
"""Assumed errors of the shares of clicks, impressions and cost: by age, the last from then on."""
_LEVEL_ERROR: Final = 0.3
"""How much conversion may differ from what is expected, for a group of which little is known."""
_CANCELLATION_ERROR: Final = 0.015
"""Assumed error of the share of results: what will be cancelled cannot be seen in shares that rise
to 1. Amazon cancels few per cent."""
_SCORING_STEPS: Final = 10


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
        return divide_or_zero(expected, self.dispersion + self.beyond * expected)


def estimate_from_snapshot(snapshot: Snapshot) -> CurveEstimate:
    """Estimate the share of final numbers that is known at each age, from one snapshot.

    Raises
    ------
    InvalidRequest
        When it has too few final days.
    """
    old_days = int((snapshot.age >= _OLD_AGE).sum())
    if old_days < _MIN_OLD_DAYS:
        raise InvalidRequest(
            f"a cross-section must have {_MIN_OLD_DAYS} days that are {_OLD_AGE} days old or more, "
            f"to compare young days with; the store has {old_days}: fetch the last 60 days"
        )
    shape = len(snapshot.groups), len(snapshot.metrics), FINAL_AGE + 1
    shares, share_variances = np.ones(shape), np.zeros(shape)
    own_variances = np.zeros(shape[1:])
    ages = np.arange(FINAL_AGE + 1)
    assumed = np.array(_TRAFFIC_ERRORS)[np.minimum(ages, len(_TRAFFIC_ERRORS) - 1)]
    for position, name in enumerate(snapshot.metrics):
        if name not in CONVERSION_METRICS:
            share_variances[:, position] = assumed**2
            continue
        numbers = snapshot.numbers[position]
        expected, variation = _expect_results(snapshot, numbers)
        together, growths = _compare(snapshot, numbers, expected, variation)
        own_variances[position] = variation.dispersion * _count_missing(together)
        for group, growth in enumerate(growths):
            shares[group, position] = _rise_to_one(growth)
            variances = growth.share_variances + _CANCELLATION_ERROR**2
            share_variances[group, position] = _fall(variances)
    days = np.full(FINAL_AGE, len(snapshot.age))
    return CurveEstimate(
        groups=snapshot.groups,
        metrics=snapshot.metrics,
        shares=shares,
        share_variances=share_variances,
        own_variances=own_variances,
        days=days,
        method="cross-section",
    )


def _expect_results(snapshot: Snapshot, numbers: Array) -> tuple[Array, Variation]:
    """Return the results that units would have each day if they converted as on final days."""
    is_old = snapshot.age >= _OLD_AGE
    expected = np.zeros_like(numbers)
    for is_part in (snapshot.is_vcpm, ~snapshot.is_vcpm):
        rates = _estimate_rates(numbers[is_part][:, is_old], snapshot.exposure[is_part][:, is_old])
        expected[is_part] = snapshot.exposure[is_part] * rates[:, None]
    dispersion = _measure_dispersion(numbers[:, is_old], expected[:, is_old])
    residuals = _relative_surplus(numbers[:, is_old].sum(axis=0), expected[:, is_old].sum(axis=0))
    chance = divide_or_zero(np.array(dispersion), expected[:, is_old].sum(axis=0))
    beyond = max(0.0, float(np.mean(residuals**2 - chance)))
    variation = Variation(dispersion, beyond)
    weights = variation.weigh(expected[:, is_old].sum(axis=0))
    factors = _weigh_weekdays(residuals, weights, snapshot.weekday[is_old])
    return expected * factors[snapshot.weekday], variation


def _estimate_rates(numbers: Array, exposure: Array) -> Array:
    """Return the rate of results of each unit, drawn towards that of all by credibility."""
    found, exposed = numbers.sum(axis=1), exposure.sum(axis=1)
    rate = divide_or_zero(found.sum(), exposed.sum())
    expected = exposed * rate
    ratio = divide_or_zero(found, expected)
    dispersion = _measure_dispersion(numbers, exposure * divide_or_zero(found, exposed)[:, None])
    total = expected.sum()
    count = np.count_nonzero(expected)
    squares = (expected * (ratio - 1) ** 2).sum() - (count - 1) * dispersion
    effective = total - divide_or_zero((expected**2).sum(), total)
    between = divide_or_zero(np.maximum(squares, 0.0), effective)
    credibility = divide_or_zero(expected * between, expected * between + dispersion)
    rates: Array = rate * (1 + credibility * (ratio - 1))
    return rates


def _measure_dispersion(numbers: Array, expected: Array) -> float:
    """Return Pearson's chi-square by its degrees of freedom; 1 if nothing is expected."""
    terms = divide_or_zero((numbers - expected) ** 2, expected)
    is_known = expected > 0
    freedom = np.count_nonzero(is_known) - np.count_nonzero(is_known.any(axis=1))
    return float(terms.sum() / freedom) if freedom > 0 else 1.0


def _relative_surplus(found: Array, expected: Array) -> Array:
    return divide_or_zero(found - expected, expected)


def _weigh_weekdays(residuals: Array, weights: Array, weekday: Array) -> Array:
    """Return the factor of each weekday, drawn towards 1 by as little as weekdays differ."""
    is_weekday = weekday == np.arange(7)[:, None]
    known = is_weekday @ weights
    mean = divide_or_zero(is_weekday @ (weights * residuals), known)
    error = divide_or_zero(np.ones(7), known)
    between = max(0.0, float(np.mean(mean**2 - error)))
    factors: Array = 1 + mean * divide_or_zero(np.full(7, between), between + error)
    return factors


def _compare(
    snapshot: Snapshot, numbers: Array, expected: Array, variation: Variation
) -> tuple[Growth, list[Growth]]:
    """Return the growth by age of all units together, and of each group."""
    prior = build_prior(FINAL_AGE)
    together = _estimate_from_levels(
        numbers.sum(axis=0), expected.sum(axis=0), snapshot.age, variation, prior
    )
    prior = Prior(together.mean, prior.precision)
    growths = []
    for group in range(len(snapshot.groups)):
        is_member = snapshot.group == group
        found, wanted = numbers[is_member].sum(axis=0), expected[is_member].sum(axis=0)
        growth = _estimate_from_levels(found, wanted, snapshot.age, variation, prior)
        growths.append(growth)
    return together, growths


def _estimate_from_levels(
    found: Array, expected: Array, age: Array, variation: Variation, prior: Prior
) -> Growth:
    """Estimate growth by age: what days lack of the expected number grows until it is final.

    The logarithm of found by expected numbers is the level of conversion, which is the same for all
    days, less the growth from the age on.
    """
    grows_later = np.arange(FINAL_AGE) >= age[:, None]
    design = np.concatenate([-grows_later.astype(float), np.ones((len(age), 1))], axis=1)
    precision = np.zeros((FINAL_AGE + 1, FINAL_AGE + 1))
    precision[:-1, :-1] = prior.precision
    precision[-1, -1] = _LEVEL_ERROR**-2
    mean = np.append(prior.mean, 0.0)
    parameters = mean
    for _ in range(_SCORING_STEPS):
        predicted = design @ parameters
        known = expected * np.exp(predicted)
        observed = predicted + _relative_surplus(found, known)
        weighted = design.T * variation.weigh(known)
        information = weighted @ design + precision
        parameters = np.linalg.solve(information, weighted @ observed + precision @ mean)
    covariance = np.linalg.inv(information)
    return Growth(parameters[:-1], covariance[:-1, :-1])


def _rise_to_one(growth: Growth) -> Array:
    """Return the rising shares that are nearest to those estimated (isotonic regression).

    Each is the highest of the lowest means of shares before and after it.
    """
    shares = growth.shares
    sums = np.append(0.0, np.cumsum(shares))
    count = np.arange(1, len(sums)) - np.arange(len(shares))[:, None]
    means = divide_or_zero(sums[1:] - sums[:-1, None], count)
    means[count <= 0] = np.inf
    lowest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    lowest[count <= 0] = -np.inf
    rising: Array = np.minimum(lowest.max(axis=0), 1.0)
    return rising


def _fall(variances: Array) -> Array:
    """Return variances by age such that no day is known less well than a younger one."""
    falling: Array = np.maximum.accumulate(variances[::-1])[::-1]
    return falling


def _count_missing(growth: Growth) -> Array:
    """Return the results that have not come at each age, by those that have."""
    shares = _rise_to_one(growth)
    missing: Array = (1 - shares) / shares
    return missing
