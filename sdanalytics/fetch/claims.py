"""Claims: which partitions this call requests, and which other calls and processes do.

A report is requested once, however many calls want it at the same time: before it is requested,
its partitions are claimed in the in-flight registry of the store
(`sdanalytics.store.in_flight`). All methods of `Claims` read and write that registry and the
store, so they run in worker threads.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sdanalytics._core.clock import Clock
from sdanalytics.errors import BadRequest, CorruptReport, InvalidReport, RateLimited, ReportTooOld
from sdanalytics.fetch.protocols.base import ReportProtocol
from sdanalytics.fetch.refused_columns import ColumnsRefused, RefusedColumns
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.metrics import CAMPAIGN_FACTS, sort_by_catalogue
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.claim_status import ClaimedReport, ClaimStatus
from sdanalytics.store.in_flight import InFlightRegistry
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.partitions import PartitionStore


@dataclass(frozen=True)
class FetchNeeds:
    """The partitions that a fetch has to store.

    Attributes
    ----------
    columns : mapping of Partition to sequence of str
        The partitions to fetch, each with the columns to request.
    cached : mapping of Partition to CachedPartition or None
        The stored version of each partition when it was looked up.
    columns_to_request : callable
        Returns the columns to request where a `CachedPartition`, or None, is stored.
    refused : RefusedColumns
        The columns that the service has refused in this call.
    """

    columns: Mapping[Partition, Sequence[str]]
    cached: Mapping[Partition, CachedPartition | None]
    columns_to_request: Callable[[CachedPartition | None], Sequence[str]]
    refused: RefusedColumns


@dataclass(frozen=True)
class BatchClaims:
    """The partitions of a batch, by who fetches them.

    Attributes
    ----------
    resumable : tuple of (ClaimedReport, tuple of Partition)
        Reports in flight that this call has claimed, each with its partitions of the batch.
    unclaimed, claimed_elsewhere : tuple of Partition
        Partitions that no call fetches, and those that another call fetches.
    stored : tuple of Partition
        Partitions that another call has stored meanwhile.
    requested : ClaimedReport or None
        The one of the resumable reports that this call has just requested.
    """

    resumable: tuple[tuple[ClaimedReport, tuple[Partition, ...]], ...] = ()
    unclaimed: tuple[Partition, ...] = ()
    claimed_elsewhere: tuple[Partition, ...] = ()
    stored: tuple[Partition, ...] = ()
    requested: ClaimedReport | None = None


class Claims:
    """The claims of one call.

    Parameters
    ----------
    protocol : ReportProtocol
    store : PartitionStore
    registry : InFlightRegistry
        Open.
    clock : Clock
    needs : FetchNeeds
    """

    def __init__(
        self,
        protocol: ReportProtocol,
        store: PartitionStore,
        registry: InFlightRegistry,
        clock: Clock,
        needs: FetchNeeds,
    ) -> None:
        self._protocol = protocol
        self._store = store
        self._registry = registry
        self._clock = clock
        self._needs = needs
        self._needed = set(needs.columns)
        self._too_old: ReportTooOld | None = None
        self._last_unavailable = date.min
        cached = [entry for entry in needs.cached.values() if entry is not None]
        self._partition_by_report_id = {entry.report_id: entry.partition for entry in cached}

    def need(self, partitions: Iterable[Partition]) -> None:
        """Record partitions that have to be fetched again, with more columns."""
        self._needed.update(partitions)

    def check(self, batch: ReportBatch) -> BatchClaims:
        """Return the claims on a batch; reports that can be resumed become this call's."""
        batch = self._without_refused_columns(batch)
        status = self._registry.status(batch, self._clock.now())
        finished = []
        for report, partitions in status.resumable:
            for partition in partitions:
                if self._is_from_report(partition, report):
                    finished.append(partition)
        if finished:  # by a call that ended before it could release them
            self._registry.release(finished)
            status = self._registry.status(batch, self._clock.now())
        return self._drop_already_stored(batch, status)

    def create_when_allowed(self, batch: ReportBatch) -> BatchClaims | float:
        """Request a report of a batch, or return the seconds to wait before it may be requested.

        This is one blocking call, so that the report id is recorded as soon as it is known,
        whatever happens to the fetch meanwhile.
        """
        self._needs.refused.ensure_none_required()
        delay = self._protocol.create_delay()
        if delay > 0:
            return delay
        try:
            return self._claim_and_create(self._without_refused_columns(batch))
        except (RateLimited, ColumnsRefused):
            return self._protocol.create_delay()

    def release(self, partitions: Iterable[Partition]) -> None:
        """Release claims: the partitions are stored, or their report will never be ready."""
        self._registry.release(partitions)

    def refused_columns(self, report: ClaimedReport) -> tuple[str, ...]:
        """Return the columns that a report lacks because the service refused them in this call."""
        return self._needs.refused.not_in(report.columns)

    def owned_reports(self) -> dict[str, list[Partition]]:
        """Return the reports in flight that are this call's, by id, with their partitions."""
        return self._registry.owned()

    def _claim_and_create(self, batch: ReportBatch) -> BatchClaims:
        """Claim the partitions of a batch that are still free, and request a report of them."""
        now = self._clock.now()
        claimed: tuple[Partition, ...] = ()
        try:
            status = self._registry.claim(batch, now)
            claimed = status.unclaimed
            claims = self._drop_already_stored(batch, status)
            not_needed = set(claimed).difference(claims.unclaimed)
            if not_needed:
                self._registry.release(not_needed)
            if not claims.unclaimed:
                return claims
            request = self._with_newly_cached_columns(batch.subset(claims.unclaimed))
            report = ClaimedReport(request.columns, self._create(request), now)
            self._needs.refused.confirm()
        except ColumnsRefused:
            restored = self._restore_superseded(batch, status)
            self._registry.release(set(claimed) - restored)
            raise
        except BaseException:
            self._registry.release(claimed)
            raise
        self._registry.record(request, report)
        resumable = (*claims.resumable, (report, request.partitions))
        return replace(claims, resumable=resumable, unclaimed=(), requested=report)

    def _restore_superseded(self, batch: ReportBatch, status: ClaimStatus) -> set[Partition]:
        """Record again the reports that lack columns: without the refused ones they may serve.

        Returns their partitions.
        """
        restored: set[Partition] = set()
        for report, partitions in status.superseded:
            self._registry.record(batch.subset(partitions), report)
            restored.update(partitions)
        return restored

    def _is_from_report(self, partition: Partition, report: ClaimedReport) -> bool:
        """Return whether the stored partition is from that report."""
        entry = self._store.lookup(partition)
        return entry is not None and entry.report_id == report.report_id

    def _with_newly_cached_columns(self, batch: ReportBatch) -> ReportBatch:
        """Add the columns that others have stored while this call waited."""
        names = set(batch.columns)
        for partition in batch.partitions:
            entry = self._store.lookup(partition)
            names.update(self._needs.columns_to_request(entry))
        wider = replace(batch, columns=sort_by_catalogue(names))
        return self._without_refused_columns(wider)

    def _without_refused_columns(self, batch: ReportBatch) -> ReportBatch:
        return replace(batch, columns=self._needs.refused.without(batch.columns))

    def _drop_already_stored(self, batch: ReportBatch, status: ClaimStatus) -> BatchClaims:
        """Leave out partitions that others have stored, and reports that nobody needs."""
        stored = []
        unclaimed = []
        for partition in status.unclaimed:
            if self._was_stored_by_other(partition, batch.columns):
                stored.append(partition)
            else:
                unclaimed.append(partition)
        if self._needed.isdisjoint(unclaimed):  # this call needs none of them
            unclaimed = []
        return BatchClaims(
            status.resumable, tuple(unclaimed), status.claimed_elsewhere, tuple(stored)
        )

    def _was_stored_by_other(self, partition: Partition, columns: tuple[str, ...]) -> bool:
        """Return whether another call has stored all columns since this call's lookup."""
        previous = self._needs.cached.get(partition)
        entry = self._store.lookup(partition)
        if entry is None:
            return False
        for name in columns:
            is_left_out = name in entry.refused and not self._needs.refused.is_required(name)
            if name not in entry.columns and name not in CAMPAIGN_FACTS and not is_left_out:
                return False
        return previous is None or entry.report_id != previous.report_id

    def _create(self, batch: ReportBatch) -> str:
        """Request a report, unless a day of it is known to be too old for the service."""
        oldest = unique_days(batch.partitions)[0]
        if self._too_old is not None and oldest <= self._last_unavailable:
            raise copy.copy(self._too_old)
        try:
            report_id = self._protocol.create(batch)
        except (BadRequest, InvalidReport) as error:
            refused = self._protocol.refused_columns(error, batch.columns)
            self._needs.refused.learn(refused, batch.columns, error)
        except ReportTooOld as error:
            error.last_day = self._last_unavailable = error.last_day or oldest
            self._too_old = error
            raise
        self._check_is_new(report_id, batch)
        return report_id

    def _check_is_new(self, report_id: str, batch: ReportBatch) -> None:
        """Refuse the id of another partition's report, as a proxy that replays responses has it.

        The rows of version 2 have no date: nothing but the id tells whose they are.
        """
        if self._protocol.spans_partitions:
            return
        [partition] = batch.partitions
        other = self._partition_by_report_id.setdefault(report_id, partition)
        if other != partition:
            raise CorruptReport(
                f"the service has answered the request for {partition} with report {report_id}, "
                f"which is that of {other}: nothing of it is stored. Check whether a proxy caches "
                "responses, then call again",
                report_id=report_id,
            )
