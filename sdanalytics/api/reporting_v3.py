"""The operations of version 3 of the reporting API, each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sdanalytics.api.documents import is_valid_text, quote_path_segment, report_mismatch_error
from sdanalytics.api.session import ApiRequest, ApiSession
from sdanalytics.api.transport import Response

PAGE_SIZE: Final = 100
"""Campaigns per page of the list."""
_REPORTS_PATH: Final = "/reporting/reports"
_CREATE_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"


class ReportingV3:
    """Version 3: reports of up to 31 days and all tactics, and the list of campaigns.

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
            idempotent=True,
        )
        return self._send_for_report(request)

    def get(self, report_id: str) -> dict[str, Any]:
        """Get the status of a report: ``GET /reporting/reports/{reportId}``."""
        path = f"{_REPORTS_PATH}/{quote_path_segment(report_id)}"
        report = self._send_for_report(ApiRequest("get_report", "GET", path))
        if report["reportId"] != report_id:
            raise report_mismatch_error("get_report", report_id, report["reportId"])
        return report

    def delete(self, report_id: str) -> None:
        """Cancel a report that is in flight: ``DELETE /reporting/reports/{reportId}``."""
        path = f"{_REPORTS_PATH}/{quote_path_segment(report_id)}"
        self._session.send(ApiRequest("delete_report", "DELETE", path))

    def campaigns(self) -> Iterator[dict[str, Any]]:
        """List all campaigns, archived ones too: ``GET /sd/campaigns``, page by page."""
        start = 0
        while True:
            path = f"/sd/campaigns?startIndex={start}&count={PAGE_SIZE}"
            path += "&stateFilter=enabled,paused,archived"
            page = self._get_campaign_page(path)
            if not page:
                return
            yield from page
            start += len(page)

    def _get_campaign_page(self, path: str) -> list[dict[str, Any]]:
        request = ApiRequest("campaigns", "GET", path)
        response = self._session.send(request)
        page = response.json()
        if not isinstance(page, list) or not all(map(_is_campaign, page)):
            raise self._session.error_for(response, request.operation)
        return page

    def _send_for_report(self, request: ApiRequest) -> dict[str, Any]:
        response = self._session.send(request)
        document = response.json()
        if not isinstance(document, dict) or not _is_description(response, document):
            raise self._session.error_for(response, request.operation)
        return document


def _is_campaign(document: object) -> bool:
    return isinstance(document, dict) and "campaignId" in document


def _is_description(response: Response, document: Mapping[str, Any]) -> bool:
    """Return whether a response describes a report: with an id and a status."""
    if response.status not in (200, 202):
        return False
    required = [document.get(name) for name in ("reportId", "status")]
    return all(required) and all(map(is_valid_text, required))
