"""Budgets of a month, from the daily budgets that a campaigns report has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.daily_costs import DailyCosts
from sdanalytics.analysis.periods import Period
from sdanalytics.analysis.row_groups import BoolArray, FloatArray

_SPENT_SHARE: Final = 0.95
"""The part of a day's budget from which on it counts as used up."""


@dataclass(frozen=True)
class MonthBudgets:
    """Budgets of campaigns in a month; NaN where no row tells the budget.

    Attributes
    ----------
    daily : numpy.ndarray of float
        The latest daily budget of each campaign; 0 of those that have stopped.
    monthly : numpy.ndarray of float
        The sum of the daily budgets from the campaign's first day in the month to the last.
    left : numpy.ndarray of float
        The part of it that whole days have not cost, at least 0.
    by_day : numpy.ndarray of float
        The sum of all campaigns' daily budgets, by day of the month.
    used_up : pandas array of Int64
        On how many whole days each campaign cost its budget or nearly so.
    """

    daily: FloatArray
    monthly: FloatArray
    left: FloatArray
    by_day: FloatArray
    used_up: Any


def sum_budgets(table: DailyCosts, month: Period) -> MonthBudgets:
    """Return the budgets of a month.

    A budget holds until a row tells another, and to the end of the month. A campaign that has
    stopped has none after its last day with cost.
    """
    known = pd.DataFrame(table.budgets)
    later = known.ffill(axis=1)
    filled = later.bfill(axis=1)
    budgets = table.select_month(filled.to_numpy(), month)
    is_active = table.select_month(_find_active_days(table), month)
    daily = np.where(is_active, budgets, 0.0)
    monthly = daily.sum(axis=1)
    costs = table.select_month(table.costs, month)
    is_whole = table.is_whole[-month.length :]
    whole_costs = costs[:, is_whole]
    spent = np.nansum(whole_costs, axis=1)
    left = np.maximum(monthly - spent, 0.0)
    limits = _SPENT_SHARE * budgets[:, is_whole]
    is_used_up = whole_costs >= limits
    is_used_up &= limits > 0
    day_counts = is_used_up.sum(axis=1)
    is_unknown = np.isnan(monthly)
    return MonthBudgets(
        daily=daily[:, -1],
        monthly=monthly,
        left=left,
        by_day=daily.sum(axis=0),
        used_up=pd.arrays.IntegerArray(day_counts, is_unknown),
    )


def _find_active_days(table: DailyCosts) -> BoolArray:
    """Return whether each campaign is there on a day, as far as the frame tells."""
    is_known = ~np.isnan(table.costs)
    is_active: BoolArray = np.maximum.accumulate(is_known, axis=1)
    has_cost = table.costs > 0
    backwards = has_cost[:, ::-1]
    had_cost_later = np.maximum.accumulate(backwards, axis=1)
    has_cost_later = had_cost_later[:, ::-1]
    is_running = table.is_running[:, None]
    is_active &= has_cost_later | is_running
    return is_active
