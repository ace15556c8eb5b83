"""A batch between its request and the store, and its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Final

from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.claims import BatchClaims
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.claim_status import ClaimedReport

MAX_REPORT_ATTEMPTS: Final = 2
"""Reports requested for a batch, at most, when downloads fail."""
MAX_DOWNLOAD_ATTEMPTS: Final = 2
"""Downloads, at most, of each of these reports."""
MIN_CLAIM_POLL_INTERVAL: Final = 0.5
MAX_CLAIM_POLL_INTERVAL: Final = 5.0
"""Seconds between two checks whether another call has stored a partition; they grow."""
MIN_EARLY_INTERVAL: Final = 1.0
MAX_EARLY_INTERVAL: Final = 15.0
"""Seconds between two downloads of a report that the service does not know yet; they grow."""


class BatchState(IntEnum):
    """The state of a batch, in the order in which the parts of a batch are processed.

    `sdanalytics.fetch.batch_steps` draws the transitions.
    """

    READY = 1
    LOST = 2
    UNCLAIMED = 3
    IN_FLIGHT = 4
    CLAIMED_ELSEWHERE = 5
    STORED = 6
    FAILED = 7

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to do."""
        return self >= BatchState.STORED


def _claim_poll_intervals() -> Iterator[float]:
    return backoff_intervals(MIN_CLAIM_POLL_INTERVAL, MAX_CLAIM_POLL_INTERVAL)


def _early_intervals() -> Iterator[float]:
    return backoff_intervals(MIN_EARLY_INTERVAL, MAX_EARLY_INTERVAL)


@dataclass(eq=False)
class BatchTask:
    """A batch, or the part of one that shares a state.

    Attributes
    ----------
    batch : ReportBatch
    state : BatchState
    claim : ClaimedReport or None
        The report requested for it; None before.
    reports_left, downloads_left : int
        Reports that may still be requested, and downloads of this one that may still be tried.
    last_error : SDAnalyticsError or None
        The error that made the last attempt fail.
    claim_poll_intervals : iterator of float
        Seconds between two checks of another call's claim.
    early_intervals : iterator of float
        Seconds between two downloads of a report that the service does not know yet.
    """

    batch: ReportBatch
    state: BatchState = BatchState.UNCLAIMED
    claim: ClaimedReport | None = None
    reports_left: int = MAX_REPORT_ATTEMPTS
    downloads_left: int = MAX_DOWNLOAD_ATTEMPTS
    last_error: SDAnalyticsError | None = None
    claim_poll_intervals: Iterator[float] = field(default_factory=_claim_poll_intervals)
    early_intervals: Iterator[float] = field(default_factory=_early_intervals)

    @property
    def report(self) -> ClaimedReport:
        """The report requested for it."""
        assert self.claim is not None, f"{self.batch} has no report in state {self.state.name}"
        return self.claim

    def split(self, claims: BatchClaims) -> list[BatchTask]:
        """Split the batch into parts by its claims, each with its state."""
        parts = []
        if claims.unclaimed:
            parts.append(self._part(BatchState.UNCLAIMED, claims.unclaimed))
        for claim, partitions in claims.resumable:
            parts.append(self._part(BatchState.IN_FLIGHT, partitions, claim))
        if claims.claimed_elsewhere:
            parts.append(self._part(BatchState.CLAIMED_ELSEWHERE, claims.claimed_elsewhere))
        return parts

    def split_after(self, day: date | None) -> list[BatchTask]:
        """Split the batch into the days after `day` and the others, each part if it has any."""
        newer: list[Partition] = []
        older: list[Partition] = []
        for partition in self.batch.partitions:
            is_newer = day is not None and partition.date > day
            (newer if is_newer else older).append(partition)
        return [self._part(self.state, part) for part in (newer, older) if part]

    def _part(
        self,
        state: BatchState,
        partitions: Iterable[Partition],
        claim: ClaimedReport | None = None,
    ) -> BatchTask:
        return BatchTask(
            self.batch.subset(partitions),
            state,
            claim,
            reports_left=self.reports_left,
            last_error=self.last_error,
            # Checks of the same claim follow each other at growing intervals.
            claim_poll_intervals=self.claim_poll_intervals,
        )
