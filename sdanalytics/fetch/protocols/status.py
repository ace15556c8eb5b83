"""The statuses of reports, in either version of the API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from sdanalytics._core.printable import to_printable
from sdanalytics.errors import ApiError, NotFound, ReportFailed


class ReportStatus(Enum):
    """The status of a report."""

    BUILDING = auto()
    READY = auto()
    FAILED = auto()
    CANCELLED = auto()


def check_ready(
    report_id: str,
    status: str,
    known: Mapping[str, ReportStatus],
    *,
    operation: str,
    details: str | None,
) -> bool:
    """Return whether a report can be downloaded.

    Parameters
    ----------
    report_id : str
    status : str
        The service's name of the status, in upper or lower case.
    known : mapping of str to ReportStatus
        The names of that version, in upper case.
    operation : str
        The operation that returned the status.
    details : str or None
        The reason that the service gives.

    Raises
    ------
    ReportFailed
        When the service could not build it.
    NotFound
        When it was cancelled.
    ApiError
        When the status is not known.
    """
    meaning = known.get(status.upper())
    details = None if details is None else to_printable(details)
    if meaning is ReportStatus.FAILED:
        reason = details or "no reason given"
        raise ReportFailed(
            f"the service could not build report {report_id}: {reason}. Call again to request it "
            "again",
            report_id=report_id,
            details=details,
        )
    if meaning is ReportStatus.CANCELLED:
        raise NotFound(
            f"report {report_id} was cancelled. Call again to request it again",
            operation=operation,
            status=200,
        )
    if meaning is None:
        raise ApiError(
            f"report {report_id} has an unknown status: {status!r}. Call again later; if it "
            "persists, update sdanalytics",
            operation=operation,
            status=200,
            details=details,
        )
    return meaning is ReportStatus.READY
