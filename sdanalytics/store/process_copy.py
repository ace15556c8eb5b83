"""The rows that this process has written to a state database, in memory.

All calls of a process share one copy of a file. Each change of the file is made in the copy, too.
While the file cannot be used the copy serves in its place, so that the calls of this process never
claim the same partition twice, whatever becomes of the file; its rows are carried into the file as
soon as that can be used again, or into the file that takes its place.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

RETRY_INTERVAL: Final = 10.0
"""Seconds between two attempts to use a file that could not be used."""

T = TypeVar("T")
Execute = Callable[..., sqlite3.Cursor]
"""Runs a statement with its values, within a transaction."""


@dataclass(frozen=True)
class Schema:
    """The tables of a state database.

    Attributes
    ----------
    statements : tuple of str
        Create the tables, unless they exist.
    carry : callable
        Makes the rows of this process in a second database those of a first one.
    is_empty : callable
        Whether a database has no rows that this process may still need.
    """

    statements: tuple[str, ...]
    carry: Callable[[Execute, Execute], None]
    is_empty: Callable[[Execute], bool]


class ProcessCopy:
    """The copy of one file.

    Parameters
    ----------
    path : pathlib.Path
    schema : Schema

    Attributes
    ----------
    path : pathlib.Path
        The file in use: the one that was asked for, or one of this machine in its place.
    lock : threading.Lock
        Held by the exclusive transaction of this process.
    has_unsaved_changes : bool
        Whether the copy has changes that the file lacks.
    is_cut_off : bool
        Whether the file could not be used at the last attempt.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._schema = schema
        self._first_path = path
        self.path = path
        self.lock = threading.Lock()
        self.has_unsaved_changes = False
        self.is_cut_off = False
        self._next_attempt = 0.0
        self._inode: int | None = None
        self._memory_lock = threading.Lock()
        self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._memory.row_factory = sqlite3.Row
        for statement in schema.statements:
            self._memory.execute(statement)

    @property
    def is_due(self) -> bool:
        """Whether the file is to be tried."""
        return not self.is_cut_off or time.monotonic() >= self._next_attempt

    @property
    def has_substitute(self) -> bool:
        """Whether a file of this machine is used in place of the one that was asked for."""
        return self.path != self._first_path

    def cut_off(self) -> None:
        """Do without the file for `RETRY_INTERVAL`."""
        self.is_cut_off = True
        self._next_attempt = time.monotonic() + RETRY_INTERVAL

    def look_at(self, inode: int) -> None:
        """Notice that another file has taken the place of the one that has the rows so far."""
        if self._inode not in (None, inode):
            self.has_unsaved_changes = True
        self._inode = inode

    def use_substitute(self, path: Path) -> None:
        """Use another file from now on, and carry the rows of this process into it."""
        self.path = path
        self.has_unsaved_changes = True

    def run(self, fn: Callable[[Execute], T]) -> T:
        """Run a function as one transaction on the copy alone."""
        with self._memory_lock, self._memory:
            before = self._memory.total_changes
            self._memory.execute("begin")
            result = fn(self._execute)
            if self._memory.total_changes != before:
                self.has_unsaved_changes = True
            return result

    def repeat(self, changes: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Make changes that the file already has."""
        with self._memory_lock, self._memory:
            self._memory.execute("begin")
            for statement, values in changes:
                self._memory.execute(statement, values)

    def carry_into(self, execute: Execute) -> None:
        """Make the rows of this process in the file those of the copy."""
        with self._memory_lock:
            self._schema.carry(self._execute, execute)

    def keep_while_needed(self) -> None:
        """Keep the copy for later calls of this process, if it knows what they need."""
        with self._memory_lock:
            is_needed = not self._schema.is_empty(self._execute)
        with _copies_lock:
            if is_needed or self.has_substitute:
                _kept[self._first_path] = self
            else:
                _kept.pop(self._first_path, None)

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._memory.execute(statement, values)


_copies: Final[weakref.WeakValueDictionary[Path, ProcessCopy]] = weakref.WeakValueDictionary()
_kept: Final[dict[Path, ProcessCopy]] = {}
_copies_lock = threading.Lock()


def share_copy(path: Path, schema: Schema) -> ProcessCopy:
    """Return the copy of a file that the calls of this process share."""
    with _copies_lock:
        copy = _copies.get(path)
        if copy is None:
            copy = _copies[path] = ProcessCopy(path, schema)
        return copy


def find_copy(path: Path) -> ProcessCopy | None:
    """Return the copy of a file, if a call of this process uses it or has left rows in it."""
    with _copies_lock:
        return _copies.get(path)


def _forget_copies() -> None:
    """Forget those of the parent process: their claims are not this process's."""
    global _copies_lock  # a thread that is not in the child may hold it
    _copies_lock = threading.Lock()
    _kept.clear()
    with contextlib.suppress(RuntimeError):
        _copies.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_copies)
