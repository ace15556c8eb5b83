"""Forecasts of daily costs to the end of a month: each campaign's, and of all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.daily_costs import FORECAST_WINDOW, DailyCosts
from sdanalytics.analysis.local_level import PRIOR_DEGREES, fit_local_levels
from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.analysis.weekday_factors import fit_weekdays

LEVEL: Final = 0.8
"""The probability of the intervals."""
_UPPER_QUANTILE: Final = (1 + LEVEL) / 2


@dataclass(frozen=True)
class CostForecast:
    """Costs from the day after the last whole one to the end of the month.

    Attributes
    ----------
    daily_rates : numpy.ndarray of float
        The expected cost of an average day, by campaign; 0 of those that have stopped.
    expected : numpy.ndarray of float
        What the days up to each one cost together, by campaign and day.
    errors : numpy.ndarray of float
        Half the width of the interval of 80 %.
    total_errors : numpy.ndarray of float
        That of all campaigns together, by day.
    spent : numpy.ndarray of float
        What is known to be spent on these days, by campaign and day: on days that had not ended.
    factors : numpy.ndarray of float
        Of the weekdays from Monday on.
    """

    daily_rates: FloatArray
    expected: FloatArray
    errors: FloatArray
    total_errors: FloatArray
    spent: FloatArray
    factors: FloatArray


@dataclass(frozen=True)
class _Rates:
    """The cost that is expected of campaigns from now on.

    `levels` is by campaign; `deviations` are the standard deviations of the sums, by campaign and
    coming day; `surprises` are scaled errors of predictions, by campaign and day; `degrees` are
    the degrees of freedom, by campaign; `factors` are those of weekdays.
    """

    levels: FloatArray
    deviations: FloatArray
    surprises: FloatArray
    degrees: FloatArray
    factors: FloatArray


def forecast_costs(table: DailyCosts, budgets_left: FloatArray) -> CostForecast:
    """Forecast the costs of the days that are left of a month.

    Parameters
    ----------
    table : DailyCosts
    budgets_left : numpy.ndarray of float
        What each campaign may cost until the end of the month; NaN where it is unknown.
    """
    rates = _expect_costs(table)
    coming_weekdays = table.weekdays[table.past :]
    factors = rates.factors[coming_weekdays]
    unlimited = rates.levels * factors.sum()
    shares = _find_affordable_shares(unlimited, budgets_left)
    daily_rates = shares * rates.levels
    deviations = shares[:, None] * rates.deviations
    spent = np.nan_to_num(table.costs[:, table.past :])
    # A day that has not ended costs at least what it has cost so far.
    costs = np.outer(daily_rates, factors)
    costs = np.maximum(costs, spent)
    quantiles = _quantiles(rates.degrees)
    return CostForecast(
        daily_rates=daily_rates,
        expected=costs.cumsum(axis=1),
        errors=quantiles[:, None] * deviations,
        total_errors=_sum_errors(deviations, rates),
        spent=spent.cumsum(axis=1),
        factors=rates.factors,
    )


def _expect_costs(table: DailyCosts) -> _Rates:
    """Fit weekdays, and the level of each campaign that is running."""
    start = max(table.past - FORECAST_WINDOW, 0)
    window = slice(start, table.past)
    is_whole = table.is_whole[window]
    costs = table.costs[:, window]
    costs = np.where(is_whole, costs, np.nan)
    weekdays = table.weekdays[window]
    fitted = fit_weekdays(costs, weekdays)
    is_known = ~np.isnan(costs)
    is_modelled = is_known.any(axis=1)
    is_modelled &= table.is_running
    factors = fitted.factors[weekdays]
    series = costs[is_modelled] / factors
    models = fit_local_levels(series, fitted.spread)
    coming_weekdays = table.weekdays[table.past :]
    coming_factors = fitted.factors[coming_weekdays]
    variances = models.sum_variances(coming_factors)
    count = len(costs)
    shape = count, len(coming_factors)
    rates = _Rates(
        levels=np.zeros(count),
        deviations=np.zeros(shape),
        surprises=np.full(costs.shape, np.nan),
        degrees=np.full(count, PRIOR_DEGREES),
        factors=fitted.factors,
    )
    rates.levels[is_modelled] = models.mean_levels
    rates.deviations[is_modelled] = np.sqrt(variances)
    rates.surprises[is_modelled] = models.surprises
    rates.degrees[is_modelled] = models.degrees
    return rates


def _find_affordable_shares(expected: FloatArray, limits: FloatArray) -> FloatArray:
    """Return the parts of expected costs that the limits leave; all where no limit is known."""
    limited = np.fmin(expected, limits)
    shares = np.ones(len(expected))
    np.divide(limited, expected, out=shares, where=expected > 0)
    return shares


def _sum_errors(deviations: FloatArray, rates: _Rates) -> FloatArray:
    """Return half the width of the interval of the sum of all campaigns, by coming day.

    Campaigns have good and bad days together as far as the errors of their predictions had.
    Before all days of which these are known, some count for errors that are independent.
    """
    by_day = rates.surprises.T
    is_unknown = np.isnan(by_day)
    variances = deviations**2
    sums_by_day = np.nan_to_num(by_day) @ deviations
    squares = sums_by_day**2
    squares += is_unknown @ variances
    is_used = ~is_unknown.all(axis=1)
    square_sums = squares[is_used].sum(axis=0)
    square_sums += PRIOR_DEGREES * variances.sum(axis=0)
    degrees = PRIOR_DEGREES + is_used.sum()
    errors: FloatArray = np.sqrt(square_sums / degrees)
    errors *= _quantiles(degrees)
    return errors


def _quantiles(degrees: FloatArray | float) -> FloatArray:
    """Return the upper quantiles of Student's t."""
    from scipy.special import stdtrit  # a quarter of a second, which only forecasts need

    quantiles: FloatArray = stdtrit(degrees, _UPPER_QUANTILE)
    return quantiles
