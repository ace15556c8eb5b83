"""What one report of the service brings: a day and tactic, or a month of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from sdanalytics.model.partition import Partition, report_name

MAX_REPORT_BYTES: Final = 8 << 30
"""Bytes that a report may hold, as text and as a table: a million rows of 40 fields are 1.2 GB
of text, so that this is some seven million rows."""


@dataclass(frozen=True)
class ReportBatch:
    """Slices that come in one report, with the same columns.

    Attributes
    ----------
    pieces : tuple of Slice
        Of one profile, record type and segment; at least one.
    columns : tuple of str
    """

    partitions: tuple[Partition, ...]
    columns: tuple[str, ...]

    def subset(self, partitions: Iterable[Partition]) -> ReportBatch:
        """The same for some of its slices."""
        return replace(self, partitions=tuple(partitions))

    def __str__(self) -> str:
        first, *others = self.partitions
        if not others:
            return str(first)
        days = sorted({partition.date for partition in self.partitions})
        report = report_name(first.record_type, first.segment)
        return f"{report} {days[0]} to {days[-1]}"
