"""Reading many slices of a store: from bound months where they count, else from their own files."""

from __future__ import annotations

import contextlib
import logging
import threading
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar

import pyarrow as pa

from sdanalytics.model.partition import Partition, PartitionSeries
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.compaction import (
    MAX_COMPACTED_ROWS,
    MIN_DAYS_TO_COMPACT,
    MonthKey,
    Stamps,
    compact_month,
    compacted_entries,
    compacted_rows,
    group_by_month,
    is_unique_fingerprint,
)
from sdanalytics.store.layout import CACHE_MISS_ERRORS, REPORTS, series_day_path, series_path
from sdanalytics.store.parquet_file import CachedPartition, open_partition, read_columns

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")

_BINDERS: Final = 2
"""Months that are bound at a time: each may take hundreds of MB while it is."""


def lookup(storage: Storage, partition: Partition) -> CachedPartition | None:
    """What the file of a slice says; None for no file, or one that is damaged or foreign.

    Raises
    ------
    CacheError
        When there is something that cannot be opened: it may be whole, and is not replaced.
    """
    with contextlib.suppress(*CACHE_MISS_ERRORS), open_partition(storage, partition) as (entry, _):
        return entry
    return None


def load(storage: Storage, partition: Partition, columns: Sequence[str]) -> pa.Table | None:
    """The rows in the file of a slice; None where `lookup` gives None, or a page is damaged."""
    with contextlib.suppress(*CACHE_MISS_ERRORS), open_partition(storage, partition) as (_, file):
        return read_columns(file, columns)
    return None


def lookup_many(
    storage: Storage, partitions: Iterable[Partition]
) -> dict[Partition, CachedPartition]:
    """What is stored of slices: those of which there is something.

    Raises
    ------
    CacheError
        As `lookup` does.
    """
    partitions = list(partitions)
    there = stat_partitions(storage, partitions)
    bound, loose = partial(compacted_entries, storage), partial(lookup, storage)
    # What a file says is Python's work, of which there is only one piece at a time.
    found = load_many_from(
        there, (), bound, loose, storage.max_parallel_reads if storage.is_remote else 1
    )
    return {
        partition: entry for partition in partitions if (entry := found.get(partition)) is not None
    }


def load_many(
    storage: Storage, entries: Iterable[CachedPartition], columns: Sequence[str]
) -> dict[Partition, pa.Table]:
    """The rows of what `lookup_all` found: of that which can be read, with these columns."""

    def bound(month: MonthKey, stamps: Stamps) -> dict[Partition, pa.Table]:
        tables = compacted_rows(storage, month, stamps, columns)
        return {p: table for p, table in tables.items() if table.num_columns == len(columns)}

    stamps = {entry.partition: entry.stamp for entry in entries}
    there = group_by_month(
        (partition, stamp) for partition, stamp in stamps.items() if stamp is not None
    )
    others = [partition for partition, stamp in stamps.items() if stamp is None]
    loose = partial(load, storage, columns=columns)
    found = load_many_from(there, others, bound, loose, storage.max_parallel_reads)
    return {partition: table for partition, table in found.items() if table is not None}


def load_many_from(
    there: Mapping[MonthKey, Stamps],
    others: Iterable[Partition],
    bound: Callable[[MonthKey, Stamps], Mapping[Partition, T]],
    loose: Callable[[Partition], T | None],
    threads: int,
) -> dict[Partition, T | None]:
    """What bound months give of slices whose files have these stamps; of all else their files."""
    with _mapping(threads) as each:
        found: dict[Partition, T | None] = {}
        for some in each(bound, there.keys(), there.values()):
            found.update(some)
        unbound = (
            partition for stamps in there.values() for partition in stamps if partition not in found
        )
        rest = [*unbound, *others]
        found.update(zip(rest, each(loose, rest), strict=True))
    return found


@contextlib.contextmanager
def _mapping(threads: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """What `map` does, by that many threads; by none when the interpreter is about to end."""
    if threads == 1 or not threading.main_thread().is_alive():
        yield map
    else:
        with ThreadPoolExecutor(threads) as pool:
            yield pool.map


def compact_fragmented(storage: Storage, entries: Iterable[CachedPartition]) -> int:
    """Bind the months of which so many days lie in files of their own that it is worth it.

    Returns
    -------
    int
        How many.

    Raises
    ------
    CacheError
        When one cannot be written.
    """
    small = (entry for entry in entries if not entry.stamp and entry.rows <= MAX_COMPACTED_ROWS)
    loose = group_by_month((entry.partition, entry) for entry in small)
    months = {
        month: partitions
        for month, partitions in loose.items()
        if len(partitions) >= MIN_DAYS_TO_COMPACT
    }

    def bind_month(month: MonthKey, partitions: Iterable[Partition]) -> bool:
        stamps = stat_partitions(storage, _days_of(month)).get(month, {})
        telling = [
            partition
            for partition in partitions
            if partition in stamps and is_unique_fingerprint(stamps[partition])
        ]
        is_worth_it = len(telling) >= MIN_DAYS_TO_COMPACT
        if is_worth_it:
            compact_month(storage, month, stamps)
            logger.debug("%s: bound", month.place)
        return is_worth_it

    with _mapping(_BINDERS) as each:
        return sum(each(bind_month, months.keys(), months.values()))


def _days_of(month: MonthKey) -> Iterator[Partition]:
    """The slices of all its days."""
    year, number = map(int, month.name.split("-"))
    for day in range(1, monthrange(year, number)[1] + 1):
        yield month.line.partition(date(year, number, day))


def stat_partitions(
    storage: Storage, partitions: Iterable[Partition]
) -> dict[MonthKey, dict[Partition, FileStamp]]:
    """The slices that there is a file of, with its stamp, by month."""
    lines: dict[PartitionSeries, list[Partition]] = {}
    for partition in partitions:
        lines.setdefault(PartitionSeries.from_partition(partition), []).append(partition)

    def months_of(
        line: PartitionSeries, theirs: Sequence[Partition]
    ) -> dict[MonthKey, dict[Partition, FileStamp]]:
        places = {series_day_path(line, partition.date): partition for partition in theirs}
        stamps = storage.stat_many(f"{REPORTS}/{series_path(line)}", places)
        return group_by_month((places[place], stamp) for place, stamp in stamps.items())

    with _mapping(
        storage.max_parallel_reads if storage.is_remote and len(lines) > 1 else 1
    ) as each:
        found = each(months_of, lines.keys(), lines.values())
        return {month: stamps for months in found for month, stamps in months.items()}
