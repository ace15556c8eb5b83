"""The reports that were asked for: built, kept, and handed out by storage."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.responses import ApiErrorResponse, as_xml
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import ReportRow


@dataclass
class Report:
    """A report that was asked for.

    Attributes
    ----------
    report_id : str
    api : {"v2", "v3"}
    record_type : str
        The version 2 name, whatever the version.
    segment : str or None
    profile_id : int
    request : dict
        The body of the request.
    created : datetime.datetime
        When it was asked for.
    asked_at, ready_at : float
        When it was and when it will be built, on the sandbox's monotonic clock.
    status, details : str
        How it ends: SUCCESS or FAILURE, of version 3 COMPLETED or FAILED, and why.
    rows : list of dict
        What it holds.
    payload : bytes
        The same as storage serves it.
    """

    report_id: str
    api: Literal["v2", "v3"]
    record_type: str
    segment: str | None
    profile_id: int
    request: dict[str, Any]
    created: datetime
    asked_at: float
    ready_at: float
    status: str
    details: str
    rows: list[ReportRow] = field(default_factory=list)
    payload: bytes = b""


Content = Callable[[Report], list[ReportRow] | bytes | None]
"""What fills a report: rows, a raw payload, or None for the sandbox's own rows."""


class ReportStore:
    """All reports of all profiles, and storage.

    Attributes
    ----------
    url : str
        Where storage listens.
    reports : dict of str to Report
    content : callable
    lock : threading.RLock
        Held from the look at what is being built until one more is.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = ""
        self.reports: dict[str, Report] = {}
        self.content: Content = lambda _: None
        self.lock = threading.RLock()
        self._settings = settings
        self._key = secrets.token_bytes(16)

    def building(self, advertiser: Advertiser) -> list[Report]:
        """The reports of a profile that are not built yet."""
        now = self._settings.monotonic()
        own = [r for r in self.reports.values() if r.profile_id == advertiser.profile_id]
        return [report for report in own if report.ready_at > now]

    def times(self) -> dict[str, Any]:
        """When a report that is asked for now was, and will be ready."""
        now = self._settings.monotonic()
        ready_at = now + self._settings.delay
        return {"created": self._settings.now(), "asked_at": now, "ready_at": ready_at}

    def build(self, report: Report, rows: Callable[[], list[ReportRow]]) -> None:
        """Fill a report with what was arranged, else with its own rows, and keep it."""
        content = self.content(report)
        if isinstance(content, bytes):
            report.payload = content
        else:
            report.rows = rows() if content is None else content
            report.payload = _packed(report.rows)
        self.reports[report.report_id] = report

    def find(self, report_id: str, api: str, advertiser: Advertiser) -> Report:
        """A report of a profile, asked for through the same version."""
        report = self.reports.get(report_id)
        if report is None or (report.api, report.profile_id) != (api, advertiser.profile_id):
            raise ApiErrorResponse(404, "NOT_FOUND", f"Could not find report {report_id}")
        return report

    def link(self, report: Report) -> str:
        """A fresh address of a report's payload."""
        return self._signed(report, int(self._settings.monotonic() * 1000))

    def lifetime(self, report: Report) -> float:
        """For how many seconds an address of a report is good."""
        if report.api == "v3":
            return self._settings.v3_link_lifetime
        return self._settings.link_lifetime

    def storage(self, request: Request, bucket: str, name: str) -> Response:
        """Serve a payload to whoever has a link that is good, and shows no credentials."""
        names = {header.lower() for header, _ in request.headers}
        if "authorization" in names or any(n.startswith("amazon-") for n in names):
            return as_xml(400, "InvalidArgument", "Only one auth mechanism allowed")
        report = self.reports.get(name.removesuffix(".json.gz"))
        issued = request.args.get("X-Amz-Date", "")
        good = report and issued.isdigit() and self._signed(report, int(issued))
        if not report or not good or good.partition("?")[2] != request.query_string.decode():
            return as_xml(403, "SignatureDoesNotMatch", "The signature does not match")
        if self._settings.monotonic() - int(issued) / 1000 > self.lifetime(report):
            return as_xml(403, "AccessDenied", "Request has expired")
        return Response(report.payload, content_type="application/octet-stream")

    def _signed(self, report: Report, issued: int) -> str:
        report_id, lifetime = report.report_id, int(self.lifetime(report))
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={issued}&X-Amz-Expires={lifetime}"
        text = f"{report_id}?{query}".encode()
        signature = hmac.new(self._key, text, hashlib.sha256).hexdigest()
        address = f"{self.url}/sandbox-reports/{report_id}.json.gz"
        return f"{address}?{query}&X-Amz-Signature={signature}"


def _packed(rows: list[ReportRow]) -> bytes:
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


EMPTY: Final = _packed([])
"""The payload of a report without rows."""
