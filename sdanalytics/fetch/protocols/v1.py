"""Version 1 of the reporting API, that of the unified Ads API: one report for several months.

Amazon calls it a beta, and it has not been tried against the real service from here: what is known
and what is guessed is in docs/ads-api-v1.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics.api.client import open_unified_session
from sdanalytics.api.reporting_v1 import ReportingV1
from sdanalytics.errors import ApiError, CorruptReport, NotReady, ReportTooOld
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.fetch.protocols.base import CallContext, ColumnsByPartition
from sdanalytics.fetch.protocols.day_windows import batch_days, partitions_of_days
from sdanalytics.fetch.protocols.pending import PendingReports
from sdanalytics.fetch.protocols.row_split import Array, ReportPeriod, split_rows
from sdanalytics.fetch.protocols.status import ReportStatus, check_ready
from sdanalytics.fetch.protocols.v1_parts import list_links, read_part
from sdanalytics.fetch.protocols.v1_payload import DownloadedParts, read_part_rows
from sdanalytics.fetch.protocols.v1_request import (
    MAX_REPORT_DAYS,
    field_name,
    list_fields,
    read_fields,
    read_period,
    request_document,
    source_columns,
)
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.identity import required_columns
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import history_days
from sdanalytics.model.report_batch import ReportBatch

FIRST_POLL_INTERVAL: Final = 2.0
"""Seconds."""
MAX_POLL_INTERVAL: Final = 50.0
"""Seconds, before the jitter of 20 %: Amazon asks for one poll a minute."""
HISTORY_DAYS: Final = 455
"""Days of history: 15 months have no fewer."""
STATUSES: Final[Mapping[str, ReportStatus]] = {
    "PENDING": ReportStatus.BUILDING,
    "PROCESSING": ReportStatus.BUILDING,
    "COMPLETED": ReportStatus.READY,
    "FAILED": ReportStatus.FAILED,
    "DELETED": ReportStatus.CANCELLED,
}
FIRST_MATCHED_TARGETS: Final = date(2026, 7, 15)
"""The first day with rows by matched target."""
_FIELD: Final = re.compile(r"\b[a-zA-Z0-9]+\.[a-zA-Z0-9]+\b")
_METRIC: Final = "metric."


class ProtocolV1:
    """Converts partitions to reports of version 1, and payloads to partitions.

    Attributes
    ----------
    timeout : float
        Default timeout of a call in seconds: two reports are built at a time, each in up to 20
        minutes, and a 429 lasts for up to an hour.
    report_operations : frozenset of str
        Operations whose 400 or 404 means that a report no longer exists.
    """

    name: Final = "v1"
    timeout: Final = 12 * 3600.0
    report_operations: Final = frozenset({"retrieve_report"})
    spans_partitions: Final = True
    limits_client: Final = True

    def __init__(self, context: CallContext) -> None:
        client = context.client
        self._session = open_unified_session(
            client, context.deadline, context.limiter_state, context.count_reports
        )
        self._reporting = ReportingV1(self._session)
        self._campaigns = context.campaigns
        self._accounts = context.accounts
        self._oldest = context.oldest
        self._clock = client.clock
        self._pending = PendingReports(client.clock.monotonic())

    def batch(self, needs: ColumnsByPartition) -> list[ReportBatch]:
        """Group partitions into reports of up to 120 days (see `batch_days`), newest first."""
        return batch_days(needs, lambda record_type: MAX_REPORT_DAYS)

    def create_delay(self) -> float:
        """Return the seconds to wait before the next report is requested; 0: now."""
        return self._session.create_delay()

    @hide_frames
    def create(self, batch: ReportBatch) -> str:
        """Request a report; return its id."""
        oldest = unique_days(batch.partitions)[0]
        if oldest < self._oldest:
            raise _before_history_days_error(oldest, self._oldest)
        account = self._accounts.find(self._session)
        try:
            report = self._reporting.create(request_document(batch, account))
        except ReportTooOld as error:
            error.last_day = oldest
            raise
        return str(report["reportId"])

    @staticmethod
    def refused_columns(error: ApiError, columns: Sequence[str]) -> list[str]:
        """Return the columns whose metrics the error of a request names."""
        named = set(_FIELD.findall(error.details or ""))
        refused = []
        for column in columns:
            fields = {field_name(source) for source in source_columns(column)}
            metrics = {name for name in fields if name.startswith(_METRIC)}
            if named & metrics:
                refused.append(column)
        return refused

    @hide_frames
    def is_ready(self, report_id: str) -> bool:
        """Return whether a report can be downloaded (see `check_ready`)."""
        report = self._reporting.retrieve(report_id)
        pending = {
            "reportId": report_id,
            "createdAt": report.get("creationDateTime"),
            "status": report["status"],
        }
        now = self._session.service_clock.now()
        self._pending.observe(pending, now, self._clock.monotonic())
        return check_ready(
            report_id,
            report["status"],
            STATUSES,
            operation="retrieve_report",
            details=self._failure_text(report),
        )

    def overdue_since(self, report_id: str) -> datetime | None:
        """Return since when a report has been pending, if it is for longer than reports take."""
        return self._pending.overdue_since(report_id)

    def is_stuck(self, report_id: str) -> bool:
        """Return whether a report has been pending for too long to be built."""
        return self._pending.is_stuck(report_id)

    @staticmethod
    def history_days(record_type: str) -> int:
        """Return the days of history that the service has of a record type."""
        return history_days(record_type, HISTORY_DAYS)

    @staticmethod
    def first_day(segment: str | None) -> date:
        """Return the first day that the service has reports of, however short its history is."""
        if segment is None:
            return date.min
        return FIRST_MATCHED_TARGETS

    @staticmethod
    def poll_intervals() -> Iterator[float]:
        """Yield the seconds to wait before each poll: growing by half, at most 60, with jitter."""
        return backoff_intervals(FIRST_POLL_INTERVAL, MAX_POLL_INTERVAL)

    @hide_frames
    def download(self, report_id: str) -> DownloadedParts:
        """Download all parts of a report that is ready, through fresh links."""
        report = self._reporting.retrieve(report_id)
        if STATUSES.get(report["status"].upper()) is not ReportStatus.READY:
            raise NotReady(f"report {report_id} is not ready yet", report_id=report_id)
        links = list_links(report)
        bodies = []
        for link in links:
            bodies.append(read_part(self._session, link, report_id, len(links)))
        fields = read_fields(report)
        period = ReportPeriod(*read_period(report))
        return DownloadedParts(tuple(bodies), period, fields)

    def split_payload(
        self, batch: ReportBatch, columns: Sequence[str], payload: DownloadedParts
    ) -> dict[Partition, pa.Table]:
        """Split a payload into partitions: all tactics of the batch's days.

        The tactic of a campaign is in the list of campaigns; of campaigns that are not listed it
        is `unknown`.
        """
        _check_is_requested(payload, batch, columns)
        first = batch.partitions[0]
        required = required_columns(first.record_type, first.segment)
        rows = read_part_rows(payload, columns, required, self._session.max_report_bytes)
        partitions = partitions_of_days(batch.partitions)
        return split_rows(rows, payload.period, partitions, columns, self._lookup_tactics)

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Cancel a report that is in flight."""
        ReportingV1(self._session.bind(deadline)).delete(report_id)
        return True

    def _failure_text(self, report: Mapping[str, Any]) -> str | None:
        """Return the code and the reason of a report that failed."""
        known = [report.get("failureCode"), report.get("failureReason")]
        text = ": ".join(str(value) for value in known if value)
        return self._session.redact(text) or None

    def _lookup_tactics(self, campaign_ids: Array) -> list[str]:
        """Return the tactic of each campaign, by the list of campaigns."""
        return self._campaigns.lookup_tactics(campaign_ids, self._session)


def _before_history_days_error(day: date, oldest: date) -> ReportTooOld:
    """Return the error of all days before the oldest one."""
    error = ReportTooOld(
        f"{day} is too far in the past: version 1 has {HISTORY_DAYS} days of history, and of "
        f"reports by matched target those from {FIRST_MATCHED_TARGETS} on. Request later days; "
        "stored days remain in the cache",
        operation="create_report",
    )
    error.last_day = oldest - timedelta(1)
    return error


def _check_is_requested(
    payload: DownloadedParts, batch: ReportBatch, columns: Sequence[str]
) -> None:
    """Raise `CorruptReport` when the service has left out days or fields.

    Rows that are missing would be taken for days without activity.
    """
    days = unique_days(batch.partitions)
    first = days[0].isoformat()
    last = days[-1].isoformat()
    period = payload.period
    if not period.start <= first <= last <= period.end:
        difference = f"has the days {period.start} to {period.end}, not {first} to {last}"
        raise _unexpected_report_error(difference)
    if payload.fields is None:
        return
    missing = [name for name in list_fields(columns) if name not in payload.fields]
    if missing:
        raise _unexpected_report_error(f"lacks the fields {', '.join(missing)}")


def _unexpected_report_error(difference: str) -> CorruptReport:
    return CorruptReport(
        f"the service has built another report than was requested: it {difference}. Nothing of it "
        "is stored. Call again"
    )
