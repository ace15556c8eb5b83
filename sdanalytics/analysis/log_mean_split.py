"""The split of a product's change into the contributions of its factors: LMDI-I.

The logarithmic mean Divisia index of Ang ("Decomposition analysis for policymaking in energy",
Energy Policy 32, 2004; "The LMDI approach to decomposition analysis: a practical guide", Energy
Policy 33, 2005) gives a factor x of a product V

    L(V_b, V_a) ln(x_b / x_a)    with    L(b, a) = (b - a) / (ln b - ln a)

These add up to V_b - V_a whatever the values are, and do not depend on an order of the factors, as
changing one factor after the other does.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from sdanalytics.analysis.row_groups import FloatArray, IntArray

_NEAR: Final = 0.5
"""Relative change up to which `log1p` is the more exact logarithm."""


class Product(NamedTuple):
    """A product in a period: its value, and those of its factors; missing where 0 / 0."""

    value: float
    factors: FloatArray


def split_product_change(
    before: Product,
    after: Product,
    powers: IntArray,
) -> FloatArray | None:
    """Return the contributions of factors to the change of a product; None if there are none.

    Where the product is 0 in one period (a cost type begins, or had no orders), logarithms have no
    value, and the limits that Wood and Lenzen give are taken ("Zero-value problems of the
    logarithmic mean Divisia index decomposition method", Energy Policy 34, 2006): the factor that
    is 0 has all of the change, and the others none. Of several factors that are 0 it is the first.

    Parameters
    ----------
    before, after : Product
        Not below 0.
    powers : numpy.ndarray of int64
        1 for a factor that multiplies, -1 for one that divides.

    Returns
    -------
    numpy.ndarray of float64 or None
        By factor. None if a factor has no value though the product has one.
    """
    change = after.value - before.value
    if before.value > 0 and after.value > 0:
        return _split_between(before, after, powers)
    contributions: FloatArray = np.zeros(len(powers))
    if change == 0:
        return contributions
    empty = after if before.value > 0 else before
    is_zero = empty.factors == 0
    is_cause = is_zero & (powers > 0)
    if not is_cause.any():
        return None
    first = is_cause.argmax()
    contributions[first] = change
    return contributions


def _split_between(
    before: Product,
    after: Product,
    powers: IntArray,
) -> FloatArray | None:
    """Return the contributions to the change between two products above 0."""
    for factors in (before.factors, after.factors):
        is_positive = np.isfinite(factors) & (factors > 0)
        if not is_positive.all():
            return None
    weight = compute_log_mean(after.value, before.value)
    growth: FloatArray = np.log(after.factors / before.factors)
    growth *= powers
    return weight * growth


def compute_log_mean(b: float, a: float) -> float:
    """Return the logarithmic mean of two numbers above 0: between their two other means."""
    change = b - a
    relative = change / a
    if relative == 0:
        return a
    growth = math.log1p(relative) if abs(relative) < _NEAR else math.log(b / a)
    return change / growth
