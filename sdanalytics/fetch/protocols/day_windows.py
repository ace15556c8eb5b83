"""From partitions to reports of windows of days, all tactics in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from sdanalytics.fetch.protocols.base import ColumnsByPartition
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.metrics import TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import list_tactics
from sdanalytics.model.report_batch import ReportBatch

ReportKey = tuple[str, str, str, str]
"""Source, profile, record type and segment."""


def batch_days(
    needs: ColumnsByPartition, choose_max_days: Callable[[str], int], oldest: date | None = None
) -> list[ReportBatch]:
    """Group partitions into reports of windows of days, newest first.

    Each report has all columns that any of its days needs. A report has all tactics, so that a day
    is requested for both.

    Parameters
    ----------
    needs : mapping of Partition to sequence of str
    choose_max_days : callable
        Returns how many days a report of a record type may span.
    oldest : datetime.date, optional
        The oldest day that the service should have: a report of its own, because whether it still
        has it is not certain, and a refused start fails the whole report. Days before it are
        separate, too.
    """
    by_report: dict[ReportKey, dict[date, list[Partition]]] = {}
    for partition in needs:
        key = _report_key(partition)
        by_day = by_report.setdefault(key, {})
        of_day = by_day.setdefault(partition.date, [])
        of_day.append(partition)
    batches = []
    for key in sorted(by_report):
        by_day = by_report[key]
        _, _, record_type, _ = key
        days = sorted(by_day, reverse=True)
        for window in _split_into_windows(days, oldest, choose_max_days(record_type)):
            of_window = [by_day[day] for day in window]
            batches.append(_make_batch(of_window, needs))
    return sorted(batches, key=newest_day, reverse=True)


def newest_day(batch: ReportBatch) -> date:
    """Return the last day of a batch."""
    days = unique_days(batch.partitions)
    return days[-1]


def partitions_of_days(partitions: Iterable[Partition]) -> list[Partition]:
    """Return the partitions of the same days, of the unknown tactic and all others.

    A report that has no tactics has one partition a day.
    """
    found = set(partitions)
    for partition in partitions:
        if partition.tactic in TACTICS:
            for tactic in (*TACTICS, UNKNOWN_TACTIC):
                other = partition._replace(tactic=tactic)
                found.add(other)
    return sorted(found)


def _report_key(partition: Partition) -> ReportKey:
    segment = partition.segment or ""
    return partition.source, partition.profile_id, partition.record_type, segment


def _split_into_windows(
    days: Sequence[date], oldest: date | None, max_days: int
) -> list[list[date]]:
    """Split days, newest first, into windows that a report may span."""
    windows: list[list[date]] = []
    start = date.max
    for day in days:
        if day < start:
            start = day - timedelta(max_days - 1)
            if oldest is not None and day > oldest:
                start = max(start, oldest + timedelta(1))
            elif day == oldest:
                start = oldest
            windows.append([])
        windows[-1].append(day)
    return windows


def _make_batch(by_day: Iterable[Sequence[Partition]], needs: ColumnsByPartition) -> ReportBatch:
    """Return a batch of all tactics of the days, with all columns needed."""
    expanded = []
    columns: dict[str, None] = {}
    for partitions in by_day:
        for partition in partitions:
            needed = dict.fromkeys(needs[partition])
            columns.update(needed)
        first = partitions[0]
        for tactic in list_tactics(first.record_type):
            with_tactic = first._replace(tactic=tactic)
            expanded.append(with_tactic)
    by_date = sorted(expanded, key=lambda partition: partition.date)
    return ReportBatch(tuple(by_date), tuple(columns))
