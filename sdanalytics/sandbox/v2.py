"""Version 2 of reporting: one report for one day and tactic."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    RECORD_TYPES,
    TACTICS,
    available_metrics,
    segmented_record_types,
)
from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.report_store import Report, ReportStore
from sdanalytics.sandbox.responses import ApiErrorResponse, as_json, bad_request
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import ReportRow, render_v2_rows

_RECORD_TYPE_NAMES: Final = {
    "campaigns": "CAMPAIGN",
    "adGroups": "AD_GROUP",
    "productAds": "PRODUCT_AD",
    "targets": "TARGET",
    "asins": "ASIN",
}
_READY: Final = ("SUCCESS", "COMPLETED")


class OperationsV2:
    """The operations of version 2.

    Attributes
    ----------
    url : str
        Where the API listens.
    """

    def __init__(self, settings: Settings, gate: AccessControl, depot: ReportStore) -> None:
        self.url = ""
        self._settings = settings
        self._gate = gate
        self._depot = depot

    def request_report(self, request: Request, record_type: str) -> Response:
        """Begin to build a report."""
        advertiser = self._access(request)
        with self._depot.lock:
            self._gate.check_pace("request_report", advertiser, self._depot.building)
            body = self._checked_body(request, record_type, advertiser)
            report = self._new_report(record_type, body, advertiser)
        return as_json(self._described(report), 202)

    def get_report_status(self, request: Request, report_id: str) -> Response:
        """Tell how a report is doing."""
        return as_json(self._described(self._own_report(request, report_id, "get_report_status")))

    def download_report(self, request: Request, report_id: str) -> Response:
        """Redirect to storage."""
        report = self._own_report(request, report_id, "download_report")
        if self._status(report) not in _READY:
            raise bad_request(f"Report {report_id} is not ready for download.")
        return Response(status=307, headers={"Location": self._depot.link(report)})

    def _access(self, request: Request) -> Advertiser:
        if self._settings.retired:
            raise ApiErrorResponse(404, "NOT_FOUND", "The requested resource does not exist")
        return self._gate.check_access(request)

    def _own_report(self, request: Request, report_id: str, operation: str) -> Report:
        advertiser = self._access(request)
        self._gate.check_pace(operation, advertiser)
        return self._depot.find(report_id, "v2", advertiser)

    def _checked_body(
        self, request: Request, record_type: str, advertiser: Advertiser
    ) -> dict[str, Any]:
        if record_type not in RECORD_TYPES:
            raise bad_request(f"Unknown record type {record_type}")
        body = request.get_json(silent=True)
        if request.mimetype != "application/json" or not isinstance(body, dict):
            raise bad_request("The body is not JSON")
        missing = [name for name in ("reportDate", "tactic", "metrics") if not body.get(name)]
        if missing:
            raise bad_request(f"Missing: {', '.join(missing)}")
        if record_type == "asins" and advertiser.account_type != "seller":
            raise bad_request("The asins report is for sellers only")
        self._check_day(str(body["reportDate"]), advertiser)
        _check_parameters(record_type, body, advertiser)
        return body

    def _check_day(self, text: str, advertiser: Advertiser) -> None:
        try:
            day = _day(text)
        except ValueError:
            raise bad_request(f"Report date {text} is not YYYYMMDD") from None
        age = (advertiser.today(self._settings.now()) - day).days
        if age < 0:
            raise ApiErrorResponse(422, "UNPROCESSABLE_ENTITY", "Report date is in the future")
        if age > self._settings.history_days:
            raise ApiErrorResponse(
                406,
                "NOT_ACCEPTABLE",
                "Report date is too far in the past. Reports are only available for "
                f"{self._settings.history_days} days.",
            )

    def _new_report(self, record_type: str, body: dict[str, Any], advertiser: Advertiser) -> Report:
        number = len(self._depot.reports) + 62153428
        report = Report(
            report_id=f"amzn1.sdAPI.v1.p1.{number:08d}.{uuid.uuid4()}",
            api="v2",
            record_type=record_type,
            segment=body.get("segment"),
            profile_id=advertiser.profile_id,
            request=body,
            status="SUCCESS",
            details="Report has been successfully generated.",
            **self._depot.times(),
        )
        self._depot.build(report, lambda: self._rows(report, advertiser))
        return report

    def _rows(self, report: Report, advertiser: Advertiser) -> list[ReportRow]:
        body = report.request
        return render_v2_rows(
            advertiser,
            report.record_type,
            _day(body["reportDate"]),
            body["tactic"],
            body["metrics"].split(","),
            report.segment,
            self._settings.now(),
        )

    def _status(self, report: Report) -> str:
        return report.status if self._settings.monotonic() >= report.ready_at else "IN_PROGRESS"

    def _described(self, report: Report) -> dict[str, Any]:
        status = self._status(report)
        document: dict[str, Any] = {
            "reportId": report.report_id,
            "recordType": _RECORD_TYPE_NAMES[report.record_type],
            "status": status,
            "statusDetails": "Generating report" if status == "IN_PROGRESS" else report.details,
        }
        if status in _READY:
            expires = self._settings.now() + timedelta(days=14)
            document |= {
                "location": f"{self.url}/v2/reports/{report.report_id}/download",
                "fileSize": len(report.payload),
                "expiration": int(expires.timestamp() * 1000),
            }
        return document


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()


def _check_parameters(record_type: str, body: dict[str, Any], advertiser: Advertiser) -> None:
    if body["tactic"] not in TACTICS:
        raise ApiErrorResponse(422, "UNPROCESSABLE_ENTITY", f"Invalid tactic {body['tactic']}")
    segment = body.get("segment")
    if segment is not None and (
        segment != MATCHED_TARGET or record_type not in segmented_record_types()
    ):
        raise ApiErrorResponse(422, "UNPROCESSABLE_ENTITY", f"Invalid segment {segment}")
    metrics = str(body["metrics"]).split(",")
    _check_metrics(metrics, available_metrics(record_type, segment))
    if "sku" in metrics and advertiser.account_type != "seller":
        raise bad_request("sku is not supported for vendors")


def _check_metrics(metrics: Sequence[str], known: Sequence[str]) -> None:
    wrong = [name for name in metrics if name not in known]
    if wrong:
        raise ApiErrorResponse(422, "UNPROCESSABLE_ENTITY", f"Invalid metrics: {', '.join(wrong)}")
