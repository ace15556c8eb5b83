"""A small SQLite database for optional shared state.

Any number of processes and threads use one file. Where it cannot be used (in a read-only folder,
or because it is damaged) a warning says so, and from then on every transaction of the call returns
its default: callers go on as if they were alone. Where it cannot be locked (on a network file
system), which takes `BUSY_TIMEOUT` to find out, a file in the state folder of this machine is used
in its place until the process ends.

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
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from sdanalytics.errors import CacheError
from sdanalytics.store.machine_state import machine_state_dir

logger = logging.getLogger("sdanalytics")

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for another process's transaction; each takes milliseconds."""

_PRIMARY_CODE: Final = 0xFF
"""The bits of an error code of SQLite that tell the kind of error."""
_LOCK_ERRORS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_IOERR_BLOCKED,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_UNLOCK,
    }
)
"""Errors that a file system without locks, or without memory that processes share, gives."""

T = TypeVar("T")
D = TypeVar("D")
Execute = Callable[..., sqlite3.Cursor]
"""Runs a statement with its values, within a transaction."""


class StateDatabase:
    """One call's connection to a database file, which is created when it is first used.

    Parameters
    ----------
    path : pathlib.Path
    schema : sequence of str
        Statements that create the tables, unless they exist.
    """

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self._path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._connected_to = path
        self._is_usable = True
        self._is_retired = False

    def transaction(
        self,
        fn: Callable[[Execute], T],
        default: D,
        *,
        exclusive: bool = True,
        durable: bool = False,
        needs_room: bool = False,
    ) -> T | D:
        """Run a function as one transaction, and return what it returns.

        Parameters
        ----------
        fn : callable
            Takes a function that runs a statement with its values.
        default : object
            Returned where the database cannot be used.
        exclusive : bool
            Whether to exclude all other transactions; one that does not may only read.
        durable : bool
            Whether to wait for the disk, so that the transaction outlasts a power cut. Any
            transaction outlasts the death of the process.
        needs_room : bool
            Whether a full disk is an error: what follows would be in vain.

        Raises
        ------
        CacheError
            When the disk is full, if `needs_room`.
        """
        while True:
            path = _usable_path(self._path)
            file_lock = _process_lock(path) if exclusive else contextlib.nullcontext()
            with file_lock, self._lock:
                if path != _usable_path(self._path):
                    continue  # another thread has found out meanwhile that it cannot be locked
                if not self._is_available(path):
                    return default
                try:
                    return self._run(path, fn, exclusive=exclusive, durable=durable)
                except (OSError, sqlite3.Error) as error:
                    self._disconnect()
                    if needs_room and _is_disk_full(error):
                        raise CacheError(
                            f"cannot write {path}: the disk is full. Nothing was requested. Free "
                            "disk space, then call again, or choose another folder with cache= or "
                            "SDANALYTICS_CACHE_DIR"
                        ) from error
                    if not _substitute(path, error):
                        self._give_up(path, error)
                finally:
                    if self._is_retired:
                        self._disconnect()

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

    def _is_available(self, path: Path) -> bool:
        # A temporary store is deleted when its call ends: a late worker must not revive it.
        is_deleted = self._is_retired and not path.exists()
        return self._is_usable and not is_deleted

    def _give_up(self, path: Path, error: Exception) -> None:
        # For the whole call: each further attempt might take as long, at every request.
        self._is_usable = False
        logger.warning("%s: reports in flight are not recorded (%s)", path, error)

    def _run(self, path: Path, fn: Callable[[Execute], T], *, exclusive: bool, durable: bool) -> T:
        if self._connected_to != path:
            self._disconnect()
        if self._connection is None:
            self._connection = _open_database(path, self._schema)
            self._connected_to = path
        connection = self._connection

        def execute(statement: str, *values: object) -> sqlite3.Cursor:
            return connection.execute(statement, values)

        execute("pragma synchronous = full" if durable else "pragma synchronous = normal")
        with connection:
            execute("begin immediate" if exclusive else "begin")
            return fn(execute)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def query_read_only(path: Path, query: str, *, table: str) -> list[sqlite3.Row]:
    """Run a query on a database that may be read-only; no rows when it lacks the table.

    Raises
    ------
    sqlite3.Error
    """
    path = _usable_path(path)
    if not path.is_file():
        return []
    try:
        return _run_query(path, "mode=ro", query, table)
    except sqlite3.OperationalError as error:
        if _substitute(path, error):
            return query_read_only(path, query, table=table)
        # Even a reader creates a file beside the database. Without the permission to, it can
        # still read the database file alone.
        return _run_query(path, "mode=ro&immutable=1", query, table)


def _run_query(path: Path, mode: str, query: str, table: str) -> list[sqlite3.Row]:
    uri = f"{path.as_uri()}?{mode}"
    connection = sqlite3.connect(uri, timeout=BUSY_TIMEOUT, uri=True)
    with contextlib.closing(connection):
        connection.row_factory = sqlite3.Row
        tables = connection.execute("select name from sqlite_master where name = ?", [table])
        if tables.fetchone() is None:  # another process is just creating it
            return []
        return connection.execute(query).fetchall()


def _open_database(path: Path, schema: Sequence[str]) -> sqlite3.Connection:
    """Open the database, created if need be with the permissions of the user's umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=True)  # SQLite itself would grant less than the umask does
    connection = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,  # one thread at a time uses it, but not always the same
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        for statement in schema:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


# The files of this process that cannot be locked, each with the one in its place.
_substitutes: Final[dict[Path, Path]] = {}


def _usable_path(path: Path) -> Path:
    return _substitutes.get(path, path)


def _substitute(path: Path, error: Exception) -> bool:
    """Use a file of this machine in place of one that cannot be locked; return whether to retry.

    Its file system may take the whole `BUSY_TIMEOUT` to refuse: once in a process is enough.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    is_unlockable = code in _LOCK_ERRORS or code & _PRIMARY_CODE in _LOCK_ERRORS
    if path in _substitutes:  # by another thread, meanwhile
        return True
    if not is_unlockable or path in _substitutes.values():
        return False
    substitute = machine_state_dir(str(path)) / path.name
    _substitutes[path] = substitute
    logger.warning(
        "%s: reports in flight are not recorded there, because it cannot be locked (%s), "
        "but for the calls of this machine in %s",
        path,
        error,
        substitute,
    )
    return True


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return bool(code & _PRIMARY_CODE == sqlite3.SQLITE_FULL)


@lru_cache(maxsize=64)
def _process_lock(path: Path) -> threading.Lock:
    """Return the lock for exclusive transactions of this process on a file."""
    return threading.Lock()


if hasattr(os, "register_at_fork"):  # the threads that held these locks are not in the child
    os.register_at_fork(after_in_child=_process_lock.cache_clear)
