"""`FinalRows`: rows with the sums that they are expected to have when they are final.

The expected final sum of a row is its sum by the share of final sums that is known at its age: the
chain ladder (see `maturity`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.row_groups import BoolArray, IntArray
from sdanalytics.analysis.share_table import ShareTable, find_curve_metric


@dataclass(frozen=True)
class FinalRows:
    """Rows as they were reported, and as they are expected to be when final.

    Attributes
    ----------
    reported, expected : pandas.DataFrame
        With their results.
    table : ShareTable
    groups : numpy.ndarray of int64
        The group of the curve of each row.
    ages : numpy.ndarray of int64
    """

    reported: pd.DataFrame
    expected: pd.DataFrame
    table: ShareTable
    groups: IntArray
    ages: IntArray

    @property
    def is_vcpm(self) -> BoolArray:
        """Whether each row is of a vCPM campaign."""
        return read_cost_types(self.reported).is_vcpm

    @property
    def is_young(self) -> BoolArray:
        """Whether each row has an age of the curve, so that its sums may change."""
        return _have_ages(self.ages, self.table)


def expect_final_rows(rows: pd.DataFrame, table: ShareTable) -> FinalRows:
    """Return rows with what each sum is expected to be when it is final.

    Sums without a curve stay as they are; so do those of days that had not ended, of which
    nobody knows how much of the day they are of, and of days beyond the ages of the curve.
    """
    ages = find_row_ages(rows)
    groups = table.find_groups(rows)
    reported = add_conversions(rows)
    young = np.flatnonzero(_have_ages(ages, table))
    position = groups[young], ages[young]
    finals: dict[str, Any] = {}
    for name in reported.columns.tolist():
        metric = find_curve_metric(name)
        if metric in table.shares:
            values = to_floats(reported[name].array).copy()
            values[young] /= table.shares[metric][position]
            finals[name] = values
    return FinalRows(reported, reported.assign(**finals), table, groups, ages)


def _have_ages(ages: IntArray, table: ShareTable) -> BoolArray:
    """Return whether rows have an age of the curve."""
    is_young: BoolArray = (ages >= 0) & (ages < table.age_count)
    return is_young
