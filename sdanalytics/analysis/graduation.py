"""Graduation: growth by age is smooth.

Growth by the logarithm of age, h(k) = (k + 1) g(k), has no scale of time. It is assumed to be a
Brownian motion in the logarithm of age that ends at 0, for final numbers grow no more. This is the
graduation of E. Whittaker ("On a new method of graduation", Proceedings of the Edinburgh
Mathematical Society 41 (1923), 63-75) with differences of the first order, which actuaries
apply to factors (R. Verrall, "Claims reserving and generalised additive models", Insurance:
Mathematics and Economics 19 (1996), 31-43). Where days were fetched daily the data decide; it
matters for days fetched weekly, and for ages that no day has reached.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import Growth, Prior, divide_or_zero, estimate_growth
from sdanalytics.analysis.steps import Array, Spans

ROUGHNESS: Final = 0.02
"""The least variance of h per unit of the logarithm of age.

From age 1 to 41, three units, growth thus changes by 0.25 or so: in the sandbox by 0.2.
"""
LOOSE_ROUGHNESS: Final = 1.0
"""One that leaves it to the data."""
_MAX_ROUGHNESS: Final = 100.0
_ROUNDS: Final = 5
"""Of estimating the roughness."""


def build_precision(ages: int) -> Array:
    """Return the precision of growth for a roughness of 1, shape (ages, ages)."""
    scale = np.arange(1.0, ages + 2)
    distance = np.diff(np.log(scale))
    weights = 1 / np.sqrt(distance)
    to_next = np.diag(scale[1:-1], 1)
    differences = to_next - np.diag(scale[:-1])
    weighted = differences * weights[:, None]
    precision: Array = weighted.T @ weighted
    return precision


def build_prior(ages: int, roughness: float = ROUGHNESS) -> Prior:
    """Return a prior by which growth may be of either sign."""
    precision = build_precision(ages)
    mean = np.zeros(ages)
    return Prior(mean, precision / roughness)


def estimate_smooth_growth(before: Array, after: Array, spans: Spans, variances: Array) -> Growth:
    """Estimate growth that is as rough as it must be.

    The roughness is the one with the highest evidence (D. MacKay, "Bayesian interpolation", Neural
    Computation 4 (1992), 415-447), but `ROUGHNESS` at least: where conversions come late, or all
    at once, growth changes more.

    Parameters
    ----------
    before, after : numpy.ndarray of float, shape (..., spans)
        The sums of the numbers before and after the steps of each span.
    spans : Spans
    variances : numpy.ndarray of float, shape (..., ages - 1)
    """
    _, ages = spans.covered.shape
    mean = np.zeros(ages)
    unit = build_precision(ages)
    roughness = np.full(variances.shape[:-1], LOOSE_ROUGHNESS)
    for _ in range(_ROUNDS):
        precision = unit / roughness[..., None, None]
        prior = Prior(mean, precision)
        growth = estimate_growth(before, after, spans, variances, prior)
        rises = growth.mean @ unit
        sizes = rises * growth.mean
        size = sizes.sum(axis=-1)
        traces = growth.covariance * unit
        unknown = traces.sum(axis=(-2, -1)) / roughness
        roughness = divide_or_zero(size, ages - unknown)
        roughness = np.clip(roughness, ROUGHNESS, _MAX_ROUGHNESS)
    precision = unit / roughness[..., None, None]
    prior = Prior(mean, precision)
    return estimate_growth(before, after, spans, variances, prior)
