"""The frame of many profiles: their rows below each other, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.profile_columns import insert_profile_columns
from sdanalytics.model.dtypes import table_to_frame
from sdanalytics.model.profile_entries import PROFILES, combine_entries, sort_by_profile
from sdanalytics.model.profiles import Profile
from sdanalytics.model.view_attribution import view_attribution_note
from sdanalytics.store.concat import concat_partitions

if TYPE_CHECKING:
    import pandas as pd

_SHARED: Final = ("record_type", "segment", "tactics", "source", "api")
"""Metadata that all profiles of a call have alike."""


@dataclass
class ProfileRows:
    """The rows of a profile, and what is known of them.

    Attributes
    ----------
    profile : Profile
    table : pyarrow.Table
    metadata : dict
        As a frame of this profile alone has it.
    missing_days : sequence of datetime.date
    error : SDAnalyticsError or None
        The reason why days are missing.
    """

    profile: Profile
    table: pa.Table
    metadata: dict[str, Any]
    missing_days: Sequence[date]
    error: SDAnalyticsError | None

    def describe(self) -> dict[str, Any]:
        """Return the entry of the profile in the metadata of the frame."""
        entry = describe_profile(self.profile)
        for name, value in self.metadata.items():
            if name not in _SHARED:
                entry[name] = value
        return entry | describe_missing(self.missing_days, self.error)


def describe_profile(profile: Profile) -> dict[str, Any]:
    """Return what is known of a profile without its reports."""
    return {
        "profile_id": profile.profile_id,
        "account_name": profile.account_name,
        "country": profile.country,
        "currency": profile.currency,
        "timezone": profile.timezone,
    }


def describe_missing(days: Iterable[date], error: SDAnalyticsError | None) -> dict[str, Any]:
    """Return what the entry of a profile says of what could not be fetched."""
    reason = None
    if error is not None:
        reason = f"{type(error).__name__}: {error}"
    return {
        "missing_days": [day.isoformat() for day in days],
        "error": reason,
    }


def build_frame(
    rows: Iterable[ProfileRows], columns: Sequence[str], others: Mapping[str, dict[str, Any]]
) -> pd.DataFrame:
    """Build the frame of many profiles, sorted by profile id, then as that of one.

    Parameters
    ----------
    rows : iterable of ProfileRows
        Their tables are released, so that the data are never in memory twice.
    columns : sequence of str
        Those of a frame of one profile after `date` and `tactic`.
    others : mapping of str to dict
        The entries of profiles that have no rows, by profile id.

    Returns
    -------
    pandas.DataFrame
        With `PROFILE_COLUMNS` in front: `profile_id` (Int64), `accountName` (str), `countryCode`
        and `currency` (category); where a row names its currency, that one.
    """
    entries = dict(others)
    parts = {}
    for part in rows:
        profile_id = part.profile.profile_id
        entries[profile_id] = part.describe()
        parts[profile_id] = part
    ordered = list(sort_by_profile(parts).values())
    profiles = [part.profile for part in ordered]
    counts = [part.table.num_rows for part in ordered]
    frame = table_to_frame(_release(ordered, columns))
    insert_profile_columns(frame, profiles, counts)
    shared = {}
    if ordered:
        metadata = ordered[0].metadata
        shared = {name: metadata[name] for name in _SHARED}
    frame.attrs["sdanalytics"] = {
        **shared,
        **combine_entries(entries.values()),
        **view_attribution_note(frame),
        PROFILES: sort_by_profile(entries),
    }
    return frame


def _release(parts: Iterable[ProfileRows], columns: Sequence[str]) -> pa.Table:
    """Return all rows as one table, and leave the only reference to them to the caller."""
    no_rows = concat_partitions({}, columns)
    tables = [no_rows]
    for part in parts:
        # Facts that were joined are dictionaries, but text where there was nothing to join.
        table = part.table.cast(no_rows.schema)
        tables.append(table)
        part.table = None
    return pa.concat_tables(tables)
