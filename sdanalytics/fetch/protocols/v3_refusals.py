"""Refusals of version 3: what a create request may not have, from the words of the error."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from sdanalytics.errors import ApiError, ReportTooOld
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.report_batch import ReportBatch

_RETENTION_START: Final = re.compile(
    r"retention start date(?:[^0-9]*(\d{4}-\d{2}-\d{2}))?", re.IGNORECASE
)
"""The words with which a start before the history is refused, and the first day of the history."""


def is_start_refused(error: ApiError) -> bool:
    """Return whether a report was refused because it begins before the history."""
    return _RETENTION_START.search(error.details or "") is not None


def too_old_error(batch: ReportBatch, refusal: ApiError) -> ReportTooOld:
    """Return the error of those days of a batch that the service no longer has.

    They are the days before the one that the refusal names, and at least the oldest: without a
    usable name, no more than that is known.
    """
    days = unique_days(batch.partitions)
    first_available = _first_available(refusal)
    refused = days[:1]
    if first_available is not None:
        refused = [day for day in days if day < first_available] or refused
    error = ReportTooOld(
        f"{refused[-1]} is too far in the past: {refusal.details}. "
        "Request later days; stored days remain in the cache",
        operation=refusal.operation,
        status=refusal.status,
        code=refusal.code,
        details=refusal.details,
        request_id=refusal.request_id,
    )
    error.last_day = refused[-1]
    return error


def _first_available(refusal: ApiError) -> date | None:
    """Return the first day of the history, if the refusal names one."""
    found = _RETENTION_START.search(refusal.details or "")
    try:
        return date.fromisoformat(found.group(1)) if found and found.group(1) else None
    except ValueError:
        return None
