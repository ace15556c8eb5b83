"""`DataNotes`: oddities of the reports of a fetch that were stored all the same."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

import pyarrow as pa

from sdanalytics.fetch.wording import format_count, format_days, format_limited, unique_days
from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.model.partition import Partition, report_name
from sdanalytics.model.report_batch import ReportBatch

MAX_LISTED: Final = 3
"""Reports that a warning names, at most, for the same metrics."""


class _ReportDays(NamedTuple):
    """A report and its days, whatever its tactic: the service leaves out what one has none of."""

    report: str
    days: tuple[date, ...]

    def __str__(self) -> str:
        return f"{self.report} {format_days(self.days)}"


class DataNotes:
    """Collects what is odd, in any thread, and puts it into few sentences."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._columns_without_value: dict[_ReportDays, set[str]] = {}
        self._ambiguous_rows: dict[str, int] = {}

    def note_tables(self, batch: ReportBatch, tables: Mapping[Partition, pa.Table]) -> None:
        """Note the columns that have no value in any row of a report."""
        with_rows = [table for table in tables.values() if table.num_rows]
        if not with_rows:
            return
        found = set(filter(_is_expected, with_rows[0].column_names))
        for table in with_rows:
            found = {name for name in found if table.column(name).null_count == table.num_rows}
        first = batch.partitions[0]
        report = report_name(first.record_type, first.segment)
        days = _ReportDays(report, tuple(unique_days(batch.partitions)))
        with self._lock:
            self._columns_without_value.setdefault(days, found).intersection_update(found)

    def note_ambiguous_rows(self, partition: Partition, count: int) -> None:
        """Note rows whose counterparts among the stored rows are not known."""
        if count:
            with self._lock:
                self._ambiguous_rows[str(partition)] = count

    def messages(self) -> list[str]:
        """Return a warning for each kind of what was noted."""
        with self._lock:
            found = [self._missing_message(), self._ambiguous_message()]
        return [message for message in found if message]

    def _missing_message(self) -> str | None:
        reports_by_name: dict[str, list[str]] = {}
        for report, found in sorted(self._columns_without_value.items()):
            for name in sorted(found):
                reports_by_name.setdefault(name, []).append(str(report))
        names_by_reports: dict[tuple[str, ...], list[str]] = {}
        for name, reports in reports_by_name.items():
            names_by_reports.setdefault(tuple(reports), []).append(name)
        parts = []
        for listed, names in names_by_reports.items():
            parts.append(f"{', '.join(names)} ({format_limited(listed, MAX_LISTED)})")
        if not parts:
            return None
        return (
            f"no row of a report has a value of {'; of '.join(parts)}: it is missing there. The "
            "service may leave out what is zero"
        )

    def _ambiguous_message(self) -> str | None:
        if not self._ambiguous_rows:
            return None
        rows = format_count(sum(self._ambiguous_rows.values()), "row")
        listed = format_limited(list(self._ambiguous_rows), MAX_LISTED)
        return (
            f"{rows} of {listed} may be any of several rows that were stored before: metrics that "
            "only those have (the other version of the API had them, or they are refused now) are "
            "missing in them"
        )


def _is_expected(name: str) -> bool:
    """Return whether any row should have a value: a ratio needs a denominator."""
    metric = CATALOGUE[name]
    return metric.is_summable or not metric.kind.is_decimal
