"""The ages of a frame's rows: how old each day was when it was fetched."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import IntArray
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.profile_entries import FETCHED_ON

SETTLED_AGE: Final = 1_000
"""The age of days that are not among those runs, which nothing can change."""


def find_row_ages(df: pd.DataFrame) -> IntArray:
    """Return the age of each row's day when it was fetched.

    Parameters
    ----------
    df : pandas.DataFrame
        One that `ensure_ages_known` accepts.

    Returns
    -------
    numpy.ndarray of int64
        The whole days from the end of the day to the date on which it was fetched; -1 for a day
        that had not ended, `SETTLED_AGE` for days without a known date of fetch, and without a day.
    """
    codes, days = pd.factorize(df["date"])
    runs = frame_metadata(df)[FETCHED_ON]
    ages = _find_ages(pd.DatetimeIndex(days), runs)
    # The last entry is that of the code -1, which missing days have.
    ages = np.append(ages, SETTLED_AGE)
    return ages[codes]


def ensure_ages_known(df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` when a frame does not tell how old its days were.

    It must have a row for each day, and the metadata that tells when they were fetched.
    """
    metadata = frame_metadata(df)
    freq = metadata.get("freq")
    if freq not in (None, "D"):
        raise InvalidRequest(
            f"the rows must be of single days, got a summary by {freq!r}: pass the frame that "
            "was fetched, with freq= and final= together"
        )
    validate_columns(df, ["date"])
    if FETCHED_ON not in metadata:
        raise InvalidRequest(
            "the frame does not tell when its days were fetched: it has lost its metadata (as in "
            "pandas' concat and merge, or in CSV). Copy it from the frame that was fetched: "
            "df.attrs = fetched.attrs"
        )


def _find_ages(days: pd.DatetimeIndex, runs: list[list[str]]) -> IntArray:
    """Return the ages of days by the runs that have them."""
    ages = np.full(len(days), SETTLED_AGE, dtype="int64")
    numbers = days.to_numpy().astype("datetime64[D]")
    for run in runs:
        first, last, fetched_on = map(np.datetime64, map(date.fromisoformat, run))
        is_inside = (numbers >= first) & (numbers <= last)
        elapsed = fetched_on - numbers[is_inside]
        ages[is_inside] = elapsed.astype("int64") - 1
    return ages
