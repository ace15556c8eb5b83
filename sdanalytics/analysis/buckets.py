"""Buckets of days: how many days of the frame each has, and whether it is whole."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.row_groups import Buckets

DAYS: Final = "days"
"""The column of a summary with the number of the frame's days in each bucket."""
IS_WHOLE: Final = "is_whole"
"""The column that tells whether these are all days of the bucket."""
_NAMED_BY_LAST_DAY: Final = ("W", "ME", "QE", "YE", "BME", "BQE", "BYE")
"""Frequencies of pandas: their periods are named by the last day, all others by the first."""


def is_named_by_last_day(freq: str) -> bool:
    """Return whether the periods of a frequency are named by their last day."""
    offset = pd.tseries.frequencies.to_offset(freq)
    if offset is None:
        return False
    name, _, _ = offset.rule_code.partition("-")
    return name in _NAMED_BY_LAST_DAY


def find_span(
    first: pd.Timestamp, last: pd.Timestamp, freq: str
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first day of the first bucket and the last day of the last one."""
    offset: Any = pd.tseries.frequencies.to_offset(freq)
    day = pd.Timedelta(days=1)
    if is_named_by_last_day(freq):
        return first - offset + day, last
    return first, last + offset - day


def count_days(df: pd.DataFrame, buckets: Buckets, freq: str) -> pd.DataFrame | None:
    """Return the days of each bucket that the frame has rows of; None for buckets of a day.

    Parameters
    ----------
    df : pandas.DataFrame
        With a column `date`. If it is a summary by longer buckets, its column `days` is added up.
    buckets : Buckets
        Of its dates.
    freq : str

    Returns
    -------
    pandas.DataFrame or None
        `days` (Int64) and `is_whole` (bool), by the number of the bucket.
    """
    lengths = _bucket_lengths(buckets.names, freq)
    if (lengths <= 1).all():
        return None
    weights = None
    if has_days(df):
        by_date = days_by_date(df).set_index("date")
        weights = by_date.loc[buckets.days, DAYS].to_numpy()
    found = np.bincount(
        buckets.day_codes,
        weights=weights,
        minlength=len(lengths),
    )
    counts = pd.array(found.astype("int64"), dtype="Int64")
    is_whole = found >= lengths
    return pd.DataFrame({DAYS: counts, IS_WHOLE: is_whole})


def has_days(df: pd.DataFrame) -> bool:
    """Return whether a frame is a summary by buckets that are longer than a day."""
    return DAYS in df and IS_WHOLE in df


def days_by_date(df: pd.DataFrame) -> pd.DataFrame:
    """Return each date of a frame with the days that its rows are of: 1, except in summaries."""
    if has_days(df):
        dates = df[["date", DAYS]].drop_duplicates("date")
        return dates.astype({DAYS: "int64"})
    days = df["date"].dropna().unique()
    return pd.DataFrame({"date": days, DAYS: 1})


def _bucket_lengths(names: pd.DatetimeIndex, freq: str) -> Any:
    """Return the number of days from one bucket to the next."""
    offset = pd.tseries.frequencies.to_offset(freq)
    neighbours = names + offset
    if is_named_by_last_day(freq):
        neighbours = names - offset
    lengths = (neighbours - names).to_numpy()
    return np.abs(lengths) / np.timedelta64(1, "D")
