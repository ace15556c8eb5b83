"""Version 2 of the reporting API: one report for each day and tactic."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics.api.client import open_session
from sdanalytics.api.reporting_v2 import ReportingV2, ReportRequest
from sdanalytics.errors import ApiError, CorruptReport
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.fetch.protocols.base import CallContext, ColumnsByPartition
from sdanalytics.fetch.protocols.refusals import refused_names
from sdanalytics.fetch.protocols.status import ReportStatus, check_ready
from sdanalytics.model.category_words import spell_words
from sdanalytics.model.identity import required_columns
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import list_record_types
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.parsing.payload import read_payload

FIRST_POLL_INTERVAL: Final = 1.0
"""Seconds."""
MAX_POLL_INTERVAL: Final = 25.0
"""Seconds, before the jitter of 20 %."""
# COMPLETED is undocumented, but has been observed.
STATUSES: Final[Mapping[str, ReportStatus]] = {
    "IN_PROGRESS": ReportStatus.BUILDING,
    "SUCCESS": ReportStatus.READY,
    "COMPLETED": ReportStatus.READY,
    "FAILURE": ReportStatus.FAILED,
    "FAILED": ReportStatus.FAILED,
}


class ProtocolV2:
    """Converts partitions to reports of version 2, and payloads to partitions.

    Attributes
    ----------
    timeout : float
        Default timeout of a call in seconds: building a report takes minutes, up to 15.
    report_operations : frozenset of str
        Operations whose 400 or 404 means that a report no longer exists.
    """

    name: Final = "v2"
    timeout: Final = 30 * 60.0
    report_operations: Final = frozenset({"get_report_status", "download_report"})
    spans_partitions: Final = False
    limits_client: Final = False

    def __init__(self, context: CallContext) -> None:
        client = context.client
        self._session = open_session(client, context.deadline, context.limiter_state)
        self._reporting = ReportingV2(self._session)

    def batch(self, needs: ColumnsByPartition) -> list[ReportBatch]:
        """Return one report for each partition, newest first."""
        newest_first = sorted(needs, key=lambda partition: partition.date, reverse=True)
        batches = []
        for partition in newest_first:
            batches.append(ReportBatch((partition,), tuple(needs[partition])))
        return batches

    def create_delay(self) -> float:
        """Return the seconds to wait before the next report is requested; 0: now."""
        return self._session.create_delay()

    def create(self, batch: ReportBatch) -> str:
        """Request the report of a partition; return its id."""
        [partition] = batch.partitions
        request = ReportRequest(
            reportDate=partition.date.strftime("%Y%m%d"),
            metrics=",".join(batch.columns),
            tactic=partition.tactic,
            segment=partition.segment,
        )
        report = self._reporting.create(partition.record_type, request)
        if _is_of_other_type(report.recordType, partition.record_type):
            raise CorruptReport(
                f"the service has built a report of {report.recordType!r} for {partition}: nothing "
                "of it is stored. Call again",
                report_id=report.reportId,
            )
        return report.reportId

    @staticmethod
    def refused_columns(error: ApiError, columns: Sequence[str]) -> list[str]:
        """Return those of the columns of a report that the error of its request refuses."""
        return refused_names(error, columns)

    def is_ready(self, report_id: str) -> bool:
        """Return whether a report can be downloaded (see `check_ready`)."""
        report = self._reporting.get(report_id)
        return check_ready(
            report_id,
            report.status,
            STATUSES,
            operation="get_report_status",
            details=report.statusDetails,
        )

    @staticmethod
    def overdue_since(report_id: str) -> None:
        """Return None: version 2 does not say when a report was created."""

    @staticmethod
    def is_stuck(report_id: str) -> bool:
        """Return False: version 2 cannot cancel a report."""
        return False

    @staticmethod
    def history_days(record_type: str) -> int:
        """Return the days of history that the service has: the same of every record type."""
        return 60

    @staticmethod
    def first_day(segment: str | None) -> date:
        """Return the earliest day there is: nothing but the history limits the days."""
        return date.min

    @staticmethod
    def poll_intervals() -> Iterator[float]:
        """Yield the seconds to wait before each poll: growing by half, at most 30, with jitter.

        A report is thus found ready late by at most about half its build time, up to a build time
        of a minute; longer ones are polled twice a minute.
        """
        return backoff_intervals(FIRST_POLL_INTERVAL, MAX_POLL_INTERVAL)

    def download(self, report_id: str) -> bytes:
        """Download the payload of a report that is ready."""
        return self._reporting.download(report_id)

    def split_payload(
        self, batch: ReportBatch, columns: Sequence[str], payload: bytes
    ) -> dict[Partition, pa.Table]:
        """Parse a payload, which holds one partition."""
        [partition] = batch.partitions
        required = required_columns(partition.record_type, partition.segment)
        max_bytes = self._session.max_report_bytes
        rows = read_payload(payload, columns, max_bytes, required=required)
        return {partition: spell_words(rows)}

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Return False: version 2 cannot cancel a report."""
        return False


def _is_of_other_type(received: str | None, record_type: str) -> bool:
    """Return whether a response names another record type: ``AD_GROUP`` is that of adGroups."""
    names = {_normalize_type(name) for name in list_record_types("v2")}
    name = _normalize_type(received or "")
    if name not in names:
        return False
    return name != _normalize_type(record_type)


def _normalize_type(name: str) -> str:
    letters: str = re.sub("[^a-z]", "", name.lower())
    return letters.rstrip("s")
