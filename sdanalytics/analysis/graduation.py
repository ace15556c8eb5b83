"""Graduation: growth by age is smooth, and that of a group or a fortnight resembles the whole's.

Growth by the logarithm of age, h(k) = (k + 1) g(k), has no scale of time. It is assumed to be a
Brownian motion in the logarithm of age that ends at 0, for final numbers grow no more. This is the
graduation of E. Whittaker ("On a new method of graduation", Proceedings of the Edinburgh
Mathematical Society 41 (1923), 63-75) with differences of the first order, which actuaries
apply to factors (R. Verrall, "Claims reserving and generalised additive models", Insurance:
Mathematics and Economics 19 (1996), 31-43). Where days were fetched daily the data decide; it
matters for days fetched weekly, and for ages that no day has reached.

Groups and fortnights differ from the whole by such motions too, as large as they disagree beyond
chance: the random effects of R. DerSimonian and N. Laird ("Meta-analysis in clinical trials",
Controlled Clinical Trials 7 (1986), 177-188).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import Array, Prior, Spans, divide_or_zero

ROUGHNESS: Final = 0.02
"""The variance of h per unit of the logarithm of age.

From age 1 to 41, three units, growth thus changes by 0.25 or so: in the sandbox by 0.2.
"""


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


def build_prior(ages: int) -> Prior:
    """Return the prior of the growth of the whole."""
    precision = build_precision(ages)
    mean = np.zeros(ages)
    return Prior(mean, precision / ROUGHNESS)


def measure_spread(observed: Array, weights: Array, spans: Spans) -> Array:
    """Measure how much the growth of units differs beyond chance, as a roughness.

    Parameters
    ----------
    observed, weights : numpy.ndarray of float, shape (units, ..., spans)
        The growth of each unit over each span, and the inverse of its variance.
    spans : Spans

    Returns
    -------
    numpy.ndarray of float, shape (...)
    """
    total = weights.sum(axis=0)
    weighted = weights * observed
    mean = divide_or_zero(weighted.sum(axis=0), total)
    share = divide_or_zero(weights, total)
    freedom = np.where(weights > 0, 1 - share, 0.0)
    deviation = observed - mean
    disagreement = _add_up_units(weights * deviation**2)
    by_chance = _add_up_units(freedom)
    _, ages = spans.covered.shape
    motion = np.linalg.inv(build_precision(ages))
    moved = spans.covered @ motion
    unit_variances = (moved * spans.covered).sum(axis=-1)
    by_unit_spread = _add_up_units(weights * freedom * unit_variances)
    excess = np.maximum(disagreement - by_chance, 0.0)
    return divide_or_zero(excess, by_unit_spread)


def _add_up_units(terms: Array) -> Array:
    """Add up terms of units and spans."""
    by_span = terms.sum(axis=0)
    sums: Array = by_span.sum(axis=-1)
    return sums
