"""The data of the figure `calendar`: a metric by day, and what is known of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.final_columns import FINAL_SUFFIXES
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.expected_values import ExpectedValues, expect_values
from sdanalytics.plots.groups import GROUP_COLUMN
from sdanalytics.plots.plot_data import prepare
from sdanalytics.plots.restatement import find_first_open_day, is_conversion_metric

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
IS_OPEN: Final = "is_open"
"""The column that tells which days may still change."""


@dataclass(frozen=True)
class CalendarData:
    """The days of a calendar.

    Attributes
    ----------
    days : pandas.DataFrame
        One row per day: `date`, the reported metric, `is_open`, and with `final=` what is expected
        and its bounds.
    metric : str
    is_of_conversions : bool
        Whether open days lack conversions that are still arriving.
    is_final : bool
        Whether expected final values are drawn.
    is_from_snapshot : bool
        Whether these rest on a cross-section.
    """

    days: pd.DataFrame
    metric: str
    is_of_conversions: bool
    is_final: bool
    is_from_snapshot: bool

    @property
    def values(self) -> pd.Series[float]:
        """The value of each day as it is drawn: expected where that is known, else reported."""
        reported = self.days[self.metric]
        if not self.is_final:
            return reported
        return self.days[f"{self.metric}_final"].fillna(reported)

    @property
    def is_incomplete(self) -> BoolArray:
        """Whether the value of each day is not to be compared with others: results are missing."""
        is_open: BoolArray = self.days[IS_OPEN].to_numpy("bool")
        if self.is_final:
            finals = self.days[f"{self.metric}_final"]
            is_expected = finals.notna().to_numpy("bool")
            return is_open & ~is_expected
        if self.is_of_conversions:
            return is_open
        return np.zeros(len(is_open), dtype="bool")

    @property
    def is_marked(self) -> BoolArray:
        """Whether each day's value is complete, but may still change."""
        is_open: BoolArray = self.days[IS_OPEN].to_numpy("bool")
        return is_open & ~self.is_incomplete

    def arrange(self, values: object) -> pd.DataFrame:
        """Arrange values of the days: a row per week, named by its Monday, a column per weekday."""
        dates = self.days["date"]
        weekdays = dates.dt.day_of_week
        days_since_monday = pd.to_timedelta(weekdays, unit="D")
        mondays = dates - days_since_monday
        by_week = pd.DataFrame(
            {
                "monday": mondays,
                "weekday": weekdays,
                "value": values,
            }
        )
        cells = by_week.pivot(index="monday", columns="weekday", values="value")
        first = mondays.min()
        last = mondays.max()
        all_mondays = pd.date_range(first, last, freq="7D")
        all_weekdays = range(len(WEEKDAYS))
        cells = cells.reindex(index=all_mondays, columns=all_weekdays)
        return cells.set_axis(WEEKDAYS, axis="columns")


def calendar_data(data: pd.DataFrame, metric: str, final: FinalLike = None) -> CalendarData:
    """Compute a metric by day, and what it is expected to be when it is final."""
    data = prepare(data, [metric])
    _validate_daily(data)
    curve = resolve_curve(final, data)
    kept = []
    if curve is not None:
        kept = curve.keys.columns.tolist()
    rows = condense(data, [metric], ["date", *kept])
    days = aggregate(rows, [metric], "date")[["date", metric]]
    first_open_day = find_first_open_day(data, metric)
    days[IS_OPEN] = False
    if first_open_day is not None:
        days[IS_OPEN] = days["date"] >= first_open_day
    if curve is not None:
        one_group = rows.assign(**{GROUP_COLUMN: 0})
        reported = days.set_index("date")[[metric]].set_axis([0], axis="columns")
        finals = expect_values(one_group, metric, curve, reported, "date")
        days = _join_finals(days, metric, finals)
    return CalendarData(
        days=days,
        metric=metric,
        is_of_conversions=is_conversion_metric(metric),
        is_final=curve is not None,
        is_from_snapshot=curve is not None and curve.is_from_snapshot,
    )


def _join_finals(days: pd.DataFrame, metric: str, finals: ExpectedValues) -> pd.DataFrame:
    tables = (finals.expected, finals.low, finals.high)
    columns = {}
    for suffix, table in zip(FINAL_SUFFIXES, tables, strict=True):
        columns[f"{metric}{suffix}"] = table[0].to_numpy()
    return days.assign(**columns)


def _validate_daily(data: pd.DataFrame) -> None:
    validate_columns(data, ["date"])
    freq = frame_metadata(data).get("freq")
    if freq not in (None, "D"):
        raise InvalidRequest(
            f"a calendar needs daily rows, got a summary with freq={freq!r}; pass the frame of "
            "fetch_report, or summarize with freq='D'"
        )


def tidy_calendar(
    data: pd.DataFrame, metric: str = "cost", *, final: FinalLike = None
) -> pd.DataFrame:
    """Return the numbers of `calendar` as a table: `date`, the metric, `is_open`, final values."""
    return calendar_data(data, metric, final).days.reset_index(drop=True)
