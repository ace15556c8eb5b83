"""The error policy: which errors end a fetch, are retried, or mean that a report is lost."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from sdanalytics.errors import (
    ApiError,
    BadRequest,
    CacheError,
    ConnectionFailed,
    CorruptReport,
    DownloadFailed,
    Forbidden,
    NotConfigured,
    NotFound,
    RateLimited,
    ReportFailed,
    ReportTimeout,
    Retired,
    SDAnalyticsError,
    Unauthorized,
)

FATAL_ERRORS: Final = (
    Unauthorized,
    NotConfigured,
    RateLimited,
    ReportTimeout,
    CacheError,
    Retired,
)
"""Errors that every other report of the fetch would meet, too."""
MAX_YOUNG_AGE: Final = 60.0
"""Seconds since its request during which a report may be unknown to parts of the service."""
EARLY_STATUSES: Final = (400, 403, 404)
"""Statuses by which the service says so."""
DOWNLOAD_ERRORS: Final = (DownloadFailed, CorruptReport, ApiError)
"""Errors of a download after which it may be tried again (`is_retryable`)."""


def is_fatal(error: Exception) -> bool:
    """Return whether an error ends the whole fetch."""
    if isinstance(error, ConnectionFailed) and not error.sent:
        return True  # the service cannot be reached
    return isinstance(error, FATAL_ERRORS)


def is_retryable(error: SDAnalyticsError, previous: SDAnalyticsError | None) -> bool:
    """Return whether downloading again, or requesting a new report, can help.

    A value that does not fit its type would be sent again as it is. An API error of a download
    counts only after a link has failed (`previous`): then the report may no longer exist.
    """
    if is_fatal(error):
        return False
    if isinstance(error, CorruptReport):
        return error.row is None
    return isinstance(error, DownloadFailed) or previous is not None


def is_not_yet(error: SDAnalyticsError, report_operations: Set[str], age: float) -> bool:
    """Return whether the service may merely not know a report yet, so that it is looked at again.

    Parameters
    ----------
    error : SDAnalyticsError
    report_operations : set of str
        The operations that read a report.
    age : float
        Seconds since this call requested the report; infinite if another call did.
    """
    if age >= MAX_YOUNG_AGE or not isinstance(error, BadRequest | Forbidden | NotFound):
        return False
    return error.operation in report_operations and error.status in EARLY_STATUSES


def is_terminal(error: SDAnalyticsError, report_operations: Set[str]) -> bool:
    """Return whether an error means that the report is lost; otherwise it can be resumed.

    Parameters
    ----------
    error : SDAnalyticsError
    report_operations : set of str
        Operations whose 400 or 404 means that the report no longer exists.
    """
    if isinstance(error, DownloadFailed):
        return error.is_refused
    if isinstance(error, BadRequest | NotFound):
        return error.operation in report_operations
    return isinstance(error, ReportFailed | CorruptReport)
