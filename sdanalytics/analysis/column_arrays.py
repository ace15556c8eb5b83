"""Columns as arrays: what rows and sums of rows have in common, without the cost of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from sdanalytics.analysis.row_groups import BoolArray

Columns: TypeAlias = Mapping[str, Any]
"""Arrays of pandas by name, all of the same length."""


def take_arrays(df: pd.DataFrame, names: Iterable[str]) -> dict[str, Any]:
    """Return columns of a frame as arrays."""
    return {name: df[name].array for name in names}


def to_floats(array: Any) -> Any:
    """Return an array as float64, NaN where missing."""
    return array.to_numpy(dtype="float64", na_value=np.nan)


def number_values(column: pd.Series[Any]) -> tuple[Any, list[Any]]:
    """Return a number for each value of a column, -1 for missing ones, and the values.

    The values of a category may occur in no row.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        return codes, column.cat.categories.tolist()
    numbers, values = pd.factorize(column)
    return numbers, list(values)


def choose(condition: BoolArray, chosen: Any, other: Any) -> Any:
    """Return the values of one array where a condition holds, and else those of another."""
    if chosen.dtype == other.dtype == "Int64":
        counts = np.where(
            condition,
            chosen.to_numpy("int64", na_value=0),
            other.to_numpy("int64", na_value=0),
        )
        is_missing = np.where(condition, chosen.isna(), other.isna())
        return pd.arrays.IntegerArray(counts, is_missing)
    if chosen.dtype == other.dtype == "float64":
        amounts = np.where(
            condition,
            chosen.to_numpy("float64"),
            other.to_numpy("float64"),
        )
        return pd.arrays.NumpyExtensionArray(amounts)
    values = pd.Series(chosen, copy=False)
    others = pd.Series(other, copy=False)
    return values.where(condition, others).array
