"""`Client`: the operations of the service, each one HTTP exchange."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import InMemoryLimiterState, LimiterStateStore
from sdanalytics._core.redact import redact
from sdanalytics.api import download_hosts as links
from sdanalytics.api.auth import Credentials, TokenProvider
from sdanalytics.api.documents import (
    is_integer,
    is_valid_text,
    quote_path_segment,
    report_mismatch_error,
)
from sdanalytics.api.error_mapping import storage_error_text, to_exception
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.retry import rate_limited_error, send_with_retry
from sdanalytics.api.transport import READ_TIMEOUT, Response, Transport
from sdanalytics.errors import (
    ApiError,
    ConnectionFailed,
    DownloadFailed,
    InvalidRequest,
    Retired,
    ServerError,
)
from sdanalytics.model.metrics import RECORD_TYPES
from sdanalytics.model.report_batch import MAX_REPORT_BYTES

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

REGIONS: Final = {
    "NA": ("https://advertising-api.amazon.com", "https://api.amazon.com/auth/o2/token"),
    "EU": ("https://advertising-api-eu.amazon.com", "https://api.amazon.co.uk/auth/o2/token"),
    "FE": ("https://advertising-api-fe.amazon.com", "https://api.amazon.co.jp/auth/o2/token"),
}
"""API host and token address of each region."""

AMAZON_CREATE_RATE: Final = 1.0
"""Creates per second that Amazon's hosts take of a client and profile (version 2)."""
_RETIRED_STATUSES: Final = (404, 410)
APIS: Final = ("v2", "v3")
RETIREMENT_NOTICE: Final = (
    'Amazon switched version 2 of the reporting API off on 2024-10-31: Client(api="v3") or '
    "SDANALYTICS_API=v3 gives the same frame"
)
OPERATION_TIMEOUT: Final = 300.0
"""Seconds that one operation may take, its repetitions included, outside of a fetch."""
STORAGE_MAX_ATTEMPTS: Final = 2
"""How often one link to storage is tried: it is good for 30 seconds."""
OPERATION_MAX_THROTTLES: Final = 5
"""How many 429 one operation bears outside of a fetch."""


@dataclass(frozen=True)
class ReportRequest:
    """What a version 2 report is asked for with.

    Attributes
    ----------
    reportDate : str
        YYYYMMDD, one day in the profile's time zone. A `datetime.date` is taken too.
    metrics : str
        Names separated by commas, without spaces. A sequence of names is taken too.
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
        given: Any = self.reportDate
        if isinstance(given, date):
            object.__setattr__(self, "reportDate", given.isoformat()[:10].replace("-", ""))
        if not isinstance(self.metrics, str):
            object.__setattr__(self, "metrics", ",".join(self.metrics))

    def to_json(self) -> dict[str, str]:
        """The request's body; what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class ReportResponse:
    """What the service says of a report.

    Attributes
    ----------
    reportId : str
    recordType : str or None
        As the service spells it: ``CAMPAIGN``, or the request's ``campaigns``.
    status : str
        ``IN_PROGRESS``, ``SUCCESS``, ``FAILURE``.
    statusDetails : str or None
    location : str or None
        Address of the download operation (not of storage).
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
        """From an answer's document; fields that are not known are left out."""
        return cls(**{k: v for k, v in document.items() if k in cls.__dataclass_fields__})


@dataclass(frozen=True)
class ApiRequest:
    """One request to the API.

    Attributes
    ----------
    operation, method, path : str
    body : mapping, optional
        Sent as JSON.
    content_type : str
        Of the body.
    scoped : bool
        Whether it is about the client's profile.
    repeatable : bool
        Whether a create may be sent again when nobody knows whether it arrived.
    """

    operation: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"
    scoped: bool = True
    repeatable: bool = False


class Client:
    """The advertising API, for one profile.

    Parameters
    ----------
    credentials : Credentials
    profile_id : int or str
        Whose reports; `profiles()` lists them.
    region : {"NA", "EU", "FE"}
    base_url : str, optional
        Another host than the region's, such as the sandbox's.
    token_url : str, optional
        Another Login with Amazon than the region's.
    api : {"v2", "v3"}, optional
        The version of the reporting API to speak. By default version 3 on Amazon's own
        hosts, where version 2 was switched off on 2024-10-31, and version 2 at any other
        `base_url`. Calls, names of metrics, frames and the store are the same.
    create_rate : float, optional
        The most reports to ask for a second. By default one, which is what Amazon's own
        hosts take of a client and profile; at any other `base_url` as many as the service
        takes: a 429 teaches what that is.
    storage_hosts : str or sequence of str, optional
        Hosts that payloads may be fetched from besides S3's and the service's own, such as
        ``"files.example.org"``, or ``".example.org"`` for all below it.
    largest_report : int, optional
        Bytes of text that one report may hold once it is unpacked, against payloads that
        are made to fill the memory; 8 GiB by default, about seven million rows.
    clock : Clock, optional
        What tells and passes the time; tests pass their own.

    Notes
    -----
    Reading operations are tried again on 429, 5xx and broken connections; a report is
    asked for again only when the first request certainly created none. A 401 is tried once
    more with a fresh token. All threads share one token and one pace; calls of
    `fetch_report` share it with all processes that use the same store. Neither clients nor
    credentials can be pickled: make a client where it is used, with `from_env`.
    """

    def __init__(
        self,
        credentials: Credentials,
        profile_id: int | str,
        *,
        region: str = "NA",
        base_url: str | None = None,
        token_url: str | None = None,
        api: str | None = None,
        create_rate: float | None = None,
        storage_hosts: str | Sequence[str] = (),
        largest_report: int = MAX_REPORT_BYTES,
        clock: Clock | None = None,
    ) -> None:
        self.region = _region(region)
        self.profile_id = _profile_id(profile_id)
        self.base_url = _address("base_url", base_url or REGIONS[self.region][0])
        self.api = _api(api, self.base_url)
        self.clock = clock or Clock()
        self.create_rate = _create_rate(create_rate, self.base_url)
        self.storage_hosts = links.validate_hosts(storage_hosts)
        self.largest_report = _size("largest_report", largest_report)
        self._client_id = credentials.client_id
        self._transport = Transport()
        self._memories: dict[str, LimiterStateStore] = {}
        self._pace = self._own_pace()
        self._deadline: Deadline | None = None
        token_url = _address("token_url", token_url or REGIONS[self.region][1])
        self._tokens = TokenProvider(credentials, token_url, self._transport, self.clock)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """A client from the environment variables ``SDANALYTICS_...``.

        ``_CLIENT_ID``, ``_CLIENT_SECRET``, ``_REFRESH_TOKEN`` (or ``_ACCESS_TOKEN`` instead
        of these two) and ``_PROFILE_ID`` are needed; ``_REGION``, ``_BASE_URL``,
        ``_TOKEN_URL``, ``_API`` and ``_STORAGE_HOSTS`` (separated by commas) are not.

        Raises
        ------
        NotConfigured
            Naming the variables that are missing.
        """
        credentials = Credentials.from_env(environment, "PROFILE_ID")
        hosts = environment.get("SDANALYTICS_STORAGE_HOSTS", "").split(",")
        return cls(
            credentials,
            environment["SDANALYTICS_PROFILE_ID"],
            region=environment.get("SDANALYTICS_REGION") or "NA",
            base_url=environment.get("SDANALYTICS_BASE_URL"),
            token_url=environment.get("SDANALYTICS_TOKEN_URL"),
            api=environment.get("SDANALYTICS_API"),
            storage_hosts=[host.strip() for host in hosts if host.strip()],
        )

    def __repr__(self) -> str:
        return (
            f"Client(profile_id={self.profile_id!r}, region={self.region!r}, "
            f"base_url={self.base_url!r}, api={self.api!r})"
        )

    def __copy__(self) -> Client:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Client holds secrets and connections, and cannot be pickled: make one where it "
            "is used, with Client.from_env()"
        )

    @property
    def source(self) -> str:
        """Where the data come from: the region, or host:port of a custom `base_url`."""
        for region, (host, _) in REGIONS.items():
            if self.base_url == host:
                return region
        parts = urlsplit(self.base_url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        return f"{parts.hostname}:{port}"

    def for_profile(self, profile_id: int | str) -> Client:
        """This client for another profile of the same login; shares the token."""
        other = copy.copy(self)
        other.profile_id = _profile_id(profile_id)
        other._pace = other._own_pace()
        return other

    def within(self, deadline: Deadline, memory: LimiterStateStore | None = None) -> Client:
        """This client, all of whose operations end with `limit`; shares the token.

        With a `memory` its pace is what is kept there, else this client's. Reports are not
        asked for again on 429: `until_create` tells when to try.
        """
        bound = copy.copy(self)
        bound._deadline = deadline
        if memory is not None:
            bound._pace = RateLimiter(self.clock, memory, self.create_rate)
        return bound

    def create_delay(self) -> float:
        """Seconds to wait before a report is asked for; 0: now.

        Raises
        ------
        RateLimited
            When the service has said, to whomever, to wait for longer than the call may.
        """
        wait = self._pace.create_delay()
        deadline = self._bounds()
        if wait >= deadline.remaining > 0 and self._pace.is_throttled():
            raise rate_limited_error()
        return wait

    def request_report(self, record_type: str, report_request: ReportRequest) -> ReportResponse:
        """Ask for a report: ``POST /sd/{recordType}/report``.

        Raises
        ------
        InvalidRequest
            When there is no such record type.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `ReportTooOld`, `InvalidReport`,
            `RateLimited`, `ServerError`, `ConnectionFailed`.
        """
        if record_type not in RECORD_TYPES:
            known = ", ".join(RECORD_TYPES)
            raise InvalidRequest(f"record_type={record_type!r} is not one of {known}")
        path = f"/sd/{record_type}/report"
        operation = "request_report"
        try:
            answer = self.exchange(
                ApiRequest(operation, "POST", path, body=report_request.to_json())
            )
        except ApiError as error:
            raise self._explained(error) from None
        return self._report(answer, operation, 202)

    def _explained(self, error: ApiError) -> ApiError:
        """The error of a create, with what is known of the endpoint it came from."""
        if error.status in _RETIRED_STATUSES:
            return Retired(
                f"{error.operation} failed with status {error.status}. {RETIREMENT_NOTICE}.",
                operation=error.operation,
                status=error.status,
                code=error.code,
                details=error.details,
                request_id=error.request_id,
            )
        if isinstance(error, ServerError) or (isinstance(error, ConnectionFailed) and error.sent):
            error.add_note(
                "The service may have received the request and be building the report: it was "
                "not sent again. Calling again may build the same report twice."
            )
        if _is_amazon(self.base_url):
            error.add_note(f"{RETIREMENT_NOTICE}.")
        return error

    def get_report_status(self, report_id: str) -> ReportResponse:
        """Ask how a report is doing: ``GET /v2/reports/{reportId}``.

        Raises
        ------
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        operation = "get_report_status"
        answer = self.exchange(
            ApiRequest(operation, "GET", f"/v2/reports/{quote_path_segment(report_id)}")
        )
        report = self._report(answer, operation, 200)
        if report.reportId != report_id:
            raise report_mismatch_error(operation, report_id, report.reportId)
        return report

    def download_report(self, report_id: str) -> bytes:
        """Download a finished report: ``GET /v2/reports/{reportId}/download``.

        The service answers with a redirect (307) to storage that is good for 30 seconds; it
        is followed at once, with none of the API's headers.

        Returns
        -------
        bytes
            The payload as storage sent it: gzip-compressed JSON, not checked here.

        Raises
        ------
        DownloadFailed
            When storage refuses the link (expired, most likely) or cannot be reached.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        operation = "download_report"
        path = f"/v2/reports/{quote_path_segment(report_id)}/download"
        answer = self.exchange(ApiRequest(operation, "GET", path))
        if answer.status != 307:
            raise self.error(answer, operation)
        return self.from_storage(answer.headers.get("Location", ""), report_id)

    def profiles(self) -> pd.DataFrame:
        """The profiles that the login can access: ``GET /v2/profiles``.

        Returns
        -------
        pandas.DataFrame
            One row a profile: `profileId` (Int64), `countryCode`, `currencyCode`,
            `timezone` (IANA name), `accountType`, `accountName`, `accountId`,
            `marketplaceStringId` (str).
        """
        from sdanalytics.model.profile import profiles_frame

        return profiles_frame(self.list_profiles())

    def list_profiles(self) -> list[dict[str, Any]]:
        """The profiles as the service describes them."""
        operation = "profiles"
        answer = self.exchange(ApiRequest(operation, "GET", "/v2/profiles", scoped=False))
        document = answer.json()
        if answer.status != 200 or not isinstance(document, list):
            raise self.error(answer, operation)
        usable = [each for each in document if _is_profile(each)]
        profiles = [each | {"profileId": int(each["profileId"])} for each in usable]
        if document and not profiles:
            raise self.error(answer, operation)
        return profiles

    def from_storage(self, link: str, report_id: str) -> bytes:
        """Fetch a payload from where the service says, if that may be.

        Raises
        ------
        DownloadFailed
            When storage refuses the link, cannot be reached, or is none to fetch from.
        """
        refused = links.rejection_reason(link, self.base_url, self.storage_hosts)
        if refused is not None:
            raise DownloadFailed(
                f"report {report_id}: {refused}; nothing was downloaded",
                report_id=report_id,
            )
        deadline = self._bounds()

        def send() -> Response:
            began = time.perf_counter()
            answer = self._transport.download(link, deadline, self.largest_report)
            took = 1000 * (time.perf_counter() - began)
            words = "storage: report %s: %d, %d bytes in %.0f ms"
            logger.debug(words, report_id, answer.status, len(answer.body), took)
            return answer

        try:
            answer = send_with_retry(
                send,
                "storage",
                deadline=deadline,
                # Another host: the API's pace is not its own.
                limiter=RateLimiter(self.clock, InMemoryLimiterState(), None),
                max_attempts=STORAGE_MAX_ATTEMPTS,
            )
        except ConnectionFailed as lost:
            raise DownloadFailed(f"report {report_id}: {lost}", report_id=report_id) from None
        if answer.status == 200:
            return answer.body
        raise DownloadFailed(
            f"report {report_id}: storage answered {answer.status} ({storage_error_text(answer)}). "
            "Call again: a new link, or a new report, will be asked for",
            report_id=report_id,
            is_refused=400 <= answer.status < 500,
        )

    def _report(self, answer: Response, operation: str, expected: int) -> ReportResponse:
        document = answer.json()
        if answer.status != expected or not _is_report(document):
            raise self.error(answer, operation)
        secrets = self._tokens.secrets
        clean = {k: redact(v, secrets) if isinstance(v, str) else v for k, v in document.items()}
        return ReportResponse.from_json(clean | {"reportId": str(document["reportId"])})

    def _bounds(self) -> Deadline:
        """The limit of the call that this client is bound to, or one of the operation's own."""
        return self._deadline or Deadline(self.clock, OPERATION_TIMEOUT)

    def exchange(self, request: ApiRequest) -> Response:
        """One operation, repeated where that is safe; any answer below 400.

        Raises
        ------
        ApiError
            For any other answer.
        """
        deadline = self._bounds()
        token = self._tokens.token(deadline)
        answer = self._send(request, token, deadline)
        if answer.status == 401:
            fresh = self._tokens.refresh(after=token, deadline=deadline)
            if fresh is not None:
                words = "%s: 401, retrying once with a fresh token"
                self._pace.events.log("401", words, request.operation)
                answer = self._send(request, fresh, deadline)
        if answer.status >= 400:
            raise self.error(answer, request.operation)
        return answer

    def error(self, answer: Response, operation: str, advice: str | None = None) -> ApiError:
        """The error of an answer, without this client's secrets."""
        return to_exception(answer, operation, self._tokens.secrets, advice=advice)

    def clean(self, text: str) -> str:
        """What the service says, without this client's secrets."""
        return redact(text, self._tokens.secrets)

    def _send(self, request: ApiRequest, token: str, deadline: Deadline) -> Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "Amazon-Advertising-API-ClientId": self._client_id,
        }
        if request.scoped:
            headers["Amazon-Advertising-API-Scope"] = self.profile_id
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        data = None if request.body is None else json.dumps(request.body).encode()
        method, url = request.method, self.base_url + request.path
        creates = method == "POST"

        def send() -> Response:
            began = time.perf_counter()
            # What a create made is learned even when the call has ended meanwhile.
            patience = Deadline(self.clock, READ_TIMEOUT) if creates else deadline
            answer = self._transport.send(method, url, patience, headers=headers, data=data)
            took = 1000 * (time.perf_counter() - began)
            words = "%s: %s %s: %d in %.0f ms"
            logger.debug(words, request.operation, method, request.path, answer.status, took)
            return answer

        return send_with_retry(
            send,
            request.operation,
            deadline=deadline,
            limiter=self._pace,
            is_create=creates,
            non_idempotent=creates and not request.repeatable,
            max_throttles=self._refusals(creates=creates),
        )

    def _refusals(self, *, creates: bool) -> int | None:
        """How many 429 to bear; in a call those who wait to create hold up no worker."""
        if self._deadline is None:
            return OPERATION_MAX_THROTTLES
        return 1 if creates else None

    def _own_pace(self) -> RateLimiter:
        """The pace of this client's profile, outside of a call."""
        memory = self._memories.setdefault(self.profile_id, InMemoryLimiterState())
        return RateLimiter(self.clock, memory, self.create_rate)


_TEXTS: Final = ("recordType", "statusDetails", "location")
_NUMBERS: Final = ("fileSize", "expiration")


def _is_report(document: object) -> bool:
    """Whether it is what the service says of a report, each field of its type or left out."""
    if not isinstance(document, dict):
        return False
    report_id = document.get("reportId")
    texts = [document[name] for name in _TEXTS if document.get(name) is not None]
    numbers = [document[name] for name in _NUMBERS if document.get(name) is not None]
    return (
        (is_valid_text(report_id) or is_integer(report_id))
        and report_id != ""
        and is_valid_text(document.get("status"))
        and all(map(is_valid_text, texts))
        and all(map(is_integer, numbers))
    )


def _is_profile(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    return re.fullmatch("[0-9]{1,18}", str(document.get("profileId"))) is not None


def _region(region: str) -> str:
    known = region.upper() if isinstance(region, str) else ""
    if known not in REGIONS:
        raise InvalidRequest(f"region={region!r} is not one of {', '.join(REGIONS)}")
    return known


def _profile_id(profile_id: int | str) -> str:
    text = str(profile_id).strip()
    if isinstance(profile_id, bool) or not (text.isascii() and text.isdigit()):
        raise InvalidRequest(
            f"profile_id={redact(repr(profile_id))} is not a profile's number; "
            "Client.profiles() lists them"
        )
    return text


def _is_amazon(base_url: str) -> bool:
    """Whether the address is one of Amazon's own."""
    return base_url in {host for host, _ in REGIONS.values()}


def _create_rate(rate: float | None, base_url: str) -> float | None:
    if rate is None:
        return AMAZON_CREATE_RATE if _is_amazon(base_url) else None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise InvalidRequest(f"create_rate={rate!r} is no number of reports a second above 0")
    return float(rate)


def _size(name: str, size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise InvalidRequest(f"{name}={size!r} is no number of bytes above 0")
    return size


def _api(api: str | None, base_url: str) -> str:
    if api is None:
        return "v3" if _is_amazon(base_url) else "v2"
    if api not in APIS:
        raise InvalidRequest(f"api={api!r} is not one of {', '.join(APIS)}")
    return api


def _address(name: str, address: str) -> str:
    with contextlib.suppress(ValueError):
        parts = urlsplit(str(address))
        plain = not (parts.query or parts.username or parts.password)
        # The port is looked at because asking for one that is no number is an error.
        if parts.scheme in ("http", "https") and parts.hostname and plain and parts.port != 0:
            return str(address).rstrip("/")
    raise InvalidRequest(
        f"{name}={redact(repr(address))} is no address such as 'http://localhost:8080'"
    )
