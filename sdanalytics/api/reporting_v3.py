"""The operations of version 3 of the reporting API, each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sdanalytics.api.client import ApiRequest, Client
from sdanalytics.api.documents import is_valid_text, quote_path_segment, report_mismatch_error
from sdanalytics.api.transport import Response

_REPORTS: Final = "/reporting/reports"
_CREATE: Final = "application/vnd.createasyncreportrequest.v3+json"
PAGE_SIZE: Final = 100
"""How many campaigns are listed at a time."""


class ReportingV3:
    """Version 3: reports of up to 31 days, and the campaigns that they are of.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a report: ``POST /reporting/reports``; what the service says of it.

        It may be sent again when nobody knows whether it arrived: the service answers 425
        with the id of a report that it is building already.

        Raises
        ------
        ApiError
            With `status` 425 when the same report is being built.
        """
        request = ApiRequest(
            "create_report",
            "POST",
            _REPORTS,
            body=document,
            content_type=_CREATE,
            repeatable=True,
        )
        return self._report(request)

    def get(self, report_id: str) -> dict[str, Any]:
        """Ask how a report is doing: ``GET /reporting/reports/{reportId}``."""
        path = f"{_REPORTS}/{quote_path_segment(report_id)}"
        report = self._report(ApiRequest("get_report", "GET", path))
        if report["reportId"] != report_id:
            raise report_mismatch_error("get_report", report_id, report["reportId"])
        return report

    def delete(self, report_id: str) -> None:
        """Have a report built no longer: ``DELETE /reporting/reports/{reportId}``."""
        path = f"{_REPORTS}/{quote_path_segment(report_id)}"
        self._client.exchange(ApiRequest("delete_report", "DELETE", path))

    def campaigns(self) -> Iterator[dict[str, Any]]:
        """All campaigns, archived ones too: ``GET /sd/campaigns``, page by page."""
        start = 0
        while True:
            path = f"/sd/campaigns?startIndex={start}&count={PAGE_SIZE}"
            path += "&stateFilter=enabled,paused,archived"
            request = ApiRequest("campaigns", "GET", path)
            answer = self._client.exchange(request)
            page = answer.json()
            if not isinstance(page, list) or not all(map(_is_campaign, page)):
                raise self._client.error(answer, request.operation)
            yield from page
            if not page:
                return
            start += len(page)

    def _report(self, request: ApiRequest) -> dict[str, Any]:
        answer = self._client.exchange(request)
        document = answer.json()
        if not _is_report(answer, document):
            raise self._client.error(answer, request.operation)
        return document  # type: ignore[no-any-return]


def _is_campaign(document: object) -> bool:
    return isinstance(document, dict) and "campaignId" in document


def _is_report(answer: Response, document: Any) -> bool:
    is_answer = answer.status in (200, 202) and isinstance(document, dict)
    return is_answer and all(
        is_valid_text(document.get(name)) and document[name] for name in ("reportId", "status")
    )
