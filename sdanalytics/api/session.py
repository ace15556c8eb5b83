"""The session: how requests of one profile reach the service.

Layers of a request: `send` -> `_send_authorized` (one token) -> `send_with_retry` (rate limit,
retries) -> `Transport.send` (one HTTP request).
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.limiter_state import (
    CountedLimiterState,
    CountInFlight,
    InMemoryLimiterState,
    LimiterStateStore,
)
from sdanalytics._core.redact import redact
from sdanalytics.api.answers import FindFault, find_redirect
from sdanalytics.api.auth import Credentials
from sdanalytics.api.config import ClientConfig
from sdanalytics.api.create_pacing import CreatePacing, LearnedPacing
from sdanalytics.api.download_hosts import rejection_reason
from sdanalytics.api.error_mapping import (
    storage_error_text,
    to_exception,
    to_rate_limited,
    to_unexpected_answer,
)
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.retry import MAX_ATTEMPTS, rate_limited_error, send_with_retry
from sdanalytics.api.service_clock import ServiceClock
from sdanalytics.api.shared_tokens import SHARED_TOKENS
from sdanalytics.api.storage_download import get_from_storage, milliseconds_since
from sdanalytics.api.transport import READ_TIMEOUT, Response, Transport
from sdanalytics.errors import ConnectionFailed, DownloadFailed
from sdanalytics.model.partition import ProfileKey

logger = logging.getLogger("sdanalytics")

JSON_TYPE: Final = "application/json"
CLIENT_ID_HEADERS: Final = ("Amazon-Advertising-API-ClientId",)
"""The headers with the client id."""
OPERATION_TIMEOUT: Final = 300.0
"""Seconds that one operation may take outside of a fetch, its retries included."""
OPERATION_MAX_THROTTLES: Final = 5
"""429 responses that one operation waits out outside of a fetch."""


def _keep(response: Response) -> Response:
    return response


@dataclass(frozen=True)
class ApiRequest:
    """One request to the API.

    Attributes
    ----------
    operation : str
        Its name in errors and logs.
    method, path : str
    body : mapping, optional
        Sent as JSON.
    content_type : str
        The type of the body.
    accept : str
        The types that its response may have.
    client_id_headers : tuple of str
        The headers with the client id.
    needs_profile_scope : bool
        Whether it is about the client's profile.
    is_create : bool
        Whether it creates a report.
    idempotent : bool
        Whether a create may be sent again when it is unknown if the first one arrived.
    max_attempts : int
        Attempts, at most, when it meets broken connections, faults or 5xx responses.
    max_throttles : int or None
        429 responses within a call that end it; None: as many as the deadline allows.
    find_fault : callable
        What is wrong with a response below 400 (`sdanalytics.api.answers`).
    unwrap : callable
        Returns the response that another one contains, where the service has it so.
    """

    operation: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    content_type: str = JSON_TYPE
    accept: str = JSON_TYPE
    client_id_headers: tuple[str, ...] = CLIENT_ID_HEADERS
    needs_profile_scope: bool = True
    is_create: bool = False
    idempotent: bool = False
    max_attempts: int = MAX_ATTEMPTS
    max_throttles: int | None = None
    find_fault: FindFault = find_redirect
    unwrap: Callable[[Response], Response] = _keep


class Login:
    """The connections and the limits per profile of a client; the token is its login's.

    Attributes
    ----------
    client_id : str
    transport : Transport
    tokens : TokenProvider
        Shared by all clients of this process with the same credentials.
    digest : str
        Tells logins apart, also later; it shows no secret.
    """

    def __init__(self, credentials: Credentials, config: ClientConfig) -> None:
        self.client_id = credentials.client_id
        self.digest = _digest_login(credentials)
        self.transport = Transport()
        self.tokens = SHARED_TOKENS.provider(credentials, config.token_url, config.clock)
        self._limiter_states: dict[object, LimiterStateStore] = {}

    def limiter_state(self, owner: object) -> LimiterStateStore:
        """Return the rate limiter state of a profile, or of a version, outside of a fetch."""
        return self._limiter_states.setdefault(owner, InMemoryLimiterState())


def _digest_login(credentials: Credentials) -> str:
    """Return a few bytes of a hash: too few to try secrets against, which are long and random."""
    values = (credentials.client_id, *credentials.secrets)
    return hashlib.blake2b(repr(values).encode(), digest_size=8).hexdigest()


class ApiSession:
    """Sends the requests of one profile, and downloads its reports.

    Parameters
    ----------
    config : ClientConfig
    login : Login
    deadline : Deadline, optional
        The deadline of all its requests; by default each operation has its own.
    limiter : RateLimiter, optional
        By default one that the clients of the login share.

    Attributes
    ----------
    config : ClientConfig
    service_clock : ServiceClock
        Told by the responses to this session.
    """

    def __init__(
        self,
        config: ClientConfig,
        login: Login,
        deadline: Deadline | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self.config = config
        self._login = login
        self._deadline = deadline
        self.service_clock = ServiceClock(config.clock)
        self._limiter = limiter or self._make_limiter(login.limiter_state(config.profile_id))

    @property
    def login_digest(self) -> str:
        """A text that tells logins apart, also later; it shows no secret."""
        return self._login.digest

    @property
    def key(self) -> ProfileKey:
        """The profile, as it is stored."""
        return self.config.key

    @property
    def max_report_bytes(self) -> int:
        """Bytes of a report, as it is downloaded and as text."""
        return self.config.max_report_bytes

    def for_profile(self, profile_id: int | str) -> ApiSession:
        """Return a session for another profile of the same login; it shares the token."""
        return ApiSession(self.config.for_profile(profile_id), self._login, self._deadline)

    def bind(
        self, deadline: Deadline, limiter_state: LimiterStateStore | None = None
    ) -> ApiSession:
        """Return this session for one call: all requests end with its deadline.

        Creates are not sent again on 429, so that they block no worker: `create_delay` says
        when to try.

        Parameters
        ----------
        deadline : Deadline
        limiter_state : LimiterStateStore, optional
            The state of the rate limiter; by default this session's.
        """
        limiter = self._limiter
        if limiter_state is not None:
            limiter = self._make_limiter(limiter_state)
        return ApiSession(self.config, self._login, deadline, limiter)

    def bind_unified(
        self,
        deadline: Deadline,
        limiter_state: LimiterStateStore | None,
        count_in_flight: CountInFlight,
    ) -> ApiSession:
        """Return this session for one call of the unified Ads API, which limits whole clients.

        Parameters
        ----------
        deadline : Deadline
        limiter_state : LimiterStateStore or None
            The state of the rate limiter; None: that of the login, for calls without a store.
        count_in_flight : callable
            Counts the reports in flight for a state that does not.
        """
        if limiter_state is None:
            own_state = self._login.limiter_state("unified")
            limiter_state = CountedLimiterState(own_state, count_in_flight)
        pacing = LearnedPacing(self.config.unified_interval)
        limiter = RateLimiter(self.config.clock, limiter_state, pacing)
        return ApiSession(self.config, self._login, deadline, limiter)

    def create_delay(self) -> float:
        """Return the seconds to wait before the next create; 0: none.

        Raises
        ------
        RateLimited
            When a Retry-After, to any caller, is beyond the deadline.
        """
        delay = self._limiter.create_delay()
        deadline = self._operation_deadline()
        if delay >= deadline.remaining > 0 and self._limiter.is_throttled():
            raise rate_limited_error(self._limiter.allowed_at(is_create=True))
        return delay

    @hide_frames
    def send(self, request: ApiRequest) -> Response:
        """Send a request, and retry it where that is safe.

        Returns
        -------
        Response
            What the operation answers.

        Raises
        ------
        ApiError
            For any other response.
        """
        deadline = self._operation_deadline()
        tokens, transport = self._login.tokens, self._login.transport
        token = tokens.token(transport, deadline)
        response = self._send_authorized(request, token, deadline)
        if response.status == 401:
            fresh_token = tokens.refresh(transport, deadline, after=token)
            if fresh_token is not None:
                message = "%s: 401, retrying once with a fresh token"
                self._limiter.events.log("401", message, request.operation)
                response = self._send_authorized(request, fresh_token, deadline)
        if response.status == 429:
            until = self._limiter.allowed_at(is_create=request.is_create)
            raise to_rate_limited(response, request.operation, until, tokens.secrets)
        if response.status >= 400:
            raise to_exception(response, request.operation, tokens.secrets)
        fault = request.find_fault(response)
        if fault is not None:
            raise to_unexpected_answer(response, request.operation, fault, tokens.secrets)
        return response

    @hide_frames
    def download_url(self, url: str, report_id: str) -> bytes:
        """Download a payload from storage, if its host is allowed.

        Raises
        ------
        DownloadFailed
            When storage refuses the URL or cannot be reached, or its host is not allowed.
        """
        reason = rejection_reason(url, self.config.base_url, self.config.storage_hosts)
        if reason is not None:
            raise DownloadFailed(
                f"report {report_id}: {reason}; nothing was downloaded", report_id=report_id
            )
        try:
            response = get_from_storage(
                self._login.transport,
                self._operation_deadline(),
                url,
                report_id,
                self.max_report_bytes,
            )
        except ConnectionFailed as error:
            raise DownloadFailed(f"report {report_id}: {error}", report_id=report_id) from None
        if response.status == 200:
            return response.body
        raise DownloadFailed(
            f"report {report_id}: storage answered {response.status} "
            f"({storage_error_text(response)}). Call again: a new URL, or a new report, will be "
            "requested",
            report_id=report_id,
            is_refused=400 <= response.status < 500,
        )

    def redact(self, text: str) -> str:
        """Remove the secrets of this login from a text of the service."""
        return redact(text, self._login.tokens.secrets)

    def _make_limiter(self, limiter_state: LimiterStateStore) -> RateLimiter:
        pacing = CreatePacing(self.config.create_rate)
        return RateLimiter(self.config.clock, limiter_state, pacing)

    def _operation_deadline(self) -> Deadline:
        """Return the deadline that the session is bound to, or one for a single operation."""
        return self._deadline or Deadline(self.config.clock, OPERATION_TIMEOUT)

    def _send_authorized(self, request: ApiRequest, token: str, deadline: Deadline) -> Response:
        url = self.config.base_url + request.path
        headers = self._headers(request, token)
        body = None if request.body is None else json.dumps(request.body).encode()
        transport = self._login.transport

        def send() -> Response:
            started = time.perf_counter()
            limit = deadline
            if request.is_create:
                # The id of a created report is read even if the call has ended meanwhile.
                limit = Deadline(self.config.clock, READ_TIMEOUT)
            response = transport.send(request.method, url, limit, headers=headers, data=body)
            self.service_clock.observe(response.headers)
            logger.debug(
                "%s: %s %s: %d in %.0f ms",
                request.operation,
                request.method,
                request.path,
                response.status,
                milliseconds_since(started),
            )
            return request.unwrap(response)

        return send_with_retry(
            send,
            request.operation,
            deadline=deadline,
            limiter=self._limiter,
            find_fault=request.find_fault,
            is_create=request.is_create,
            non_idempotent=request.is_create and not request.idempotent,
            max_attempts=request.max_attempts,
            max_throttles=self._max_throttles(request),
        )

    def _headers(self, request: ApiRequest, token: str) -> dict[str, str]:
        headers = {
            "Accept": request.accept,
            "Authorization": f"Bearer {token}",
            **dict.fromkeys(request.client_id_headers, self._login.client_id),
        }
        if request.needs_profile_scope:
            headers["Amazon-Advertising-API-Scope"] = self.key.profile_id
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return headers

    def _max_throttles(self, request: ApiRequest) -> int | None:
        """Return how many 429 are waited out; within a call, a create never waits."""
        if self._deadline is None:
            return OPERATION_MAX_THROTTLES
        if request.is_create:
            return 1
        return request.max_throttles
