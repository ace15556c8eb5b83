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
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

_ROUNDS: Final = 3
"""Rounds of estimating growth by the variances, and variances by the growth."""
_MAX_SCORING_STEPS: Final = 20
_TOLERANCE: Final = 1e-7
"""Of growth, from one scoring step to the next."""
_VARIANCE_STEPS: Final = 30
_LEAST_VARIANCE: Final = 1e-7
"""Impressions hardly change: a variance of 0 would be an infinite weight."""
_LEAST_SHARE: Final = 0.001
"""Of a step's growth that any of its ages is first assumed to have a part of."""


@dataclass(frozen=True)
class Steps:
    """The steps of days from one age at which they were fetched to the next.

    Attributes
    ----------
    version : numpy.ndarray of int, shape (steps,)
        The position of the version before the step; that after it is the next.
    day, start, end : numpy.ndarray of int, shape (steps,)
        The position of the day, and the ages before and after the step.
    """

    version: Array
    day: Array
    start: Array
    end: Array


@dataclass(frozen=True)
class Spans:
    """The ages of steps: those that lead from the same age to the same age are one span.

    Attributes
    ----------
    position : numpy.ndarray of int, shape (steps,)
        The span of each step.
    start : numpy.ndarray of int, shape (spans,)
        The age before.
    covered : numpy.ndarray of float, shape (spans, ages - 1)
        1 where a span leads from an age to the next one, else 0.
    counts : numpy.ndarray of int, shape (spans,)
        How many steps each is.
    """

    position: Array
    start: Array
    covered: Array
    counts: Array

    @property
    def days(self) -> Array:
        """The steps that lead over each age, shape (ages - 1,)."""
        days: Array = self.counts @ self.covered
        return days.astype(int)

    def add_up(self, values: Array) -> Array:
        """Add up the values of steps, shape (..., spans)."""
        spans = np.arange(len(self.counts))
        is_part = self.position[:, None] == spans
        sums: Array = values @ is_part
        return sums


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


def find_steps(day: Array, age: Array) -> Steps:
    """Find the steps between the versions of days.

    Parameters
    ----------
    day, age : numpy.ndarray of int, shape (versions,)
        The position of each version's day, and its age; sorted by day and age.
    """
    is_same_day = np.diff(day) == 0
    version = np.flatnonzero(is_same_day)
    return Steps(
        version=version,
        day=day[version],
        start=age[version],
        end=age[version + 1],
    )


def keep_recent_steps(steps: Steps, window: int) -> Steps:
    """Leave out the steps that are not among the most recent days of any of their ages.

    Parameters
    ----------
    steps : Steps
        Of days in the order of the calendar.
    window : int
        The number of days that a factor rests on at most.
    """
    last_age = steps.end.max(initial=0)
    covered = _find_covered_ages(steps.start, steps.end, last_age)
    # From the most recent day on, how many steps lead over each age.
    order = np.argsort(-steps.day, kind="stable")
    covered = covered[order]
    ranks = np.cumsum(covered, axis=0)
    is_recent = covered & (ranks <= window)
    is_kept = is_recent.any(axis=1)
    kept = np.sort(order[is_kept])
    return Steps(
        version=steps.version[kept],
        day=steps.day[kept],
        start=steps.start[kept],
        end=steps.end[kept],
    )


def _find_covered_ages(start: Array, end: Array, last_age: int) -> Array:
    """Return which ages lead to the next one within each step, shape (steps, last_age)."""
    ages = np.arange(last_age)
    has_begun = start[:, None] <= ages
    goes_on = ages < end[:, None]
    covered: Array = has_begun & goes_on
    return covered


def find_spans(steps: Steps, last_age: int) -> Spans:
    """Return the spans of steps.

    Parameters
    ----------
    steps : Steps
    last_age : int
        The age at which numbers are final.
    """
    pairs = np.stack([steps.start, steps.end])
    spans, positions, counts = np.unique(
        pairs,
        axis=1,
        return_inverse=True,
        return_counts=True,
    )
    start, end = spans
    covered = _find_covered_ages(start, end, last_age)
    return Spans(
        position=positions.reshape(-1),
        start=start,
        covered=covered.astype(float),
        counts=counts,
    )


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
    mean = np.broadcast_to(prior.mean, variances.shape)
    assumed = _apply(prior.precision, prior.mean)
    for _ in range(_MAX_SCORING_STEPS):
        previous = mean
        observed, weights = linearize(before, after, spans, variances, mean)
        weighted = spans.covered.T * weights[..., None, :]
        information = weighted @ spans.covered + prior.precision
        target = _apply(weighted, observed) + assumed
        solution = np.linalg.solve(information, target[..., None])
        mean = solution[..., 0]
        if np.allclose(mean, previous, rtol=0, atol=_TOLERANCE):
            break
    return Growth(mean, np.linalg.inv(information))


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
    final = before * np.exp(to_last[..., spans.start])
    least = np.maximum(variances, _LEAST_VARIANCE)
    spread = least @ spans.covered.T
    surplus = divide_or_zero(after - expected, expected)
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
    ages = spans.covered.shape[1]
    variances = np.ones((*before.shape[:-1], ages))
    for _ in range(_ROUNDS):
        growth = estimate_growth(*sums, spans, variances, prior)
        variances = _estimate_variances(before, after, spans, growth)
    return estimate_growth(*sums, spans, variances, prior), variances


def _estimate_variances(before: Array, after: Array, spans: Spans, growth: Growth) -> Array:
    """Estimate what each age adds to the variance of a day's last number, by that number.

    A residual of a longer step is distributed over its ages, at first as over-dispersed Poisson
    increments have it (P. England and R. Verrall, "Stochastic claims reserving in general
    insurance", British Actuarial Journal 8 (2002), 443-518), then by the estimates, until they
    agree with the residuals. An age with one step, or none, has what is assumed at first.
    """
    shares = growth.shares[..., :-1]
    growth_of_spans = growth.mean @ spans.covered.T
    growth_of_steps = growth_of_spans[..., spans.position]
    expected = before * np.exp(growth_of_steps)
    starts = spans.start[spans.position]
    final = before / shares[..., starts]
    residual = divide_or_zero(after - expected, expected)
    squares = spans.add_up(final * residual**2)
    variances = _assume_variances(growth.mean, shares)
    explained = (variances @ spans.covered.T) * spans.counts
    total = explained.sum(axis=-1, keepdims=True)
    variances *= squares.sum(axis=-1, keepdims=True) / total
    freedom = spans.days - 1
    known = np.maximum(freedom, 1)
    for _ in range(_VARIANCE_STEPS):
        spread = variances @ spans.covered.T
        by_span = squares / np.maximum(spread, _LEAST_VARIANCE)
        ratio = by_span @ spans.covered / known
        variances *= np.where(freedom > 0, ratio, 1.0)
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
