"""The reports that are being built, written down so that none is asked for twice.

A small SQLite database in the store, shared by all calls of all processes. Before a report
is asked for, its slice is claimed; as soon as the service has named the report, its id is
written down; once it is stored, the entry goes. A call that finds a claim of another waits
for it, or, when the other is gone, takes up its report. What is known of the service's limits
(`sdanalytics.api.rate_limit`) is there, too, so that all these calls keep one pace.

What is guaranteed: a slice is asked for once, however many calls want it at the same time.
A call asks for one report at a time; one that dies after asking and before it could write
the id down, a gap of one answer's way, makes at most one report be asked for again. Its
claim holds others up until it is noticed that it is gone: at once on the same machine (not
on Windows), else after `LEASE` seconds in which it was not renewed, 90 where it was just asking,
whatever the clocks say. A call that ends (Ctrl-C, its timeout) while it is asking holds others
up for as long as the answer may come.
All of this holds among the calls of one store; of a store on object storage, which has no room
for a database, among those of one machine: its ledger is in the user's state folder. Calls of two
machines may ask for the same slice, each once.
Nothing of it is secret: slices, columns, report ids, times, and which process asked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from sdanalytics._core.limiter_state import CountInFlight, InMemoryLimiterState, LimiterState
from sdanalytics.errors import CacheError
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch

logger = logging.getLogger("sdanalytics")

DATABASE_FILENAME: Final = "in-flight.sqlite"
LEASE: Final = 30.0
"""Seconds after which a claim is void that nobody renewed."""
MAX_RESUME_AGE: Final = timedelta(hours=24)
"""A report asked for longer ago is not taken up: the service may have dropped it."""
_RENEWAL: Final = LEASE / 3
_LAST_ANSWER: Final = 90.0
"""Seconds for which an answer may come to a create of a call that has ended; then it is void."""
_PATIENCE: Final = 5.0
"""Seconds to wait for another process's transaction; each takes milliseconds."""

_SCHEMA: Final = (
    """
create table if not exists reports (
    source text not null, profile_id text not null, record_type text not null,
    segment text not null, tactic text not null, date text not null,
    columns text not null, report_id text, api text not null, asked_at text not null,
    host text not null, pid integer not null, call text not null, lease real not null,
    primary key (source, profile_id, record_type, segment, tactic, date)
)
""",
    """
create table if not exists paces (
    source text not null, profile_id text not null, state text not null,
    primary key (source, profile_id)
)
""",
)
_OF_A_SLICE: Final = (
    " where source = ? and profile_id = ? and record_type = ? and segment = ? and tactic = ?"
    " and date = ?"
)
_TABLES: Final = "select name from sqlite_master where name = 'reports'"
_ALL: Final = (
    "select * from reports order by source, profile_id, record_type, segment, tactic, date"
)
_LOOK: Final = "select * from reports" + _OF_A_SLICE  # noqa: S608  # a constant
_STRIKE: Final = "delete from reports" + _OF_A_SLICE + " and call = ?"  # noqa: S608
_WRITE: Final = "insert or replace into reports values (" + ", ".join("?" * 14) + ")"  # noqa: S608
_MINE: Final = "select * from reports where call = ? and report_id is not null"
_COUNT: Final = (
    "select count(*) from reports where source = ? and profile_id = ?"
    " and report_id is not null and lease > ?"
)
_PACE: Final = "select state from paces where source = ? and profile_id = ?"
_KEEP_PACE: Final = "insert or replace into paces values (?, ?, ?)"
_GIVE_BACK: Final = "update reports set lease = 0 where call = ? and report_id is not null"
_KEEP: Final = "update reports set lease = ? where call = ? and report_id is null"
_OWN: Final = "select 1 from reports" + _OF_A_SLICE + " and call = ?"  # noqa: S608
_FORGET: Final = "delete from reports where asked_at < ? and lease < ?"
_RENEW: Final = "update reports set lease = ? where call = ?"

T = TypeVar("T")
IsGood = Callable[[Partition, datetime], bool]
Run = Callable[..., Any]
"""Runs a statement with its values."""


@dataclass(frozen=True)
class ClaimedReport:
    """A report that is this call's to bring.

    Attributes
    ----------
    columns : tuple of str
    report_id : str
    asked_at : datetime.datetime
        When it was asked for, aware.
    """

    columns: tuple[str, ...]
    report_id: str
    asked_at: datetime


@dataclass(frozen=True)
class ClaimStatus:
    """How the slices of an order stand.

    Attributes
    ----------
    built : tuple of (Claim, tuple of Slice)
        Reports to take up, now this call's, each with those of the slices that it brings.
    free : tuple of Slice
        Nobody has asked for them.
    held : tuple of Slice
        Another call is at them.
    """

    resumable: tuple[tuple[ClaimedReport, tuple[Partition, ...]], ...] = ()
    unclaimed: tuple[Partition, ...] = ()
    claimed_elsewhere: tuple[Partition, ...] = ()


class InFlightRegistry:
    """One call's view of the ledger; a context manager that gives its claims back.

    Parameters
    ----------
    folder : pathlib.Path
        The store's; of a store on object storage, its own on this machine.
    api : str
        The version of the service that is asked.
    source, profile_id : str
        Whose reports the call asks for.
    now : datetime.datetime
        Aware; entries of reports that are too old to be taken up go.
    is_good : callable
        Whether a report of a slice that was asked for at a moment will still do.

    Notes
    -----
    Where the database cannot be had (a read-only store, a network file system without
    locks) every claim is granted, and a warning in the log says so once.
    """

    def __init__(
        self, folder: Path, api: str, source: str, profile_id: str, now: datetime, is_good: IsGood
    ) -> None:
        self._path = folder / DATABASE_FILENAME
        self._api = api
        self._whose = (source, profile_id)
        self._oldest = now - MAX_RESUME_AGE
        self._is_good = is_good
        self._call = secrets.token_hex(8)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._is_usable = True
        self._own_memory = InMemoryLimiterState()
        self._leases: dict[tuple[str, ...], tuple[float, float]] = {}

    def __enter__(self) -> InFlightRegistry:
        self._attempt(lambda run: run(_FORGET, self._oldest.isoformat(), time.time()), None)
        self._renewal = threading.Thread(target=self._renew, name="sdanalytics ledger", daemon=True)
        self._renewal.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._renewal.join(1.0)
        until = time.time() + _LAST_ANSWER

        def give_back(run: Run) -> None:
            # What is being built may be taken up at once; what is just being asked for may not,
            # as long as its answer may come yet.
            run(_GIVE_BACK, self._call)
            run(_KEEP, until, self._call)

        self._attempt(give_back, None)
        with self._lock:
            self._close()

    def status(self, order: ReportBatch, now: datetime) -> ClaimStatus:
        """How its slices stand; the reports of theirs that nobody follows become this call's."""
        return self._attempt(
            partial(self._look, order, now), ClaimStatus(unclaimed=order.partitions)
        )

    def claim(self, order: ReportBatch, now: datetime) -> ClaimStatus:
        """The same; and those that are free become this call's to ask for, now."""

        def take(run: Run) -> ClaimStatus:
            standing = self._look(order, now, run)
            for partition in standing.unclaimed:
                self._write(run, partition, order.columns, None, now)
            return standing

        return self._attempt(take, ClaimStatus(unclaimed=order.partitions))

    def record(self, order: ReportBatch, claim: ClaimedReport) -> None:
        """Write down the report that was asked for: what is known of it outlasts a power cut."""
        facts = (claim.columns, claim.report_id, claim.asked_at)

        def write(run: Run) -> None:
            for partition in order.partitions:  # one that comes late may be another call's by now
                if run(_OWN, *_key(partition), self._call).fetchone():
                    self._write(run, partition, *facts)

        self._attempt(write, None, outlasts=True)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Strike slices out: they are stored, or their report will never come."""

        def strike(run: Run) -> None:
            for partition in partitions:
                run(_STRIKE, *_key(partition), self._call)

        self._attempt(strike, None)

    def owned(self) -> dict[str, list[Partition]]:
        """The reports that this call has asked for, or taken up, by id, with their slices."""
        nothing: list[sqlite3.Row] = []
        reports: dict[str, list[Partition]] = {}
        for row in self._attempt(lambda run: run(_MINE, self._call).fetchall(), nothing):
            reports.setdefault(row["report_id"], []).append(partition_from_row(row))
        return reports

    def update(self, work: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Look at, and change, what is known of the service's limits (`Memory`)."""

        def within(run: Run, *, is_to_keep: bool) -> list[T]:
            row = run(_PACE, *self._whose).fetchone()
            traffic = _traffic(row["state"] if row else None)
            before = traffic.to_json()
            result = work(traffic, partial(self._building, run))
            if traffic.equals_json(before):
                return [result]
            if is_to_keep:
                run(_KEEP_PACE, *self._whose, json.dumps(traffic.to_json()))
            return [result] if is_to_keep else []

        nothing: list[T] = []
        # Most requests change nothing; those that do take their turn with other processes.
        looked = self._attempt(partial(within, is_to_keep=False), nothing, alone=False)
        results = looked or self._attempt(partial(within, is_to_keep=True), nothing)
        return results[0] if results else self._own_memory.update(work)

    def _building(self, run: Run) -> int:
        """How many reports are being built, as far as the ledger knows."""
        return int(run(_COUNT, *self._whose, time.time()).fetchone()[0])

    def _look(self, order: ReportBatch, now: datetime, run: Run) -> ClaimStatus:
        built: dict[ClaimedReport, list[Partition]] = {}
        free, held = [], []
        for partition in order.partitions:
            row = run(_LOOK, *_key(partition)).fetchone()
            if row is not None and row["call"] != self._call and self._is_followed(row):
                held.append(partition)
            elif (claim := self._taken_up(row, order.columns, now)) is not None:
                self._write(run, partition, claim.columns, claim.report_id, claim.asked_at)
                built.setdefault(claim, []).append(partition)
            else:
                free.append(partition)
        reports = tuple((claim, tuple(partitions)) for claim, partitions in built.items())
        return ClaimStatus(reports, tuple(free), tuple(held))

    def _is_followed(self, row: sqlite3.Row) -> bool:
        """Whether the call that claimed it is still at it.

        Its lease says so; but a lease that is not renewed is void even while, by a clock that
        was set back, it has long to go.
        """
        now = time.monotonic()
        lease, since = self._leases.setdefault(tuple(row)[:6], (row["lease"], now))
        if lease != row["lease"]:
            self._leases[tuple(row)[:6]] = (row["lease"], now)
        elif now - since > (LEASE if row["report_id"] else max(LEASE, _LAST_ANSWER)):
            return False
        return _is_held(row)

    def _taken_up(
        self, row: sqlite3.Row | None, columns: Sequence[str], now: datetime
    ) -> ClaimedReport | None:
        """The report of a call that is gone, if it is still of use."""
        if row is None or row["report_id"] is None:
            return None
        built = _built(row)
        is_good = self._is_good(partition_from_row(row), built.asked_at)
        if not is_good or not built.can_serve(self._api, columns, now):
            return None
        return ClaimedReport(built.columns, built.report_id, built.asked_at)

    def _write(
        self,
        run: Run,
        partition: Partition,
        columns: Sequence[str],
        report_id: str | None,
        asked_at: datetime,
    ) -> None:
        facts = (json.dumps(columns), report_id, self._api, asked_at.isoformat())
        # An answer that comes after the call has ended is for the next one to take up.
        lease = 0.0 if self._ended.is_set() else time.time() + LEASE
        run(_WRITE, *_key(partition), *facts, _machine(), os.getpid(), self._call, lease)

    def _renew(self) -> None:
        while not self._ended.wait(_RENEWAL):
            until = time.time() + LEASE
            self._attempt(lambda run: run(_RENEW, until, self._call), None)  # noqa: B023

    def _attempt(
        self,
        work: Callable[[Run], T],
        otherwise: T,
        *,
        alone: bool = True,
        outlasts: bool = False,
    ) -> T:
        """Do something as one transaction; the other thing where there can be none.

        Not `alone`, it may only look. What a kill leaves is whole in any case; what `outlasts`
        a power cut, too, waits for the disk.
        """
        # Writers of a process take turns here: SQLite would have each of them sleep and look.
        with _turn(self._path) if alone else contextlib.nullcontext(), self._lock:
            # The store of a call that keeps nothing goes with the call; who is late leaves it so.
            is_gone = self._ended.is_set() and not self._path.exists()
            if is_gone or not self._is_usable:
                return otherwise
            try:
                return self._transact(work, alone, outlasts)
            except (OSError, sqlite3.Error) as error:
                self._is_usable = False
                words = "%s: reports being built are not written down (%s)"
                logger.warning(words, self._path, error)
                self._close()
                return otherwise
            finally:
                if self._ended.is_set():  # a worker that comes late leaves nothing open
                    self._close()

    def _transact(self, work: Callable[[Run], T], alone: bool, outlasts: bool) -> T:
        if self._database is None:
            self._database = _opened(self._path)
        database = self._database
        database.execute(f"pragma synchronous = {'full' if outlasts else 'normal'}")
        with database:
            database.execute("begin immediate" if alone else "begin")
            return work(lambda statement, *values: database.execute(statement, values))

    def _close(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None


def read_all(folder: Path) -> list[dict[str, Any]]:
    """What the ledger of a store has, as plain values; nothing where there is none.

    Raises
    ------
    CacheError
        When there is one that cannot be read.
    """
    path = folder / DATABASE_FILENAME
    if not path.is_file():
        return []
    try:
        try:
            rows = _rows(path, "mode=ro")
        except sqlite3.OperationalError:
            # A reader makes a file beside it, too; who may not reads what there is as it is.
            rows = _rows(path, "mode=ro&immutable=1")
    except sqlite3.Error as error:
        raise CacheError(f"{path} cannot be read: {error}") from error
    return [dict(row) | {"is_held": _is_held(row)} for row in rows]


def _rows(path: Path, mode: str) -> list[sqlite3.Row]:
    database = sqlite3.connect(f"{path.as_uri()}?{mode}", timeout=_PATIENCE, uri=True)
    with contextlib.closing(database):
        database.row_factory = sqlite3.Row
        is_new = database.execute(_TABLES).fetchone() is None
        return [] if is_new else database.execute(_ALL).fetchall()


@dataclass(frozen=True)
class InFlightReport:
    """A report that is being built, by the ledger.

    Attributes
    ----------
    api, report_id : str
        The version of the service that builds it, and its id there.
    columns : tuple of str
    asked_at : datetime.datetime
        UTC.
    """

    api: str
    report_id: str
    columns: tuple[str, ...]
    asked_at: datetime

    def can_serve(self, api: str, columns: Sequence[str], now: datetime) -> bool:
        """Whether a call that asks that version for these columns takes it up."""
        is_fitting = api == self.api and set(columns) <= set(self.columns)
        return is_fitting and now - self.asked_at <= MAX_RESUME_AGE


def in_flight_reports(folder: Path) -> dict[Partition, InFlightReport]:
    """The reports of a store that the service has been asked for; none where nobody can tell."""
    rows = []
    with contextlib.suppress(CacheError):
        rows = read_all(folder)
    return {partition_from_row(row): _built(row) for row in rows if row["report_id"] is not None}


def _built(row: Any) -> InFlightReport:
    asked_at = datetime.fromisoformat(row["asked_at"]).astimezone(UTC)
    return InFlightReport(row["api"], row["report_id"], tuple(json.loads(row["columns"])), asked_at)


def partition_from_row(row: Mapping[str, Any] | sqlite3.Row) -> Partition:
    """The slice of an entry."""
    segment = None if row["segment"] == "none" else row["segment"]
    facts = (row["source"], row["profile_id"], row["record_type"], segment, row["tactic"])
    return Partition(*facts, date.fromisoformat(row["date"]))


def _opened(path: Path) -> sqlite3.Connection:
    """The database, made if there is none, with the permissions of the user's umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=True)  # SQLite itself would grant less than the umask does
    database = _connected(path)
    try:
        for statement in _SCHEMA:
            database.execute(statement)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _connected(path: Path) -> sqlite3.Connection:
    # One thread at a time uses it, but not always the same.
    database = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    database.row_factory = sqlite3.Row
    try:
        database.execute("pragma journal_mode = wal")
    except sqlite3.Error:
        database.close()
        raise
    return database


@lru_cache(maxsize=64)
def _turn(path: Path) -> threading.Lock:
    """What the writers of a ledger in this process take turns by."""
    return threading.Lock()


if hasattr(os, "register_at_fork"):  # whoever had a turn is in another process
    os.register_at_fork(after_in_child=_turn.cache_clear)


def _traffic(state: str | None) -> LimiterState:
    """What was kept; what cannot be read, of another version most likely, is learned anew."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return LimiterState.from_json(json.loads(state or ""))
    return LimiterState()


def _key(partition: Partition) -> tuple[str, ...]:
    facts = (
        partition.source,
        partition.profile_id,
        partition.record_type,
        partition.segment or "none",
    )
    return (*facts, partition.tactic, partition.date.isoformat())


def _is_held(row: sqlite3.Row) -> bool:
    """Whether the call that claimed it is still at it."""
    if row["lease"] < time.time():
        return False
    return row["host"] != _machine() or _is_alive(row["pid"])


@cache
def _machine() -> str:
    """Where process ids mean the same: containers share a host's name, but not its processes."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}/{os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere asking would end the process: the lease has to do
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
