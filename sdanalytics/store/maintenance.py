"""Store maintenance: find invalid files, quarantine them, and remove partitions."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sdanalytics.errors import CacheError
from sdanalytics.model.frames import frame_from_records
from sdanalytics.model.identity import find_unidentified_row, required_columns
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compaction import CompactedMonths
from sdanalytics.store.layout import (
    COMPACTED_DIR,
    PROFILES,
    REPORTS,
    InvalidFile,
    MonthKey,
    is_conflict_copy,
    is_litter,
    parse_partition_path,
    partition_path,
)
from sdanalytics.store.metadata import MetadataStore
from sdanalytics.store.parquet_file import PartitionFiles, matches_checksum, read_stored_columns

if TYPE_CHECKING:
    import pandas as pd

QUARANTINE_DIR: Final = "damaged"
"""The folder of a store that invalid files are moved to."""
_VERIFIED_DIRS: Final = (PROFILES, REPORTS, COMPACTED_DIR)
_PROBLEM_DTYPES: Final = {
    "path": "str",
    "problem": "str",
}
_MOVED_DTYPES: Final = {
    "path": "str",
    "problem": "str",
    "moved_to": "str",
}


@dataclass(frozen=True)
class Problem:
    """An invalid file.

    Attributes
    ----------
    path : str
    message : str
        The reason why it is invalid.
    moved_to : str or None
        Its path in quarantine; None while it has not been moved.
    """

    path: str
    message: str
    moved_to: str | None = None


@dataclass(frozen=True)
class StoreMaintenance:
    """Maintains the files of a store.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def verify(self) -> pd.DataFrame:
        """Return the frame of `ReportCache.verify`: a row for every invalid file."""
        problems: list[Problem] = []
        copies: list[Problem] = []
        for problem in self.find_problems():
            is_copy = is_conflict_copy(problem.path)
            (copies if is_copy else problems).append(problem)
        if copies:
            problems.append(_describe_copies(copies))
        rows: list[tuple[str, str]] = []
        for problem in problems:
            path = self.storage.display_name(problem.path)
            rows.append((path, problem.message))
        return frame_from_records(rows, _PROBLEM_DTYPES)

    def repair(self) -> pd.DataFrame:
        """Quarantine invalid files, and return the frame of `ReportCache.repair`.

        Raises
        ------
        CacheError
            When that was not possible for a file; it was done for all others.
        """
        display_name = self.storage.display_name
        rows: list[tuple[str, str, str]] = []
        for problem in self.quarantine():
            moved_to = display_name(problem.moved_to or "")
            path = display_name(problem.path)
            rows.append((path, problem.message, moved_to))
        return frame_from_records(rows, _MOVED_DTYPES)

    def find_problems(self) -> Iterator[Problem]:
        """Read every file completely, and yield those that are invalid, without litter."""
        for path, *_ in self.storage.walk(*_VERIFIED_DIRS):
            if is_litter(path):
                continue
            message = self._find_problem(path)
            if message is not None:
                yield Problem(path, message)

    def quarantine(self) -> list[Problem]:
        """Move invalid files to quarantine, and remove the temporary files of killed writers.

        Raises
        ------
        CacheError
            When that was not possible for a file; it was done for all others.
        """
        moved: list[Problem] = []
        failures: list[CacheError] = []
        for problem in self.find_problems():
            try:
                moved += self._move_aside(problem.path)
            except CacheError as error:
                failures.append(error)
        for path in self.storage.stale_temp_files(*_VERIFIED_DIRS):
            try:
                self._remove_if_present(path)
            except CacheError as error:
                failures.append(error)
        if failures:
            raise _combine_errors(failures, moved)
        return moved

    def remove(self, partitions: Iterable[Partition]) -> int:
        """Remove partitions; return the number of those that were stored."""
        removed = 0
        months: dict[MonthKey, None] = {}
        for partition in partitions:
            removed += self._remove_if_present(partition_path(partition))
            months[MonthKey.from_partition(partition)] = None
        # The copies of removed partitions are invalid in any case: failing to remove them is
        # no error.
        for month in months:
            with contextlib.suppress(CacheError):
                self._remove_if_present(month.path)
        return removed

    def _remove_if_present(self, path: str) -> bool:
        try:
            self.storage.remove(path)
        except FileNotFoundError:
            return False
        return True

    def _find_problem(self, path: str) -> str | None:
        """Return the reason why a file is invalid; None also when it was removed meanwhile."""
        try:
            self._validate(path)
        except FileNotFoundError:
            if self.storage.is_broken_link(path):
                return "a broken link"
            return None
        except (InvalidFile, CacheError) as error:
            return str(error)
        return None

    def _validate(self, path: str) -> None:
        folder, _, _ = path.partition("/")
        if folder == PROFILES:
            MetadataStore(self.storage).validate_profile(path)
        elif folder == COMPACTED_DIR:
            CompactedMonths(self.storage).validate(path)
        else:
            self._validate_partition(path)

    def _validate_partition(self, path: str) -> None:
        partition = parse_partition_path(path)
        files = PartitionFiles(self.storage)
        with files.open(partition) as (cached, file):
            rows = read_stored_columns(file, cached.columns)
            if not matches_checksum(rows, cached):
                raise InvalidFile("damaged: its rows differ from those that were stored")
            required = required_columns(partition.record_type, partition.segment)
            unidentified = find_unidentified_row(rows, required)
            if unidentified:
                raise InvalidFile(
                    f"not a report: its row {unidentified.row} has no {unidentified.field}; "
                    "earlier releases stored such rows"
                )

    def _move_aside(self, path: str) -> list[Problem]:
        """Move a file to quarantine; nothing when a valid one has replaced it meanwhile."""
        with self.storage.locked(path):
            message = self._find_problem(path)
            if message is None:
                return []
            unique = secrets.token_hex(6)
            moved_to = f"{QUARANTINE_DIR}/{path}.{unique}"
            self.storage.move(path, moved_to)
        return [Problem(path, message, moved_to)]


def _describe_copies(copies: list[Problem]) -> Problem:
    """Return one problem for all the copies that a synchronization made: there may be many."""
    first = copies[0]
    others = len(copies) - 1
    count = f"; {others} more like this" if others else ""
    return Problem(
        first.path,
        f"foreign: a copy that a program made which synchronizes folders{count}. The store does "
        "not read it; ReportCache.repair() moves it aside",
    )


def _combine_errors(failures: list[CacheError], moved: list[Problem]) -> CacheError:
    """Return the first failure, with notes about the others and about what was moved."""
    first, *rest = failures
    for error in rest:
        first.add_note(str(error))
    count = len(moved)
    first.add_note(f"{count} other files were moved to the folder {QUARANTINE_DIR!r} of the cache.")
    return first
