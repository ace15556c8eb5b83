"""`HistoryArchive`: what a partition had is kept before its file is replaced.

The order is: the stored version goes into the history, then the partition's file is replaced. So a
crash leaves a version in the history, in the partition's file, or in both, and never in none. A
version is known by its report and the moment it was fetched: one that is in both counts once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.history_file import read_versions, write_versions
from sdanalytics.store.layout import QUARANTINE_DIR, InvalidFile, history_path
from sdanalytics.store.parquet_file import (
    CachedPartition,
    PartitionFiles,
    StoredRows,
    matches_checksum,
)

VersionKey = tuple[str, datetime]
"""What a version is known by: the report, and the moment it was fetched."""


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
        rows = PartitionFiles(self.storage).read(cached.partition, cached.columns)
        is_stored = rows is not None and version_key(rows.cached) == version_key(cached)
        if rows is not None and is_stored and matches_checksum(rows.table, rows.cached):
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
            stamp = self._stat(path)
            earlier = self._read_or_quarantine(partition, stamp)
            kept = [version_key(version.cached) for version in earlier]
            if version_key(rows.cached) in kept:
                return
            was_changed = False

            # Another process may have kept another version meanwhile.
            def is_changed(expected: FileStamp | None = stamp) -> bool:
                nonlocal was_changed
                was_changed = self._stat(path) != expected
                return was_changed

            with self.storage.atomic_write(path, is_changed) as file:
                write_versions(file, partition, [*earlier, rows])
            if not was_changed:
                return

    def versions(self, partition: Partition) -> list[StoredRows]:
        """Read all versions of a partition by the moment they were fetched, the current one last.

        Of a version that is in the history and in the partition's file, the history has all rows.
        """
        try:
            earlier = read_versions(self.storage, partition)
        except (FileNotFoundError, InvalidFile):
            earlier = []
        current = self._read_current(partition)
        versions: dict[VersionKey, StoredRows] = {}
        for rows in [*current, *earlier]:
            key = version_key(rows.cached)
            versions[key] = rows
        return sorted(versions.values(), key=lambda rows: rows.cached.fetched_at)

    def _read_current(self, partition: Partition) -> list[StoredRows]:
        files = PartitionFiles(self.storage)
        cached = files.lookup(partition)
        rows = None if cached is None else files.read(partition, cached.columns)
        return [] if rows is None else [rows]

    def _read_or_quarantine(
        self, partition: Partition, stamp: FileStamp | None
    ) -> Sequence[StoredRows]:
        """Read what the history has; a damaged file is moved aside, not overwritten."""
        if stamp is None:
            return []
        try:
            return read_versions(self.storage, partition)
        except FileNotFoundError:
            return []
        except InvalidFile:
            suffix = secrets.token_hex(6)
            self.storage.move(stamp, f"{QUARANTINE_DIR}/{stamp.key}.{suffix}")
            return []

    def _stat(self, path: str) -> FileStamp | None:
        folder, _, _ = path.rpartition("/")
        return self.storage.stat_many(folder, [path]).get(path)


def version_key(cached: CachedPartition) -> VersionKey:
    """Return what a version is known by."""
    return cached.report_id, cached.fetched_at
