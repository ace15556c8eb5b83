"""The axes of a calendar: weeks or months along one, weekdays along the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.ticker import Formatter, Locator

from sdanalytics.analysis.row_groups import IntArray
from sdanalytics.plots.calendar_data import WEEKDAYS
from sdanalytics.plots.colors import caption_color

_Line: TypeAlias = list[tuple[float, float]]
"""Points of column and row."""

_MIN_DAYS_OF_LABEL: Final = 10
"""Days of a month that have room for its label."""
_MONTH_STEPS: Final = (1, 2, 3, 6, 12)
"""Months that a label may stand for: January always has one."""
_MAX_WEEKS_WITH_MONTHS: Final = 160
"""A calendar of more weeks has lines between years instead of months."""
_LINE_WIDTH: Final = 1.2
_LINE_ZORDER: Final = 1.8
"""Above the gaps between cells, below the numbers."""


class ThinnedLocator(Locator):
    """Ticks at positions in a row: all that the axis has room for when it is drawn.

    Parameters
    ----------
    positions : sequence of float
    steps : sequence of int, optional
        How many positions a tick may stand for; any number by default.
    offset : int
        The number of positions before the first, which decides where every second or third is.
    """

    def __init__(
        self, positions: Sequence[float], steps: Sequence[int] | None = None, offset: int = 0
    ) -> None:
        self._positions = np.asarray(positions, dtype="float64")
        all_steps = range(1, len(positions) + 1)
        self._steps = steps or all_steps
        self._offset = offset

    def __call__(self) -> Any:
        """Return the ticks, for the size that the axis has when it is drawn."""
        axis: Any = self.axis
        room = axis.get_tick_space()
        step = self._choose_step(room)
        numbers = np.arange(len(self._positions))
        shifted = numbers + self._offset
        is_shown = shifted % step == 0
        return self._positions[is_shown]

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return all positions, whatever the limits are."""
        return self._positions

    def _choose_step(self, room: float) -> int:
        """Return the smallest step with no more ticks than there is room for."""
        count = len(self._positions)
        for step in self._steps:
            tick_count = math.ceil(count / step)
            if tick_count <= room:
                return step
        return self._steps[-1]


class WeekdayFormatter(Formatter):
    """Names of weekdays, or their first letters where these have no room."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the name of one day."""
        return WEEKDAYS[round(value)]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the names of all days, or their first letters."""
        axis: Any = self.axis
        names = list(map(self, values))
        if axis.axis_name == "y":
            return names
        room = axis.get_tick_space()
        if room >= len(WEEKDAYS):
            return names
        return [name[0] for name in names]


class DayFormatter(Formatter):
    """Labels of days at positions in a row, the first of each year with the year.

    Parameters
    ----------
    days : mapping of position to datetime
    has_day : bool
        Whether the number of the day is told, not only its month.
    separator : str
        Between day and year.
    """

    def __init__(
        self, days: Mapping[Any, pd.Timestamp], *, has_day: bool, separator: str = " "
    ) -> None:
        self._days = days
        self._has_day = has_day
        self._separator = separator
        years = {day.year for day in days.values()}
        self._has_years = not has_day or len(years) > 1

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the label of one day."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks; years only if there are several, or no days."""
        labels = []
        last_year = 0
        for value in values:
            day = self._days[value]
            label = f"{day:%b}"
            if self._has_day:
                label = f"{day.day} {label}"
            if self._has_years and day.year != last_year:
                label = f"{label}{self._separator}{day.year}"
            last_year = day.year
            labels.append(label)
        return labels


def label_calendar(ax: Axes, mondays: pd.DatetimeIndex, *, is_horizontal: bool) -> None:
    """Label weekdays, and the weeks by their Mondays, or by their months if they are columns."""
    weekday_axis: Axis = ax.xaxis
    if is_horizontal:
        weekday_axis = ax.yaxis
        _label_months(ax.xaxis, mondays)
    else:
        days = dict(enumerate(mondays))
        locator = ThinnedLocator(list(days))
        formatter = DayFormatter(days, has_day=True)
        ax.yaxis.set_major_locator(locator)
        ax.yaxis.set_major_formatter(formatter)
        ax.set_ylabel("week of")
    weekday_axis.set_major_locator(_WeekdayLocator())
    weekday_axis.set_major_formatter(WeekdayFormatter())


class _WeekdayLocator(Locator):
    """All weekdays, or every second where these have no room one above the other."""

    def __call__(self) -> Any:
        """Return the ticks, for the size that the axis has when it is drawn."""
        axis: Any = self.axis
        room = axis.get_tick_space()
        is_low = axis.axis_name == "y" and 2 * room < len(WEEKDAYS)
        step = 2 if is_low else 1
        return np.arange(0, len(WEEKDAYS), step)


def _label_months(axis: Axis, mondays: pd.DatetimeIndex) -> None:
    """Label the middle of each month that has room for it; the first of each year has the year."""
    table = _expand_weeks(mondays)
    days = pd.DatetimeIndex(table.ravel())
    months = days.to_period("M")
    numbers = np.arange(len(mondays))
    weeks = pd.Series(np.repeat(numbers, len(WEEKDAYS)))
    groups = weeks.groupby(months)
    means = groups.mean()
    has_room = groups.size() >= _MIN_DAYS_OF_LABEL
    middles = means[has_room]
    labelled = pd.PeriodIndex(middles.index)
    first_days = labelled.to_timestamp()
    positions = dict(zip(middles.tolist(), first_days, strict=True))
    first = first_days[0]
    locator = ThinnedLocator(
        list(positions),
        steps=_MONTH_STEPS,
        offset=first.month - 1,
    )
    formatter = DayFormatter(
        positions,
        has_day=False,
        separator="\n",
    )
    axis.set_major_locator(locator)
    axis.set_major_formatter(formatter)


def _expand_weeks(mondays: pd.DatetimeIndex) -> npt.NDArray[np.datetime64]:
    """Return the days of weeks: a row per week, a column per weekday."""
    numbers = np.arange(len(WEEKDAYS))
    weekdays = numbers * np.timedelta64(1, "D")
    columns = mondays.to_numpy()[:, None]
    days: npt.NDArray[np.datetime64] = columns + weekdays
    return days


def draw_month_lines(ax: Axes, weeks: pd.DataFrame, *, is_horizontal: bool) -> None:
    """Draw a line between the days of one month and the next, from the first to the last week."""
    months = _number_months(weeks)
    upright = _find_borders(months)
    level = _find_borders(months.T)
    lines = upright + _turn(level)
    if is_horizontal:
        lines = _turn(lines)
    drawn = LineCollection(
        lines,
        colors=caption_color(ax),
        linewidths=_LINE_WIDTH,
        capstyle="projecting",
        zorder=_LINE_ZORDER,
    )
    ax.add_collection(drawn, autolim=False)


def _number_months(weeks: pd.DataFrame) -> IntArray:
    """Return the number of each day's month, or of its year if there are many; -1 outside."""
    mondays = pd.DatetimeIndex(weeks.index)
    period = "M"
    if len(mondays) > _MAX_WEEKS_WITH_MONTHS:
        period = "Y"
    days = _expand_weeks(mondays)
    months = days.astype(f"datetime64[{period}]")
    numbers = months.astype("int64")
    has_value = weeks.notna().to_numpy()
    drawn_days = days[has_value]
    is_before = days < drawn_days.min()
    is_after = days > drawn_days.max()
    numbers[is_before | is_after] = -1
    return numbers


def _find_borders(months: IntArray) -> list[_Line]:
    """Return lines, of column and row, between columns that are of two months; -1 is none."""
    before = months[:, :-1]
    after = months[:, 1:]
    is_other = before != after
    has_both = (before >= 0) & (after >= 0)
    is_border = is_other & has_both
    lines = []
    for row, column in np.argwhere(is_border).tolist():
        x = column + 0.5
        start = (x, row - 0.5)
        end = (x, row + 0.5)
        lines.append([start, end])
    return lines


def _turn(lines: list[_Line]) -> list[_Line]:
    """Return lines with columns and rows swapped."""
    turned = []
    for line in lines:
        points = [(y, x) for x, y in line]
        turned.append(points)
    return turned
