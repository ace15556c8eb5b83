"""Shrinkage: rates of small groups, drawn towards the average of those like them.

Orders are Poisson, of a rate that varies between the groups of a campaign by a Gamma distribution
about the campaign's, and those of campaigns by another about that of their cost type (the
Gamma-Poisson model; Robbins, "An empirical Bayes approach to statistics", 1956). Both shapes are
those of the highest marginal likelihood, which is negative binomial. A group takes after the rate
of the rest of its campaign, so that its own orders count once; where it has no rest, after the cost
type.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from sdanalytics.analysis.row_groups import IntArray

_LOG_SHAPES: Final = (-3.0, 9.2)
"""The range of shapes: from groups that have nothing in common to groups that are all alike."""
_FIRST_ORDERS: Final = 0.5
"""Jeffreys' prior of the rate of a cost type, so that it is not 0 before its first order."""
_ALL_ALIKE: Final = 1e4
"""Orders as which a common average counts when groups differ no more than by chance."""


class GammaRates(NamedTuple):
    """Rates of which a Gamma distribution is known.

    Attributes
    ----------
    means, shapes : numpy.ndarray of float64
        The relative variance is 1 by the shape.
    """

    means: Any
    shapes: Any


class AverageValues(NamedTuple):
    """Average order values.

    Attributes
    ----------
    means, relative_variances : numpy.ndarray of float64
    """

    means: Any
    relative_variances: Any


def shrink_rates(orders: Any, exposure: Any, campaigns: IntArray) -> GammaRates:
    """Return the rates of orders by exposure of groups of one cost type.

    Parameters
    ----------
    orders, exposure : numpy.ndarray of float64
        Of each group, by their dispersion. Groups without exposure have the rate of the others.
    campaigns : numpy.ndarray of int64
        The number of each group's campaign.
    """
    campaign_orders = np.bincount(campaigns, weights=orders)
    campaign_exposure = np.bincount(campaigns, weights=exposure)
    total_orders = orders.sum() + _FIRST_ORDERS
    mean = total_orders / exposure.sum()
    expected = campaign_exposure * mean
    no_variances = np.zeros(len(expected))
    campaign_shape = _fit_shape(campaign_orders, expected, no_variances)
    rest_orders = campaign_orders[campaigns] - orders
    rest_exposure = campaign_exposure[campaigns] - exposure
    rest_shapes = rest_orders + campaign_shape
    common_exposure = campaign_shape / mean
    rest_rates = rest_shapes / (rest_exposure + common_exposure)
    rest_variances = 1 / rest_shapes
    expected = exposure * rest_rates
    shape = _fit_shape(orders, expected, rest_variances)
    own_variance = 1 / shape
    prior_shapes = 1 / (own_variance + rest_variances)
    prior_exposure = prior_shapes / rest_rates
    shapes = orders + prior_shapes
    sizes = exposure + prior_exposure
    return GammaRates(shapes / sizes, shapes)


def shrink_values(orders: Any, sales: Any, spread: Any, mean: float) -> AverageValues:
    """Return the average order values of campaigns of one cost type.

    A mean of the campaign's own and that of all, by the credibility of Bühlmann and Straub
    ("Glaubwürdigkeit für Schadensätze", 1970): the more alike campaigns are, the more orders the
    average counts as.

    Parameters
    ----------
    orders, sales : numpy.ndarray of float64
        Of each campaign.
    spread : numpy.ndarray of float64
        The squared coefficient of variation of its order values.
    mean : float
        The average of all.
    """
    has_orders = orders > 0
    weights = orders[has_orders]
    own_sales = sales[has_orders]
    common_sales = mean * weights
    deviations = own_sales / common_sales - 1
    squares = weights * np.square(deviations)
    count = max(len(weights), 1)
    spread_sum = spread[has_orders].sum()
    by_chance = spread_sum * (1 - 1 / count)
    total = max(weights.sum(), 1.0)
    largest = np.square(weights).sum() / total
    size = max(total - largest, 1.0)
    excess = squares.sum() - by_chance
    variance = max(excess / size, 1 / _ALL_ALIKE)
    common_orders = spread / variance
    counts = orders + common_orders
    value_sums = sales + common_orders * mean
    means = value_sums / counts
    return AverageValues(
        means=np.where(means > 0, means, np.nan),
        relative_variances=spread / counts,
    )


def _fit_shape(orders: Any, expected: Any, variances: Any) -> float:
    """Return the shape of the Gamma distribution by which rates vary about what is expected.

    Parameters
    ----------
    orders, expected : numpy.ndarray of float64
        Of each group.
    variances : numpy.ndarray of float64
        The relative variances of what is expected.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    has_exposure = expected > 0
    orders = orders[has_exposure]
    expected = expected[has_exposure]
    variances = variances[has_exposure]

    def measure_misfit(log_shape: float) -> float:
        """Return the negative logarithm of the likelihood, without what no shape changes."""
        own_variance = np.exp(-log_shape)
        shapes = 1 / (own_variance + variances)
        sums = shapes + expected
        terms = gammaln(orders + shapes)
        terms -= gammaln(shapes)
        terms += shapes * np.log(shapes / sums)
        terms -= orders * np.log(sums)
        return -float(terms.sum())

    found = minimize_scalar(
        measure_misfit,
        bounds=_LOG_SHAPES,
        method="bounded",
    )
    return float(np.exp(found.x))
