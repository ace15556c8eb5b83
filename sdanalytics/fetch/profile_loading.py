"""The profile of a call: from the store, once it has been requested from the service."""

from __future__ import annotations

from sdanalytics._core.deadline import Deadline
from sdanalytics.api.client import Client, profile_key
from sdanalytics.api.own_profile import load_own_profile
from sdanalytics.model.profiles import Profile
from sdanalytics.store.store import Store


def load_profile(store: Store, client: Client, deadline: Deadline) -> Profile:
    """Return the client's profile, and store it if the store does not have it.

    Raises
    ------
    NotConfigured
        When the login cannot access it.
    ApiError, ReportTimeout
        When the profiles cannot be listed.
    CacheError
        When the store cannot be read or written.
    """
    key = profile_key(client)
    profile = store.metadata.profile(key)
    if profile is None:
        profile = load_own_profile(client, deadline)
        store.metadata.store_profile(key.source, profile)
    return profile
