"""`PartitionStore`: look up, load, and store the partitions of a store.

::

    <root>/reports/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/report.parquet

One file a partition, always the widest: no stored metric is lost, and no row counts twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from sdanalytics.errors import CacheError
from sdanalytics.model.metrics import CAMPAIGN_FACTS, EVERY_TACTIC, UNKNOWN_TACTIC, identity_columns
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compactor import Compactor
from sdanalytics.store.concat import select_or_null
from sdanalytics.store.day_reader import read_query_days
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.layout import REPORTS, InvalidFile, parse_partition_path
from sdanalytics.store.parquet_file import (
    CachedByPartition,
    CachedPartition,
    ColumnNames,
    PartitionFiles,
    PartitionTables,
    StoredByPartition,
)
from sdanalytics.store.reader import PartitionReader
from sdanalytics.store.report_writer import ReportWriter, StoreOutcome
from sdanalytics.store.unknown_tactic import (
    UnknownTacticFiles,
    tables_of_tactics,
    unknown_partition,
)


class PartitionStore:
    """The partitions of a store.

    Parameters
    ----------
    storage : Storage
    is_temporary : bool
        Whether the store is removed with the call that made it: then nothing is compacted.
    keep_history : bool
        Whether what a partition had is kept before its file is replaced.
    """

    def __init__(
        self, storage: Storage, *, is_temporary: bool = False, keep_history: bool = True
    ) -> None:
        self.storage = storage
        self._is_temporary = is_temporary
        self._is_closed = False
        self._files = PartitionFiles(storage)
        self.archive = HistoryArchive(storage) if keep_history else None
        self._unknown_tactic = UnknownTacticFiles(self._files, self.archive)
        self._reader = PartitionReader(storage)
        self._compactor = Compactor(storage)

    def lookup(self, partition: Partition) -> CachedPartition | None:
        """Read the metadata of a partition; None if it is missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be opened: it may be intact, and is not replaced.
        """
        return self._files.lookup(partition)

    def lookup_many(self, partitions: Iterable[Partition]) -> CachedByPartition:
        """Read the metadata of partitions, without those for which `lookup` returns None."""
        return self._reader.lookup_many(partitions)

    def load(self, partition: Partition, columns: Sequence[str]) -> pa.Table | None:
        """Read columns of a partition; None where `lookup` returns None or a page is damaged."""
        return self._files.load(partition, columns)

    def read_many(
        self, cached: Iterable[CachedPartition], columns: Sequence[str]
    ) -> StoredByPartition:
        """Read columns of partitions, without those for which `load` returns None.

        Columns that a partition lacks because the service refused them are null; so are facts of
        campaigns that it lacks.
        """
        by_missing: dict[ColumnNames, list[CachedPartition]] = {}
        for entry in cached:
            by_missing.setdefault(_null_columns(entry, columns), []).append(entry)
        stored_rows: StoredByPartition = {}
        for missing, entries in by_missing.items():
            names = [name for name in columns if name not in missing]
            for partition, rows in self._reader.load_many(entries, names).items():
                if missing:
                    rows = rows._replace(table=select_or_null(rows.table, columns))
                stored_rows[partition] = rows
        return stored_rows

    def load_days(
        self,
        query: ReportQuery,
        requested: Collection[Partition],
        cached: Iterable[CachedPartition],
        columns: Sequence[str],
    ) -> PartitionTables:
        """Read columns of partitions, and their days' rows of unknown tactic that count.

        Parameters
        ----------
        query : ReportQuery
            Rows of unknown tactic may be of another tactic than that of a query for a single one.
        requested : collection of Partition
            The partitions of the query.
        cached : iterable of CachedPartition
            Those of them that were found.
        columns : sequence of str
            Null where rows of unknown tactic lack one, where the service refused it, and where
            a fact of campaigns is not stored.

        Returns
        -------
        dict of Partition to pyarrow.Table
            Without partitions for which `load` returns None, and without those whose rows of
            unknown tactic are lost (`sdanalytics.store.day_reader`).
        """
        source = _CachedPartitions(self, cached, columns)
        return read_query_days(source, query, requested, columns)

    def store_report(
        self,
        tables: Mapping[Partition, pa.Table],
        provenance: Provenance,
        *,
        requested: Collection[Partition] | None = None,
        now: datetime | None = None,
    ) -> dict[Partition, StoreOutcome]:
        """Store the partitions of a report, replacing the file of each atomically.

        A stored partition is never narrowed, nor replaced by older data: then the existing file
        stays. Columns that no request of this version can have are taken over from it, row by
        row (`sdanalytics.store.merge`): those of the other version of the API, those that the
        service refused this time, and metrics that another process registered. Rows of unknown
        tactic follow the rule of `sdanalytics.store.unknown_tactic`.

        Parameters
        ----------
        tables : mapping of Partition to pyarrow.Table
            The rows of the report: columns of the catalogue, the identity columns among them.
        provenance : Provenance
        requested : collection of Partition, optional
            The partitions to store beside those of unknown tactic; by default all. The others
            show which rows the report still has.
        now : datetime.datetime, optional
            Aware; by default the current time.

        Returns
        -------
        dict
            The outcome for each stored partition.

        Raises
        ------
        CacheError
            When a file cannot be written; the existing one stays.
        """
        if self._is_closed:
            url = self.storage.url
            raise CacheError(f"{url} was a cache for one call only, which has ended")
        writer = ReportWriter(self._files, self.archive, provenance, now or datetime.now(UTC))
        outcomes: dict[Partition, StoreOutcome] = {}
        # First of all, since a report of which all tactics are stored is never downloaded again.
        unknown = {
            partition: table
            for partition, table in tables.items()
            if partition.tactic == UNKNOWN_TACTIC
        }
        for partition, table in unknown.items():
            writer.write_unknown(partition, table, tables_of_tactics(partition, tables.get))
            outcomes[partition] = StoreOutcome()
        for partition, table in tables.items():
            is_requested = requested is None or partition in requested
            if is_requested and partition.tactic != UNKNOWN_TACTIC:
                rows = tables.get(unknown_partition(partition))
                unknown_rows = 0 if rows is None else rows.num_rows
                outcomes[partition] = writer.write(partition, table, unknown_rows=unknown_rows)
        for partition, table in unknown.items():
            if table.num_rows and self.lookup(partition) is None:
                # Removed with the day by another call, which then met its tactics again.
                writer.write_unknown(partition, table, tables_of_tactics(partition, tables.get))
        with_tactics = [partition for partition in outcomes if partition.tactic != EVERY_TACTIC]
        for day in dict.fromkeys(map(unknown_partition, with_tactics)):
            self._unknown_tactic.remove_known_rows(day)
        return outcomes

    def maybe_compact(self, cached: Iterable[CachedPartition]) -> None:
        """Compact the months of partitions that were read, where it speeds up the next read.

        Errors are ignored: where nothing can be written, partitions are read from their own
        files.
        """
        if not self._is_temporary:
            with contextlib.suppress(CacheError):
                self._compactor.compact_fragmented(cached)

    def compact(self) -> int:
        """Compact all months; return the number of those that were not compacted or out of date.

        Raises
        ------
        CacheError
            When a compacted month cannot be written.
        """
        return self._compactor.compact_fragmented(self.lookup_all())

    def list_partitions(self) -> Iterator[Partition]:
        """Yield the partitions that have a file."""
        for path, *_ in self.storage.walk(REPORTS):
            with contextlib.suppress(InvalidFile):
                yield parse_partition_path(path)

    def lookup_all(self) -> Iterable[CachedPartition]:
        """Read the metadata of all partitions."""
        partitions = self.list_partitions()
        return self.lookup_many(partitions).values()

    def check_writable(self) -> None:
        """Make sure that partitions can be stored, before reports are requested.

        Raises
        ------
        CacheError
            When they cannot: the folder is not writable, or the disk is full.
        """
        self.storage.check_writable()

    def close(self) -> None:
        """Refuse to store anything from now on: the folder of a temporary store is removed."""
        self._is_closed = True


class _CachedPartitions:
    """The source of the rows of partitions that were looked up."""

    def __init__(
        self, store: PartitionStore, cached: Iterable[CachedPartition], columns: Sequence[str]
    ) -> None:
        self._store = store
        self._cached = {entry.partition: entry for entry in cached}
        self._columns = columns

    def load_identity(self, partition: Partition) -> pa.Table | None:
        """Read the identity columns of a partition, as it is stored now."""
        identity = identity_columns(partition.record_type, partition.segment)
        return self._store.load(partition, identity)

    def read_unknown(self, days: Collection[Partition]) -> StoredByPartition:
        """Read the partitions of unknown tactic that have a file, with all stored columns."""
        stored_rows: StoredByPartition = {}
        for entry in self._store.lookup_many(days).values():
            stored_rows |= self._store.read_many([entry], entry.columns)
        return stored_rows

    def read_tactics(
        self, partitions: Collection[Partition], *, beside_unknown: bool
    ) -> StoredByPartition:
        """Read the partitions that were found; those that are found now, beside unknown rows."""
        cached = self._store.lookup_many(partitions) if beside_unknown else self._cached
        entries = [cached[partition] for partition in partitions if partition in cached]
        return self._store.read_many(entries, self._columns)


def _null_columns(entry: CachedPartition, columns: Sequence[str]) -> ColumnNames:
    """Return the columns that a partition lacks and that are null when it is read.

    They are those that the service refused, and facts of campaigns, which are joined.
    """
    optional = {*entry.refused, *CAMPAIGN_FACTS}.difference(entry.columns)
    return tuple(name for name in columns if name in optional)
