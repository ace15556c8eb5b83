"""Axes of days."""

from __future__ import annotations

from typing import Any, Final

from matplotlib import dates as untyped_dates
from matplotlib.axes import Axes

_FEW_DAYS: Final = 7
"""Days; a shorter axis has one tick per day, where automatic ticks would be hours."""

_dates: Any = untyped_dates  # matplotlib's functions for dates have no annotations


def to_date_number(days: Any) -> Any:
    """Convert days to the numbers of matplotlib's axes: days since 1970."""
    return _dates.date2num(days)


def format_date_axis(ax: Axes) -> None:
    """Set dates that do not overlap, and no hours between days."""
    first, last = ax.dataLim.intervalx
    span = last - first
    if span < _FEW_DAYS:
        locator = _dates.DayLocator()
    else:
        locator = _dates.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator))
    if span < 1:
        ax.set_xlim(first - 1, last + 1)
