"""The operations of version 2 of the reporting API, each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics.api.answers import (
    expect_report,
    expect_report_id,
    find_redirect,
    redirect_target,
)
from sdanalytics.api.documents import (
    is_integer,
    is_valid_text,
    quote_path_segment,
    read_report_id,
)
from sdanalytics.api.hosts import RETIREMENT_NOTICE, is_amazon
from sdanalytics.api.session import ApiRequest, ApiSession
from sdanalytics.api.transport import Response
from sdanalytics.errors import ApiError, ConnectionFailed, Retired, ServerError
from sdanalytics.model.record_types import validate_record_type

_RETIRED_STATUSES: Final = (404, 410)
_FIELD_CHECKS: Final = {
    "status": is_valid_text,
    "recordType": is_valid_text,
    "statusDetails": is_valid_text,
    "location": is_valid_text,
    "fileSize": is_integer,
    "expiration": is_integer,
}
"""The fields of a report besides its id, each with the check of its type."""
_NEW_STATUS: Final = "IN_PROGRESS"
"""The status of a new report, if the response does not say."""


@dataclass(frozen=True)
class ReportRequest:
    """The parameters of a version 2 report.

    Attributes
    ----------
    reportDate : str
        YYYYMMDD, one day in the profile's time zone. A `datetime.date` is accepted, too.
    metrics : str
        Names separated by commas, without spaces. A sequence of names is accepted, too.
    tactic : str
        ``T00020`` (contextual) or ``T00030`` (audiences).
    segment : str, optional
        ``matchedTarget``.
    """

    reportDate: str
    metrics: str
    tactic: str
    segment: str | None = None

    def __post_init__(self) -> None:
        day: Any = self.reportDate
        if isinstance(day, date):
            digits = day.isoformat()[:10].replace("-", "")
            object.__setattr__(self, "reportDate", digits)
        if not isinstance(self.metrics, str):
            object.__setattr__(self, "metrics", ",".join(self.metrics))

    def to_json(self) -> dict[str, str]:
        """Return the body of the request, without fields that are None."""
        fields = {}
        for name, value in asdict(self).items():
            if value is not None:
                fields[name] = value
        return fields


@dataclass(frozen=True)
class ReportResponse:
    """The service's description of a report.

    Attributes
    ----------
    reportId : str
    recordType : str or None
        As the service spells it: ``CAMPAIGN``, or the request's ``campaigns``.
    status : str
        ``IN_PROGRESS``, ``SUCCESS``, ``FAILURE``.
    statusDetails : str or None
    location : str or None
        The URL of the download operation (not of storage).
    fileSize : int or None
        Bytes, compressed.
    expiration : int or None
        Milliseconds since 1970 (UTC).
    """

    reportId: str
    status: str
    recordType: str | None = None
    statusDetails: str | None = None
    location: str | None = None
    fileSize: int | None = None
    expiration: int | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ReportResponse:
        """Parse the document of a response; unknown fields are ignored."""
        known = cls.__dataclass_fields__.keys() & document.keys()
        return cls(**{name: document[name] for name in known})


class ReportingV2:
    """Version 2: a report of one day and tactic.

    Parameters
    ----------
    session : ApiSession
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session

    def create(self, record_type: str, report_request: ReportRequest) -> ReportResponse:
        """Request a report: ``POST /sd/{recordType}/report``.

        Raises
        ------
        InvalidRequest
            When the record type is unknown, or one of version 3 only.
        ApiError
            See `Client.request_report`.
        """
        validate_record_type(record_type, "v2")
        path = f"/sd/{record_type}/report"
        body = report_request.to_json()
        request = ApiRequest(
            "request_report",
            "POST",
            path,
            body=body,
            is_create=True,
            find_fault=expect_report_id,
        )
        try:
            response = self._session.send(request)
        except ApiError as error:
            raise self._with_advice(error) from None
        return self._parse_report(response)

    def get(self, report_id: str) -> ReportResponse:
        """Get the status of a report: ``GET /v2/reports/{reportId}``.

        Raises
        ------
        ApiError
            See `Client.get_report_status`.
        """
        path = f"/v2/reports/{quote_path_segment(report_id)}"
        find_fault = expect_report(report_id, _is_report)
        request = ApiRequest("get_report_status", "GET", path, find_fault=find_fault)
        return self._parse_report(self._session.send(request))

    @hide_frames
    def download(self, report_id: str) -> bytes:
        """Download a finished report: ``GET /v2/reports/{reportId}/download``.

        Raises
        ------
        DownloadFailed
            When storage refuses the URL or cannot be reached, or its host is not allowed.
        ApiError
            See `Client.download_report`.
        """
        path = f"/v2/reports/{quote_path_segment(report_id)}/download"
        request = ApiRequest("download_report", "GET", path, find_fault=_find_no_link)
        response = self._session.send(request)
        return self._session.download_url(response.headers["Location"], report_id)

    def _with_advice(self, error: ApiError) -> ApiError:
        """Add advice about the endpoint to the error of a create."""
        if error.status in _RETIRED_STATUSES:
            return Retired(
                f"{error.operation} failed with status {error.status}. {RETIREMENT_NOTICE}.",
                operation=error.operation,
                status=error.status,
                code=error.code,
                details=error.details,
                request_id=error.request_id,
            )
        is_lost = isinstance(error, ConnectionFailed) and error.sent
        is_unexpected = error.status is not None and error.status < 400
        if is_lost or is_unexpected or isinstance(error, ServerError):
            error.add_note(
                "The service may have received the request and be building the report: it was "
                "not sent again. Calling again may build the same report twice."
            )
        if is_amazon(self._session.config.base_url):
            error.add_note(f"{RETIREMENT_NOTICE}.")
        return error

    def _parse_report(self, response: Response) -> ReportResponse:
        """Parse the description of a report; fields of another type count as left out."""
        document = response.json()
        fields: dict[str, Any] = {"status": _NEW_STATUS}
        for name, is_valid in _FIELD_CHECKS.items():
            value = document.get(name)
            if not is_valid(value):
                continue
            if isinstance(value, str):
                value = self._session.redact(value)
            fields[name] = value
        fields["reportId"] = read_report_id(document)
        return ReportResponse.from_json(fields)


def _find_no_link(response: Response) -> str | None:
    """Find fault with a response that is no redirect to a payload."""
    if response.status != 307:
        return find_redirect(response) or "is not the redirect (307) to the payload"
    if redirect_target(response) == "nowhere":
        return "redirects to nowhere"
    return None


def _is_report(document: object) -> bool:
    """Return whether it describes a report: each field of its type, or left out."""
    if not isinstance(document, dict) or read_report_id(document) is None:
        return False
    if document.get("status") is None:
        return False
    for name, is_valid in _FIELD_CHECKS.items():
        value = document.get(name)
        if value is not None and not is_valid(value):
            return False
    return True
