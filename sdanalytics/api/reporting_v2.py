"""The operations of version 2 of the reporting API, each one HTTP exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from sdanalytics.api.documents import (
    is_integer,
    is_valid_text,
    quote_path_segment,
    report_mismatch_error,
)
from sdanalytics.api.hosts import RETIREMENT_NOTICE, is_amazon
from sdanalytics.api.session import ApiRequest, ApiSession
from sdanalytics.api.transport import Response
from sdanalytics.errors import ApiError, ConnectionFailed, Retired, ServerError
from sdanalytics.model.record_types import validate_record_type

_RETIRED_STATUSES: Final = (404, 410)
_TEXT_FIELDS: Final = ("recordType", "statusDetails", "location")
_INT_FIELDS: Final = ("fileSize", "expiration")


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
        return {name: value for name, value in asdict(self).items() if value is not None}


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
        request = ApiRequest("request_report", "POST", path, body=report_request.to_json())
        try:
            response = self._session.send(request)
        except ApiError as error:
            raise self._with_advice(error) from None
        return self._parse_report(response, request, 202)

    def get(self, report_id: str) -> ReportResponse:
        """Get the status of a report: ``GET /v2/reports/{reportId}``.

        Raises
        ------
        ApiError
            See `Client.get_report_status`.
        """
        path = f"/v2/reports/{quote_path_segment(report_id)}"
        request = ApiRequest("get_report_status", "GET", path)
        response = self._session.send(request)
        report = self._parse_report(response, request, 200)
        if report.reportId != report_id:
            raise report_mismatch_error(request.operation, report_id, report.reportId)
        return report

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
        request = ApiRequest("download_report", "GET", path)
        response = self._session.send(request)
        if response.status != 307:
            raise self._session.error_for(response, request.operation)
        url = response.headers.get("Location", "")
        return self._session.download_url(url, report_id)

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
        if is_lost or isinstance(error, ServerError):
            error.add_note(
                "The service may have received the request and be building the report: it was "
                "not sent again. Calling again may build the same report twice."
            )
        if is_amazon(self._session.config.base_url):
            error.add_note(f"{RETIREMENT_NOTICE}.")
        return error

    def _parse_report(
        self, response: Response, request: ApiRequest, expected_status: int
    ) -> ReportResponse:
        document = response.json()
        if response.status != expected_status or not _is_report(document):
            raise self._session.error_for(response, request.operation)
        fields = dict(document)
        for name, value in document.items():
            if isinstance(value, str):
                fields[name] = self._session.redact(value)
        fields["reportId"] = str(document["reportId"])
        return ReportResponse.from_json(fields)


def _is_report(document: object) -> bool:
    """Return whether it describes a report: each field of its type, or left out."""
    if not isinstance(document, dict):
        return False
    report_id = document.get("reportId")
    has_id = is_valid_text(report_id) or is_integer(report_id)
    if not has_id or report_id == "" or not is_valid_text(document.get("status")):
        return False
    for name in _TEXT_FIELDS:
        value = document.get(name)
        if value is not None and not is_valid_text(value):
            return False
    for name in _INT_FIELDS:
        value = document.get(name)
        if value is not None and not is_integer(value):
            return False
    return True
