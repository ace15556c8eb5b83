"""`FinalRows`: rows with the sums that they are expected to have when they are final.

The expected final sum of a row is its sum by the share of final sums that is known at its age (the
chain ladder; see `maturity`). Two errors are apart, because sums of rows make only one of them
smaller (T. Mack, ASTIN Bulletin 23, 1993):

- The error of the shares is common to all rows: of rows of two ages, the covariance of the
  logarithms is the variance at the higher age, since the lower one has all its steps, and more.
- What a row still adds varies by itself, as Mack estimates it from days that went the same way:
  the variance of a final sum is proportional to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.row_groups import BoolArray, IntArray
from sdanalytics.analysis.share_table import ShareTable, find_curve_metric

_PRIOR: Final = 0.5
"""Orders that a group counts as having more than it has, for the errors."""


class SumErrors(NamedTuple):
    """The final sums of groups and their variances, each of shape (groups,).

    Attributes
    ----------
    sums : numpy.ndarray of float64
    common : numpy.ndarray of float64
        The variances by the errors of the shares, which all rows have in common.
    own : numpy.ndarray of float64
        The variances by what the rows themselves still add. A group counts as if it had half an
        order more (Jeffreys' prior of a Poisson rate): one without orders may still get some.
    """

    sums: Any
    common: Any
    own: Any


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

    def estimate_errors(
        self, name: str, codes: IntArray, count: int, is_used: BoolArray | None = None
    ) -> SumErrors:
        """Estimate the errors of the final sums of a column.

        Parameters
        ----------
        name : str
        codes : numpy.ndarray of int64
            The group of each row.
        count : int
            The number of groups.
        is_used : numpy.ndarray of bool, optional
            The rows that count; by default all.
        """
        metric = find_curve_metric(name)
        array = self.expected[name].array
        finals = np.nan_to_num(to_floats(array))
        if is_used is not None:
            finals = np.where(is_used, finals, 0.0)
        sums = np.bincount(codes, weights=finals, minlength=count)
        shares = self.table.shares[metric]
        rows = np.flatnonzero(_find_young(self.ages, shares))
        young = _YoungRows(
            codes=codes[rows],
            groups=self.groups[rows],
            ages=self.ages[rows],
            finals=np.abs(finals[rows]),
        )
        own = young.finals * self.table.own_variances[metric][young.ages]
        own_sums = np.bincount(young.codes, weights=own, minlength=count)
        prior = _PRIOR * self.table.dispersion[metric]
        own_sums = own_sums + prior * young.mean_own_variance(self.table, metric, count)
        common = young.common_terms(self.table.variances[metric])
        common_sums = np.bincount(young.codes, weights=common, minlength=count)
        return SumErrors(sums, common_sums, own_sums)


class _YoungRows(NamedTuple):
    """Rows of which numbers still change: their group, that of their curve, age and final sum."""

    codes: IntArray
    groups: IntArray
    ages: IntArray
    finals: Any

    def mean_own_variance(self, table: ShareTable, metric: str, count: int) -> Any:
        """Return the variance that one reported unit means for the final sum of each group."""
        share = table.shares[metric][self.groups, self.ages]
        terms = table.own_variances[metric][self.ages] / share
        sums = np.bincount(self.codes, weights=terms, minlength=count)
        rows = np.bincount(self.codes, minlength=count)
        return sums / np.maximum(rows, 1)

    def common_terms(self, variances: Any) -> Any:
        """Return the variance of sums by common errors, as terms of their rows.

        Of rows i and j of a group, with ages a(i) <= a(j), the covariance is F(i) F(j) v(a(j)):
        each row has its own variance, and twice the covariance with those that are younger.
        """
        order = np.lexsort((self.ages, self.groups, self.codes))
        finals = self.finals[order]
        before = np.cumsum(finals) - finals
        starts = np.flatnonzero(self._begin_curves(order))
        lengths = np.diff(starts, append=len(order))
        younger = before - np.repeat(before[starts], lengths)
        variance = variances[self.groups, self.ages]
        terms = np.empty(len(order))
        terms[order] = finals * variance[order] * (2 * younger + finals)
        return terms

    def _begin_curves(self, order: IntArray) -> BoolArray:
        """Return whether each of the ordered rows is the first of its group and curve."""
        is_first = np.zeros(len(order), dtype="bool")
        is_first[:1] = True
        for numbers in (self.codes, self.groups):
            steps = np.diff(numbers[order])
            is_first[1:] |= steps != 0
        return is_first


def expect_final_rows(rows: pd.DataFrame, table: ShareTable) -> FinalRows:
    """Return rows with what each sum is expected to be when it is final.

    Sums without a curve stay as they are; so do those of days that had not ended, of which
    nobody knows how much of the day they are of, and of days beyond the ages of the curve.
    """
    ages = find_row_ages(rows)
    groups = table.find_groups(rows)
    reported = add_conversions(rows)
    finals: dict[str, Any] = {}
    for name in reported.columns.tolist():
        metric = find_curve_metric(name)
        if metric not in table.shares:
            continue
        shares = table.shares[metric]
        young = np.flatnonzero(_find_young(ages, shares))
        values = to_floats(reported[name].array).copy()
        values[young] /= shares[groups[young], ages[young]]
        finals[name] = values
    return FinalRows(reported, reported.assign(**finals), table, groups, ages)


def _find_young(ages: IntArray, shares: Any) -> BoolArray:
    """Return whether a row has an age of the curve."""
    _, known_ages = shares.shape
    is_young: BoolArray = (ages >= 0) & (ages < known_ages)
    return is_young
