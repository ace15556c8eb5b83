"""The days that have arrived whole, when a fetch has failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sdanalytics.fetch.refresh_policies import RefreshPolicies
from sdanalytics.model.partition import Partition
from sdanalytics.store.parquet_file import CachedPartition


def select_whole_days(
    wanted: Iterable[Partition], found: Mapping[Partition, CachedPartition], policy: RefreshPolicies
) -> set[Partition]:
    """Return the partitions of those days all of which the cache serves.

    A day that the service no longer has is served as it is stored, however old that is.
    """
    by_day: dict[date, list[Partition]] = {}
    for partition in wanted:
        by_day.setdefault(partition.date, []).append(partition)
    whole: set[Partition] = set()
    for day, partitions in by_day.items():
        is_gone = day < policy.oldest_available
        entries = [found.get(partition) for partition in partitions]
        if all(_is_served(entry, policy, is_gone=is_gone) for entry in entries):
            whole.update(partitions)
    return whole


def _is_served(entry: CachedPartition | None, policy: RefreshPolicies, *, is_gone: bool) -> bool:
    if entry is None or not policy.covers_columns(entry):
        return False
    if is_gone:
        return True
    return policy.is_acceptable(entry.partition, entry.fetched_at)
