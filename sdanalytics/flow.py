"""Many reports at once: create, poll, download, store."""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final, Protocol

from sdanalytics.cache import ReportCache
from sdanalytics.clock import Limit
from sdanalytics.errors import (
    ApiError,
    CacheError,
    ConnectionFailed,
    CorruptReport,
    DownloadFailed,
    NotConfigured,
    NotFound,
    RateLimited,
    ReportTimeout,
    ReportTooOld,
    SDAnalyticsError,
    Unauthorized,
)
from sdanalytics.files import Entry
from sdanalytics.ledger import Claim, Ledger, Standing
from sdanalytics.metrics import catalogue_order
from sdanalytics.payload import read_payload
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
_FIRST_LOOK: Final = 0.5
_RAREST_LOOK: Final = 5.0
"""Seconds between two looks at whether another call has brought a slice; ever longer."""

# These are no one report's fault: every other report of the call would meet them too.
_ENDS_THE_CALL: Final = (Unauthorized, NotConfigured, RateLimited, ReportTimeout, CacheError)

Watch = Callable[[Slice, str], None]
"""Told of each slice's way: ``"waiting"``, ``"downloading"``, ``"done"``, ``"failed"``."""


class Dialect(Protocol):
    """What the flow needs of a version of the reporting API."""

    @property
    def name(self) -> str:
        """The version's name, such as ``"v2"``."""

    @property
    def largest_report(self) -> int:
        """Bytes that a report may hold once it is unpacked."""

    def create(self, piece: Slice, columns: Sequence[str]) -> str:
        """Ask for a report; its id."""

    def is_ready(self, report_id: str) -> bool:
        """Whether it can be downloaded; `ReportFailed` when it never will be."""

    def download(self, report_id: str) -> bytes:
        """Its payload."""

    def until_create(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""

    def waits(self) -> Iterator[float]:
        """Seconds to wait before each call of `is_ready`."""


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
        self._stage: Stage[Slice] = Stage(limit, WORKERS, self._ended)
        # One at a time: a crash leaves one report at most that is not written down.
        self._asking = self._stage.turn()
        self._teller = Teller(logger)
        self._held: Mapping[Slice, Entry | None] = {}
        self._building: dict[Slice, str] = {}
        self._failures: dict[Slice, SDAnalyticsError] = {}
        self._needed = self._asked = self._stored = self._ended_stories = 0
        self._refusal: RateLimited | None = None
        self._too_old: tuple[date, ReportTooOld] | None = None

    def run(
        self, needs: Mapping[Slice, Sequence[str]], held: Mapping[Slice, Entry | None]
    ) -> dict[Slice, SDAnalyticsError]:
        """Fetch and store each slice with its columns; what failed, and why.

        What another call is fetching is waited for, what one that is gone has asked for is
        taken up (`sdanalytics.ledger`). `held` is what the store had of each slice when it
        was decided to fetch it.

        Raises
        ------
        ReportTimeout
            When the limit comes before all have arrived.
        SDAnalyticsError
            What no report of the call could escape: `Unauthorized`, `RateLimited` for
            longer than the limit, `CacheError`.
        """
        self._held = held
        self._needed = len(needs)
        newest_first = sorted(needs, key=lambda piece: piece.date, reverse=True)
        stories = {piece: self._report(piece, needs[piece]) for piece in newest_first}
        try:
            in_time = self._stage.play(stories)
        except ReportTimeout:  # a worker's, which knows of no other report
            in_time = False
        if not in_time:
            raise self._timed_out(len(needs))
        return self._failures

    def _report(self, piece: Slice, columns: Sequence[str]) -> Story[None]:
        """The way of one report."""
        trouble: SDAnalyticsError | None = None
        for _ in range(REPORTS):
            claim = yield from self._being_built(piece, columns)
            if claim is None:
                return  # another call has stored it
            report_id = str(claim.report_id)
            self._building[piece] = report_id
            try:
                yield from self._until_ready(piece, report_id)
            except NotFound as error:
                trouble = error
                self._teller.tell("unknown", "%s: report %s is unknown by now", piece, report_id)
                yield partial(self._ledger.settle, piece)
                continue
            del self._building[piece]
            for _ in range(DOWNLOADS):
                self._watch(piece, "downloading")
                try:
                    lacking = yield partial(self._collect, piece, claim)
                except (DownloadFailed, CorruptReport, ApiError) as error:
                    if not _worth_another_try(error, trouble):
                        raise
                    trouble = error
                    self._teller.tell("download", "%s: %s; trying again", piece, error)
                    continue
                yield partial(self._ledger.settle, piece)
                if lacking:  # another call has stored other columns meanwhile: ask for all
                    yield from self._report(piece, catalogue_order([*columns, *lacking]))
                    return
                self._stored += 1
                message = "%s: report %s is stored (%d of %d)"
                self._teller.tell("stored", message, piece, report_id, self._stored, self._needed)
                return
            yield partial(self._ledger.settle, piece)
        assert trouble is not None
        raise trouble

    def _being_built(self, piece: Slice, columns: Sequence[str]) -> Story[Claim | None]:
        """A report that was asked for already, or is now; None when another call has stored it."""
        self._watch(piece, "waiting")
        for pause in _looks():
            standing = yield partial(self._standing, piece, columns)
            if standing is Standing.FREE:
                standing = yield from self._ask_in_turn(piece, columns)
            if standing is not Standing.HELD:
                return standing  # type: ignore[no-any-return]
            yield Pause(pause)
        raise AssertionError  # the looks have no end

    def _ask_in_turn(self, piece: Slice, columns: Sequence[str]) -> Story[Claim | Standing | None]:
        yield self._asking
        try:
            while True:
                while (wait := (yield self._dialect.until_create)) > 0:
                    if self._refusal is not None and wait >= self._limit.remaining:
                        raise self._refusal
                    yield Pause(wait)
                try:
                    return (yield partial(self._ask, piece, columns))  # type: ignore[no-any-return]
                except RateLimited as error:
                    self._refusal = error
        finally:
            self._asking.leave()

    def _standing(self, piece: Slice, columns: Sequence[str]) -> Claim | Standing | None:
        """A report to take up, or how the slice stands; None when it has come."""
        standing = self._ledger.take_up(piece, columns, self._limit.clock.now())
        if standing is Standing.FREE and self._has_come(piece, columns):
            return None
        return standing

    def _ask(self, piece: Slice, columns: Sequence[str]) -> Claim | Standing | None:
        """Ask for a report, unless somebody has meanwhile.

        This is one piece of work, so that the id is written down as soon as there is one,
        whatever becomes of the call meanwhile.
        """
        claim = self._ledger.claim(piece, columns, self._limit.clock.now())
        if isinstance(claim, Standing) or claim.report_id is not None:
            return claim
        try:
            if self._has_come(piece, columns):
                self._ledger.settle(piece)
                return None
            report_id = self._create(piece, columns)
        except BaseException:
            self._ledger.settle(piece)
            raise
        claim = replace(claim, report_id=report_id)
        self._ledger.note(piece, claim)
        self._asked += 1
        message = "%s: report %s is being built (asked for %d of %d)"
        self._teller.tell("asked", message, piece, report_id, self._asked, self._needed)
        return claim

    def _has_come(self, piece: Slice, columns: Sequence[str]) -> bool:
        """Whether another call has stored what is wanted since this one looked."""
        before, now = self._held.get(piece), self._store.lookup(piece)
        if now is None or not set(columns) <= set(now.columns):
            return False
        return before is None or now.report_id != before.report_id

    def _create(self, piece: Slice, columns: Sequence[str]) -> str:
        """Ask for a report, unless a later day was already too old for the service."""
        refused = self._too_old
        if refused and piece.date <= refused[0]:
            raise copy.copy(refused[1])
        try:
            return self._dialect.create(piece, columns)
        except ReportTooOld as error:
            self._too_old = (piece.date, error)
            raise

    def _until_ready(self, piece: Slice, report_id: str) -> Story[None]:
        for seconds in self._dialect.waits():
            self._watch(piece, "waiting")
            yield Pause(seconds)
            if (yield partial(self._dialect.is_ready, report_id)):
                return

    def _collect(self, piece: Slice, claim: Claim) -> tuple[str, ...]:
        """Download, parse and store: one piece of work, so that no link waits and expires.

        The columns that the store has and the report lacks are given back, if there are any.
        The data are as of some moment after the report was asked for: taking that moment
        for `fetched_at`, a day is asked for again rather too early than too late.
        """
        report_id = str(claim.report_id)
        payload = self._dialect.download(report_id)
        try:
            table = read_payload(payload, claim.columns, self._dialect.largest_report)
        except CorruptReport as error:
            error.report_id = report_id
            error.add_note(f"report {report_id}: {piece}")
            raise
        lacking = self._store.store(
            piece,
            table,
            report_id=report_id,
            fetched_at=claim.asked_at,
            api=self._dialect.name,
        )
        end = "lack columns" if lacking else "stored"
        logger.debug("%s: %d rows of report %s %s", piece, table.num_rows, report_id, end)
        return lacking

    def _ended(self, piece: Slice, error: Exception | None) -> None:
        self._watch(piece, "failed" if error else "done")
        self._ended_stories += 1
        self._building.pop(piece, None)
        if error is None:
            return
        if not _ends_the_call(error):
            self._ledger.settle(piece)
        if not isinstance(error, SDAnalyticsError) or _ends_the_call(error):
            raise error
        self._teller.tell(type(error).__name__, "%s: %s", piece, error)
        self._failures[piece] = error

    def _timed_out(self, asked: int) -> ReportTimeout:
        ids = tuple(self._building.values())
        some = ", ".join([*ids[:3], "..."] if len(ids) > 3 else ids) or "none"
        return ReportTimeout(
            f"the timeout of {self._limit.seconds:g} seconds passed; of {asked} reports "
            f"{asked - self._ended_stories} had not arrived, of which {len(ids)} were being built "
            f"({some}). "
            "What arrived is stored, and what is being built will be taken up: call again, with a "
            "longer timeout= if need be",
            report_ids=ids,
        )


def _looks() -> Iterator[float]:
    """Seconds between looks at what another call is doing: growing, with jitter."""
    wait = _FIRST_LOOK
    while True:
        yield wait * random.uniform(0.8, 1.2)
        wait = min(1.5 * wait, _RAREST_LOOK)


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
