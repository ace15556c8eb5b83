"""Axes of days: ticks on days that have data, with the year below the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib import dates as untyped_dates
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter, Locator

_TICK_ROOM: Final = 0.65
"""Ticks that have room where matplotlib counts one: it counts with labels of three letters."""
_MAX_TICKS: Final = 9
_DAY_STEPS: Final = (1, 2, 7, 14)
"""Days between ticks, from the first day on: weeks keep their weekday."""
_FOUR_WEEKS: Final = 28
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120)

_dates: Any = untyped_dates  # matplotlib's functions for dates have no annotations


def to_date_number(days: Any) -> Any:
    """Convert days to the numbers of matplotlib's axes: days since 1970."""
    return _dates.date2num(days)


def format_date_axis(ax: Axes, days: pd.DatetimeIndex | None = None) -> None:
    """Set dates that do not overlap: no hours between days, and no days without data.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    days : pandas.DatetimeIndex, optional
        Those that have data; by default all days between the limits of what is drawn. Those that
        are weeks or longer periods apart have ticks of their own.
    """
    first, last = ax.dataLim.intervalx
    if days is not None:
        first, last = to_date_number(days[[0, -1]])
    locator: Locator = _DateLocator(math.ceil(first), math.floor(last))
    if days is not None and _are_apart(days):
        locator = _PeriodLocator(to_date_number(days))
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(_DateFormatter())
    if last - first < 1:
        ax.set_xlim(first - 1, last + 1)


def _are_apart(days: pd.DatetimeIndex) -> bool:
    """Return whether days are the names of longer periods."""
    gaps = days[1:] - days[:-1]
    if len(gaps) == 0:
        return False
    return bool(gaps[0] > pd.Timedelta(days=1))


class _PeriodLocator(Locator):
    """Ticks at the days that name weeks, months and the like, as many as there is room for."""

    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers

    def __call__(self) -> Any:
        """Return the ticks, for the size and limits that the axis has when it is drawn."""
        return self._choose_ticks(_count_room(self.axis))

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks of an axis with much room."""
        return self._choose_ticks(_MAX_TICKS)

    def _choose_ticks(self, max_count: int) -> Any:
        step = math.ceil(len(self._numbers) / max_count)
        return self._numbers[::step]


class _DateLocator(Locator):
    """Ticks a number of days or months apart, as many as there is room for.

    Parameters
    ----------
    first, last : int
        The first and last day with data, in days since 1970: no tick is before or after.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._last = last

    def __call__(self) -> Any:
        """Return the ticks, for the size and limits that the axis has when it is drawn."""
        axis: Any = self.axis
        low, high = sorted(axis.get_view_interval())
        return self._choose_ticks(
            low,
            high,
            _count_room(axis),
        )

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two days, for an axis with much room."""
        return self._choose_ticks(vmin, vmax, _MAX_TICKS)

    def _choose_ticks(self, low: float, high: float, max_count: int) -> Any:
        first = max(math.ceil(low), self._first)
        last = min(math.floor(high), self._last)
        return _list_ticks(first, last, max_count)


@lru_cache(maxsize=64)  # matplotlib asks for the ticks many times while it draws
def _list_ticks(first: int, last: int, max_count: int) -> Any:
    """Return ticks between two days: some days, weeks, months or years apart."""
    for step in _DAY_STEPS:
        ticks = np.arange(first, last + 1, step)
        if len(ticks) <= max_count:
            return ticks
    for step in _MONTH_STEPS:
        ticks = _list_month_starts(first, last, step)
        if len(ticks) <= max_count:
            break
    has_too_few = len(ticks) < 2
    if has_too_few:
        step = max(_FOUR_WEEKS, (last - first) // max_count)
        return np.arange(first, last + 1, step)
    return ticks


def _count_room(axis: Any) -> int:
    """Return how many ticks an axis has room for."""
    room = int(_TICK_ROOM * axis.get_tick_space())
    return min(max(room, 2), _MAX_TICKS)


def _list_month_starts(first: int, last: int, step: int) -> Any:
    """Return the first days of every so many months, counted from January."""
    span = pd.date_range(
        _to_day(first),
        _to_day(last),
        freq="MS",
    )
    months_since_zero = span.year * 12 + span.month - 1
    return to_date_number(span[months_since_zero % step == 0])


def _to_day(number: float) -> pd.Timestamp:
    return pd.Timestamp(math.floor(number), unit="D")


class _DateFormatter(Formatter):
    """Days as "5 Oct", 12, 19: months and years where they begin, the year below."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """Format a single tick, or the place of the mouse."""
        day = _to_day(value)
        return f"{day.day} {day:%b %Y}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Format all ticks of an axis."""
        days = [_to_day(value) for value in values]
        numbers = {day.day for day in days}
        are_months = len(days) > 1 and numbers == {1}
        labels = []
        previous: pd.Timestamp | None = None
        for day in days:
            label = _format_day(day, previous)
            if are_months:
                label = f"{day:%b}"
            if previous is None or day.year != previous.year:
                label = f"{label}\n{day:%Y}"
            labels.append(label)
            previous = day
        return labels


def _format_day(day: pd.Timestamp, previous: pd.Timestamp | None) -> str:
    is_same_month = previous is not None and day.month == previous.month
    if is_same_month:
        return f"{day.day}"
    return f"{day.day} {day:%b}"
