"""Errors for columns and metrics that a frame lacks: each says how to get them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from sdanalytics._core.suggest import closest_match
from sdanalytics.analysis.kpi_definitions import (
    CONVERSION_METRICS,
    KPIS,
    is_numeric_measure,
    required_metrics,
)
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metric_synonyms import find_synonym
from sdanalytics.model.metrics import CATALOGUE, NON_ADDITIVE, RECORD_TYPES, available_metrics
from sdanalytics.model.rates import RATES

MAX_LISTED_NAMES: Final = 30
"""Names that an error lists when none resembles the wrong one."""


def missing_column_error(df: pd.DataFrame, name: str) -> InvalidRequest:
    """Return the error for a missing column: the name that was meant, or how to get it."""
    is_summary = "summarized_by" in frame_metadata(df)
    if is_summary and (name == "date" or name in CATALOGUE):
        return InvalidRequest(
            f"the summary has no column {name!r}; summarize again: "
            f"freq='D' keeps the days, by={name!r} other columns"
        )
    if name in CATALOGUE:
        hint = _fetch_hint(df, name)
        return InvalidRequest(f"the frame has no column {name!r}; {hint}")
    synonym = find_synonym(name)
    if synonym in df:
        hint = f"; did you mean {synonym!r}?"
    else:
        hint = _suggest_name(name, map(str, df.columns))
    return InvalidRequest(f"the frame has no column {name!r}{hint}")


def missing_metric_error(df: pd.DataFrame, name: str) -> InvalidRequest:
    """Return the error for a metric that cannot be computed, naming the columns to fetch."""
    if name in KPIS or name in CONVERSION_METRICS or name in RATES:
        hint = _fetch_hint(df, name)
        return InvalidRequest(f"{name} cannot be computed from these columns; {hint}")
    if name in df and name in NON_ADDITIVE:
        return InvalidRequest(
            f"{name} is not additive and cannot be summed over rows. Choose rows of one kind, "
            "such as by='campaignId' of a campaigns report"
        )
    if name in df:
        return InvalidRequest(
            f"{name!r} is not numeric and cannot be summed; use a metric such as 'cost' or 'acos'"
        )
    if name in CATALOGUE:
        return missing_column_error(df, name)
    synonym = find_synonym(name)
    hint = f"; it is {synonym!r} here"
    if not synonym:
        hint = _suggest_name(name, _measure_names(df))
    return InvalidRequest(f"{name!r} is neither a column nor a KPI{hint}")


def no_kpi_error(df: pd.DataFrame) -> InvalidRequest:
    """Return the error for a frame from which no KPI can be computed."""
    ctr_hint = _fetch_hint(df, "ctr")
    acos_hint = _fetch_hint(df, "acos")
    return InvalidRequest(
        f"no KPI can be computed from these columns: for CTR {ctr_hint}; for ACOS {acos_hint}"
    )


def no_bounds_error(df: pd.DataFrame) -> InvalidRequest:
    """Return the error for a frame none of whose KPIs has bounds."""
    cvr_hint = _fetch_hint(df, "cvr")
    acos_hint = _fetch_hint(df, "acos")
    return InvalidRequest(
        "level= needs a KPI that has bounds, and its parts: for CVR "
        f"{cvr_hint}; for ACOS {acos_hint}, with the orders"
    )


def no_measures_error(df: pd.DataFrame) -> InvalidRequest:
    """Return the error for a frame that has nothing to be summed."""
    names = ", ".join(map(str, df.columns)) or "none"
    return InvalidRequest(
        "there is nothing to sum: the frame must have metrics of a report, such as 'impressions', "
        f"'clicks', 'cost', 'attributedSales14d'; its columns are {names}"
    )


def _measure_names(df: pd.DataFrame) -> list[str]:
    """Return the metrics to suggest: KPIs first, then the frame's, then Amazon's."""
    names = [*KPIS, *CONVERSION_METRICS]
    for column in map(str, df.columns):
        if is_numeric_measure(df, column):
            names.append(column)
    names += CATALOGUE
    return list(dict.fromkeys(names))


def _fetch_hint(df: pd.DataFrame, name: str) -> str:
    """Name the metrics to fetch, or explain that the frame's report does not have them."""
    metadata = frame_metadata(df)
    report: Any = metadata.get("record_type")
    segment = metadata.get("segment")
    offered = tuple(CATALOGUE)
    if report in RECORD_TYPES:
        api = metadata.get("api")
        offered = available_metrics(report, segment, api)
    fetchable = []
    unavailable = []
    for metric in required_metrics(name):
        if metric in offered:
            fetchable.append(metric)
        elif metric != "costType" or metric == name:
            unavailable.append(metric)
    if unavailable:
        return _unavailable_hint(report, segment, unavailable)
    if fetchable == [name]:
        return f"fetch it with metrics=[..., {name!r}]"
    return f"fetch with metrics={fetchable!r}"


def _unavailable_hint(report: str, segment: str | None, metrics: Sequence[str]) -> str:
    """Explain that a report does not have metrics, and name a source that does."""
    source = "another record type"
    for api in ("v1", "v3"):
        if set(metrics) <= set(available_metrics(report, segment, api)):
            source = f'with api="{api}"'
    return f"rows of {report} have no {', '.join(metrics)}: fetch {source}"


def _suggest_name(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: the most similar name, or else the known ones."""
    names = list(known)
    match = closest_match(name, names)
    if match:
        return f"; did you mean {match!r}?"
    listed = names[:MAX_LISTED_NAMES]
    return f"; available: {', '.join(listed)}"
