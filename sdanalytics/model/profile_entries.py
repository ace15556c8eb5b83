"""The entry of each profile in the metadata of a frame, and what is right for all of them.

A frame of several profiles has ``profiles`` in its metadata: by profile id, as text, what a frame
of that profile alone has. The entries beside it are right for all profiles: a day may still be
restated as soon as it may be in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

PROFILES: Final = "profiles"
"""The name of these entries in the metadata."""
PROFILE_ID_COLUMN: Final = "profile_id"
PROFILE_COLUMNS: Final = (PROFILE_ID_COLUMN, "accountName", "countryCode", "currency")
"""The columns in front of a frame of several profiles."""
FETCHED_ON: Final = "fetched_on"
"""The entry of a frame's metadata: runs of days that were fetched on one date."""

ProfileEntry = Mapping[str, Any]
"""The metadata of a profile's part of a frame."""

_COMMON: Final = ("profile_id", "account_name", "country", "currency", "timezone")
_EARLIEST: Final = (
    "start",
    "oldest_fetched_at",
    "campaigns_read_at",
    "restatable_from",
    "arriving_from",
    "traffic_restatable_from",
)
_ADDED: Final = ("days_fetched", "days_from_cache", "rows_alike")
_UNITED: Final = ("other_currencies", "refused_metrics")


def combine_entries(entries: Iterable[ProfileEntry]) -> dict[str, Any]:
    """Return what is right for all profiles that have rows; of a single one its own entry.

    What they do not share, such as the currency, is None.
    """
    with_rows = [entry for entry in entries if "start" in entry]
    if len(with_rows) == 1:
        return dict(with_rows[0])
    combined: dict[str, Any] = {}
    for name in _COMMON:
        values = set(_known_values(with_rows, name))
        combined[name] = values.pop() if len(values) == 1 else None
    for name in _EARLIEST:
        values_by_time = _known_values(with_rows, name)
        combined[name] = min(values_by_time, default=None)
    combined["end"] = max(_known_values(with_rows, "end"), default=None)
    for name in _ADDED:
        counts = _known_values(with_rows, name)
        combined[name] = sum(counts)
    for name in _UNITED:
        names: set[str] = set()
        names.update(*_known_values(with_rows, name))
        combined[name] = sorted(names)
    return combined


def sort_by_profile(values: Mapping[str, T]) -> dict[str, T]:
    """Return values by profile id in the order of these numbers."""
    ordered = {}
    for profile_id in sorted(values, key=int):
        ordered[profile_id] = values[profile_id]
    return ordered


def _known_values(entries: Iterable[ProfileEntry], name: str) -> list[Any]:
    """Return the values of the profiles that have one."""
    values = [entry.get(name) for entry in entries]
    return [value for value in values if value is not None]
