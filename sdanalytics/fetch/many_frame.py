"""The frame of many profiles: their rows below each other, and the facts of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics.errors import SDAnalyticsError
from sdanalytics.model.dtypes import table_to_frame
from sdanalytics.model.profile_facts import PROFILE_COLUMNS, PROFILES, combine_facts
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
    table : pyarrow.Table or None
        None once it is part of the frame.
    metadata : dict
        As a frame of this profile alone has it.
    missing_days : list of datetime.date
    error : SDAnalyticsError or None
        The reason why days are missing.
    """

    profile: Profile
    table: pa.Table | None
    metadata: dict[str, Any]
    missing_days: Sequence[date] = ()
    error: SDAnalyticsError | None = None

    def facts(self) -> dict[str, Any]:
        """Return the facts of the profile for the metadata of the frame."""
        own = {name: value for name, value in self.metadata.items() if name not in _SHARED}
        missing = _describe_missing(self.missing_days, self.error)
        return describe_profile(self.profile) | own | missing


def describe_failure(
    profile_id: str, profile: Profile | None, days: Iterable[date], error: SDAnalyticsError
) -> dict[str, Any]:
    """Return the facts of a profile of which nothing has arrived; it may not be known."""
    known: dict[str, Any] = {"profile_id": profile_id}
    if profile is not None:
        known = describe_profile(profile)
    return known | _describe_missing(days, error)


def describe_profile(profile: Profile) -> dict[str, Any]:
    """Return the facts of a profile that do not depend on its reports."""
    return {
        "profile_id": profile.profile_id,
        "name": profile.account_name,
        "country": profile.country,
        "currency": profile.currency,
        "timezone": profile.timezone,
    }


def _describe_missing(days: Iterable[date], error: SDAnalyticsError | None) -> dict[str, Any]:
    reason = None if error is None else f"{type(error).__name__}: {error}"
    return {"missing_days": [day.isoformat() for day in days], "error": reason}


def build_frame(
    rows: Iterable[ProfileRows], columns: Sequence[str], others: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Build the frame of many profiles, sorted by profile id, then as that of one.

    Parameters
    ----------
    rows : iterable of ProfileRows
        Their tables are released, so that the data are never in memory twice.
    columns : sequence of str
        Those of a frame of one profile after `date` and `tactic`.
    others : mapping of str to mapping
        The facts of profiles that have no rows, by profile id.

    Returns
    -------
    pandas.DataFrame
        With `PROFILE_COLUMNS` in front: `profile_id` (Int64), `accountName` (str), `countryCode`
        and `currency` (category); where a row names its currency, that one.
    """
    ordered = sorted(rows, key=lambda part: int(part.profile.profile_id))
    facts = dict(others) | {part.profile.profile_id: part.facts() for part in ordered}
    tables = [part.table for part in ordered if part.table is not None]
    counts = [table.num_rows for table in tables]
    del tables
    frame = table_to_frame(_release(ordered, columns))
    _insert_profile_columns(frame, [part.profile for part in ordered], counts)
    shared: dict[str, Any] = {}
    for part in ordered[:1]:
        shared = {name: part.metadata[name] for name in _SHARED}
    frame.attrs["sdanalytics"] = {
        **shared,
        **combine_facts(facts.values()),
        **view_attribution_note(frame),
        PROFILES: dict(sorted(facts.items(), key=_profile_number)),
    }
    return frame


def _profile_number(item: tuple[str, object]) -> int:
    profile_id, _ = item
    return int(profile_id)


def _release(parts: Iterable[ProfileRows], columns: Sequence[str]) -> pa.Table:
    """Return all rows as one table, and leave the only reference to them to the caller."""
    tables = [concat_partitions({}, columns)]
    schema = tables[0].schema
    for part in parts:
        if part.table is not None:
            # Facts that were joined from the list of campaigns are dictionaries, others text.
            tables.append(part.table.cast(schema))
        part.table = None
    return pa.concat_tables(tables)


def _insert_profile_columns(
    frame: pd.DataFrame, profiles: Sequence[Profile], counts: Sequence[int]
) -> None:
    """Insert the columns that tell profiles apart in front of a frame."""
    import pandas as pd

    numbers = np.repeat(np.arange(len(profiles)), counts)
    ids = np.array([int(profile.profile_id) for profile in profiles], dtype="int64")
    names = pd.array([profile.account_name for profile in profiles], dtype="str")
    countries = [profile.country for profile in profiles]
    columns = {
        "profile_id": pd.array(ids[numbers], dtype="Int64"),
        "accountName": names.take(numbers),
        "countryCode": _categorize(countries, numbers),
        "currency": _find_currencies(frame, [profile.currency for profile in profiles], numbers),
    }
    for position, name in enumerate(PROFILE_COLUMNS):
        frame.insert(position, name, columns[name])


def _find_currencies(frame: pd.DataFrame, currencies: Sequence[str], numbers: Any) -> Any:
    """Return the currency of each row: its own, or that of its profile."""
    own = _categorize(currencies, numbers)
    if "currency" not in frame:
        return own
    import pandas as pd

    reported = frame.pop("currency")
    words = sorted({*reported.cat.categories, *own.categories})
    dtype = pd.CategoricalDtype(pd.Index(words, dtype="str"))
    filled = reported.astype(dtype).fillna(pd.Series(own.astype(dtype)))
    return filled.array


def _categorize(texts: Sequence[str], numbers: Any) -> Any:
    """Return the text of each row as categories; the empty text is missing."""
    import pandas as pd

    known = sorted({text for text in texts if text})
    codes = np.array([known.index(text) if text else -1 for text in texts], dtype="int64")
    dtype = pd.CategoricalDtype(pd.Index(known, dtype="str"))
    return pd.Categorical.from_codes(codes[numbers], dtype=dtype)
