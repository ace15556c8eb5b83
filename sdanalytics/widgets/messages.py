"""The sentences of the picker: availability, progress and outcome of a fetch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.periods import Period
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.job_status import JobStatus
from sdanalytics.fetch.plan import ReportPlan
from sdanalytics.fetch.wording import format_count
from sdanalytics.model.query import ReportQuery

CANCELLED_TEXT: Final = "Cancelled. What had arrived is stored; press Fetch for the rest"

NO_COMPARISON_TEXT: Final = "Amazon no longer has the period before, so there is no comparison"


def days_text(query: ReportQuery) -> str:
    """Return the number of days of a query, with the noun."""
    return format_count(len(query.days), "day")


def availability_text(plan: ReportPlan) -> str:
    """Return which days of a plan are cached, to fetch, in flight or unavailable."""
    days_by_label = {
        "in the cache": plan.from_cache,
        "to fetch": plan.to_request,
        "in flight": plan.in_flight,
        "no longer available from Amazon": plan.unavailable,
    }
    parts = []
    for label, days in days_by_label.items():
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


def progress_text(status: JobStatus) -> str:
    """Return the progress of a job."""
    return f"{status.days_text}; {status.details_text}"


def error_text(error: Exception) -> str:
    """Return why a fetch gave no frame."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SDAnalyticsError):
        return text
    return f"Unexpected: {text}"


def frame_text(frame: pd.DataFrame, compared: Period | None = None) -> str:
    """Return the size of a frame, the origin of its days, and which may still change."""
    metadata = frame_metadata(frame)
    fetched = metadata["days_fetched"]
    cached = metadata["days_from_cache"]
    days = format_count(fetched, "day")
    text = f"{len(frame):,} rows; {days} fetched, {cached} from the cache"
    changing = {
        "traffic": metadata["traffic_restatable_from"],
        "results": metadata["restatable_from"],
    }
    parts = []
    for subject, first in changing.items():
        if first:
            parts.append(f"{subject} from {first} on")
    if parts:
        text += f"; may still change: {', '.join(parts)}"
    if compared is not None:
        text += f"; compared with {compared.first} to {compared.last}"
    return text
