"""Curves from the history of days: by either method, with what they are of in the metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import pandas as pd

from sdanalytics.analysis.cross_section import estimate_from_snapshot
from sdanalytics.analysis.maturity_curve import (
    LAST_AGE,
    CurveEstimate,
    estimate_from_vintages,
    tabulate,
)
from sdanalytics.analysis.metadata import frame_metadata, update_metadata
from sdanalytics.analysis.snapshot import collect_snapshot
from sdanalytics.analysis.vintages import collect_vintages
from sdanalytics.errors import InvalidRequest

MaturityMethod = Literal["auto", "vintages", "cross-section"]
"""The ways to estimate a curve."""
METHODS: Final[tuple[MaturityMethod, ...]] = ("auto", "vintages", "cross-section")
_FACTS: Final = ("record_type", "source", "profile_id", "currency", "timezone")
"""Entries of the metadata of a history that its curve has, too."""


def estimate_curve(
    history: pd.DataFrame, keys: Sequence[str], method: MaturityMethod
) -> pd.DataFrame:
    """Estimate the curve of `maturity`.

    Parameters
    ----------
    history : pandas.DataFrame
        As `ReportCache.history` returns it.
    keys : sequence of str
        The columns whose values have a curve each.
    method : {"auto", "vintages", "cross-section"}

    Raises
    ------
    InvalidRequest
        When the history does not allow the method; with ``"auto"``, neither.
    """
    estimate = _choose_estimate(history, keys, method)
    curve = tabulate(estimate)
    _describe_curve(curve, history, keys, estimate)
    return curve


def _choose_estimate(
    history: pd.DataFrame, keys: Sequence[str], method: MaturityMethod
) -> CurveEstimate:
    """Estimate a curve; with ``"auto"``, by the method that knows young days better."""
    if method == "vintages":
        return _estimate_by_vintages(history, keys)
    if method == "cross-section":
        return _estimate_by_cross_section(history, keys)
    estimates: list[CurveEstimate] = []
    reasons: list[str] = []
    for estimate in (_estimate_by_vintages, _estimate_by_cross_section):
        try:
            estimates.append(estimate(history, keys))
        except InvalidRequest as error:
            reasons.append(str(error))
    if not estimates:
        raise InvalidRequest("; ".join(reasons))
    return min(estimates, key=CurveEstimate.measure_young_error)


def _estimate_by_vintages(history: pd.DataFrame, keys: Sequence[str]) -> CurveEstimate:
    vintages = collect_vintages(history, keys)
    return estimate_from_vintages(vintages)


def _estimate_by_cross_section(history: pd.DataFrame, keys: Sequence[str]) -> CurveEstimate:
    snapshot = collect_snapshot(history, keys)
    return estimate_from_snapshot(snapshot)


def _describe_curve(
    curve: pd.DataFrame,
    history: pd.DataFrame,
    keys: Sequence[str],
    estimate: CurveEstimate,
) -> None:
    """Record in a curve's metadata where it comes from, and the errors of single days."""
    origin = frame_metadata(history)
    kept: dict[str, Any] = {}
    for name in _FACTS:
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
