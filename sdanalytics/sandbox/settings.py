"""How a sandbox behaves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sdanalytics.errors import InvalidRequest


@dataclass(frozen=True)
class Settings:
    """How the sandbox behaves.

    Attributes
    ----------
    delay : float
        Seconds that a report takes to build.
    link_lifetime, v3_link_lifetime : float
        Seconds for which a link to storage is good, of either version.
    token_lifetime : float
        Seconds for which an access token is good.
    history_days, v3_history_days : int
        How many days back there are reports of either version.
    queue_limit : int or None
        How many reports of a profile may be built at a time; above it: 429.
    rate_limit : float or None
        Requests a second that a profile may make of each operation; above it: 429.
    retry_after : int or None
        Seconds that a 429 asks to wait; None: it does not say.
    unregistered : collection of int
        Profiles whose account is not registered for Sponsored Display: 403.
    retired : bool
        Whether version 2 is switched off, as on Amazon's own hosts: 404.
    v3_empty_url : bool
        Whether a version 3 report without rows has no address (null) instead of that of
        an empty list.
    page_size : int
        How many campaigns are listed at a time, whatever `count` asks for.
    unlisted : collection of int
        Campaigns that are in reports, but in no list.
    now : callable
        The moment, as an aware datetime: what today is, and how ripe attribution.
    monotonic : callable
        Seconds, for delays and lifetimes.
    """

    delay: float = 0.2
    link_lifetime: float = 30.0
    v3_link_lifetime: float = 3600.0
    token_lifetime: float = 3600.0
    history_days: int = 60
    v3_history_days: int = 65
    queue_limit: int | None = None
    rate_limit: float | None = None
    retry_after: int | None = 1
    unregistered: Collection[int] = ()
    retired: bool = False
    v3_empty_url: bool = False
    page_size: int = 100
    unlisted: Collection[int] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name in ("delay", "link_lifetime", "v3_link_lifetime", "token_lifetime"):
            _check_number(name, getattr(self, name))
        for name in ("history_days", "v3_history_days"):
            _check_number(name, getattr(self, name))
        for name in ("queue_limit", "rate_limit", "retry_after"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name))
        _check_number("page_size", self.page_size, least=1)


def _check_number(name: str, value: object, least: int = 0) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value < math.inf:  # type: ignore[operator]
        raise InvalidRequest(f"{name}={value!r} is no number from {least} on")
