"""Cells: sums of the rows of a group that have the same cost type and lack the same measures.

The results and ratios of groups are computed from them, so that a million rows are looked at once:
which results count depends on the cost type, and a ratio takes only rows that have both parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import take_arrays
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.group_sums import sum_by_group
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, list_ratio_parts
from sdanalytics.analysis.row_groups import BoolArray, IntArray, RowGroups, pair_codes

COST_TYPE_WORDS: Final = ("CPC", "VCPM")
"""The cost types by their number in cells; the next number is that of rows without one."""
_VCPM: Final = 1
_NO_COST_TYPE: Final = 2


@dataclass(frozen=True)
class Cells:
    """Sums of rows.

    Attributes
    ----------
    sums : dict of str to array
        The sums of each cell, by name.
    codes : numpy.ndarray of int64
        The number of each cell's group.
    count : int
        The number of groups.
    row_counts : numpy.ndarray of int64
        The number of rows in each cell.
    cost_types : numpy.ndarray of int64
        0 for CPC, 1 for vCPM, 2 without a cost type.
    """

    sums: dict[str, Any]
    codes: IntArray
    count: int
    row_counts: IntArray
    cost_types: IntArray

    @property
    def is_vcpm(self) -> BoolArray:
        """Whether each cell is of vCPM campaigns."""
        is_vcpm: BoolArray = self.cost_types == _VCPM
        return is_vcpm

    def add_up(self) -> dict[str, Any]:
        """Return the sums of the groups."""
        if len(self.codes) == self.count:
            return dict(self.sums)
        return sum_by_group(self.sums, self.codes, self.count)


def sum_cells(df: pd.DataFrame, groups: RowGroups, names: Sequence[str]) -> Cells:
    """Sum columns by group, cost type, and the measures that the rows lack.

    Parameters
    ----------
    df : pandas.DataFrame
    groups : RowGroups
        Of its rows.
    names : sequence of str
        Numeric columns.
    """
    columns = take_arrays(df, names)
    codes = groups.codes
    groups_of_cells = np.arange(groups.count)
    cost_types = np.full(groups.count, _NO_COST_TYPE)
    if "costType" in df:
        row_cost_types = _number_cost_types(df)
        pairs = pair_codes(codes, groups.count, row_cost_types, _NO_COST_TYPE + 1)
        codes = pairs.codes
        groups_of_cells = pairs.left
        cost_types = pairs.right
    for name, column in columns.items():
        is_missing = column.isna()
        if name not in _selective_columns() or not is_missing.any():
            continue
        lack_codes = is_missing.astype("int64")
        pairs = pair_codes(codes, len(cost_types), lack_codes, 2)
        codes = pairs.codes
        groups_of_cells = groups_of_cells[pairs.left]
        cost_types = cost_types[pairs.left]
    count = len(cost_types)
    return Cells(
        sums=sum_by_group(columns, codes, count),
        codes=groups_of_cells,
        count=groups.count,
        row_counts=np.bincount(codes, minlength=count),
        cost_types=cost_types,
    )


def _number_cost_types(df: pd.DataFrame) -> IntArray:
    """Return the number of each row's cost type; any that is not vCPM counts as CPC."""
    cost_types = read_cost_types(df)
    is_vcpm = cost_types.is_vcpm.astype("int64")
    numbers = _VCPM * is_vcpm
    numbers[cost_types.is_missing] = _NO_COST_TYPE
    return numbers


@cache
def _selective_columns() -> frozenset[str]:
    """Return the columns of which rows with and without a value are not in one cell."""
    columns = set(list_ratio_parts())
    for metrics_behind_result in CONVERSION_METRICS.values():
        columns.update(metrics_behind_result)
    return frozenset(columns)
