"""Version 3 of reporting: one report for up to 31 days, of both tactics.

What Amazon's documents leave open is decided so: whatever is wrong with a request is 400,
a day in the future too, but for the content type, which is 415; only a report that is
PENDING can be deleted, and then it is found no more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.report_store import EMPTY, Report, ReportStore
from sdanalytics.sandbox.responses import ApiErrorResponse, as_json, bad_request
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import render_v3_rows
from sdanalytics.sandbox.v3_request import V3Request

_CONTENT_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"


class OperationsV3:
    """The operations of version 3."""

    def __init__(self, settings: Settings, gate: AccessControl, depot: ReportStore) -> None:
        self._settings = settings
        self._gate = gate
        self._depot = depot

    def create_report(self, request: Request) -> Response:
        """Begin to build a report."""
        advertiser = self._gate.check_access(request)
        with self._depot.lock:
            self._gate.check_pace("create_report", advertiser, self._depot.building)
            body = _body(request)
            wanted = self._wanted(body, advertiser)
            _refuse_duplicate(body, self._depot.building(advertiser))
            report = self._new_report(body, wanted, advertiser)
        return as_json(self._described(report))

    def get_report(self, request: Request, report_id: str) -> Response:
        """Tell how a report is doing, and where its payload is."""
        return as_json(self._described(self._own_report(request, report_id, "get_report")))

    def delete_report(self, request: Request, report_id: str) -> Response:
        """Cancel a report that is PENDING."""
        report = self._own_report(request, report_id, "delete_report")
        with self._depot.lock:
            if self._status(report) != "PENDING":
                raise bad_request(f"Report {report_id} is not PENDING and cannot be deleted")
            report.status, report.ready_at = "CANCELLED", self._settings.monotonic()
        return as_json(self._described(report))

    def _own_report(self, request: Request, report_id: str, operation: str) -> Report:
        advertiser = self._gate.check_access(request)
        self._gate.check_pace(operation, advertiser)
        report = self._depot.find(report_id, "v3", advertiser)
        if report.status == "CANCELLED":
            raise ApiErrorResponse(404, "NOT_FOUND", f"Could not find report {report_id}")
        return report

    def _wanted(self, body: object, advertiser: Advertiser) -> V3Request:
        today = advertiser.today(self._settings.now())
        return V3Request.parse(body, advertiser, today, self._settings.v3_history_days)

    def _new_report(
        self, body: dict[str, Any], wanted: V3Request, advertiser: Advertiser
    ) -> Report:
        report = Report(
            report_id=str(uuid.uuid4()),
            api="v3",
            record_type=wanted.record_type,
            segment=wanted.segment,
            profile_id=advertiser.profile_id,
            request=body,
            status="COMPLETED",
            details="",
            **self._depot.times(),
        )
        self._depot.build(report, lambda: render_v3_rows(advertiser, wanted, self._settings.now()))
        return report

    def _status(self, report: Report) -> str:
        """How a report is: for the first half of its time it is not begun."""
        now = self._settings.monotonic()
        if now >= report.ready_at:
            return report.status
        return "PROCESSING" if now >= (report.asked_at + report.ready_at) / 2 else "PENDING"

    def _described(self, report: Report) -> dict[str, Any]:
        status = self._status(report)
        document = {
            "reportId": report.report_id,
            "name": report.request.get("name"),
            "status": status,
            "startDate": report.request["startDate"],
            "endDate": report.request["endDate"],
            "configuration": report.request["configuration"],
            "createdAt": _moment(report.created),
            "updatedAt": _moment(report.created),
            "generatedAt": None,
            "url": None,
            "urlExpiresAt": None,
            "fileSize": None,
            "failureReason": report.details or None if status == "FAILED" else None,
        }
        return document | (self._result(report) if status == "COMPLETED" else {})

    def _result(self, report: Report) -> dict[str, Any]:
        generated = report.created + timedelta(seconds=report.ready_at - report.asked_at)
        result: dict[str, Any] = dict.fromkeys(("updatedAt", "generatedAt"), _moment(generated))
        if self._settings.v3_empty_url and report.payload == EMPTY:
            return result
        expires = self._settings.now() + timedelta(seconds=self._depot.lifetime(report))
        return result | {
            "url": self._depot.link(report),
            "urlExpiresAt": _moment(expires),
            "fileSize": len(report.payload),
        }


def _body(request: Request) -> Any:
    if request.mimetype != _CONTENT_TYPE:
        raise ApiErrorResponse(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type must be {_CONTENT_TYPE}"
        )
    body = request.get_json(force=True, silent=True)
    if body is None:
        raise bad_request("The body is not JSON")
    return body


def _refuse_duplicate(body: dict[str, Any], building: Iterable[Report]) -> None:
    """Refuse what is being built already, whatever its name."""
    same = ("startDate", "endDate", "configuration")
    for report in building:
        if report.api == "v3" and all(report.request[name] == body[name] for name in same):
            words = f"The Request is a duplicate of : {report.report_id}"
            raise ApiErrorResponse(425, "TOO_EARLY", words)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
