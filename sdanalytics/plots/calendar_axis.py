"""The axes of a calendar: weeks or months along one, weekdays along the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.ticker import Formatter, Locator

from sdanalytics.plots.calendar_data import WEEKDAYS
from sdanalytics.plots.colors import caption_color

_MIN_DAYS_OF_LABEL: Final = 10
"""Days of a month that have room for its label."""
_MONTHS_PER_YEAR: Final = 12
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
        self._steps = steps or range(1, len(positions) + 1)
        self._offset = offset

    def __call__(self) -> Any:
        """Return the ticks, for the size that the axis has when it is drawn."""
        axis: Any = self.axis
        room = max(int(axis.get_tick_space()), 1)
        step = next(
            (step for step in self._steps if math.ceil(len(self._positions) / step) <= room),
            self._steps[-1],
        )
        numbers = np.arange(len(self._positions)) + self._offset
        return self._positions[numbers % step == 0]

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return all positions, whatever the limits are."""
        return self._positions


class WeekdayFormatter(Formatter):
    """Names of weekdays, or their first letters where these have no room."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the name of one day."""
        return WEEKDAYS[round(value)]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the names of all days, or their first letters."""
        axis: Any = self.axis
        names = [WEEKDAYS[round(value)] for value in values]
        if axis.axis_name == "x" and axis.get_tick_space() < len(WEEKDAYS):
            return [name[0] for name in names]
        return names


class DayFormatter(Formatter):
    """Labels of days at positions in a row, the first of each year with the year.

    Parameters
    ----------
    days : mapping of float to datetime
    has_day : bool
        Whether the number of the day is told, not only its month.
    separator : str
        Between day and year.
    """

    def __init__(
        self, days: dict[float, pd.Timestamp], *, has_day: bool, separator: str = " "
    ) -> None:
        self._days = days
        self._has_day = has_day
        self._separator = separator

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the label of one day."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks; years only if there are several, or no days."""
        is_of_years = len({day.year for day in self._days.values()}) > 1
        labels = []
        last_year = 0
        for value in values:
            day = self._days[float(value)]
            label = f"{day.day} {day:%b}" if self._has_day else f"{day:%b}"
            if day.year != last_year and (is_of_years or not self._has_day):
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
        days = dict(zip(map(float, range(len(mondays))), mondays, strict=True))
        ax.yaxis.set_major_locator(ThinnedLocator(list(days)))
        ax.yaxis.set_major_formatter(DayFormatter(days, has_day=True))
        ax.set_ylabel("week of")
    weekday_axis.set_major_locator(_WeekdayLocator())
    weekday_axis.set_major_formatter(WeekdayFormatter())


class _WeekdayLocator(Locator):
    """All weekdays, or every second where these have no room one above the other."""

    def __call__(self) -> Any:
        """Return the ticks, for the size that the axis has when it is drawn."""
        axis: Any = self.axis
        is_narrow = axis.axis_name == "y" and 2 * axis.get_tick_space() < len(WEEKDAYS)
        return np.arange(0, len(WEEKDAYS), 2 if is_narrow else 1)


def _label_months(axis: Axis, mondays: pd.DatetimeIndex) -> None:
    days = _expand_weeks(mondays).ravel()
    weeks = np.repeat(np.arange(len(mondays)), len(WEEKDAYS))
    months = pd.DatetimeIndex(days).to_period("M")
    groups = pd.Series(weeks).groupby(months)
    middles = groups.mean()[groups.size() >= _MIN_DAYS_OF_LABEL]
    first_days = pd.PeriodIndex(middles.index).to_timestamp()
    positions = dict(zip(middles.tolist(), first_days, strict=True))
    first = first_days[0]
    steps = (1, 2, 3, 6, _MONTHS_PER_YEAR)
    axis.set_major_locator(ThinnedLocator(list(positions), steps, offset=first.month - 1))
    axis.set_major_formatter(DayFormatter(positions, has_day=False, separator="\n"))


def _expand_weeks(mondays: pd.DatetimeIndex) -> npt.NDArray[np.datetime64]:
    """Return the days of weeks: a row per week, a column per weekday."""
    weekdays = np.arange(len(WEEKDAYS)) * np.timedelta64(1, "D")
    days: npt.NDArray[np.datetime64] = mondays.to_numpy()[:, None] + weekdays
    return days


def draw_month_lines(ax: Axes, weeks: pd.DataFrame, *, is_horizontal: bool) -> None:
    """Draw a line between the days of one month and the next, from the first to the last week."""
    mondays = pd.DatetimeIndex(weeks.index)
    period = "M" if len(mondays) <= _MAX_WEEKS_WITH_MONTHS else "Y"
    months = _expand_weeks(mondays).astype(f"datetime64[{period}]").astype("int64")
    has_value = weeks.notna().to_numpy().ravel()
    positions = np.flatnonzero(has_value)
    is_within = np.zeros(has_value.shape, dtype="bool")
    is_within[positions[0] : positions[-1] + 1] = True
    months = np.where(is_within.reshape(months.shape), months, -1)
    lines = [*_find_borders(months), *_turn(_find_borders(months.T))]
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


def _find_borders(months: npt.NDArray[np.int64]) -> list[list[tuple[float, float]]]:
    """Return lines, of column and row, between columns that are of two months; -1 is none."""
    before, after = months[:, :-1], months[:, 1:]
    is_border = (before != after) & (before >= 0) & (after >= 0)
    lines = []
    for row, column in np.argwhere(is_border).tolist():
        x = column + 0.5
        lines.append([(x, row - 0.5), (x, row + 0.5)])
    return lines


def _turn(lines: list[list[tuple[float, float]]]) -> list[list[tuple[float, float]]]:
    """Return lines with columns and rows swapped."""
    return [[(y, x) for x, y in line] for line in lines]
