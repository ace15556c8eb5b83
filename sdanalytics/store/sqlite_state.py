"""A small SQLite database for optional shared state.

Any number of processes and threads use one file. While it cannot be used, transactions run on the
copy that the calls of this process share (`sdanalytics.store.process_copy`):

- Another process holds its lock. What cannot wait (a response has arrived) goes on in the copy at
  once; what can (a report is to be requested) is tried for `BUSY_PATIENCE`.
- It is damaged, or in a read-only folder. A warning says so, once.

It is tried again every few seconds, and then gets what it missed. Where files cannot be locked at
all (on some network file systems), a file in the state folder of this machine is used in its place
until the process ends.

Two locks order the threads of a process, always taken in this order:

1. The lock of the file, for exclusive transactions, shared by all `StateDatabase` of the process.
   SQLite by itself would let waiting threads sleep and try again, at ever longer intervals.
2. The lock of the `StateDatabase`, because its connection serves one thread at a time.

Between processes SQLite's own locks are enough.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sdanalytics.errors import CacheError
from sdanalytics.store.lock_errors import (
    is_busy,
    is_damaged,
    is_disk_full,
    is_on_network,
    is_unlockable,
)
from sdanalytics.store.machine_state import machine_state_dir
from sdanalytics.store.process_copy import Execute, ProcessCopy, Schema, find_copy, share_copy

logger = logging.getLogger("sdanalytics")

LOCK_TIMEOUT: Final = 2.0
"""Seconds of one attempt to lock the file; transactions of others take milliseconds."""
BUSY_PATIENCE: Final = 60.0
"""Seconds for which a locked file is tried before a report is requested without it."""
_PAUSE: Final = 0.05
"""Seconds between two attempts, because some fail at once."""

T = TypeVar("T")


class StateDatabase:
    """One call's connection to a database file, which is created when it is first used.

    Parameters
    ----------
    path : pathlib.Path
    schema : Schema
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._schema = schema
        self._copy = share_copy(path, schema)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._connected_to: tuple[Path, int] | None = None
        self._has_tried = False
        self._is_retired = False

    def transaction(
        self,
        fn: Callable[[Execute], T],
        *,
        exclusive: bool = True,
        durable: bool = False,
        needs_room: bool = False,
        can_wait: bool = False,
    ) -> T:
        """Run a function as one transaction, and return what it returns.

        Parameters
        ----------
        fn : callable
            Takes a function that runs a statement with its values.
        exclusive : bool
            Whether to exclude all other transactions; one that does not may only read.
        durable : bool
            Whether to wait for the disk, so that the transaction outlasts a power cut. Any
            transaction outlasts the death of the process.
        needs_room : bool
            Whether a full disk is an error: what follows would be in vain.
        can_wait : bool
            Whether to wait while another process has locked the file.

        Raises
        ------
        CacheError
            When the disk is full, if `needs_room`.
        """
        copy = self._copy
        end = time.monotonic()
        if can_wait and not copy.is_cut_off:
            end += BUSY_PATIENCE
        while True:
            path = copy.path
            file_lock = copy.lock if exclusive else contextlib.nullcontext()
            with file_lock, self._lock:
                if path != copy.path:
                    continue  # another thread has found out meanwhile that it cannot be locked
                if not self._is_available(path):
                    return copy.run(fn)
                try:
                    return self._run(path, fn, exclusive=exclusive, durable=durable)
                except (OSError, sqlite3.Error) as error:
                    self._disconnect()
                    if needs_room and is_disk_full(error):
                        raise _full_disk_error(path) from error
                    if _substitute(copy, error):
                        continue
                    if not self._should_wait(error, end):
                        if can_wait or not is_busy(error):
                            _cut_off(copy, error)
                        return copy.run(fn)
                finally:
                    if self._is_retired:
                        self._disconnect()
            time.sleep(_PAUSE)

    def retire(self) -> None:
        """Announce the end of the call; workers that end after it may still use the database.

        From now on each transaction closes the connection that it opened, and a file that was
        deleted is not created again.
        """
        self._is_retired = True

    def close(self) -> None:
        """Close the connection, once no other thread uses it."""
        with self._lock:
            self._disconnect()
        self._copy.keep_while_needed()

    def _is_available(self, path: Path) -> bool:
        # A temporary store is deleted when its call ends: a late worker must not revive it.
        is_deleted = self._is_retired and not path.exists()
        return not is_deleted and (self._copy.is_due or not self._has_tried)

    def _should_wait(self, error: Exception, end: float) -> bool:
        is_time_left = time.monotonic() < end
        return is_busy(error) and is_time_left and not self._is_retired

    def _run(self, path: Path, fn: Callable[[Execute], T], *, exclusive: bool, durable: bool) -> T:
        self._has_tried = True
        connection = self._connect(path)
        copy = self._copy
        if exclusive:
            copy.look_at(_inode(path))
        changes: list[tuple[str, tuple[object, ...]]] = []

        def execute(statement: str, *values: object) -> sqlite3.Cursor:
            return connection.execute(statement, values)

        def execute_and_note(statement: str, *values: object) -> sqlite3.Cursor:
            if not statement.startswith("select"):
                changes.append((statement, values))
            return execute(statement, *values)

        must_last = durable or copy.has_unsaved_changes
        execute("pragma synchronous = full" if must_last else "pragma synchronous = normal")
        with connection:
            execute("begin immediate" if exclusive else "begin")
            if exclusive and copy.has_unsaved_changes:
                copy.carry_into(execute)
            result = fn(execute_and_note)
        if exclusive:
            copy.has_unsaved_changes = False
            copy.repeat(changes)
        if copy.is_cut_off:
            copy.is_cut_off = False
            logger.info("%s: reports in flight are recorded again", path)
        return result

    def _connect(self, path: Path) -> sqlite3.Connection:
        if self._connected_to != (path, _inode(path)):  # it was moved aside or deleted
            self._disconnect()
        if self._connection is None:
            self._connection = _open_database(path, self._schema)
            self._connected_to = (path, _inode(path))
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def query_read_only(path: Path, query: str, *, table: str) -> list[sqlite3.Row]:
    """Run a query on a database that may be read-only; no rows when it lacks the table.

    While the calls of this process do without the file, what they know is returned.

    Raises
    ------
    OSError, sqlite3.Error
    """
    copy = find_copy(path)
    if copy is not None:
        if copy.has_unsaved_changes or copy.is_cut_off:
            return copy.run(lambda execute: execute(query).fetchall())
        path = copy.path
    if not _is_file(path):
        return []
    try:
        return _run_query(path, "mode=ro", query, table)
    except sqlite3.OperationalError as error:
        if is_unlockable(path, error):
            return query_read_only(_substitute_path(path), query, table=table)
        if is_busy(error):
            raise
        # Even a reader creates a file beside the database. Without the permission to, it can
        # still read the database file alone.
        return _run_query(path, "mode=ro&immutable=1", query, table)


def _run_query(path: Path, mode: str, query: str, table: str) -> list[sqlite3.Row]:
    uri = f"{path.as_uri()}?{mode}"
    connection = sqlite3.connect(uri, timeout=LOCK_TIMEOUT, uri=True)
    with contextlib.closing(connection):
        connection.row_factory = sqlite3.Row
        tables = connection.execute("select name from sqlite_master where name = ?", [table])
        if tables.fetchone() is None:  # another process is just creating it
            return []
        return connection.execute(query).fetchall()


def _is_file(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISREG(path.stat().st_mode)
    return False


def _inode(path: Path) -> int:
    """Return the number that tells a file from the one that replaces it; 0 if there is none."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino
    return 0


def _open_database(path: Path, schema: Schema) -> sqlite3.Connection:
    """Open the database, created if need be with the permissions of the user's umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=True)  # SQLite itself would grant less than the umask does
    if not _is_file(path):  # to open a pipe might take for ever
        raise OSError(errno.EINVAL, "no file", str(path))
    connection = sqlite3.connect(
        path,
        timeout=LOCK_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,  # one thread at a time uses it, but not always the same
    )
    try:
        connection.row_factory = sqlite3.Row
        _choose_journal(connection, path)
        for statement in schema.statements:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Have SQLite keep a journal that works where the file is.

    A write-ahead log is several times faster, and needs memory that all processes share: those of
    two machines do not. A database that a machine has opened over a network keeps its journal.
    """
    if is_on_network(path):
        connection.execute("pragma journal_mode = truncate")
    elif not connection.execute("select name from sqlite_master").fetchone():
        connection.execute("pragma journal_mode = wal")


def _substitute(copy: ProcessCopy, error: Exception) -> bool:
    """Use a file of this machine in place of one that cannot be locked; return whether to retry.

    To find that out takes the whole `LOCK_TIMEOUT`: once in a process is enough.
    """
    if copy.has_substitute or not is_unlockable(copy.path, error):
        return False
    path = copy.path
    copy.use_substitute(_substitute_path(path))
    logger.warning(
        "%s: reports in flight are not recorded there, because it cannot be locked (%s), "
        "but for the calls of this machine in %s",
        path,
        error,
        copy.path,
    )
    return True


def _substitute_path(path: Path) -> Path:
    return machine_state_dir(str(path)) / path.name


def _cut_off(copy: ProcessCopy, error: Exception) -> None:
    """Do without the file for a while, and say so once."""
    if not copy.is_cut_off:
        logger.warning(
            "%s: reports in flight are not recorded, but for the calls of this process (%s)%s",
            copy.path,
            error,
            ". ReportCache.repair() moves the file aside" if is_damaged(error) else "",
        )
    copy.cut_off()


def _full_disk_error(path: Path) -> CacheError:
    return CacheError(
        f"cannot write {path}: the disk is full. Nothing was requested. Free disk space, then "
        "call again, or choose another folder with cache= or SDANALYTICS_CACHE_DIR"
    )
