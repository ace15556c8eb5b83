"""Intervals of rates: of clicks that convert, of orders by what was paid for them.

Bounds are of the long-run rate behind numbers that are drawn by chance: at level 0.9, of a hundred
such reports ninety have intervals with the rate that they were drawn from. Events that come in
clumps vary more than chance alone: their number counts as if it were smaller by its dispersion
(see `sdanalytics.analysis.dispersion`), which is the quasi-likelihood of McCullagh and Nelder,
"Generalized Linear Models", 1989, chapters 4 and 6.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from sdanalytics.analysis.ratios import divide

_PRIOR_EVENTS: Final = 0.5
"""Jeffreys' prior has half an event of each kind."""


class Bounds(NamedTuple):
    """The bounds of rates.

    Attributes
    ----------
    low, high : numpy.ndarray of float64
        Missing where there is no rate, or nothing bounds it.
    """

    low: Any
    high: Any

    def scale(self, factors: Any) -> Bounds:
        """Return the bounds of the rates times positive factors."""
        low = self.low * factors
        high = self.high * factors
        return Bounds(low, high)

    def invert(self) -> Bounds:
        """Return the bounds of 1 by the rates: none above where a rate may be 0."""
        ones = np.ones(len(self.low))
        return Bounds(
            low=divide(ones, self.high),
            high=divide(ones, self.low),
        )


def bound_fractions(
    events: Any,
    trials: Any,
    level: float,
    dispersion: float = 1.0,
) -> Bounds:
    """Return bounds of the probability of an event: Jeffreys' interval.

    Quantiles of Beta(events + 1/2, trials - events + 1/2), 0 below without events and 1 above
    without anything else (Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion",
    Statistical Science 16, 2001). Where there are more events than trials, which no binomial number
    has (one click, two orders), they are those of a rate (`bound_event_rates`).
    """
    from scipy.special import betaincinv

    others = trials - events
    tail = (1 - level) / 2
    first = _find_shapes(events, dispersion)
    second = _find_shapes(others, dispersion)
    low = betaincinv(first, second, tail)
    high = betaincinv(first, second, 1 - tail)
    low[events == 0] = 0.0
    high[others == 0] = 1.0
    as_rates = bound_event_rates(events, trials, level, dispersion)
    is_binomial = (events >= 0) & (others >= 0)
    low = np.where(is_binomial, low, as_rates.low)
    high = np.where(is_binomial, high, as_rates.high)
    has_trials = trials > 0
    low[~has_trials] = np.nan
    high[~has_trials] = np.nan
    return Bounds(low, high)


def bound_event_rates(
    events: Any,
    exposure: Any,
    level: float,
    dispersion: Any = 1.0,
) -> Bounds:
    """Return bounds of the events by exposure that are expected of a Poisson process.

    Quantiles of Gamma(events + 1/2), by the exposure, which is the posterior distribution with
    Jeffreys' prior; 0 below without events (Brown, Cai and DasGupta, "Interval estimation in
    exponential families", Statistica Sinica 13, 2003).

    Parameters
    ----------
    events, exposure : numpy.ndarray of float64
    level : float
        A fraction.
    dispersion : float or numpy.ndarray of float64
        The variance of events by their expectation.
    """
    from scipy.special import gammaincinv

    tail = (1 - level) / 2
    shapes = _find_shapes(events, dispersion)
    low = gammaincinv(shapes, tail)
    high = gammaincinv(shapes, 1 - tail)
    low[events == 0] = 0.0
    is_known = (exposure > 0) & (events >= 0)
    known_exposure = np.where(is_known, exposure, np.nan)
    return Bounds(low, high).scale(dispersion / known_exposure)


def _find_shapes(events: Any, dispersion: Any) -> Any:
    """Return the shapes of the posterior distributions of events and their like."""
    counts = np.maximum(events, 0.0)
    return counts / dispersion + _PRIOR_EVENTS
