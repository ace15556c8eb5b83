"""The operations of version 3 of the reporting API, each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sdanalytics.api.answers import expect_report, expect_report_id
from sdanalytics.api.documents import is_valid_text, quote_path_segment, read_report_id
from sdanalytics.api.session import JSON_TYPE, ApiRequest, ApiSession

_REPORTS_PATH: Final = "/reporting/reports"
_CREATE_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"
# Errors are JSON of no particular type.
_ACCEPTED_TYPES: Final = {
    method: f"application/vnd.{word}asyncreportresponse.v3+json, {JSON_TYPE}"
    for method, word in (("POST", "create"), ("GET", "get"), ("DELETE", "delete"))
}
"""The types that the responses about a report may have, by the method of the request."""


class ReportingV3:
    """Version 3: reports of up to 31 days and all tactics.

    Parameters
    ----------
    session : ApiSession
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Request a report: ``POST /reporting/reports``; return its description.

        The request is idempotent: the service answers 425 with the id of the same report if it
        is already in flight.

        Raises
        ------
        ApiError
            With `status` 425 when the same report is in flight.
        """
        request = ApiRequest(
            "create_report",
            "POST",
            _REPORTS_PATH,
            body=document,
            content_type=_CREATE_TYPE,
            accept=_ACCEPTED_TYPES["POST"],
            is_create=True,
            idempotent=True,
            find_fault=expect_report_id,
        )
        return self._send_for_report(request)

    def get(self, report_id: str) -> dict[str, Any]:
        """Get the status of a report: ``GET /reporting/reports/{reportId}``."""
        path = f"{_REPORTS_PATH}/{quote_path_segment(report_id)}"
        find_fault = expect_report(report_id, _is_report_document)
        accept = _ACCEPTED_TYPES["GET"]
        request = ApiRequest("get_report", "GET", path, accept=accept, find_fault=find_fault)
        return self._send_for_report(request)

    def delete(self, report_id: str) -> None:
        """Cancel a report that is in flight: ``DELETE /reporting/reports/{reportId}``."""
        path = f"{_REPORTS_PATH}/{quote_path_segment(report_id)}"
        accept = _ACCEPTED_TYPES["DELETE"]
        self._session.send(ApiRequest("delete_report", "DELETE", path, accept=accept))

    def _send_for_report(self, request: ApiRequest) -> dict[str, Any]:
        document: dict[str, Any] = self._session.send(request).json()
        return document | {"reportId": read_report_id(document)}


def _is_report_document(document: object) -> bool:
    """Return whether a document describes a report: with an id and a status."""
    if not isinstance(document, dict) or read_report_id(document) is None:
        return False
    status = document.get("status")
    return bool(status) and is_valid_text(status)
