"""The table of a month's pacing, its total row, and the days behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.budgets import MonthBudgets
from sdanalytics.analysis.cost_forecast import LEVEL, CostForecast
from sdanalytics.analysis.daily_costs import DailyCosts
from sdanalytics.analysis.periods import Period
from sdanalytics.analysis.row_groups import BoolArray, FloatArray

PACING: Final = "pacing"
"""The entry of a frame's metadata that has the days of the month, which the figure draws."""
_FORECAST: Final = "cost_forecast"
_LOW: Final = "cost_forecast_low"
_HIGH: Final = "cost_forecast_high"
_ADDED_UP: Final = (
    "days_with_cost",
    "cost",
    "daily_rate",
    _FORECAST,
    "daily_budget",
    "budget",
    "days_at_budget",
)


class _Rest(NamedTuple):
    """The costs of the days that are left: expected, and their bounds; by campaign."""

    expected: FloatArray
    low: FloatArray
    high: FloatArray


def tabulate_pacing(
    table: DailyCosts, budgets: MonthBudgets, forecast: CostForecast, month: Period
) -> pd.DataFrame:
    """Return a row for each campaign that has cost something in the month, or goes on."""
    costs = table.select_month(table.costs, month)
    known_costs = np.nan_to_num(costs)
    has_cost = known_costs > 0
    day_counts = has_cost.sum(axis=1)
    begin = _count_days_before(table, month)
    whole_days = slice(begin, table.past)
    before = np.nansum(table.costs[:, whole_days], axis=1)
    rest = _find_ends(forecast)
    expected = before + rest.expected
    measures = {
        "days_with_cost": pd.array(day_counts, dtype="Int64"),
        "cost": known_costs.sum(axis=1),
        "daily_rate": forecast.daily_rates,
        _FORECAST: expected,
        _LOW: before + rest.low,
        _HIGH: before + rest.high,
        "daily_budget": budgets.daily,
        "budget": budgets.monthly,
        "budget_share": _divide(expected, budgets.monthly),
        "days_at_budget": budgets.used_up,
    }
    result = table.campaigns.assign(**measures)
    is_listed = table.is_running | (day_counts > 0)
    listed: pd.DataFrame = result[is_listed]
    return listed.sort_values(
        _FORECAST,
        ascending=False,
        kind="stable",
        ignore_index=True,
    )


def sum_rows(result: pd.DataFrame, days: dict[str, Any]) -> pd.DataFrame:
    """Return all campaigns as one row; its interval is that of the last day."""
    total = pd.DataFrame(index=[0])
    for name in _ADDED_UP:
        values = result[name]
        total[name] = values.sum(skipna=False)
    dtypes = result.dtypes
    total = total.astype(dtypes[total.columns].to_dict())
    total["budget_share"] = _divide(
        total[_FORECAST].to_numpy(),
        total["budget"].to_numpy(),
    )
    for name, by_day in ((_LOW, days["low"]), (_HIGH, days["high"])):
        total[name] = by_day[-1] if by_day else total[_FORECAST]
    return total


def describe_days(
    table: DailyCosts, budgets: MonthBudgets, forecast: CostForecast, month: Period
) -> dict[str, Any]:
    """Return the days of the month for the metadata, as plain values.

    `cost` is by whole day from the first of the month on (None for a missing one); `forecast`,
    `low` and `high` are of the month up to each day after the last whole one; `budget` is the sum
    of the daily budgets up to each day of the month.
    """
    is_missing: BoolArray = np.all(np.isnan(table.costs), axis=0)
    begin = _count_days_before(table, month)
    whole_days = slice(begin, table.past)
    costs = np.nansum(table.costs[:, whole_days], axis=0)
    before = costs.sum()
    costs[is_missing[whole_days]] = np.nan
    is_unended = ~is_missing & ~table.is_whole
    known_positions = np.flatnonzero(~is_missing)
    is_missing[known_positions[-1] :] = False
    rest = forecast.expected.sum(axis=0)
    high = rest + forecast.total_errors
    low = rest - forecast.total_errors
    low = np.maximum(low, forecast.spent.sum(axis=0))
    return {
        "month": f"{month.first:%Y-%m}",
        "last_whole_day": table.last_whole.isoformat(),
        "level": LEVEL,
        "weekday_factors": _to_plain(forecast.factors),
        "unended_days": _name_days(is_unended, table, begin),
        "missing_days": _name_days(is_missing, table, begin),
        "cost": _to_plain(costs),
        "forecast": _to_plain(before + rest),
        "low": _to_plain(before + low),
        "high": _to_plain(before + high),
        "budget": _to_plain(budgets.by_day.cumsum()),
    }


def _count_days_before(table: DailyCosts, month: Period) -> int:
    """Return the number of days of a table before the month."""
    difference = month.first - table.first
    return difference.days


def _find_ends(forecast: CostForecast) -> _Rest:
    """Return the expected costs of the days that are left, and their bounds, by campaign."""
    count, day_count = forecast.expected.shape
    if not day_count:
        nothing = np.zeros(count)
        return _Rest(nothing, nothing, nothing)
    expected = forecast.expected[:, -1]
    errors = forecast.errors[:, -1]
    spent = forecast.spent[:, -1]
    low = np.maximum(expected - errors, spent)
    high = expected + errors
    return _Rest(expected, low, high)


def _divide(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Return ratios, NaN where the denominator is 0 or unknown."""
    ratios = np.full(len(numerators), np.nan)
    is_defined = denominators > 0
    np.divide(
        numerators,
        denominators,
        out=ratios,
        where=is_defined,
    )
    return ratios


def _name_days(is_listed: BoolArray, table: DailyCosts, begin: int) -> list[str]:
    """Return days of the month as text."""
    days = []
    for position in np.flatnonzero(is_listed):
        if position >= begin:
            elapsed = timedelta(days=int(position))
            day = table.first + elapsed
            days.append(day.isoformat())
    return days


def _to_plain(values: FloatArray) -> list[float | None]:
    """Return numbers as JSON has them, None for NaN."""
    numbers = values.tolist()
    return [None if number != number else number for number in numbers]
