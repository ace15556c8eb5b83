"""`maturity`: the share of final numbers that young days have, from a store's own history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from sdanalytics._core.suggest import validate_choice
from sdanalytics.analysis.cross_section import estimate_from_snapshot
from sdanalytics.analysis.kpi_definitions import (
    CONVERSION_METRICS,
    is_additive,
    metric_unit,
    required_metrics,
)
from sdanalytics.analysis.maturity_curve import (
    LAST_AGE,
    RECENT_DAYS,
    CurveEstimate,
    estimate_from_vintages,
    tabulate,
)
from sdanalytics.analysis.metadata import frame_metadata, update_metadata
from sdanalytics.analysis.snapshot import collect_snapshot
from sdanalytics.analysis.validation import parse_key_list
from sdanalytics.analysis.vintages import FINAL_AGE, MATURITY_METRICS, collect_vintages
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import available_metrics, identity_columns
from sdanalytics.model.query import DateLike, parse_day
from sdanalytics.model.record_types import validate_record_type
from sdanalytics.store.cache import CacheLike, internal_store, open_cache

if TYPE_CHECKING:
    from sdanalytics.store.cache import ReportCache

MaturityMethod = Literal["auto", "vintages", "cross-section"]
"""The ways to estimate a curve."""
_METHODS: Final[tuple[MaturityMethod, ...]] = ("auto", "vintages", "cross-section")


def maturity(
    cache: CacheLike = None,
    *,
    record_type: RecordType = "campaigns",
    by: str | Sequence[str] | None = "costType",
    start: DateLike | None = None,
    end: DateLike | None = None,
    profile_id: int | str | None = None,
    source: str | None = None,
    method: MaturityMethod = "auto",
) -> pd.DataFrame:
    """Estimate the share of the final numbers that is known of a day, by its age.

    Parameters
    ----------
    cache : ReportCache, path-like or str, optional
        The store; None: the default one.
    record_type : str
    by : str or sequence of str, optional
        Columns whose values have a curve each; None: one curve.
    start, end : str, date or Timestamp, optional
        Inclusive days to learn from. By default the newest that are stored, as many as needed.
    profile_id, source : optional
        May be left out if the store has a single profile.
    method : {"auto", "vintages", "cross-section"}

    Returns
    -------
    pandas.DataFrame
        The columns of `by`; `metric` (str), `age` (Int64, 0 to 41: whole days from the end of the
        day in the profile's time zone); `share` (float64, of the final number), `share_low` and
        `share_high` (an interval of 80 %); `days` (Int64, how many it rests on) and `method`
        (category).

    Raises
    ------
    InvalidRequest
        For invalid parameters, and when the store has no days to learn from.
    """
    chosen = validate_choice("method", method, _METHODS)
    report = validate_record_type(record_type)
    keys = _parse_curve_keys(by, report)
    metrics = _list_needed_metrics(report, keys)
    if cache is False:
        raise InvalidRequest("cache must be a store, got False: a curve comes from its history")
    with open_cache(cache) as opened:
        history = _read_recent_history(opened, report, metrics, start, end, profile_id, source)
    estimate = _estimate_curve(history, keys, chosen)
    curve = tabulate(estimate)
    _describe_curve(curve, history, keys, estimate)
    return curve


def _estimate_curve(
    history: pd.DataFrame, keys: Sequence[str], method: MaturityMethod
) -> CurveEstimate:
    """Estimate a curve; with ``"auto"``, by the method that knows young days better."""
    if method == "vintages":
        return _estimate_vintages(history, keys)
    if method == "cross-section":
        return _estimate_cross_section(history, keys)
    estimates: list[CurveEstimate] = []
    reasons: list[str] = []
    for estimate in (_estimate_vintages, _estimate_cross_section):
        try:
            estimates.append(estimate(history, keys))
        except InvalidRequest as error:
            reasons.append(str(error))
    if not estimates:
        raise InvalidRequest("; ".join(reasons))
    return min(estimates, key=CurveEstimate.measure_young_error)


def _estimate_vintages(history: pd.DataFrame, keys: Sequence[str]) -> CurveEstimate:
    return estimate_from_vintages(collect_vintages(history, keys))


def _estimate_cross_section(history: pd.DataFrame, keys: Sequence[str]) -> CurveEstimate:
    return estimate_from_snapshot(collect_snapshot(history, keys))


def _parse_curve_keys(by: object, record_type: str) -> list[str]:
    """Return the columns whose values have a curve each."""
    names = parse_key_list(by)
    identity = identity_columns(record_type)
    columns = dict.fromkeys(["tactic", *identity, *available_metrics(record_type, api=None)])
    known = [name for name in columns if _is_key(name)]
    for name in names:
        validate_choice("by", name, known)
    return list(dict.fromkeys(names))


def _is_key(name: str) -> bool:
    return not (is_additive(name) or metric_unit(name))


def _list_needed_metrics(record_type: str, keys: Sequence[str]) -> list[str]:
    """Return the columns to read."""
    available = available_metrics(record_type, api=None)
    results = [name for name in MATURITY_METRICS if name in CONVERSION_METRICS]
    if not any(CONVERSION_METRICS[name][0] in available for name in results):
        names = ", ".join(results)
        raise InvalidRequest(
            f"record_type must be a report with {names}, and {record_type} has none of them: "
            "use 'campaigns', whose curve holds for their products"
        )
    needed = ["costType", "viewImpressions", *keys]
    for name in MATURITY_METRICS:
        needed += required_metrics(name)
    return [name for name in dict.fromkeys(needed) if name in available]


def _read_recent_history(
    cache: ReportCache,
    record_type: RecordType,
    metrics: Sequence[str],
    start: DateLike | None,
    end: DateLike | None,
    profile_id: int | str | None,
    source: str | None,
) -> pd.DataFrame:
    """Read the versions of the days to learn from."""
    first = None if start is None else parse_day("start", start)
    last = None if end is None else parse_day("end", end)
    inventory = internal_store(cache).inventory
    key = inventory.resolve_profile(source, profile_id)
    stored = inventory.list_days(key, record_type)
    days = [day for day in stored if (first or day) <= day <= (last or day)]
    if not days:
        raise InvalidRequest(_describe_lack_of_days(cache, record_type, stored))
    if first is None:
        first = days[-1] - timedelta(RECENT_DAYS + FINAL_AGE)
    return cache.history(
        record_type,
        max(first, days[0]),
        days[-1],
        metrics=metrics,
        profile_id=key.profile_id,
        source=key.source,
    )


def _describe_lack_of_days(cache: ReportCache, record_type: str, stored: Sequence[date]) -> str:
    if stored:
        return (
            f"start= and end= must have stored days between them: {cache.url} has {record_type} "
            f"from {stored[0]} to {stored[-1]}"
        )
    return (
        f"no day of {record_type} of this profile is stored in {cache.url}: "
        f"fetch_report({record_type!r}, ...) fills it, best every morning"
    )


def _describe_curve(
    curve: pd.DataFrame,
    history: pd.DataFrame,
    keys: Sequence[str],
    estimate: CurveEstimate,
) -> None:
    """Record in a curve's metadata where it comes from, and the errors of single days."""
    origin = frame_metadata(history)
    kept: dict[str, Any] = {}
    for name in ("record_type", "source", "profile_id", "currency", "timezone"):
        kept[name] = origin[name]
    newest = history["fetched_at"].max()
    own_variances = estimate.own_variances[:, : LAST_AGE + 1].tolist()
    details = {
        "by": list(keys),
        "dispersion": dict(zip(estimate.metrics, estimate.dispersion.tolist(), strict=True)),
        "own_variance": dict(zip(estimate.metrics, own_variances, strict=True)),
        "as_of": newest.isoformat(),
    }
    update_metadata(curve, **kept, maturity=details)
