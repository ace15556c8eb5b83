"""Final numbers in the picker: the curve of its store, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.final_columns import select_immature
from sdanalytics.analysis.group_summary import has_measures
from sdanalytics.analysis.maturity import maturity
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.summarize import summarize
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.store.cache import CacheLike

NO_CURVE_TEXT: Final = (
    "Results as reported so far; more may come. A store with the last 60 days, best fetched every "
    "morning, can tell what they will become"
)
REPORTED_TEXT: Final = "Results as reported so far; more may come"
FINAL_TEXT: Final = (
    "Results as expected when final: lines of a trend (dotted: reported so far), and columns "
    "_final of the summary"
)
_ORIGINS: Final = {
    "vintages": "from how earlier days grew in this store",
    "cross-section": "estimated from one snapshot, for lack of a history",
}


def load_curve(cache: CacheLike, data: pd.DataFrame) -> pd.DataFrame | None:
    """Return the curve of a store for a frame that was fetched; None if it has no such history."""
    if cache is False:
        return None
    metadata = frame_metadata(data)
    with collect_warnings():  # they are about the store, not about the frame
        try:
            return maturity(
                cache,
                record_type=metadata["record_type"],
                by="costType" if "costType" in data else None,
                profile_id=metadata["profile_id"],
                source=metadata["source"],
            )
        except SDAnalyticsError:
            return None


def list_final_metrics(data: pd.DataFrame, curve: pd.DataFrame | None) -> list[str]:
    """Return the metrics of a frame that a curve has final numbers of."""
    if curve is None or not has_measures(data):
        return []
    with collect_warnings():  # the figure and the table show them
        summary = summarize(data, final=curve)
    names = []
    for name in map(str, summary.columns):
        if f"{name}_final" in summary:
            names.append(name)
    return names


def describe_finals(metrics: Sequence[str], curve: pd.DataFrame | None, *, is_used: bool) -> str:
    """Say whether results are final numbers, and what these rest on; nothing without results."""
    if not select_immature(metrics):
        return ""
    if curve is None:
        return NO_CURVE_TEXT
    if not is_used:
        return REPORTED_TEXT
    method = curve["method"].iloc[0]
    return f"{FINAL_TEXT}; {_ORIGINS[method]}"


def place_finals(summary: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return columns, each with its final number behind it if a summary has that."""
    columns = []
    for name in names:
        columns.append(name)
        if f"{name}_final" in summary:
            columns.append(f"{name}_final")
    return columns
