"""The download engine: create, poll, download and store many reports at once.

Each batch (the partitions that are requested in one report) is a trio task that moves through
explicit states; blocking calls run in worker threads. A batch of which only a part is claimed by
another call falls into parts, each with its own state.

=================  ==================================  ==========================================
state              action                              next state
=================  ==================================  ==========================================
UNCLAIMED          wait for the rate limiter; claim    IN_FLIGHT: requested, or resumed
                   the partitions; create a report     CLAIMED_ELSEWHERE: another call was first
                                                       STORED: another call has stored it
CLAIMED_ELSEWHERE  wait; check the claims again        CLAIMED_ELSEWHERE, UNCLAIMED, IN_FLIGHT
                                                       (resumed), STORED
IN_FLIGHT          poll until the report is ready      READY
                                                       LOST: the service does not know it
READY              download, parse and store           STORED
                                                       READY: try the download again
                                                       IN_FLIGHT: it was not ready after all
                                                       LOST: no download is left
                                                       UNCLAIMED: another call has stored more
                                                       columns meanwhile; request all of them
LOST               release the claim                   UNCLAIMED: request a new report
STORED, FAILED     none                                final
=================  ==================================  ==========================================

Any other error moves the batch to FAILED, and ends the fetch if no other report could escape it
(`sdanalytics.fetch.error_policy`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import trio

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import GRACE_PERIOD, run_interruptible
from sdanalytics._core.worker_threads import TrioClock, WorkerThreads
from sdanalytics.errors import (
    CorruptReport,
    NotFound,
    NotReady,
    RateLimited,
    ReportTimeout,
    SDAnalyticsError,
)
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.claims import BatchClaims, Claims, FetchNeeds
from sdanalytics.fetch.error_policy import DOWNLOAD_ERRORS, is_fatal, is_retryable, is_terminal
from sdanalytics.fetch.polling import AdaptivePoller
from sdanalytics.fetch.protocols.base import ReportProtocol
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.fetch.wording import format_count
from sdanalytics.model.metrics import sort_by_catalogue
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.cache import ReportCache
from sdanalytics.store.in_flight import InFlightRegistry

logger = logging.getLogger("sdanalytics")

MAX_CONCURRENT_REQUESTS: Final = 8
"""How many requests a fetch has under way at the same time."""
CANCEL_TIMEOUT: Final = 5.0
"""Seconds to tell the service that reports are no longer wanted."""
MAX_LISTED_REPORTS: Final = 3
"""How many report ids an error message names."""

MissingColumns = Mapping[Partition, Sequence[str]]
"""The stored columns that a report lacks, by partition."""


class ReportEngine:
    """Brings reports from the service into the store.

    Parameters
    ----------
    protocol : ReportProtocol
    store : ReportCache
        Each report is stored as soon as it arrives.
    registry : InFlightRegistry
        Open; the reports in flight of this call and others.
    deadline : Deadline
        Of the whole fetch.
    tracker : FetchTracker
    needs : FetchNeeds
    """

    def __init__(
        self,
        protocol: ReportProtocol,
        store: ReportCache,
        registry: InFlightRegistry,
        deadline: Deadline,
        tracker: FetchTracker,
        needs: FetchNeeds,
    ) -> None:
        self._protocol = protocol
        self._store = store
        self._deadline = deadline
        self._tracker = tracker
        self._needs = needs
        self._claims = Claims(protocol, store, registry, deadline.clock, needs)
        self._workers = WorkerThreads(MAX_CONCURRENT_REQUESTS)
        # One create at a time: a crash leaves at most one report whose id is not recorded.
        self._create_lock = trio.Lock()
        self._poller = AdaptivePoller(protocol.poll_intervals)
        self._wake = trio.Event()
        self._began = deadline.clock.now()
        self._failures: dict[Partition, SDAnalyticsError] = {}
        self._fatal_error: Exception | None = None

    def run(self) -> dict[Partition, SDAnalyticsError]:
        """Fetch and store each partition with its columns; return what failed, and why.

        Partitions that another call is fetching are waited for; reports of a call that has
        ended are resumed.

        Raises
        ------
        ReportTimeout
            When the deadline comes before all have arrived.
        SDAnalyticsError
            An error that no report of the fetch could escape: `Unauthorized`, `RateLimited`
            for longer than the deadline, `CacheError`.
        """
        batches = self._protocol.batch(self._needs.columns)
        try:
            in_time = self._run_batches(batches)
        except ReportTimeout:  # raised by a request, which knows of no other report
            in_time = False
        if not in_time:
            if self._deadline.is_cancelled:
                self._cancel_reports()
            raise self._timeout_error()
        return self._failures

    def _run_batches(self, batches: Sequence[ReportBatch]) -> bool:
        """Bring all batches to a final state; False when the deadline came first."""
        # All claims are checked at once, so that the newest days are first in line to be
        # requested, whichever check is quicker.
        claims = run_interruptible(
            lambda: [self._claims.check(batch) for batch in batches], self._deadline
        )
        if claims is None:
            return False
        clock = TrioClock(self._deadline.clock, self._workers)
        try:
            return trio.run(self._run_all, batches, claims, clock=clock)
        finally:
            # Calls that were abandoned get a moment to store what has arrived.
            if not self._workers.wait_until_idle(0.0):
                self._deadline.expire()
                self._workers.wait_until_idle(GRACE_PERIOD)

    async def _run_all(self, batches: Sequence[ReportBatch], claims: Sequence[BatchClaims]) -> bool:
        trio_token = trio.lowlevel.current_trio_token()
        scope = trio.CancelScope(deadline=trio.current_time() + self._deadline.remaining)

        def cancel_soon() -> None:
            with contextlib.suppress(trio.RunFinishedError):
                trio_token.run_sync_soon(scope.cancel)

        with self._deadline.on_expiry(cancel_soon), scope:
            async with trio.open_nursery() as nursery:
                for batch, batch_claims in zip(batches, claims, strict=True):
                    # One after another: trio would start them in any order.
                    await nursery.start(self._run_batch, batch, batch_claims, scope)
        if self._fatal_error is not None:
            raise self._fatal_error
        return not scope.cancelled_caught

    async def _run_batch(
        self,
        batch: ReportBatch,
        claims: BatchClaims,
        scope: trio.CancelScope,
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        """Bring a batch to a final state; a fatal error cancels all others."""
        task_status.started()
        try:
            await self._process_batch(batch, claims)
        except Exception as error:
            if self._fatal_error is None:
                self._fatal_error = error
            scope.cancel()

    async def _process_batch(self, batch: ReportBatch, claims: BatchClaims) -> None:
        """Work on the parts of a batch, one step at a time, until none is left."""
        parts = self._split(BatchTask(batch), claims)
        try:
            while parts:
                part = min(parts, key=lambda part: part.state)  # of equals the first
                parts.remove(part)
                parts.extend(await self._advance(part))
        except Exception as error:
            await self._fail(batch, [part, *parts], error)

    async def _advance(self, task: BatchTask) -> list[BatchTask]:
        """Do what the state of a task requires; return the tasks that are left to do."""
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
        async with self._create_lock:
            claims = await self._claim_and_create(task.batch)
        self._tracker.drop(task)
        return self._split(task, claims)

    async def _claim_and_create(self, batch: ReportBatch) -> BatchClaims:
        while True:
            while (delay := await self._workers.run(self._protocol.create_delay)) > 0:
                await self._sleep(delay)
            with contextlib.suppress(RateLimited):  # create_delay returns how long to wait
                return await self._workers.run(partial(self._claims.claim_and_create, batch))

    async def _wait_for_other_call(self, task: BatchTask) -> list[BatchTask]:
        await self._sleep(next(task.claim_poll_intervals))
        claims = await self._workers.run(partial(self._claims.check, task.batch))
        self._tracker.drop(task)
        return self._split(task, claims)

    async def _poll(self, task: BatchTask) -> list[BatchTask]:
        try:
            await self._wait_until_ready(task)
        except NotFound as error:
            task.last_error = error
            self._tracker.log_unknown(task)
            self._tracker.move(task, BatchState.LOST)
        else:
            self._tracker.move(task, BatchState.READY)
        return [task]

    async def _wait_until_ready(self, task: BatchTask) -> None:
        # The age of a report that another call requested is unknown: clocks differ.
        is_own = task.report.asked_at >= self._began
        poller = self._poller if is_own else AdaptivePoller(self._protocol.poll_intervals)
        clock = self._deadline.clock
        began = clock.monotonic()
        previous_age = 0.0
        for delay in poller.delays(lambda: clock.monotonic() - began):
            self._tracker.on_change()
            if delay > 0:
                await self._sleep(delay)
                continue
            age = clock.monotonic() - began
            if await self._workers.run(partial(self._protocol.is_ready, task.report.report_id)):
                is_first = poller.observe(previous_age, age)
                if is_first and is_own:
                    self._wake_all()
                return
            previous_age = age

    async def _download(self, task: BatchTask) -> list[BatchTask]:
        task.downloads_left -= 1
        try:
            missing_columns = await self._workers.run(partial(self._download_and_store, task))
        except DOWNLOAD_ERRORS as error:
            if not is_retryable(error, task.last_error):
                raise
            task.last_error = error
            self._tracker.log_retry(task, error)
            self._tracker.move(task, _state_after_failed_download(task, error))
            return [task]
        return await self._finish(task, missing_columns)

    def _download_and_store(self, task: BatchTask) -> MissingColumns:
        """Download, parse and store a report; return the stored columns that it lacks.

        This is one blocking call, so that no link waits and expires. The data are as of some
        moment after the request: with that moment as `fetched_at` a day is fetched again too
        early rather than too late.
        """
        report = task.report
        payload = self._protocol.download(report.report_id)
        try:
            tables = self._protocol.split_payload(task.batch, report.columns, payload)
        except CorruptReport as error:
            error.report_id = report.report_id
            error.add_note(f"report {report.report_id}: {task.batch}")
            raise
        missing_columns = {}
        rows = 0
        for partition, table in tables.items():
            missing = self._store.store(
                partition,
                table,
                report_id=report.report_id,
                fetched_at=report.asked_at,
                api=self._protocol.name,
            )
            if missing:
                missing_columns[partition] = missing
            rows += table.num_rows
        logger.debug("%s: %d rows of report %s", task.batch, rows, report.report_id)
        return missing_columns

    async def _finish(self, task: BatchTask, missing_columns: MissingColumns) -> list[BatchTask]:
        """Release a stored report; request partitions again that others have stored wider."""
        partitions = task.batch.partitions
        await self._workers.run(partial(self._claims.release, partitions))
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
        if task.reports_left == 0 or not self._is_terminal(task.last_error):
            raise task.last_error
        await self._workers.run(partial(self._claims.release, task.batch.partitions))
        self._tracker.move(task, BatchState.UNCLAIMED)
        return [task]

    async def _fail(self, batch: ReportBatch, tasks: Sequence[BatchTask], error: Exception) -> None:
        """Record that a batch has failed; raise the error when it ends the fetch."""
        missing = self._tracker.missing_in(batch.partitions)
        self._tracker.mark_failed(missing)
        for task in tasks:
            self._tracker.move(task, BatchState.FAILED)
        if not isinstance(error, SDAnalyticsError):
            raise error
        if self._is_terminal(error):
            await self._workers.run(partial(self._claims.release, missing))
        if is_fatal(error):
            raise error
        self._tracker.log_failed(batch, error)
        self._failures |= dict.fromkeys(missing, error)

    def _is_terminal(self, error: SDAnalyticsError) -> bool:
        return is_terminal(error, self._protocol.report_operations)

    def _split(self, task: BatchTask, claims: BatchClaims) -> list[BatchTask]:
        """Return the parts that a batch falls into by its claims."""
        self._tracker.mark_stored(claims.stored)
        parts = task.split(claims)
        self._tracker.add(parts)
        for part in parts:
            if part.claim is not None and part.claim == claims.requested:
                self._tracker.log_requested(part)
        return parts

    async def _sleep(self, seconds: float) -> None:
        """Wait; shorter when something happens that may end the wait."""
        with trio.move_on_after(seconds):
            await self._wake.wait()

    def _wake_all(self) -> None:
        """End all waits: reports requested together tend to become ready together."""
        self._wake.set()
        self._wake = trio.Event()

    def _cancel_reports(self) -> None:
        """Cancel the reports in flight that nobody wants any more, where the service can."""
        deadline = Deadline(self._deadline.clock, CANCEL_TIMEOUT)
        for report_id, partitions in self._claims.owned_reports().items():
            cancel = partial(self._protocol.cancel, report_id, deadline)
            with contextlib.suppress(SDAnalyticsError):
                if run_interruptible(cancel, deadline):
                    self._claims.release(partitions)

    def _timeout_error(self) -> ReportTimeout:
        report_ids = self._tracker.reports_in_flight()
        listed = ", ".join(report_ids[:MAX_LISTED_REPORTS])
        if len(report_ids) > MAX_LISTED_REPORTS:
            listed += ", ..."
        reports = format_count(len(report_ids), "report")
        if report_ids:
            reports += f" ({listed})"
        return ReportTimeout(
            f"the timeout of {self._deadline.seconds:g} seconds passed with "
            f"{self._tracker.counts().days_text} fetched and {reports} in flight. What has "
            "arrived is stored, and reports in flight are resumed: call again, with a longer "
            "timeout= if need be",
            report_ids=report_ids,
        )


def _state_after_failed_download(task: BatchTask, error: SDAnalyticsError) -> BatchState:
    if task.downloads_left == 0:
        return BatchState.LOST
    if isinstance(error, NotReady):
        return BatchState.IN_FLIGHT
    return BatchState.READY
