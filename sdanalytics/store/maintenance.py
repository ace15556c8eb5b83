"""Store maintenance: find invalid files, quarantine them, and remove partitions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import CacheError
from sdanalytics.model.frames import frame_from_records
from sdanalytics.model.identity import find_unidentified_row, required_columns
from sdanalytics.model.metrics import UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage, readable_name
from sdanalytics.store.compaction import CompactedMonths
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.history_file import read_history_file
from sdanalytics.store.layout import (
    ACCOUNTS,
    CAMPAIGNS,
    COMPACTED_DIR,
    HISTORY,
    PROFILES,
    QUARANTINE_DIR,
    REPORTS,
    InvalidFile,
    MonthKey,
    history_path,
    is_conflict_copy,
    is_litter,
    parse_history_path,
    parse_partition_path,
    partition_path,
    quarantine_path,
)
from sdanalytics.store.metadata import MetadataStore
from sdanalytics.store.parquet_file import PartitionFiles, matches_checksum, read_stored_columns
from sdanalytics.store.registry_check import find_registry_problem, repair_registry
from sdanalytics.store.unknown_tactic import UnknownTacticFiles

if TYPE_CHECKING:
    import pandas as pd

_VERIFIED_DIRS: Final = (PROFILES, ACCOUNTS, CAMPAIGNS, REPORTS, HISTORY, COMPACTED_DIR)
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
    stamp : FileStamp
        Read before the file was.
    message : str
        The reason why it is invalid.
    moved_to : str or None
        Its path in quarantine; None while it has not been moved.
    """

    stamp: FileStamp
    message: str
    moved_to: str | None = None

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.stamp.key


@dataclass(frozen=True)
class StoreMaintenance:
    """Maintains the files of a store.

    Attributes
    ----------
    storage : Storage
    archive : HistoryArchive or None
        Where rows are kept that are removed from the file of unknown tactic.
    """

    storage: Storage
    archive: HistoryArchive | None

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
            rows.append((readable_name(path), readable_name(problem.message)))
        registry = find_registry_problem(self.storage.state_dir)
        if registry is not None:
            rows.append((registry.path, registry.message))
        return frame_from_records(rows, _PROBLEM_DTYPES)

    def repair(self) -> pd.DataFrame:
        """Quarantine invalid files, and return the frame of `ReportCache.repair`.

        Raises
        ------
        CacheError
            When that was not possible for a file; it was done for all others.
        """
        display_name = self.storage.display_name
        rows: list[tuple[str, str, str | None]] = []
        registry = repair_registry(self.storage.state_dir)
        for problem in self.quarantine():
            moved_to = problem.moved_to
            aside = None
            if moved_to is not None:
                aside = readable_name(display_name(moved_to))
            path = readable_name(display_name(problem.path))
            rows.append((path, readable_name(problem.message), aside))
        if registry is not None:
            rows.append((registry.path, registry.message, registry.moved_to))
        return frame_from_records(rows, _MOVED_DTYPES)

    def find_problems(self) -> Iterator[Problem]:
        """Read every file completely, and yield those that are invalid, without litter."""
        for stamp in self.storage.walk(*_VERIFIED_DIRS):
            if is_litter(stamp.key):
                continue
            message = self._find_problem(stamp.key)
            if message is not None:
                yield Problem(stamp, message)

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
                moved += self._mend(problem)
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
        """Remove partitions and their history; return the number of those that were stored."""
        removed = 0
        months: dict[MonthKey, None] = {}
        for partition in partitions:
            removed += self._remove_if_present(partition_path(partition))
            self._remove_if_present(history_path(partition))
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
        if has_lone_surrogate(path):
            raise InvalidFile("foreign: its name is no UTF-8")
        if self.storage.is_link_to_folder(path):
            raise InvalidFile("a link to a folder: the store does not follow it")
        if folder == PROFILES:
            MetadataStore(self.storage).validate_profile(path)
        elif folder == CAMPAIGNS:
            MetadataStore(self.storage).validate_campaign_list(path)
        elif folder == ACCOUNTS:
            MetadataStore(self.storage).validate_account(path)
        elif folder == COMPACTED_DIR:
            CompactedMonths(self.storage).validate(path)
        elif folder == HISTORY:
            read_history_file(self.storage, parse_history_path(path))
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
            if cached.unknown_rows and self._unknown_tactic.load(partition) is None:
                raise InvalidFile(
                    f"incomplete: {cached.unknown_rows} rows of the same day and report, of "
                    "unknown tactic, are lost with their file. The day counts as missing"
                )
        known_rows = self._count_known_rows(partition)
        if known_rows:
            raise InvalidFile(
                f"{known_rows} of its rows are also stored under their tactic, where they count. "
                "ReportCache.repair() removes them here"
            )

    def _count_known_rows(self, partition: Partition) -> int:
        """Return the number of rows of a file of unknown tactic that a stored tactic has."""
        if partition.tactic != UNKNOWN_TACTIC:
            return 0
        rows = self._unknown_tactic.load(partition)
        if rows is None:
            return 0
        return rows.known_count

    @property
    def _unknown_tactic(self) -> UnknownTacticFiles:
        return UnknownTacticFiles(PartitionFiles(self.storage), self.archive)

    def _mend(self, problem: Problem) -> list[Problem]:
        """Remove rows that count elsewhere from a file, or move the file to quarantine.

        Nothing when a valid file has replaced it meanwhile.
        """
        path = problem.path
        with contextlib.suppress(InvalidFile):
            partition = parse_partition_path(path)
            is_unknown = partition.tactic == UNKNOWN_TACTIC
            if is_unknown and self._unknown_tactic.remove_known_rows(partition):
                return [problem]
        with self.storage.locked(path):
            message = self._find_problem(path)
            if message is None:
                return []
            moved_to = quarantine_path(path)
            if not self.storage.move(problem.stamp, moved_to):
                return []
        return [Problem(problem.stamp, message, moved_to)]


def _describe_copies(copies: list[Problem]) -> Problem:
    """Return one problem for all the copies that a synchronization made: there may be many."""
    first = copies[0]
    others = len(copies) - 1
    count = ""
    if others:
        count = f"; {others} more like this"
    return Problem(
        first.stamp,
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
