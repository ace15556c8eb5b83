"""`StoredVersions`: which days of a plan a fetch has changed in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from sdanalytics.store.cache import ReportCache, internal_store

if TYPE_CHECKING:
    from sdanalytics import ReportPlan
    from sdanalytics.model.partition import Partition


class StoredVersions:
    """The versions of the partitions of a plan, as stored when it is made, and later.

    Parameters
    ----------
    cache : ReportCache
    plan : ReportPlan
        Before the fetch.
    """

    def __init__(self, cache: ReportCache, plan: ReportPlan) -> None:
        self._cache = cache
        self._partitions = [step.partition for step in plan.steps]
        self._before = self._read()
        self._after = self._before

    def update(self) -> None:
        """Read the versions again."""
        self._after = self._read()

    def list_missing(self, plan: ReportPlan) -> list[date]:
        """Return the days of a profile's plan that are not stored whole, in order."""
        days = set()
        for step in plan.steps:
            if step.partition not in self._after:
                days.add(step.partition.date)
        return sorted(days)

    def list_unchanged(self, plan: ReportPlan) -> list[date]:
        """Return the days that are stored, were to be fetched again, and were not, in order."""
        days = set()
        for step in plan.steps:
            partition = step.partition
            is_due = step.action in ("request", "in_flight")
            is_unchanged = self._after.get(partition) == self._before.get(partition)
            if is_due and is_unchanged:
                days.add(partition.date)
        return sorted(days.difference(self.list_missing(plan)))

    def _read(self) -> Mapping[Partition, datetime]:
        """Return when each partition was fetched, of those that are stored."""
        found = internal_store(self._cache).partitions.lookup_many(self._partitions)
        return {partition: entry.fetched_at for partition, entry in found.items()}
