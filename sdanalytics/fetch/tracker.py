"""Counts of a running fetch: days for the user, and the reports and partitions behind them.

Three units are distinguished. A *day* is done when all its requested partitions are
stored. A *partition* is a day and tactic. A *report* is what the service builds: one partition
in version 2, up to 62 of them in version 3.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from sdanalytics._core.log_sampling import SampledLogger
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.data_notes import DataNotes
from sdanalytics.fetch.wording import format_count
from sdanalytics.model.partition import Partition
from sdanalytics.model.query import ReportQuery
from sdanalytics.model.report_batch import ReportBatch

logger = logging.getLogger("sdanalytics")

_WAITING: Final = (BatchState.UNCLAIMED, BatchState.LOST)
_IN_FLIGHT: Final = (BatchState.IN_FLIGHT, BatchState.CLAIMED_ELSEWHERE)


@dataclass(frozen=True, kw_only=True)
class FetchCounts:
    """The progress of a fetch.

    Attributes
    ----------
    days, days_done, days_from_cache : int
        Days of the query, those with all data, and those of them that the cache had.
    reports_waiting, reports_in_flight, reports_downloading, reports_failed : int
        Reports to be requested, in flight (for this call or another), being downloaded, and
        given up.
    partitions, completed, from_cache : int
        Partitions of the query, those stored by this fetch, and those that the cache had.
    waiting, downloading, failed : int
        The other partitions: of reports that are waiting or in flight, downloading, and failed.
    """

    days: int = 0
    days_done: int = 0
    days_from_cache: int = 0
    reports_waiting: int = 0
    reports_in_flight: int = 0
    reports_downloading: int = 0
    reports_failed: int = 0
    partitions: int = 0
    completed: int = 0
    from_cache: int = 0
    waiting: int = 0
    downloading: int = 0
    failed: int = 0

    @property
    def days_text(self) -> str:
        """The days as text, such as ``12 of 14 days``."""
        total = format_count(self.days, "day")
        return f"{self.days_done} of {total}"

    @property
    def details_text(self) -> str:
        """The reports and the days from the cache, as text."""
        reports = {
            "waiting": self.reports_waiting,
            "in flight": self.reports_in_flight,
            "downloading": self.reports_downloading,
            "failed": self.reports_failed,
        }
        parts: list[str] = []
        for state, count in reports.items():
            if not count:
                continue
            if parts:  # the noun is in the first part
                parts.append(f"{count} {state}")
            else:
                subject = format_count(count, "report")
                parts.append(f"{subject} {state}")
        from_cache = format_count(self.days_from_cache, "day")
        parts.append(f"{from_cache} from the cache")
        return ", ".join(parts)


def count_query(query: ReportQuery) -> FetchCounts:
    """Return the counts of a fetch that has not looked up the cache yet."""
    days = len(query.days)
    return FetchCounts(days=days, partitions=days * len(query.tactics))


class Countable(Protocol):
    """Something whose progress can be shown.

    Attributes
    ----------
    on_change : callable
        Called without arguments after each change, and from time to time.
    """

    on_change: Callable[[], None]

    def counts(self) -> FetchCounts:
        """Return the current counts; any thread may call it."""
        ...


class DayCounter:
    """Counts the days with all their partitions marked.

    Parameters
    ----------
    partitions : iterable of Partition
        Each once.
    """

    def __init__(self, partitions: Iterable[Partition]) -> None:
        self._unmarked = set(partitions)
        days = [partition.date for partition in self._unmarked]
        self._left = Counter(days)
        self.total = len(self._left)
        self.done = 0

    @property
    def total_text(self) -> str:
        """All its days as text, such as ``14 days``."""
        return format_count(self.total, "day")

    def mark(self, partitions: Iterable[Partition]) -> None:
        """Mark partitions; those that are marked already, or are not counted here, are ignored."""
        for partition in partitions:
            if partition not in self._unmarked:
                continue
            self._unmarked.remove(partition)
            self._left[partition.date] -= 1
            if self._left[partition.date] == 0:
                self.done += 1


class FetchTracker:
    """Keeps the counts of a fetch, and logs its events.

    The engine writes, in one thread; any thread may read `counts`.

    Parameters
    ----------
    partitions : collection of Partition
        All partitions of the query.
    missing : collection of Partition
        Those of them that have to be fetched.

    Attributes
    ----------
    on_change : callable
        Called without arguments after each change, and from time to time.
    data_notes : DataNotes
        What is odd about the reports that were stored.
    """

    def __init__(self, partitions: Collection[Partition], missing: Collection[Partition]) -> None:
        self.on_change: Callable[[], None] = _ignore
        self.data_notes = DataNotes()
        self._lock = threading.Lock()
        self._missing = set(missing)
        self._partition_count = len(partitions)
        self._days = DayCounter(partitions)
        self._days.mark(set(partitions) - self._missing)
        self._days_from_cache = self._days.done
        self._days_requested = DayCounter(self._missing)
        self._stored: set[Partition] = set()
        self._completed = 0
        self._failed: set[Partition] = set()
        self._reports_by_state: Counter[BatchState] = Counter()
        self._partitions_by_state: Counter[BatchState] = Counter()
        self._in_flight: dict[str, BatchTask] = {}
        self._events = SampledLogger(logger)

    def counts(self) -> FetchCounts:
        """Return the current counts; any thread may call it."""
        with self._lock:
            reports = self._reports_by_state
            partitions = self._partitions_by_state
            return FetchCounts(
                days=self._days.total,
                days_done=self._days.done,
                days_from_cache=self._days_from_cache,
                reports_waiting=_total(reports, _WAITING),
                reports_in_flight=_total(reports, _IN_FLIGHT),
                reports_downloading=reports[BatchState.READY],
                reports_failed=reports[BatchState.FAILED],
                partitions=self._partition_count,
                completed=self._completed,
                from_cache=self._partition_count - len(self._missing),
                waiting=_total(partitions, _WAITING + _IN_FLIGHT),
                downloading=partitions[BatchState.READY],
                failed=len(self._failed),
            )

    def reports_in_flight(self) -> tuple[str, ...]:
        """Return the ids of the reports in flight for this fetch."""
        return tuple(self._in_flight)

    def missing_in(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Return the given partitions that are not stored yet."""
        return [partition for partition in partitions if partition not in self._stored]

    def add(self, tasks: Iterable[BatchTask]) -> None:
        """Follow tasks that have begun."""
        with self._lock:
            for task in tasks:
                self._count(task, 1)
        self.on_change()

    def move(self, task: BatchTask, state: BatchState) -> None:
        """Change the state of a task that is followed."""
        with self._lock:
            self._count(task, -1)
            task.state = state
            self._count(task, 1)
        self.on_change()

    def drop(self, task: BatchTask) -> None:
        """Stop following a task that others have replaced."""
        with self._lock:
            self._count(task, -1)

    def mark_stored(self, partitions: Iterable[Partition]) -> None:
        """Count partitions that are stored now."""
        with self._lock:
            fresh = set(partitions) - self._stored
            self._stored |= fresh
            self._completed += len(fresh & self._missing)
            self._days.mark(fresh)
            self._failed -= fresh  # another version of the API had them

    def mark_failed(self, partitions: Iterable[Partition]) -> None:
        """Count partitions that could not be fetched."""
        with self._lock:
            self._failed.update(self._missing.intersection(partitions))

    def log_requested(self, task: BatchTask) -> None:
        """Log that a report of a batch was requested."""
        self._days_requested.mark(task.batch.partitions)
        message = "%s: requested report %s (%d of %s)"
        days = self._days_requested
        report_id = task.report.report_id
        self._log("requested", message, task, report_id, days.done, days.total_text)

    def log_stored(self, task: BatchTask) -> None:
        """Log that a report is stored."""
        message = "%s: stored report %s (%d of %s)"
        days = self._days
        report_id = task.report.report_id
        self._log("stored", message, task, report_id, days.done, days.total_text)

    def log_unknown(self, task: BatchTask) -> None:
        """Log that the service does not know a report any more."""
        self._log("unknown", "%s: report %s no longer exists", task, task.report.report_id)

    def log_cancelled(self, task: BatchTask) -> None:
        """Log that a report was cancelled that the service does not begin to build."""
        message = "%s: cancelled report %s, which was pending for hours; requesting a new one"
        self._log("cancelled", message, task, task.report.report_id)

    def log_retry(self, task: BatchTask, error: Exception) -> None:
        """Log that a download is tried again."""
        self._log("download", "%s: %s; trying again", task, error)

    def log_failed(self, batch: ReportBatch, error: Exception) -> None:
        """Log that a batch has failed."""
        self._events.log(type(error).__name__, "%s: %s", batch, error)

    def _log(self, event: str, message: str, task: BatchTask, *values: object) -> None:
        self._events.log(event, message, task.batch, *values)

    def _count(self, task: BatchTask, change: int) -> None:
        partitions = self._missing.intersection(task.batch.partitions)
        self._reports_by_state[task.state] += change
        self._partitions_by_state[task.state] += change * len(partitions)
        if task.state is not BatchState.IN_FLIGHT:
            return
        report_id = task.report.report_id
        if change > 0:
            self._in_flight[report_id] = task
        else:
            self._in_flight.pop(report_id, None)


def _total(counts: Counter[BatchState], states: Iterable[BatchState]) -> int:
    return sum(counts[state] for state in states)


def _ignore() -> None:
    pass
