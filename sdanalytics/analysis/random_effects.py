"""Random effects: how the growth of groups, or of fortnights, differs from that of the whole.

Each differs by a part of the growth at each age, more alike for ages that are near to one another.
How large that part is follows from how much they disagree beyond chance: R. DerSimonian and
N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7 (1986), 177-188.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import divide_or_zero
from sdanalytics.analysis.steps import Array, Spans

_LEAST_GROWTH: Final = 0.01
"""By the logarithm of age: where the whole does not grow, a group may."""
_CORRELATION_LENGTH: Final = 3.0
"""Of the logarithm of age, of which there are four."""


def build_effects(growth: Array) -> Array:
    """Return the covariance of growth by effects of the relative variance 1.

    Effects on two ages have a correlation of exp(-d / 3) at the distance d of the logarithms: when
    conversions come later, they do so at most ages.

    Parameters
    ----------
    growth : numpy.ndarray of float, shape (..., ages - 1)
        Of the whole.
    """
    *_, count = growth.shape
    ages = np.arange(count) + 1.0
    logarithms = np.log(ages)
    distance = np.abs(logarithms - logarithms[:, None])
    correlation = np.exp(-distance / _CORRELATION_LENGTH)
    least = _LEAST_GROWTH / ages
    size = np.abs(growth) + least
    rows = size[..., None]
    columns = size[..., None, :]
    effects: Array = rows * correlation * columns
    return effects


def measure_spread(observed: Array, weights: Array, spans: Spans, effects: Array) -> Array:
    """Measure how much the growth of units differs beyond chance.

    Parameters
    ----------
    observed, weights : numpy.ndarray of float, shape (units, ..., spans)
        The growth of each unit over each span, and the inverse of its variance.
    spans : Spans
    effects : numpy.ndarray of float, shape (..., ages - 1, ages - 1)
        As `build_effects` returns it.

    Returns
    -------
    numpy.ndarray of float, shape (...)
        The relative variance of growth.
    """
    total = weights.sum(axis=0)
    weighted = weights * observed
    sums = weighted.sum(axis=0)
    mean = divide_or_zero(sums, total)
    share = divide_or_zero(weights, total)
    freedom = np.where(weights > 0, 1 - share, 0.0)
    deviation = observed - mean
    disagreement = _add_up_units(weights * deviation**2)
    by_chance = _add_up_units(freedom)
    moved = spans.covered @ effects
    products = moved * spans.covered
    unit_variances = products.sum(axis=-1)
    known = weights * freedom
    by_unit_spread = _add_up_units(known * unit_variances)
    excess = np.maximum(disagreement - by_chance, 0.0)
    return divide_or_zero(excess, by_unit_spread)


def _add_up_units(terms: Array) -> Array:
    """Add up terms of units and spans."""
    by_span = terms.sum(axis=0)
    sums: Array = by_span.sum(axis=-1)
    return sums
