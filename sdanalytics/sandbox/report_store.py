"""The reports that were requested, and the storage that serves their payloads."""

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
from typing import Final, Literal, TypedDict

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.responses import JsonObject, report_not_found, xml_error
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.report_rows import JsonRow

_PAYLOAD_SUFFIX: Final = ".json.gz"


@dataclass
class Report:
    """A report that was requested.

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
        When it was requested.
    asked_at, ready_at : float
        When it was requested and when it will be built, on the sandbox's monotonic clock.
    status, details : str
        How it ends: SUCCESS or FAILURE, of version 3 COMPLETED or FAILED, and why.
    rows : list of dict
        Its content.
    payload : bytes
        The content as storage serves it.
    """

    report_id: str
    api: Literal["v2", "v3"]
    record_type: str
    segment: str | None
    profile_id: int
    request: JsonObject
    created: datetime
    asked_at: float
    ready_at: float
    status: str
    details: str
    rows: list[JsonRow] = field(default_factory=list)
    payload: bytes = b""


ContentHook = Callable[[Report], list[JsonRow] | bytes | None]
"""Fills a report: rows, a raw payload, or None for the sandbox's own rows."""


class Schedule(TypedDict):
    """The fields of a report that say when it was requested and when it is ready."""

    created: datetime
    asked_at: float
    ready_at: float


class ReportStore:
    """All reports of all profiles, and storage.

    Attributes
    ----------
    url : str
        The base URL of storage.
    reports : dict of str to Report
    content_hook : callable
    lock : threading.RLock
        Held from counting the reports in flight until the next one is added.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = ""
        self.reports: dict[str, Report] = {}
        self.content_hook: ContentHook = lambda _: None
        self.lock = threading.RLock()
        self._settings = settings
        self._signing_key = secrets.token_bytes(16)

    def list_building(self, advertiser: Advertiser) -> list[Report]:
        """Return the reports of a profile that are in flight."""
        now = self._settings.monotonic()
        building = []
        for report in self.reports.values():
            is_own = report.profile_id == advertiser.profile_id
            if is_own and report.ready_at > now:
                building.append(report)
        return building

    def schedule(self) -> Schedule:
        """Return when a report requested now was requested and will be ready."""
        now = self._settings.monotonic()
        ready_at = now + self._settings.delay
        return {"created": self._settings.now(), "asked_at": now, "ready_at": ready_at}

    def add(self, report: Report, render_rows: Callable[[], list[JsonRow]]) -> None:
        """Store a report, filled by the content hook or else with its own rows."""
        content = self.content_hook(report)
        if content is None:
            content = render_rows()
        if isinstance(content, bytes):
            report.payload = content
        else:
            report.rows = content
            report.payload = _compress(content)
        self.reports[report.report_id] = report

    def find(self, report_id: str, api: str, advertiser: Advertiser) -> Report:
        """Return a report of a profile that was requested through the same version."""
        report = self.reports.get(report_id)
        if report is None or report.api != api:
            raise report_not_found(report_id)
        if report.profile_id != advertiser.profile_id:
            raise report_not_found(report_id)
        return report

    def make_link(self, report: Report) -> str:
        """Return a fresh link to a report's payload."""
        issued = int(self._settings.monotonic() * 1000)
        query = self._sign_query(report, issued)
        file_name = f"{report.report_id}{_PAYLOAD_SUFFIX}"
        return f"{self.url}/sandbox-reports/{file_name}?{query}"

    def link_lifetime(self, report: Report) -> float:
        """Return for how many seconds a link to a report is valid."""
        if report.api == "v3":
            return self._settings.v3_link_lifetime
        return self._settings.link_lifetime

    def serve_payload(self, request: Request, bucket: str, name: str) -> Response:
        """Serve a payload to a request with a valid link and without credentials."""
        if _is_authenticated(request):
            return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        report_id = name.removesuffix(_PAYLOAD_SUFFIX)
        report = self.reports.get(report_id)
        issued_text = request.args.get("X-Amz-Date", "")
        if report is None or not issued_text.isdigit():
            return _signature_error()
        issued = int(issued_text)
        query = request.query_string.decode()
        if query != self._sign_query(report, issued):
            return _signature_error()
        age = self._settings.monotonic() - issued / 1000
        if age > self.link_lifetime(report):
            return xml_error(403, "AccessDenied", "Request has expired")
        return Response(report.payload, content_type="application/octet-stream")

    def _sign_query(self, report: Report, issued: int) -> str:
        """Return the query of a link that is issued at a moment, in milliseconds."""
        lifetime = int(self.link_lifetime(report))
        parameters = [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            f"X-Amz-Date={issued}",
            f"X-Amz-Expires={lifetime}",
        ]
        query = "&".join(parameters)
        signed_text = f"{report.report_id}?{query}".encode()
        digest = hmac.new(self._signing_key, signed_text, hashlib.sha256)
        signature = digest.hexdigest()
        return f"{query}&X-Amz-Signature={signature}"


def _is_authenticated(request: Request) -> bool:
    for header, _ in request.headers:
        name = header.lower()
        if name == "authorization" or name.startswith("amazon-"):
            return True
    return False


def _signature_error() -> Response:
    return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")


def _compress(rows: list[JsonRow]) -> bytes:
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    content = text.encode()
    return gzip.compress(content, compresslevel=1, mtime=0)


EMPTY_PAYLOAD: Final = _compress([])
"""The payload of a report without rows."""
