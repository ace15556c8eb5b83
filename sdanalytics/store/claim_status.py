"""Reports in flight, and who has claimed the partitions of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sdanalytics.model.partition import Partition


@dataclass(frozen=True)
class ClaimedReport:
    """A report in flight that this call polls and downloads.

    Attributes
    ----------
    columns : tuple of str
    report_id : str
    asked_at : datetime.datetime
        Aware; when it was requested.
    """

    columns: tuple[str, ...]
    report_id: str
    asked_at: datetime


ResumableReport = tuple[ClaimedReport, tuple[Partition, ...]]
"""A report, and the partitions of a batch that it has."""


@dataclass(frozen=True)
class ClaimStatus:
    """The claims on the partitions of a batch.

    Attributes
    ----------
    resumable : tuple of (ClaimedReport, tuple of Partition)
        Reports to resume, claimed by this call now, with the partitions of each.
    unclaimed : tuple of Partition
        Nobody has requested them.
    claimed_elsewhere : tuple of Partition
        Another call is fetching them.
    superseded : tuple of (ClaimedReport, tuple of Partition)
        Reports of ended calls that cannot serve, with those of the unclaimed partitions that were
        requested in each: they lack columns, or are too old.
    """

    resumable: tuple[ResumableReport, ...] = ()
    unclaimed: tuple[Partition, ...] = ()
    claimed_elsewhere: tuple[Partition, ...] = ()
    superseded: tuple[ResumableReport, ...] = ()
