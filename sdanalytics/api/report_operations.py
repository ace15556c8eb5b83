"""`ReportOperations`: those methods of `Client` that are one request of version 2 each."""

from __future__ import annotations

from functools import partial

from sdanalytics.api.own_profile import (
    SessionOwner,
    ensure_profile,
    operation_deadline,
    run_operation,
)
from sdanalytics.api.reporting_v2 import ReportingV2, ReportRequest, ReportResponse


class ReportOperations(SessionOwner):
    """The reports of a `Client`'s profile, in version 2."""

    def request_report(self, record_type: str, report_request: ReportRequest) -> ReportResponse:
        """Request a report: ``POST /sd/{recordType}/report``.

        Raises
        ------
        InvalidRequest
            When the record type is unknown.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `ReportTooOld`, `InvalidReport`,
            `RateLimited`, `ServerError`, `ConnectionFailed`.
        """
        return run_operation(self, partial(_reporting(self).create, record_type, report_request))

    def get_report_status(self, report_id: str) -> ReportResponse:
        """Get the status of a report: ``GET /v2/reports/{reportId}``.

        Raises
        ------
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        return run_operation(self, partial(_reporting(self).get, report_id))

    def download_report(self, report_id: str) -> bytes:
        """Download a finished report: ``GET /v2/reports/{reportId}/download``.

        The service responds with a redirect (307) to storage that is valid for 30 seconds; it
        is followed at once, with none of the API's headers.

        Returns
        -------
        bytes
            The payload as storage sent it: gzip-compressed JSON, not checked here.

        Raises
        ------
        DownloadFailed
            When storage refuses the URL (expired, most likely) or cannot be reached.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        return run_operation(self, partial(_reporting(self).download, report_id))


def _reporting(client: SessionOwner) -> ReportingV2:
    """Return version 2 for a client's profile, which is looked up if it is not known."""
    ensure_profile(client, operation_deadline(client))
    return ReportingV2(client._session)
