"""The table behind the figure `coverage`: the state of each day of each report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from sdanalytics.analysis.validation import validate_columns, validate_frame
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.partition import COVERAGE_STATES, PARTITION_KEYS

SERIES_KEYS: Final = list(PARTITION_KEYS[:-1])
"""The columns that name a series: the partitions of all days of a report and tactic."""
_PROFILE_KEYS: Final = ("profile_id", "source")
_REQUIRED_COLUMNS: Final = (*SERIES_KEYS, "date", "state", "is_due")
_CODE_BY_STATE: Final = {state: code for code, state in enumerate(COVERAGE_STATES)}
_HINT: Final = "pass the frame that ReportCache.coverage() returns, of one cache"


@runtime_checkable
class HasCoverage(Protocol):
    """Anything that knows which days are stored, such as a `ReportCache`."""

    def coverage(self) -> pd.DataFrame:
        """Return the state of each day: one row per partition."""


@dataclass(frozen=True)
class CoverageMatrix:
    """The cells of a coverage: one row per series, one column per day.

    Attributes
    ----------
    states : pandas.DataFrame
        The indexes of the states in `COVERAGE_STATES`, NaN for days without a state.
    is_due : pandas.DataFrame
        As booleans: whether the next fetch requests the day.
    names : list of str
        The names of the rows.
    group_starts : list of int
        The first rows of each source and profile, if there are several.
    """

    states: pd.DataFrame
    is_due: pd.DataFrame
    names: list[str]
    group_starts: list[int]


def coverage_matrix(data: object) -> CoverageMatrix:
    """Arrange a coverage as a matrix, with the rows in the order of the frame."""
    frame = _coverage_frame(data)
    _validate_coverage_columns(frame)
    cells = _parse_cells(frame)
    series = cells[SERIES_KEYS].drop_duplicates(ignore_index=True)
    is_group_start = _find_group_starts(series)
    group_starts = series.index[is_group_start]
    is_due = _pivot_days(cells, series, "is_due")
    return CoverageMatrix(
        states=_pivot_days(cells, series, "state"),
        is_due=is_due.eq(True),
        names=_series_names(series, is_group_start),
        group_starts=group_starts.tolist(),
    )


def _coverage_frame(data: object) -> pd.DataFrame:
    # A DataFrame with a column named coverage has that attribute, too.
    is_frame_or_class = isinstance(data, pd.DataFrame | type)
    if not is_frame_or_class and isinstance(data, HasCoverage):
        data = data.coverage()
    return validate_frame(data)


def _validate_coverage_columns(frame: pd.DataFrame) -> None:
    missing = []
    for name in _REQUIRED_COLUMNS:
        if name not in frame:
            missing.append(name)
    if missing:
        names = ", ".join(missing)
        raise InvalidRequest(f"the frame has no column {names}; {_HINT}")
    validate_columns(frame, ["date"])


def _parse_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are drawn, with each state as a number."""
    cells = frame[SERIES_KEYS].astype("str")
    cells = cells.fillna("")
    states = frame["state"].astype("str")
    cells["date"] = frame["date"]
    cells["state"] = states.map(_CODE_BY_STATE)
    cells["is_due"] = frame["is_due"]
    is_missing = cells.isna()
    is_incomplete = is_missing.any(axis=None)
    is_repeated = cells.duplicated([*SERIES_KEYS, "date"])
    if is_incomplete or is_repeated.any():
        states_text = ", ".join(COVERAGE_STATES)
        raise InvalidRequest(
            f"each day of a report and tactic must have one state of {states_text}; {_HINT}"
        )
    return cells.astype({"is_due": "bool"})


def _pivot_days(cells: pd.DataFrame, series: pd.DataFrame, column: str) -> pd.DataFrame:
    """Arrange a column as one row per series and one column per day, missing days included."""
    days = pd.DatetimeIndex(cells["date"])
    if len(days):
        first = days.min()
        last = days.max()
        days = pd.date_range(first, last)
    table = cells.pivot(index=SERIES_KEYS, columns="date", values=column)
    rows = pd.MultiIndex.from_frame(series)
    return table.reindex(rows, columns=days)


def _find_group_starts(series: pd.DataFrame) -> pd.Series[bool]:
    """Find the rows with another source or profile than the row before."""
    keys = _varying_keys(series)
    profiles = series[keys]
    is_different = profiles != profiles.shift()
    return is_different.any(axis="columns")


def _series_names(series: pd.DataFrame, is_group_start: pd.Series[bool]) -> list[str]:
    """Name rows by report and tactic, and the first of a group by source and profile, too."""
    segments = series["segment"]
    suffixes = "+" + segments
    suffixes = suffixes.where(segments != "", "")
    reports = series["record_type"] + suffixes
    tactics = " " + series["tactic"]
    names = reports + tactics
    for key in _varying_keys(series):
        prefixes = series[key] + " "
        longer_names = prefixes + names
        names = names.where(~is_group_start, longer_names)
    return names.tolist()


def _varying_keys(series: pd.DataFrame) -> list[str]:
    """Return the keys of a profile that differ between rows."""
    keys = []
    for key in _PROFILE_KEYS:
        count = series[key].nunique()
        if count > 1:
            keys.append(key)
    return keys


def tidy_coverage(data: object) -> pd.DataFrame:
    """Return the cells of `coverage` as a table: `name` of the row, `date`, `state`, `is_due`."""
    matrix = coverage_matrix(data)
    codes = matrix.states.to_numpy("float64")
    is_due = matrix.is_due.to_numpy("bool")
    rows, columns = np.nonzero(~np.isnan(codes))
    states = pd.Series(COVERAGE_STATES, dtype="str")
    names = pd.Series(matrix.names, dtype="str")
    drawn_codes = codes[rows, columns].astype("int64")
    return pd.DataFrame(
        {
            "name": names.take(rows).array,
            "date": matrix.states.columns.take(columns),
            "state": states.take(drawn_codes).array,
            "is_due": is_due[rows, columns],
        }
    )
