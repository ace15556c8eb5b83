"""Dispersion: how much more than by chance alone the events of days vary.

Orders come in clumps, and days differ: counts of days then vary more than binomial or Poisson
numbers do. The variance by that of such numbers is Pearson's chi-squared by its degrees of freedom
(McCullagh and Nelder, "Generalized Linear Models", 1989, section 4.5), over the days of runs of
seven about the rate of each run, so that a trend of weeks counts as a change and not as chance. It
is one number for all groups of a frame, as a small group says little of it, and never below 1. It
includes that days of a week differ, and, in young weeks, that results of the last days are missing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import IntArray, pair_codes
from sdanalytics.analysis.validation import validate_columns

_RUN_DAYS: Final = 7
_MIN_EXPECTED: Final = 0.5
"""Days of which fewer events are expected tell little, and vary much."""
_MIN_DEGREES: Final = 6
"""Degrees of freedom below which nothing is known of the dispersion."""


class Dispersion(NamedTuple):
    """The variance of events by that of chance alone.

    Attributes
    ----------
    value : float
        At least 1.
    degrees : int
        The degrees of freedom that it rests on; 0: nothing is known, and chance alone is assumed.
    """

    value: float = 1.0
    degrees: int = 0

    def widen(self, level: float) -> float:
        """Return the dispersion that makes room for its own error in intervals of a level.

        Student's quantile takes the place of the normal one, as usual for quasi-likelihood.
        """
        if self.value == 1.0:
            return 1.0
        from scipy.special import ndtri, stdtrit

        upper = 0.5 + level / 2
        quantile = stdtrit(self.degrees, upper)
        factor = float(quantile / ndtri(upper))
        return self.value * factor**2


def estimate_dispersion(
    events: Any,
    exposure: Any,
    groups: IntArray,
    days: IntArray | None,
    *,
    is_binomial: bool,
) -> Dispersion:
    """Return the dispersion of events of rows, pooled over groups.

    Parameters
    ----------
    events, exposure : numpy.ndarray of float64
        Of each row; none is missing.
    groups : numpy.ndarray of int64
        The number of each row's group.
    days : numpy.ndarray of int64 or None
        The number of each row's day; None if they are not known.
    is_binomial : bool
        Whether each unit of exposure has one event at most.
    """
    if days is None or not len(events):
        return Dispersion()
    numbers = days - days.min()
    day_count = int(numbers.max()) + 1
    group_count = int(groups.max()) + 1
    cells = pair_codes(groups, group_count, numbers, day_count)
    run_numbers = cells.right // _RUN_DAYS
    runs = pair_codes(cells.left, group_count, run_numbers, day_count)
    return _compare_with_chance(
        np.bincount(cells.codes, weights=events),
        np.bincount(cells.codes, weights=exposure),
        runs.codes,
        is_binomial,
    )


def number_days(df: pd.DataFrame) -> IntArray | None:
    """Return the day of each row as a whole number; None if a row has none."""
    if "date" not in df:
        return None
    validate_columns(df, ["date"])
    if df["date"].hasnans:
        return None
    moments = df["date"].to_numpy()
    days = moments.astype("datetime64[D]")
    numbers: IntArray = days.astype("int64")
    return numbers


def _compare_with_chance(
    events: Any, exposure: Any, runs: IntArray, is_binomial: bool
) -> Dispersion:
    """Return Pearson's chi-squared by its degrees of freedom, over the days of runs."""
    rates = _divide_by_run(events, exposure, runs)
    # Days are chosen by their exposure; given a run's events, theirs are as before.
    expected = rates * exposure
    is_enough = expected >= _MIN_EXPECTED
    is_used = is_enough & (exposure > 0)
    events = events[is_used]
    exposure = exposure[is_used]
    runs = runs[is_used]
    rates = _divide_by_run(events, exposure, runs)
    expected = rates * exposure
    variance = expected
    if is_binomial:
        variance = expected * (1 - rates)
    has_variance = variance > 0
    squares = np.square(events - expected)
    terms = squares[has_variance] / variance[has_variance]
    run_count = len(np.unique(runs[has_variance]))
    degrees = len(terms) - run_count
    if degrees < _MIN_DEGREES:
        return Dispersion()
    ratio = float(terms.sum()) / degrees
    return Dispersion(max(1.0, ratio), degrees)


def _divide_by_run(events: Any, exposure: Any, runs: IntArray) -> Any:
    """Return the rate of each entry's run, 0 without exposure."""
    run_events = np.bincount(runs, weights=events)
    run_exposure = np.bincount(runs, weights=exposure)
    rates = divide(run_events, run_exposure)
    return np.nan_to_num(rates)[runs]
