"""Credentials, and the tokens that Login with Amazon (LwA) gives for them."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import InMemoryLimiterState
from sdanalytics.api.error_mapping import to_exception
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.transport import Response, Transport, send_with_retry, timeout_error
from sdanalytics.errors import ApiError, NotConfigured, Unauthorized

logger = logging.getLogger("sdanalytics")

TRY_WITHOUT_ACCOUNT: Final = (
    "To try without an account: `python -m sdanalytics demo`, or "
    "`with sdanalytics.sandbox.start() as sandbox:` and client=sandbox.client"
)
_RENEW_BEFORE: Final = 120.0
"""Seconds before a token expires from which on a new one is fetched."""
_USUAL_LIFE: Final = 3600.0
_LOOK_AGAIN: Final = 0.2
"""Seconds after which one who waits for another's token looks whether that call still lives."""


@dataclass(frozen=True)
class Credentials:
    """Who asks: a Login with Amazon client and its right to an account.

    Parameters
    ----------
    client_id : str
    client_secret, refresh_token : str, optional
        What access tokens are fetched with.
    access_token : str, optional
        A ready-made token instead of these two; it cannot be renewed.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("client_id", "client_secret", "refresh_token", "access_token"):
            object.__setattr__(self, name, _printable(name, getattr(self, name)))
        if not self.client_id:
            raise NotConfigured(f"client_id is empty. {TRY_WITHOUT_ACCOUNT}")
        if not self.access_token and not (self.client_secret and self.refresh_token):
            raise NotConfigured(
                "credentials need a client_secret and a refresh_token, or an access_token. "
                + TRY_WITHOUT_ACCOUNT
            )

    @classmethod
    def from_env(
        cls, environment: Mapping[str, str] = os.environ, *also_needed: str
    ) -> Credentials:
        """Credentials from ``SDANALYTICS_CLIENT_ID``, ``_CLIENT_SECRET``, ``_REFRESH_TOKEN``.

        ``SDANALYTICS_ACCESS_TOKEN`` may stand instead of the last two.

        Raises
        ------
        NotConfigured
            Naming the variables that are missing, those of `also_needed` among them.
        """
        access_token = environment.get("SDANALYTICS_ACCESS_TOKEN")
        needed = ["CLIENT_ID"] if access_token else ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"]
        _require(environment, *needed, *also_needed)
        return cls(
            client_id=environment["SDANALYTICS_CLIENT_ID"],
            client_secret=environment.get("SDANALYTICS_CLIENT_SECRET"),
            refresh_token=environment.get("SDANALYTICS_REFRESH_TOKEN"),
            access_token=access_token,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "credentials are secrets and cannot be pickled: make them where they are used, "
            "with Credentials.from_env()"
        )

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """What must not be seen anywhere."""
        return (self.client_secret, self.refresh_token, self.access_token)


def _printable(name: str, value: str | None) -> str | None:
    """A credential as it can stand in a header: white space around it is no part of it."""
    if value is None:
        return None
    value = value.strip()
    if not (value.isascii() and value.isprintable()):
        raise NotConfigured(f"{name} holds characters that no {name} has: copy it again, whole")
    return value


def _require(environment: Mapping[str, str], *names: str) -> None:
    """Raise `NotConfigured` naming each of ``SDANALYTICS_<name>`` that is not set."""
    variables = [f"SDANALYTICS_{name}" for name in names]
    missing = [variable for variable in variables if not environment.get(variable)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise NotConfigured(
            f"{', '.join(missing)} {verb} not set: set the environment variables, or pass a "
            f"Client. {TRY_WITHOUT_ACCOUNT}"
        )


class TokenProvider:
    """The current access token, fetched once for all threads and renewed before it expires."""

    def __init__(
        self, credentials: Credentials, url: str, transport: Transport, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._url = url
        self._transport = transport
        self._clock = clock
        self._pace = RateLimiter(clock, InMemoryLimiterState(), None)
        self._free = threading.Condition()
        self._process = os.getpid()
        self._fetcher: Deadline | None = None
        self._token = credentials.access_token
        self._good_until = float("inf") if credentials.access_token else float("-inf")

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """What must not be seen anywhere."""
        return (*self._credentials.secrets, self._token)

    def token(self, deadline: Deadline) -> str:
        """A token that is good for a while yet."""
        with self._turn(deadline):
            if self._token is None or self._clock.monotonic() >= self._good_until:
                self._fetch(deadline)
            assert self._token is not None
            return self._token

    def renewed(self, refused: str, deadline: Deadline) -> str | None:
        """A token other than `refused`; None when there is no way to get one."""
        with self._turn(deadline):
            if self._token == refused:
                if not self._credentials.refresh_token:
                    return None
                self._fetch(deadline)
            return self._token

    @contextlib.contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        """One at a time; but nobody waits for a call that has ended and hangs on."""
        if self._process != os.getpid():  # forked: whoever had a turn is in another process
            self._free, self._fetcher, self._process = threading.Condition(), None, os.getpid()
        with self._free:
            while self._fetcher is not None and self._fetcher.remaining > 0:
                if deadline.remaining <= 0:
                    raise timeout_error(deadline)
                self._free.wait(_LOOK_AGAIN)
            self._fetcher = mine = deadline.child()
        try:
            yield
        finally:
            with self._free:
                if self._fetcher is mine:
                    self._fetcher = None
                self._free.notify_all()

    def _fetch(self, deadline: Deadline) -> None:
        answer = send_with_retry(
            lambda: self._ask(deadline), "token", deadline=deadline, pace=self._pace
        )
        document = answer.json()
        token = document.get("access_token") if isinstance(document, dict) else None
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise self._refusal(answer)
        life = document.get("expires_in")
        life = float(life) if isinstance(life, int | float) else _USUAL_LIFE
        self._token = token
        self._good_until = self._clock.monotonic() + max(life - _RENEW_BEFORE, life / 2)
        logger.debug("new access token, good for %.0f s", life)

    def _ask(self, deadline: Deadline) -> Response:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "refresh_token": self._credentials.refresh_token,
        }
        return self._transport.api("POST", self._url, deadline, data=form)

    def _refusal(self, answer: Response) -> ApiError:
        advice = (
            "Check SDANALYTICS_CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN (or what was passed "
            "to Credentials), and that they belong to this region"
        )
        kind = Unauthorized if 400 <= answer.status < 404 else None
        return to_exception(answer, "token", self._credentials.secrets, kind=kind, advice=advice)
