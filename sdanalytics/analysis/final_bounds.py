"""Bounds of final numbers: of sums, and of ratios by the joint distribution of their parts.

Final sums are taken to be log-normal: positive and skewed to the right, as sums of few orders are.
So are ratios of two of them, whose bounds follow from the joint distribution: those of two results
are of the same days and orders, and their errors go together.

- The errors of shares of two results come from the same days: they are taken to be equal but for
  their size, and those of traffic to be independent of them.
- What days still add: one result is made of the other (sales of orders, new-to-brand orders of
  all orders), so the relative variance of the smaller error is common to both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.final_errors import FinalErrors, SumErrors
from sdanalytics.analysis.final_rows import FinalRows
from sdanalytics.analysis.kpi_definitions import KPIS, Kpi
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray, RowGroups
from sdanalytics.analysis.share_table import TRAFFIC, find_curve_metric, score


def bound_finals(
    rows: FinalRows, expected: pd.DataFrame, groups: RowGroups, level: float
) -> dict[str, Any]:
    """Return the final numbers of groups with their bounds, as columns.

    Parameters
    ----------
    rows : FinalRows
    expected : pandas.DataFrame
        The expected final sums and KPIs of the groups; those without a curve are left out.
    groups : RowGroups
        Of the rows.
    level : float
        Of the bounds, a fraction.

    Returns
    -------
    dict of str to numpy.ndarray of float64
        ``<name>_final``, ``<name>_final_low`` and ``<name>_final_high`` of each column.
    """
    estimator = _VarianceEstimator(rows, groups)
    columns: dict[str, Any] = {}
    for name in expected.columns.tolist():
        variance = estimator.find_variance(name)
        if variance is None:
            continue
        center = to_floats(expected[name].array)
        low, high = _find_bounds(center, variance, score(level))
        columns[f"{name}_final"] = center
        columns[f"{name}_final_low"] = low
        columns[f"{name}_final_high"] = high
    return columns


def find_open_groups(rows: FinalRows, groups: RowGroups) -> BoolArray:
    """Return whether none of a group's days had ended when it was fetched.

    Of these nothing is expected: nobody knows how much of the day the numbers are of.
    """
    has_ended = rows.ages >= 0
    ended = np.bincount(groups.codes, weights=has_ended, minlength=groups.count)
    is_open: BoolArray = ended == 0
    return is_open


def _find_bounds(center: Any, variance: Any, reach: float) -> tuple[Any, Any]:
    """Return the bounds of log-normal numbers by their means and variances.

    A number whose mean is 0 is 0 or above: it has an upper bound only.
    """
    relative = divide(variance, np.square(center))
    squares = np.log1p(relative)
    # The median of a log-normal distribution is below its mean.
    median = center * np.exp(-squares / 2)
    deviation = np.sqrt(squares)
    factor = np.exp(reach * deviation)
    ends = np.stack([median / factor, median * factor])
    lower = ends.min(axis=0)  # of negative sales that is the other one
    upper = ends.max(axis=0)
    highest = reach * np.sqrt(variance)
    is_zero = center == 0
    return np.where(is_zero, 0.0, lower), np.where(is_zero, highest, upper)


class _VarianceEstimator:
    """The variances of final numbers, by group."""

    def __init__(self, rows: FinalRows, groups: RowGroups) -> None:
        self._rows = rows
        self._final_errors = FinalErrors(rows, groups)
        self._errors: dict[tuple[str, bool], SumErrors] = {}

    def find_variance(self, name: str) -> Any:
        """Return the variance of a sum or KPI; None if it has no curve."""
        parts = [name]
        if name in KPIS:
            parts = [KPIS[name].numerator, KPIS[name].denominator]
        if not all(find_curve_metric(part) in self._rows.table.shares for part in parts):
            return None
        if name in KPIS:
            return self._ratio_variance(KPIS[name])
        errors = self._estimate(name, is_of_vcpm=False)
        return errors.common + errors.own

    def _ratio_variance(self, kpi: Kpi) -> Any:
        """Return the variance of a ratio, by the relative variances of its parts."""
        numerator = self._estimate(kpi.numerator, is_of_vcpm=kpi.is_of_vcpm)
        denominator = self._estimate(kpi.denominator, is_of_vcpm=kpi.is_of_vcpm)
        # By the denominator's square: the numerator may be 0.
        ratio = divide(numerator.sums, denominator.sums)
        squares = np.square(denominator.sums)
        numerator_common = divide(numerator.common, squares)
        numerator_own = divide(numerator.own, squares)
        denominator_common = np.square(ratio) * divide(denominator.common, squares)
        denominator_own = np.square(ratio) * divide(denominator.own, squares)
        if _is_traffic(kpi.numerator) or _is_traffic(kpi.denominator):
            common = numerator_common + denominator_common
            own = numerator_own + denominator_own
        else:
            difference = np.sqrt(numerator_common) - np.sqrt(denominator_common)
            common = np.square(difference)
            own = np.abs(numerator_own - denominator_own)
        return kpi.factor**2 * (common + own)

    def _estimate(self, name: str, *, is_of_vcpm: bool) -> SumErrors:
        key = name, is_of_vcpm
        if key not in self._errors:
            is_used = self._rows.is_vcpm if is_of_vcpm else None
            self._errors[key] = self._final_errors.estimate(name, is_used)
        return self._errors[key]


def _is_traffic(name: str) -> bool:
    return find_curve_metric(name) in TRAFFIC
