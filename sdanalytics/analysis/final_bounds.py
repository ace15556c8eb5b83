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
from sdanalytics.analysis.final_rows import FinalRows, SumErrors
from sdanalytics.analysis.kpi_definitions import KPIS, Kpi
from sdanalytics.analysis.row_groups import RowGroups
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
    estimator = _ErrorEstimator(rows, groups)
    columns: dict[str, Any] = {}
    for name in expected.columns.tolist():
        deviation = estimator.find_deviation(name)
        if deviation is None:
            continue
        center = to_floats(expected[name].array)
        reach = np.exp(score(level) * deviation)
        # The center is the mean; the median of a log-normal distribution is below it.
        median = center / np.exp(deviation**2 / 2)
        bounds = np.stack([median / reach, median * reach])
        columns[f"{name}_final"] = center
        columns[f"{name}_final_low"] = bounds.min(axis=0)  # that of negative sales is the other
        columns[f"{name}_final_high"] = bounds.max(axis=0)
    return columns


class _ErrorEstimator:
    """The standard deviations of the logarithms of final numbers, by group."""

    def __init__(self, rows: FinalRows, groups: RowGroups) -> None:
        self._rows = rows
        self._groups = groups
        self._errors: dict[tuple[str, bool], SumErrors] = {}

    def find_deviation(self, name: str) -> Any:
        """Return the deviation of a sum or KPI; None if it has no curve."""
        parts = [name]
        if name in KPIS:
            parts = [KPIS[name].numerator, KPIS[name].denominator]
        if not all(find_curve_metric(part) in self._rows.table.shares for part in parts):
            return None
        if name in KPIS:
            return np.sqrt(np.log1p(self._ratio_variance(KPIS[name])))
        errors = self._estimate(name, is_of_vcpm=False)
        return np.sqrt(np.log1p(errors.common + errors.own))

    def _ratio_variance(self, kpi: Kpi) -> Any:
        """Return the relative variance of a ratio."""
        numerator = self._estimate(kpi.numerator, is_of_vcpm=kpi.is_of_vcpm)
        denominator = self._estimate(kpi.denominator, is_of_vcpm=kpi.is_of_vcpm)
        if _is_traffic(kpi.numerator) or _is_traffic(kpi.denominator):
            common = numerator.common + denominator.common
            return common + numerator.own + denominator.own
        difference = np.sqrt(numerator.common) - np.sqrt(denominator.common)
        return np.square(difference) + np.abs(numerator.own - denominator.own)

    def _estimate(self, name: str, *, is_of_vcpm: bool) -> SumErrors:
        key = name, is_of_vcpm
        if key not in self._errors:
            is_used = self._rows.is_vcpm if is_of_vcpm else None
            groups = self._groups
            self._errors[key] = self._rows.estimate_errors(
                name, groups.codes, groups.count, is_used
            )
        return self._errors[key]


def _is_traffic(name: str) -> bool:
    return find_curve_metric(name) in TRAFFIC
