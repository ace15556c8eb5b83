"""Version 2: one report for one day and tactic; the contract of the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from sdanalytics.api.client import Client, ReportRequest
from sdanalytics.api.pace import Memory
from sdanalytics.clock import Limit
from sdanalytics.errors import ApiError, ReportFailed
from sdanalytics.looks import growing
from sdanalytics.order import Order
from sdanalytics.payload import read_payload
from sdanalytics.query import Slice

_LONGEST_WAIT: Final = 30.0
_BUILDING: Final = {"IN_PROGRESS"}
# COMPLETED is in no document, but has been seen.
_READY: Final = {"SUCCESS", "COMPLETED"}
_FAILED: Final = {"FAILURE", "FAILED"}


class V2:
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
    about_reports: Final = frozenset({"get_report_status", "download_report"})

    def __init__(
        self, client: Client, limit: Limit, store: object, oldest: date, memory: Memory | None
    ) -> None:
        self._client = client.within(limit, memory)

    def until_create(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""
        return self._client.until_create()

    def gather(self, needs: Mapping[Slice, Sequence[str]]) -> list[Order]:
        """One report for each slice, newest first."""
        newest_first = sorted(needs, key=lambda piece: piece.date, reverse=True)
        return [Order((piece,), tuple(needs[piece])) for piece in newest_first]

    def create(self, order: Order) -> str:
        """Ask for the report of a slice; its id."""
        [piece] = order.pieces
        request = ReportRequest(
            reportDate=piece.date.isoformat().replace("-", ""),
            metrics=",".join(order.columns),
            tactic=piece.tactic,
            segment=piece.segment,
        )
        return self._client.request_report(piece.record_type, request).reportId

    def is_ready(self, report_id: str) -> bool:
        """Whether a report can be downloaded.

        Raises
        ------
        ReportFailed
            When the service could not build it.
        """
        report = self._client.get_report_status(report_id)
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
        return self._client.download_report(report_id)

    def tables(self, order: Order, columns: Sequence[str], payload: bytes) -> dict[Slice, pa.Table]:
        """The one slice that a payload holds."""
        [piece] = order.pieces
        return {piece: read_payload(payload, columns, self._client.largest_report)}

    def withdraw(self, report_id: str, limit: Limit) -> bool:
        """Version 2 builds what it was asked for."""
        return False

    @staticmethod
    def waits() -> Iterator[float]:
        """Seconds to wait before each status call: growing by half, at most 30, with jitter.

        About half of what a report took is the most that is waited too long, until it has
        taken a minute; from then on there are two calls a minute.
        """
        return growing(1.0, _LONGEST_WAIT / 1.2)
