"""Check of the in-flight registry: a damaged one is moved aside, and values that cannot be go."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sdanalytics.store.backends.disk import LocalStorage
from sdanalytics.store.claims_table import CREATE_CLAIMS_TABLE, Claim
from sdanalytics.store.in_flight import DATABASE_FILENAME
from sdanalytics.store.layout import quarantine_path
from sdanalytics.store.limiter_table import CREATE_LIMITER_TABLE, parse_state
from sdanalytics.store.lock_errors import is_busy, is_damaged
from sdanalytics.store.sqlite_state import LOCK_TIMEOUT

_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to the name of a database for the files that belong to it."""
_TABLES: Final = ("reports", "paces")
_ADVICE: Final = "ReportCache.repair() moves it aside; the reports in flight are requested again"


@dataclass(frozen=True)
class RegistryProblem:
    """The reason why a registry is not as calls write it.

    Attributes
    ----------
    path : str
    message : str
    odd_rows : mapping of str to list of int
        The rows of each table with values that no call has written; none when it is unusable.
    moved_to : str or None
        Its path in quarantine, once it has been moved.
    """

    path: str
    message: str
    odd_rows: dict[str, list[int]]
    moved_to: str | None = None


def find_registry_problem(state_dir: Path) -> RegistryProblem | None:
    """Return the problem of a registry; None when it has none, or cannot be read now."""
    path = state_dir / DATABASE_FILENAME
    with contextlib.suppress(OSError):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return RegistryProblem(str(path), f"no file, which is in the way. {_ADVICE}", {})
        try:
            return _inspect(path)
        except sqlite3.DatabaseError as error:
            if is_damaged(error):
                return RegistryProblem(str(path), f"damaged: {error}. {_ADVICE}", {})
    return None


def repair_registry(state_dir: Path) -> RegistryProblem | None:
    """Remove rows with odd values, or move an unusable registry to a folder beside it.

    Raises
    ------
    CacheError
        When it cannot be moved.
    """
    problem = find_registry_problem(state_dir)
    if problem is None:
        return None
    if problem.odd_rows:
        path = state_dir / DATABASE_FILENAME
        is_mended = _delete_rows(path, problem.odd_rows)
        return problem if is_mended else None
    storage = LocalStorage(state_dir)
    moved_to = quarantine_path(DATABASE_FILENAME)
    if not _move_database(storage, moved_to):  # another process has put a new one there
        return None
    return replace(problem, moved_to=storage.display_name(moved_to))


def _move_database(storage: LocalStorage, destination: str) -> bool:
    """Move a registry, then the files beside it; return whether the registry was still there.

    If it was not, the files beside it stay.
    """
    suffix_by_name = {DATABASE_FILENAME: ""}
    for suffix in _BESIDE:
        suffix_by_name[f"{DATABASE_FILENAME}{suffix}"] = suffix
    stamps = storage.stat_many("", list(suffix_by_name))
    for name, suffix in suffix_by_name.items():
        is_moved = False
        if name in stamps:
            is_moved = storage.move(stamps[name], f"{destination}{suffix}")
        if name == DATABASE_FILENAME and not is_moved:
            return False
    return True


def _inspect(path: Path) -> RegistryProblem | None:
    read_only = f"{path.as_uri()}?mode=ro"
    connection = sqlite3.connect(read_only, timeout=LOCK_TIMEOUT, uri=True)
    with contextlib.closing(connection):
        connection.row_factory = sqlite3.Row
        rows = connection.execute("pragma quick_check(1)")
        [(result,)] = rows.fetchall()
        if result != "ok":
            return RegistryProblem(str(path), f"damaged: {result}. {_ADVICE}", {})
        if not _has_expected_tables(connection):
            return RegistryProblem(str(path), f"foreign: it has other tables. {_ADVICE}", {})
        odd_rows = _find_odd_rows(connection)
    count = sum(map(len, odd_rows.values()))
    if not count:
        return None
    message = (
        f"{count} of its entries have values that no call has written: they count as none. "
        "ReportCache.repair() removes them"
    )
    return RegistryProblem(str(path), message, odd_rows)


def _has_expected_tables(connection: sqlite3.Connection) -> bool:
    """Return whether each table that is there has the columns that calls write."""
    with contextlib.closing(sqlite3.connect(":memory:")) as expected:
        expected.execute(CREATE_CLAIMS_TABLE)
        expected.execute(CREATE_LIMITER_TABLE)
        for table in _TABLES:
            found = _column_names(connection, table)
            written = _column_names(expected, table)
            if found and found != written:
                return False
    return True


def _column_names(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute(f"pragma table_info({table})")
    return [name for _, name, *_ in rows]


def _find_odd_rows(connection: sqlite3.Connection) -> dict[str, list[int]]:
    odd: dict[str, list[int]] = {}
    for table, is_sound in (("reports", _is_claim), ("paces", _is_limiter_state)):
        if not _column_names(connection, table):  # another process is just creating it
            continue
        rows = connection.execute(f"select rowid as place, * from {table}")  # noqa: S608
        numbers = []
        for row in rows:
            if not is_sound(row):
                numbers.append(row["place"])
        if numbers:
            odd[table] = numbers
    return odd


def _is_claim(row: sqlite3.Row) -> bool:
    claim = Claim.from_row(row)
    return claim is not None


def _is_limiter_state(row: sqlite3.Row) -> bool:
    state = parse_state(row["state"])
    return state is not None


def _delete_rows(path: Path, odd_rows: dict[str, list[int]]) -> bool:
    """Delete rows that are still odd; return whether that was possible."""
    connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None)
    with contextlib.closing(connection):
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                connection.execute("begin immediate")
                still_odd = _find_odd_rows(connection)
                for table, numbers in still_odd.items():
                    reported = odd_rows.get(table, ())
                    both = set(numbers).intersection(reported)
                    _delete(connection, table, both)
        except sqlite3.DatabaseError as error:
            if is_busy(error):
                return False
            raise
    return True


def _delete(connection: sqlite3.Connection, table: str, numbers: Iterable[int]) -> None:
    statement = f"delete from {table} where rowid = ?"  # noqa: S608
    parameters = [(number,) for number in numbers]
    connection.executemany(statement, parameters)
