"""The meaning of the status words of reports, in either version of the API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from sdanalytics.errors import ApiError, NotFound, ReportFailed


class ReportStatus(Enum):
    """How a report is."""

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
        The word that the service uses, in any case.
    known : mapping of str to ReportStatus
        The words of that version, in capitals.
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
    if meaning is ReportStatus.FAILED:
        reason = details or "it gives no reason"
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
            "stays, this version of sdanalytics is too old",
            operation=operation,
            status=200,
            details=details,
        )
    return meaning is ReportStatus.READY
