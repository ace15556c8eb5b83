"""Many reports at once: create, poll, download, store."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final, Protocol

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.log_sampling import SampledLogger
from sdanalytics._core.scheduler import Scheduler, Sleep, Task
from sdanalytics.errors import (
    ApiError,
    BadRequest,
    CacheError,
    ConnectionFailed,
    CorruptReport,
    DownloadFailed,
    NotConfigured,
    NotFound,
    NotReady,
    RateLimited,
    ReportFailed,
    ReportTimeout,
    ReportTooOld,
    Retired,
    SDAnalyticsError,
    Unauthorized,
)
from sdanalytics.fetch.polling import AdaptivePoller, backoff_intervals
from sdanalytics.model.metrics import sort_by_catalogue
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.in_flight import ClaimedReport, ClaimStatus, InFlightRegistry
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.partitions import PartitionStore

logger = logging.getLogger("sdanalytics")

MAX_CONCURRENT_REQUESTS: Final = 8
"""How many exchanges a call has under way at the same time."""
MAX_REPORT_ATTEMPTS: Final = 2
"""How often a slice is asked for whose downloads keep failing."""
MAX_DOWNLOAD_ATTEMPTS: Final = 2
"""How often each of these reports is downloaded."""
_WITHDRAWAL: Final = 5.0
"""Seconds to tell the service that reports are no longer wanted."""
_FIRST_LOOK: Final = 0.5
_RAREST_LOOK: Final = 5.0
"""Seconds between two looks at whether another call has brought a slice; ever longer."""

# These are no one report's fault: every other report of the call would meet them too.
_ENDS_THE_CALL: Final = (
    Unauthorized, NotConfigured, RateLimited, ReportTimeout, CacheError, Retired,
)  # fmt: skip

StatusCallback = Callable[[Partition, str], None]
"""Told of each slice's way: ``"waiting"``, ``"downloading"``, ``"done"``, ``"failed"``."""


class ReportProtocol(Protocol):
    """What the flow needs of a version of the reporting API."""

    @property
    def name(self) -> str:
        """The version's name, such as ``"v2"``."""

    def batch(self, needs: Mapping[Partition, Sequence[str]]) -> list[ReportBatch]:
        """What to ask for so that all slices come with their columns, newest first."""

    def create(self, order: ReportBatch) -> str:
        """Ask for a report; its id."""

    def is_ready(self, report_id: str) -> bool:
        """Whether it can be downloaded; `ReportFailed` when it never will be."""

    @property
    def report_operations(self) -> frozenset[str]:
        """Operations whose 400 or 404 means that a report is gone."""

    def download(self, report_id: str) -> Any:
        """Its payload; `NotReady` when it was said to be ready and is not."""

    def split_payload(
        self, order: ReportBatch, columns: Sequence[str], payload: Any
    ) -> Mapping[Partition, pa.Table]:
        """The slices that a payload holds, in the order in which they are to be stored."""

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Have the service stop building a report; whether it can."""

    def create_delay(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""

    def poll_intervals(self) -> Iterator[float]:
        """Seconds to wait before each call of `is_ready`, as long as nothing is learned."""


class ReportEngine:
    """Brings reports from the service into the store.

    Parameters
    ----------
    dialect : Dialect
    store : PartitionStore
        Where each report is put as soon as it arrives.
    ledger : Ledger
        Open; of the reports that this call and others are having built.
    limit : Limit
        Of the whole call.
    watch : callable
    """

    def __init__(
        self,
        dialect: ReportProtocol,
        store: PartitionStore,
        ledger: InFlightRegistry,
        deadline: Deadline,
        watch: StatusCallback,
    ) -> None:
        self._dialect = dialect
        self._store = store
        self._ledger = ledger
        self._deadline = deadline
        self._watch = watch
        self._stage: Scheduler[ReportBatch] = Scheduler(
            deadline, MAX_CONCURRENT_REQUESTS, self._ended
        )
        # One at a time: a crash leaves one report at most that is not written down.
        self._asking = self._stage.turn()
        self._events = SampledLogger(logger)
        self._looks = AdaptivePoller(dialect.poll_intervals)
        self._began = deadline.clock.now()
        self._held: Mapping[Partition, CachedPartition | None] = {}
        self._building: dict[str, ReportBatch] = {}
        self._wanted: set[Partition] = set()
        self._come: set[Partition] = set()
        self._failures: dict[Partition, SDAnalyticsError] = {}
        self._needed = self._asked = 0
        self._too_old: tuple[date, ReportTooOld] | None = None

    def run(
        self,
        needs: Mapping[Partition, Sequence[str]],
        held: Mapping[Partition, CachedPartition | None],
        to_ask: Callable[[CachedPartition | None], Sequence[str]],
    ) -> dict[Partition, SDAnalyticsError]:
        """Fetch and store each slice with its columns; what failed, and why.

        What another call is fetching is waited for, what one that is gone has asked for is
        taken up (`sdanalytics.store.in_flight`). `held` is what the store had of each slice when it
        was decided to fetch it; `to_ask` tells which columns to ask for where something is
        stored.

        Raises
        ------
        ReportTimeout
            When the limit comes before all have arrived.
        SDAnalyticsError
            What no report of the call could escape: `Unauthorized`, `RateLimited` for
            longer than the limit, `CacheError`.
        """
        self._held = held
        self._to_ask = to_ask
        self._wanted = set(needs)
        self._needed = len(needs)
        orders = self._dialect.batch(needs)
        try:
            # All at once, so that the newest are first in line, whoever is quicker.
            looks = Scheduler.perform(
                lambda: [self._look(order) for order in orders], self._deadline
            )
            stories = zip(orders, map(self._way, orders, looks or []), strict=True)
            in_time = looks is not None and self._stage.play(dict(stories))
        except ReportTimeout:  # a worker's, which knows of no other report
            in_time = False
        if not in_time:
            if self._deadline.is_cancelled:
                self._withdraw()
            raise self._timed_out()
        return self._failures

    def _way(
        self,
        order: ReportBatch,
        standing: ClaimStatus,
        reports: int = MAX_REPORT_ATTEMPTS,
        last_error: SDAnalyticsError | None = None,
    ) -> Task[None]:
        """The way of an order, by one report, or several where others have asked for parts."""
        for pause in backoff_intervals(_FIRST_LOOK, _RAREST_LOOK):
            self._tell(order.partitions, "waiting")
            if standing.unclaimed:
                asked = yield from self._ask_in_turn(order.subset(standing.unclaimed))
                standing = replace(
                    asked,
                    resumable=standing.resumable + asked.resumable,
                    claimed_elsewhere=standing.claimed_elsewhere + asked.claimed_elsewhere,
                )
            for claim, brought in standing.resumable:
                yield from self._bring(order.subset(brought), claim, reports, last_error)
            if not standing.claimed_elsewhere:
                return
            yield Sleep(pause)
            standing = yield partial(self._look, order.subset(standing.claimed_elsewhere))

    def _bring(
        self,
        order: ReportBatch,
        claim: ClaimedReport,
        reports: int,
        last_error: SDAnalyticsError | None,
    ) -> Task[None]:
        """The way of a report that is being built; so many reports may be tried."""
        report_id = claim.report_id
        self._building[report_id] = order
        try:
            yield from self._until_ready(order, claim)
        except NotFound as error:
            self._building.pop(report_id, None)
            last_error = error
            self._events.log("unknown", "%s: report %s is unknown by now", order, report_id)
        else:
            self._building.pop(report_id, None)
            for _ in range(MAX_DOWNLOAD_ATTEMPTS):
                self._tell(order.partitions, "downloading")
                try:
                    lacking = yield partial(self._collect, order, claim)
                except (DownloadFailed, CorruptReport, ApiError) as error:
                    if not _worth_another_try(error, last_error):
                        raise
                    last_error = error
                    self._events.log("download", "%s: %s; trying again", order, error)
                    if isinstance(error, NotReady):
                        yield from self._until_ready(order, claim)
                else:
                    yield from self._settle(order, report_id, lacking)
                    return
        assert last_error is not None
        if reports == 1 or not self._is_over(last_error):
            raise last_error
        yield partial(self._ledger.release, order.partitions)
        yield from self._way(
            order, ClaimStatus(unclaimed=order.partitions), reports - 1, last_error
        )

    def _settle(
        self, order: ReportBatch, report_id: str, lacking: Mapping[Partition, Sequence[str]]
    ) -> Task[None]:
        """End what has come; what others have stored wider meanwhile is asked for anew."""
        yield partial(self._ledger.release, order.partitions)
        self._come.update(set(order.partitions) - set(lacking))
        words = "%s: report %s is stored (%d of %d)"
        self._events.log("stored", words, order, report_id, len(self._come), self._needed)
        if lacking:
            wider = {name for names in lacking.values() for name in names}
            columns = sort_by_catalogue([*order.columns, *wider])
            partitions = tuple(lacking)
            self._wanted.update(partitions)
            yield from self._way(
                ReportBatch(partitions, columns), ClaimStatus(unclaimed=partitions)
            )

    def _ask_in_turn(self, order: ReportBatch) -> Task[ClaimStatus]:
        yield self._asking
        try:
            while True:
                while (wait := (yield self._dialect.create_delay)) > 0:
                    yield Sleep(wait)
                with contextlib.suppress(RateLimited):  # until_create tells how long to wait
                    return (yield partial(self._ask, order))  # type: ignore[no-any-return]
        finally:
            self._asking.leave()

    def _look(self, order: ReportBatch) -> ClaimStatus:
        """How its slices stand, without those that another call has stored."""
        standing = self._ledger.status(order, self._deadline.clock.now())
        stored = {
            p
            for claim, partitions in standing.resumable
            for p in partitions
            if self._is_of(p, claim)
        }
        if stored:  # by a call that ended before it could strike them out
            self._ledger.release(stored)
            standing = self._ledger.status(order, self._deadline.clock.now())
        return self._without_come(order, standing)

    def _is_of(self, partition: Partition, claim: ClaimedReport) -> bool:
        """Whether what is stored of a slice came by that report."""
        entry = self._store.lookup(partition)
        return entry is not None and entry.report_id == claim.report_id

    def _ask(self, order: ReportBatch) -> ClaimStatus:
        """Ask for a report of what nobody has asked for meanwhile.

        This is one piece of work, so that the id is written down as soon as there is one,
        whatever becomes of the call meanwhile.
        """
        now = self._deadline.clock.now()
        mine: tuple[Partition, ...] = ()
        try:
            standing = self._ledger.claim(order, now)
            mine = standing.unclaimed
            standing = self._without_come(order, standing)
            if come := set(mine) - set(standing.unclaimed):
                self._ledger.release(come)
            if not standing.unclaimed:
                return standing
            order = self._widened(order.subset(standing.unclaimed))
            claim = ClaimedReport(order.columns, self._create(order), now)
        except BaseException:
            self._ledger.release(mine)
            raise
        self._ledger.record(order, claim)
        self._asked += len(order.partitions)
        message = "%s: report %s is being built (asked for %d of %d)"
        self._events.log("asked", message, order, claim.report_id, self._asked, self._needed)
        return replace(
            standing, resumable=(*standing.resumable, (claim, order.partitions)), unclaimed=()
        )

    def _widened(self, order: ReportBatch) -> ReportBatch:
        """With the columns that others have stored while this call waited for its turn."""
        names = {name for p in order.partitions for name in self._to_ask(self._store.lookup(p))}
        return replace(order, columns=sort_by_catalogue([*order.columns, *names]))

    def _without_come(self, order: ReportBatch, standing: ClaimStatus) -> ClaimStatus:
        """Without what others have stored; what would only come along is not asked for."""
        come = {
            partition
            for partition in standing.unclaimed
            if self._has_come(partition, order.columns)
        }
        self._come |= come
        free = tuple(partition for partition in standing.unclaimed if partition not in come)
        return replace(standing, unclaimed=free if self._wanted.intersection(free) else ())

    def _has_come(self, partition: Partition, columns: Sequence[str]) -> bool:
        """Whether another call has stored what is wanted since this one looked."""
        before, now = self._held.get(partition), self._store.lookup(partition)
        if now is None or not now.has_columns(tuple(columns)):
            return False
        return before is None or now.report_id != before.report_id

    def _create(self, order: ReportBatch) -> str:
        """Ask for a report, unless a later day was already too old for the service."""
        refused, newest = self._too_old, max(partition.date for partition in order.partitions)
        if refused and newest <= refused[0]:
            raise copy.copy(refused[1])
        try:
            return self._dialect.create(order)
        except ReportTooOld as error:
            self._too_old = (newest, error)
            raise

    def _until_ready(self, order: ReportBatch, claim: ClaimedReport) -> Task[None]:
        """Look at a report until it is ready."""
        # How old it is when another call has asked for it nobody knows: clocks differ.
        is_own = claim.asked_at >= self._began
        looks = self._looks if is_own else AdaptivePoller(self._dialect.poll_intervals)
        clock, before = self._deadline.clock, 0.0
        began = clock.monotonic()
        for pause in looks.pauses(lambda: clock.monotonic() - began):
            # Again each time: who watches shows what is new now and then, and the last of it, too.
            self._tell(order.partitions, "waiting")
            if pause > 0:
                yield Sleep(pause)
                continue
            age = clock.monotonic() - began
            if (yield partial(self._dialect.is_ready, claim.report_id)):
                if looks.learn(before, age) and is_own:
                    self._stage.hurry()
                return
            before = age

    def _collect(
        self, order: ReportBatch, claim: ClaimedReport
    ) -> dict[Partition, tuple[str, ...]]:
        """Download, parse and store: one piece of work, so that no link waits and expires.

        The columns that the store has and the report lacks are given back, for each slice of
        which there are any. The data are as of some moment after the report was asked for:
        taking that moment for `fetched_at`, a day is asked for again rather too early than
        too late.
        """
        payload = self._dialect.download(claim.report_id)
        try:
            tables = self._dialect.split_payload(order, claim.columns, payload)
        except CorruptReport as error:
            error.report_id = claim.report_id
            error.add_note(f"report {claim.report_id}: {order}")
            raise
        origin = Provenance(claim.report_id, claim.asked_at, self._dialect.name)
        lacking = {
            partition: self._store.store(partition, table, origin)
            for partition, table in tables.items()
        }
        rows = sum(table.num_rows for table in tables.values())
        logger.debug("%s: %d rows of report %s", order, rows, claim.report_id)
        return {
            partition: lacking[partition]
            for partition in order.partitions
            if lacking.get(partition)
        }

    def _tell(self, partitions: Iterable[Partition], state: str) -> None:
        for partition in partitions:
            self._watch(partition, state)

    def _ended(self, order: ReportBatch, error: Exception | None) -> None:
        missing = [partition for partition in order.partitions if partition not in self._come]
        self._tell(set(order.partitions) - set(missing) if error else order.partitions, "done")
        if error is None:
            return
        self._tell(missing, "failed")
        if isinstance(error, SDAnalyticsError) and self._is_over(error):
            self._ledger.release(missing)
        if not isinstance(error, SDAnalyticsError) or _ends_the_call(error):
            raise error
        self._events.log(type(error).__name__, "%s: %s", order, error)
        self._failures |= dict.fromkeys(missing, error)

    def _is_over(self, error: SDAnalyticsError) -> bool:
        """Whether nothing more can come of the report that failed so; else it is taken up."""
        if isinstance(error, DownloadFailed):
            return error.is_refused
        if isinstance(error, BadRequest | NotFound):
            return error.operation in self._dialect.report_operations
        return isinstance(error, ReportFailed | CorruptReport)

    def _withdraw(self) -> None:
        """Have the service build nothing more that nobody wants, where it can be told so."""
        deadline = Deadline(self._deadline.clock, _WITHDRAWAL)
        for report_id, partitions in self._ledger.owned().items():
            with contextlib.suppress(SDAnalyticsError):
                if Scheduler.perform(partial(self._dialect.cancel, report_id, deadline), deadline):
                    self._ledger.release(partitions)

    def _timed_out(self) -> ReportTimeout:
        over = self._come.union(self._failures)
        ids = tuple(i for i, o in self._building.items() if not over.issuperset(o.partitions))
        some = ", ".join([*ids[:3], "..."] if len(ids) > 3 else ids) or "none"
        there = len(self._come) + len(self._failures)
        return ReportTimeout(
            f"the timeout of {self._deadline.seconds:g} seconds passed; of {self._needed} reports "
            f"{self._needed - there} had not arrived, of which {len(ids)} were being built "
            f"({some}). "
            "What arrived is stored, and what is being built will be taken up: call again, with a "
            "longer timeout= if need be",
            report_ids=ids,
        )


def _ends_the_call(error: Exception) -> bool:
    unreachable = isinstance(error, ConnectionFailed) and not error.sent
    return unreachable or isinstance(error, _ENDS_THE_CALL)


def _worth_another_try(error: SDAnalyticsError, before: SDAnalyticsError | None) -> bool:
    """Whether downloading again, or a new report, can help.

    A value that does not fit its type will be sent again as it is. What the API says of a
    download counts only after a link has failed: then the report may be gone for good.
    """
    if _ends_the_call(error):
        return False
    if isinstance(error, CorruptReport):
        return error.row is None
    return isinstance(error, DownloadFailed) or before is not None
