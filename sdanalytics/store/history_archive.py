"""`HistoryArchive`: what a partition had is kept before its file is replaced.

The order is: the stored version goes into the history, then the partition's file is replaced. So a
crash leaves a version in the history, in the partition's file, or in both, and never in none. A
version is known by its report and the moment it was fetched: one that is in both counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage, read_stamp
from sdanalytics.store.history_file import (
    DayHistory,
    read_history_file,
    version_key,
    write_history_file,
)
from sdanalytics.store.layout import InvalidFile, history_path, quarantine_path
from sdanalytics.store.parquet_file import (
    CachedPartition,
    PartitionFiles,
    StoredRows,
    matches_checksum,
)


@dataclass(frozen=True)
class HistoryArchive:
    """The versions of the partitions of a store.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def keep(self, cached: CachedPartition) -> None:
        """Make sure that a stored version is in the history, if it can be read."""
        rows = PartitionFiles(self.storage).read(cached.partition)
        if rows is None or version_key(rows.cached) != version_key(cached):
            return
        if matches_checksum(rows.table, rows.cached):
            self.keep_rows(rows)

    def keep_rows(self, rows: StoredRows) -> None:
        """Make sure that a version is in the history.

        Raises
        ------
        CacheError
            When it cannot be written; the existing history stays.
        """
        partition = rows.cached.partition
        path = history_path(partition)
        while True:
            stamp = read_stamp(self.storage, path)
            earlier = self._read_or_quarantine(partition, stamp)
            if earlier.has_version(version_key(rows.cached)):
                return
            history = earlier.add(rows)
            was_changed = False

            # Another process may have kept another version meanwhile.
            def is_changed(expected: FileStamp | None = stamp) -> bool:
                nonlocal was_changed
                was_changed = read_stamp(self.storage, path) != expected
                return was_changed

            with self.storage.atomic_write(path, is_changed) as file:
                write_history_file(file, history)
            if not was_changed:
                return

    def keep_versions(self, versions: Sequence[StoredRows]) -> None:
        """Write the history of a partition that has none, in one go.

        Parameters
        ----------
        versions : sequence of StoredRows
            Of one partition, by the moment they were fetched.

        Raises
        ------
        CacheError
            When it cannot be written.
        """
        if not versions:
            return
        partition = versions[0].cached.partition
        history = DayHistory(partition)
        for version in versions:
            history = history.append(version)
        with self.storage.atomic_write(history_path(partition)) as file:
            write_history_file(file, history.sort())

    def read_day(self, partition: Partition) -> DayHistory:
        """Read what a partition had before, and its current version last.

        Of a version that is in the history and in the partition's file, the history has all rows.
        """
        try:
            history = read_history_file(self.storage, partition)
        except (FileNotFoundError, InvalidFile):
            history = DayHistory(partition)
        current = PartitionFiles(self.storage).read(partition)
        if current is None or history.has_version(version_key(current.cached)):
            return history
        return history.append(current)

    def _read_or_quarantine(self, partition: Partition, stamp: FileStamp | None) -> DayHistory:
        """Read what the history has; a damaged file is moved aside, not overwritten."""
        if stamp is not None:
            try:
                return read_history_file(self.storage, partition)
            except FileNotFoundError:
                pass
            except InvalidFile:
                self.storage.move(stamp, quarantine_path(stamp.key))
        return DayHistory(partition)
