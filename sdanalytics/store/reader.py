"""Bulk reads: from compacted months where these are valid, else from the partitions' own files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sdanalytics.model.partition import Partition, PartitionSeries
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.compaction import CompactedMonths, Stamps, group_by_month
from sdanalytics.store.layout import REPORTS, MonthKey, series_day_path, series_path
from sdanalytics.store.parquet_file import (
    CachedByPartition,
    CachedPartition,
    PartitionFiles,
    StoredByPartition,
)

T = TypeVar("T")

StampsByMonth = dict[MonthKey, dict[Partition, FileStamp]]
"""The stamps of the files of partitions, by month."""


@dataclass(frozen=True)
class PartitionReader:
    """Reads many partitions of a store at a time.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def lookup_many(self, partitions: Iterable[Partition]) -> CachedByPartition:
        """Read the metadata of partitions, without those that are missing, damaged or foreign.

        Raises
        ------
        CacheError
            When a file cannot be opened: it may be intact, and is not replaced.
        """
        partitions = list(partitions)
        from_month = CompactedMonths(self.storage).entries
        from_file = PartitionFiles(self.storage).lookup
        # Parsing metadata is Python's work, which threads do not speed up; waiting for
        # remote storage is not.
        threads = 1
        if self.storage.is_remote:
            threads = self.storage.max_parallel_reads
        stamps = self.stat(partitions)
        found = load_many_from(stamps, (), from_month, from_file, threads)
        cached: CachedByPartition = {}
        for partition in partitions:
            entry = found.get(partition)
            if entry is not None:
                cached[partition] = entry
        return cached

    def load_many(
        self, cached: Iterable[CachedPartition], columns: Sequence[str]
    ) -> StoredByPartition:
        """Read columns of partitions, without those that are missing, damaged or foreign."""
        stamped: list[tuple[Partition, FileStamp]] = []
        unstamped: list[Partition] = []
        for entry in cached:
            if entry.stamp is None:
                unstamped.append(entry.partition)
            else:
                stamped.append((entry.partition, entry.stamp))
        from_month = partial(self._load_month, columns=columns)
        files = PartitionFiles(self.storage)
        from_file = partial(files.read, columns=columns)
        threads = self.storage.max_parallel_reads
        months = group_by_month(stamped)
        found = load_many_from(months, unstamped, from_month, from_file, threads)
        return {partition: rows for partition, rows in found.items() if rows is not None}

    def _load_month(
        self, month: MonthKey, stamps: Stamps, columns: Sequence[str]
    ) -> StoredByPartition:
        """Read those partitions of a compacted month that have all of the columns."""
        months = CompactedMonths(self.storage)
        complete: StoredByPartition = {}
        for partition, rows in months.rows(month, stamps, columns).items():
            if rows.table.num_columns == len(columns):
                complete[partition] = rows
        return complete

    def stat(self, partitions: Iterable[Partition]) -> StampsByMonth:
        """Read the stamps of the files of partitions, without those that have no file."""
        series_days: dict[PartitionSeries, list[Partition]] = {}
        for partition in partitions:
            series = PartitionSeries.from_partition(partition)
            series_days.setdefault(series, []).append(partition)
        threads = 1
        if self.storage.is_remote and len(series_days) > 1:
            threads = self.storage.max_parallel_reads
        stamps: StampsByMonth = {}
        with parallel_map(threads) as pmap:
            for months in pmap(self._stat_series, series_days.keys(), series_days.values()):
                stamps.update(months)
        return stamps

    def _stat_series(
        self, series: PartitionSeries, partitions: Sequence[Partition]
    ) -> StampsByMonth:
        by_path: dict[str, Partition] = {}
        for partition in partitions:
            path = series_day_path(series, partition.date)
            by_path[path] = partition
        stamps: list[tuple[Partition, FileStamp]] = []
        folder = series_path(series)
        found = self.storage.stat_many(f"{REPORTS}/{folder}", by_path)
        for path, stamp in found.items():
            partition = by_path[path]
            stamps.append((partition, stamp))
        return group_by_month(stamps)


def load_many_from(
    stamps_by_month: Mapping[MonthKey, Stamps],
    others: Iterable[Partition],
    from_month: Callable[[MonthKey, Stamps], Mapping[Partition, T]],
    from_file: Callable[[Partition], T | None],
    threads: int,
) -> dict[Partition, T | None]:
    """Read partitions from compacted months, and what these lack from their own files.

    Parameters
    ----------
    stamps_by_month : mapping
        The partitions that a compacted month may have, with the stamps of their files.
    others : iterable of Partition
        Read from their own files in any case.
    from_month, from_file : callable
        Read what is valid of a compacted month; read a partition's own file.
    threads : int
    """
    found: dict[Partition, T | None] = {}
    with parallel_map(threads) as pmap:
        months = stamps_by_month.keys()
        for entries in pmap(from_month, months, stamps_by_month.values()):
            found.update(entries)
        rest: list[Partition] = []
        for stamps in stamps_by_month.values():
            rest += [partition for partition in stamps if partition not in found]
        rest += others
        results = pmap(from_file, rest)
        for partition, entry in zip(rest, results, strict=True):
            found[partition] = entry
    return found


@contextlib.contextmanager
def parallel_map(threads: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Provide a `map` that runs in threads; in none when the interpreter is about to exit."""
    is_exiting = not threading.main_thread().is_alive()
    if threads == 1 or is_exiting:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map
