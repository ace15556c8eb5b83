"""The steps of a batch from a request to the store: one for each state, and its transitions.

Each batch (the partitions that are requested in one report) is a `BatchTask` that moves through
explicit states. A batch that another call has claimed in part is split, and each part has its own
state.

=================  ==================================  ==========================================
state              action                              next state
=================  ==================================  ==========================================
UNCLAIMED          wait for the rate limiter; claim    IN_FLIGHT: requested, or resumed
                   the partitions; create a report     CLAIMED_ELSEWHERE: another call was first
                                                       STORED: another call has stored it
                                                       UNCLAIMED: its first days are too old
                                                       (they are split off), or the service names
                                                       a report that was cancelled
CLAIMED_ELSEWHERE  wait; check the claims again        CLAIMED_ELSEWHERE, UNCLAIMED, IN_FLIGHT
                                                       (resumed), STORED
IN_FLIGHT          poll until the report is ready      READY
                                                       LOST: the service does not know it (any more)
                                                       UNCLAIMED: it is stuck, and was cancelled
READY              download, parse and store           STORED
                                                       READY: try the download again, at once or
                                                       once the service knows the report
                                                       IN_FLIGHT: the service says it is not ready
                                                       LOST: no download is left
                                                       UNCLAIMED: another call has stored more
                                                       columns meanwhile; request all of them
LOST               release the claim                   UNCLAIMED: request a new report
STORED, FAILED     none                                final
=================  ==================================  ==========================================

A report that this call requested less than a minute ago may be answered 404, 400 or 403: parts of
the service do not know it yet, and it is looked at again.

Any other error moves the part to FAILED, and ends the fetch if every other report would fail in
the same way (`sdanalytics.fetch.error_policy`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence

from sdanalytics._core.clock import Clock
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.scheduler import Scheduler
from sdanalytics.errors import (
    ApiError,
    CorruptReport,
    NotFound,
    NotReady,
    ReportTooOld,
    SDAnalyticsError,
)
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.claims import BatchClaims, Claims
from sdanalytics.fetch.error_policy import DOWNLOAD_ERRORS, is_not_yet, is_retryable, is_terminal
from sdanalytics.fetch.polling import AdaptivePoller
from sdanalytics.fetch.protocols.base import ReportProtocol, StillNamed
from sdanalytics.fetch.stuck_reports import StuckReports
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.model.metrics import CATALOGUE, sort_by_catalogue
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.partitions import PartitionStore

logger = logging.getLogger("sdanalytics")

MissingColumns = Mapping[Partition, Sequence[str]]
"""The stored columns that a report lacks, by partition."""


class BatchSteps:
    """Performs the action of a batch's state, and moves the batch to the next state.

    Parameters
    ----------
    protocol : ReportProtocol
    store : PartitionStore
        Each report is stored as soon as it arrives.
    claims : Claims
    scheduler : Scheduler
        Its workers make all calls that block.
    tracker : FetchTracker
    clock : Clock
    """

    def __init__(
        self,
        protocol: ReportProtocol,
        store: PartitionStore,
        claims: Claims,
        scheduler: Scheduler,
        tracker: FetchTracker,
        clock: Clock,
    ) -> None:
        self._protocol = protocol
        self._store = store
        self._claims = claims
        self._scheduler = scheduler
        self._tracker = tracker
        self._clock = clock
        # One create at a time: a crash leaves at most one report without a recorded id.
        self._create_mutex = scheduler.mutex()
        self._poller = AdaptivePoller(protocol.poll_intervals)
        self._began = clock.now()
        self._stuck = StuckReports(protocol, clock)
        self._requested_at: dict[str, float] = {}  # by report id, on the monotonic clock

    def split(self, task: BatchTask, claims: BatchClaims) -> list[BatchTask]:
        """Split a batch into parts by its claims."""
        self._tracker.mark_stored(claims.stored)
        parts = task.split(claims)
        self._tracker.add(parts)
        for part in parts:
            if part.claim is not None and part.claim == claims.requested:
                self._requested_at[part.report.report_id] = self._clock.monotonic()
                self._tracker.log_requested(part)
        return parts

    def describe_overdue(self, report_ids: Iterable[str]) -> str:
        """Describe those of the reports in flight that take longer than usual, in sentences."""
        return self._stuck.describe(report_ids)

    async def advance(self, task: BatchTask) -> list[BatchTask]:
        """Perform the action of a task's state; return the tasks that remain."""
        if task.state is BatchState.UNCLAIMED:
            return await self._create(task)
        if task.state is BatchState.CLAIMED_ELSEWHERE:
            return await self._wait_for_other_call(task)
        if task.state is BatchState.IN_FLIGHT:
            return await self._poll(task)
        if task.state is BatchState.READY:
            return await self._download(task)
        assert task.state is BatchState.LOST
        return await self._replace_lost(task)

    async def _create(self, task: BatchTask) -> list[BatchTask]:
        try:
            async with self._create_mutex:
                claims = await self._create_when_allowed(task.batch)
        except ReportTooOld as error:
            return self._split_off_too_old(task, error)
        except StillNamed as named:
            self._stuck.still_named.add(named.report_id)
            await self._scheduler.sleep(named.wait)
            self._stuck.still_named.discard(named.report_id)
            return [task]
        self._tracker.drop(task)
        return self.split(task, claims)

    def _split_off_too_old(self, task: BatchTask, error: ReportTooOld) -> list[BatchTask]:
        """Split off the days that the service no longer has; raise the error if it has none."""
        parts = task.split_after(error.last_day)
        if len(parts) < 2:
            raise error
        self._tracker.drop(task)
        self._tracker.add(parts)
        return parts

    async def _create_when_allowed(self, batch: ReportBatch) -> BatchClaims:
        while True:
            result = await self._scheduler.call(self._claims.create_when_allowed, batch)
            if isinstance(result, BatchClaims):
                return result
            await self._scheduler.sleep(result)

    async def _wait_for_other_call(self, task: BatchTask) -> list[BatchTask]:
        await self._scheduler.sleep(next(task.claim_poll_intervals))
        claims = await self._scheduler.call(self._claims.check, task.batch)
        self._tracker.drop(task)
        return self.split(task, claims)

    async def _poll(self, task: BatchTask) -> list[BatchTask]:
        try:
            is_ready = await self._wait_until_ready(task)
        except NotFound as error:
            task.last_error = error
            self._tracker.log_unknown(task)
            self._tracker.move(task, BatchState.LOST)
            return [task]
        if is_ready:
            self._tracker.move(task, BatchState.READY)
        else:
            task.reports_left -= 1
            self._tracker.log_cancelled(task)
            await self._scheduler.call(self._claims.release, task.batch.partitions)
            self._tracker.move(task, BatchState.UNCLAIMED)
        return [task]

    async def _wait_until_ready(self, task: BatchTask) -> bool:
        """Poll a report until it is ready; return False if it was cancelled instead."""
        # The age of a report that another call requested is unknown: clocks differ.
        is_own = task.report.asked_at >= self._began
        poller = self._poller if is_own else AdaptivePoller(self._protocol.poll_intervals)
        report_id = task.report.report_id
        clock = self._clock
        began = clock.monotonic()
        previous_age = 0.0
        for delay in poller.delays(lambda: clock.monotonic() - began):
            self._tracker.on_change()
            if delay > 0:
                await self._scheduler.sleep(delay)
                continue
            age = clock.monotonic() - began
            if await self._is_ready(report_id):
                is_first = poller.observe(previous_age, age)
                if is_first and is_own:
                    # Reports that were requested together tend to become ready together.
                    self._scheduler.wake_all()
                return True
            if await self._cancel_if_stuck(task):
                return False
            previous_age = age
        raise AssertionError("polling never ends by itself")

    async def _cancel_if_stuck(self, task: BatchTask) -> bool:
        """Cancel a report that is stuck, once for each batch; return whether it is gone."""
        report_id = task.report.report_id
        if task.reports_left == 1 or not self._stuck.can_cancel(report_id):
            return False
        return await self._scheduler.call(self._stuck.cancel, report_id)

    async def _is_ready(self, report_id: str) -> bool:
        try:
            return await self._scheduler.call(self._protocol.is_ready, report_id)
        except ApiError as error:
            if not self._is_not_yet(report_id, error):
                raise
            return False

    def _is_not_yet(self, report_id: str, error: SDAnalyticsError) -> bool:
        """Return whether an error of a report may be due to its youth."""
        requested_at = self._requested_at.get(report_id, -math.inf)
        age = self._clock.monotonic() - requested_at
        return is_not_yet(error, self._protocol.report_operations, age)

    async def _download(self, task: BatchTask) -> list[BatchTask]:
        task.downloads_left -= 1
        try:
            missing_columns = await self._scheduler.call(self._download_and_store, task)
        except DOWNLOAD_ERRORS as error:
            if self._is_not_yet(task.report.report_id, error):
                task.downloads_left += 1
                self._tracker.log_retry(task, error)
                await self._scheduler.sleep(next(task.early_intervals))
                return [task]
            if not is_retryable(error, task.last_error):
                raise
            task.last_error = error
            self._tracker.log_retry(task, error)
            self._tracker.move(task, _state_after_failed_download(task, error))
            return [task]
        return self._finish(task, missing_columns)

    @hide_frames  # among their local variables is the payload
    def _download_and_store(self, task: BatchTask) -> MissingColumns:
        """Download, parse, store and release a report; return the stored columns that it lacks.

        This is one blocking call, so that no link expires while it waits. The data are as of some
        moment after the request. The moment of the request is recorded as `fetched_at`: a day is
        fetched again too early rather than too late.
        """
        report = task.report
        payload = self._protocol.download(report.report_id)
        try:
            # What another process asked for by a metric that it registered has no type here.
            columns = tuple(name for name in report.columns if name in CATALOGUE)
            tables = self._protocol.split_payload(task.batch, columns, payload)
        except CorruptReport as error:
            error.report_id = report.report_id
            error.add_note(f"report {report.report_id}: {task.batch}")
            raise
        notes = self._tracker.data_notes
        notes.note_tables(task.batch, tables)
        provenance = Provenance(
            report.report_id,
            report.asked_at,
            self._protocol.name,
            refused=self._claims.refused_columns(report),
        )
        partitions = task.batch.partitions
        stored = self._store.store_report(
            tables, provenance, requested=partitions, now=self._clock.now()
        )
        missing_columns = {}
        for partition, outcome in stored.items():
            if outcome.refetch_with is not None:
                missing_columns[partition] = outcome.refetch_with
            notes.note_ambiguous_rows(partition, outcome.ambiguous_rows)
        rows = sum(table.num_rows for table in tables.values())
        self._claims.release(partitions)
        logger.debug("%s: %d rows of report %s", task.batch, rows, report.report_id)
        return missing_columns

    def _finish(self, task: BatchTask, missing_columns: MissingColumns) -> list[BatchTask]:
        """Count a stored report; request partitions again that others stored with more columns."""
        partitions = task.batch.partitions
        to_widen = tuple(partition for partition in partitions if partition in missing_columns)
        self._tracker.mark_stored(set(partitions).difference(to_widen))
        self._tracker.log_stored(task)
        self._tracker.move(task, BatchState.STORED)
        if not to_widen:
            return []
        columns = set(task.batch.columns)
        for partition in to_widen:
            columns.update(missing_columns[partition])
        self._claims.need(to_widen)
        wider = BatchTask(ReportBatch(to_widen, sort_by_catalogue(columns)))
        self._tracker.add([wider])
        return [wider]

    async def _replace_lost(self, task: BatchTask) -> list[BatchTask]:
        assert task.last_error is not None
        task.reports_left -= 1
        if task.reports_left == 0 or not is_terminal(
            task.last_error, self._protocol.report_operations
        ):
            raise task.last_error
        await self._scheduler.call(self._claims.release, task.batch.partitions)
        self._tracker.move(task, BatchState.UNCLAIMED)
        return [task]


def _state_after_failed_download(task: BatchTask, error: SDAnalyticsError) -> BatchState:
    if task.downloads_left == 0:
        return BatchState.LOST
    if isinstance(error, NotReady):
        return BatchState.IN_FLIGHT
    return BatchState.READY
