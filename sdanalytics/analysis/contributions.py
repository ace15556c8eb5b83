"""Contributions of groups to the change of a metric between two periods.

A sum changes by the changes of its groups. A ratio R = N / D, of sums over groups, changes by

    R_b - R_a = sum of (Δn - R̄ Δd) / D̄

where n and d are a group's parts, and R̄ and D̄ the means of both periods' ratios and denominators.
That is exact, because N = R D makes ΔN = R̄ ΔD + D̄ ΔR, and divides by the totals only: a group
without sales has a contribution to ACOS, though it has no ACOS.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import FloatArray


class GroupSums(NamedTuple):
    """The sums of a period behind a metric.

    Attributes
    ----------
    numerators : numpy.ndarray of float64
        By group: of a ratio times its factor, or the metric itself if it is a sum.
    denominators : numpy.ndarray of float64 or None
        None if the metric is a sum.
    """

    numerators: FloatArray
    denominators: FloatArray | None

    @property
    def values(self) -> FloatArray:
        """The metric by group, missing where the denominator is 0."""
        if self.denominators is None:
            return self.numerators
        quotients: FloatArray = divide(self.numerators, self.denominators)
        return quotients

    @property
    def size(self) -> float:
        """The denominator of all groups together; 1 for a sum."""
        if self.denominators is None:
            return 1.0
        return math.fsum(self.denominators)

    @property
    def total(self) -> float:
        """The metric of all groups together; missing if no group has a value, or its size is 0."""
        known = self.numerators[~np.isnan(self.numerators)]
        if not len(known) or self.size == 0:
            return math.nan
        return math.fsum(known) / self.size


class RatioContributions(NamedTuple):
    """Contributions by group, and the two parts that each consists of."""

    contribution: FloatArray
    rate: FloatArray
    mix: FloatArray


def subtract_sums(before: GroupSums, after: GroupSums) -> FloatArray:
    """Return the contributions to the change of a sum; a missing value is nothing."""
    numerators_a = np.nan_to_num(before.numerators)
    numerators_b = np.nan_to_num(after.numerators)
    added: FloatArray = numerators_b - numerators_a
    return added


def split_ratio_change(before: GroupSums, after: GroupSums) -> RatioContributions:
    """Return the contributions to the change of a ratio.

    The parts are Bennet's, who weighs the changes of prices and of quantities by the means of both
    periods ("The Theory of Measurement of Changes in Cost of Living", Journal of the Royal
    Statistical Society 83, 1920): `rate` is d̄ Δr / D̄, of the group's own ratio r, and `mix` is
    (r̄ - R̄) Δd / D̄, of its size. A group that has no ratio in a period, or denominators of opposite
    signs, has only mix.
    """
    assert before.denominators is not None
    assert after.denominators is not None
    mean_total = (before.total + after.total) / 2
    mean_size = (before.size + after.size) / 2
    added_numerators = after.numerators - before.numerators
    added_denominators = after.denominators - before.denominators
    expected = mean_total * added_denominators
    contribution = (added_numerators - expected) / mean_size
    mean_denominators = (before.denominators + after.denominators) / 2
    has_both_ratios = before.denominators * after.denominators > 0
    added_ratios = after.values - before.values
    own = mean_denominators * added_ratios / mean_size
    rate = np.where(has_both_ratios, own, 0.0)
    return RatioContributions(contribution, rate, contribution - rate)
