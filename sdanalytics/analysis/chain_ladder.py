"""The chain ladder: how numbers develop with age, estimated from how earlier days developed.

The number of day d as known at age k is C(d, k). Its expected next value is f(k) C(d, k), and the
variance of that is in proportion to C(d, k); days are independent. Then

    f(k) = sum over days of C(d, k + 1) / sum over days of C(d, k)

is the best linear unbiased estimate, and the errors of forecasts follow: T. Mack,
"Distribution-free calculation of the standard error of chain ladder reserve estimates", ASTIN
Bulletin 23 (1993), 213-225. Factors may be below 1: conversions are cancelled, and invalid traffic
is taken out.

Days that were fetched at irregular ages have steps over several ages, whose factors are products.
Their logarithms, the growth g(k) = ln f(k), are sums, so that they are found by generalized least
squares (scoring steps of the quasi-likelihood; P. McCullagh and J. Nelder, "Generalized Linear
Models", 2nd ed., 1989, ch. 9). On steps from each age to the next these are the chain ladder's
estimates, and Mack's errors. What such steps leave open is filled in by a `Prior`.

It fails where the delay itself changes with the calendar, as in a sales event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.steps import Array, Spans

_ROUNDS: Final = 3
"""Rounds of estimating growth by the variances, and variances by the growth."""
_MAX_SCORING_STEPS: Final = 20
_TOLERANCE: Final = 1e-7
"""Of growth, from one scoring step to the next."""
_VARIANCE_STEPS: Final = 30
_LEAST_VARIANCE: Final = 1e-7
"""Impressions hardly change: a variance of 0 would be an infinite weight."""
_LEAST_FREEDOM: Final = 0.5
"""Degrees of freedom of which a variance is estimated."""
_LEAST_SHARE: Final = 0.001
"""Of a step's growth that any of its ages is first assumed to have a part of."""


@dataclass(frozen=True)
class Prior:
    """The growth that is expected before any number is seen, as a normal distribution.

    Attributes
    ----------
    mean : numpy.ndarray of float, shape (..., ages - 1)
    precision : numpy.ndarray of float, shape (..., ages - 1, ages - 1)
        The inverse of the covariance; 0: nothing is known.
    """

    mean: Array
    precision: Array


@dataclass(frozen=True)
class Growth:
    """The growth of numbers by age: the logarithms of the factors.

    Attributes
    ----------
    mean : numpy.ndarray of float, shape (..., ages - 1)
    covariance : numpy.ndarray of float, shape (..., ages - 1, ages - 1)
        Of the estimate.
    """

    mean: Array
    covariance: Array

    @property
    def shares(self) -> Array:
        """The share of the last age's number that is known at each age, shape (..., ages)."""
        to_last = sum_to_last(self.mean)
        shares: Array = np.exp(-to_last)
        return shares

    @property
    def share_variances(self) -> Array:
        """The variance of the logarithm of each share, shape (..., ages).

        It is common to all days: sums of days do not make it smaller.
        """
        return sum_variances(self.covariance)


def estimate_growth(
    before: Array, after: Array, spans: Spans, variances: Array, prior: Prior
) -> Growth:
    """Estimate the growth by age from sums of steps.

    Parameters
    ----------
    before, after : numpy.ndarray of float, shape (..., spans)
        The sums of the numbers before and after the steps of each span.
    spans : Spans
    variances : numpy.ndarray of float, shape (..., ages - 1)
        What each age adds to the variance of a day's last number, by that number.
    prior : Prior
    """
    assumed = _apply(prior.precision, prior.mean)
    observed, weights = _take_logarithms(before, after, spans, variances)
    mean = prior.mean
    for _ in range(_MAX_SCORING_STEPS):
        previous = mean
        columns = weights[..., None, :]
        weighted = columns * spans.covered.T
        information = weighted @ spans.covered + prior.precision
        target = _apply(weighted, observed) + assumed
        solution = np.linalg.solve(information, target[..., None])
        mean = solution[..., 0]
        observed, weights = linearize(before, after, spans, variances, mean)
        if np.allclose(mean, previous, rtol=0, atol=_TOLERANCE):
            break
    return Growth(mean, np.linalg.inv(information))


def _take_logarithms(
    before: Array, after: Array, spans: Spans, variances: Array
) -> tuple[Array, Array]:
    """Return what `linearize` does before any growth is known."""
    smaller = np.minimum(before, after)
    is_known = smaller > 0
    ratio = divide_or_zero(after, np.where(is_known, before, 0.0))
    logarithms = np.log(np.where(is_known, ratio, 1.0))
    spread = spread_over_spans(variances, spans)
    known = np.where(is_known, after, 0.0)
    return logarithms, known / spread


def spread_over_spans(variances: Array, spans: Spans) -> Array:
    """Return what the ages of each span add to the variance of a day's last number."""
    known = np.maximum(variances, _LEAST_VARIANCE)
    spread: Array = known @ spans.covered.T
    return spread


def _apply(matrices: Array, vectors: Array) -> Array:
    """Multiply matrices by vectors, one by one."""
    columns = vectors[..., None]
    products: Array = matrices @ columns
    return products[..., 0]


def linearize(
    before: Array, after: Array, spans: Spans, variances: Array, growth: Array
) -> tuple[Array, Array]:
    """Return the growth that was observed over each span, and its weight, shape (..., spans).

    The weight is the inverse of its variance.
    """
    expected_growth = growth @ spans.covered.T
    expected = before * np.exp(expected_growth)
    to_last = sum_to_last(growth)
    still_to_come = to_last[..., spans.start]
    final = before * np.exp(still_to_come)
    surplus = divide_or_zero(after - expected, expected)
    # From far below, a step of Newton's method would go much too far.
    large = np.maximum(surplus, 1)
    surplus = np.minimum(surplus, 1 + np.log(large))
    spread = spread_over_spans(variances, spans)
    return expected_growth + surplus, final / spread


def estimate_development(
    before: Array, after: Array, spans: Spans, prior: Prior
) -> tuple[Growth, Array]:
    """Estimate the growth by age and the variances that go with it, from steps.

    Parameters
    ----------
    before, after : numpy.ndarray of float, shape (..., steps)
        The numbers before and after each step.
    spans : Spans
    prior : Prior

    Returns
    -------
    growth : Growth
    variances : numpy.ndarray of float, shape (..., ages - 1)
        What each age adds to the variance of a day's last number, by that number. It is Mack's
        s2(k) / (f(k)**2 share(k)).
    """
    sums = spans.add_up(before), spans.add_up(after)
    _, ages = spans.covered.shape
    shape = (*before.shape[:-1], ages)
    variances = np.ones(shape)
    for _ in range(_ROUNDS):
        growth = estimate_growth(*sums, spans, variances, prior)
        _, weights = linearize(*sums, spans, variances, growth.mean)
        residuals, final = measure_residuals(before, after, spans, growth.mean)
        squares = spans.add_up(final * residuals**2)
        freedom = spans.counts - weights * _measure_span_variances(growth, spans)
        variances = _estimate_variances(squares, freedom, spans, growth)
    return estimate_growth(*sums, spans, variances, prior), variances


def measure_residuals(
    before: Array, after: Array, spans: Spans, growth: Array
) -> tuple[Array, Array]:
    """Return the relative residual of each step, and the last number that is expected of its day.

    The variance of a residual is that which the ages of its step add, by the last number.
    """
    growth_of_spans = growth @ spans.covered.T
    growth_of_steps = growth_of_spans[..., spans.position]
    expected = before * np.exp(growth_of_steps)
    to_last = sum_to_last(growth)
    starts = spans.start[spans.position]
    still_to_come = to_last[..., starts]
    final = before * np.exp(still_to_come)
    residuals = divide_or_zero(after - expected, expected)
    return residuals, final


def _measure_span_variances(growth: Growth, spans: Spans) -> Array:
    """Return the variance of the estimated growth over each span.

    Times the weight of the span it is the leverage: how many parameters its steps have fitted.
    """
    moved = spans.covered @ growth.covariance
    products = moved * spans.covered
    variances: Array = products.sum(axis=-1)
    return variances


def _estimate_variances(squares: Array, freedom: Array, spans: Spans, growth: Growth) -> Array:
    """Estimate what each age adds to the variance of a day's last number, by that number.

    The squared residuals of a span are distributed over its ages, at first as over-dispersed
    Poisson increments have it (P. England and R. Verrall, "Stochastic claims reserving in general
    insurance", British Actuarial Journal 8 (2002), 443-518), then by the estimates, until they
    agree with the residuals. An age with a step or less to learn from has what is assumed at first.
    """
    shares = growth.shares
    variances = _assume_variances(growth.mean, shares[..., :-1])
    explained = freedom * (variances @ spans.covered.T)
    all_explained = explained.sum(axis=-1, keepdims=True)
    all_squares = squares.sum(axis=-1, keepdims=True)
    scale = all_squares / np.maximum(all_explained, _LEAST_VARIANCE)
    variances *= scale
    freedom_of_ages = freedom @ spans.covered
    is_known = freedom_of_ages > _LEAST_FREEDOM
    known = np.maximum(freedom_of_ages, _LEAST_FREEDOM)
    for _ in range(_VARIANCE_STEPS):
        spread = variances @ spans.covered.T
        by_span = squares / np.maximum(spread, _LEAST_VARIANCE)
        ratio = by_span @ spans.covered / known
        variances *= np.where(is_known, ratio, 1.0)
    return variances


def _assume_variances(growth: Array, shares: Array) -> Array:
    """Return variances in the proportions of over-dispersed Poisson increments."""
    size = np.abs(growth)
    total = size.sum(axis=-1, keepdims=True)
    least = _LEAST_SHARE * total + _LEAST_VARIANCE
    variances: Array = (size + least) / shares
    return variances


def divide_or_zero(numerator: Array, denominator: Array) -> Array:
    """Divide arrays; 0 where the denominator is not above 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    zeros = np.zeros(shape)
    quotient: Array = np.divide(numerator, denominator, out=zeros, where=denominator > 0)
    return quotient


def sum_to_last(terms: Array) -> Array:
    """Return the sums from each age to the last, and 0 for the last."""
    from_last = np.flip(terms, axis=-1)
    sums = np.cumsum(from_last, axis=-1)
    nothing = np.zeros_like(terms[..., :1])
    with_last = np.concatenate([nothing, sums], axis=-1)
    return np.flip(with_last, axis=-1)


def sum_variances(covariance: Array) -> Array:
    """Return the variances of the sums from each age to the last, and 0 for the last."""
    of_rows = sum_to_last(covariance)
    columns = np.swapaxes(of_rows, -1, -2)
    of_both = sum_to_last(columns)
    variances: Array = np.diagonal(of_both, axis1=-2, axis2=-1)
    return variances
