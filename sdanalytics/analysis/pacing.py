"""Pacing: what a month has cost, what it is expected to cost, and what the budgets allow."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import TypeAlias

import numpy as np
import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.budgets import sum_budgets
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_forecast import forecast_costs
from sdanalytics.analysis.daily_costs import tabulate_costs
from sdanalytics.analysis.metadata import frame_metadata, update_metadata
from sdanalytics.analysis.pacing_table import PACING, describe_days, sum_rows, tabulate_pacing
from sdanalytics.analysis.periods import Period, word_days
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.analysis.totals import append_total_row, drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    validate_columns,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.errors import InvalidRequest, PeriodWarning
from sdanalytics.model.entity_names import CAMPAIGN_ID
from sdanalytics.model.profile_entries import FETCHED_ON
from sdanalytics.model.query import parse_day

MonthLike: TypeAlias = str | date | pd.Period


def pacing(df: pd.DataFrame, month: MonthLike | None = None) -> pd.DataFrame:
    """Forecast what a month will have cost at its end, by campaign, beside its budget.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, with rows of campaigns (or of parts of them) by day. The forecast
        rests on the last eight weeks, as far as the frame has them: fetch them, too.
    month : str, pandas.Period or date, optional
        ``"2026-11"``, or any day of the month; by default that of the frame's last day.

    Returns
    -------
    pandas.DataFrame
        One row a campaign, the most expensive first, and a last one `total`; the campaign's id
        and what describes it (`campaignName`, `campaignStatus`, `costType`: the latest), then:

        - `days_with_cost` (Int64): days of the month on which it cost something;
        - `cost` (float64, as all money in the profile's currency): month to date;
        - `daily_rate` (float64): the expected cost of an average day from now on; 0 when the
          campaign has stopped;
        - `cost_forecast`, `cost_forecast_low`, `cost_forecast_high` (float64): the month's cost at
          its end, and the interval of 80 %; the cost itself when the month is over;
        - `daily_budget`, `budget` (float64): the latest daily budget, and the sum of the daily
          budgets of the month, from the campaign's first day on; missing without
          `campaignBudget`, which only campaigns reports have. `daily_budget` is 0 when the campaign
          has stopped;
        - `budget_share` (float64, a fraction): `cost_forecast` by `budget`;
        - `days_at_budget` (Int64): whole days that cost at least 95 % of their budget.

        ``attrs["sdanalytics"]["pacing"]`` has the days that `plots.pacing` draws, the factors of
        the weekdays (`weekday_factors`, from Monday on; their mean is 1), and days that are not as
        they seem: `unended_days` (they had not ended when they were fetched), `missing_days`.

    Warns
    -----
    PeriodWarning
        When the frame lacks days of the month, or does not tell when they were fetched: then the
        last day counts as whole even if it had not ended.

    Raises
    ------
    InvalidRequest
        When the frame has no day of the month or no whole day at all, is a summary by weeks or
        months, has several currencies or an infinite cost, or lacks a column.

    Notes
    -----
    Weekday factors are estimated by least squares from the logarithms of daily costs of eight
    weeks: a level of each campaign and week, and a factor of the weekday that all campaigns share
    (at least two days of each weekday; with fewer no weekday differs). Costs by these factors
    follow a local-level model in each campaign (exponential smoothing with an error of its own;
    Harvey, 1989; Durbin and Koopman, 2012): the level wanders, so that the last weeks count more
    where costs drift, and all of the eight where they do not. The forecast is the level times the
    factors of the days to come. Its interval, by Student's t, has the noise of these days, that of
    the level, and its wandering; in the total, campaigns err together as they did in the past. It
    covers the end of simulated months in about 80 % where levels wander by a tenth of the noise a
    day, in about 90 % where they stay, and in 70 to 75 % where they wander by 40 %.

    A day that had not ended when it was fetched is in `cost` as it was, and in the forecast as a
    day to come, but not below what it has cost. A campaign has stopped when it is paused or
    archived, or for three days or more, and longer than ever before in the eight weeks, without
    cost. One that began a few days ago has a wide interval: how much its days differ is
    taken from the others at first.

    Amazon averages a daily budget over the month: single days may cost more, the month may not. So
    no campaign is expected to cost more than its budget of the month, while that of a single day
    is no limit. Reports do not tell the kind of a budget: all count as daily ones.

    The method knows what was, not what is planned: new campaigns, ends of campaigns, new bids and
    budgets, and events (a sale) come as a surprise. Cost of the last days may still fall a little
    as invalid clicks are found.
    """
    df = drop_total_row(validate_frame(df))
    _validate_days(df)
    df = df[df["date"].notna()]
    if df.empty:
        raise InvalidRequest("the frame has no rows: fetch the month, and the weeks before it")
    warn_of_unknown_currency(df)
    ensure_single_currency(df, group_rows(df, []))
    period = _parse_month(month, df["date"].max())
    if not period.find_rows(df["date"]).any():
        first, last = df["date"].min(), df["date"].max()
        raise InvalidRequest(
            f"the frame has no row of the month {period.first:%Y-%m}: its days are "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    _ensure_finite_costs(df)
    _warn_of_unknown_ages(df)
    table = tabulate_costs(df, period)
    budgets = sum_budgets(table, period)
    forecast = forecast_costs(table, budgets.left)
    days = describe_days(table, budgets, forecast, period)
    _warn_of_missing_days(days["missing_days"], period)
    result = tabulate_pacing(table, budgets, forecast, period)
    result.attrs = dict(df.attrs)
    update_metadata(result, summarized_by=[CAMPAIGN_ID], freq=None, **{PACING: days})
    total = sum_rows(result, days)
    return append_total_row(result, total, [CAMPAIGN_ID], None)


def _validate_days(df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` unless the rows have costs of campaigns by single days."""
    freq = frame_metadata(df).get("freq")
    if freq not in (None, "D"):
        raise InvalidRequest(
            f"the rows must be of single days, got a summary by {freq!r}: pass the frame that "
            "was fetched, or summarize(df, 'campaignId', freq='D')"
        )
    validate_columns(df, ["date", CAMPAIGN_ID, "cost"])


def _ensure_finite_costs(df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` for infinite costs, such as those of a division by 0."""
    costs = to_floats(df["cost"].array)
    if np.isinf(costs).any():
        raise InvalidRequest(
            "cost must be finite, got an infinite one: leave such rows out, or fetch them again"
        )


def _parse_month(month: object, last_day: pd.Timestamp) -> Period:
    """Return the days of a month; of the one with the last day for None."""
    day = last_day.date() if month is None else _parse_day_of_month(month)
    _, length = monthrange(day.year, day.month)
    return Period("month", day.replace(day=1), day.replace(day=length))


def _parse_day_of_month(month: object) -> date:
    """Return a day of the month that a user names."""
    day = month
    if isinstance(month, pd.Period) and month.start_time.month == month.end_time.month:
        day = month.start_time
    elif isinstance(month, str) and month.count("-") == 1:
        day = f"{month}-01"
    try:
        return parse_day("month", day)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"month must be a month such as '2026-11', or a day of it, got {month!r}"
        ) from error


def _warn_of_unknown_ages(df: pd.DataFrame) -> None:
    if FETCHED_ON not in frame_metadata(df):
        warn_user(
            "the frame does not tell when its days were fetched: its last day counts as whole even "
            "if it had not ended. It has lost its metadata (as in pandas' concat and merge, or in "
            "CSV): df.attrs = fetched.attrs",
            PeriodWarning,
        )


def _warn_of_missing_days(missing: list[str], month: Period) -> None:
    if missing:
        named = word_days(missing)
        warn_user(
            f"the frame lacks {len(missing)} days of the month {month.first:%Y-%m} ({named}): "
            "they are taken to have cost nothing. Fetch the month from its first day, and the "
            "weeks before it",
            PeriodWarning,
            each_time=True,
        )
