"""`FinalErrors`: the errors of expected final sums, by group.

Two errors are apart, because sums of rows make only one of them smaller (T. Mack, ASTIN Bulletin
23, 1993):

- The error of the shares is common to all rows: of rows of two ages, the covariance of the
  logarithms is the variance at the higher age, since the lower one has all its steps, and more.
- What a row still adds varies by itself, as Mack estimates it from days that went the same way:
  the variance of a final sum is proportional to it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.final_rows import FinalRows
from sdanalytics.analysis.row_groups import BoolArray, IntArray, RowGroups
from sdanalytics.analysis.share_table import find_curve_metric

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


class FinalErrors:
    """The errors of the final sums of groups of rows.

    Parameters
    ----------
    rows : FinalRows
    groups : RowGroups
        Of the rows.
    """

    def __init__(self, rows: FinalRows, groups: RowGroups) -> None:
        self._rows = rows
        self._row_codes = groups.codes
        self._count = groups.count
        young = np.flatnonzero(rows.is_young)
        ages = rows.ages[young]
        curve_groups = rows.groups[young]
        codes = groups.codes[young]
        # Of each group and curve the rows by age, so that running sums are of the younger ones.
        order = np.lexsort((ages, curve_groups, codes))
        self._order: IntArray = young[order]
        self._codes = codes[order]
        self._position = curve_groups[order], ages[order]
        is_first = self._begin_curves()
        self._starts = np.flatnonzero(is_first)
        self._lengths = np.diff(self._starts, append=len(self._order))

    def estimate(self, name: str, is_used: BoolArray | None = None) -> SumErrors:
        """Estimate the errors of the final sums of a column.

        Parameters
        ----------
        name : str
        is_used : numpy.ndarray of bool, optional
            The rows that count; by default all.
        """
        array = self._rows.expected[name].array
        finals = np.nan_to_num(to_floats(array))
        if is_used is not None:
            finals = np.where(is_used, finals, 0.0)
        sums = np.bincount(self._row_codes, weights=finals, minlength=self._count)
        young = np.abs(finals[self._order])
        metric = find_curve_metric(name)
        terms = self._common_terms(young, metric)
        common = self._add_up(terms)
        own = self._own_variances(young, metric)
        return SumErrors(sums, common, own)

    def _own_variances(self, finals: Any, metric: str) -> Any:
        """Return the variances of sums by what the rows still add."""
        table = self._rows.table
        _, ages = self._position
        by_final = table.own_variances[metric][ages]
        by_reported = by_final / table.shares[metric][self._position]
        counts = np.bincount(self._codes, minlength=self._count)
        total = self._add_up(by_reported)
        mean = total / np.maximum(counts, 1)
        prior = _PRIOR * table.dispersion[metric]
        variances = self._add_up(finals * by_final)
        return variances + prior * mean

    def _common_terms(self, finals: Any, metric: str) -> Any:
        """Return the variances of sums by common errors, as terms of their rows.

        Of rows i and j of a group, with ages a(i) <= a(j), the covariance is F(i) F(j) v(a(j)):
        each row has its own variance, and twice the covariance with those that are younger.
        """
        before = np.cumsum(finals) - finals
        of_others = before[self._starts]
        younger = before - np.repeat(of_others, self._lengths)
        variances = self._rows.table.variances[metric][self._position]
        return finals * variances * (2 * younger + finals)

    def _begin_curves(self) -> BoolArray:
        """Return whether each of the ordered rows is the first of its group and curve."""
        is_first = np.zeros(len(self._order), dtype="bool")
        is_first[:1] = True
        curve_groups, _ = self._position
        for numbers in (self._codes, curve_groups):
            is_first[1:] |= np.diff(numbers) != 0
        return is_first

    def _add_up(self, terms: Any) -> Any:
        """Return the sums of terms of the ordered rows by group."""
        return np.bincount(self._codes, weights=terms, minlength=self._count)
