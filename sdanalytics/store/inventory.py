"""Inventory: the profiles and partitions of a store, its coverage, and what is in flight."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sdanalytics.errors import InvalidRequest
from sdanalytics.model import record_types
from sdanalytics.model.frames import frame_from_records
from sdanalytics.model.metrics import UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition, ProfileKey
from sdanalytics.store.claims_table import Claim
from sdanalytics.store.coverage import CoverageFilter, Record, build_coverage
from sdanalytics.store.freshness import FreshnessPolicy
from sdanalytics.store.in_flight import read_all
from sdanalytics.store.layout import (
    REPORTS,
    InvalidFile,
    decode_source,
    is_litter,
    list_hive_values,
    parse_partition_path,
    profile_reports_path,
    record_type_path,
)
from sdanalytics.store.metadata import MetadataStore
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.partitions import PartitionStore

if TYPE_CHECKING:
    import pandas as pd

_PARTITION_DTYPES: Final = {
    "source": "str",
    "profile_id": "str",
    "record_type": "str",
    "segment": "str",
    "tactic": "str",
    "date": "datetime64[s]",
}
ENTRY_DTYPES: Final = {
    **_PARTITION_DTYPES,
    "rows": "Int64",
    "columns": "object",
    "fetched_at": "datetime64[us, UTC]",
    "api": "str",
    "report_id": "str",
    "bytes": "Int64",
    "path": "str",
}
"""The columns of `ReportCache.entries`."""
PENDING_DTYPES: Final = {
    **_PARTITION_DTYPES,
    "columns": "object",
    "report_id": "str",
    "api": "str",
    "asked_at": "datetime64[us, UTC]",
    "is_followed": "bool",
}
"""The columns of `ReportCache.pending`."""


@dataclass(frozen=True)
class Inventory:
    """The contents of a store.

    Attributes
    ----------
    partitions : PartitionStore
    metadata : MetadataStore
    """

    partitions: PartitionStore
    metadata: MetadataStore

    def entries(self) -> pd.DataFrame:
        """Build the frame of `ReportCache.entries`: a row for every stored partition.

        Raises
        ------
        CacheError
            When a folder cannot be listed or a file cannot be opened.
        """
        cached = list(self.partitions.lookup_all())
        cached.sort(key=attrgetter("path"))
        records = [_entry_record(entry) for entry in cached]
        return frame_from_records(records, ENTRY_DTYPES)

    def coverage(self, selection: CoverageFilter, history_days: int, now: datetime) -> pd.DataFrame:
        """Build the frame of `ReportCache.coverage`: a row for every day of every series.

        Raises
        ------
        CacheError
            When a folder cannot be listed or a file cannot be opened.
        """

        def policy_for(key: ProfileKey, record_type: str) -> FreshnessPolicy:
            zone = self.profile_timezone(key)
            days = record_types.history_days(record_type, history_days)
            return FreshnessPolicy(now, zone, days, record_type)

        # Rows of unknown tactic are a by-product of a fetched day: nothing is in flight for them.
        partitions: list[Partition] = []
        for partition in self.partitions.list_partitions():
            if partition.tactic != UNKNOWN_TACTIC:
                partitions.append(partition)
        return build_coverage(selection, partitions, self.partitions.lookup_many, policy_for)

    def pending(self) -> pd.DataFrame:
        """Build the frame of `ReportCache.pending`: a row for every partition in flight.

        Raises
        ------
        CacheError
            When the in-flight registry cannot be read.
        """
        records: list[Record] = []
        for claim in read_all(self.partitions.storage.state_dir):
            if not self._is_stored(claim.partition, claim.report_id):
                records.append(_pending_record(claim))
        return frame_from_records(records, PENDING_DTYPES)

    def resolve_profile(self, source: str | None, profile_id: int | str | None) -> ProfileKey:
        """Return the one profile that a user's parameters match.

        Raises
        ------
        InvalidRequest
            When several profiles match, or none and the parameters do not name one.
        """
        known = list(self._profiles())
        requested_id = None if profile_id is None else str(profile_id)
        matches: list[ProfileKey] = []
        for key in known:
            is_source = source in (None, key.source)
            if is_source and requested_id in (None, key.profile_id):
                matches.append(key)
        if len(matches) > 1:  # object storage still lists the folders of removed partitions
            with_reports = filter(self._has_reports, matches)
            matches = list(islice(with_reports, 2))
        if len(matches) == 1:
            return matches[0]
        if source is not None and requested_id is not None:
            return ProfileKey(source, requested_id)
        if not known:
            raise InvalidRequest(
                f"nothing is stored in {self.partitions.storage.url}: fetch_report fills it, or "
                "name another place with ReportCache(path) or SDANALYTICS_CACHE_DIR"
            )
        raise InvalidRequest(
            "profile_id= and source= must name one profile; "
            f"{self.partitions.storage.url} has {_format_profiles(known)}"
        )

    def list_days(self, key: ProfileKey, record_type: str) -> list[date]:
        """List the days of a report of a profile that have a file, in order."""
        folder = record_type_path(key, record_type)
        days: set[date] = set()
        for path, *_ in self.partitions.storage.walk(folder):
            with contextlib.suppress(InvalidFile):
                partition = parse_partition_path(path)
                if partition.segment is None:
                    days.add(partition.date)
        return sorted(days)

    def _profiles(self) -> Iterator[ProfileKey]:
        """Yield the profiles that have a folder."""
        storage = self.partitions.storage
        sources = list_hive_values(storage, "source", REPORTS)
        for name, folder in sources.items():
            source = decode_source(name)
            for profile_id in list_hive_values(storage, "profile_id", folder):
                yield ProfileKey(source, profile_id)

    def _has_reports(self, key: ProfileKey) -> bool:
        """Return whether there is any file of a profile."""
        folder = profile_reports_path(key)
        files = self.partitions.storage.walk(folder)
        return any(not is_litter(file.key) for file in files)

    def profile_timezone(self, key: ProfileKey) -> ZoneInfo:
        """Return the time zone of a profile; UTC if it is unknown."""
        profile = self.metadata.profile(key)
        return profile.zone if profile else ZoneInfo("UTC")

    def _is_stored(self, partition: Partition, report_id: str | None) -> bool:
        """Return whether a report in flight is stored: its call ended before releasing it."""
        if not report_id:
            return False
        cached = self.partitions.lookup(partition)
        return cached is not None and cached.report_id == report_id


def _format_profiles(keys: Iterable[ProfileKey]) -> str:
    names: list[str] = []
    for source, profile_id in keys:
        names.append(f"source={source!r} profile_id={profile_id!r}")
    return ", ".join(names) or "none"


def _entry_record(cached: CachedPartition) -> Record:
    """Return the values of `ENTRY_DTYPES`."""
    return (
        *cached.partition,
        cached.rows,
        list(cached.columns),
        cached.fetched_at,
        cached.api,
        cached.report_id,
        cached.size,
        cached.path,
    )


def _pending_record(claim: Claim) -> Record:
    """Return the values of `PENDING_DTYPES`."""
    return (
        *claim.partition,
        list(claim.columns),
        claim.report_id,
        claim.api,
        claim.asked_at,
        claim.lease.is_live(),
    )
