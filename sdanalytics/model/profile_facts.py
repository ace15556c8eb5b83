"""The facts of each profile of a frame, in its metadata, and those of all of them together.

A frame of several profiles has an entry ``profiles`` in its metadata: by profile id, as text, what
a frame of that profile alone has. The entries beside it are right for all profiles: a day may
still be restated as soon as it may be in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

PROFILES: Final = "profiles"
"""The entry of a frame's metadata."""
PROFILE_ID_COLUMN: Final = "profile_id"
PROFILE_COLUMNS: Final = (PROFILE_ID_COLUMN, "accountName", "countryCode", "currency")
"""The columns in front of a frame of several profiles."""

ProfileFacts = Mapping[str, Any]
"""The metadata of a profile's part of a frame."""

_COMMON: Final = ("profile_id", "country", "currency", "timezone")
_EARLIEST: Final = (
    "start",
    "oldest_fetched_at",
    "campaigns_read_at",
    "restatable_from",
    "arriving_from",
    "traffic_restatable_from",
)
_LATEST: Final = ("end",)
_ADDED: Final = ("days_fetched", "days_from_cache", "rows_alike")
_UNITED: Final = ("other_currencies", "refused_metrics")


def combine_facts(facts: Iterable[ProfileFacts]) -> dict[str, Any]:
    """Return facts that are right for all profiles; of a single profile its own.

    Those that profiles do not share, such as the currency, are None.
    """
    arrived = [values for values in facts if "start" in values]
    if len(arrived) == 1:
        return dict(arrived[0])
    combined: dict[str, Any] = {}
    for name in _COMMON:
        found = set(_list_values(arrived, name))
        combined[name] = found.pop() if len(found) == 1 else None
    for name in _EARLIEST:
        combined[name] = min(_list_values(arrived, name), default=None)
    for name in _LATEST:
        combined[name] = max(_list_values(arrived, name), default=None)
    for name in _ADDED:
        combined[name] = sum(_list_values(arrived, name))
    for name in _UNITED:
        combined[name] = sorted(set().union(*_list_values(arrived, name)))
    return combined


def _list_values(facts: Iterable[ProfileFacts], name: str) -> list[Any]:
    """Return the values of an entry, of the profiles that have one."""
    values = [known.get(name) for known in facts]
    return [value for value in values if value is not None]
