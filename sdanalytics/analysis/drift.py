"""Drift: how much the growth of fortnights differs, apart from the chance of single days.

It is an analysis of variance by fortnights of the calendar: the squared residuals of steps are
those of steps about the mean of their fortnight, which are chance, and those of the means.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.analysis.chain_ladder import (
    divide_or_zero,
    estimate_growth,
    linearize,
    measure_residuals,
    spread_over_spans,
)
from sdanalytics.analysis.graduation import LOOSE_ROUGHNESS, build_prior
from sdanalytics.analysis.random_effects import build_effects, measure_spread
from sdanalytics.analysis.steps import Array, Spans, Steps

_FORTNIGHT: Final = 14
_MIN_FREEDOM: Final = 20
"""Degrees of freedom within fortnights, below which all residuals are taken for chance."""


def separate_drift(
    before: Array, after: Array, steps: Steps, spans: Spans, variances: Array
) -> tuple[Array, Array]:
    """Separate the variances of days from the drift of fortnights.

    Parameters
    ----------
    before, after : numpy.ndarray of float, shape (metrics, steps)
    steps : Steps
    spans : Spans
    variances : numpy.ndarray of float, shape (metrics, ages - 1)
        Of both together.

    Returns
    -------
    variances : numpy.ndarray of float, shape (metrics, ages - 1)
        Of days within fortnights.
    drift : numpy.ndarray of float, shape (metrics,)
        The relative variance of growth (`sdanalytics.analysis.random_effects`).
    """
    _, ages = variances.shape
    prior = build_prior(ages, LOOSE_ROUGHNESS)
    sums = spans.add_up(before), spans.add_up(after)
    growth = estimate_growth(*sums, spans, variances, prior).mean
    is_fortnight = _find_fortnights(steps)
    residuals, final = measure_residuals(before, after, spans, growth)
    weighted = final * residuals
    surplus = spans.add_up(weighted * is_fortnight)
    finals = spans.add_up(final * is_fortnight)
    squares_of_means = divide_or_zero(surplus**2, finals)
    of_means = squares_of_means.sum(axis=0)
    squares = spans.add_up(weighted * residuals)
    spread = spread_over_spans(variances, spans)
    chi_squares = (squares - of_means) / spread
    counts = spans.add_up(is_fortnight.astype(float))
    means = np.count_nonzero(counts)
    freedom = spans.counts.sum() - means
    if freedom >= _MIN_FREEDOM:
        chi_square = chi_squares.sum(axis=-1, keepdims=True)
        ratio = np.minimum(chi_square / freedom, 1.0)
        variances = variances * ratio
    parts_before = spans.add_up(before * is_fortnight)
    parts_after = spans.add_up(after * is_fortnight)
    observed, weights = linearize(parts_before, parts_after, spans, variances, growth)
    effects = build_effects(growth)
    return variances, measure_spread(observed, weights, spans, effects)


def _find_fortnights(steps: Steps) -> Array:
    """Return which steps are of days of each fortnight, shape (fortnights, 1, steps)."""
    number = steps.day // _FORTNIGHT
    numbers = np.unique(number)
    is_part: Array = number == numbers[:, None, None]
    return is_part
