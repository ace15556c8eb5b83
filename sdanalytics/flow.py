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

from sdanalytics.cache import ReportCache
from sdanalytics.clock import Limit
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
from sdanalytics.files import Entry
from sdanalytics.ledger import Claim, Ledger, Standing
from sdanalytics.looks import Looks, growing
from sdanalytics.metrics import catalogue_order
from sdanalytics.order import Order
from sdanalytics.query import Slice
from sdanalytics.steps import Pause, Stage, Story
from sdanalytics.telling import Teller

logger = logging.getLogger("sdanalytics")

WORKERS: Final = 8
"""How many exchanges a call has under way at the same time."""
REPORTS: Final = 2
"""How often a slice is asked for whose downloads keep failing."""
DOWNLOADS: Final = 2
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

Watch = Callable[[Slice, str], None]
"""Told of each slice's way: ``"waiting"``, ``"downloading"``, ``"done"``, ``"failed"``."""


class Dialect(Protocol):
    """What the flow needs of a version of the reporting API."""

    @property
    def name(self) -> str:
        """The version's name, such as ``"v2"``."""

    def gather(self, needs: Mapping[Slice, Sequence[str]]) -> list[Order]:
        """What to ask for so that all slices come with their columns, newest first."""

    def create(self, order: Order) -> str:
        """Ask for a report; its id."""

    def is_ready(self, report_id: str) -> bool:
        """Whether it can be downloaded; `ReportFailed` when it never will be."""

    @property
    def about_reports(self) -> frozenset[str]:
        """Operations whose 400 or 404 means that a report is gone."""

    def download(self, report_id: str) -> Any:
        """Its payload; `NotReady` when it was said to be ready and is not."""

    def tables(
        self, order: Order, columns: Sequence[str], payload: Any
    ) -> Mapping[Slice, pa.Table]:
        """The slices that a payload holds, in the order in which they are to be stored."""

    def withdraw(self, report_id: str, limit: Limit) -> bool:
        """Have the service stop building a report; whether it can."""

    def until_create(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""

    def waits(self) -> Iterator[float]:
        """Seconds to wait before each call of `is_ready`, as long as nothing is learned."""


class Flow:
    """Brings reports from the service into the store.

    Parameters
    ----------
    dialect : Dialect
    store : ReportCache
        Where each report is put as soon as it arrives.
    ledger : Ledger
        Open; of the reports that this call and others are having built.
    limit : Limit
        Of the whole call.
    watch : callable
    """

    def __init__(
        self, dialect: Dialect, store: ReportCache, ledger: Ledger, limit: Limit, watch: Watch
    ) -> None:
        self._dialect = dialect
        self._store = store
        self._ledger = ledger
        self._limit = limit
        self._watch = watch
        self._stage: Stage[Order] = Stage(limit, WORKERS, self._ended)
        # One at a time: a crash leaves one report at most that is not written down.
        self._asking = self._stage.turn()
        self._teller = Teller(logger)
        self._looks = Looks(dialect.waits)
        self._began = limit.clock.now()
        self._held: Mapping[Slice, Entry | None] = {}
        self._building: dict[str, Order] = {}
        self._wanted: set[Slice] = set()
        self._come: set[Slice] = set()
        self._failures: dict[Slice, SDAnalyticsError] = {}
        self._needed = self._asked = 0
        self._too_old: tuple[date, ReportTooOld] | None = None

    def run(
        self,
        needs: Mapping[Slice, Sequence[str]],
        held: Mapping[Slice, Entry | None],
        to_ask: Callable[[Entry | None], Sequence[str]],
    ) -> dict[Slice, SDAnalyticsError]:
        """Fetch and store each slice with its columns; what failed, and why.

        What another call is fetching is waited for, what one that is gone has asked for is
        taken up (`sdanalytics.ledger`). `held` is what the store had of each slice when it
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
        orders = self._dialect.gather(needs)
        try:
            # All at once, so that the newest are first in line, whoever is quicker.
            looks = Stage.perform(lambda: [self._look(order) for order in orders], self._limit)
            stories = zip(orders, map(self._way, orders, looks or []), strict=True)
            in_time = looks is not None and self._stage.play(dict(stories))
        except ReportTimeout:  # a worker's, which knows of no other report
            in_time = False
        if not in_time:
            if self._limit.is_cancelled:
                self._withdraw()
            raise self._timed_out()
        return self._failures

    def _way(
        self,
        order: Order,
        standing: Standing,
        reports: int = REPORTS,
        trouble: SDAnalyticsError | None = None,
    ) -> Story[None]:
        """The way of an order, by one report, or several where others have asked for parts."""
        for pause in growing(_FIRST_LOOK, _RAREST_LOOK):
            self._tell(order.pieces, "waiting")
            if standing.free:
                asked = yield from self._ask_in_turn(order.of(standing.free))
                standing = replace(
                    asked, built=standing.built + asked.built, held=standing.held + asked.held
                )
            for claim, brought in standing.built:
                yield from self._bring(order.of(brought), claim, reports, trouble)
            if not standing.held:
                return
            yield Pause(pause)
            standing = yield partial(self._look, order.of(standing.held))

    def _bring(
        self, order: Order, claim: Claim, reports: int, trouble: SDAnalyticsError | None
    ) -> Story[None]:
        """The way of a report that is being built; so many reports may be tried."""
        report_id = claim.report_id
        self._building[report_id] = order
        try:
            yield from self._until_ready(order, claim)
        except NotFound as error:
            self._building.pop(report_id, None)
            trouble = error
            self._teller.tell("unknown", "%s: report %s is unknown by now", order, report_id)
        else:
            self._building.pop(report_id, None)
            for _ in range(DOWNLOADS):
                self._tell(order.pieces, "downloading")
                try:
                    lacking = yield partial(self._collect, order, claim)
                except (DownloadFailed, CorruptReport, ApiError) as error:
                    if not _worth_another_try(error, trouble):
                        raise
                    trouble = error
                    self._teller.tell("download", "%s: %s; trying again", order, error)
                    if isinstance(error, NotReady):
                        yield from self._until_ready(order, claim)
                else:
                    yield from self._settle(order, report_id, lacking)
                    return
        assert trouble is not None
        if reports == 1 or not self._is_over(trouble):
            raise trouble
        yield partial(self._ledger.settle, order.pieces)
        yield from self._way(order, Standing(free=order.pieces), reports - 1, trouble)

    def _settle(
        self, order: Order, report_id: str, lacking: Mapping[Slice, Sequence[str]]
    ) -> Story[None]:
        """End what has come; what others have stored wider meanwhile is asked for anew."""
        yield partial(self._ledger.settle, order.pieces)
        self._come.update(set(order.pieces) - set(lacking))
        words = "%s: report %s is stored (%d of %d)"
        self._teller.tell("stored", words, order, report_id, len(self._come), self._needed)
        if lacking:
            wider = {name for names in lacking.values() for name in names}
            columns = catalogue_order([*order.columns, *wider])
            pieces = tuple(lacking)
            self._wanted.update(pieces)
            yield from self._way(Order(pieces, columns), Standing(free=pieces))

    def _ask_in_turn(self, order: Order) -> Story[Standing]:
        yield self._asking
        try:
            while True:
                while (wait := (yield self._dialect.until_create)) > 0:
                    yield Pause(wait)
                with contextlib.suppress(RateLimited):  # until_create tells how long to wait
                    return (yield partial(self._ask, order))  # type: ignore[no-any-return]
        finally:
            self._asking.leave()

    def _look(self, order: Order) -> Standing:
        """How its slices stand, without those that another call has stored."""
        standing = self._ledger.look(order, self._limit.clock.now())
        stored = {p for claim, pieces in standing.built for p in pieces if self._is_of(p, claim)}
        if stored:  # by a call that ended before it could strike them out
            self._ledger.settle(stored)
            standing = self._ledger.look(order, self._limit.clock.now())
        return self._without_come(order, standing)

    def _is_of(self, piece: Slice, claim: Claim) -> bool:
        """Whether what is stored of a slice came by that report."""
        entry = self._store.lookup(piece)
        return entry is not None and entry.report_id == claim.report_id

    def _ask(self, order: Order) -> Standing:
        """Ask for a report of what nobody has asked for meanwhile.

        This is one piece of work, so that the id is written down as soon as there is one,
        whatever becomes of the call meanwhile.
        """
        now = self._limit.clock.now()
        mine: tuple[Slice, ...] = ()
        try:
            standing = self._ledger.claim(order, now)
            mine = standing.free
            standing = self._without_come(order, standing)
            if come := set(mine) - set(standing.free):
                self._ledger.settle(come)
            if not standing.free:
                return standing
            order = self._widened(order.of(standing.free))
            claim = Claim(order.columns, self._create(order), now)
        except BaseException:
            self._ledger.settle(mine)
            raise
        self._ledger.note(order, claim)
        self._asked += len(order.pieces)
        message = "%s: report %s is being built (asked for %d of %d)"
        self._teller.tell("asked", message, order, claim.report_id, self._asked, self._needed)
        return replace(standing, built=(*standing.built, (claim, order.pieces)), free=())

    def _widened(self, order: Order) -> Order:
        """With the columns that others have stored while this call waited for its turn."""
        names = {name for p in order.pieces for name in self._to_ask(self._store.lookup(p))}
        return replace(order, columns=catalogue_order([*order.columns, *names]))

    def _without_come(self, order: Order, standing: Standing) -> Standing:
        """Without what others have stored; what would only come along is not asked for."""
        come = {piece for piece in standing.free if self._has_come(piece, order.columns)}
        self._come |= come
        free = tuple(piece for piece in standing.free if piece not in come)
        return replace(standing, free=free if self._wanted.intersection(free) else ())

    def _has_come(self, piece: Slice, columns: Sequence[str]) -> bool:
        """Whether another call has stored what is wanted since this one looked."""
        before, now = self._held.get(piece), self._store.lookup(piece)
        if now is None or not now.has(tuple(columns)):
            return False
        return before is None or now.report_id != before.report_id

    def _create(self, order: Order) -> str:
        """Ask for a report, unless a later day was already too old for the service."""
        refused, newest = self._too_old, max(piece.date for piece in order.pieces)
        if refused and newest <= refused[0]:
            raise copy.copy(refused[1])
        try:
            return self._dialect.create(order)
        except ReportTooOld as error:
            self._too_old = (newest, error)
            raise

    def _until_ready(self, order: Order, claim: Claim) -> Story[None]:
        """Look at a report until it is ready."""
        # How old it is when another call has asked for it nobody knows: clocks differ.
        is_own = claim.asked_at >= self._began
        looks = self._looks if is_own else Looks(self._dialect.waits)
        clock, before = self._limit.clock, 0.0
        began = clock.monotonic()
        for pause in looks.pauses(lambda: clock.monotonic() - began):
            # Again each time: who watches shows what is new now and then, and the last of it, too.
            self._tell(order.pieces, "waiting")
            if pause > 0:
                yield Pause(pause)
                continue
            age = clock.monotonic() - began
            if (yield partial(self._dialect.is_ready, claim.report_id)):
                if looks.learn(before, age) and is_own:
                    self._stage.hurry()
                return
            before = age

    def _collect(self, order: Order, claim: Claim) -> dict[Slice, tuple[str, ...]]:
        """Download, parse and store: one piece of work, so that no link waits and expires.

        The columns that the store has and the report lacks are given back, for each slice of
        which there are any. The data are as of some moment after the report was asked for:
        taking that moment for `fetched_at`, a day is asked for again rather too early than
        too late.
        """
        payload = self._dialect.download(claim.report_id)
        try:
            tables = self._dialect.tables(order, claim.columns, payload)
        except CorruptReport as error:
            error.report_id = claim.report_id
            error.add_note(f"report {claim.report_id}: {order}")
            raise
        origin = {"report_id": claim.report_id, "api": self._dialect.name}
        lacking = {
            piece: self._store.store(piece, table, fetched_at=claim.asked_at, **origin)
            for piece, table in tables.items()
        }
        rows = sum(table.num_rows for table in tables.values())
        logger.debug("%s: %d rows of report %s", order, rows, claim.report_id)
        return {piece: lacking[piece] for piece in order.pieces if lacking.get(piece)}

    def _tell(self, pieces: Iterable[Slice], state: str) -> None:
        for piece in pieces:
            self._watch(piece, state)

    def _ended(self, order: Order, error: Exception | None) -> None:
        missing = [piece for piece in order.pieces if piece not in self._come]
        self._tell(set(order.pieces) - set(missing) if error else order.pieces, "done")
        if error is None:
            return
        self._tell(missing, "failed")
        if isinstance(error, SDAnalyticsError) and self._is_over(error):
            self._ledger.settle(missing)
        if not isinstance(error, SDAnalyticsError) or _ends_the_call(error):
            raise error
        self._teller.tell(type(error).__name__, "%s: %s", order, error)
        self._failures |= dict.fromkeys(missing, error)

    def _is_over(self, error: SDAnalyticsError) -> bool:
        """Whether nothing more can come of the report that failed so; else it is taken up."""
        if isinstance(error, DownloadFailed):
            return error.is_refused
        if isinstance(error, BadRequest | NotFound):
            return error.operation in self._dialect.about_reports
        return isinstance(error, ReportFailed | CorruptReport)

    def _withdraw(self) -> None:
        """Have the service build nothing more that nobody wants, where it can be told so."""
        limit = Limit(self._limit.clock, _WITHDRAWAL)
        for report_id, pieces in self._ledger.mine().items():
            with contextlib.suppress(SDAnalyticsError):
                if Stage.perform(partial(self._dialect.withdraw, report_id, limit), limit):
                    self._ledger.settle(pieces)

    def _timed_out(self) -> ReportTimeout:
        over = self._come.union(self._failures)
        ids = tuple(i for i, o in self._building.items() if not over.issuperset(o.pieces))
        some = ", ".join([*ids[:3], "..."] if len(ids) > 3 else ids) or "none"
        there = len(self._come) + len(self._failures)
        return ReportTimeout(
            f"the timeout of {self._limit.seconds:g} seconds passed; of {self._needed} reports "
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
