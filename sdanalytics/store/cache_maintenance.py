"""`CacheMaintenance`: those methods of `ReportCache` that remove, check and compact files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdanalytics.model.literals import RecordType, Segment, Tactic
from sdanalytics.model.metrics import TACTICS
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.store.maintenance import StoreMaintenance
from sdanalytics.store.store import Store
from sdanalytics.store.unknown_tactic import unknown_partition

if TYPE_CHECKING:
    import pandas as pd


class CacheMaintenance:
    """The maintenance of a `ReportCache`."""

    _store: Store

    def remove(
        self,
        record_type: RecordType,
        start: DateLike,
        end: DateLike | None = None,
        *,
        tactic: Tactic | Sequence[Tactic] | None = None,
        segment: Segment | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> int:
        """Delete stored days.

        Days that the service no longer has cannot be fetched again. Without `tactic`, rows of
        unknown tactic are deleted, too. What `repair` has moved to the folder ``damaged`` stays.
        Parameters are those of `read`.

        Returns
        -------
        int
            The number of partitions that were deleted.
        """
        query = ReportQuery.parse(record_type, start, end, tactic=tactic, segment=segment)
        key = self._store.inventory.resolve_profile(source, profile_id)
        partitions = query.partitions(*key)
        if query.tactics == TACTICS:
            days = set(map(unknown_partition, partitions))
            # First: whoever reads or stores a day meanwhile looks at its tactics afterwards.
            partitions = [*sorted(days), *partitions]
        return StoreMaintenance(self._store.storage).remove(partitions)

    def verify(self) -> pd.DataFrame:
        """Read every file completely, and list those that are invalid.

        For `fetch_report`, damaged and foreign files are missing, and it replaces them; a file
        that cannot be opened ends it with a `CacheError`. Days with rows that lack their
        identity, which earlier releases stored, count as stored until `repair` moves them.

        Returns
        -------
        pandas.DataFrame
            `path` and `problem` (str), a row for every invalid file, but one for all copies that
            a program which synchronizes folders has made. Files that other programs leave in
            folders, such as ``.DS_Store``, are passed over. A registry of reports in flight
            that is no database, or has values that no call has written, is among them.

        Raises
        ------
        CacheError
            When a folder cannot be listed.
        """
        return StoreMaintenance(self._store.storage).verify()

    def repair(self) -> pd.DataFrame:
        """Quarantine the files that `verify` finds, so that they are fetched again.

        Nothing is deleted: they are moved to the folder ``damaged`` of the cache, under the
        same path and a new, unique name. Unfinished files of processes that were killed more
        than an hour ago are removed.

        Returns
        -------
        pandas.DataFrame
            `path`, `problem` and `moved_to` (str), a row for every file that was moved; and for
            every file that was mended where it is, `moved_to` missing: rows of unknown tactic
            that are also stored under their tactic are removed, and entries of the registry of
            reports in flight that no call has written.

        Raises
        ------
        CacheError
            When a file could not be moved; all others were.
        """
        return StoreMaintenance(self._store.storage).repair()

    def compact(self) -> int:
        """Copy the days of every month into one file, from which they are read faster.

        Reading and fetching do so by themselves for the months that they read: this only speeds up
        the first read of a cache without compacted months. The files of the days stay: the
        compacted months, in the folder ``months``, may be deleted at any time.

        Returns
        -------
        int
            The number of months that were compacted, without those that were already.

        Raises
        ------
        CacheError
            When a compacted month cannot be written.
        """
        return self._store.partitions.compact()
