"""Curves from one snapshot: what young days have of results, by what final days brought.

Without earlier versions of days there is one way to see how far a day has come: its clicks (of CPC
campaigns) or viewable impressions (of vCPM campaigns) tell how many results it will have if they
convert as those of final days did. So the share at an age is

    results of the day by those expected of it

smoothed by age as the chain ladder is (`sdanalytics.analysis.graduation`), and rising: isotonic
regression (R. Barlow, D. Bartholomew, J. Bremner and H. Brunk, "Statistical Inference under
Order Restrictions", 1972).

Groups share most of the delay: the growth of each is drawn to that of all together, from which it
is assumed to differ by a fifth (`sdanalytics.analysis.random_effects`).

The error has the chance of each day, the variation of final days beyond it, what conversion may
have drifted since (`sdanalytics.analysis.conversion_drift`), and an assumed part for what will be
cancelled.

It fails where conversion itself has changed within two months, which it takes for delay: in a sales
event, or after a change of prices. Errors are wide enough for usual changes only. It cannot see
what is taken out of clicks and impressions: their shares are assumed to be 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import Growth, Prior
from sdanalytics.analysis.conversion_drift import measure_conversion_drift
from sdanalytics.analysis.expected_results import (
    OLD_AGE,
    Variation,
    expect_results,
    relative_surplus,
)
from sdanalytics.analysis.graduation import build_prior
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.analysis.maturity_curve import CurveEstimate
from sdanalytics.analysis.random_effects import build_effects
from sdanalytics.analysis.snapshot import Snapshot
from sdanalytics.analysis.steps import Array
from sdanalytics.analysis.vintages import FINAL_AGE
from sdanalytics.errors import InvalidRequest

_MIN_OLD_DAYS: Final = 14
"""Two of each weekday."""
_SETTLING_DAYS: Final = 3
"""Days in which clicks and impressions settle."""
_SETTLING_ERROR: Final = 0.02
_SETTLED_ERROR: Final = 0.005
"""Assumed errors of the shares of clicks, impressions and cost."""
_CANCELLATION_ERROR: Final = 0.015
"""Assumed error of the share of results: what will be cancelled cannot be seen in shares that rise
to 1. Amazon cancels few per cent."""
_LEVEL_ERROR: Final = 0.3
"""How much conversion may differ from what is expected, for a group of which little is known."""
_GROUP_SPREAD: Final = 0.2**2
"""Assumed relative variance of a group's growth about that of all. One snapshot cannot tell a
group's own delay from its own change of conversion, so that it cannot be estimated."""
_SCORING_STEPS: Final = 10


@dataclass(frozen=True)
class Levels:
    """The results of days, and those expected of them.

    Attributes
    ----------
    age : numpy.ndarray of int, shape (days,)
    found, expected : numpy.ndarray of float, shape (days,)
    variation : Variation
    """

    age: Array
    found: Array
    expected: Array
    variation: Variation


def estimate_from_snapshot(snapshot: Snapshot) -> CurveEstimate:
    """Estimate the share of final numbers that is known at each age, from one snapshot.

    Raises
    ------
    InvalidRequest
        When it has too few final days.
    """
    old_days = np.count_nonzero(snapshot.age >= OLD_AGE)
    if old_days < _MIN_OLD_DAYS:
        raise InvalidRequest(
            f"a cross-section must have {_MIN_OLD_DAYS} days that are {OLD_AGE} days old or more, "
            f"to compare young days with; the store has {old_days}: fetch the last 60 days"
        )
    groups = len(snapshot.groups)
    metrics = len(snapshot.metrics)
    shares = np.ones((groups, metrics, FINAL_AGE + 1))
    share_variances = np.zeros_like(shares)
    own_variances = np.zeros_like(shares[0])
    for position, name in enumerate(snapshot.metrics):
        if name in CONVERSION_METRICS:
            numbers = snapshot.numbers[position]
            growths, own_variances[position], drift = _estimate_result(snapshot, numbers)
            for group, growth in enumerate(growths):
                shares[group, position] = _rise_to_one(growth.shares)
                variances = growth.share_variances + drift
                share_variances[group, position] = _add_assumed_error(variances)
        else:
            share_variances[:, position] = _SETTLED_ERROR**2
            share_variances[:, position, :_SETTLING_DAYS] = _SETTLING_ERROR**2
    return CurveEstimate(
        groups=snapshot.groups,
        metrics=snapshot.metrics,
        shares=shares,
        share_variances=share_variances,
        own_variances=own_variances,
        days=np.full(FINAL_AGE, len(snapshot.age)),
        method="cross-section",
    )


def _estimate_result(snapshot: Snapshot, numbers: Array) -> tuple[list[Growth], Array, Array]:
    """Return a result's growth in each group, and by age the own variances of days and the drift.

    The drift is the variance of shares by changes of conversion.
    """
    expected, variation = expect_results(snapshot, numbers)

    def add_up(is_member: Array) -> Levels:
        found = numbers[is_member].sum(axis=0)
        wanted = expected[is_member].sum(axis=0)
        return Levels(snapshot.age, found, wanted, variation)

    is_any = np.ones(len(numbers), dtype=bool)
    all_levels = add_up(is_any)
    whole = _estimate_from_levels(all_levels, build_prior(FINAL_AGE))
    growths: list[Growth] = []
    for group in range(len(snapshot.groups)):
        levels = add_up(snapshot.group == group)
        growths.append(_estimate_group(levels, whole))
    drift = measure_conversion_drift(snapshot.age, all_levels.found, all_levels.expected, variation)
    shares = _rise_to_one(whole.shares)
    missing = 1 - shares
    return growths, variation.dispersion * missing / shares, drift


def _estimate_group(levels: Levels, whole: Growth) -> Growth:
    """Estimate the growth of a group, drawn to that of the whole."""
    effects = build_effects(whole.mean)
    precision = np.linalg.inv(_GROUP_SPREAD * effects)
    own = _estimate_from_levels(levels, Prior(whole.mean, precision))
    # The part of a group's growth that is that of the whole has the error of the whole.
    drawn = own.covariance @ precision
    common = drawn @ whole.covariance @ drawn.T
    return Growth(own.mean, own.covariance + common)


def _estimate_from_levels(levels: Levels, prior: Prior) -> Growth:
    """Estimate growth by age: what days lack of the expected number grows until it is final.

    The logarithm of found by expected numbers is the level of conversion, which is the same for all
    days, less the growth from the age on.
    """
    design = _build_design(levels.age)
    precision = np.eye(FINAL_AGE + 1)
    precision[:FINAL_AGE, :FINAL_AGE] = prior.precision
    precision[FINAL_AGE, FINAL_AGE] = _LEVEL_ERROR**-2
    mean = np.append(prior.mean, 0.0)
    assumed = precision @ mean
    parameters = mean
    for _ in range(_SCORING_STEPS):
        predicted = design @ parameters
        known = levels.expected * np.exp(predicted)
        surplus = relative_surplus(levels.found, known)
        # From far below, a step of Newton's method would go much too far.
        observed = predicted + np.minimum(surplus, 1.0)
        weighted = design.T * levels.variation.weigh(known)
        information = weighted @ design + precision
        target = weighted @ observed + assumed
        parameters = np.linalg.solve(information, target)
    covariance = np.linalg.inv(information)
    return Growth(
        parameters[:FINAL_AGE],
        covariance[:FINAL_AGE, :FINAL_AGE],
    )


def _build_design(age: Array) -> Array:
    """Return how the growth at each age, and the level in the last column, show in each day."""
    design = np.ones((len(age), FINAL_AGE + 1))
    ages = np.arange(FINAL_AGE)
    is_to_come = ages >= age[:, None]
    design[:, :FINAL_AGE] = -is_to_come.astype(float)
    return design


def _rise_to_one(shares: Array) -> Array:
    """Return the rising shares that are nearest to those estimated (isotonic regression).

    Neighbours that fall are replaced by their mean until none do.
    """
    blocks: list[tuple[float, int]] = []
    for share in shares:
        mean, count = float(share), 1
        while blocks and blocks[-1][0] > mean:
            earlier, size = blocks.pop()
            total = earlier * size + mean * count
            count += size
            mean = total / count
        blocks.append((mean, count))
    means, counts = zip(*blocks, strict=True)
    rising: Array = np.minimum(np.repeat(means, counts), 1.0)
    return rising


def _add_assumed_error(variances: Array) -> Array:
    """Add what cannot be seen; no day is known less well than a younger one."""
    added = variances + _CANCELLATION_ERROR**2
    from_last = np.maximum.accumulate(np.flip(added))
    return np.flip(from_last)
