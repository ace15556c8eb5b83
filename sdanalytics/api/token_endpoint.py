"""The token endpoint of Login with Amazon (LwA): ``POST /auth/o2/token``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import InMemoryLimiterState
from sdanalytics._core.redact import remember_token
from sdanalytics.api.answers import expect_document
from sdanalytics.api.create_pacing import CreatePacing
from sdanalytics.api.error_mapping import (
    NETWORK_ADVICE,
    is_page,
    to_exception,
    to_rate_limited,
    to_unexpected_answer,
)
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.retry import send_with_retry
from sdanalytics.api.transport import Response, Transport
from sdanalytics.errors import ApiError, Unauthorized

MAX_LIFETIME: Final = 1e9
"""Seconds that a token may say it is valid: 30 years."""
DEFAULT_LIFETIME: Final = 3600.0
"""Seconds that a token is valid if the response does not say."""
_REFUSAL_STATUSES: Final = (400, 401, 403)
"""Statuses by which Login with Amazon refuses credentials."""


class Tokens(NamedTuple):
    """The tokens of a response.

    Attributes
    ----------
    access_token : str
    refresh_token : str or None
    lifetime : float
        Seconds that the access token is valid.
    """

    access_token: str
    refresh_token: str | None
    lifetime: float


class TokenEndpoint:
    """Requests tokens for a grant.

    Parameters
    ----------
    url : str
    clock : Clock
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._limiter = RateLimiter(clock, InMemoryLimiterState(), CreatePacing(None))

    def request_tokens(
        self,
        form: Mapping[str, str | None],
        transport: Transport,
        deadline: Deadline,
        secrets: Iterable[str | None],
        advice: str,
        *,
        is_single_use: bool = False,
    ) -> Tokens:
        """Request tokens; they are removed from all texts from now on.

        Parameters
        ----------
        form : mapping
            The grant.
        transport : Transport
        deadline : Deadline
        secrets : iterable of str
            Values of the form that no error may show.
        advice : str
            What to do when the grant is refused.
        is_single_use : bool
            Whether the grant works once, so that it is sent again only if it cannot have arrived.

        Raises
        ------
        Unauthorized
            When the grant is refused.
        ApiError
            For any other response.
        """
        response = send_with_retry(
            lambda: transport.send("POST", self._url, deadline, data=form),
            "token",
            deadline=deadline,
            limiter=self._limiter,
            find_fault=_find_token_fault,
            non_idempotent=is_single_use,
        )
        known = list(secrets)
        if response.status >= 400:
            raise self._refusal(response, known, advice)
        fault = _find_token_fault(response)
        if fault is not None:
            raise to_unexpected_answer(response, "token", fault, known)
        return _read_tokens(response.json())

    def _refusal(self, response: Response, secrets: list[str | None], advice: str) -> ApiError:
        """Return the error of a response from 400 on: few are a matter of the grant."""
        if response.status in _REFUSAL_STATUSES and not is_page(response):
            return to_exception(response, "token", secrets, error_class=Unauthorized, advice=advice)
        if response.status == 429:
            until = self._limiter.allowed_at(is_create=False)
            return to_rate_limited(response, "token", until, secrets)
        general_advice = None
        if response.status < 500:
            host = urlsplit(self._url).hostname
            general_advice = f"{NETWORK_ADVICE}; the token is requested from {host}"
        return to_exception(response, "token", secrets, advice=general_advice)


def _is_token_document(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    return _is_token(document.get("access_token"))


def _is_token(value: object) -> bool:
    if not isinstance(value, str) or not value or not value.isascii():
        return False
    return value.isprintable()


_find_token_fault: Final = expect_document("a document with a token", _is_token_document)


def _read_tokens(document: Mapping[str, object]) -> Tokens:
    access_token = str(document["access_token"])
    remember_token(access_token)
    refresh_token = None
    if _is_token(document.get("refresh_token")):
        refresh_token = str(document["refresh_token"])
        remember_token(refresh_token)
    return Tokens(access_token, refresh_token, _read_lifetime(document.get("expires_in")))


def _read_lifetime(seconds: object) -> float:
    """Return the seconds that a token is valid, as its document says or by default."""
    if isinstance(seconds, int | float) and 0 < seconds <= MAX_LIFETIME:
        return float(seconds)
    return DEFAULT_LIFETIME
