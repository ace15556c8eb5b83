"""Who may ask, and how often: Login with Amazon, access to profiles, and the pace."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sized

from werkzeug.wrappers import Request, Response

from sdanalytics.api.auth import Credentials
from sdanalytics.sandbox.responses import ApiErrorResponse, as_json, bad_request
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS, Advertiser


class AccessControl:
    """What every operation passes first; it lets one client in."""

    def __init__(self, settings: Settings, client: Credentials) -> None:
        self._settings = settings
        self._client = client
        self._tokens: dict[str, float] = {}
        self._calls: dict[tuple[str, int], deque[float]] = {}
        self._lock = threading.Lock()

    def token(self, request: Request) -> Response:
        """Give an access token for the refresh token."""
        form, own = request.form, self._client
        asking = form.get("client_id"), form.get("client_secret")
        if asking != (own.client_id, own.client_secret):
            return as_json({"error": "invalid_client", "error_description": "Unknown client"}, 401)
        if form.get("grant_type") != "refresh_token":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if form.get("refresh_token") != own.refresh_token:
            description = "The request has an invalid grant parameter : refresh_token"
            return as_json({"error": "invalid_grant", "error_description": description}, 400)
        token = f"Atza|{secrets.token_urlsafe(24)}"
        with self._lock:
            self._tokens[token] = self._settings.monotonic() + self._settings.token_lifetime
        return as_json(
            {
                "access_token": token,
                "refresh_token": own.refresh_token,
                "token_type": "bearer",
                "expires_in": int(self._settings.token_lifetime),
            }
        )

    def revoke_tokens(self) -> None:
        """Make every access token invalid that was given out."""
        with self._lock:
            self._tokens.clear()

    def check_login(self, request: Request) -> None:
        """Refuse who shows no good token of this client."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0.0) <= self._settings.monotonic():
            raise ApiErrorResponse(
                401, "UNAUTHORIZED", "The access token is invalid or has expired"
            )
        if request.headers.get("Amazon-Advertising-API-ClientId") != self._client.client_id:
            raise ApiErrorResponse(401, "UNAUTHORIZED", "Client id does not match the access token")

    def check_access(self, request: Request) -> Advertiser:
        """Whose profile a request is for, if it may be."""
        self.check_login(request)
        scope = request.headers.get("Amazon-Advertising-API-Scope", "")
        if not scope:
            raise bad_request("Scope header is missing")
        advertiser = ADVERTISERS.get(int(scope)) if scope.isdigit() else None
        if advertiser is None:
            raise ApiErrorResponse(401, "UNAUTHORIZED", f"Not authorized to access scope {scope}")
        if advertiser.profile_id in self._settings.unregistered:
            raise ApiErrorResponse(
                403, "FORBIDDEN", "Advertiser is not authorized for Sponsored Display."
            )
        return advertiser

    def check_pace(
        self,
        operation: str,
        advertiser: Advertiser,
        building: Callable[[Advertiser], Sized] | None = None,
    ) -> None:
        """Refuse what comes too fast, and what would be built while as many are as may be."""
        now = self._settings.monotonic()
        rate, queue = self._settings.rate_limit, self._settings.queue_limit
        with self._lock:
            calls = self._calls.setdefault((operation, advertiser.profile_id), deque())
            while calls and calls[0] <= now - 1.0:
                calls.popleft()
            if rate is not None and len(calls) >= rate:
                raise self._too_many()
            if building is not None and queue is not None and len(building(advertiser)) >= queue:
                raise self._too_many()
            calls.append(now)

    def _too_many(self) -> ApiErrorResponse:
        wait = self._settings.retry_after
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return ApiErrorResponse(429, "THROTTLED", "Too Many Requests", **headers)
