"""Compacted months: a year is read from a dozen files instead of hundreds.

::

    <root>/months/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/2026-10.month

Every file costs time, however small it is. So the partitions of a month are copied into one more
file. The partitions' own files stay, and remain authoritative: the metadata of a compacted month
names, for every day, the stamp of the file that it was copied from (inode, length, and time of
change), and the copy is used only while the file with that stamp exists. So a compacted month is
never out of date, even if files are stored or removed meanwhile, and may be deleted at any time. It
is parquet, but has another suffix: a scan of the store for ``*.parquet`` reads every row once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import pyarrow as pa

from sdanalytics.errors import CacheError
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage, read_stamp
from sdanalytics.store.checksum import table_checksum
from sdanalytics.store.layout import (
    CACHE_MISS_ERRORS,
    InvalidFile,
    MonthKey,
    parse_month_path,
    partition_path,
)
from sdanalytics.store.month_file import (
    CompactedDay,
    CompactedDays,
    SourceDay,
    load_days,
    open_month,
    read_days,
    write_month,
)
from sdanalytics.store.parquet_file import (
    CachedByPartition,
    CachedPartition,
    PartitionFiles,
    StoredByPartition,
    matches_checksum,
    read_stored_columns,
    to_catalogue_types,
)

MAX_COMPACTED_ROWS: Final = 10_000
"""Rows of a partition above which it is not compacted: its own file is read as fast."""
MIN_DAYS_TO_COMPACT: Final = 4
"""Days of a month in files of their own from which on the month is compacted (again)."""
MTIME_SETTLE_TIME: Final = 20 * 60 * 10**9
"""Nanoseconds after which the time of change alone identifies a file without an inode.

Object storage reports whole seconds, by a clock of its own, from which S3 allows ours to differ
by a quarter of an hour.
"""
_MISS_ERRORS: Final = (*CACHE_MISS_ERRORS, CacheError)
"""Errors after which the partitions' own files are read instead."""

T = TypeVar("T")

Stamps = Mapping[Partition, FileStamp]
"""The stamps of the files of partitions."""


def group_by_month(items: Iterable[tuple[Partition, T]]) -> dict[MonthKey, dict[Partition, T]]:
    """Group items by the month that their partition belongs to."""
    groups: dict[object, dict[Partition, T]] = {}
    for partition, item in items:
        day = partition.date
        # Stores have many partitions: a `MonthKey` is made for every group, not every partition.
        group_key = (partition[:-1], day.year, day.month)
        groups.setdefault(group_key, {})[partition] = item
    months: dict[MonthKey, dict[Partition, T]] = {}
    for group in groups.values():
        first = next(iter(group))
        months[MonthKey.from_partition(first)] = group
    return months


def is_unique_fingerprint(stamp: FileStamp) -> bool:
    """Return whether a stamp uniquely identifies this version of a file."""
    if stamp.inode > 0:
        return True
    settled = time.time_ns() - MTIME_SETTLE_TIME
    return 0 < stamp.modified < settled


@dataclass(frozen=True)
class CompactedMonths:
    """The compacted months of a store.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def entries(self, month: MonthKey, stamps: Stamps) -> CachedByPartition:
        """Read the metadata of those partitions that still have these file stamps."""
        try:
            stamp = read_stamp(self.storage, month.path)
            if stamp is None:
                return {}
            days = read_days(self.storage, month, stamp)
        except _MISS_ERRORS:
            return {}
        cached: CachedByPartition = {}
        valid = _still_valid(days, stamps)
        for partition, day in valid.items():
            cached[partition] = day.cached
        return cached

    def rows(self, month: MonthKey, stamps: Stamps, columns: Sequence[str]) -> StoredByPartition:
        """Read the rows of those partitions that still have these file stamps.

        Every table has those of the columns that its partition was stored with. Nothing is
        read for fewer than `MIN_DAYS_TO_COMPACT` partitions: the whole month would be read into
        memory for them.
        """
        if len(stamps) < MIN_DAYS_TO_COMPACT:
            return {}
        try:
            with open_month(self.storage, month) as (days, file):
                valid = _still_valid(days, stamps)
                return load_days(file, valid, columns)
        except _MISS_ERRORS:
            return {}

    def write(self, month: MonthKey, stamps: Stamps) -> None:
        """Copy the partitions of a month that have these file stamps into one file.

        Partitions are left out that are large, damaged, too new for their stamps to be
        unique, or that have a column in another type than those before. Nothing is written for
        fewer than `MIN_DAYS_TO_COMPACT` partitions.

        Raises
        ------
        CacheError
            When the file cannot be written.
        """
        days: list[SourceDay] = []

        def are_too_few() -> bool:
            return len(days) < MIN_DAYS_TO_COMPACT

        # Opened first: where nothing can be written, nothing is read in vain.
        with self.storage.atomic_write(month.path, are_too_few) as file:
            days += self._read_sources(stamps)
            write_month(file, month, days)

    def validate(self, path: str) -> None:
        """Raise `InvalidFile` when a file is not a compacted month, or its rows have changed."""
        month = parse_month_path(path)
        with open_month(self.storage, month) as (days, file):
            rows = read_stored_columns(file, file.schema_arrow.names)
            for cached, start in days.values():
                own = rows.slice(start, cached.rows)
                own = own.select(cached.columns)
                if not matches_checksum(own, cached):
                    raise InvalidFile(f"damaged: its rows of {cached.partition} have changed")
                if not self._is_copy(own, cached):
                    raise InvalidFile(f"wrong: its rows of {cached.partition} are not those stored")

    def _is_copy(self, rows: pa.Table, cached: CachedPartition) -> bool:
        """Return whether rows are those of the partition's own file, if that has not changed."""
        partition = cached.partition
        path = partition_path(partition)
        if read_stamp(self.storage, path) != cached.stamp:
            return True  # out of date: it is not read
        try:
            with PartitionFiles(self.storage).open(partition) as (_, file):
                own = to_catalogue_types(read_stored_columns(file, cached.columns))
        except _MISS_ERRORS:
            return True
        return table_checksum(own) == table_checksum(rows)

    def _read_sources(self, stamps: Stamps) -> Iterator[SourceDay]:
        files = PartitionFiles(self.storage)
        types: dict[str, pa.DataType] = {}
        for partition, stamp in sorted(stamps.items()):
            if not is_unique_fingerprint(stamp):
                continue
            with contextlib.suppress(*_MISS_ERRORS), files.open(partition) as (cached, file):
                if cached.rows > MAX_COMPACTED_ROWS:
                    continue
                stored = read_stored_columns(file, cached.columns)
                day = _with_catalogue_types(SourceDay(cached, stamp, stored))
                if _has_types(day.rows, types):
                    yield day


def _has_types(rows: pa.Table, types: dict[str, pa.DataType]) -> bool:
    """Return whether rows can be in a file with those before; add the types of new columns.

    Columns that only differ in type are of metrics that other processes registered.
    """
    of_rows = dict(zip(rows.column_names, rows.schema.types, strict=True))
    if any(types.get(name, kind) != kind for name, kind in of_rows.items()):
        return False
    types.update(of_rows)
    return True


def _with_catalogue_types(day: SourceDay) -> SourceDay:
    """Return a day in the types of the catalogue, with the checksum of what is copied.

    Raises
    ------
    InvalidFile
        When the types differ, and the rows from those that were stored: they are not copied, since
        a new checksum would hide it.
    """
    rows = to_catalogue_types(day.rows)
    if rows is day.rows or day.cached.checksum is None:
        return day._replace(rows=rows)
    if not matches_checksum(day.rows, day.cached):
        raise InvalidFile("damaged: its rows differ from those that were stored")
    cached = replace(day.cached, checksum=table_checksum(rows))
    return day._replace(cached=cached, rows=rows)


def _still_valid(days: CompactedDays, stamps: Stamps) -> dict[Partition, CompactedDay]:
    """Return those days that were copied from the files with these very stamps."""
    valid: dict[Partition, CompactedDay] = {}
    for partition, stamp in stamps.items():
        day = days.get(partition)
        if day is None:
            continue
        if day.cached.stamp == stamp:
            valid[partition] = day
    return valid
