"""The table of a month's pacing, its total row, and the days behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

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
_ADDED_UP: Final = (
    "days_with_cost",
    "cost",
    "daily_rate",
    _FORECAST,
    "daily_budget",
    "budget",
    "days_at_budget",
)


def tabulate_pacing(
    table: DailyCosts, budgets: MonthBudgets, forecast: CostForecast, month: Period
) -> pd.DataFrame:
    """Return a row for each campaign that has cost something in the month, or goes on."""
    costs = _select_month(table.costs, month)
    known_costs = np.nan_to_num(costs)
    day_counts = (known_costs > 0).sum(axis=1)
    begin = _count_days_before(table, month)
    before = np.nansum(table.costs[:, begin : table.past], axis=1)
    expected, low, high = _find_ends(forecast)
    measures = {
        "days_with_cost": pd.array(day_counts, dtype="Int64"),
        "cost": known_costs.sum(axis=1),
        "daily_rate": forecast.daily_rates,
        _FORECAST: before + expected,
        f"{_FORECAST}_low": before + low,
        f"{_FORECAST}_high": before + high,
        "daily_budget": budgets.daily,
        "budget": budgets.monthly,
        "budget_share": _divide(before + expected, budgets.monthly),
        "days_at_budget": budgets.used_up,
    }
    result = table.campaigns.assign(**measures)
    is_listed = (day_counts > 0) | table.is_running
    listed: pd.DataFrame = result[is_listed]
    return listed.sort_values(_FORECAST, ascending=False, kind="stable", ignore_index=True)


def sum_rows(result: pd.DataFrame, days: dict[str, Any]) -> pd.DataFrame:
    """Return all campaigns as one row; its interval is that of the last day."""
    sums = result[list(_ADDED_UP)].sum(skipna=False).to_frame().T
    total = sums.astype({"days_with_cost": "Int64", "days_at_budget": "Int64"})
    total["budget_share"] = _divide(
        total[_FORECAST].to_numpy("float64"), total["budget"].to_numpy("float64")
    )
    for bound in ("low", "high"):
        by_day = days[bound]
        total[f"{_FORECAST}_{bound}"] = by_day[-1] if by_day else total[_FORECAST]
    return total


def describe_days(
    table: DailyCosts, budgets: MonthBudgets, forecast: CostForecast, month: Period
) -> dict[str, Any]:
    """Return the days of the month for the metadata, as plain values.

    `cost` is by whole day from the first of the month on (None for a missing one); `forecast`,
    `low` and `high` are of the month up to each day after the last whole one; `budget` is the sum
    of the daily budgets up to each day of the month.
    """
    is_known: BoolArray = np.any(~np.isnan(table.costs), axis=0)
    begin = _count_days_before(table, month)
    costs = np.nansum(table.costs[:, begin : table.past], axis=0)
    before = costs.sum()
    total = forecast.expected.sum(axis=0)
    low = np.maximum(total - forecast.total_errors, forecast.spent.sum(axis=0))
    is_unended = is_known & ~table.is_whole
    known_positions = np.flatnonzero(is_known)
    is_missing = ~is_known
    is_missing[known_positions[-1] :] = False
    by_day = {
        "forecast": before + total,
        "low": before + low,
        "high": before + total + forecast.total_errors,
        "budget": budgets.by_day.cumsum(),
    }
    lists = {name: _to_plain(values) for name, values in by_day.items()}
    return {
        "month": f"{month.first:%Y-%m}",
        "last_whole_day": table.last_whole.isoformat(),
        "level": LEVEL,
        "weekday_factors": _to_plain(forecast.factors),
        "unended_days": _list_days(is_unended, table, begin),
        "missing_days": _list_days(is_missing, table, begin),
        "cost": _to_plain(np.where(is_known[begin : table.past], costs, np.nan)),
        **lists,
    }


def _select_month(by_day: FloatArray, month: Period) -> FloatArray:
    """Return the days of the month, with which a table of days ends."""
    return by_day[:, -month.length :]


def _count_days_before(table: DailyCosts, month: Period) -> int:
    """Return the number of days of a table before the month."""
    difference = month.first - table.first
    return difference.days


def _find_ends(forecast: CostForecast) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the expected costs of the days that are left, and their bounds, by campaign."""
    if not forecast.expected.shape[1]:
        nothing = np.zeros(len(forecast.expected))
        return nothing, nothing, nothing
    expected = forecast.expected[:, -1]
    errors = forecast.errors[:, -1]
    low = np.maximum(expected - errors, forecast.spent[:, -1])
    return expected, low, expected + errors


def _divide(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Return ratios, NaN where the denominator is 0 or unknown."""
    ratios = np.full(len(numerators), np.nan)
    np.divide(numerators, denominators, out=ratios, where=denominators > 0)
    return ratios


def _list_days(is_listed: BoolArray, table: DailyCosts, begin: int) -> list[str]:
    """Return days of the month as text."""
    days = []
    for position in np.flatnonzero(is_listed):
        if position >= begin:
            day = table.first + timedelta(int(position))
            days.append(day.isoformat())
    return days


def _to_plain(values: FloatArray) -> list[float | None]:
    """Return numbers as JSON has them, None for NaN."""
    numbers = values.tolist()
    return [None if number != number else number for number in numbers]
