"""Reporting of the unified Ads API v1: reports of accounts, as fields and filters, in CSV files.

Amazon's documents leave cases open. Here a request is refused as a whole, with the code of the
first thing that is wrong or the code of several; with `Settings.v1_multi_status` the same problems
are in a 207. Any report may be deleted, and is not found afterwards. Equal reports are built anew.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.report_store import Report, ReportStore
from sdanalytics.sandbox.responses import JsonObject, format_moment, json_response
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.report_rows import JsonRow
from sdanalytics.sandbox.simulation.v1_rows import render_v1_rows
from sdanalytics.sandbox.v1_accounts import Account, select_accounts
from sdanalytics.sandbox.v1_create_limits import CreateLimits
from sdanalytics.sandbox.v1_csv import encode_csv
from sdanalytics.sandbox.v1_problems import (
    V1Refusal,
    malformed,
    no_such_report,
    parse_json_body,
)
from sdanalytics.sandbox.v1_request import V1Request


class OperationsV1:
    """The operations of reports."""

    def __init__(self, settings: Settings, access: AccessControl, store: ReportStore) -> None:
        self._settings = settings
        self._access = access
        self._store = store
        self._limits = CreateLimits(settings)

    def create_report(self, request: Request) -> Response:
        """Begin to build a report."""
        self._access.check_v1_login(request)
        body = parse_json_body(request)
        with self._store.lock:
            self._limits.check(self._store.list_v1_building())
            try:
                parsed = V1Request.parse(body, self._accessible_accounts(), self._settings)
            except V1Refusal as refusal:
                return self._refuse(refusal)
            self._limits.note_create()
            report = self._create_report(body, parsed)
        return _succeed(self._to_document(report))

    def retrieve_report(self, request: Request) -> Response:
        """Return the status of a report, and the links to its parts."""
        try:
            report = self._find_report(request)
        except V1Refusal as refusal:
            return self._refuse(refusal)
        return _succeed(self._to_document(report))

    def delete_report(self, request: Request) -> Response:
        """Delete a report."""
        with self._store.lock:
            try:
                report = self._find_report(request)
            except V1Refusal as refusal:
                return self._refuse(refusal)
            document = self._to_document(report)
            report.status = "DELETED"
            report.ready_at = self._settings.monotonic()
        return _succeed(document)

    def _accessible_accounts(self) -> dict[str, Account]:
        accounts = {}
        for account_id, account in select_accounts(self._settings).items():
            if account.advertisers[0].profile_id not in self._settings.unregistered:
                accounts[account_id] = account
        return accounts

    def _find_report(self, request: Request) -> Report:
        self._access.check_v1_login(request)
        body = parse_json_body(request)
        ids = body.get("reportIds")
        if body.keys() != {"reportIds"} or not isinstance(ids, list) or len(ids) != 1:
            raise malformed("reportIds must have exactly one id")
        report = self._store.reports.get(str(ids[0]))
        if report is None or report.api != "v1" or report.status == "DELETED":
            raise no_such_report(str(ids[0]))
        return report

    def _refuse(self, refusal: V1Refusal) -> Response:
        if not self._settings.v1_multi_status:
            raise refusal
        errors = [problem.to_document() for problem in refusal.problems]
        return _multi_status({"error": [{"index": 0, "errors": errors}], "success": []})

    def _create_report(self, body: JsonObject, parsed: V1Request) -> Report:
        report = Report(
            report_id=str(uuid.uuid4()),
            api="v1",
            record_type=parsed.record_type,
            segment=parsed.segment,
            profile_id=parsed.accounts[0].advertisers[0].profile_id,
            request=body,
            status="COMPLETED",
            details="",
            **self._store.schedule(),
        )
        names = [field.name for field in parsed.fields]

        def render_rows() -> list[JsonRow]:
            return render_v1_rows(parsed, self._settings.now())

        def encode(rows: list[JsonRow]) -> list[bytes]:
            if not rows and self._settings.v1_no_parts:
                return []
            return encode_csv(rows, names, self._settings.v1_part_rows)

        self._store.add(report, render_rows, encode)
        return report

    def _to_document(self, report: Report) -> JsonObject:
        requested = report.request["reports"][0]
        created = format_moment(report.created)
        status = self._store.find_status(report)
        document = {
            "reportId": report.report_id,
            "status": status,
            "creationDateTime": created,
            "lastUpdatedDateTime": created,
            "format": requested["format"],
            "periods": requested["periods"],
            "query": requested["query"],
        }
        if status == "FAILED":
            document["failureCode"] = report.failure_code
            document["failureReason"] = report.details
        if status == "COMPLETED":
            document |= self._result_fields(report)
        return document

    def _result_fields(self, report: Report) -> JsonObject:
        seconds = report.ready_at - report.asked_at
        completed = format_moment(report.created + timedelta(seconds=seconds))
        lifetime = timedelta(seconds=self._store.link_lifetime(report))
        expires = format_moment(self._settings.now() + lifetime)
        parts = []
        for position, content in enumerate(report.parts):
            part = {
                "url": self._store.make_link(report, position),
                "sizeInBytes": len(content),
                "urlExpirationDateTime": expires,
            }
            parts.append(part)
        return {
            "lastUpdatedDateTime": completed,
            "completedDateTime": completed,
            "completedReportParts": parts,
        }


def _succeed(document: JsonObject) -> Response:
    return _multi_status({"error": None, "success": [{"index": 0, "report": document}]})


def _multi_status(document: JsonObject) -> Response:
    return json_response(document, 207)
