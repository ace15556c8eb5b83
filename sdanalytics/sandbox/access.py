"""Authentication, authorisation and throttling: what every operation checks first."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sized
from typing import Final

from werkzeug.wrappers import Request, Response

from sdanalytics.api.auth import Credentials
from sdanalytics.sandbox.consents import Consents
from sdanalytics.sandbox.responses import (
    ApiErrorResponse,
    bad_request,
    json_response,
    unauthorized,
)
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser, select_advertisers

_CLIENT_HEADER: Final = "Amazon-Advertising-API-ClientId"
_V1_CLIENT_HEADER: Final = "Amazon-Ads-ClientId"
_RATE_WINDOW: Final = 1.0
"""Seconds in which requests are counted."""


class AccessControl:
    """Login with Amazon, access to profiles, and rate limits, for one client.

    Attributes
    ----------
    consents : Consents
    """

    def __init__(self, settings: Settings, client: Credentials) -> None:
        self._settings = settings
        self._advertisers = select_advertisers(settings)
        self._client = client
        self.consents = Consents(settings, client.client_id)
        self._token_expiries: dict[str, float] = {}
        self._recent_calls: dict[tuple[str, int], deque[float]] = {}
        self._lock = threading.Lock()

    def issue_token(self, request: Request) -> Response:
        """Issue tokens for the refresh token, or for the code of a consent."""
        form = request.form
        client = self._client
        caller = form.get("client_id"), form.get("client_secret")
        if caller != (client.client_id, client.client_secret):
            return _login_error(401, "invalid_client", "Unknown client")
        grant_type = form.get("grant_type")
        if grant_type == "refresh_token":
            parameter = "refresh_token"
            is_valid = form.get("refresh_token") == client.refresh_token
        elif grant_type == "authorization_code":
            parameter = "code"
            code = form.get("code", "")
            redirect_uri = form.get("redirect_uri", "")
            is_valid = self.consents.redeem(code, redirect_uri)
        else:
            return _login_error(400, "unsupported_grant_type")
        if not is_valid:
            description = f"The request has an invalid grant parameter : {parameter}"
            return _login_error(400, "invalid_grant", description)
        document = {
            "access_token": self._new_token(),
            "refresh_token": client.refresh_token,
            "token_type": "bearer",
            "expires_in": int(self._settings.token_lifetime),
        }
        return json_response(document)

    def _new_token(self) -> str:
        token = f"Atza|{secrets.token_urlsafe(24)}"
        expiry = self._settings.monotonic() + self._settings.token_lifetime
        with self._lock:
            self._token_expiries[token] = expiry
        return token

    def revoke_tokens(self) -> None:
        """Invalidate every access token issued so far."""
        with self._lock:
            self._token_expiries.clear()

    def check_v1_login(self, request: Request) -> None:
        """Raise a 401 unless the request has a valid access token; as version 1 names headers."""
        name = _CLIENT_HEADER
        if _V1_CLIENT_HEADER in request.headers:
            name = _V1_CLIENT_HEADER
        self.check_login(request, name)

    def check_login(self, request: Request, client_header: str = _CLIENT_HEADER) -> None:
        """Raise a 401 unless the request has a valid access token of this client."""
        authorization = request.headers.get("Authorization", "")
        scheme, _, token = authorization.partition(" ")
        expiry = self._token_expiries.get(token, 0.0)
        has_expired = expiry <= self._settings.monotonic()
        if scheme != "Bearer" or has_expired:
            raise unauthorized("The access token is invalid or has expired")
        client_id = request.headers.get(client_header)
        if client_id != self._client.client_id:
            raise unauthorized("Client id does not match the access token")

    def check_access(self, request: Request) -> Advertiser:
        """Return the advertiser that a request is for, if its client has access to it."""
        self.check_login(request)
        scope = request.headers.get("Amazon-Advertising-API-Scope", "")
        if not scope:
            raise bad_request("Scope header is missing")
        advertiser = None
        if scope.isdigit():
            advertiser = self._advertisers.get(int(scope))
        if advertiser is None:
            raise unauthorized(f"Not authorized to access scope {scope}")
        if advertiser.profile_id in self._settings.unregistered:
            raise ApiErrorResponse(
                403, "FORBIDDEN", "Advertiser is not authorized for Sponsored Display."
            )
        return advertiser

    def check_rate(
        self,
        operation: str,
        advertiser: Advertiser,
        list_building: Callable[[Advertiser], Sized] | None = None,
    ) -> None:
        """Raise a 429 above the rate limit or, for creates, above the queue limit.

        Parameters
        ----------
        operation : str
        advertiser : Advertiser
        list_building : callable, optional
            Returns the reports in flight; passed for creates only.
        """
        now = self._settings.monotonic()
        rate_limit = self._settings.rate_limit
        with self._lock:
            key = (operation, advertiser.profile_id)
            calls = self._recent_calls.setdefault(key, deque())
            while calls and calls[0] <= now - _RATE_WINDOW:
                calls.popleft()
            is_too_fast = rate_limit is not None and len(calls) >= rate_limit
            if is_too_fast or self._is_queue_full(advertiser, list_building):
                raise self._too_many_requests()
            calls.append(now)

    def _is_queue_full(
        self, advertiser: Advertiser, list_building: Callable[[Advertiser], Sized] | None
    ) -> bool:
        queue_limit = self._settings.queue_limit
        if queue_limit is None or list_building is None:
            return False
        return len(list_building(advertiser)) >= queue_limit

    def _too_many_requests(self) -> ApiErrorResponse:
        headers = {}
        if self._settings.retry_after is not None:
            headers["Retry-After"] = str(self._settings.retry_after)
        return ApiErrorResponse(429, "THROTTLED", "Too Many Requests", **headers)


def _login_error(status: int, error: str, description: str | None = None) -> Response:
    """Return an error response in the format of Login with Amazon."""
    document = {"error": error}
    if description is not None:
        document["error_description"] = description
    return json_response(document, status)
