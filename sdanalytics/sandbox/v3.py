"""Version 3 of reporting: one report for up to 31 days, of both tactics.

Amazon's documentation leaves some cases open. Here every invalid request is a 400, a day in the
future included, except for a wrong content type, which is a 415, and a type of response that is
not accepted, which is a 406; only a PENDING report can be deleted, and afterwards it is not found.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.report_store import (
    EMPTY_PAYLOAD,
    Report,
    ReportStore,
    encode_gzip_json,
)
from sdanalytics.sandbox.responses import (
    ApiErrorResponse,
    JsonObject,
    bad_request,
    format_moment,
    json_response,
    report_not_found,
)
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import JsonRow, render_v3_rows
from sdanalytics.sandbox.v3_request import V3Request

_CONTENT_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"


class OperationsV3:
    """The operations of version 3."""

    def __init__(self, settings: Settings, access: AccessControl, store: ReportStore) -> None:
        self._settings = settings
        self._access = access
        self._store = store

    def create_report(self, request: Request) -> Response:
        """Begin to build a report."""
        content_type = _negotiate(request, "create")
        advertiser = self._access.check_access(request)
        store = self._store
        with store.lock:
            self._access.check_rate("create_report", advertiser, store.list_building)
            body = _decode_json_body(request)
            parsed = self._parse(body, advertiser)
            building = store.list_building(advertiser)
            _check_duplicate(body, building)
            report = self._create_report(body, parsed, advertiser)
        return json_response(self._to_document(report), content_type=content_type)

    def get_report(self, request: Request, report_id: str) -> Response:
        """Return the status of a report, and the link to its payload."""
        content_type = _negotiate(request, "get")
        report = self._find_report(request, report_id, "get_report")
        return json_response(self._to_document(report), content_type=content_type)

    def delete_report(self, request: Request, report_id: str) -> Response:
        """Cancel a report that is PENDING."""
        content_type = _negotiate(request, "delete")
        report = self._find_report(request, report_id, "delete_report")
        with self._store.lock:
            status = self._store.find_status(report)
            if status != "PENDING":
                raise bad_request(f"Report {report_id} is not PENDING and cannot be deleted")
            report.status = "CANCELLED"
            report.ready_at = self._settings.monotonic()
        return json_response(self._to_document(report), content_type=content_type)

    def _parse(self, body: object, advertiser: Advertiser) -> V3Request:
        today = advertiser.today(self._settings.now())
        return V3Request.parse(body, advertiser, today, self._settings)

    def _find_report(self, request: Request, report_id: str, operation: str) -> Report:
        advertiser = self._access.check_access(request)
        self._access.check_rate(operation, advertiser)
        report = self._store.find(report_id, "v3", advertiser)
        if report.status == "CANCELLED":
            raise report_not_found(report_id)
        return report

    def _create_report(self, body: JsonObject, parsed: V3Request, advertiser: Advertiser) -> Report:
        report = Report(
            report_id=str(uuid.uuid4()),
            api="v3",
            record_type=parsed.record_type,
            segment=parsed.segment,
            profile_id=advertiser.profile_id,
            request=body,
            status="COMPLETED",
            details="",
            **self._store.schedule(),
        )

        def render_rows() -> list[JsonRow]:
            return render_v3_rows(advertiser, parsed, self._settings.now())

        self._store.add(report, render_rows, encode_gzip_json)
        return report

    def _to_document(self, report: Report) -> JsonObject:
        status = self._store.find_status(report)
        created = format_moment(report.created)
        document = {
            "reportId": report.report_id,
            "name": report.request.get("name"),
            "status": status,
            "startDate": report.request["startDate"],
            "endDate": report.request["endDate"],
            "configuration": report.request["configuration"],
            "createdAt": created,
            "updatedAt": created,
            "generatedAt": None,
            "url": None,
            "urlExpiresAt": None,
            "fileSize": None,
            "failureReason": None,
        }
        if status == "FAILED" and report.details:
            document["failureReason"] = report.details
        if status == "COMPLETED":
            document |= self._result_fields(report)
        return document

    def _result_fields(self, report: Report) -> JsonObject:
        seconds = report.ready_at - report.asked_at
        moment = report.created + timedelta(seconds=seconds)
        generated = format_moment(moment)
        fields: JsonObject = {"updatedAt": generated, "generatedAt": generated}
        is_empty = report.payload == EMPTY_PAYLOAD
        if is_empty and self._settings.v3_empty_url:
            return fields
        lifetime = timedelta(seconds=self._store.link_lifetime(report))
        expires = self._settings.now() + lifetime
        fields["url"] = self._store.make_link(report)
        fields["urlExpiresAt"] = format_moment(expires)
        fields["fileSize"] = len(report.payload)
        return fields


def _negotiate(request: Request, operation: str) -> str:
    """Return the type of an operation's response, if the request accepts it."""
    content_type = f"application/vnd.{operation}asyncreportresponse.v3+json"
    accepted = request.headers.get("Accept")
    if accepted is not None and not request.accept_mimetypes.quality(content_type):
        raise ApiErrorResponse(406, "NOT_ACCEPTABLE", f"Accept must allow {content_type}")
    return content_type


def _decode_json_body(request: Request) -> Any:
    if request.mimetype != _CONTENT_TYPE:
        raise ApiErrorResponse(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type must be {_CONTENT_TYPE}"
        )
    body = request.get_json(force=True, silent=True)
    if body is None:
        raise bad_request("The body is not JSON")
    return body


def _check_duplicate(body: JsonObject, building: Iterable[Report]) -> None:
    """Raise a 425 for a report that is already in flight."""
    key = _duplicate_key(body)
    for report in building:
        if report.api == "v3" and _duplicate_key(report.request) == key:
            details = f"The Request is a duplicate of : {report.report_id}"
            raise ApiErrorResponse(425, "TOO_EARLY", details)


def _duplicate_key(body: JsonObject) -> tuple[object, ...]:
    """Return the fields that two requests for the same report share; names may differ."""
    return body["startDate"], body["endDate"], body["configuration"]
