"""Version 2 of reporting: one report for one day and tactic."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from werkzeug.wrappers import Request, Response

from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    TACTICS,
    requestable_metrics,
    segmented_record_types,
)
from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.report_store import Report, ReportStore, encode_gzip_json
from sdanalytics.sandbox.responses import (
    ApiErrorResponse,
    JsonObject,
    bad_request,
    json_response,
    unprocessable,
)
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import JsonRow, render_v2_rows

_RECORD_TYPE_NAMES: Final = {
    "campaigns": "CAMPAIGN",
    "adGroups": "AD_GROUP",
    "productAds": "PRODUCT_AD",
    "targets": "TARGET",
    "asins": "ASIN",
}
_READY_STATUSES: Final = ("SUCCESS", "COMPLETED")
_REQUIRED_FIELDS: Final = ("reportDate", "tactic", "metrics")
_FIRST_REPORT_NUMBER: Final = 62153428
_PAYLOAD_RETENTION: Final = timedelta(days=14)


class OperationsV2:
    """The operations of version 2.

    Attributes
    ----------
    url : str
        The base URL of the API.
    """

    def __init__(self, settings: Settings, access: AccessControl, store: ReportStore) -> None:
        self.url = ""
        self._settings = settings
        self._access = access
        self._store = store

    def request_report(self, request: Request, record_type: str) -> Response:
        """Begin to build a report."""
        advertiser = self._check_access(request)
        store = self._store
        with store.lock:
            self._access.check_rate("request_report", advertiser, store.list_building)
            body = _parse_body(request, record_type)
            self._check_body(body, record_type, advertiser)
            report = self._create_report(record_type, body, advertiser)
        return json_response(self._to_document(report), 202)

    def get_report_status(self, request: Request, report_id: str) -> Response:
        """Return the status of a report."""
        report = self._find_report(request, report_id, "get_report_status")
        return json_response(self._to_document(report))

    def download_report(self, request: Request, report_id: str) -> Response:
        """Redirect to storage."""
        report = self._find_report(request, report_id, "download_report")
        if self._status(report) not in _READY_STATUSES:
            raise bad_request(f"Report {report_id} is not ready for download.")
        link = self._store.make_link(report)
        return Response(status=307, headers={"Location": link})

    def _check_access(self, request: Request) -> Advertiser:
        if self._settings.retired:
            raise ApiErrorResponse(404, "NOT_FOUND", "The requested resource does not exist")
        return self._access.check_access(request)

    def _find_report(self, request: Request, report_id: str, operation: str) -> Report:
        advertiser = self._check_access(request)
        self._access.check_rate(operation, advertiser)
        return self._store.find(report_id, "v2", advertiser)

    def _check_body(self, body: JsonObject, record_type: str, advertiser: Advertiser) -> None:
        is_seller = advertiser.account_type == "seller"
        if record_type == "asins" and not is_seller:
            raise bad_request("The asins report is for sellers only")
        self._check_report_date(str(body["reportDate"]), advertiser)
        tactic = body["tactic"]
        if tactic not in TACTICS:
            raise unprocessable(f"Invalid tactic {tactic}")
        segment = body.get("segment")
        if segment is not None:
            _check_segment(segment, record_type)
        metrics = str(body["metrics"]).split(",")
        available = set(requestable_metrics(record_type, segment))
        _check_metrics(metrics, available.difference(self._settings.refused_metrics))
        if "sku" in metrics and not is_seller:
            raise bad_request("sku is not supported for vendors")

    def _check_report_date(self, text: str, advertiser: Advertiser) -> None:
        try:
            day = _parse_report_date(text)
        except ValueError:
            raise bad_request(f"Report date {text} is not YYYYMMDD") from None
        today = advertiser.today(self._settings.now())
        age = (today - day).days
        if age < 0:
            raise unprocessable("Report date is in the future")
        if age > self._settings.history_days:
            raise ApiErrorResponse(
                406,
                "NOT_ACCEPTABLE",
                "Report date is too far in the past. Reports are only available for "
                f"{self._settings.history_days} days.",
            )

    def _create_report(self, record_type: str, body: JsonObject, advertiser: Advertiser) -> Report:
        number = len(self._store.reports) + _FIRST_REPORT_NUMBER
        unique = uuid.uuid4()
        report = Report(
            report_id=f"amzn1.sdAPI.v1.p1.{number:08d}.{unique}",
            api="v2",
            record_type=record_type,
            segment=body.get("segment"),
            profile_id=advertiser.profile_id,
            request=body,
            status="SUCCESS",
            details="Report has been successfully generated.",
            **self._store.schedule(),
        )
        self._store.add(report, lambda: self._render_rows(report, advertiser), encode_gzip_json)
        return report

    def _render_rows(self, report: Report, advertiser: Advertiser) -> list[JsonRow]:
        body = report.request
        return render_v2_rows(
            advertiser,
            report.record_type,
            _parse_report_date(body["reportDate"]),
            body["tactic"],
            body["metrics"].split(","),
            report.segment,
            self._settings.now(),
        )

    def _status(self, report: Report) -> str:
        is_built = self._settings.monotonic() >= report.ready_at
        return report.status if is_built else "IN_PROGRESS"

    def _to_document(self, report: Report) -> JsonObject:
        status = self._status(report)
        document: JsonObject = {
            "reportId": report.report_id,
            "recordType": _RECORD_TYPE_NAMES[report.record_type],
            "status": status,
            "statusDetails": report.details,
        }
        if status == "IN_PROGRESS":
            document["statusDetails"] = "Generating report"
        if status in _READY_STATUSES:
            expires = self._settings.now() + _PAYLOAD_RETENTION
            document |= {
                "location": f"{self.url}/v2/reports/{report.report_id}/download",
                "fileSize": len(report.payload),
                "expiration": int(expires.timestamp() * 1000),
            }
        return document


def _parse_body(request: Request, record_type: str) -> JsonObject:
    if record_type not in _RECORD_TYPE_NAMES:
        raise bad_request(f"Unknown record type {record_type}")
    body = request.get_json(silent=True)
    is_json = request.mimetype == "application/json"
    if not is_json or not isinstance(body, dict):
        raise bad_request("The body is not JSON")
    missing = [name for name in _REQUIRED_FIELDS if not body.get(name)]
    if missing:
        raise bad_request(f"Missing: {', '.join(missing)}")
    return body


def _parse_report_date(text: str) -> date:
    moment = datetime.strptime(text, "%Y%m%d")
    return moment.date()


def _check_segment(segment: object, record_type: str) -> None:
    if segment != MATCHED_TARGET or record_type not in segmented_record_types():
        raise unprocessable(f"Invalid segment {segment}")


def _check_metrics(metrics: list[str], available: Collection[str]) -> None:
    invalid = [name for name in metrics if name not in available]
    if invalid:
        raise unprocessable(f"Invalid metrics: {', '.join(invalid)}")
