"""The periods of a comparison: their rows, and all that makes them hard to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.attribution_break import find_broken_metrics
from sdanalytics.analysis.buckets import DAYS, days_by_date, is_named_by_last_day
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest, PeriodWarning
from sdanalytics.model.query import DateLike, parse_day
from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED

_MAX_NAMED_DAYS: Final = 3


@dataclass(frozen=True)
class Period:
    """A period of days, both ends included."""

    name: str
    first: date
    last: date

    @property
    def length(self) -> int:
        """The number of its days."""
        difference = self.last - self.first
        return difference.days + 1

    def find_rows(self, dates: pd.Series[Any]) -> BoolArray:
        """Return whether each date is in the period."""
        days = dates.to_numpy()
        is_inside: BoolArray = days >= np.datetime64(self.first)
        is_inside &= days <= np.datetime64(self.last)
        return is_inside


def parse_period(period: tuple[DateLike, DateLike], name: str) -> Period:
    """Return a period of a pair of days.

    Raises
    ------
    InvalidRequest
        When it is no pair of days, or ends before it begins.
    """
    is_sequence = isinstance(period, Sequence) and not isinstance(period, str)
    if not is_sequence or len(period) != 2:
        raise InvalidRequest(f"{name} must be a pair of days (first, last), got {period!r}")
    first = parse_day(name, period[0])
    last = parse_day(name, period[1])
    if last < first:
        raise InvalidRequest(
            f"{name} must end on or after its first day, got {first} to {last}: swap the two"
        )
    return Period(name, first, last)


def select_periods(df: pd.DataFrame, periods: Sequence[Period]) -> pd.DataFrame:
    """Return the rows of any of the periods, each of which must have some."""
    validate_columns(df, ["date"])
    is_selected = np.zeros(len(df), dtype="bool")
    for period in periods:
        is_inside = period.find_rows(df["date"])
        if not is_inside.any():
            raise InvalidRequest(
                f"the frame has no row from {period.first} to {period.last} ({period.name})"
            )
        is_selected |= is_inside
    return _take_rows(df, is_selected)


def select_period(df: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Return the rows of a period."""
    is_inside = period.find_rows(df["date"])
    return _take_rows(df, is_inside)


def _take_rows(df: pd.DataFrame, is_selected: BoolArray) -> pd.DataFrame:
    """Return rows; of a sorted frame, where they are one block, without a copy."""
    positions = np.flatnonzero(is_selected)
    first, last = positions[[0, -1]]
    if last - first + 1 == len(positions):
        return df.iloc[first : last + 1]
    return df.iloc[positions]


def describe_period(df: pd.DataFrame, period: Period) -> dict[str, Any]:
    """Return a period for the metadata: its ends, its days, and those that the frame has."""
    rows = select_period(df, period)
    by_date = days_by_date(rows)
    days = by_date[DAYS].sum()
    return {
        "start": period.first.isoformat(),
        "end": period.last.isoformat(),
        "length": period.length,
        "days": int(days),
    }


def warn_of_periods(df: pd.DataFrame, period_a: Period, period_b: Period) -> None:
    """Warn of periods that cannot be compared as they are: one warning for all reasons."""
    reasons = []
    if period_a.length != period_b.length:
        reasons.append(f"they have {period_a.length} and {period_b.length} days")
    is_backwards = period_b.last < period_a.first
    is_forwards = period_a.last < period_b.first
    if not is_backwards and not is_forwards:
        reasons.append("they overlap")
    elif is_backwards:
        reasons.append("period_b is before period_a, so that changes go back in time")
    for period in (period_a, period_b):
        missing = _find_missing_days(df, period)
        if missing:
            days = word_days(missing)
            reasons.append(
                f"the frame lacks {len(missing)} of the {period.length} days of {period.name} "
                f"({days})"
            )
    if reasons:
        all_reasons = "; ".join(reasons)
        warn_user(
            f"the periods are compared as asked, but {all_reasons}",
            PeriodWarning,
            each_time=True,
        )


def warn_of_broken_metrics(both: pd.DataFrame, metrics: Sequence[str]) -> None:
    """Warn when metrics of the rows of both periods are counted by two models."""
    broken = find_broken_metrics(both, metrics)
    if broken:
        names = ", ".join(broken)
        warn_user(
            f"from {VIEW_ATTRIBUTION_CHANGED} on Amazon attributes results of vCPM campaigns to "
            f"views by another model, and the periods have days of both: {names} may differ for "
            "that reason alone. Results by click (attributed...) can be compared, and so can those "
            "of all views (allViewsSales, ...), which version 1 of the API has",
            PeriodWarning,
            each_time=True,
        )


def _find_missing_days(df: pd.DataFrame, period: Period) -> list[date]:
    """Return the days of a period that no row of the frame is of."""
    found = _days_with_rows(df)
    missing = []
    for number in range(period.length):
        day = period.first + timedelta(number)
        if day not in found:
            missing.append(day)
    return missing


def _days_with_rows(df: pd.DataFrame) -> set[date]:
    """Return the days of a frame; of a summary by longer buckets all days of each."""
    known_dates = df["date"].dropna()
    dates = pd.DatetimeIndex(known_dates.unique())
    metadata = frame_metadata(df)
    freq = metadata.get("freq")
    offset = pd.tseries.frequencies.to_offset(freq)
    found = set(dates.date)
    if offset is None or DAYS not in df:
        return found
    is_last_day = is_named_by_last_day(str(freq))
    for day in dates:
        if is_last_day:
            first = day - offset + timedelta(1)
            end = day + timedelta(1)
        else:
            first = day
            end = day + offset
        bucket = pd.date_range(first, end, inclusive="left")
        found.update(bucket.date)
    return found


def word_days(days: Sequence[object]) -> str:
    """Return the first of some days as text."""
    first_days = map(str, days[:_MAX_NAMED_DAYS])
    named = ", ".join(first_days)
    if len(days) > _MAX_NAMED_DAYS:
        return f"{named}, ..."
    return named
