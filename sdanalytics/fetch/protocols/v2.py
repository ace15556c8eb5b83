"""Version 2: one report for one day and tactic; the contract of the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import LimiterStateStore
from sdanalytics.api.client import Client, open_session
from sdanalytics.api.reporting_v2 import ReportingV2, ReportRequest
from sdanalytics.errors import ApiError, ReportFailed
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.parsing.payload import read_payload

_LONGEST_WAIT: Final = 30.0
_BUILDING: Final = {"IN_PROGRESS"}
# COMPLETED is in no document, but has been seen.
_READY: Final = {"SUCCESS", "COMPLETED"}
_FAILED: Final = {"FAILURE", "FAILED"}


class ProtocolV2:
    """How a slice becomes requests of version 2, and an answer a status.

    Attributes
    ----------
    history_days : int
        How many days back the service reports.
    timeout : float
        Seconds that a call may take when it does not say: generation takes minutes, up to 15.
    about_reports : frozenset of str
        Operations whose 400 or 404 means that a report is gone.
    """

    name: Final = "v2"
    history_days: Final = 60
    timeout: Final = 30 * 60.0
    report_operations: Final = frozenset({"get_report_status", "download_report"})

    def __init__(
        self,
        client: Client,
        deadline: Deadline,
        store: object,
        oldest: date,
        memory: LimiterStateStore | None,
    ) -> None:
        self._session = open_session(client, deadline, memory)
        self._service = ReportingV2(self._session)

    def create_delay(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""
        return self._session.create_delay()

    def batch(self, needs: Mapping[Partition, Sequence[str]]) -> list[ReportBatch]:
        """One report for each slice, newest first."""
        newest_first = sorted(needs, key=lambda partition: partition.date, reverse=True)
        return [ReportBatch((partition,), tuple(needs[partition])) for partition in newest_first]

    def create(self, order: ReportBatch) -> str:
        """Ask for the report of a slice; its id."""
        [partition] = order.partitions
        request = ReportRequest(
            reportDate=partition.date.isoformat().replace("-", ""),
            metrics=",".join(order.columns),
            tactic=partition.tactic,
            segment=partition.segment,
        )
        return self._service.create(partition.record_type, request).reportId

    def is_ready(self, report_id: str) -> bool:
        """Whether a report can be downloaded.

        Raises
        ------
        ReportFailed
            When the service could not build it.
        """
        report = self._service.get(report_id)
        status = report.status.upper()
        if status in _FAILED:
            raise ReportFailed(
                f"the service could not build report {report_id}: "
                f"{report.statusDetails or 'it gives no reason'}. Call again to ask anew",
                report_id=report_id,
                details=report.statusDetails,
            )
        if status not in _BUILDING | _READY:
            raise ApiError(
                f"report {report_id} has a status that is not known: {report.status!r}. "
                "Call again later; if it stays, this version of sdanalytics is too old",
                operation="get_report_status",
                status=200,
                details=report.statusDetails,
            )
        return status in _READY

    def download(self, report_id: str) -> bytes:
        """The payload of a report that is ready."""
        return self._service.download(report_id)

    def split_payload(
        self, order: ReportBatch, columns: Sequence[str], payload: bytes
    ) -> dict[Partition, pa.Table]:
        """The one slice that a payload holds."""
        [partition] = order.partitions
        return {partition: read_payload(payload, columns, self._session.max_report_bytes)}

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Version 2 builds what it was asked for."""
        return False

    @staticmethod
    def poll_intervals() -> Iterator[float]:
        """Seconds to wait before each status call: growing by half, at most 30, with jitter.

        About half of what a report took is the most that is waited too long, until it has
        taken a minute; from then on there are two calls a minute.
        """
        return backoff_intervals(1.0, _LONGEST_WAIT / 1.2)
