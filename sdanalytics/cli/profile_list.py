"""The profiles of a login, as the store remembers them: a run with nothing to fetch sends nothing.

They are in the file ``profile-lists.json`` beside the in-flight registry of the store.
"""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sdanalytics._core.clock import parse_moment
from sdanalytics.api.client import Client, login_key
from sdanalytics.errors import CacheError, NotConfigured
from sdanalytics.store.backends.disk import LocalStorage

if TYPE_CHECKING:
    from sdanalytics import ReportCache

MAX_LIST_AGE: Final = timedelta(hours=20)
"""Age from which on the service is asked again: by every run of a daily schedule."""
_FILENAME: Final = "profile-lists.json"

AccountTypes = dict[int, str]
"""The account type of each profile, such as ``vendor``, by its id."""


def load_profile_list(client: Client, cache: ReportCache) -> AccountTypes:
    """Return all profiles of a login: as of the last hours, or from the service.

    Raises
    ------
    NotConfigured
        When there are none.
    ApiError
        As `Client.profiles`.
    """
    storage = LocalStorage(cache.storage.state_dir)
    key = login_key(client)
    now = client.clock.now()
    lists = _read_lists(storage)
    profiles = _parse_list(lists.get(key), now)
    if profiles is None:
        profiles = _request_list(client)
        values = {str(profile_id): kind for profile_id, kind in profiles.items()}
        lists[key] = {"read_at": now.isoformat(), "profiles": values}
        with contextlib.suppress(CacheError), storage.atomic_write(_FILENAME) as file:
            file.write(json.dumps(lists, indent=1).encode())
    return profiles


def _request_list(client: Client) -> AccountTypes:
    frame = client.profiles()
    if frame.empty:
        raise NotConfigured(
            "this login can access no profile in this region: check the region (NA, EU or FE), and "
            "that the account that gave its consent advertises there"
        )
    ids = frame["profileId"].tolist()
    types = frame["accountType"].fillna("").tolist()
    return dict(zip(ids, types, strict=True))


def _read_lists(storage: LocalStorage) -> dict[str, Any]:
    """Return all lists; none where there is no such file, or it is damaged."""
    with contextlib.suppress(OSError, CacheError, ValueError, RecursionError):
        lists = json.loads(storage.read(_FILENAME))
        if isinstance(lists, dict):
            return lists
    return {}


def _parse_list(values: Any, now: datetime) -> AccountTypes | None:
    """Return a list that is new enough; None for any other, and for what is none."""
    try:
        read_at = parse_moment(values["read_at"])
        profiles = {int(profile_id): str(kind) for profile_id, kind in values["profiles"].items()}
        is_new = read_at <= now < read_at + MAX_LIST_AGE
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return profiles if is_new and profiles else None
