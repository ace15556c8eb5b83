"""The file of a profile: its currency and time zone, so that stored days need no network."""

from __future__ import annotations

import json

from sdanalytics.model.profile import Profile
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.layout import InvalidFile


def read_profile(storage: Storage, place: str) -> Profile:
    """The facts of a profile that are kept in a file.

    Raises
    ------
    Unusable
        When they are no such facts.
    FileNotFoundError
        When it is not there.
    CacheError
        When it cannot be read.
    """
    try:
        return Profile.from_json(json.loads(storage.read(place)))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidFile(f"no facts of a profile: {error}") from None
