"""The download engine: create, poll, download and store many reports at once.

Each batch is a task of the scheduler, and blocking calls run in its workers; the steps of a batch
are in `sdanalytics.fetch.batch_steps`. An error moves a batch to FAILED, and ends the whole fetch
if every other report would fail in the same way (`sdanalytics.fetch.error_policy`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Final

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics._core.scheduler import CallLimits, Scheduler
from sdanalytics.errors import ReportTimeout, SDAnalyticsError
from sdanalytics.fetch.batch_steps import BatchSteps
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.claims import BatchClaims, Claims, FetchNeeds
from sdanalytics.fetch.error_policy import is_fatal, is_terminal
from sdanalytics.fetch.protocols.base import ReportProtocol
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.fetch.wording import format_count, format_limited
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.in_flight import InFlightRegistry
from sdanalytics.store.partitions import PartitionStore

CANCEL_TIMEOUT: Final = 5.0
"""Seconds to cancel reports that are no longer wanted."""
MAX_LISTED_REPORTS: Final = 3
"""Report ids in an error message, at most."""


class ReportEngine:
    """Fetches reports from the service into the store.

    Parameters
    ----------
    protocol : ReportProtocol
    store : PartitionStore
        Each report is stored as soon as it arrives.
    registry : InFlightRegistry
        Open; the reports in flight of this call and others.
    deadline : Deadline
        Of the whole fetch.
    tracker : FetchTracker
    needs : FetchNeeds
    limits : CallLimits
        On the requests at the same time.
    """

    def __init__(
        self,
        protocol: ReportProtocol,
        store: PartitionStore,
        registry: InFlightRegistry,
        deadline: Deadline,
        tracker: FetchTracker,
        needs: FetchNeeds,
        limits: CallLimits,
    ) -> None:
        self._protocol = protocol
        self._deadline = deadline
        self._tracker = tracker
        self._needs = needs
        self._claims = Claims(protocol, store, registry, deadline.clock, needs)
        self._scheduler = Scheduler(deadline, limits)
        self._steps = BatchSteps(
            protocol, store, self._claims, self._scheduler, tracker, deadline.clock
        )
        self._failures: dict[Partition, SDAnalyticsError] = {}

    def run(self) -> dict[Partition, SDAnalyticsError]:
        """Fetch and store each partition with its columns; return what failed, and why.

        Partitions that another call is fetching are waited for; reports of a call that has
        ended are resumed.

        Raises
        ------
        ReportTimeout
            When the deadline passes before all have arrived.
        SDAnalyticsError
            An error that every report of the fetch would meet: `Unauthorized`, `RateLimited`
            for longer than the deadline, `CacheError`.
        """
        batches = self._protocol.batch(self._needs.columns)
        try:
            in_time = self._run_batches(batches)
        except ReportTimeout:  # raised by one request, and without the other reports
            in_time = False
        if not in_time:
            if self._deadline.is_cancelled:
                self._cancel_reports()
            raise self._timeout_error()
        return self._failures

    def _run_batches(self, batches: Sequence[ReportBatch]) -> bool:
        """Move all batches to a final state; return False if the deadline passes first."""
        # All claims are checked at once, so that the newest days are first in line to be
        # requested, whichever check is quicker.
        claims = run_interruptible(
            lambda: [self._claims.check(batch) for batch in batches], self._deadline
        )
        if claims is None:
            return False
        tasks = []
        for batch, batch_claims in zip(batches, claims, strict=True):
            tasks.append(self._process_batch(batch, batch_claims))
        return self._scheduler.run(tasks)

    async def _process_batch(self, batch: ReportBatch, claims: BatchClaims) -> None:
        """Work on the parts of a batch, one step at a time, until none is left."""
        parts = self._steps.split(BatchTask(batch), claims)
        while parts:
            part = min(parts, key=lambda part: part.state)  # of equals the first
            parts.remove(part)
            try:
                parts.extend(await self._steps.advance(part))
            except Exception as error:
                await self._fail(part, error)

    async def _fail(self, part: BatchTask, error: Exception) -> None:
        """Record that a part of a batch has failed; raise the error when it ends the fetch."""
        missing = self._tracker.missing_in(part.batch.partitions)
        self._tracker.mark_failed(missing)
        self._tracker.move(part, BatchState.FAILED)
        if not isinstance(error, SDAnalyticsError):
            raise error
        if is_terminal(error, self._protocol.report_operations):
            await self._scheduler.call(self._claims.release, missing)
        if is_fatal(error):
            raise error
        self._tracker.log_failed(part.batch, error)
        self._failures |= dict.fromkeys(missing, error)

    def _cancel_reports(self) -> None:
        """Cancel the reports in flight that are no longer wanted, where the service can."""
        deadline = Deadline(self._deadline.clock, CANCEL_TIMEOUT)
        for report_id, partitions in self._claims.owned_reports().items():
            cancel = partial(self._protocol.cancel, report_id, deadline)
            with contextlib.suppress(SDAnalyticsError):
                if run_interruptible(cancel, deadline):
                    self._claims.release(partitions)

    def _timeout_error(self) -> ReportTimeout:
        report_ids = self._tracker.reports_in_flight()
        reports = format_count(len(report_ids), "report")
        if report_ids:
            reports += f" ({format_limited(report_ids, MAX_LISTED_REPORTS)})"
        message = (
            f"the timeout of {self._deadline.seconds:g} seconds passed with "
            f"{self._tracker.counts().days_text} fetched and {reports} in flight. What has "
            "arrived is stored, and reports in flight are resumed: call again, with a longer "
            "timeout= if need be"
        )
        overdue = self._steps.describe_overdue(report_ids)
        if overdue:
            message += f". {overdue}"
        return ReportTimeout(message, report_ids=report_ids)
