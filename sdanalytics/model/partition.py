"""A partition: a day and tactic of a report, the unit that the store keeps.

A leaf: this module imports nothing of the package, so that anything may name a partition.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

PARTITION_KEYS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
"""The fields of a partition, and the levels of the store's hive folders."""
NO_SEGMENT: Final = "none"
"""How folders, tables and views spell that a report has no segment."""
COVERAGE_STATES: Final = ("final", "restatable", "empty", "missing", "gone")
"""The states of a day in `ReportCache.coverage`, in order."""


def report_name(record_type: str, segment: str | None) -> str:
    """The catalogue's name of a report: ``campaigns``, ``campaigns+matchedTarget``, ..."""
    return f"{record_type}+{segment}" if segment else record_type


class Partition(NamedTuple):
    """One day of one report: what the service builds and the cache keeps as one piece.

    Attributes
    ----------
    source : str
        The region, or host:port of a service elsewhere.
    profile_id : str
    record_type : str
    segment : str or None
    tactic : str
    date : datetime.date
    """

    source: str
    profile_id: str
    record_type: str
    segment: str | None
    tactic: str
    date: date

    def __str__(self) -> str:
        report = report_name(self.record_type, self.segment)
        return f"{report} {self.tactic} {self.date}"


class PartitionSeries(NamedTuple):
    """The slices of all days."""

    source: str
    profile_id: str
    record_type: str
    segment: str | None
    tactic: str

    @classmethod
    def from_partition(cls, partition: Partition) -> PartitionSeries:
        """The one that a slice is a day of."""
        return cls._make(partition[:-1])

    def partition(self, day: date) -> Partition:
        """Its slice of a day."""
        return Partition(*self, day)
