"""The settings of a sandbox."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sdanalytics.errors import InvalidRequest

_NUMBERS: Final = (
    "delay", "link_lifetime", "v3_link_lifetime", "token_lifetime", "history_days",
    "v3_history_days", "v1_link_lifetime", "v1_history_days", "v1_create_gap", "v1_penalty",
)  # fmt: skip
DEFAULT_CAMPAIGNS: Final = 8
DEFAULT_PROFILES: Final = 3
_OPTIONAL_NUMBERS: Final = ("queue_limit", "v1_queue_limit", "rate_limit", "retry_after")


@dataclass(frozen=True)
class Settings:
    """How the sandbox behaves.

    Attributes
    ----------
    delay : float
        Seconds that a report takes to build.
    link_lifetime, v3_link_lifetime, v1_link_lifetime : float
        Seconds for which a link to storage is valid, in versions 2, 3 and 1.
    token_lifetime : float
        Seconds for which an access token is valid.
    history_days, v3_history_days, v1_history_days : int
        How many days back reports are available, in versions 2, 3 and 1; those of invalid traffic
        always 365.
    queue_limit : int or None
        Reports of a profile that may be in flight at a time; above it: 429.
    v1_queue_limit : int or None
        Version 1 reports that may be in flight at a time, of all accounts.
    v1_create_gap : float
        Seconds from one version 1 report to the next, at least.
    v1_penalty : float
        Seconds for which all creates of version 1 are refused after one that came too soon: 429
        without ``Retry-After``.
    v1_part_rows : int
        Rows of each file of a version 1 report.
    v1_no_parts : bool
        Whether a version 1 report without rows has no file instead of one with a header only.
    v1_multi_status : bool
        Whether version 1 tells what is wrong in a 207 instead of with a 400 or 404.
    rate_limit : float or None
        Requests a second that a profile may make of each operation; above it: 429.
    retry_after : int or None
        Seconds in a 429's ``Retry-After``; None: the header is missing.
    unregistered : collection of int
        Profiles of accounts that are not registered for Sponsored Display: 403. Version 1 has
        no access to them: 400026.
    view_only : collection of int
        Profiles that the login may only view: they are listed with ``accessLevel=view`` only,
        although Amazon documents that as the default.
    retired : bool
        Whether version 2 is switched off, as on Amazon's own hosts: 404.
    v3_empty_url : bool
        Whether the ``url`` of a version 3 report without rows is null instead of leading to an
        empty list.
    page_size : int
        Campaigns or accounts per page, at most, whatever the request has.
    unlisted : collection of int
        Campaigns that are in reports, but in no list.
    refused_metrics : collection of str
        Metrics and columns that are refused although they are documented, by their names in frames.
    campaigns : int
        Campaigns of each advertiser besides its launches. Those beyond the usual eight have names
        by convention: ``SD | US | 2026 Q4 | Retargeting | Tent 2P | Views 30d``.
    profiles : int
        How many there are: those beyond the usual three are branches of these, such as
        ``Northwind Outdoor 2``.
    seed : int
        Another number draws other days of the same campaigns: other traffic, other orders.
    now : callable
        The current moment, as an aware datetime: it decides what today is and how far
        attribution has matured.
    monotonic : callable
        Seconds, for delays and lifetimes.
    """

    delay: float = 0.2
    link_lifetime: float = 30.0
    v3_link_lifetime: float = 3600.0
    v1_link_lifetime: float = 3600.0
    token_lifetime: float = 3600.0
    history_days: int = 60
    v3_history_days: int = 65
    v1_history_days: int = 456
    queue_limit: int | None = None
    v1_queue_limit: int | None = 2
    v1_create_gap: float = 60.0
    v1_penalty: float = 180.0
    v1_part_rows: int = 1000
    v1_no_parts: bool = False
    v1_multi_status: bool = False
    rate_limit: float | None = None
    retry_after: int | None = 1
    unregistered: Collection[int] = ()
    view_only: Collection[int] = ()
    retired: bool = False
    v3_empty_url: bool = False
    page_size: int = 100
    unlisted: Collection[int] = ()
    refused_metrics: Collection[str] = ()
    campaigns: int = DEFAULT_CAMPAIGNS
    profiles: int = DEFAULT_PROFILES
    seed: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            _validate_number(name, getattr(self, name))
        for name in _OPTIONAL_NUMBERS:
            value = getattr(self, name)
            if value is not None:
                _validate_number(name, value)
        _validate_number("page_size", self.page_size, minimum=1)
        _validate_integer("v1_part_rows", self.v1_part_rows, minimum=1)
        _validate_integer("campaigns", self.campaigns, minimum=1)
        _validate_integer("profiles", self.profiles, minimum=1)
        _validate_integer("seed", self.seed, minimum=0)


def _validate_number(name: str, value: object, minimum: int = 0) -> None:
    is_valid = False
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_valid = minimum <= value < math.inf
    if not is_valid:
        raise InvalidRequest(f"{name} must be a number of at least {minimum}, got {value!r}")


def _validate_integer(name: str, value: object, minimum: int) -> None:
    is_valid = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
    if not is_valid:
        raise InvalidRequest(f"{name} must be a whole number of at least {minimum}, got {value!r}")
