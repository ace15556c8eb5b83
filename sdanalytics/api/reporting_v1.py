"""The report operations of the unified Ads API (version 1), each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sdanalytics.api.answers import MAX_NAME_LENGTH, FindFault, find_redirect
from sdanalytics.api.documents import is_valid_text, read_report_id
from sdanalytics.api.multi_status import read_item, unwrap_item
from sdanalytics.api.session import CLIENT_ID_HEADERS, ApiRequest, ApiSession
from sdanalytics.api.transport import Response

UNIFIED_CLIENT_ID_HEADERS: Final = ("Amazon-Ads-ClientId", *CLIENT_ID_HEADERS)
"""The specification has the first, the quickstart the second; either is accepted."""
_PATHS: Final = {
    "create_report": "/adsApi/v1/create/reports",
    "retrieve_report": "/adsApi/v1/retrieve/reports",
    "delete_report": "/adsApi/v1/delete/reports",
}


class ReportingV1:
    """Version 1, that of the unified Ads API: reports of several months and all tactics.

    Parameters
    ----------
    session : ApiSession
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Request a report: ``POST /adsApi/v1/create/reports``; return its description.

        It is not known whether the service tells equal requests apart: one that may have arrived
        is not sent again.
        """
        return self._send("create_report", document, find_fault=_find_create_fault)

    def retrieve(self, report_id: str) -> dict[str, Any]:
        """Get the status of a report: ``POST /adsApi/v1/retrieve/reports``."""
        find_fault = partial(_find_retrieve_fault, report_id)
        return self._send("retrieve_report", _name_report(report_id), find_fault=find_fault)

    def delete(self, report_id: str) -> None:
        """Cancel a report: ``POST /adsApi/v1/delete/reports``."""
        request = _build_request("delete_report", _name_report(report_id), find_redirect)
        self._session.send(request)

    def _send(
        self, operation: str, document: Mapping[str, Any], *, find_fault: FindFault
    ) -> dict[str, Any]:
        response = self._session.send(_build_request(operation, document, find_fault))
        report = read_item(response.json(), "report")
        assert report is not None, "an answer without a report has a fault"
        return report | {"reportId": read_report_id(report)}


def _build_request(
    operation: str, document: Mapping[str, Any], find_fault: FindFault
) -> ApiRequest:
    return ApiRequest(
        operation,
        "POST",
        _PATHS[operation],
        body=document,
        client_id_headers=UNIFIED_CLIENT_ID_HEADERS,
        needs_profile_scope=False,
        is_create=operation == "create_report",
        find_fault=find_fault,
        unwrap=unwrap_item,
    )


def _name_report(report_id: str) -> dict[str, Any]:
    return {"reportIds": [report_id]}


def _find_create_fault(response: Response) -> str | None:
    """Find fault with anything but the description of a report with an id."""
    fault = find_redirect(response)
    if fault is not None:
        return fault
    report = read_item(response.json(), "report")
    if read_report_id(report) is None:
        return "is not the description of a new report"
    return None


def _find_retrieve_fault(report_id: str, response: Response) -> str | None:
    """Find fault with anything but the description of that report, with its status."""
    fault = find_redirect(response)
    if fault is not None:
        return fault
    report = read_item(response.json(), "report")
    received = read_report_id(report)
    if report is None or received is None or not is_valid_text(report.get("status")):
        return "is not the description of a report"
    if received != report_id:
        return f"is about report {received[:MAX_NAME_LENGTH]}, not {report_id}"
    return None
