"""Local-level models of many series at once: a level that wanders slowly, and noise about it.

Each observation is the level plus noise; from one time to the next the level changes by a normal
step. The Kalman filter gives the level, its error, and that of what follows (Harvey, "Forecasting,
structural time series models and the Kalman filter", 1989; Durbin and Koopman, "Time series
analysis by state space methods", 2012, chapter 2). Of the variance of the steps, by that of the
noise, a few weeks tell little: the results are averages over the values of a grid, by likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sdanalytics.analysis.row_groups import FloatArray

_STEP_VARIANCES: Final = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.3])
"""The grid: variances of a step of the level, by that of the noise. No level stays for ever."""
_MIN_DEVIATION: Final = 1e-9
PRIOR_DEGREES: Final = 3.0
"""How many observations the spread that is known beforehand counts for."""


@dataclass(frozen=True)
class LocalLevels:
    """The fitted models of series.

    Attributes
    ----------
    levels : numpy.ndarray of float
        By series and value of the grid, after the last observation.
    level_variances : numpy.ndarray of float
        Of the errors of these, by the variance of the noise.
    noise_variances : numpy.ndarray of float
        By series and value of the grid.
    weights : numpy.ndarray of float
        Of the values of the grid in each series; their sum is 1.
    surprises : numpy.ndarray of float
        By series and time: the observation, less its prediction, by the standard deviation of
        the error of this; NaN for the first observation and where there is none.
    degrees : numpy.ndarray of float
        The degrees of freedom of each series' noise variance.
    """

    levels: FloatArray
    level_variances: FloatArray
    noise_variances: FloatArray
    weights: FloatArray
    surprises: FloatArray
    degrees: FloatArray

    @property
    def mean_levels(self) -> FloatArray:
        """The expected level of each series."""
        weighted = self.weights * self.levels
        means: FloatArray = weighted.sum(axis=1)
        return means

    def sum_variances(self, factors: FloatArray) -> FloatArray:
        """Return the variances of the sums of coming observations times factors.

        By series and time: of the sum from the first coming observation up to this one.
        """
        sums = np.cumsum(factors)
        sums_before = sums - factors
        # How often the step at each time (column) is in the sum up to each time (row).
        step_factors = np.subtract.outer(sums, sums_before)
        step_factors = np.tril(step_factors)
        step_squares = step_factors**2
        step_sums = step_squares.sum(axis=1)
        square_sums = sums**2
        of_level = np.multiply.outer(self.level_variances, square_sums)
        of_steps = np.multiply.outer(_STEP_VARIANCES, step_sums)
        of_noise = np.cumsum(factors**2)
        relative = of_level + of_steps + of_noise
        within = self.noise_variances[:, :, None] * relative
        distances = self.levels - self.mean_levels[:, None]
        between = np.multiply.outer(distances**2, square_sums)
        variances = within + between
        weighted = self.weights[:, :, None] * variances
        by_time: FloatArray = weighted.sum(axis=1)
        return by_time


def fit_local_levels(series: FloatArray, spread: float) -> LocalLevels:
    """Fit a local-level model to each series.

    Parameters
    ----------
    series : numpy.ndarray of float
        By series and time; NaN where there is no observation. Each has at least one.
    spread : float
        The standard deviation of the noise by the level, as it is known beforehand.
    """
    filtered = _filter(series)
    means = np.nanmean(series, axis=1)
    prior_deviations = spread * means
    # Of a series of zeros, which must not divide by zero.
    prior_deviations = np.maximum(prior_deviations, _MIN_DEVIATION)
    prior_sums = PRIOR_DEGREES * prior_deviations**2
    degrees = PRIOR_DEGREES + filtered.counts - 1
    square_sums = prior_sums[:, None] + filtered.square_sums
    noise_variances = square_sums / degrees[:, None]
    weights = _weigh(noise_variances, degrees, filtered.log_scales)
    scaled = filtered.errors / np.sqrt(noise_variances)
    weighted = weights * scaled
    surprises = weighted.sum(axis=2)
    return LocalLevels(
        levels=filtered.levels,
        level_variances=filtered.variances,
        noise_variances=noise_variances,
        weights=weights,
        surprises=surprises.T,
        degrees=degrees,
    )


def _weigh(noise_variances: FloatArray, degrees: FloatArray, log_scales: FloatArray) -> FloatArray:
    """Return the likelihoods of the values of the grid, by their sum in each series."""
    deviances = np.log(noise_variances)
    deviances *= degrees[:, None]
    deviances += log_scales
    deviances -= deviances.min(axis=1, keepdims=True)
    likelihoods = np.exp(-deviances / 2)
    weights: FloatArray = likelihoods / likelihoods.sum(axis=1, keepdims=True)
    return weights


@dataclass
class _Filter:
    """The state of the Kalman filter: by series and value of the grid.

    `counts` is of the observations of each series; `errors` is of predictions, by time, series and
    value of the grid, scaled by their standard deviation for a noise of 1.
    """

    levels: FloatArray
    variances: FloatArray
    square_sums: FloatArray
    log_scales: FloatArray
    counts: FloatArray
    errors: FloatArray


def _filter(series: FloatArray) -> _Filter:
    """Run the filter, which knows nothing of a level before its first observation."""
    count, length = series.shape
    shape = count, len(_STEP_VARIANCES)
    state = _Filter(
        levels=np.zeros(shape),
        variances=np.zeros(shape),
        square_sums=np.zeros(shape),
        log_scales=np.zeros(shape),
        counts=np.zeros(count),
        errors=np.full((length, *shape), np.nan),
    )
    for time in range(length):
        values = series[:, time]
        _observe(state, values, time)
    return state


def _observe(state: _Filter, values: FloatArray, time: int) -> None:
    """Take one observation of each series that has one."""
    has_begun = state.counts > 0
    state.variances[has_begun] += _STEP_VARIANCES
    is_observed = ~np.isnan(values)
    column = values[:, None]
    begins = is_observed & ~has_begun
    state.levels[begins] = column[begins]
    state.variances[begins] = 1.0
    goes_on = is_observed & has_begun
    before = state.variances[goes_on]
    scales = before + 1.0
    errors = column[goes_on] - state.levels[goes_on]
    gains = before / scales
    state.levels[goes_on] += gains * errors
    state.variances[goes_on] = gains
    scaled = errors / np.sqrt(scales)
    state.square_sums[goes_on] += scaled**2
    state.log_scales[goes_on] += np.log(scales)
    state.errors[time, goes_on] = scaled
    state.counts += is_observed
