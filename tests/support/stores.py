"""Stores, below their public methods."""

from __future__ import annotations

from sdanalytics import ReportCache
from sdanalytics.store.cache import internal_store
from sdanalytics.store.partitions import PartitionStore


def partitions_in(store: ReportCache) -> PartitionStore:
    """Return the partitions of a cache, below its public methods."""
    return internal_store(store).partitions
