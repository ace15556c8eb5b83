"""The groups of a frame's rows: their keys, and the number of each row's group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]

_MAX_TABLE_SHARE: Final = 4
"""Pairs of numbers are counted in a table of up to this many times the rows; sorted beyond it."""
_MIN_TABLE_SIZE: Final = 100_000
_MIN_RUN: Final = 8
"""Rows of the same day after one another, on average, of which only the first is looked at."""


@dataclass(frozen=True)
class RowGroups:
    """The groups of rows.

    Attributes
    ----------
    codes : numpy.ndarray of int64
        The number of each row's group.
    keys : pandas.DataFrame
        One row per group, sorted, missing values last; without columns if all rows are one group.
    """

    codes: IntArray
    keys: pd.DataFrame

    @property
    def count(self) -> int:
        """The number of groups; none is without rows."""
        return len(self.keys)


@dataclass(frozen=True)
class CodePairs:
    """Pairs of two numbers, those that occur, numbered in order.

    Attributes
    ----------
    codes : numpy.ndarray of int64
        The number of each row's pair.
    left, right : numpy.ndarray of int64
        The two numbers of each pair.
    """

    codes: IntArray
    left: IntArray
    right: IntArray


@dataclass(frozen=True)
class Buckets:
    """Weeks, months and the like that rows are grouped by.

    Attributes
    ----------
    codes : numpy.ndarray of int64
        The number of each row's bucket.
    names : pandas.DatetimeIndex
        The days that name the buckets, as pandas names them.
    days : pandas.DatetimeIndex
        The days that the rows have.
    day_codes : numpy.ndarray of int64
        The number of the bucket of each of these days.
    """

    codes: IntArray
    names: pd.DatetimeIndex
    days: pd.DatetimeIndex
    day_codes: IntArray


def find_buckets(dates: pd.Series[Any], freq: str) -> Buckets:
    """Return the buckets of dates, none of which is missing, by a frequency of pandas."""
    row_codes, values = pd.factorize(dates, sort=True)
    days = pd.DatetimeIndex(values)
    grouper = pd.Grouper(freq=freq)
    one_per_day = pd.Series(1, index=days)
    by_bucket = one_per_day.groupby(grouper)
    sizes = by_bucket.size()
    sizes = sizes[sizes > 0]
    numbers = np.arange(len(sizes), dtype="int64")
    day_codes = np.repeat(numbers, sizes.to_numpy())
    names = pd.DatetimeIndex(sizes.index)
    return Buckets(
        codes=day_codes[row_codes],
        names=names.as_unit(days.unit),
        days=days,
        day_codes=day_codes,
    )


def group_rows(df: pd.DataFrame, keys: Sequence[str], buckets: Buckets | None = None) -> RowGroups:
    """Group rows by time and columns; without either, all rows are one group.

    Parameters
    ----------
    df : pandas.DataFrame
    keys : sequence of str
    buckets : Buckets or None
        Of its dates.
    """
    columns: dict[str, tuple[IntArray, Any]] = {}
    if buckets is not None:
        columns["date"] = buckets.codes, buckets.names
    for name in keys:
        columns[name] = _number_sorted(df[name])
    codes = np.zeros(len(df), dtype="int64")
    key_codes: dict[str, IntArray] = {}
    count = min(len(df), 1)
    for name, (numbers, values) in columns.items():
        if not key_codes:  # of the first key each value is a group
            codes = numbers
            count = len(values)
            key_codes[name] = np.arange(count)
            continue
        pairs = pair_codes(codes, count, numbers, len(values))
        codes = pairs.codes
        for key, earlier in key_codes.items():
            key_codes[key] = earlier[pairs.left]
        key_codes[name] = pairs.right
        count = len(pairs.left)
    group_keys = {}
    for name, chosen in key_codes.items():
        _, values = columns[name]
        group_keys[name] = values.take(chosen)
    index = pd.RangeIndex(count)
    return RowGroups(codes, pd.DataFrame(group_keys, index=index))


def _number_sorted(column: pd.Series[Any]) -> tuple[IntArray, Any]:
    """Return a number for each value of a column, and the values, sorted, missing ones last."""
    starts = _find_day_runs(column)
    if len(starts):
        return _number_day_runs(column, starts)
    codes, values = pd.factorize(column, sort=True, use_na_sentinel=False)
    return codes.astype("int64", copy=False), values


def _find_day_runs(column: pd.Series[Any]) -> IntArray:
    """Return the rows at which another day begins; none for other columns, and for unsorted ones.

    Reports are sorted by date.
    """
    is_of_days = isinstance(column.dtype, np.dtype) and column.dtype.kind == "M"
    if not is_of_days or not len(column):
        return np.array([], dtype="int64")
    instants = column.to_numpy().view("int64")
    is_next_day = instants[1:] != instants[:-1]
    if np.count_nonzero(is_next_day) * _MIN_RUN > len(column):
        return np.array([], dtype="int64")
    changes = np.flatnonzero(is_next_day) + 1
    return np.concatenate([[0], changes])


def _number_day_runs(column: pd.Series[Any], starts: IntArray) -> tuple[IntArray, Any]:
    codes, values = pd.factorize(
        column.iloc[starts],
        sort=True,
        use_na_sentinel=False,
    )
    lengths = np.diff(starts, append=len(column))
    numbers = codes.astype("int64", copy=False)
    return np.repeat(numbers, lengths), values


def pair_codes(left: IntArray, left_count: int, right: IntArray, right_count: int) -> CodePairs:
    """Number the pairs of two numbers of each row, each from 0 to below its count."""
    combined = left * right_count + right
    size = left_count * right_count
    largest_for_rows = _MAX_TABLE_SHARE * len(combined)
    max_size = max(largest_for_rows, _MIN_TABLE_SIZE)
    if size > max_size:
        found, codes = np.unique(combined, return_inverse=True)
    else:
        is_found = np.zeros(size, dtype="bool")
        is_found[combined] = True
        found = np.flatnonzero(is_found)
        numbers = np.cumsum(is_found, dtype="int64") - 1
        codes = numbers[combined]
    divisor = max(right_count, 1)
    left_codes, right_codes = np.divmod(found, divisor)
    return CodePairs(codes, left_codes, right_codes)
