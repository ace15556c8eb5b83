"""Metrics of a frame that have a break where Amazon changed the attribution of views."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from sdanalytics.analysis.kpi_definitions import KPIS, list_results
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.model.view_attribution import (
    VIEW_ATTRIBUTION_KEY,
    find_vcpm_rows,
    is_attributed_to_views,
    is_of_all_views,
    spans_change,
)


def find_broken_metrics(df: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return those of the metrics and KPIs that have vCPM results of both models in a frame.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report` or `summarize`.
    names : iterable of str
    """
    unique = list(dict.fromkeys(names))
    concerned = [name for name in unique if _may_be_broken(df, name)]
    if concerned and _has_break(df):
        return concerned
    return []


def counts_all_views(df: pd.DataFrame, names: Iterable[str]) -> bool:
    """Return whether metrics of a frame count by one model although its days are of both."""
    if not any(map(is_of_all_views, names)) or "date" not in df:
        return False
    return spans_change(df)


def _may_be_broken(df: pd.DataFrame, name: str) -> bool:
    """Return whether a metric or KPI may be made of results by view, by the columns of a frame."""
    results = list_results(name)
    is_by_view = any(map(is_attributed_to_views, _list_parts(name)))
    if not results and not is_by_view:
        return False
    is_selected = "date" in df and "costType" in df
    return is_by_view or is_selected or _may_be_by_view(df, results)


def _has_break(df: pd.DataFrame) -> bool:
    """Return whether results by view of a frame are of both models."""
    metadata = frame_metadata(df)
    is_summed_up = "date" not in df
    has_none = VIEW_ATTRIBUTION_KEY in metadata and metadata[VIEW_ATTRIBUTION_KEY] is None
    if has_none and (is_summed_up or "costType" not in df):
        return False
    if not is_summed_up:
        validate_columns(df, ["date"])
        return spans_change(df)
    has_vcpm_rows = "costType" not in df or bool(find_vcpm_rows(df).any())
    return has_vcpm_rows and bool(metadata.get(VIEW_ATTRIBUTION_KEY))


def _may_be_by_view(df: pd.DataFrame, results: list[str]) -> bool:
    """Return whether results may be by view, by other columns than the cost type.

    Results that are computed without a cost type are those by click; those of a summary were
    computed with it.
    """
    if "costType" in df:
        return True
    return any(result in df for result in results)


def _list_parts(name: str) -> list[str]:
    if name in KPIS:
        return [KPIS[name].numerator, KPIS[name].denominator]
    return [name]
