"""Refusals of create requests: which days and columns, from the words of the error."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Final

from sdanalytics.api.error_mapping import MAX_DETAIL_LENGTH
from sdanalytics.errors import ApiError, ReportTooOld
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.report_batch import ReportBatch

_RETENTION_START: Final = re.compile(
    r"retention start date(?:[^0-9]*(\d{4}-\d{2}-\d{2}))?", re.IGNORECASE
)
"""The words with which a start before the history is refused, and the first day of the history."""

_INVALID_VALUES: Final = re.compile(
    r"columns includes? invalid values?\s*:?\s*\(([^)]*)", re.IGNORECASE
)
"""The words with which version 3 refuses columns, and the list of them."""
_VALID_VALUES: Final = re.compile(
    r"(?<!not )\b(?:allowed|valid|supported|available|known|possible|one of|must be)\b",
    re.IGNORECASE,
)
"""Words with which an error begins to list what may be requested."""
_ABOUT_COLUMNS: Final = re.compile("metric|column|field", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")
_LAST_WORD: Final = re.compile(r"\w+$")


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
        if found and found.group(1):
            return date.fromisoformat(found.group(1))
        return None
    except ValueError:
        return None


def refused_names(error: ApiError, requested: Collection[str]) -> list[str]:
    """Return those of the requested columns that an error refuses, as the service spells them."""
    text = error.details or ""
    if len(text) >= MAX_DETAIL_LENGTH:
        text = _LAST_WORD.sub("", text)  # it may be cut off, and look like another name
    listed = _INVALID_VALUES.search(text)
    if listed is not None:
        found = _WORD.findall(listed.group(1))
    else:
        # Any other wording: the columns that it names, before it goes on to list valid ones.
        text = _VALID_VALUES.split(text, 1)[0]
        found = _WORD.findall(text)
        if not _ABOUT_COLUMNS.search(text):
            found = found[:1]
    return [name for name in dict.fromkeys(found) if name in requested]
