"""A client's own profile, and operations outside of a fetch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics.api.profiles import list_profiles
from sdanalytics.api.session import OPERATION_TIMEOUT, ApiSession
from sdanalytics.api.transport import timeout_error
from sdanalytics.model.profiles import Profile, find_profile

T = TypeVar("T")


class SessionOwner:
    """The part of a `Client` that operations need: its session, and its profile once it is known.

    The session is replaced when a client without a profile gets one.
    """

    _session: ApiSession
    _profile: Profile | None


def operation_deadline(client: SessionOwner) -> Deadline:
    """Return a deadline of one operation outside of a fetch, from now on."""
    return Deadline(client._session.config.clock, OPERATION_TIMEOUT)


def run_operation(client: SessionOwner, operation: Callable[[], T]) -> T:
    """Run an operation of a client, which Ctrl-C and its deadline end even if it hangs."""
    deadline = operation_deadline(client)
    result = run_interruptible(operation, deadline)
    if result is None:
        raise timeout_error(deadline)
    return result


def load_own_profile(client: SessionOwner, deadline: Deadline) -> Profile:
    """Return a client's profile, which is requested once.

    Raises
    ------
    NotConfigured
        When the login cannot access it; without an id, when the login has not just one profile.
    ApiError, ReportTimeout
        When the profiles cannot be listed.
    """
    if client._profile is None:
        session = client._session.bind(deadline)
        documents = run_interruptible(partial(list_profiles, session), deadline)
        if documents is None:
            raise timeout_error(deadline)
        named = client._session.config.profile_id
        profile = find_profile(documents, None if named is None else str(named))
        if named is None:
            client._session = client._session.for_profile(profile.profile_id)
        client._profile = profile
    return client._profile


def ensure_profile(client: SessionOwner, deadline: Deadline) -> None:
    """Let a client without a profile have the only one of its login (see `load_own_profile`)."""
    if client._session.config.profile_id is None:
        load_own_profile(client, deadline)
