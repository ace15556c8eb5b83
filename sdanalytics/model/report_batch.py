"""A batch: the partitions that are requested in one report, one of them or a month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from sdanalytics.model.partition import Partition, report_name

MAX_REPORT_BYTES: Final = 8 << 30
"""Bytes that a report may hold, as text and as a table.

A million rows of 40 fields are 1.2 GB of text, so this is about seven million rows.
"""


@dataclass(frozen=True)
class ReportBatch:
    """Partitions that are requested in one report, with the same columns.

    Attributes
    ----------
    partitions : tuple of Partition
        Of one profile, record type and segment; at least one.
    columns : tuple of str
    """

    partitions: tuple[Partition, ...]
    columns: tuple[str, ...]

    def subset(self, partitions: Iterable[Partition]) -> ReportBatch:
        """Return the batch with some of its partitions only."""
        return replace(self, partitions=tuple(partitions))

    def __str__(self) -> str:
        first = self.partitions[0]
        if len(self.partitions) == 1:
            return str(first)
        days = sorted(partition.date for partition in self.partitions)
        report = report_name(first.record_type, first.segment)
        return f"{report} {days[0]} to {days[-1]}"
