"""The arguments of a call, validated in one place: the query, and the options of the fetch."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, get_args

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.scheduler import CallLimits
from sdanalytics._core.suggest import validate_choice
from sdanalytics.api.client import Client, default_client
from sdanalytics.api.own_profile import ensure_profile
from sdanalytics.errors import InvalidRequest
from sdanalytics.fetch.profile_choice import ProfileChoice, ProfilesLike
from sdanalytics.fetch.profile_loading import load_profile
from sdanalytics.fetch.protocols import count_history_days, default_timeout
from sdanalytics.fetch.refresh_policies import advise_more_history
from sdanalytics.model.last_days import ensure_within_history, list_last_days, validate_last_days
from sdanalytics.model.literals import RecordType, Refresh, Segment, Tactic
from sdanalytics.model.query import DateLike, ReportQuery, latest_local_date
from sdanalytics.store.cache import CacheLike, internal_store, open_cache, validate_cache

MAX_CONCURRENT_REQUESTS: Final = 8
"""Requests that a fetch of one profile sends at the same time, at most."""
_OWN_LIMITS: Final = CallLimits(MAX_CONCURRENT_REQUESTS)
_ANY_DAY: Final = date(2026, 1, 1)
"""A day to validate arguments with, while it is not known which day it is where the profile is."""
_REFRESH: Final = get_args(Refresh)
_REFRESH_SYNONYMS: Final = {"true": "always", "false": "never", "none": "auto"}


@dataclass(frozen=True)
class ReportArguments:
    """The report that a user requests, before it is validated; fields as in `fetch_report`."""

    record_type: RecordType
    start: DateLike | None
    end: DateLike | None
    days: int | None
    metrics: Sequence[str] | None
    tactic: Tactic | Sequence[Tactic] | None
    segment: Segment | None

    def parse(self, today: date, client: Client | None = None) -> ReportQuery:
        """Return the query, for a call where the profile has a date `today`.

        Without a client its metrics may be those of any version.
        """
        api = None
        if client is not None:
            api = client.api
        days = validate_last_days(self.days, self.start, self.end)
        start, end = self.start, self.end
        if days is not None:
            start, end = list_last_days(days, today)
            if client is not None:
                history_days = count_history_days(client, self.record_type)
                advice = advise_more_history(client, self.record_type)
                ensure_within_history(days, history_days, self.record_type, advice)
        assert start is not None
        return ReportQuery.parse(
            self.record_type,
            start,
            end,
            metrics=self.metrics,
            tactic=self.tactic,
            segment=self.segment,
            api=api,
        )


@dataclass(frozen=True)
class FetchOptions:
    """How a report is fetched: validated, with all defaults filled in.

    Attributes
    ----------
    client : Client
    cache : ReportCache, path, False or None
    refresh : {"auto", "never", "always"}
    deadline : Deadline
        That of the whole call.
    progress : bool or None
        Whether a bar is shown: always, never, or (None) after a second in a terminal or notebook.
    limits : CallLimits
        On the requests at the same time.
    profiles : ProfileChoice or None
        Those to fetch; None: the client's.
    last_days : int or None
        With `profiles`: so many whole days up to yesterday, where each profile is, instead of the
        query's.
    """

    client: Client
    cache: CacheLike
    refresh: Refresh
    deadline: Deadline
    progress: bool | None
    limits: CallLimits = _OWN_LIMITS
    profiles: ProfileChoice | None = None
    last_days: int | None = None

    @property
    def subject(self) -> str:
        """The profile that is fetched, or how many are, as text."""
        if self.profiles is not None:
            return str(self.profiles)
        return f"profile {self.client.profile_id}"


@hide_frames
def validate_call(
    arguments: ReportArguments,
    *,
    client: Client | None,
    cache: CacheLike,
    refresh: Refresh,
    timeout: float | None = None,
    progress: bool | None = False,
    profiles: ProfilesLike | None = None,
) -> tuple[ReportQuery, FetchOptions]:
    """Return the query and the options of a call.

    All arguments are validated before a client is created, and before any network request. The
    profile is requested if the client has none, or if last days are asked for and the cache does
    not know it; with `profiles` nothing is requested.

    Raises
    ------
    InvalidRequest, NotConfigured
    ApiError, ReportTimeout
        When the profile cannot be requested.
    """
    arguments.parse(_ANY_DAY)
    _validate_options(client, cache, refresh, timeout)
    choice = None
    if profiles is not None:
        choice = ProfileChoice.parse(profiles)
    client = client or default_client()
    latest = latest_local_date(client.clock.now())
    query = arguments.parse(latest, client)
    query.ensure_not_future(latest, "where it is latest", latest - timedelta(1))
    if timeout is None:
        timeout = default_timeout(client)
    deadline = Deadline(client.clock, timeout)
    options = FetchOptions(client, cache, refresh, deadline, progress)
    if choice is not None:
        return query, replace(options, profiles=choice, last_days=arguments.days)
    ensure_profile(client, deadline)
    if arguments.days is not None:
        with open_cache(cache) as opened:
            profile = load_profile(internal_store(opened), client, deadline)
        query = arguments.parse(profile.today(client.clock.now()), client)
    return query, options


def validate_client(client: object) -> None:
    """Raise `InvalidRequest` unless it is a client or None."""
    if not isinstance(client, Client | None):
        raise InvalidRequest(
            f"client must be a Client or None, got {client!r}; Client.from_env() and "
            "Client.from_config() create one"
        )


def validate_timeout(timeout: object) -> None:
    """Raise `InvalidRequest` unless it is a positive number of seconds."""
    is_number = isinstance(timeout, numbers.Real) and not isinstance(timeout, bool)
    try:
        is_positive = is_number and float(timeout) > 0  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        raise InvalidRequest(
            "timeout must be a number of seconds or None, got one of more than 300 digits"
        ) from None
    if not is_positive:
        raise InvalidRequest(f"timeout must be a positive number of seconds, got {timeout!r}")


def _validate_options(client: object, cache: object, refresh: object, timeout: object) -> None:
    validate_choice("refresh", refresh, _REFRESH, _REFRESH_SYNONYMS)
    validate_client(client)
    validate_cache(cache)
    if timeout is not None:
        validate_timeout(timeout)
