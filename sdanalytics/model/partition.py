"""A partition: a day and tactic of a report, the unit of the store.

This module imports nothing of the package, so that every module may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

PARTITION_KEYS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
"""The fields of a partition, and the levels of the store's hive folders."""
NO_SEGMENT: Final = "none"
"""The value of ``segment`` in folders, tables and views for a report without a segment."""
COVERAGE_STATES: Final = ("final", "restatable", "empty", "missing", "gone")
"""The states of a day in `ReportCache.coverage`, in order."""


def report_name(record_type: str, segment: str | None) -> str:
    """Return the catalogue's name of a report: ``campaigns``, ``campaigns+matchedTarget``, ..."""
    if segment:
        return f"{record_type}+{segment}"
    return record_type


class ProfileKey(NamedTuple):
    """A profile of a service, which reports belong to.

    Attributes
    ----------
    source : str
        The region, or host:port of a custom `base_url`.
    profile_id : str
    """

    source: str
    profile_id: str


@dataclass(frozen=True)
class Provenance:
    """The origin of the rows of a stored partition.

    Attributes
    ----------
    report_id : str
        The service's id of the report.
    fetched_at : datetime.datetime
        Aware; the rows are as of a moment after it.
    api : str
        The version of the reporting API.
    refused : tuple of str
        The metrics that the service refused, or that the version of the API does not have, so that
        the report was requested without them.
    unknown_rows : int
        The rows of the same day and report whose tactic is unknown, stored in a file of their own.
    """

    report_id: str
    fetched_at: datetime
    api: str
    refused: tuple[str, ...] = ()
    unknown_rows: int = 0


class Partition(NamedTuple):
    """A day and tactic of a report of a profile.

    Attributes
    ----------
    source : str
        The region, or host:port of a custom `base_url`.
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

    @property
    def profile(self) -> ProfileKey:
        """The profile that the partition belongs to."""
        return ProfileKey(self.source, self.profile_id)

    def to_keys(self) -> dict[str, str]:
        """Return the values of `PARTITION_KEYS` as text; `from_keys` reads them back."""
        return {
            "source": self.source,
            "profile_id": self.profile_id,
            "record_type": self.record_type,
            "segment": self.segment or NO_SEGMENT,
            "tactic": self.tactic,
            "date": self.date.isoformat(),
        }

    @classmethod
    def from_keys(cls, keys: Mapping[str, str]) -> Partition:
        """Parse the values of `to_keys`; ValueError if the date is invalid."""
        segment = keys["segment"]
        return cls(
            source=keys["source"],
            profile_id=keys["profile_id"],
            record_type=keys["record_type"],
            segment=None if segment == NO_SEGMENT else segment,
            tactic=keys["tactic"],
            date=date.fromisoformat(keys["date"]),
        )

    def __str__(self) -> str:
        report = report_name(self.record_type, self.segment)
        return f"{report} {self.tactic} {self.date}"


class PartitionSeries(NamedTuple):
    """The partitions of all days of a report and tactic."""

    source: str
    profile_id: str
    record_type: str
    segment: str | None
    tactic: str

    @property
    def profile(self) -> ProfileKey:
        """The profile that the series belongs to."""
        return ProfileKey(self.source, self.profile_id)

    @classmethod
    def from_partition(cls, partition: Partition) -> PartitionSeries:
        """Return the series that a partition belongs to."""
        return cls._make(partition[:-1])

    def partition(self, day: date) -> Partition:
        """Return the partition of a day."""
        return Partition(*self, day)
