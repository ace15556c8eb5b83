"""Read stored days as a frame, without the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.errors import DataWarning, InvalidRequest
from sdanalytics.model.campaign_list import CampaignList
from sdanalytics.model.metrics import CATALOGUE, DEFAULT_FACTS
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.model.view_attribution import view_attribution_note
from sdanalytics.store.campaign_join import assign_tactics, no_list_message
from sdanalytics.store.concat import tables_to_frame
from sdanalytics.store.fetch_dates import describe_ages
from sdanalytics.store.history_read import PartitionsAsOf, find_versions
from sdanalytics.store.parquet_file import CachedPartition, ColumnNames
from sdanalytics.store.partitions import PartitionStore
from sdanalytics.store.refused_metrics import find_missing_days, refusal_message
from sdanalytics.store.row_notes import inspect_rows
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


def read_cached(
    store: Store,
    query: ReportQuery,
    key: ProfileKey,
    *,
    all_columns: bool,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Build the frame of `ReportCache.read`.

    Parameters
    ----------
    store : Store
    query : ReportQuery
    key : ProfileKey
    all_columns : bool
        Whether to read all columns that every stored day has, instead of those of the query.
    as_of : datetime.datetime, optional
        The moment at which the days are read; by default now.

    Raises
    ------
    InvalidRequest
        When a stored day lacks a column.
    """
    requested = query.partitions(*key)
    stored = _open_partitions(store, query, key, as_of)
    found = stored.lookup_many(requested)
    cached = list(found.values())
    campaigns = store.metadata.campaign_list(key)
    columns = query.columns
    if all_columns:
        columns = _common_columns(cached, query, campaigns)
    profile = store.metadata.profile(key)
    stored_query = replace(query, metrics=columns)
    _ensure_columns(cached, stored_query.stored_columns)
    missing_days = find_missing_days(cached, stored_query.stored_columns)
    tables = stored.load_days(query, requested, cached, columns)
    if as_of is None:
        store.partitions.maybe_compact(cached)
    missing = len(set(requested).difference(tables))
    messages = [no_list_message(tables, campaigns), assign_tactics(tables, query, campaigns)]
    notes = inspect_rows(tables, stored_query, profile.currency if profile else None)
    for message in [*messages, *notes.messages(), refusal_message((), missing_days)]:
        if message:
            warn_user(message, DataWarning)
    frame = tables_to_frame(tables, columns, campaigns)
    frame.attrs["sdanalytics"] = {
        "record_type": query.record_type,
        "segment": query.segment,
        "source": key.source,
        "profile_id": key.profile_id,
        **_profile_attrs(profile, cached, missing, query.record_type),
        **campaigns.to_attrs(),
        **notes.to_attrs(),
        **view_attribution_note(frame),
        "refused_metrics": list(missing_days),
    }
    return frame


def _open_partitions(
    store: Store, query: ReportQuery, key: ProfileKey, as_of: datetime | None
) -> PartitionStore | PartitionsAsOf:
    """Return the partitions to read: as they are, or as they were at a moment."""
    if as_of is None:
        return store.partitions
    versions = find_versions(store, query, key)
    return PartitionsAsOf(versions, as_of)


def _profile_attrs(
    profile: Profile | None, cached: Sequence[CachedPartition], missing: int, record_type: str
) -> dict[str, Any]:
    """Return the metadata that depends on the profile, which may be unknown."""
    if profile is None:
        return {"currency": None, "slices_missing": missing}
    stored = [(entry.partition.date, entry.fetched_at) for entry in cached]
    ages = describe_ages(stored, profile.zone, record_type)
    return {
        "account_name": profile.account_name,
        "currency": profile.currency,
        "slices_missing": missing,
        **ages,
    }


def _common_columns(
    cached: Sequence[CachedPartition], query: ReportQuery, campaigns: CampaignList
) -> ColumnNames:
    """Return the columns that all partitions have, in the order of a query without `metrics`.

    A metric that the service refused for some of them counts if others have it. Columns of metrics
    that another process registered are left out. All have the default facts of campaigns if
    the store has the profile's list.
    """
    if not cached:
        return query.columns
    stored: dict[str, None] = {}
    for columns in dict.fromkeys(entry.columns for entry in cached):
        stored |= dict.fromkeys(columns)
    common = set(stored).intersection(CATALOGUE)
    for columns, refused in {(entry.columns, entry.refused) for entry in cached}:
        common.intersection_update({*columns, *refused})
    if campaigns.read_at is not None:
        common.update(set(query.columns).intersection(DEFAULT_FACTS))
    ordered = dict.fromkeys(query.columns) | stored
    return tuple(column for column in ordered if column in common)


def _ensure_columns(cached: Iterable[CachedPartition], columns: ColumnNames) -> None:
    """Raise `InvalidRequest` when a partition lacks columns that the service did not refuse.

    A metric that it refused for some partitions must be stored for others.
    """
    stored: set[str] = set().union(*(entry.columns for entry in cached))
    for entry in cached:
        if entry.has_columns(columns):
            continue
        known = stored.intersection({*entry.columns, *entry.refused})
        missing = [column for column in columns if column not in known]
        if not missing:
            continue
        names = ", ".join(missing)
        raise InvalidRequest(
            f"{entry.partition} is stored without {names}; "
            "fetch_report with these metrics adds them"
        )
