"""Version 3 of the reporting API: one report for a month or a year, and all tactics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics.api.client import open_session
from sdanalytics.api.reporting_v3 import ReportingV3
from sdanalytics.errors import (
    ApiError,
    BadRequest,
    CorruptReport,
    NotFound,
    NotReady,
    ReportTooOld,
)
from sdanalytics.fetch.error_policy import MAX_YOUNG_AGE
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.fetch.protocols.base import CallContext, ColumnsByPartition, StillNamed
from sdanalytics.fetch.protocols.day_windows import (
    batch_days,
    newest_day,
    partitions_of_days,
)
from sdanalytics.fetch.protocols.pending import PendingReports
from sdanalytics.fetch.protocols.refusals import is_start_refused, refused_names, too_old_error
from sdanalytics.fetch.protocols.row_split import Array, split_rows
from sdanalytics.fetch.protocols.status import ReportStatus, check_ready
from sdanalytics.fetch.protocols.v3_payload import DownloadedReport, read_rows
from sdanalytics.fetch.protocols.v3_request import (
    JsonObject,
    announces_rows,
    check_is_requested,
    matches_request,
    max_report_days,
    request_body,
)
from sdanalytics.model.identity import required_columns
from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import history_days
from sdanalytics.model.report_batch import ReportBatch

FIRST_POLL_INTERVAL: Final = 1.0
"""Seconds."""
MAX_POLL_INTERVAL: Final = 50.0
"""Seconds, before the jitter of 20 %."""
RECREATE_INTERVAL: Final = 60.0
"""Seconds until a report is requested again while the service names one that was cancelled."""
EARLY_INTERVAL: Final = 5.0
"""Seconds until it is requested again while the service names one that it does not know yet."""
STATUS_TOO_EARLY: Final = 425
"""HTTP status of a create request while the same report is in flight."""
STATUSES: Final[Mapping[str, ReportStatus]] = {
    "PENDING": ReportStatus.BUILDING,
    "PROCESSING": ReportStatus.BUILDING,
    "COMPLETED": ReportStatus.READY,
    "FAILED": ReportStatus.FAILED,
    "FAILURE": ReportStatus.FAILED,
    "CANCELLED": ReportStatus.CANCELLED,
    "CANCELED": ReportStatus.CANCELLED,
    "DELETED": ReportStatus.CANCELLED,
}
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class ProtocolV3:
    """Converts partitions to reports of version 3, and payloads to partitions.

    Attributes
    ----------
    timeout : float
        Default timeout of a call in seconds: building a report takes up to 3 hours.
    report_operations : frozenset of str
        Operations whose 400 or 404 means that a report no longer exists.
    """

    name: Final = "v3"
    timeout: Final = 4 * 3600.0
    report_operations: Final = frozenset({"get_report"})
    spans_partitions: Final = True
    limits_client: Final = False

    def __init__(self, context: CallContext) -> None:
        client = context.client
        self._session = open_session(client, context.deadline, context.limiter_state)
        self._reporting = ReportingV3(self._session)
        self._campaigns = context.campaigns
        self._oldest = context.oldest
        self._clock = client.clock
        self._pending = PendingReports(client.clock.monotonic())
        self._cancelled: set[str] = set()
        self._unknown_since: dict[str, float] = {}

    def batch(self, needs: ColumnsByPartition) -> list[ReportBatch]:
        """Group partitions into reports (see `batch_days`), newest first."""
        return batch_days(needs, max_report_days, self._oldest)

    def create_delay(self) -> float:
        """Return the seconds to wait before the next report is requested; 0: now."""
        return self._session.create_delay()

    @hide_frames
    def create(self, batch: ReportBatch) -> str:
        """Request a report; return its id, or that of the same report that is in flight."""
        newest = newest_day(batch)
        if newest < self._oldest:
            raise _before_history_error(newest, batch.partitions[0].record_type)
        body = request_body(batch)
        try:
            report = self._reporting.create(body)
        except BadRequest as error:
            if not is_start_refused(error):
                raise
            raise too_old_error(batch, error) from None
        except ApiError as error:
            if error.status != STATUS_TOO_EARLY:
                raise
            report = self._find_duplicate(error, body)
        return str(report["reportId"])

    @staticmethod
    def refused_columns(error: ApiError, columns: Sequence[str]) -> list[str]:
        """Return those of the columns of a report that the error of its request refuses."""
        by_v3_name = {str(CATALOGUE[name].v3_name): name for name in columns}
        return [by_v3_name[name] for name in refused_names(error, by_v3_name)]

    @hide_frames
    def is_ready(self, report_id: str) -> bool:
        """Return whether a report can be downloaded (see `check_ready`)."""
        report = self._get(report_id)
        reason = report.get("failureReason")
        if reason:
            reason = self._session.redact(str(reason))
        return check_ready(
            report_id,
            report["status"],
            STATUSES,
            operation="get_report",
            details=reason,
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
        return history_days(record_type, 65)

    @staticmethod
    def first_day(segment: str | None) -> date:
        """Return the earliest day there is: nothing but the history limits the days."""
        return date.min

    @staticmethod
    def poll_intervals() -> Iterator[float]:
        """Yield the seconds to wait before each poll: growing by half, at most 60, with jitter."""
        return backoff_intervals(FIRST_POLL_INTERVAL, MAX_POLL_INTERVAL)

    @hide_frames
    def download(self, report_id: str) -> DownloadedReport:
        """Download the payload of a report that is ready, through a fresh link."""
        report = self._reporting.get(report_id)
        if _status(report) is not ReportStatus.READY:
            raise NotReady(f"report {report_id} is not ready yet", report_id=report_id)
        body = None
        link = report.get("url")
        if link:
            body = self._session.download_url(str(link), report_id)
        elif announces_rows(report):
            raise CorruptReport(
                f"the service gives a size of {report['fileSize']} bytes and no address for report "
                f"{report_id}: its rows are missing, and none of its days is stored. Call again",
                report_id=report_id,
            )
        # Without the link: it is presigned, and the rest may be shown in errors.
        document = {}
        for name, value in report.items():
            if name != "url":
                document[name] = value
        return DownloadedReport(body, document)

    def split_payload(
        self, batch: ReportBatch, columns: Sequence[str], payload: DownloadedReport
    ) -> dict[Partition, pa.Table]:
        """Split a payload into partitions: all tactics of the batch's days.

        The tactic of a campaign is in the list of campaigns; of campaigns that are not listed it
        is `unknown`. Rows without campaign ids are of the one tactic ``all``. Days that the batch
        does not have are left out.
        """
        check_is_requested(payload.document, request_body(replace(batch, columns=tuple(columns))))
        first = batch.partitions[0]
        required = required_columns(first.record_type, first.segment)
        rows = read_rows(payload, columns, required, self._session.max_report_bytes)
        partitions = partitions_of_days(batch.partitions)
        return split_rows(rows, payload.period, partitions, columns, self._lookup_tactics)

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Cancel a report that is in flight."""
        self._cancelled.add(report_id)
        ReportingV3(self._session.bind(deadline)).delete(report_id)
        return True

    def _get(self, report_id: str) -> dict[str, Any]:
        """Return the document of a report, and note since when it is pending."""
        report = self._reporting.get(report_id)
        now = self._session.service_clock.now()
        self._pending.observe(report, now, self._clock.monotonic())
        return report

    def _find_duplicate(self, error: ApiError, body: JsonObject) -> dict[str, Any]:
        """Return the report that an error 425 names, if it is the one requested."""
        found = _UUID.search(error.details or "")
        if found is None:
            raise error
        report_id = found.group()
        try:
            report = self._get(report_id)
        except NotFound:
            if report_id in self._cancelled:
                raise StillNamed(report_id, RECREATE_INTERVAL) from None
            if self._may_be_young(report_id):
                raise StillNamed(report_id, EARLY_INTERVAL) from None
            raise
        if report_id in self._cancelled and _status(report) is ReportStatus.CANCELLED:
            raise StillNamed(report_id, RECREATE_INTERVAL)
        if not matches_request(report, body):
            error.add_note(f"Report {report_id}, which it names, is another one.")
            raise error
        return report

    def _may_be_young(self, report_id: str) -> bool:
        """Return whether parts of the service may not know yet a report that others name."""
        now = self._clock.monotonic()
        first_named_at = self._unknown_since.setdefault(report_id, now)
        return now - first_named_at < MAX_YOUNG_AGE

    def _lookup_tactics(self, campaign_ids: Array) -> list[str]:
        """Return the tactic of each campaign, by the list of campaigns."""
        return self._campaigns.lookup_tactics(campaign_ids, self._session)


def _status(report: Mapping[str, Any]) -> ReportStatus | None:
    """Return the status of a report; None if it is not known."""
    return STATUSES.get(report["status"].upper())


def _before_history_error(day: date, record_type: str) -> ReportTooOld:
    days = ProtocolV3.history_days(record_type)
    error = ReportTooOld(
        f"{day} is too far in the past: version 3 has {days} days of history. "
        "Request later days; stored days remain in the cache",
        operation="create_report",
    )
    error.last_day = day
    return error
