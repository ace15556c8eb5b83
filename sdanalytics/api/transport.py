"""One HTTP exchange, and when to try it again.

What can be repeated is repeated here: reading requests on 429, 5xx and broken connections;
a request that creates something only where it certainly created nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import errno
import json
import os
import random
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.redact import install_log_redaction
from sdanalytics._version import __version__
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.errors import ConnectionFailed, RateLimited, ReportTimeout, SDAnalyticsError

MAX_ATTEMPTS: Final = 5
"""How often a request is sent that meets 5xx answers or broken connections."""
CONNECT_TIMEOUT: Final = 10.0
"""Seconds to reach a host."""
READ_TIMEOUT: Final = 60.0
"""Seconds without a byte after which a connection counts as broken."""
STORAGE_READ_TIMEOUT: Final = 10.0
"""The same for storage, whose links are good for 30 seconds only."""
_ANSWER_LOST: Final = (502, 504)
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 60.0
_LONGEST_TROUBLE: Final = 10.0
"""Seconds to wait at the most because a 5xx answer says so."""
_CHUNK: Final = 1 << 16
_LARGEST_ANSWER: Final = 1 << 26
"""Bytes of the longest answer of the service that is read: 64 MiB, a list of 100,000 profiles."""
_API_HEADERS: Final = {
    "User-Agent": f"sdanalytics/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_STORAGE_HEADERS: Final = {"Accept-Encoding": "identity"}  # not even our name goes to S3


@dataclass(frozen=True)
class Response:
    """What came back, whole.

    Attributes
    ----------
    status : int
    headers : mapping
        Names in any case.
    body : bytes
        As it was on the wire: no content encoding is undone.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, None where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class ResponseLimits:
    """What is borne of an answer: seconds of silence, and bytes."""

    silence: float
    most: int


class Transport:
    """Connections that nothing leaks from: no cookies, no netrc, no redirects followed.

    Two pools: the API's and storage's. The latter sends no header but what HTTP needs.
    """

    def __init__(self, connections: int = 16) -> None:
        install_log_redaction()
        self._connections = connections
        self._connect()
        _ALL.add(self)

    def _connect(self) -> None:
        """Have no connection yet: one that a forked process shared would mix up the answers."""
        self._api = _Pool(self._connections, _API_HEADERS)
        self._storage = _Pool(self._connections, _STORAGE_HEADERS)

    def api(self, method: str, url: str, deadline: Deadline, **request: Any) -> Response:
        """Send one request to the service (or its login) and read the answer."""
        patience = ResponseLimits(READ_TIMEOUT, _LARGEST_ANSWER)
        return _unpacked(_exchange(self._api, method, url, deadline, patience, **request))

    def storage(self, url: str, deadline: Deadline, most: int) -> Response:
        """Get one object of so many bytes at most, sending nothing but the request itself."""
        patience = ResponseLimits(STORAGE_READ_TIMEOUT, most)
        return _exchange(self._storage, "GET", url, deadline, patience)


_ALL: Final[weakref.WeakSet[Transport]] = weakref.WeakSet()


def _connect_anew() -> None:
    for transport in list(_ALL):
        transport._connect()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_connect_anew)


class _Pool:
    """Connections that send what they are told to, and keep nothing of what comes back.

    A session of requests looks through the environment for each request; here proxies and
    certificates are looked up once for each host.
    """

    def __init__(self, connections: int, headers: Mapping[str, str]) -> None:
        self._adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._headers = headers
        self._settings: dict[str, Mapping[str, Any]] = {}

    def send(
        self,
        method: str,
        url: str,
        timeout: tuple[float, float],
        headers: Mapping[str, str] = MappingProxyType({}),
        data: bytes | Mapping[str, str | None] | None = None,
    ) -> requests.Response:
        """The answer to a request, its body not read yet; no redirect is followed."""
        headers = {**self._headers, **headers}
        request = requests.Request(method, url, headers=headers, data=data).prepare()
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._settings:
            settings = requests.Session().merge_environment_settings(host, {}, True, None, None)
            self._settings[host] = settings
        return self._adapter.send(request, timeout=timeout, **self._settings[host])


def _unpacked(answer: Response) -> Response:
    """Undo the compression that some gateways add, asked or not."""
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        return answer
    with contextlib.suppress(zlib.error):
        return dataclasses.replace(answer, body=_inflated(answer.body))
    return answer


def _inflated(packed: bytes) -> bytes:
    """The text of all gzip members; zlib.error where one is damaged, or it is too much."""
    text = b""
    while packed:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        text += member.decompress(packed, _LARGEST_ANSWER - len(text) + 1)
        if not member.eof or len(text) > _LARGEST_ANSWER:
            raise zlib.error("cut short, or larger than any answer")
        packed = member.unused_data.lstrip(b"\0")
    return text


def _exchange(
    pool: _Pool,
    method: str,
    url: str,
    deadline: Deadline,
    patience: ResponseLimits,
    **request: Any,
) -> Response:
    remaining = deadline.remaining
    if remaining <= 0:
        raise timeout_error(deadline)
    lost: Exception
    try:
        timeout = min(CONNECT_TIMEOUT, remaining), min(patience.silence, remaining)
        with pool.send(method, url, timeout, **request) as response:
            body = _read(response, deadline, patience.most)
            return Response(response.status_code, response.headers, body)
    except (requests.RequestException, HTTPError, OSError) as error:
        lost = error
    if deadline.remaining <= 0:
        raise timeout_error(deadline)
    # Raised out here because the caught one, which would hang on as the context, can hold
    # a presigned address.
    raise _connection_failed(lost, url)


def _read(response: requests.Response, deadline: Deadline, most: int) -> bytes:
    # Pieces, put together once: what grew to many MB would leave a hole of its size behind.
    pieces: list[bytes] = []
    length = 0
    # read1 gives what is there, so that a body in drips cannot outlast the limit; requests
    # has told raw to undo no content encoding.
    while chunk := response.raw.read1(_CHUNK):
        pieces.append(chunk)
        length += len(chunk)
        if deadline.remaining <= 0:
            raise timeout_error(deadline)
        if length > most:
            raise OSError(errno.EFBIG, f"more than {most:,} bytes came")
    return b"".join(pieces)


def timeout_error(deadline: Deadline) -> ReportTimeout:
    """The error of a call whose time is over."""
    return ReportTimeout(
        f"the timeout of {deadline.seconds:g} seconds passed; call again, "
        "with a longer timeout= if need be"
    )


def _closed(deadline: Deadline) -> SDAnalyticsError:
    """The error of a call that may send nothing more before its time is over."""
    return timeout_error(deadline) if deadline.remaining <= 0 else rate_limited_error()


def rate_limited_error() -> RateLimited:
    """The error of a call that is to wait for longer than it has time."""
    return RateLimited(
        "the service asked (429) to wait for longer than the call has time. Wait, then call "
        "again: what arrived is kept. A longer timeout= lets the call wait by itself",
        status=429,
    )


def _connection_failed(error: Exception, url: str) -> ConnectionFailed:
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    failed = ConnectionFailed(
        f"the connection to {host} failed ({_reason(error)}); "
        "check the network, the proxy and the address, then call again"
    )
    failed.sent = not _never_connected(error)
    return failed


def _causes(error: BaseException) -> list[BaseException]:
    """An error and all that it wraps: requests and urllib3 nest theirs in args.

    Not its context: that may be an error which the caller was handling meanwhile.
    """
    found = [error]
    for each in found:
        inner = [*each.args, getattr(each, "reason", None), each.__cause__]
        found += [e for e in inner if isinstance(e, BaseException) and e not in found]
    return found


def _reason(error: Exception) -> str:
    """What happened, in words that hold no address: the system's, or the error's name."""
    causes = _causes(error)
    system = [str(e.strerror) for e in causes if isinstance(e, OSError) and e.strerror]
    names = [
        type(e).__name__ for e in causes if isinstance(e, HTTPError | requests.RequestException)
    ]
    return [*names, *system][-1] if names or system else type(error).__name__


def _never_connected(error: Exception) -> bool:
    """Whether the connection failed before a byte of the request could leave."""
    return any(isinstance(e, NewConnectionError | ConnectTimeoutError) for e in _causes(error))


def backoff(attempt: int) -> float:
    """Seconds to wait before trying again: exponential, capped, the upper half jittered.

    Half of it is sure, so that a wait is a wait; the rest spreads out those who fail together.
    """
    longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0**attempt)
    return random.uniform(longest / 2, longest)


def retry_after(answer: Response, now: datetime) -> float | None:
    """Seconds that the Retry-After header (a number or an HTTP date) asks for, if it does."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_tz(value)
        if moment is not None:
            return max(0.0, email.utils.mktime_tz(moment) - now.timestamp())
    return None


def send_with_retry(
    send: Callable[[], Response],
    operation: str,
    *,
    deadline: Deadline,
    pace: RateLimiter,
    creates: bool = False,
    once: bool = False,
    tries: int = MAX_ATTEMPTS,
    refusals: int | None = None,
) -> Response:
    """Send until there is an answer worth having.

    Parameters
    ----------
    send : callable
        One exchange.
    operation : str
        What it is for.
    limit : Limit
        Of the whole call.
    pace : Pace
        Of the host.
    creates : bool
        Whether the request asks for a report: these have a pace of their own.
    once : bool
        Whether what it creates would be created again: then it is repeated only if it cannot
        have arrived, or was answered with 429, or with 5xx by the service itself. What
        gateways answer when they lose the service's answer (502, 504) is as a lost connection.
    tries : int
        How often it is sent when it meets broken connections or 5xx.
    refusals : int or None
        How many 429 to bear; None: as many as the limit allows.

    Returns
    -------
    Answer
        The first that is neither 429 nor 5xx; the last one when patience is over.
    """
    failures = refused = 0
    while True:
        if not pace.wait_turn(deadline, creates=creates):
            raise _closed(deadline)
        sent_at = deadline.clock.now().timestamp()
        wait = None
        try:
            answer = send()
        except ConnectionFailed as lost:
            failures += 1
            if failures == tries or (once and lost.sent):
                raise
            last_error = str(lost)
        else:
            wait = retry_after(answer, deadline.clock.now())
            if answer.status == 429:
                refused += 1
                pace.refused(operation, sent_at, wait, creates=creates)
                if refused == refusals or not pace.opens_before(deadline, creates=creates):
                    return answer
                continue
            pace.accepted(creates=creates)
            failures += answer.status >= 500
            is_lost = once and answer.status in _ANSWER_LOST
            if answer.status < 500 or failures == tries or is_lost:
                return answer
            last_error = f"answer {answer.status}"
        # A worker waits here, and there are few: longer waits are for the next call.
        wait = backoff(failures) if wait is None else min(wait, _LONGEST_TROUBLE)
        pace.events.log(operation, "%s: %s; trying again in %.1f s", operation, last_error, wait)
        deadline.wait(min(wait, deadline.remaining))
