"""The contract between the engine and a version of the reporting API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import CountInFlight, LimiterStateStore
from sdanalytics.api.client import Client
from sdanalytics.errors import ApiError
from sdanalytics.fetch.account_reader import AccountReader
from sdanalytics.fetch.campaign_reader import CampaignReader
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch

ColumnsByPartition = Mapping[Partition, Sequence[str]]
"""The columns to request, or to fetch, of each partition."""
Tables = Mapping[Partition, pa.Table]


@dataclass(frozen=True)
class CallContext:
    """The call that a protocol works for.

    Attributes
    ----------
    client : Client
    deadline : Deadline
    campaigns : CampaignReader
    accounts : AccountReader
    oldest : datetime.date
        The oldest day that the service should have reports of.
    limiter_state : LimiterStateStore or None
        The state of the rate limiter; None: the client's own.
    count_reports : callable
        Counts the reports in flight of the version, for a state that does not.
    """

    client: Client
    deadline: Deadline
    campaigns: CampaignReader
    accounts: AccountReader
    oldest: date
    limiter_state: LimiterStateStore | None
    count_reports: CountInFlight


class StillNamed(Exception):
    """A report cannot be requested yet: the service names another one that it does not have.

    Attributes
    ----------
    report_id : str
        One that was cancelled, or that only parts of the service know yet.
    wait : float
        Seconds until it makes sense to request a report again.
    """

    def __init__(self, report_id: str, wait: float) -> None:
        super().__init__(report_id)
        self.report_id = report_id
        self.wait = wait


class ReportProtocol(Protocol):
    """How partitions become reports of one version of the API, and payloads partitions again."""

    @property
    def name(self) -> str:
        """The name of the version, such as ``"v2"``."""

    @property
    def report_operations(self) -> frozenset[str]:
        """The operations whose 400 or 404 means that a report no longer exists."""

    @property
    def spans_partitions(self) -> bool:
        """Whether a report has several partitions, so that they share its id."""

    @property
    def limits_client(self) -> bool:
        """Whether the service limits the reports of all profiles of a client together."""

    def batch(self, needs: ColumnsByPartition) -> list[ReportBatch]:
        """Group partitions into reports that have all columns needed, newest first."""

    def create_delay(self) -> float:
        """Return the seconds to wait before the next report is requested; 0: now."""

    def create(self, batch: ReportBatch) -> str:
        """Request a report; return its id.

        Raises `StillNamed` when the service goes on naming a report that was cancelled.
        """

    def refused_columns(self, error: ApiError, columns: Sequence[str]) -> list[str]:
        """Return those of the columns of a report that the error of its request refuses."""

    def is_ready(self, report_id: str) -> bool:
        """Return whether a report can be downloaded; raise `ReportFailed` if it never will be."""

    def overdue_since(self, report_id: str) -> datetime | None:
        """Return since when a report has been pending, if it is for longer than reports take."""

    def is_stuck(self, report_id: str) -> bool:
        """Return whether a report that was polled has been pending for too long to be built."""

    def poll_intervals(self) -> Iterator[float]:
        """Yield the seconds to wait before each `is_ready`, while nothing is known of reports."""

    def download(self, report_id: str) -> Any:
        """Download a payload; raise `NotReady` when the report is not ready yet."""

    def split_payload(self, batch: ReportBatch, columns: Sequence[str], payload: Any) -> Tables:
        """Split a payload into partitions; some may be of tactics that the batch does not have."""

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Cancel a report that is in flight; return whether the service can do so."""
