"""The reports that are being built, written down so that none is asked for twice.

A small SQLite database in the store, shared by all calls of all processes. Before a report
is asked for, its slice is claimed; as soon as the service has named the report, its id is
written down; once it is stored, the entry goes. A call that finds a claim of another waits
for it, or, when the other is gone, takes up its report.

What is guaranteed: a slice is asked for once, however many calls want it at the same time.
A call asks for one report at a time; one that dies after asking and before it could write
the id down, a gap of one answer's way, makes at most one report be asked for again. Its
claim holds others up until it is noticed that it is gone: at once on the same machine (not
on Windows), after `LEASE` seconds at the most.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from sdanalytics.errors import CacheError
from sdanalytics.query import Slice

logger = logging.getLogger("sdanalytics")

FILE: Final = "in-flight.sqlite"
LEASE: Final = 30.0
"""Seconds after which a claim is void that nobody renewed."""
USEFUL: Final = timedelta(hours=24)
"""A report asked for longer ago is not taken up: the service may have dropped it."""
_RENEWAL: Final = LEASE / 3
_PATIENCE: Final = 30.0
"""Seconds to wait for another process's transaction; each takes milliseconds."""

_SCHEMA: Final = """
create table if not exists reports (
    source text not null, profile_id text not null, record_type text not null,
    segment text not null, tactic text not null, date text not null,
    columns text not null, report_id text, api text not null, asked_at text not null,
    host text not null, pid integer not null, call text not null, lease real not null,
    primary key (source, profile_id, record_type, segment, tactic, date)
)
"""
_OF_A_SLICE: Final = (
    " where source = ? and profile_id = ? and record_type = ? and segment = ? and tactic = ?"
    " and date = ?"
)
_ALL: Final = (
    "select * from reports order by source, profile_id, record_type, segment, tactic, date"
)
_LOOK: Final = "select * from reports" + _OF_A_SLICE  # noqa: S608  # a constant
_STRIKE: Final = "delete from reports" + _OF_A_SLICE + " and call = ?"  # noqa: S608
_WRITE: Final = "insert or replace into reports values (" + ", ".join("?" * 14) + ")"  # noqa: S608
_GIVE_BACK: Final = "update reports set lease = 0 where call = ? and report_id is not null"
_RENEW: Final = "update reports set lease = ? where call = ?"

T = TypeVar("T")
Run = Callable[..., Any]
"""Runs a statement with its values."""


@dataclass(frozen=True)
class Claim:
    """A slice that is this call's to bring.

    Attributes
    ----------
    columns : tuple of str
        Of the report that is being built; else those that are wanted.
    report_id : str or None
        Of a report that another call asked for; None: it is to be asked for.
    asked_at : datetime.datetime
        When it was, aware; else now.
    """

    columns: tuple[str, ...]
    report_id: str | None
    asked_at: datetime


class Ledger:
    """One call's view of the ledger; a context manager that gives its claims back.

    Parameters
    ----------
    folder : pathlib.Path
        The store's.
    api : str
        The version of the service that is asked.

    Notes
    -----
    Where the database cannot be had (a read-only store, a network file system without
    locks) every claim is granted, and a warning in the log says so once.
    """

    def __init__(self, folder: Path, api: str) -> None:
        self._path = folder / FILE
        self._api = api
        self._call = secrets.token_hex(8)
        self._ended = threading.Event()
        self._is_usable = True

    def __enter__(self) -> Ledger:
        self._attempt(lambda run: run(_SCHEMA), None)
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
        # What is being built may be taken up at once; what is just being asked for may not.
        self._attempt(lambda run: run(_GIVE_BACK, self._call), None)

    def claim(self, piece: Slice, columns: Sequence[str], now: datetime) -> Claim | None:
        """Make a slice this call's to bring; None while it is another's."""
        fresh = Claim(tuple(columns), None, now)

        def take(run: Run) -> Claim | None:
            row = run(_LOOK, *_key(piece)).fetchone()
            if row is not None and row["call"] != self._call and _is_held(row):
                return None
            claim = _taken_up(row, columns, now) or fresh
            self._write(run, piece, claim)
            return claim

        granted: Claim | None = fresh
        return self._attempt(take, granted)

    def note(self, piece: Slice, claim: Claim) -> None:
        """Write down the report that was asked for."""
        self._attempt(lambda run: self._write(run, piece, claim), None)

    def settle(self, piece: Slice) -> None:
        """Strike a slice out: it is stored, or its report will never come."""
        self._attempt(lambda run: run(_STRIKE, *_key(piece), self._call), None)

    def _write(self, run: Run, piece: Slice, claim: Claim) -> None:
        facts = (json.dumps(claim.columns), claim.report_id, self._api, claim.asked_at.isoformat())
        # An answer that comes after the call has ended is for the next one to take up.
        lease = 0.0 if self._ended.is_set() else time.time() + LEASE
        run(_WRITE, *_key(piece), *facts, socket.gethostname(), os.getpid(), self._call, lease)

    def _renew(self) -> None:
        while not self._ended.wait(_RENEWAL):
            until = time.time() + LEASE
            self._attempt(lambda run: run(_RENEW, until, self._call), None)  # noqa: B023

    def _attempt(self, work: Callable[[Run], T], otherwise: T) -> T:
        """Do something as one transaction; the other thing where there can be none."""
        if not self._is_usable:
            return otherwise
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(_connected(self._path)) as database, database:
                database.execute("begin immediate")
                return work(lambda statement, *values: database.execute(statement, values))
        except (OSError, sqlite3.Error) as error:
            self._is_usable = False
            logger.warning("%s: reports being built are not written down (%s)", self._path, error)
            return otherwise


def entries(folder: Path) -> list[dict[str, Any]]:
    """What the ledger of a store has, as plain values; nothing where there is none.

    Raises
    ------
    CacheError
        When there is one that cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        with contextlib.closing(_connected(path)) as database:
            rows = database.execute(_ALL).fetchall()
    except sqlite3.Error as error:
        raise CacheError(f"{path} cannot be read: {error}") from error
    return [dict(row) | {"is_held": _is_held(row)} for row in rows]


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = normal")
    return database


def _key(piece: Slice) -> tuple[str, ...]:
    facts = (piece.source, piece.profile_id, piece.record_type, piece.segment or "none")
    return (*facts, piece.tactic, piece.date.isoformat())


def _is_held(row: sqlite3.Row) -> bool:
    """Whether the call that claimed it is still at it."""
    if row["lease"] < time.time():
        return False
    return row["host"] != socket.gethostname() or _is_alive(row["pid"])


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


def _taken_up(row: sqlite3.Row | None, columns: Sequence[str], now: datetime) -> Claim | None:
    """The report of a call that is gone, if it is still of use."""
    if row is None or row["report_id"] is None:
        return None
    built = tuple(json.loads(row["columns"]))
    asked_at = datetime.fromisoformat(row["asked_at"]).astimezone(UTC)
    if not set(columns) <= set(built) or now - asked_at > USEFUL:
        return None
    return Claim(built, row["report_id"], asked_at)
