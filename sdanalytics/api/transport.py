"""The transport: one HTTP request and its response.

Nothing leaks from a connection: no cookies, no netrc, no redirects, and no header of the API to
another host.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import weakref
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.redact import install_log_redaction
from sdanalytics._core.threads import waiting_for_network
from sdanalytics._version import __version__
from sdanalytics.errors import ConnectionFailed, ReportTimeout

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to reach a host."""
READ_TIMEOUT: Final = 60.0
"""Seconds without a byte after which a connection is considered broken."""
STORAGE_READ_TIMEOUT: Final = 10.0
"""The same for storage: its URLs are valid for only 30 seconds."""
MAX_RESPONSE_BYTES: Final = 1 << 26
"""Bytes of the longest response of the API that is read: 64 MiB, a list of 100,000 profiles."""
_CHUNK_BYTES: Final = 1 << 16
_API_HEADERS: Final = {
    "User-Agent": f"sdanalytics/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
# No User-Agent: not even the library's name is sent to storage.
_STORAGE_HEADERS: Final = {"Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Response:
    """An HTTP response, read to its end.

    Attributes
    ----------
    status : int
    headers : mapping
        Names are case-insensitive.
    body : bytes
        As it was on the wire: a content encoding is not undone.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class ResponseLimits:
    """Limits on a response.

    Attributes
    ----------
    read_timeout : float
        Seconds without a byte.
    max_bytes : int
    """

    read_timeout: float
    max_bytes: int


class Transport:
    """Two pools of connections: to the API, and to storage.

    Requests to storage carry no header but those that HTTP needs.
    """

    def __init__(self, connections: int = 16) -> None:
        install_log_redaction()
        self._connections = connections
        self.reset()
        _TRANSPORTS.add(self)

    def reset(self) -> None:
        """Drop all connections: a forked process that shared them would mix up responses."""
        self._api = _ConnectionPool(self._connections, _API_HEADERS)
        self._storage = _ConnectionPool(self._connections, _STORAGE_HEADERS)

    def send(self, method: str, url: str, deadline: Deadline, **content: Any) -> Response:
        """Send a request to the API, or to Login with Amazon, and read the response."""
        limits = ResponseLimits(READ_TIMEOUT, MAX_RESPONSE_BYTES)
        response = _send_and_read(self._api, method, url, deadline, limits, **content)
        return _decode_content(response)

    def download(self, url: str, deadline: Deadline, max_bytes: int) -> Response:
        """Get an object from storage, sending nothing but the request itself."""
        limits = ResponseLimits(STORAGE_READ_TIMEOUT, max_bytes)
        return _send_and_read(self._storage, "GET", url, deadline, limits)


_TRANSPORTS: Final[weakref.WeakSet[Transport]] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for transport in list(_TRANSPORTS):
        transport.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


class _ConnectionPool:
    """Connections that send exactly the given headers, and store nothing of a response.

    A `requests.Session` searches the environment on every request; here proxies and certificates
    are looked up once per host.
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
        """Send a request; the body of the response is not read, no redirect is followed."""
        all_headers = {**self._headers, **headers}
        request = requests.Request(method, url, headers=all_headers, data=data).prepare()
        settings = self._host_settings(url)
        return self._adapter.send(request, timeout=timeout, **settings)

    def _host_settings(self, url: str) -> Mapping[str, Any]:
        """Look up the proxies and certificates for the host of a URL."""
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._settings:
            session = requests.Session()
            settings = session.merge_environment_settings(host, {}, True, None, None)
            self._settings[host] = settings
        return self._settings[host]


def timeout_error(deadline: Deadline) -> ReportTimeout:
    """Return the error of a call whose deadline has passed."""
    return ReportTimeout(
        f"the timeout of {deadline.seconds:g} seconds passed; call again, "
        "with a longer timeout= if needed"
    )


def _send_and_read(
    pool: _ConnectionPool,
    method: str,
    url: str,
    deadline: Deadline,
    limits: ResponseLimits,
    **content: Any,
) -> Response:
    remaining = deadline.remaining
    if remaining <= 0:
        raise timeout_error(deadline)
    failure: Exception
    try:
        timeout = min(CONNECT_TIMEOUT, remaining), min(limits.read_timeout, remaining)
        with (
            waiting_for_network(),
            pool.send(method, url, timeout, **content) as response,
        ):
            body = _read_body(response, deadline, limits.max_bytes)
            return Response(response.status_code, response.headers, body)
    except (requests.RequestException, HTTPError, OSError) as error:
        failure = error
    if deadline.remaining <= 0:
        raise timeout_error(deadline)
    # Raised outside of the except block: the caught error, which would stay attached as the
    # context, may hold a presigned URL.
    raise _connection_error(failure, url)


def _read_body(response: requests.Response, deadline: Deadline, max_bytes: int) -> bytes:
    # Joined once: a buffer that grew to many MB would leave a hole of its size in memory.
    chunks: list[bytes] = []
    length = 0
    while True:
        # read1 returns what has arrived, so that a body that trickles in cannot outlast the
        # deadline; requests has configured raw to undo no content encoding.
        chunk = response.raw.read1(_CHUNK_BYTES)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        length += len(chunk)
        if deadline.remaining <= 0:
            raise timeout_error(deadline)
        if length > max_bytes:
            raise OSError(errno.EFBIG, f"more than {max_bytes:,} bytes received")


def _decode_content(response: Response) -> Response:
    """Undo the compression that some gateways add although it is not requested."""
    encoding = response.headers.get("Content-Encoding", "")
    if encoding.lower() != "gzip":
        return response
    with contextlib.suppress(zlib.error):
        return dataclasses.replace(response, body=_gunzip(response.body))
    return response


def _gunzip(data: bytes) -> bytes:
    """Decompress all gzip members; zlib.error if one is damaged, or the text is too long."""
    text = b""
    while data:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        text += member.decompress(data, MAX_RESPONSE_BYTES - len(text) + 1)
        if not member.eof or len(text) > MAX_RESPONSE_BYTES:
            raise zlib.error("truncated, or longer than any response")
        data = member.unused_data.lstrip(b"\0")
    return text


def _connection_error(error: Exception, url: str) -> ConnectionFailed:
    """Return the public error of a failed connection; of the URL it names only the host."""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.port:
        host = f"{host}:{parts.port}"
    failed = ConnectionFailed(
        f"the connection to {host} failed ({_describe_failure(error)}); "
        "check the network, the proxy and the URL, then call again"
    )
    failed.sent = not _never_connected(error)
    return failed


def _exception_chain(error: BaseException) -> list[BaseException]:
    """List an error and all that it wraps: requests and urllib3 nest theirs in args.

    Not its context: that may be an error that the caller was handling at the time.
    """
    chain: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        candidate = queue.pop(0)
        if not isinstance(candidate, BaseException) or candidate in chain:
            continue
        chain.append(candidate)
        reason = getattr(candidate, "reason", None)
        queue += [*candidate.args, reason, candidate.__cause__]
    return chain


def _describe_failure(error: Exception) -> str:
    """Describe a failure without any URL: by the system's message, or the error's class."""
    description = type(error).__name__
    chain = _exception_chain(error)
    for cause in chain:
        if isinstance(cause, HTTPError | requests.RequestException):
            description = type(cause).__name__
    for cause in chain:
        if isinstance(cause, OSError) and cause.strerror:
            description = str(cause.strerror)
    return description


def _never_connected(error: Exception) -> bool:
    """Return whether the connection failed before a byte of the request could be sent."""
    for cause in _exception_chain(error):
        if isinstance(cause, NewConnectionError | ConnectTimeoutError):
            return True
    return False
