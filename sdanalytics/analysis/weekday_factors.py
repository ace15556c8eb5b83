"""Weekday factors of daily costs, by least squares of their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.row_groups import BoolArray, FloatArray, IntArray

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
    flat = WeekdayFactors(
        factors=np.ones(_WEEK),
        spread=_USUAL_SPREAD,
    )
    is_used = costs > 0
    campaigns, days = np.nonzero(is_used)
    if not _has_all_weekdays(weekdays, days):
        return flat
    blocks = _number_blocks(campaigns, days, len(weekdays))
    term_count = blocks.max() + _WEEK  # one of the weekdays follows from the others
    degrees = len(blocks) - term_count
    if degrees < _WEEK:
        return flat
    mean_costs = _mean_costs(costs)
    weights = mean_costs[campaigns]
    logs = np.log(costs[is_used])
    is_weekday = _indicate_weekdays(weekdays[days])
    table = np.column_stack([is_weekday, logs])
    # Without the means of blocks, their levels need no terms (Frisch and Waugh, 1933).
    means = _block_means(table, blocks, weights)
    table -= means[blocks]
    roots = np.sqrt(weights / weights.mean())
    table *= roots[:, None]
    terms = table[:, :_WEEK]
    logs = table[:, _WEEK]
    coefficients, *_ = np.linalg.lstsq(terms, logs)
    residuals = logs - terms @ coefficients
    variance = residuals @ residuals / degrees
    spread = np.sqrt(variance)
    factors = np.exp(coefficients)
    return WeekdayFactors(
        factors=factors / factors.mean(),
        spread=max(spread, _MIN_SPREAD),
    )


def _has_all_weekdays(weekdays: IntArray, days: IntArray) -> bool:
    """Return whether some of the days have each weekday, several times."""
    used_days = np.unique(days)
    used_weekdays = weekdays[used_days]
    day_counts = np.bincount(used_weekdays, minlength=_WEEK)
    fewest = day_counts.min()
    return bool(fewest >= _MIN_DAYS)


def _indicate_weekdays(weekdays: IntArray) -> BoolArray:
    """Return a row for each day, with a column for each weekday: whether it is the day's."""
    all_weekdays = np.arange(_WEEK)
    is_weekday: BoolArray = np.equal.outer(weekdays, all_weekdays)
    return is_weekday


def _number_blocks(campaigns: IntArray, days: IntArray, day_count: int) -> IntArray:
    """Return a number for each campaign and week, counted from the last day backwards."""
    days_before_end = day_count - 1 - days
    weeks = days_before_end // _WEEK
    week_count = day_count // _WEEK + 1
    numbers = campaigns * week_count + weeks
    blocks: IntArray
    _, blocks = np.unique(numbers, return_inverse=True)
    return blocks


def _mean_costs(costs: FloatArray) -> FloatArray:
    """Return the mean cost of each campaign over its days."""
    is_known = ~np.isnan(costs)
    day_counts = is_known.sum(axis=1)
    sums = np.nansum(costs, axis=1)
    means: FloatArray = sums / np.maximum(day_counts, 1)
    return means


def _block_means(table: FloatArray, blocks: IntArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of each column in each block of rows."""
    weight_sums = np.bincount(blocks, weights)
    means = []
    for column in table.T:
        sums = np.bincount(blocks, weights * column)
        means.append(sums / weight_sums)
    return np.column_stack(means)
