"""Maturity curves: the share of a day's final number that is known at an age, from its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.chain_ladder import (
    Prior,
    divide_or_zero,
    estimate_development,
    estimate_growth,
    linearize,
    sum_to_last,
    sum_variances,
)
from sdanalytics.analysis.drift import separate_drift
from sdanalytics.analysis.graduation import (
    LOOSE_ROUGHNESS,
    build_prior,
    estimate_smooth_growth,
)
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.analysis.random_effects import build_effects, measure_spread
from sdanalytics.analysis.steps import Array, find_spans, find_steps, keep_recent_steps
from sdanalytics.analysis.vintages import FINAL_AGE, Vintages
from sdanalytics.errors import InvalidRequest

LAST_AGE: Final = 41
"""The last age of a curve."""
RECENT_DAYS: Final = 56
"""Days that a factor rests on at most: the delay changes with seasons and sales events."""
METHODS: Final = ("vintages", "cross-section")
_YOUNG_DAYS: Final = 14
"""Days of which people ask what they will become."""
_LEAST_SPREAD: Final = 1e-5
"""Of groups that do not differ at all: a spread of 0 would be an infinite precision."""
_LEAST_GROWTH: Final = 1e-6
"""Of a number that is final at once."""
_SCORE_OF_80_PERCENT: Final = 1.2815515655446004
"""Of the standard normal distribution: 80 % of it lie within."""
_MAX_ERROR: Final = 3.0
"""Of the logarithm of a share: a larger one says no more than that nothing is known."""


@dataclass(frozen=True)
class CurveEstimate:
    """The shares of groups and metrics by age, and their errors.

    Attributes
    ----------
    groups : pandas.DataFrame
        The keys of each group.
    metrics : tuple of str
    shares : numpy.ndarray of float, shape (groups, metrics, ages)
    share_variances : numpy.ndarray of float, shape (groups, metrics, ages)
        Of the logarithms of shares; common to all days.
    own_variances : numpy.ndarray of float, shape (metrics, ages)
        The variance of a day's final number from its own draws, by that number.
    days : numpy.ndarray of int, shape (ages,)
        How many days the step from each age rests on.
    method : str
        One of `METHODS`.
    """

    groups: pd.DataFrame
    metrics: tuple[str, ...]
    shares: Array
    share_variances: Array
    own_variances: Array
    days: Array
    method: str

    @property
    def dispersion(self) -> Array:
        """The variance of what a day that has just ended still adds, by its expectation."""
        first = self.shares[..., 0].mean(axis=0)
        added = np.abs(1 - first) / first
        added[added < _LEAST_GROWTH] = 0.0
        return divide_or_zero(self.own_variances[:, 0], added)

    def measure_young_error(self) -> float:
        """Return the mean error of the logarithms of shares of the last two weeks' results."""
        is_result = np.isin(self.metrics, list(CONVERSION_METRICS))
        young = self.share_variances[:, is_result, :_YOUNG_DAYS]
        return float(np.sqrt(young).mean())


def estimate_from_vintages(vintages: Vintages) -> CurveEstimate:
    """Estimate the share of final numbers that is known at each age, from vintages.

    The growth of all groups together is that of the chain ladder, smoothed where days were not
    fetched daily. That of each group is drawn towards it as far as the groups are alike, which is
    credibility: H. Buehlmann and E. Straub, "Glaubwuerdigkeit fuer Schadensaetze", Mitteilungen der
    Vereinigung schweizerischer Versicherungsmathematiker 70 (1970), 111-133. Errors are those of
    the growth, widened by as much as fortnights disagree more than chance explains.

    Raises
    ------
    InvalidRequest
        When no day has two versions.
    """
    steps = keep_recent_steps(find_steps(vintages.day, vintages.age), RECENT_DAYS)
    if not len(steps.version):
        raise InvalidRequest(
            "vintages must be several: no day is stored in two versions of different ages. Fetch "
            "the same days again, best every morning; or take method='cross-section'"
        )
    spans = find_spans(steps, FINAL_AGE)
    before = vintages.numbers[..., steps.version]
    after = vintages.numbers[..., steps.version + 1]
    all_before, all_after = before.sum(axis=0), after.sum(axis=0)
    loose = build_prior(FINAL_AGE, LOOSE_ROUGHNESS)
    _, variances = estimate_development(all_before, all_after, spans, loose)
    variances, drift = separate_drift(all_before, all_after, steps, spans, variances)
    sums = spans.add_up(all_before), spans.add_up(all_after)
    whole = estimate_smooth_growth(*sums, spans, variances)
    groups = spans.add_up(before), spans.add_up(after)
    observed, weights = linearize(*groups, spans, variances, whole.mean)
    effects = build_effects(whole.mean)
    spread = np.maximum(measure_spread(observed, weights, spans, effects), _LEAST_SPREAD)
    precision = np.linalg.inv(effects) / spread[:, None, None]
    own = estimate_growth(*groups, spans, variances, Prior(whole.mean, precision))
    # The part of a group's growth that is that of the whole has the error of the whole.
    drawn = own.covariance @ precision
    common = drawn @ whole.covariance @ np.swapaxes(drawn, -1, -2)
    moved = effects * drift[:, None, None]
    return CurveEstimate(
        groups=vintages.groups,
        metrics=vintages.metrics,
        shares=own.shares,
        share_variances=sum_variances(own.covariance + common + moved),
        own_variances=sum_to_last(variances),
        days=spans.days,
        method="vintages",
    )


def tabulate(estimate: CurveEstimate) -> pd.DataFrame:
    """Return a row for each group, metric and age up to `LAST_AGE`."""
    ages = np.arange(LAST_AGE + 1)
    groups, metrics = len(estimate.groups), len(estimate.metrics)
    positions = np.repeat(np.arange(groups), metrics * len(ages))
    frame = estimate.groups.take(positions).reset_index(drop=True)
    frame.attrs = {}
    names = np.repeat(np.array(estimate.metrics, dtype=object), len(ages))
    frame["metric"] = pd.array(np.tile(names, groups), dtype="str")
    frame["age"] = pd.array(np.tile(ages, groups * metrics), dtype="Int64")
    errors = np.sqrt(estimate.share_variances)
    factors = np.exp(_SCORE_OF_80_PERCENT * np.minimum(errors, _MAX_ERROR))
    shares = estimate.shares
    frame["share"] = _list_values(shares)
    frame["share_low"] = _list_values(shares / factors)
    frame["share_high"] = _list_values(shares * factors)
    days = estimate.days[: LAST_AGE + 1]
    frame["days"] = pd.array(np.tile(days, groups * metrics), dtype="Int64")
    frame["method"] = pd.Categorical([estimate.method] * len(frame), METHODS)
    return frame


def _list_values(by_age: Array) -> Array:
    """Return values in the order of a curve's rows."""
    values = by_age[..., : LAST_AGE + 1]
    return values.reshape(-1)
