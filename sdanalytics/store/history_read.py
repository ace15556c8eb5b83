"""Reads of the history: all versions of days, and days as they were known at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.errors import DataWarning, InvalidRequest
from sdanalytics.model.campaign_list import CampaignList
from sdanalytics.model.dtypes import table_to_frame
from sdanalytics.model.metrics import (
    EVERY_TACTIC,
    TACTICS,
    UNKNOWN_TACTIC,
    available_metrics,
    identity_columns,
    sort_by_catalogue,
)
from sdanalytics.model.partition import Partition, ProfileKey
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.campaign_join import assign_tactics, fill_facts
from sdanalytics.store.concat import concat_partitions, select_or_null
from sdanalytics.store.day_reader import read_query_days
from sdanalytics.store.freshness import age_in_days
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.history_file import VERSION, DayHistory
from sdanalytics.store.parquet_file import (
    CachedByPartition,
    CachedPartition,
    ColumnNames,
    PartitionTables,
    StoredByPartition,
    StoredRows,
    to_catalogue_types,
)
from sdanalytics.store.reader import parallel_map
from sdanalytics.store.store import Store
from sdanalytics.store.unknown_tactic import (
    drop_matching_rows,
    tables_of_tactics,
    unknown_partition,
)

if TYPE_CHECKING:
    import pandas as pd

_FETCHED_AT = "fetched_at"
_AGE = "age"
HistoryByPartition = dict[Partition, DayHistory]
VersionsByPartition = dict[Partition, list[StoredRows]]
"""The versions of partitions, each list by the moment they were fetched."""


def parse_moment_of_read(moment: object) -> datetime:
    """Return a moment that a user passed.

    Raises
    ------
    InvalidRequest
        When it is not a datetime with a time zone.
    """
    import pandas as pd

    parsed = pd.to_datetime(moment, errors="coerce")  # type: ignore[call-overload]
    if not isinstance(parsed, datetime) or pd.isna(parsed):
        raise InvalidRequest(f"as_of must be a moment with a time zone, got {moment!r}")
    if parsed.tzinfo is None:
        raise InvalidRequest(
            f"as_of must have a time zone, got {moment!r}: add one, such as "
            f"pd.Timestamp({str(parsed)!r}, tz='UTC')"
        )
    return parsed.astimezone(UTC)


def find_versions(store: Store, query: ReportQuery, key: ProfileKey) -> VersionsByPartition:
    """Read all versions of a query's partitions, and of their days' rows of unknown tactic."""
    versions: VersionsByPartition = {}
    for partition, history in _read_days(store, query, key).items():
        versions[partition] = sorted(history.split(), key=_moment)
    return versions


def _moment(rows: StoredRows) -> datetime:
    return rows.cached.fetched_at


def _read_days(store: Store, query: ReportQuery, key: ProfileKey) -> HistoryByPartition:
    """Read the history of a query's partitions, and of their days' rows of unknown tactic."""
    partitions = list(query.partitions(*key))
    if query.tactics != (EVERY_TACTIC,):
        # Rows of unknown tactic are compared with all tactics of their day.
        days = list(dict.fromkeys(map(unknown_partition, partitions)))
        for tactic in (*TACTICS, UNKNOWN_TACTIC):
            partitions += [day._replace(tactic=tactic) for day in days]
        partitions = list(dict.fromkeys(partitions))
    archive = HistoryArchive(store.storage)
    with parallel_map(store.storage.max_parallel_reads) as pmap:
        histories = list(pmap(archive.read_day, partitions))
    return {history.partition: history for history in histories if history.versions}


class PartitionsAsOf:
    """The partitions of a query as they were stored at a moment.

    Parameters
    ----------
    versions : dict of Partition to list of StoredRows
    moment : datetime.datetime
        Aware.
    """

    def __init__(self, versions: VersionsByPartition, moment: datetime) -> None:
        self._latest: StoredByPartition = {}
        for partition, of_partition in versions.items():
            rows = _latest(of_partition, moment)
            if rows is not None:
                self._latest[partition] = rows

    def lookup_many(self, partitions: Iterable[Partition]) -> CachedByPartition:
        """Return the metadata of the partitions that were stored."""
        found: CachedByPartition = {}
        for partition, rows in self._select(partitions).items():
            found[partition] = rows.cached
        return found

    def load_days(
        self,
        query: ReportQuery,
        requested: Collection[Partition],
        cached: Iterable[CachedPartition],
        columns: Sequence[str],
    ) -> PartitionTables:
        """Read partitions as `PartitionStore.load_days` does, as they were at the moment."""
        return read_query_days(self, query, requested, columns)

    def load_identity(self, partition: Partition) -> pa.Table | None:
        """Return the rows of a partition that was not asked for."""
        rows = self._latest.get(partition)
        return None if rows is None else rows.table

    def read_unknown(self, days: Collection[Partition]) -> StoredByPartition:
        """Return the rows of unknown tactic of days, with all stored columns."""
        return self._select(days)

    def read_tactics(
        self, partitions: Collection[Partition], *, beside_unknown: bool
    ) -> StoredByPartition:
        """Return the rows of partitions, with all stored columns."""
        return self._select(partitions)

    def _select(self, partitions: Iterable[Partition]) -> StoredByPartition:
        """Return the rows of those partitions that were stored."""
        found: StoredByPartition = {}
        for partition in partitions:
            rows = self._latest.get(partition)
            if rows is not None:
                found[partition] = rows
        return found


def read_history(
    store: Store, query: ReportQuery, key: ProfileKey, *, all_columns: bool
) -> pd.DataFrame:
    """Build the frame of `ReportCache.history`."""
    histories = _read_days(store, query, key)
    identity = identity_columns(query.record_type, query.segment)
    metrics = _list_metrics(histories, identity) if all_columns else query.metrics
    columns = [*identity, *(name for name in metrics if name not in identity)]
    profile = store.metadata.profile(key)
    zone = profile.zone if profile else ZoneInfo("UTC")
    campaigns = store.metadata.campaign_list(key)
    tables: PartitionTables = {}
    for partition, history in histories.items():
        if partition.tactic in (*query.tactics, UNKNOWN_TACTIC):
            counted = _drop_known_rows(history, histories)
            tables[partition] = _combine_versions(counted, columns, identity, zone)
    message = assign_tactics(tables, query, campaigns)
    if message:
        warn_user(message, DataWarning)
    by_moment = [(name, "ascending") for name in (_FETCHED_AT, *identity)]
    for partition, table in tables.items():
        tables[partition] = table.sort_by(by_moment)
    frame = _versions_to_frame(tables, columns, len(identity), campaigns)
    frame.attrs["sdanalytics"] = {
        "record_type": query.record_type,
        "segment": query.segment,
        "source": key.source,
        "profile_id": key.profile_id,
        "currency": profile.currency if profile else None,
        "timezone": profile.timezone if profile else None,
    }
    return frame


def _combine_versions(
    history: DayHistory, columns: Sequence[str], identity: Sequence[str], zone: ZoneInfo
) -> pa.Table:
    """Return the rows of all versions of a partition, each with its moment and age."""
    alike = _group_by_columns(history.versions, columns, identity)
    day = history.partition.date
    moments: list[datetime] = []
    ages: list[int] = []
    for version in history.versions:
        moments.append(version.fetched_at)
        ages.append(age_in_days(day, version.fetched_at, zone) - 1)
    parts: list[pa.Table] = []
    for names, versions in alike.items():
        rows = history.rows
        if len(alike) > 1:
            is_chosen = pc.is_in(rows.column(VERSION), pa.array(versions))
            rows = rows.filter(is_chosen)
        observed = to_catalogue_types(rows.select(names))
        table = select_or_null(observed, columns)
        version = rows.column(VERSION)
        fetched_at = pa.array(moments, pa.timestamp("us", "UTC")).take(version)
        table = table.add_column(len(identity), _FETCHED_AT, fetched_at)
        age = pa.array(ages, pa.int64()).take(version)
        parts.append(table.add_column(len(identity) + 1, _AGE, age))
    return pa.concat_tables(parts)


def _group_by_columns(
    versions: Iterable[CachedPartition], columns: Sequence[str], identity: Collection[str]
) -> dict[tuple[str, ...], list[int]]:
    """Return the positions of the versions whose reports had the same of some columns.

    What the partition's file kept of an older report is not a version of it.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    names_by_report: dict[tuple[object, ...], tuple[str, ...]] = {}
    for position, version in enumerate(versions):
        report = (version.api, version.refused, version.columns)
        if report not in names_by_report:
            day = version.partition
            available = available_metrics(day.record_type, day.segment, version.api)
            observed = {*identity, *available}.difference(version.refused)
            observed.intersection_update(version.columns)
            names_by_report[report] = tuple(name for name in columns if name in observed)
        names = names_by_report[report]
        alike.setdefault(names, []).append(position)
    return alike


def _latest(versions: Iterable[StoredRows], moment: datetime) -> StoredRows | None:
    """Return the last of the versions that were fetched up to a moment."""
    latest: StoredRows | None = None
    for rows in versions:
        if rows.cached.fetched_at <= moment:
            latest = rows
    return latest


def _list_metrics(histories: HistoryByPartition, identity: Collection[str]) -> ColumnNames:
    """Return the metrics that any version has, in the catalogue's order."""
    names: set[str] = set()
    for history in histories.values():
        for version in history.versions:
            names.update(version.columns)
    return sort_by_catalogue(names.difference(identity))


def _drop_known_rows(history: DayHistory, histories: HistoryByPartition) -> DayHistory:
    """Drop the rows of unknown tactic that a tactic had when they were fetched."""
    day = history.partition
    if day.tactic != UNKNOWN_TACTIC:
        return history
    identity = identity_columns(day.record_type, day.segment)
    counted = DayHistory(day)
    for rows in history.split():

        def find(partition: Partition, moment: datetime = rows.cached.fetched_at) -> Any:
            of_tactic = histories.get(partition, DayHistory(partition))
            versions = sorted(of_tactic.split(), key=_moment)
            latest = _latest(versions, moment)
            return None if latest is None else latest.table

        known = tables_of_tactics(day, find)
        table = drop_matching_rows(rows.table, known, identity)
        counted = counted.append(rows._replace(table=table))
    return counted


def _versions_to_frame(
    tables: PartitionTables, columns: Sequence[str], position: int, campaigns: CampaignList
) -> pd.DataFrame:
    """Turn the versions of partitions into a frame, with the moments behind the identity."""
    import pandas as pd

    table = concat_partitions(tables, columns)
    moments: Any = pd.array([], dtype="datetime64[us, UTC]")
    ages: Any = []
    if tables:
        moments = table.column(_FETCHED_AT).to_pandas().array
        ages = table.column(_AGE).to_numpy()
        table = table.drop_columns([_FETCHED_AT, _AGE])
    frame = table_to_frame(fill_facts(table, campaigns))
    after_identity = len(("date", "tactic")) + position
    frame.insert(after_identity, _FETCHED_AT, moments)
    frame.insert(after_identity + 1, _AGE, pd.array(ages, dtype="Int64"))
    return frame
