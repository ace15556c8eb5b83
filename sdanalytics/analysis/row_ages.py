"""The ages of a frame's rows: how old each day was when it was fetched."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import IntArray
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.profile_facts import PROFILE_ID_COLUMN, PROFILES

FETCHED_ON: Final = "fetched_on"
"""The entry of a frame's metadata: runs of days that were fetched on one date."""
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
    metadata = frame_metadata(df)
    if FETCHED_ON in metadata:
        return _find_ages(df["date"], metadata[FETCHED_ON])
    # The days of each profile were fetched at their own time.
    ages = np.full(len(df), SETTLED_AGE, dtype="int64")
    codes, profile_ids = pd.factorize(df[PROFILE_ID_COLUMN])
    for code, profile_id in enumerate(profile_ids.tolist()):
        rows = np.flatnonzero(codes == code)
        runs = metadata[PROFILES].get(str(profile_id), {}).get(FETCHED_ON, [])
        ages[rows] = _find_ages(df["date"].iloc[rows], runs)
    return ages


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
    if metadata.get(PROFILES) is not None:
        validate_columns(df, [PROFILE_ID_COLUMN])
    elif FETCHED_ON not in metadata:
        raise InvalidRequest(
            "the frame does not tell when its days were fetched: it has lost its metadata (as in "
            "pandas' concat and merge, or in CSV). Copy it from the frame that was fetched: "
            "df.attrs = fetched.attrs"
        )


def _find_ages(dates: pd.Series[Any], runs: list[list[str]]) -> IntArray:
    """Return the ages of the days of rows by the runs that have them."""
    codes, days = pd.factorize(dates)
    ages = np.full(len(days), SETTLED_AGE, dtype="int64")
    numbers = pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]")
    for run in runs:
        first, last, fetched_on = map(np.datetime64, map(date.fromisoformat, run))
        is_inside = (numbers >= first) & (numbers <= last)
        elapsed = fetched_on - numbers[is_inside]
        ages[is_inside] = elapsed.astype("int64") - 1
    # The last entry is that of the code -1, which missing days have.
    ages = np.append(ages, SETTLED_AGE)
    return ages[codes]
