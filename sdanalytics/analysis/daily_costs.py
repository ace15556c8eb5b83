"""Daily costs of campaigns: a table by campaign and day, of the weeks that a forecast rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.group_labels import LatestRows, label_columns
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.periods import Period
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.row_groups import BoolArray, FloatArray, IntArray, RowGroups, group_rows
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.entity_names import CAMPAIGN_ID
from sdanalytics.model.profile_entries import FETCHED_ON

FORECAST_WINDOW: Final = 56
"""Days that a forecast rests on: eight weeks."""
_BUDGET: Final = "campaignBudget"
_STATUS: Final = "campaignStatus"
_STOPPED: Final = ("archived", "paused")
_MIN_GAP: Final = 3
"""Days without cost that may mean that a campaign has stopped."""

Days: TypeAlias = npt.NDArray[np.datetime64]
Table = TypeVar("Table", FloatArray, BoolArray)


@dataclass(frozen=True)
class DailyCosts:
    """Costs of campaigns by day.

    Attributes
    ----------
    campaigns : pandas.DataFrame
        One row a campaign: its id, and what describes it.
    first : datetime.date
        The first day of the table.
    last_whole : datetime.date
        The last day that had ended when it was fetched; at least that before the month.
    costs : numpy.ndarray of float
        By campaign and day, from `first` to the end of the month. Days before a campaign's first
        one, and days that the frame lacks, are NaN; of days that had not ended what was known.
    budgets : numpy.ndarray of float
        The daily budget by campaign and day; NaN where no row tells.
    is_whole : numpy.ndarray of bool
        Whether the frame has each day, and it had ended when it was fetched.
    is_running : numpy.ndarray of bool
        Whether each campaign is expected to cost anything from now on.
    """

    campaigns: pd.DataFrame
    first: date
    last_whole: date
    costs: FloatArray
    budgets: FloatArray
    is_whole: BoolArray
    is_running: BoolArray

    @property
    def weekdays(self) -> IntArray:
        """The weekday of each day of the table; Monday: 0."""
        _, count = self.costs.shape
        start = self.first.weekday()
        numbers = np.arange(start, start + count)
        return numbers % 7

    @staticmethod
    def select_month(by_day: Table, month: Period) -> Table:
        """Return the days of the month, with which tables end, of one by campaign and day."""
        return by_day[:, -month.length :]

    @property
    def past(self) -> int:
        """The number of days up to the last whole one."""
        elapsed = self.last_whole - self.first
        return elapsed.days + 1


def tabulate_costs(df: pd.DataFrame, month: Period) -> DailyCosts:
    """Return the daily costs of a month, and of the weeks before its last known day.

    Raises
    ------
    InvalidRequest
        When no day had ended when it was fetched.
    """
    is_used = df["date"] <= pd.Timestamp(month.last)
    rows = df[is_used]
    groups = group_rows(rows, [CAMPAIGN_ID])
    days = rows["date"].to_numpy()
    days = days.astype("datetime64[D]")
    whole_days = _find_whole_days(rows, days)
    last_ended = whole_days.max()
    day_before = month.first - timedelta(1)
    last_whole = max(last_ended.item(), day_before)
    window_start = last_whole - timedelta(FORECAST_WINDOW - 1)
    first = min(month.first, window_start)
    length = (month.last - first).days + 1
    all_days = np.datetime64(first) + np.arange(length)
    costs = _sum_by_day(rows["cost"], groups, days, all_days)
    starts = _find_first_days(groups, days)
    has_started = all_days >= starts[:, None]
    costs[~has_started] = np.nan
    is_known = np.isin(all_days, days)
    costs[:, ~is_known] = np.nan
    described = _describe_campaigns(rows, groups)
    is_past = all_days <= last_ended
    return DailyCosts(
        campaigns=described,
        first=first,
        last_whole=last_whole,
        costs=costs,
        budgets=_tabulate_budgets(rows, groups, days, all_days),
        is_whole=np.isin(all_days, whole_days),
        is_running=_find_running(described, costs[:, is_past]),
    )


def _find_whole_days(rows: pd.DataFrame, days: Days) -> Days:
    """Return the days that had ended when they were fetched."""
    if FETCHED_ON not in frame_metadata(rows):
        return np.unique(days)
    is_ended = find_row_ages(rows) >= 0
    if not is_ended.any():
        raise InvalidRequest(
            "the frame has no whole day: it was fetched before any of its days had ended. "
            "Fetch the weeks before, too: eight make the best forecast"
        )
    return np.unique(days[is_ended])


def _find_first_days(groups: RowGroups, days: Days) -> Days:
    """Return the first day of each campaign."""
    first_days = np.full(groups.count, days.max())
    np.minimum.at(first_days, groups.codes, days)
    return first_days


def _find_positions(days: Days, all_days: Days) -> IntArray:
    """Return the number of each day among all days of the table; below 0 if before these."""
    elapsed = days - all_days[0]
    positions: IntArray = elapsed.astype("int64")
    return positions


def _sum_by_day(
    column: pd.Series[Any],
    groups: RowGroups,
    days: Days,
    all_days: Days,
) -> FloatArray:
    """Return the sums of a column by campaign and day, 0 where there is no row."""
    positions = _find_positions(days, all_days)
    values = to_floats(column.array)
    is_used = positions >= 0
    is_used &= ~np.isnan(values)
    shape = groups.count, len(all_days)
    sums = np.zeros(shape)
    cells = groups.codes[is_used], positions[is_used]
    np.add.at(sums, cells, values[is_used])
    return sums


def _tabulate_budgets(
    rows: pd.DataFrame,
    groups: RowGroups,
    days: Days,
    all_days: Days,
) -> FloatArray:
    """Return the budget of each campaign and day, NaN without one."""
    shape = groups.count, len(all_days)
    budgets = np.full(shape, np.nan)
    if _BUDGET not in rows:
        return budgets
    positions = _find_positions(days, all_days)
    values = to_floats(rows[_BUDGET].array)
    is_used = positions >= 0
    is_used &= ~np.isnan(values)
    cells = groups.codes[is_used], positions[is_used]
    budgets[cells] = values[is_used]
    return budgets


def _describe_campaigns(rows: pd.DataFrame, groups: RowGroups) -> pd.DataFrame:
    """Return the campaigns with the latest of what describes them."""
    latest = LatestRows(rows, groups)
    campaigns = groups.keys.copy()
    for name in label_columns([CAMPAIGN_ID]):
        if name in rows:
            campaigns[name] = latest.take(name)
    return campaigns


def _find_running(campaigns: pd.DataFrame, costs: FloatArray) -> BoolArray:
    """Return which campaigns go on: neither switched off, nor without cost for very long."""
    is_running = np.ones(len(campaigns), dtype="bool")
    if _STATUS in campaigns:
        is_off = campaigns[_STATUS].isin(_STOPPED)
        is_running &= ~is_off.to_numpy()
    for number, row in enumerate(costs):
        is_known = ~np.isnan(row)
        if _has_stopped(row[is_known]):
            is_running[number] = False
    return is_running


def _has_stopped(costs: FloatArray) -> bool:
    """Return whether the days without cost at the end are more than ever before in a row."""
    positions = np.flatnonzero(costs > 0)
    if not len(positions):
        return len(costs) > 0
    last = len(costs) - 1
    gap = last - positions[-1]
    distances = np.diff(positions, prepend=-1)
    longest_gap = distances.max() - 1
    return bool(gap > longest_gap and gap >= _MIN_GAP)
