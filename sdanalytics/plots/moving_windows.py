"""Moving windows of days: each point is of the days up to it, ratios are of their sums."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.buckets import has_days
from sdanalytics.analysis.kpi_definitions import KPIS, is_additive, is_catalogued
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.rates import RATES

WINDOW_COLUMN: Final = "_window"
"""The column with the last day of the window that a row is part of."""


def validate_smooth(data: pd.DataFrame, metric: str, smooth: object) -> None:
    """Raise `InvalidRequest` unless windows of so many days can be made of a metric.

    Parameters
    ----------
    data : pandas.DataFrame
        Must be of single days.
    metric : str
        Must be one that can be added up, or a ratio of such.
    smooth : object
        Must be a whole number above 1, or None: no windows.
    """
    if smooth is None:
        return
    is_number = isinstance(smooth, int | np.integer) and not isinstance(smooth, bool)
    if not is_number or smooth < 2:  # type: ignore[operator]
        raise InvalidRequest(f"smooth must be a whole number of days above 1, got {smooth!r}")
    freq = frame_metadata(data).get("freq")
    if freq not in (None, "D") or has_days(data):
        raise InvalidRequest(
            f"smooth= needs rows of single days, got a summary by {freq or 'longer periods'}: pass "
            "the frame that was fetched, or leave out smooth="
        )
    if not has_sums(metric):
        raise InvalidRequest(
            f"smooth= needs a metric that can be added up, or a ratio of such, got {metric!r}: "
            "leave it out"
        )


def has_sums(metric: str) -> bool:
    """Return whether a metric of several days is a sum, or a ratio of sums."""
    is_added_up = is_additive(metric) or not is_catalogued(metric)
    return is_added_up or metric in KPIS or metric in RATES


def is_averaged(metric: str) -> bool:
    """Return whether a window has the average of its days rather than a ratio of sums."""
    return metric not in KPIS and metric not in RATES


def spread_over_windows(rows: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return each row once for each window that it is part of, with the column `WINDOW_COLUMN`.

    There is a window for each day that has rows, except for those of which the frame does not have
    the days before.
    """
    days = pd.DatetimeIndex(rows["date"].dropna().unique())
    copies = []
    for lag in range(size):
        last_days = rows["date"] + pd.Timedelta(days=lag)
        copies.append(rows.assign(**{WINDOW_COLUMN: last_days}))
    spread = pd.concat(copies, ignore_index=True)
    first = days.min() + pd.Timedelta(days=size - 1)
    is_whole = spread[WINDOW_COLUMN].isin(days) & (spread[WINDOW_COLUMN] >= first)
    windows: pd.DataFrame = spread[is_whole]
    windows.attrs = rows.attrs
    return windows


def count_window_days(rows: pd.DataFrame, windows: pd.Index, size: int) -> pd.Series:
    """Return how many days with rows each window has."""
    has_rows = pd.Series(
        1.0,
        index=pd.DatetimeIndex(rows["date"].dropna().unique()).sort_values(),
    )
    first = has_rows.index.min()
    last = has_rows.index.max()
    by_day = has_rows.reindex(
        pd.date_range(
            first,
            last,
            unit="s",
        ),
        fill_value=0.0,
    )
    return by_day.rolling(size).sum().reindex(windows)
