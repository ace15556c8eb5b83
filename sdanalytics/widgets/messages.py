"""The sentences of the picker: availability, progress and outcome of a fetch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.job import JobStatus
from sdanalytics.fetch.plan import ReportPlan

CANCELLED_TEXT: Final = "Cancelled. What had arrived is stored; press Fetch for the rest"

_CACHED: Final = "store"
_ACTION_LABELS: Final = {
    _CACHED: "in the cache",
    "create": "to fetch",
    "being built": "in flight",
    "gone": "no longer available from Amazon",
}
"""Labels of the actions of a `ReportPlan`, in the order in which they are shown."""


def availability_text(plan: ReportPlan) -> str:
    """Return which days of a plan are cached, to fetch, in flight or gone."""
    days_by_action = _group_days(plan)
    parts = []
    for action, label in _ACTION_LABELS.items():
        days = days_by_action.get(action)
        if days:
            ranges = format_day_ranges(days)
            parts.append(f"{label}: {ranges}")
    return "; ".join(parts)


def format_day_ranges(days: Iterable[date]) -> str:
    """Return days as ranges, such as ``2026-11-01 to 2026-11-03, 2026-11-07``."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(days):
        first = day
        if ranges:
            previous_first, previous_last = ranges[-1]
            if day - previous_last == timedelta(1):
                first = previous_first
                ranges.pop()
        ranges.append((first, day))
    texts = []
    for first, last in ranges:
        text = f"{first} to {last}"
        if first == last:
            text = str(first)
        texts.append(text)
    return ", ".join(texts)


def count_partitions(status: JobStatus) -> tuple[int, int]:
    """Return how many partitions of a job are there, and how many it needs (0: not known)."""
    return status.from_store + status.arrived, status.reports or 0


def progress_text(status: JobStatus) -> str:
    """Return the progress of a job whose partitions are known."""
    done, total = count_partitions(status)
    parts = []
    if status.waiting:
        parts.append(f"{status.waiting} waiting")
    if status.downloading:
        parts.append(f"{status.downloading} downloading")
    if status.failed:
        parts.append(f"{status.failed} failed")
    parts.append(f"{status.from_store} from the cache")
    states = ", ".join(parts)
    return f"{done} of {total} partitions; {states}"


def error_text(error: Exception) -> str:
    """Return why a fetch gave no frame."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SDAnalyticsError):
        return text
    return f"Unexpected: {text}"


def frame_text(frame: pd.DataFrame) -> str:
    """Return the size of a frame, where its days come from, and which may still change."""
    metadata = frame_metadata(frame)
    fetched = metadata["days_fetched"]
    cached = metadata["days_from_cache"]
    text = f"{len(frame):,} rows; {fetched} days fetched, {cached} from the cache"
    traffic_from = metadata["traffic_restatable_from"]
    results_from = metadata["restatable_from"]
    if traffic_from:
        text += f"; traffic from {traffic_from} on may still change"
    if results_from:
        text += f"; results from {results_from} on may still change"
    return text


def _group_days(plan: ReportPlan) -> dict[str, set[date]]:
    """Return the days of each action; a day is cached when the partitions of all tactics are."""
    days: dict[str, set[date]] = {}
    for step in plan.steps:
        days.setdefault(step.action, set()).add(step.partition.date)
    cached = days.pop(_CACHED, set())
    not_cached = set().union(*days.values())
    return days | {_CACHED: cached - not_cached}
