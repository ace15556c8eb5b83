"""Maturity curves: the share of a day's final number that is known at an age, from its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.chain_ladder import (
    Growth,
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
from sdanalytics.analysis.steps import Array, Spans, find_spans, find_steps, keep_recent_steps
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
    all_before = before.sum(axis=0)
    all_after = after.sum(axis=0)
    loose = build_prior(FINAL_AGE, LOOSE_ROUGHNESS)
    _, variances = estimate_development(all_before, all_after, spans, loose)
    variances, drift = separate_drift(all_before, all_after, steps, spans, variances)
    sums = spans.add_up(all_before), spans.add_up(all_after)
    whole = estimate_smooth_growth(*sums, spans, variances)
    effects = build_effects(whole.mean)
    groups = spans.add_up(before), spans.add_up(after)
    growth = _draw_to_whole(*groups, spans, variances, whole)
    drifted = effects * drift[:, None, None]
    return CurveEstimate(
        groups=vintages.groups,
        metrics=vintages.metrics,
        shares=growth.shares,
        share_variances=sum_variances(growth.covariance + drifted),
        own_variances=sum_to_last(variances),
        days=spans.days,
        method="vintages",
    )


def _draw_to_whole(
    before: Array, after: Array, spans: Spans, variances: Array, whole: Growth
) -> Growth:
    """Estimate the growth of groups, drawn to that of the whole as far as they are alike."""
    observed, weights = linearize(before, after, spans, variances, whole.mean)
    effects = build_effects(whole.mean)
    spread = measure_spread(observed, weights, spans, effects)
    spread = np.maximum(spread, _LEAST_SPREAD)
    unit_precision = np.linalg.inv(effects)
    precision = unit_precision / spread[:, None, None]
    prior = Prior(whole.mean, precision)
    own = estimate_growth(before, after, spans, variances, prior)
    # The part of a group's growth that is that of the whole has the error of the whole.
    drawn = own.covariance @ precision
    transposed = np.swapaxes(drawn, -1, -2)
    common = drawn @ whole.covariance @ transposed
    return Growth(own.mean, own.covariance + common)


def tabulate(estimate: CurveEstimate) -> pd.DataFrame:
    """Return a row for each group, metric and age up to `LAST_AGE`."""
    groups = len(estimate.groups)
    metrics = len(estimate.metrics)
    positions = np.indices((groups, metrics, LAST_AGE + 1))
    group, metric, age = positions.reshape(3, -1)
    frame = estimate.groups.take(group)
    frame = frame.reset_index(drop=True)
    frame.attrs = {}
    names = pd.array(estimate.metrics, dtype="str")
    frame["metric"] = names.take(metric)
    frame["age"] = pd.array(age, dtype="Int64")
    errors = np.sqrt(estimate.share_variances)
    errors = np.minimum(errors, _MAX_ERROR)
    factors = np.exp(_SCORE_OF_80_PERCENT * errors)
    shares = estimate.shares
    frame["share"] = _list_values(shares)
    frame["share_low"] = _list_values(shares / factors)
    frame["share_high"] = _list_values(shares * factors)
    days = estimate.days[age]
    frame["days"] = pd.array(days, dtype="Int64")
    methods = [estimate.method] * len(frame)
    frame["method"] = pd.Categorical(methods, METHODS)
    return frame


def _list_values(by_age: Array) -> Array:
    """Return values in the order of a curve's rows."""
    values = by_age[..., : LAST_AGE + 1]
    return values.reshape(-1)
