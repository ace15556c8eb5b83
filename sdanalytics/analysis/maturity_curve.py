"""Maturity curves: the share of a day's final number that is known at an age, from its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.chain_ladder import (
    Array,
    Development,
    Steps,
    estimate_development,
    find_steps,
    keep_recent_steps,
)
from sdanalytics.analysis.group_summary import summarize_rows

MATURITY_METRICS: Final = (
    "orders",
    "units",
    "sales",
    "ntb_orders",
    "ntb_sales",
    "page_views",
    "clicks",
    "impressions",
    "cost",
)
"""The metrics that curves are of."""
FINAL_AGE: Final = 60
"""Days after which Amazon changes nothing any more (`sdanalytics.store.freshness`)."""
LAST_AGE: Final = 41
"""The last age of a curve."""
RECENT_DAYS: Final = 56
"""Days that a factor rests on at most: the delay changes with seasons and sales events."""
_BLOCK_DAYS: Final = 14
"""Days of the calendar that are compared with one another, to see whether the delay changes."""
_SCORE_OF_80_PERCENT: Final = 1.2815515655446004
"""Of the standard normal distribution: 80 % of it lie within."""

_MAX_ERROR: Final = 3.0
"""Of the logarithm of a share: a larger one says no more than that nothing is known."""


@dataclass(frozen=True)
class Vintages:
    """The numbers of days as they were known at each age.

    Attributes
    ----------
    groups : pandas.DataFrame
        The keys of each group.
    metrics : tuple of str
    days : numpy.ndarray of datetime64
        In the order of the calendar.
    numbers : numpy.ndarray of float, shape (groups, metrics, days, ages)
        Cumulative; 0 where a day was not fetched at an age.
    is_observed : numpy.ndarray of bool, shape (days, ages)
    """

    groups: pd.DataFrame
    metrics: tuple[str, ...]
    days: Array
    numbers: Array
    is_observed: Array


def collect_vintages(history: pd.DataFrame, by: Sequence[str]) -> Vintages:
    """Collect the versions of days by age.

    A version counts if it has all tactics of its day: of an age with several, the last. Versions
    of days that had not ended are left out.

    Parameters
    ----------
    history : pandas.DataFrame
        As `ReportCache.history` returns it.
    by : sequence of str
        The columns whose values make groups.
    """
    ended = history[(history["age"] >= 0) & (history["age"] <= FINAL_AGE)]
    complete = _select_complete_versions(ended)
    keys = [*by, "date", "age"]
    sums = summarize_rows(complete, keys)
    metrics = tuple(name for name in MATURITY_METRICS if name in sums)
    days = np.sort(complete["date"].unique())
    group_keys = sums[list(by)]
    groups = group_keys.drop_duplicates(ignore_index=True) if by else pd.DataFrame(index=[0])
    group_index = _positions(group_keys, groups)
    day_index = np.searchsorted(days, sums["date"].to_numpy())
    ages = sums["age"].to_numpy(dtype=int)
    numbers = np.zeros((len(groups), len(metrics), len(days), FINAL_AGE + 1))
    for position, name in enumerate(metrics):
        values = sums[name].to_numpy(dtype=float, na_value=0.0)
        numbers[group_index, position, day_index, ages] = values
    is_observed = np.zeros((len(days), FINAL_AGE + 1), dtype=bool)
    is_observed[day_index, ages] = True
    return Vintages(groups, metrics, days, numbers, is_observed)


def estimate_maturity(history: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Estimate the share of final numbers that is known at each age, from vintages.

    Factors are those of the chain ladder (`sdanalytics.analysis.chain_ladder`). Those of a group
    are drawn towards those of all groups by their credibility: H. Buehlmann and E. Straub,
    "Glaubwuerdigkeit fuer Schadensaetze", Mitteilungen der Vereinigung schweizerischer
    Versicherungsmathematiker 70 (1970), 111-133. Errors are those of the factors, widened when
    blocks of 14 days disagree more than chance explains; the share is taken to be log-normal.

    Returns
    -------
    pandas.DataFrame
        `by`, `metric`, `age` (0 to 41), `share`, `share_low`, `share_high` (80 %), `days` and
        `method`; see `maturity`.
    """
    vintages = collect_vintages(history, by)
    steps = keep_recent_steps(find_steps(vintages.is_observed), RECENT_DAYS)
    own = estimate_development(vintages.numbers, steps)
    whole = estimate_development(vintages.numbers.sum(axis=0), steps)
    pooled, log_variances = _draw_to_whole(own, whole)
    heterogeneity = _measure_heterogeneity(vintages.numbers.sum(axis=0), steps, whole)
    errors = np.sqrt(log_variances * heterogeneity[:, None])
    curve = _tabulate(vintages, pooled.shares, errors, pooled.days)
    curve.attrs["dispersion"] = _measure_dispersion(vintages, whole)
    own_variance: dict[str, list[float]] = {}
    for metric, values in zip(vintages.metrics, whole.own_variances, strict=True):
        own_variance[metric] = np.nan_to_num(values[: LAST_AGE + 1]).tolist()
    curve.attrs["own_variance"] = own_variance
    return curve


def _measure_dispersion(vintages: Vintages, whole: Development) -> dict[str, float]:
    """Measure the variance of what a day still adds, by its expectation, for each metric."""
    shares = whole.shares[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        dispersion = whole.own_variances[..., 0] * shares / np.abs(1 - shares)
    known = np.nan_to_num(dispersion, nan=0.0, posinf=0.0)
    return dict(zip(vintages.metrics, known.tolist(), strict=True))


def _draw_to_whole(own: Development, whole: Development) -> tuple[Development, Array]:
    """Return the credible development of each group, and the variance of its logarithmic shares."""
    groups = own.factors.shape[0]
    exposures = own.exposures
    total = exposures.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Within groups, the variance of a factor by its exposure; between them, of their own.
        within = np.nan_to_num((own.variances * exposures).sum(axis=0) / total)
        spread = (exposures * (own.factors - whole.factors) ** 2).sum(axis=0)
        effective = total - (exposures**2).sum(axis=0) / total
        between = np.nan_to_num(np.maximum(0.0, spread - (groups - 1) * within) / effective)
        credibility = np.nan_to_num(exposures * between / (exposures * between + within))
        common = np.nan_to_num(whole.variances / whole.exposures)
    factors = credibility * own.factors + (1 - credibility) * whole.factors
    variances = (1 - credibility) * between + (1 - credibility) ** 2 * common
    terms = variances / factors**2
    sums = np.cumsum(terms[..., ::-1], axis=-1)[..., ::-1]
    log_variances = np.concatenate([sums, np.zeros((*sums.shape[:-1], 1))], axis=-1)
    dispersion = np.broadcast_to(within, factors.shape)
    return Development(factors, dispersion, exposures, whole.days), log_variances


def _measure_heterogeneity(numbers: Array, steps: Steps, whole: Development) -> Array:
    """Measure how much more blocks of days disagree than their own variance explains.

    Returns
    -------
    numpy.ndarray of float, shape (metrics,)
        Pearson's chi-square by its degrees of freedom, at least 1.
    """
    blocks = steps.day // _BLOCK_DAYS
    chi_square = np.zeros(numbers.shape[0])
    degrees = np.zeros(numbers.shape[0])
    for block in np.unique(blocks):
        is_block = blocks == block
        part = Steps(
            steps.day[is_block], steps.start[is_block], steps.end[is_block], steps.covered[is_block]
        )
        development = estimate_development(numbers, part)
        is_known = (development.exposures > 0) & (whole.variances > 0) & (development.days > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = (development.factors - whole.factors) ** 2
            terms = deviation * development.exposures / whole.variances
        chi_square += np.where(is_known, terms, 0.0).sum(axis=-1)
        degrees += is_known.sum(axis=-1)
    degrees -= (whole.variances > 0).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(degrees > 0, chi_square / degrees, 1.0)
    return np.maximum(1.0, ratio)


def _tabulate(vintages: Vintages, shares: Array, errors: Array, days: Array) -> pd.DataFrame:
    """Return a row for each group, metric and age."""
    ages = np.arange(LAST_AGE + 1)
    groups, metrics = len(vintages.groups), len(vintages.metrics)
    factor = np.exp(_SCORE_OF_80_PERCENT * np.minimum(errors, _MAX_ERROR))
    repeated = vintages.groups.loc[np.repeat(np.arange(groups), metrics * len(ages))]
    frame = repeated.reset_index(drop=True)
    frame.attrs = {}
    metric_names = np.repeat(np.array(vintages.metrics, dtype=object), len(ages))
    frame["metric"] = pd.array(np.tile(metric_names, groups), dtype="str")
    frame["age"] = pd.array(np.tile(ages, groups * metrics), dtype="Int64")
    values: dict[str, Any] = {
        "share": shares, "share_low": shares / factor, "share_high": shares * factor,
    }  # fmt: skip
    for name, array in values.items():
        frame[name] = array[..., : LAST_AGE + 1].reshape(-1)
    frame["days"] = pd.array(np.tile(days[: LAST_AGE + 1], groups * metrics), dtype="Int64")
    frame["method"] = pd.Categorical(["vintages"] * len(frame), ["vintages", "cross-section"])
    return frame


def _select_complete_versions(history: pd.DataFrame) -> pd.DataFrame:
    """Select the last version of each day, tactic and age, if all tactics of the day have one."""
    keys = ["date", "tactic", "age"]
    versions = history[[*keys, "fetched_at"]].drop_duplicates()
    last = versions.groupby(keys, observed=True, as_index=False)["fetched_at"].max()
    known = last[last["tactic"] != "unknown"]
    tactics = known.groupby("date")["tactic"].nunique().rename("all_tactics")
    at_age = known.groupby(["date", "age"], as_index=False)["tactic"].nunique()
    at_age = at_age.merge(tactics, on="date")
    complete = at_age.loc[at_age["tactic"] == at_age["all_tactics"], ["date", "age"]]
    chosen = last.merge(complete, on=["date", "age"])
    merged = history.merge(chosen, on=[*keys, "fetched_at"])
    merged.attrs = dict(history.attrs)
    return merged


def _positions(keys: pd.DataFrame, groups: pd.DataFrame) -> Array:
    """Return the position of each row's keys among the groups."""
    if not len(groups.columns):
        return np.zeros(len(keys), dtype=int)
    numbered = groups.assign(position=np.arange(len(groups)))
    return keys.merge(numbered, how="left")["position"].to_numpy(dtype=int)
