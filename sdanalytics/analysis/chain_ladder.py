"""The chain ladder: how numbers develop with age, estimated from how earlier days developed.

The number of day d as known at age k is C(d, k). Its expected next value is f(k) C(d, k), and the
variance of that is s2(k) C(d, k); days are independent. Then

    f(k) = sum over days of C(d, k + 1) / sum over days of C(d, k)

is the best linear unbiased estimate, and the errors of forecasts follow: T. Mack,
"Distribution-free calculation of the standard error of chain ladder reserve estimates", ASTIN
Bulletin 23 (1993), 213-225. Factors may be below 1: conversions are cancelled, and invalid traffic
is taken out.

Days that were fetched at irregular ages have steps of several ages. What such a step adds is
distributed over its ages as the factors say, and the factors are estimated again, until they
stay: the EM algorithm (Dempster, Laird and Rubin 1977) for the over-dispersed Poisson model of
increments, whose estimates on complete triangles are those of the chain ladder (P. England and
R. Verrall, "Stochastic claims reserving in general insurance", British Actuarial Journal 8 (2002),
443-518).

It fails where the delay itself changes with the calendar, as in a sales event: `heterogeneity`
measures that, and widens errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

_MAX_ITERATIONS: Final = 300
_TOLERANCE: Final = 1e-8
"""Of factors, from one iteration to the next."""
_VARIANCE_ITERATIONS: Final = 30


@dataclass(frozen=True)
class Steps:
    """The steps of days from one age at which they were fetched to the next.

    Attributes
    ----------
    day, start, end : numpy.ndarray of int, shape (steps,)
        The position of the day, and the ages before and after the step.
    covered : numpy.ndarray of bool, shape (steps, ages - 1)
        Whether a step leads from an age to the next one.
    """

    day: Array
    start: Array
    end: Array
    covered: Array


@dataclass(frozen=True)
class Development:
    """The development of numbers by age.

    Attributes
    ----------
    factors : numpy.ndarray of float, shape (..., ages - 1)
        The number at the next age by that at each age.
    variances : numpy.ndarray of float, shape (..., ages - 1)
        Mack's s2: the variance that a step adds, by the number before it.
    exposures : numpy.ndarray of float, shape (..., ages - 1)
        The sum of the numbers that each factor rests on.
    days : numpy.ndarray of int, shape (ages - 1,)
        The days that each factor rests on.
    """

    factors: Array
    variances: Array
    exposures: Array
    days: Array

    @property
    def shares(self) -> Array:
        """The share of the last age's number that is known at each age, shape (..., ages)."""
        to_last = np.cumprod(self.factors[..., ::-1], axis=-1)[..., ::-1]
        last = np.ones((*self.factors.shape[:-1], 1))
        with np.errstate(divide="ignore"):
            return np.concatenate([1 / to_last, last], axis=-1)

    @property
    def parameter_variances(self) -> Array:
        """The variance of the logarithm of each share by the errors of factors, shape (..., ages).

        Common to all days: sums of days do not make it smaller.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = self.variances / (self.factors**2 * self.exposures)
        return _sum_to_last(np.nan_to_num(terms, nan=0.0, posinf=0.0))

    @property
    def own_variances(self) -> Array:
        """The variance of a day's last number, by that number, from its own draws.

        Of shape (..., ages), by the age at which the day is known.
        """
        shares = self.shares[..., :-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = self.variances / (self.factors**2 * shares)
        return _sum_to_last(np.nan_to_num(terms, nan=0.0, posinf=0.0))


def find_steps(is_observed: Array) -> Steps:
    """Find the steps of days between the ages at which they were fetched.

    Parameters
    ----------
    is_observed : numpy.ndarray of bool, shape (days, ages)
    """
    days: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    for day, row in enumerate(is_observed):
        ages = np.flatnonzero(row)
        days += [day] * max(0, len(ages) - 1)
        starts += ages[:-1].tolist()
        ends += ages[1:].tolist()
    day_array, start, end = (np.array(values, dtype=int) for values in (days, starts, ends))
    ages = np.arange(is_observed.shape[1] - 1)
    covered = (start[:, None] <= ages) & (ages < end[:, None])
    return Steps(day_array, start, end, covered)


def keep_recent_steps(steps: Steps, window: int) -> Steps:
    """Leave out the steps that are not among the most recent days of any of their ages.

    Parameters
    ----------
    steps : Steps
        Of days in the order of the calendar.
    window : int
        The number of days that a factor rests on at most.
    """
    # From the most recent day on, how many steps lead over each age.
    order = np.argsort(-steps.day, kind="stable")
    ranks = np.cumsum(steps.covered[order], axis=0)
    is_recent = steps.covered[order] & (ranks <= window)
    kept = np.sort(order[is_recent.any(axis=1)])
    return Steps(steps.day[kept], steps.start[kept], steps.end[kept], steps.covered[kept])


def estimate_development(numbers: Array, steps: Steps) -> Development:
    """Estimate factors and their variances.

    Parameters
    ----------
    numbers : numpy.ndarray of float, shape (..., days, ages)
        Cumulative: of each day as it was known at each age. Only those before and after a
        step are read.
    steps : Steps

    Returns
    -------
    Development
        Ages that no step leads over have the factor 1 and the variance 0.
    """
    before = numbers[..., steps.day, steps.start]
    after = numbers[..., steps.day, steps.end]
    # All that happens to steps of the same ages is linear: their sums are enough.
    spans, span_index = _group_by_ages(steps)
    covered = steps.covered[spans]
    sums = _sum_by(before, span_index), _sum_by(after, span_index)
    factors = np.ones((*numbers.shape[:-2], steps.covered.shape[1]))
    is_single = bool((covered.sum(axis=1) == 1).all())
    for _ in range(1 if is_single else _MAX_ITERATIONS):
        previous = factors
        paths = _impute_paths(*sums, factors, covered)
        factors, exposures = _divide_sums(paths, covered)
        if np.allclose(factors, previous, rtol=0, atol=_TOLERANCE):
            break
    expected = before * _step_factors(factors, covered).prod(axis=-1)[..., span_index]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(before > 0, (after - expected) ** 2 / before, 0.0)
    days = steps.covered.sum(axis=0)
    variances = _estimate_variances(_sum_by(squares, span_index), covered, days)
    return Development(factors, variances, exposures, days)


def _group_by_ages(steps: Steps) -> tuple[Array, Array]:
    """Return a step of each pair of ages, and for each step the position of its pair."""
    pairs = np.stack([steps.start, steps.end], axis=1)
    _, firsts, positions = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return firsts, positions.reshape(-1)


def _sum_by(values: Array, positions: Array) -> Array:
    """Sum the values of steps by their position, shape (..., positions)."""
    count = int(positions.max(initial=-1)) + 1
    sums: Array = values @ (positions[:, None] == np.arange(count))
    return sums


def _step_factors(factors: Array, covered: Array) -> Array:
    return np.where(covered, factors[..., None, :], 1.0)


def _impute_paths(before: Array, after: Array, factors: Array, covered: Array) -> Array:
    """Return the numbers on the way of each step, shape (..., steps, ages).

    The difference between the number after a step and the one expected there is distributed over
    its ages in proportion to what they are expected to add.
    """
    growth = np.cumprod(_step_factors(factors, covered), axis=-1)
    growth = _prepend(growth, np.ones_like(before))
    added = np.abs(np.diff(growth, axis=-1))
    total = added.sum(axis=-1, keepdims=True)
    even = covered / np.maximum(covered.sum(axis=-1), 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(total > 0, added / total, even)
    surplus = after - before * growth[..., -1]
    correction = np.cumsum(weights * surplus[..., None], axis=-1)
    return before[..., None] * growth + _prepend(correction, np.zeros_like(before))


def _divide_sums(paths: Array, covered: Array) -> tuple[Array, Array]:
    """Return the factor of each age, and the sum of numbers that it rests on."""
    before = np.where(covered, paths[..., :-1], 0.0).sum(axis=-2)
    after = np.where(covered, paths[..., 1:], 0.0).sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where((before > 0) & (after > 0), after / before, 1.0)
    return factors, before


def _estimate_variances(squares: Array, covered: Array, days: Array) -> Array:
    """Estimate Mack's s2 of each age; a residual of a longer step is distributed over its ages."""
    degrees = np.maximum(days - 1, 1)
    variances = np.ones((*squares.shape[:-1], len(days)))
    is_single = bool((covered.sum(axis=1) == 1).all())
    for _ in range(1 if is_single else _VARIANCE_ITERATIONS):
        weights = np.where(covered, variances[..., None, :], 0.0)
        total = weights.sum(axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(total > 0, weights / total, 0.0) * squares[..., None]
        variances = parts.sum(axis=-2) / degrees
    return _extrapolate_variances(variances, days)


def _extrapolate_variances(variances: Array, days: Array) -> Array:
    """Assume Mack's variance for ages of which there is one day: they go on to fall, or stay."""
    variances = np.where(days > 1, variances, 0.0)
    for age in np.flatnonzero(days == 1):
        if age >= 2:
            first, second = variances[..., age - 2], variances[..., age - 1]
            with np.errstate(divide="ignore", invalid="ignore"):
                falling = np.where(first > 0, second**2 / first, second)
            variances[..., age] = np.minimum(falling, np.minimum(first, second))
    return variances


def _prepend(values: Array, first: Array) -> Array:
    return np.concatenate([first[..., None], values], axis=-1)


def _sum_to_last(terms: Array) -> Array:
    """Return the sums from each age to the last, and 0 for the last."""
    sums = np.cumsum(terms[..., ::-1], axis=-1)[..., ::-1]
    last = np.zeros((*terms.shape[:-1], 1))
    return np.concatenate([sums, last], axis=-1)
