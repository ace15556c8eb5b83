"""Compaction of the months that have enough days in files of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compaction import (
    MAX_COMPACTED_ROWS,
    MIN_DAYS_TO_COMPACT,
    CompactedMonths,
    group_by_month,
    is_unique_fingerprint,
)
from sdanalytics.store.layout import MonthKey
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.reader import PartitionReader, parallel_map

logger = logging.getLogger("sdanalytics")

COMPACTION_THREADS: Final = 2
"""Months that are compacted at a time: each may take hundreds of MB of memory."""


@dataclass(frozen=True)
class Compactor:
    """Compacts the months of a store.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def compact_fragmented(self, cached: Iterable[CachedPartition]) -> int:
        """Compact the months that have enough of these partitions in files of their own.

        Returns
        -------
        int
            The number of months that were compacted.

        Raises
        ------
        CacheError
            When a compacted month cannot be written.
        """
        uncompacted: list[tuple[Partition, CachedPartition]] = []
        for entry in cached:
            is_small = entry.rows <= MAX_COMPACTED_ROWS
            if is_small and entry.stamp is None:
                uncompacted.append((entry.partition, entry))
        fragmented: dict[MonthKey, Iterable[Partition]] = {}
        groups = group_by_month(uncompacted)
        for month, partitions in groups.items():
            if len(partitions) >= MIN_DAYS_TO_COMPACT:
                fragmented[month] = partitions
        with parallel_map(COMPACTION_THREADS) as pmap:
            results = pmap(self._compact, fragmented.keys(), fragmented.values())
            return sum(results)

    def _compact(self, month: MonthKey, uncompacted: Iterable[Partition]) -> bool:
        """Compact a month, unless the stamps of too few of its uncompacted days are unique."""
        reader = PartitionReader(self.storage)
        stamps_by_month = reader.stat(month.partitions())
        stamps = stamps_by_month.get(month, {})
        days = 0
        for partition in uncompacted:
            stamp = stamps.get(partition)
            if stamp is not None and is_unique_fingerprint(stamp):
                days += 1
        if days < MIN_DAYS_TO_COMPACT:
            return False
        months = CompactedMonths(self.storage)
        months.write(month, stamps)
        logger.debug("%s: compacted", month.path)
        return True
