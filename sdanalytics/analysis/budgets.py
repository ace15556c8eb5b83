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
    filled = pd.DataFrame(table.budgets).ffill(axis=1).bfill(axis=1).to_numpy()
    is_active = _find_active_days(table)
    _, length = filled.shape
    in_month = slice(length - month.length, length)
    daily = np.where(is_active, filled, 0.0)[:, in_month]
    monthly = daily.sum(axis=1)
    costs = table.costs[:, in_month]
    is_whole = table.is_whole[in_month]
    whole_costs = costs[:, is_whole]
    left = np.maximum(monthly - np.nansum(whole_costs, axis=1), 0.0)
    limits = _SPENT_SHARE * filled[:, in_month][:, is_whole]
    is_used_up = (whole_costs >= limits) & (limits > 0)
    counts = is_used_up.sum(axis=1)
    return MonthBudgets(
        daily=daily[:, -1],
        monthly=monthly,
        left=left,
        by_day=daily.sum(axis=0),
        used_up=pd.arrays.IntegerArray(counts, np.isnan(monthly)),
    )


def _find_active_days(table: DailyCosts) -> BoolArray:
    """Return whether each campaign is there on a day, as far as the frame tells."""
    is_known = ~np.isnan(table.costs)
    is_active: BoolArray = np.maximum.accumulate(is_known, axis=1)
    has_cost = table.costs > 0
    # Read from the end: whether there is cost on the day or later.
    costs_later = np.maximum.accumulate(has_cost[:, ::-1], axis=1)[:, ::-1]
    is_active &= costs_later | table.is_running[:, None]
    return is_active
