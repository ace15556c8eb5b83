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
_PART_SUFFIX: Final = ".csv"


@dataclass
class Report:
    """A report that was requested.

    Attributes
    ----------
    report_id : str
    api : {"v1", "v2", "v3"}
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
        How it ends: SUCCESS or FAILURE, of versions 1 and 3 COMPLETED or FAILED, and why.
    failure_code : str
        Of a version 1 report that FAILED.
    rows : list of dict
        Its content.
    parts : list of bytes
        The content as storage serves it: one part, of version 1 any number.
    """

    report_id: str
    api: Literal["v1", "v2", "v3"]
    record_type: str
    segment: str | None
    profile_id: int
    request: JsonObject
    created: datetime
    asked_at: float
    ready_at: float
    status: str
    details: str
    failure_code: str = "001"
    rows: list[JsonRow] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    @property
    def payload(self) -> bytes:
        """The content as storage serves it, all parts of it."""
        return b"".join(self.parts)


Encoder = Callable[[list[JsonRow]], list[bytes]]
"""Returns the parts of a report with these rows."""
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
        """Return the reports of a profile that are in flight, of versions 2 and 3."""
        profile_id = advertiser.profile_id
        in_flight = self._list_in_flight()
        building = []
        for item in in_flight:
            if item.profile_id == profile_id and item.api != "v1":
                building.append(item)
        return building

    def list_v1_building(self) -> list[Report]:
        """Return the version 1 reports that are in flight, of all accounts."""
        return [report for report in self._list_in_flight() if report.api == "v1"]

    def _list_in_flight(self) -> list[Report]:
        now = self._settings.monotonic()
        return [report for report in self.reports.values() if report.ready_at > now]

    def schedule(self) -> Schedule:
        """Return when a report requested now was requested and will be ready."""
        now = self._settings.monotonic()
        ready_at = now + self._settings.delay
        return {"created": self._settings.now(), "asked_at": now, "ready_at": ready_at}

    def add(
        self, report: Report, render_rows: Callable[[], list[JsonRow]], encode: Encoder
    ) -> None:
        """Store a report, filled by the content hook or else with its own rows."""
        content = self.content_hook(report)
        if content is None:
            content = render_rows()
        if isinstance(content, bytes):
            report.parts = [content]
        else:
            report.rows = content
            report.parts = encode(content)
        self.reports[report.report_id] = report

    def find_status(self, report: Report) -> str:
        """Return the status of a version 1 or 3 report: PENDING for the first half of its time."""
        now = self._settings.monotonic()
        if now >= report.ready_at:
            return report.status
        half_time = (report.asked_at + report.ready_at) / 2
        return "PROCESSING" if now >= half_time else "PENDING"

    def find(self, report_id: str, api: str, advertiser: Advertiser) -> Report:
        """Return a report of a profile that was requested through the same version."""
        report = self.reports.get(report_id)
        if report is None or report.api != api:
            raise report_not_found(report_id)
        if report.profile_id != advertiser.profile_id:
            raise report_not_found(report_id)
        return report

    def make_link(self, report: Report, part: int = 0) -> str:
        """Return a fresh link to a part of a report."""
        issued = int(self._settings.monotonic() * 1000)
        name = _name_file(report, part)
        query = self._sign_query(report, name, issued)
        return f"{self.url}/sandbox-reports/{name}?{query}"

    def link_lifetime(self, report: Report) -> float:
        """Return for how many seconds a link to a report is valid."""
        lifetimes = {
            "v1": self._settings.v1_link_lifetime,
            "v2": self._settings.link_lifetime,
            "v3": self._settings.v3_link_lifetime,
        }
        return lifetimes[report.api]

    def serve_payload(self, request: Request, bucket: str, name: str) -> Response:
        """Serve a part to a request with a valid link and without credentials."""
        if _is_authenticated(request):
            return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        report_id, part = _parse_file_name(name)
        report = self.reports.get(report_id)
        issued_text = request.args.get("X-Amz-Date", "")
        if report is None or not issued_text.isdigit():
            return _signature_error()
        issued = int(issued_text)
        query = request.query_string.decode()
        if query != self._sign_query(report, name, issued):
            return _signature_error()
        age = self._settings.monotonic() - issued / 1000
        if age > self.link_lifetime(report):
            return xml_error(403, "AccessDenied", "Request has expired")
        return Response(report.parts[part], content_type="application/octet-stream")

    def _sign_query(self, report: Report, name: str, issued: int) -> str:
        """Return the query of a link to a file, issued at a moment, in milliseconds."""
        lifetime = int(self.link_lifetime(report))
        parameters = [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            f"X-Amz-Date={issued}",
            f"X-Amz-Expires={lifetime}",
        ]
        query = "&".join(parameters)
        signed_text = f"{name}?{query}".encode()
        digest = hmac.new(self._signing_key, signed_text, hashlib.sha256)
        signature = digest.hexdigest()
        return f"{query}&X-Amz-Signature={signature}"


def _name_file(report: Report, part: int) -> str:
    """Return the name of a part in storage."""
    if report.api == "v1":
        return f"{report.report_id}_{part}{_PART_SUFFIX}"
    return f"{report.report_id}{_PAYLOAD_SUFFIX}"


def _parse_file_name(name: str) -> tuple[str, int]:
    """Return the id of a report and the position of its part."""
    report_id, _, part = name.removesuffix(_PART_SUFFIX).rpartition("_")
    if part.isdigit():
        return report_id, int(part)
    return name.removesuffix(_PAYLOAD_SUFFIX), 0


def _is_authenticated(request: Request) -> bool:
    for header, _ in request.headers:
        name = header.lower()
        if name == "authorization" or name.startswith("amazon-"):
            return True
    return False


def _signature_error() -> Response:
    return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")


def encode_gzip_json(rows: list[JsonRow]) -> list[bytes]:
    """Return the one part of a version 2 or 3 report."""
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    content = text.encode()
    return [gzip.compress(content, compresslevel=1, mtime=0)]


EMPTY_PAYLOAD: Final = encode_gzip_json([])[0]
"""The payload of a report without rows."""
