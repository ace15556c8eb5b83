"""Sums of columns by group: exact for whole numbers, missing where all values are.

Amounts are summed in two parts: each value rounded to a multiple of a power of two, at which all
sums are exact, and the small rest. So the sum does not depend on the order of the rows, and a
million cents are exact to the cent (the extraction of Rump, Ogita and Oishi, "Accurate
floating-point summation", SIAM Journal on Scientific Computing 31, 2008).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import Columns
from sdanalytics.analysis.row_groups import BoolArray, IntArray

_MAX_EXACT: Final = 2**53
"""Whole numbers up to this are exact in float64."""
_MAX_EXPONENT: Final = 1000
"""Powers of two beyond this are near the end of float64."""


def sum_by_group(columns: Columns, codes: IntArray, count: int) -> dict[str, Any]:
    """Return the sums of columns: one entry per group, of the dtypes that pandas' sums have.

    Parameters
    ----------
    columns : mapping of str to array
        Numbers.
    codes : numpy.ndarray of int64
        The group of each entry, from 0 to below `count`; no group is without entries.
    count : int
    """
    sums: dict[str, Any] = dict.fromkeys(columns)
    others = {}
    for name, column in columns.items():
        if column.dtype == "Int64":
            sums[name] = _sum_counts(column, codes, count)
        elif column.dtype == "float64":
            sums[name] = _sum_amounts(column, codes, count)
        if sums[name] is None:
            others[name] = column
    if others:
        frame = pd.DataFrame(others, copy=False)
        by_group = frame.groupby(codes, sort=True)
        summed = by_group.sum(min_count=1)
        for name in others:
            sums[name] = summed[name].array
    return sums


def _sum_counts(column: Any, codes: IntArray, count: int) -> Any:
    """Return sums of whole numbers; None if they may be too large for this fast way."""
    values = column.to_numpy("int64", na_value=0)
    highest = int(values.max(initial=0))
    lowest = int(values.min(initial=0))
    largest = max(highest, -lowest)
    if largest * len(values) > _MAX_EXACT:
        return None
    totals = np.bincount(codes, weights=values, minlength=count)
    counts = totals.astype("int64")
    is_missing = _lack_values(column.isna(), codes, count)
    return pd.arrays.IntegerArray(counts, is_missing)


def _sum_amounts(column: Any, codes: IntArray, count: int) -> Any:
    """Return sums of float64; None if values are infinite or too large to be taken apart."""
    is_missing = column.isna()
    values = column.to_numpy(dtype="float64")
    if is_missing.any():
        values = np.where(is_missing, 0.0, values)
    highest = values.max(initial=0.0)
    lowest = values.min(initial=0.0)
    largest = max(highest, -lowest)
    if not math.isfinite(largest):
        return None
    _, exponent_of_largest = math.frexp(largest)
    term_count = len(values) + 2
    exponent = exponent_of_largest + term_count.bit_length()
    if exponent > _MAX_EXPONENT:
        return None
    unit = math.ldexp(1.0, exponent)
    rounded = (values + unit) - unit
    rest = values - rounded
    totals = np.bincount(codes, weights=rounded, minlength=count)
    totals = totals.astype("float64", copy=False)
    totals += np.bincount(codes, weights=rest, minlength=count)
    lacks_values = _lack_values(is_missing, codes, count)
    totals[lacks_values] = np.nan
    return pd.arrays.NumpyExtensionArray(totals)


def _lack_values(is_missing: BoolArray, codes: IntArray, count: int) -> BoolArray:
    """Return whether all values of a group are missing."""
    if not is_missing.any():
        return np.zeros(count, dtype="bool")
    known_codes = codes[~is_missing]
    known = np.bincount(known_codes, minlength=count)
    lacks: BoolArray = known == 0
    return lacks
