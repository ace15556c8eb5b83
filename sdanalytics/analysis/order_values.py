"""The spread of order values, which makes sales vary more than orders do."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import FloatArray, IntArray

_ASSUMED_SPREAD: Final = 0.5
"""The squared coefficient of variation that is assumed before any order: of a brand whose products
cost from half to twice as much as they do on average."""
_ASSUMED_WEIGHT: Final = 10.0
_POOLED_WEIGHT: Final = 20.0
"""As how many rows with orders what is assumed, and what is known of all groups, count."""


def estimate_spread(orders: Any, sales: Any, groups: IntArray, count: int) -> FloatArray:
    """Return the squared coefficient of variation of the values of single orders, by group.

    A row has the sum of its orders only: n orders of mean value v vary about n v by n times the
    variance of one, so that (sales - n v)² / n estimates it, v being the group's average. Groups
    with few rows take after all of the frame: the estimate is a mean of the group's and the
    frame's, weighted by rows.

    Parameters
    ----------
    orders, sales : numpy.ndarray of float64
        Of each row; none is missing.
    groups : numpy.ndarray of int64
        The number of each row's group.
    count : int
        The number of groups.
    """
    has_orders = orders > 0
    orders = orders[has_orders]
    sales = sales[has_orders]
    groups = groups[has_orders]
    averages = divide(
        np.bincount(groups, weights=sales, minlength=count),
        np.bincount(groups, weights=orders, minlength=count),
    )
    row_averages = averages[groups]
    expected = orders * row_averages
    residuals = sales - expected
    squares = np.square(residuals)
    # Of groups without sales nothing can be known.
    products = expected * row_averages
    scales = np.where(row_averages > 0, products, np.nan)
    ratios = squares / scales
    is_used = ~np.isnan(ratios)
    used_groups = groups[is_used]
    sums = np.bincount(
        used_groups,
        weights=ratios[is_used],
        minlength=count,
    )
    rows = np.bincount(used_groups, minlength=count)
    degrees = np.maximum(rows - 1, 0)
    assumed = _ASSUMED_WEIGHT * _ASSUMED_SPREAD
    pooled_sum = sums.sum() + assumed
    pooled_weight = degrees.sum() + _ASSUMED_WEIGHT
    pooled = pooled_sum / pooled_weight
    weighted = sums + _POOLED_WEIGHT * pooled
    spread: FloatArray = weighted / (degrees + _POOLED_WEIGHT)
    return spread
