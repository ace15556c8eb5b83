"""What the sandbox answers: Login with Amazon, the version 2 operations, and storage."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import math
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sdanalytics.errors import InvalidRequest
from sdanalytics.metrics import RECORD_TYPES, SEGMENT, TACTICS, available, segmented_record_types
from sdanalytics.sandbox.account import ADVERTISERS, Advertiser
from sdanalytics.sandbox.reports import rows_of

CLIENT_ID: Final = "amzn1.application-oa2-client.sandbox"
CLIENT_SECRET: Final = "amzn1.oa2-cs.v1.sandbox-client-secret"  # noqa: S105
REFRESH_TOKEN: Final = "Atzr|sandbox-refresh-token"  # noqa: S105

_RECORD_TYPE_NAMES: Final = {
    "campaigns": "CAMPAIGN",
    "adGroups": "AD_GROUP",
    "productAds": "PRODUCT_AD",
    "targets": "TARGET",
    "asins": "ASIN",
}
_READY: Final = ("SUCCESS", "COMPLETED")


@dataclass(frozen=True)
class Settings:
    """How the sandbox behaves.

    Attributes
    ----------
    delay : float
        Seconds that a report takes to build.
    link_lifetime : float
        Seconds for which a link to storage is good.
    token_lifetime : float
        Seconds for which an access token is good.
    history_days : int
        How many days back there are reports.
    queue_limit : int or None
        How many reports of a profile may be built at a time; above it: 429.
    rate_limit : float or None
        Requests a second that a profile may make of each operation; above it: 429.
    retry_after : int or None
        Seconds that a 429 asks to wait; None: it does not say.
    unregistered : collection of int
        Profiles whose account is not registered for Sponsored Display: 403.
    now : callable
        The moment, as an aware datetime: what today is, and how ripe attribution.
    monotonic : callable
        Seconds, for delays and lifetimes.
    """

    delay: float = 0.2
    link_lifetime: float = 30.0
    token_lifetime: float = 3600.0
    history_days: int = 60
    queue_limit: int | None = None
    rate_limit: float | None = None
    retry_after: int | None = 1
    unregistered: Collection[int] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name in ("delay", "link_lifetime", "token_lifetime", "history_days"):
            _check_number(name, getattr(self, name))
        for name in ("queue_limit", "rate_limit", "retry_after"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name))


def _check_number(name: str, value: object) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not good:
        raise InvalidRequest(f"{name}={value!r} is no number from 0 on")


@dataclass
class Report:
    """A report that was asked for.

    Attributes
    ----------
    report_id, record_type : str
    profile_id : int
    request : dict
        The body of the request.
    rows : list of dict
        What it holds.
    payload : bytes
        The same as storage serves it.
    ready_at : float
        On the sandbox's monotonic clock.
    status, details : str
        How it ends: SUCCESS or FAILURE, and why.
    """

    report_id: str
    record_type: str
    profile_id: int
    request: dict[str, Any]
    rows: list[dict[str, Any]]
    payload: bytes
    ready_at: float
    status: str = "SUCCESS"
    details: str = "Report has been successfully generated."


Content = Callable[[Report], list[dict[str, Any]] | bytes | None]
"""What fills a report: rows, a raw payload, or None for the sandbox's own rows."""


@dataclass(frozen=True)
class Exchange:
    """One request, and how it was answered (0: the connection was dropped)."""

    operation: str
    path: str
    status: int
    at: float
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """How an exchange goes that was arranged.

    Attributes
    ----------
    status : int or None
        None: the sandbox's own answer. 0: none, the connection ends.
    body : bytes or str
    headers : dict
        With the sandbox's own answer: beside its own.
    after : float
        Real seconds of silence before it.
    stage : {"unread", "read", "done"}
        How far the request gets before: not even read (the connection is reset), read, or
        done, whatever is answered then. Only what is done has consequences.
    drip : float
        Real seconds over which the answer trickles, headers and body.
    cut : int or None
        Bytes of the body after which the connection ends.
    reset : bool
        A connection that ends is reset instead of closed.
    last : bool
        The API stops listening before it is given, until `Sandbox.listen`.
    """

    status: int | None
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    stage: Literal["unread", "read", "done"] = "read"
    drip: float = 0.0
    cut: int | None = None
    reset: bool = False
    last: bool = False

    @property
    def ends(self) -> bool:
        """Whether the connection ends with it."""
        return self.status == 0 or self.cut is not None or self.last


OWN: Final = Answer(None)
"""What the sandbox answers by itself."""


class Refusal(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: str, details: str, **headers: str) -> None:
        self.response = _json({"code": code, "details": details}, status)
        self.response.headers.update(headers)


class Service:
    """The state of the sandbox, and its answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log: list[Exchange] = []
        self.reports: dict[str, Report] = {}
        self.arranged: dict[str, deque[Answer]] = {}
        self.content: Content = lambda _: None
        self.base_url = self.storage_url = ""
        self._tokens: dict[str, float] = {}
        self._calls: dict[tuple[str, int], deque[float]] = {}
        self._key = secrets.token_bytes(16)
        self._lock = threading.RLock()
        self.api = Map(
            [
                Rule("/auth/o2/token", endpoint=self.token, methods=["POST"]),
                Rule("/v2/profiles", endpoint=self.profiles, methods=["GET"]),
                Rule("/sd/<record_type>/report", endpoint=self.request_report, methods=["POST"]),
                Rule("/v2/reports/<report_id>", endpoint=self.get_report_status, methods=["GET"]),
                Rule(
                    "/v2/reports/<report_id>/download",
                    endpoint=self.download_report,
                    methods=["GET"],
                ),
            ]
        )
        self.s3 = Map([Rule("/<bucket>/<name>", endpoint=self.storage)])

    def unread(self, routes: Map, method: str, path: str) -> Answer | None:
        """What was arranged for such a request, if nobody is to read it."""
        operation, _ = self._operation(routes, method, path)
        with self._lock:
            arranged = self.arranged.get(operation)
            if not arranged or arranged[0].stage != "unread":
                return None
            self._note(operation, path, 0, {})
            return arranged.popleft()

    def answer(self, routes: Map, request: Request) -> tuple[Response | None, Answer]:
        """The answer to a request, None for none, and how it is to be given."""
        operation, perform = self._operation(routes, request.method, request.path)
        answer = self._next_arranged(operation)
        is_done = answer.status is None or answer.stage == "done"
        own = perform(request) if is_done else None
        response = own if answer.status is None else _arranged(answer)
        if response is not None:
            response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
            response.headers.update(answer.headers)
        status = response.status_code if response is not None else 0
        self._note(operation, request.path, status, dict(request.headers))
        return response, answer

    def revoke_tokens(self) -> None:
        """Make every access token invalid that was given out."""
        with self._lock:
            self._tokens.clear()

    def token(self, request: Request) -> Response:
        """Give an access token for the refresh token."""
        form = request.form
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return _json({"error": "invalid_client", "error_description": "Unknown client"}, 401)
        if form.get("grant_type") != "refresh_token":
            return _json({"error": "unsupported_grant_type"}, 400)
        if form.get("refresh_token") != REFRESH_TOKEN:
            description = "The request has an invalid grant parameter : refresh_token"
            return _json({"error": "invalid_grant", "error_description": description}, 400)
        token = f"Atza|{secrets.token_urlsafe(24)}"
        with self._lock:
            self._tokens[token] = self.settings.monotonic() + self.settings.token_lifetime
        return _json(
            {
                "access_token": token,
                "refresh_token": REFRESH_TOKEN,
                "token_type": "bearer",
                "expires_in": int(self.settings.token_lifetime),
            }
        )

    def profiles(self, request: Request) -> Response:
        """List the advertisers."""
        self._check_login(request)
        return _json([advertiser.document() for advertiser in ADVERTISERS.values()])

    def request_report(self, request: Request, record_type: str) -> Response:
        """Begin to build a report."""
        advertiser = self._check_access(request)
        with self._lock:
            self._check_pace("request_report", advertiser.profile_id)
            body = self._checked_body(request, record_type, advertiser)
            report = self._new_report(record_type, body, advertiser)
            self.reports[report.report_id] = report
        return _json(self._described(report), 202)

    def get_report_status(self, request: Request, report_id: str) -> Response:
        """Tell how a report is doing."""
        return _json(self._described(self._own_report(request, report_id, "get_report_status")))

    def download_report(self, request: Request, report_id: str) -> Response:
        """Redirect to storage."""
        report = self._own_report(request, report_id, "download_report")
        if self._status(report) not in _READY:
            raise Refusal(400, "INVALID_ARGUMENT", f"Report {report_id} is not ready for download.")
        link = self._sign(report_id, int(self.settings.monotonic() * 1000))
        return Response(status=307, headers={"Location": link})

    def storage(self, request: Request, bucket: str, name: str) -> Response:
        """Serve a payload to whoever has a link that is good, and shows no credentials."""
        names = {header.lower() for header, _ in request.headers}
        if "authorization" in names or any(n.startswith("amazon-") for n in names):
            return _xml(400, "InvalidArgument", "Only one auth mechanism allowed")
        report = self.reports.get(name.removesuffix(".json.gz"))
        issued = request.args.get("X-Amz-Date", "")
        good = report and issued.isdigit() and self._sign(report.report_id, int(issued))
        if not report or not good or good.partition("?")[2] != request.query_string.decode():
            return _xml(403, "SignatureDoesNotMatch", "The signature does not match")
        if self.settings.monotonic() - int(issued) / 1000 > self.settings.link_lifetime:
            return _xml(403, "AccessDenied", "Request has expired")
        return Response(report.payload, content_type="application/octet-stream")

    def _operation(
        self, routes: Map, method: str, path: str
    ) -> tuple[str, Callable[[Request], Response]]:
        """The name of what a request asks for, empty if there is no such thing; how it is done."""
        try:
            handler, arguments = routes.bind("").match(path, method)
        except HTTPException as error:
            return "", partial(_unknown, error)
        return handler.__name__, partial(_attempted, partial(handler, **arguments))

    def _next_arranged(self, operation: str) -> Answer:
        with self._lock:
            arranged = self.arranged.get(operation)
            return arranged.popleft() if arranged else OWN

    def _note(self, operation: str, path: str, status: int, headers: dict[str, str]) -> None:
        self.log.append(Exchange(operation, path, status, self.settings.monotonic(), headers))

    def _check_login(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0.0) <= self.settings.monotonic():
            raise Refusal(401, "UNAUTHORIZED", "The access token is invalid or has expired")
        if request.headers.get("Amazon-Advertising-API-ClientId") != CLIENT_ID:
            raise Refusal(401, "UNAUTHORIZED", "Client id does not match the access token")

    def _check_access(self, request: Request) -> Advertiser:
        self._check_login(request)
        scope = request.headers.get("Amazon-Advertising-API-Scope", "")
        if not scope:
            raise Refusal(400, "INVALID_ARGUMENT", "Scope header is missing")
        advertiser = ADVERTISERS.get(int(scope)) if scope.isdigit() else None
        if advertiser is None:
            raise Refusal(401, "UNAUTHORIZED", f"Not authorized to access scope {scope}")
        if advertiser.profile_id in self.settings.unregistered:
            raise Refusal(403, "FORBIDDEN", "Advertiser is not authorized for Sponsored Display.")
        return advertiser

    def _check_pace(self, operation: str, profile_id: int) -> None:
        now = self.settings.monotonic()
        limit = self.settings.rate_limit
        calls = self._calls.setdefault((operation, profile_id), deque())
        while calls and calls[0] <= now - 1.0:
            calls.popleft()
        if limit is not None and len(calls) >= limit:
            raise self._too_many()
        if operation == "request_report" and self.settings.queue_limit is not None:
            building = [r for r in self.reports.values() if r.profile_id == profile_id]
            if sum(r.ready_at > now for r in building) >= self.settings.queue_limit:
                raise self._too_many()
        calls.append(now)

    def _too_many(self) -> Refusal:
        wait = self.settings.retry_after
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return Refusal(429, "THROTTLED", "Too Many Requests", **headers)

    def _checked_body(
        self, request: Request, record_type: str, advertiser: Advertiser
    ) -> dict[str, Any]:
        if record_type not in RECORD_TYPES:
            raise Refusal(400, "INVALID_ARGUMENT", f"Unknown record type {record_type}")
        body = request.get_json(silent=True)
        if request.mimetype != "application/json" or not isinstance(body, dict):
            raise Refusal(400, "INVALID_ARGUMENT", "The body is not JSON")
        missing = [name for name in ("reportDate", "tactic", "metrics") if not body.get(name)]
        if missing:
            raise Refusal(400, "INVALID_ARGUMENT", f"Missing: {', '.join(missing)}")
        if record_type == "asins" and advertiser.account_type != "seller":
            raise Refusal(400, "INVALID_ARGUMENT", "The asins report is for sellers only")
        self._check_day(str(body["reportDate"]), advertiser)
        _check_parameters(record_type, body, advertiser)
        return body

    def _check_day(self, text: str, advertiser: Advertiser) -> None:
        try:
            day = datetime.strptime(text, "%Y%m%d").date()
        except ValueError:
            raise Refusal(400, "INVALID_ARGUMENT", f"Report date {text} is not YYYYMMDD") from None
        age = (self.today(advertiser) - day).days
        if age < 0:
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "Report date is in the future")
        if age > self.settings.history_days:
            raise Refusal(
                406,
                "NOT_ACCEPTABLE",
                "Report date is too far in the past. Reports are only available for "
                f"{self.settings.history_days} days.",
            )

    def today(self, advertiser: Advertiser) -> date:
        """Today where an advertiser is."""
        return self.settings.now().astimezone(advertiser.zone).date()

    def _new_report(self, record_type: str, body: dict[str, Any], advertiser: Advertiser) -> Report:
        report = Report(
            report_id=f"amzn1.sdAPI.v1.p1.{len(self.reports) + 62153428:08d}.{uuid.uuid4()}",
            record_type=record_type,
            profile_id=advertiser.profile_id,
            request=body,
            rows=[],
            payload=b"",
            ready_at=self.settings.monotonic() + self.settings.delay,
        )
        content = self.content(report)
        if isinstance(content, bytes):
            report.payload = content
            return report
        report.rows = self._rows(report, advertiser) if content is None else content
        text = json.dumps(report.rows, ensure_ascii=False, separators=(",", ":"))
        report.payload = gzip.compress(text.encode(), compresslevel=6, mtime=0)
        return report

    def _rows(self, report: Report, advertiser: Advertiser) -> list[dict[str, Any]]:
        body = report.request
        return rows_of(
            advertiser,
            report.record_type,
            datetime.strptime(body["reportDate"], "%Y%m%d").date(),
            body["tactic"],
            body["metrics"].split(","),
            body.get("segment"),
            self.settings.now(),
        )

    def _own_report(self, request: Request, report_id: str, operation: str) -> Report:
        advertiser = self._check_access(request)
        with self._lock:
            self._check_pace(operation, advertiser.profile_id)
        report = self.reports.get(report_id)
        if report is None or report.profile_id != advertiser.profile_id:
            raise Refusal(404, "NOT_FOUND", f"Could not find report {report_id}")
        return report

    def _status(self, report: Report) -> str:
        return report.status if self.settings.monotonic() >= report.ready_at else "IN_PROGRESS"

    def _described(self, report: Report) -> dict[str, Any]:
        status = self._status(report)
        document: dict[str, Any] = {
            "reportId": report.report_id,
            "recordType": _RECORD_TYPE_NAMES[report.record_type],
            "status": status,
            "statusDetails": "Generating report" if status == "IN_PROGRESS" else report.details,
        }
        if status in _READY:
            expires = self.settings.now() + timedelta(days=14)
            document |= {
                "location": f"{self.base_url}/v2/reports/{report.report_id}/download",
                "fileSize": len(report.payload),
                "expiration": int(expires.timestamp() * 1000),
            }
        return document

    def _sign(self, report_id: str, issued: int) -> str:
        query = (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Date={issued}&X-Amz-Expires={int(self.settings.link_lifetime)}"
        )
        text = f"{report_id}?{query}".encode()
        signature = hmac.new(self._key, text, hashlib.sha256).hexdigest()
        return (
            f"{self.storage_url}/sandbox-reports/{report_id}.json.gz"
            f"?{query}&X-Amz-Signature={signature}"
        )


def _check_parameters(record_type: str, body: dict[str, Any], advertiser: Advertiser) -> None:
    if body["tactic"] not in TACTICS:
        raise Refusal(422, "UNPROCESSABLE_ENTITY", f"Invalid tactic {body['tactic']}")
    segment = body.get("segment")
    if segment is not None and (segment != SEGMENT or record_type not in segmented_record_types()):
        raise Refusal(422, "UNPROCESSABLE_ENTITY", f"Invalid segment {segment}")
    metrics = str(body["metrics"]).split(",")
    _check_metrics(metrics, available(record_type, segment))
    if "sku" in metrics and advertiser.account_type != "seller":
        raise Refusal(400, "INVALID_ARGUMENT", "sku is not supported for vendors")


def _check_metrics(metrics: Sequence[str], known: Sequence[str]) -> None:
    wrong = [name for name in metrics if name not in known]
    if wrong:
        raise Refusal(422, "UNPROCESSABLE_ENTITY", f"Invalid metrics: {', '.join(wrong)}")


def _arranged(answer: Answer) -> Response | None:
    return Response(answer.body, answer.status) if answer.status else None


def _attempted(perform: Callable[[Request], Response], request: Request) -> Response:
    try:
        return perform(request)
    except Refusal as refusal:
        return refusal.response


def _unknown(error: HTTPException, request: Request) -> Response:
    return _json({"code": "NOT_FOUND", "details": error.description}, error.code or 404)


def _json(document: Any, status: int = 200) -> Response:
    text = json.dumps(document, ensure_ascii=False)
    return Response(text, status=status, content_type="application/json")


def _xml(status: int, code: str, message: str) -> Response:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(text, status=status, content_type="application/xml")
