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
    scale = np.arange(1.0, ages + 1)
    distance = np.diff(np.log(np.arange(1.0, ages + 2)))
    differences = -np.diag(scale) + np.diag(scale[1:], 1)
    weighted = differences / np.sqrt(distance)[:, None]
    precision: Array = weighted.T @ weighted
    return precision


def build_prior(ages: int) -> Prior:
    """Return the prior of the growth of the whole."""
    return Prior(np.zeros(ages), build_precision(ages) / ROUGHNESS)


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
    mean = divide_or_zero((weights * observed).sum(axis=0), total)
    freedom = np.where(weights > 0, 1 - divide_or_zero(weights, total), 0.0)
    disagreement = (weights * (observed - mean) ** 2).sum(axis=(0, -1))
    by_chance = freedom.sum(axis=(0, -1))
    motion = np.linalg.inv(build_precision(spans.covered.shape[1]))
    unit_variances = np.einsum("pk,kl,pl->p", spans.covered, motion, spans.covered)
    by_unit_spread = (weights * freedom * unit_variances).sum(axis=(0, -1))
    excess = np.maximum(disagreement - by_chance, 0.0)
    return divide_or_zero(excess, by_unit_spread)
