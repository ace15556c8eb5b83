"""Credentials, and the access tokens that Login with Amazon (LwA) issues for them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics.api.token_endpoint import TokenEndpoint
from sdanalytics.api.transport import Transport, timeout_error
from sdanalytics.errors import NotConfigured

logger = logging.getLogger("sdanalytics")

TRY_WITHOUT_ACCOUNT: Final = (
    "To try without an account: `python -m sdanalytics demo`, or "
    "`with sdanalytics.sandbox.start() as sandbox:` and client=sandbox.client"
)
EXPIRY_MARGIN: Final = 120.0
"""Seconds before its expiry from which on a token is replaced."""
TOKEN_RECHECK_INTERVAL: Final = 0.2
"""Seconds after which a waiting thread checks whether the one that fetches a token is alive."""
_LOGIN_ADVICE: Final = (
    "Check SDANALYTICS_CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN (or the values passed to "
    "Credentials), and that they belong to this region"
)
_QUOTES: Final = ("'", '"', "`")
_ENCODED_BAR: Final = re.compile("Atz[ar]%7C", re.IGNORECASE)
"""The beginning of a token whose ``|`` is URL-encoded."""
_CREDENTIAL_NAMES: Final = ("client_id", "client_secret", "refresh_token", "access_token")


@dataclass(frozen=True)
class Credentials:
    """The credentials of a Login with Amazon application for an account.

    Parameters
    ----------
    client_id : str
    client_secret, refresh_token : str, optional
        With these, access tokens are fetched.
    access_token : str, optional
        A ready-made token instead of these two; it cannot be renewed.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in _CREDENTIAL_NAMES:
            value = validate_credential(name, getattr(self, name))
            object.__setattr__(self, name, value)
        if not self.client_id:
            raise NotConfigured(f"client_id must not be empty. {TRY_WITHOUT_ACCOUNT}")
        if not self.access_token and not (self.client_secret and self.refresh_token):
            raise NotConfigured(
                "credentials must have a client_secret and a refresh_token, or an access_token. "
                + TRY_WITHOUT_ACCOUNT
            )

    @classmethod
    @hide_frames
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Credentials:
        """Read credentials from environment variables.

        ``SDANALYTICS_CLIENT_ID``, ``_CLIENT_SECRET`` and ``_REFRESH_TOKEN`` are needed, or
        ``_CLIENT_ID`` and ``_ACCESS_TOKEN``.

        Parameters
        ----------
        environment : mapping of str to str, optional

        Raises
        ------
        NotConfigured
            Naming the variables that are missing.
        """
        access_token = environment.get("SDANALYTICS_ACCESS_TOKEN")
        required = ["CLIENT_ID"]
        if not access_token:
            required += ["CLIENT_SECRET", "REFRESH_TOKEN"]
        _require_env(environment, *required)
        return cls(
            client_id=environment["SDANALYTICS_CLIENT_ID"],
            client_secret=environment.get("SDANALYTICS_CLIENT_SECRET"),
            refresh_token=environment.get("SDANALYTICS_REFRESH_TOKEN"),
            access_token=access_token,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "credentials are secrets and cannot be pickled: create them where they are used, "
            "with Credentials.from_env()"
        )

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """The secret values, which are redacted in all texts."""
        return (self.client_secret, self.refresh_token, self.access_token)


Credentials.__init__ = hide_frames(Credentials.__init__)  # type: ignore[method-assign]


class TokenProvider:
    """The current access token of a login: fetched once for all threads, and replaced in time.

    Parameters
    ----------
    credentials : Credentials
    url : str
        Login with Amazon.
    clock : Clock
    """

    def __init__(self, credentials: Credentials, url: str, clock: Clock) -> None:
        self._credentials = credentials
        self._endpoint = TokenEndpoint(url, clock)
        self._clock = clock
        self._condition = threading.Condition()
        self._process_id = os.getpid()
        self._owner: Deadline | None = None
        self._token = credentials.access_token
        self._expires_at = float("inf") if credentials.access_token else float("-inf")

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """The secret values, which are redacted in all texts."""
        return (*self._credentials.secrets, self._token)

    @property
    def has_expired(self) -> bool:
        """Whether there was a token, and it is to be replaced."""
        return self._token is not None and self._clock.monotonic() >= self._expires_at

    def token(self, transport: Transport, deadline: Deadline) -> str:
        """Return a token that is still valid for a while."""
        with self._exclusive(deadline):
            if self._token is None or self.has_expired:
                self._token = self._fetch_token(transport, deadline)
            return self._token

    def refresh(self, transport: Transport, deadline: Deadline, *, after: str) -> str | None:
        """Return a token other than `after`, which was refused; None if it cannot be renewed."""
        with self._exclusive(deadline):
            if self._token == after:
                if not self._credentials.refresh_token:
                    return None
                self._token = self._fetch_token(transport, deadline)
            return self._token

    @contextlib.contextmanager
    def _exclusive(self, deadline: Deadline) -> Iterator[None]:
        """Let one thread at a time use the token.

        A plain lock is not enough: a thread that hangs after its call has ended must not block the
        others. Waiting threads therefore check whether the owner's deadline has passed.
        """
        if self._process_id != os.getpid():
            # Forked: the thread that owned the token is in the other process.
            self._condition = threading.Condition()
            self._owner = None
            self._process_id = os.getpid()
        own = deadline.child()
        with self._condition:
            while self._owner is not None and self._owner.remaining > 0:
                if deadline.remaining <= 0:
                    raise timeout_error(deadline)
                self._condition.wait(TOKEN_RECHECK_INTERVAL)
            self._owner = own
        try:
            yield
        finally:
            with self._condition:
                if self._owner is own:
                    self._owner = None
                self._condition.notify_all()

    def _fetch_token(self, transport: Transport, deadline: Deadline) -> str:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "refresh_token": self._credentials.refresh_token,
        }
        secrets = self.secrets
        tokens = self._endpoint.request_tokens(form, transport, deadline, secrets, _LOGIN_ADVICE)
        usable_for = max(tokens.lifetime - EXPIRY_MARGIN, tokens.lifetime / 2)
        self._expires_at = self._clock.monotonic() + usable_for
        logger.debug("new access token, valid for %.0f s", tokens.lifetime)
        return tokens.access_token


def validate_credential(name: str, value: str | None) -> str | None:
    """Return a credential as it is sent, without white space around it.

    Raises
    ------
    NotConfigured
        When it cannot be one; the message does not show it.
    """
    if value is None:
        return None
    value = value.strip()
    # The value is a secret, and not shown.
    if not (value.isascii() and value.isprintable()):
        raise NotConfigured(f"{name} must be printable ASCII text: copy it again, completely")
    if value and (value[0] in _QUOTES or value[-1] in _QUOTES):
        raise NotConfigured(
            f"{name} must be without quotes around it: they are part of its value, which some "
            "tools do not strip from .env files. Remove them"
        )
    if _ENCODED_BAR.match(value):
        raise NotConfigured(
            f"{name} must not be URL-encoded: it has %7C in place of the character |, as in an "
            "address. Replace it"
        )
    return value


def _require_env(environment: Mapping[str, str], *names: str) -> None:
    """Raise `NotConfigured` naming each ``SDANALYTICS_<name>`` that is not set."""
    missing = []
    for name in names:
        variable = f"SDANALYTICS_{name}"
        if not environment.get(variable):
            missing.append(variable)
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise NotConfigured(
            f"{', '.join(missing)} {verb} not set: set the environment variables, log in once with "
            f"`sdanalytics login` (Client.from_config()), or pass a Client. {TRY_WITHOUT_ACCOUNT}"
        )
