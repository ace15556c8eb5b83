"""The provenance of a frame in words: whose numbers, which days, fetched when, how ripe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.cost_types import WITHOUT_COST_TYPE, word_missing_cost_types
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.group_summary import ROWS_LEFT_OUT
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.pacing_table import PACING
from sdanalytics.analysis.recommend import RECOMMENDED
from sdanalytics.analysis.share_table import MATURITY
from sdanalytics.delivery.sheet_data import SheetData
from sdanalytics.model.profile_entries import FETCHED_ON
from sdanalytics.plots.metric_labels import frame_currency, metric_label

_MAX_LISTED: Final = 5
"""Accounts and the like that are listed by name."""
_UNKNOWN: Final = "not known: the frame has lost its metadata (as in pandas' concat and merge)"
_CONTENTS: Final = {
    MATURITY: "curve of maturity",
    PACING: "pacing of a month",
    RECOMMENDED: "recommendations",
}
"""Contents of frames that have an entry in their metadata."""
_OWNERS: Final = (
    ("account", "account_name", "accountName"),
    ("profile", "profile_id", "profile_id"),
    ("country", "country", "countryCode"),
)
"""Subjects, with the entry of the metadata and the column that have them."""


def describe_provenance(data: SheetData) -> dict[str, str]:
    """Return what a reader must know about a frame, by subject; subjects it lacks are left out."""
    df = data.rows
    metadata = frame_metadata(df)
    described = {"contents": _describe_contents(metadata)}
    for subject, key, column in _OWNERS:
        known = metadata.get(key) or ""
        described[subject] = _list_column(df, column) or str(known)
    own_currency = frame_currency(df)
    described["currency"] = _list_column(df, "currency") or own_currency or ""
    described["days"] = _describe_days(df)
    described["time zone of days"] = metadata.get("timezone") or ""
    described["fetched"] = _describe_fetch(metadata)
    described["ripeness"] = _describe_ripeness(data)
    count = len(df)
    described["rows"] = f"{count:,}"
    described["mind"] = " ".join(_list_notes(metadata))
    return {subject: text for subject, text in described.items() if text}


def _describe_contents(metadata: Mapping[str, Any]) -> str:
    report = metadata.get("record_type", "")
    segment = metadata.get("segment")
    suffix = f" of {report}" if report else ""
    if segment:
        suffix = f"{suffix} by {segment}"
    for key, contents in _CONTENTS.items():
        if key in metadata:
            return f"{contents}{suffix}"
    if EXPLAINED in metadata:
        explained = metadata[EXPLAINED]
        metric = metric_label(explained["metric"])
        by = ", ".join(explained["by"]) or "factor"
        return f"why {metric} changed, by {by}{suffix}"
    if "period_a" in metadata:
        return f"comparison of two periods{suffix}"
    if "summarized_by" in metadata:
        keys = list(metadata["summarized_by"])
        if metadata.get("freq"):
            keys.insert(0, metadata["freq"])
        by = ", ".join(keys) or "all rows"
        return f"sums by {by}{suffix}"
    return f"report{suffix}" if report else ""


def _describe_days(df: pd.DataFrame) -> str:
    metadata = frame_metadata(df)
    if "period_a" in metadata:
        first = _word_period("a", metadata["period_a"])
        second = _word_period("b", metadata["period_b"])
        return f"{first}, {second}"
    if "date" in df and len(df):
        return _word_dates(df["date"], metadata.get("freq"))
    runs = metadata.get(FETCHED_ON)
    if not runs:
        return ""
    start, _, _ = runs[0]
    _, end, _ = runs[-1]
    return f"{start} to {end}"


def _word_dates(dates: pd.Series[Any], freq: str | None) -> str:
    first = dates.min()
    last = dates.max()
    if pd.isna(first):
        return ""
    count = dates.nunique()
    counted = f"{count} days"
    if freq not in (None, "D"):
        counted = f"{count} buckets of {freq}"
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d} ({counted})"


def _word_period(name: str, period: Mapping[str, Any]) -> str:
    start = period["start"]
    end = period["end"]
    days = period["days"]
    length = period["length"]
    return f"{name}: {start} to {end} ({days} of {length} days)"


def _describe_fetch(metadata: Mapping[str, Any]) -> str:
    if not metadata:
        return _UNKNOWN
    dates = set()
    for _, _, fetched_on in metadata.get(FETCHED_ON, ()):
        dates.add(fetched_on)
    if not dates:
        return ""
    oldest = min(dates)
    newest = max(dates)
    if oldest == newest:
        return f"on {newest}"
    return f"between {oldest} and {newest}"


def _describe_ripeness(data: SheetData) -> str:
    """Return how much of the conversions has come, or since which day they were arriving."""
    metadata = frame_metadata(data.rows)
    parts = []
    if data.maturity is not None:
        parts.append(
            f"about {data.maturity:.0%} of the final orders had come when the days were fetched; "
            "columns ..._final tell what is expected, ..._low and ..._high its interval of 80%"
        )
    if "arriving_from" in metadata:
        first = metadata["arriving_from"]
        if first is None:
            parts.append("conversions of all days had arrived")
        else:
            parts.append(f"conversions of days from {first} on were still arriving")
        restatable = metadata.get("restatable_from")
        if restatable is not None and restatable != first:
            parts.append(f"numbers of days from {restatable} on may still change a little")
    return "; ".join(parts)


def _list_notes(metadata: Mapping[str, Any]) -> list[str]:
    """Return sentences about what would mislead a reader."""
    notes = []
    missing = metadata.get("slices_missing")
    if missing:
        notes.append(f"{missing} days (by tactic) are missing in the store.")
    without_cost_type = metadata.get(WITHOUT_COST_TYPE)
    if without_cost_type:
        words = word_missing_cost_types(without_cost_type)
        notes.append(f"{words}: they count by click, which is too few for vCPM campaigns.")
    left_out = map(metric_label, metadata.get(ROWS_LEFT_OUT, ()))
    ratios = ", ".join(left_out)
    if ratios:
        notes.append(f"Some rows lack a part of {ratios} and are not in it.")
    alike = metadata.get("rows_alike")
    if alike:
        notes.append(f"{alike:,} rows are alike in what identifies them.")
    refused = _list_some(metadata.get("refused_metrics", ()))
    if refused:
        notes.append(f"The service refused {refused} on some days.")
    changed = metadata.get("view_attribution_changed")
    if changed:
        notes.append(f"Results by view are counted by another model from {changed} on.")
    return notes


def _list_column(df: pd.DataFrame, column: str) -> str:
    """Return the values of a column as a list, each once; nothing without the column."""
    if column not in df:
        return ""
    known = df[column].dropna()
    texts = known.astype("str")
    return _list_some(sorted(texts.unique()))


def _list_some(names: Sequence[str]) -> str:
    """Return a list, the first few by name."""
    listed = ", ".join(names[:_MAX_LISTED])
    others = len(names) - _MAX_LISTED
    if others > 0:
        return f"{listed} and {others} more"
    return listed
