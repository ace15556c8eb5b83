"""Weekday factors of daily costs, by least squares of their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.row_groups import FloatArray, IntArray

_WEEK: Final = 7
_MIN_DAYS: Final = 2
"""Days of each weekday that it takes to tell weekdays apart."""
_USUAL_SPREAD: Final = 0.3
"""The spread of days where there are too few to estimate it."""
_MIN_SPREAD: Final = 0.01


@dataclass(frozen=True)
class WeekdayFactors:
    """The factors by which weekdays differ.

    Attributes
    ----------
    factors : numpy.ndarray of float
        From Monday on; their mean is 1. All are 1 when there are too few days.
    spread : float
        The standard deviation of a day's cost, by what is expected of it.
    """

    factors: FloatArray
    spread: float


def fit_weekdays(costs: FloatArray, weekdays: IntArray) -> WeekdayFactors:
    """Estimate how weekdays differ, and how much days differ otherwise.

    The logarithm of a campaign's cost is a level of the campaign and the week, a term of the
    weekday that all campaigns share, and noise; campaigns count by their cost. So neither growth
    nor campaigns that begin or end are taken for weekdays.

    Parameters
    ----------
    costs : numpy.ndarray of float
        By campaign and day; NaN where unknown. Days without cost have no logarithm.
    weekdays : numpy.ndarray of int64
        Of the days; Monday: 0.
    """
    is_used = costs > 0
    campaigns, days = np.nonzero(is_used)
    used_weekdays = weekdays[np.unique(days)]
    day_counts = np.bincount(used_weekdays, minlength=_WEEK)
    flat = WeekdayFactors(np.ones(_WEEK), _USUAL_SPREAD)
    if day_counts.min() < _MIN_DAYS:
        return flat
    week_count = len(weekdays) // _WEEK + 1
    days_before_end = len(weekdays) - 1 - days
    _, blocks = np.unique(campaigns * week_count + days_before_end // _WEEK, return_inverse=True)
    weights = _mean_costs(costs)[campaigns]
    weights /= weights.mean()
    logs = np.log(costs[is_used])
    is_weekday = weekdays[days][:, None] == np.arange(_WEEK)
    terms = is_weekday.astype("float64")
    table = np.column_stack([terms, logs])
    table -= _block_means(table, blocks, weights)[blocks]
    roots = np.sqrt(weights)[:, None]
    terms = roots * table[:, :_WEEK]
    logs = (roots * table[:, _WEEK:]).ravel()
    coefficients, *_ = np.linalg.lstsq(terms, logs)
    factors = np.exp(coefficients)
    residuals = logs - terms @ coefficients
    degrees = len(residuals) - (blocks.max() + 1) - (_WEEK - 1)
    if degrees < _WEEK:
        return flat
    variance = residuals @ residuals / degrees
    spread = max(float(np.sqrt(variance)), _MIN_SPREAD)
    return WeekdayFactors(factors / factors.mean(), spread)


def _mean_costs(costs: FloatArray) -> FloatArray:
    """Return the mean cost of each campaign over its days."""
    is_known = ~np.isnan(costs)
    day_counts = np.maximum(is_known.sum(axis=1), 1)
    means: FloatArray = np.nansum(costs, axis=1) / day_counts
    return means


def _block_means(table: FloatArray, blocks: IntArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of each column in each block of rows."""
    weight_sums = np.bincount(blocks, weights)
    means = []
    for column in table.T:
        sums = np.bincount(blocks, weights * column)
        means.append(sums / weight_sums)
    return np.column_stack(means)
