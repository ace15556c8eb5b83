"""`PartitionStore`: look up, load, and store the partitions of a store.

::

    <root>/reports/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/report.parquet

One file a partition, always the widest: no stored metric is lost, and no row counts twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.errors import CacheError
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.identity import distinguishing_columns
from sdanalytics.model.metrics import (
    CATALOGUE,
    TACTICS,
    UNKNOWN_TACTIC,
    available_metrics,
    identity_columns,
    sort_by_catalogue,
)
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compactor import Compactor
from sdanalytics.store.layout import REPORTS, InvalidFile, parse_partition_path, partition_path
from sdanalytics.store.merge import MergedTable, anti_join_rows, merge_columns
from sdanalytics.store.parquet_file import (
    CachedByPartition,
    CachedPartition,
    ColumnNames,
    PartitionFiles,
    PartitionTables,
    write_partition,
)
from sdanalytics.store.reader import PartitionReader


class StoreOutcome(NamedTuple):
    """The outcome of storing a table.

    Attributes
    ----------
    missing_columns : tuple of str
        The stored columns that the table lacks; empty when the table was stored.
    ambiguous_rows : int
        Rows for which nothing shows which of the stored rows they are: columns that are taken
        over from those are missing in them.
    """

    missing_columns: ColumnNames = ()
    ambiguous_rows: int = 0


class PartitionStore:
    """The partitions of a store.

    Parameters
    ----------
    storage : Storage
    is_temporary : bool
        Whether the store is removed with the call that made it: then nothing is compacted.
    """

    def __init__(self, storage: Storage, *, is_temporary: bool = False) -> None:
        self.storage = storage
        self._is_temporary = is_temporary
        self._is_closed = False
        self._files = PartitionFiles(storage)
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

    def load_many(
        self, cached: Iterable[CachedPartition], columns: Sequence[str]
    ) -> PartitionTables:
        """Read columns of partitions, without those for which `load` returns None.

        Columns that a partition lacks because the service refused them are null.
        """
        by_missing: dict[ColumnNames, list[CachedPartition]] = {}
        for entry in cached:
            by_missing.setdefault(entry.missing_columns(columns), []).append(entry)
        tables: PartitionTables = {}
        for missing, entries in by_missing.items():
            names = [name for name in columns if name not in missing]
            found = self._reader.load_many(entries, names)
            for partition, table in found.items():
                tables[partition] = _with_all_columns(table, columns) if missing else table
        return tables

    def load_unknown_tactic(
        self, query: ReportQuery, partitions: Iterable[Partition]
    ) -> PartitionTables:
        """Read the rows of unknown tactic of the days of these partitions.

        Columns that they lack are null. Queries for a single tactic get none.
        """
        if query.tactics != TACTICS:
            return {}
        unknown: list[Partition] = []
        for partition in partitions:
            if partition.tactic == query.tactics[0]:
                unknown.append(partition._replace(tactic=UNKNOWN_TACTIC))
        tables: PartitionTables = {}
        found = self.lookup_many(unknown)
        for partition, cached in found.items():
            names = [name for name in query.columns if name in cached.columns]
            if not names:
                continue
            table = self.load(partition, names)
            if table is not None and table.num_rows:
                tables[partition] = _with_all_columns(table, query.columns)
        return tables

    def store(self, partition: Partition, table: pa.Table, provenance: Provenance) -> StoreOutcome:
        """Store a partition, replacing its file atomically.

        Never narrows a stored partition: if another call stored extra columns in the meantime,
        the existing file stays. Columns that no request of this version can have are taken over
        from it, row by row (`sdanalytics.store.merge`): those of the other version of the API,
        those that the service refused this time, and metrics that another process registered.

        Parameters
        ----------
        partition : Partition
        table : pyarrow.Table
            Columns of the catalogue, the identity columns among them.
        provenance : Provenance

        Returns
        -------
        StoreOutcome

        Raises
        ------
        CacheError
            When the file cannot be written; the existing one stays.
        """
        if self._is_closed:
            url = self.storage.url
            raise CacheError(f"{url} was a cache for one call only, which has ended")
        if partition.tactic == UNKNOWN_TACTIC:
            if self.lookup(partition) is None and not table.num_rows:
                return StoreOutcome()  # an empty file would say nothing, and replace nothing
        elif partition.tactic in TACTICS:
            self._remove_from_unknown_tactic(partition, table)
        available = available_metrics(partition.record_type, partition.segment, provenance.api)
        available = tuple(name for name in available if name not in provenance.refused)
        while True:
            previous = self.lookup(partition)
            merged = self._merge_kept_columns(previous, table, available)
            missing = self._write_unless_narrower(partition, merged.table, provenance)
            requestable = tuple(name for name in missing if name in available)
            if requestable:
                return StoreOutcome(requestable)
            if not missing:
                return StoreOutcome((), merged.ambiguous_rows)
            # Another call has stored columns to keep since `previous` was read; or what it has of
            # them is damaged, and lost.
            if self.lookup(partition) == previous:
                self._write(partition, merged.table, provenance)
                return StoreOutcome((), merged.ambiguous_rows)

    def _write_unless_narrower(
        self, partition: Partition, table: pa.Table, provenance: Provenance
    ) -> ColumnNames:
        """Write the file of a partition; return the columns that it has and the table lacks."""
        missing: ColumnNames = ()

        # Called last, while no other thread of this process replaces the file.
        def is_narrower_than_stored() -> bool:
            nonlocal missing
            missing = self._columns_missing_from_new(partition, table)
            return bool(missing)

        self._write(partition, table, provenance, is_narrower_than_stored)
        return missing

    def _columns_missing_from_new(self, partition: Partition, table: pa.Table) -> ColumnNames:
        """Return the columns that are stored of a partition and that a new table lacks."""
        stored = self.lookup(partition)
        if stored is None:
            return ()
        new_columns = set(table.column_names)
        return tuple(name for name in stored.columns if name not in new_columns)

    def _merge_kept_columns(
        self, previous: CachedPartition | None, table: pa.Table, available: ColumnNames
    ) -> MergedTable:
        """Add the stored columns to a table that no request can have, by those it can."""
        if previous is None:
            return MergedTable(table, 0)
        partition = previous.partition
        replaced = {*table.column_names, *available}
        kept = [name for name in previous.columns if name not in replaced]
        if not kept:
            return MergedTable(table, 0)
        shared = [name for name in previous.columns if name in table.column_names]
        older = self.load(partition, [*shared, *kept])
        if older is None:
            return MergedTable(table, 0)
        keys = distinguishing_columns(partition.record_type, partition.segment, shared)
        return merge_columns(table, older, keys)

    def _remove_from_unknown_tactic(self, partition: Partition, table: pa.Table) -> None:
        """Remove rows of unknown tactic if their tactic is known now: none counts twice."""
        unknown = partition._replace(tactic=UNKNOWN_TACTIC)
        cached = self.lookup(unknown)
        if cached is None:
            return
        rows = self.load(unknown, cached.columns)
        if rows is None:
            return
        identity = identity_columns(partition.record_type, partition.segment)
        remaining = anti_join_rows(rows, table, identity)
        if remaining.num_rows < rows.num_rows:
            self._write(unknown, remaining, cached.provenance)

    def _write(
        self,
        partition: Partition,
        table: pa.Table,
        provenance: Provenance,
        skip_if: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write the file of a partition, its rows and columns sorted."""
        identity = identity_columns(partition.record_type, partition.segment)
        unregistered = [name for name in table.column_names if name not in CATALOGUE]
        names = dict.fromkeys([*identity, *sort_by_catalogue(table.column_names), *unregistered])
        ordered = table.select(list(names))
        table = _sort_rows(ordered, identity)
        path = partition_path(partition)
        with self.storage.atomic_write(path, skip_if) as file:
            write_partition(file, partition, table, provenance)

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


def _with_all_columns(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Select columns of a table, null where it lacks one."""
    empty = arrow_schema(columns).empty_table()
    widened = pa.concat_tables([empty, table], promote_options="default")
    return widened.select(list(columns))


def _sort_rows(table: pa.Table, by: Sequence[str]) -> pa.Table:
    """Sort rows, missing values last; unlike `Table.sort_by`, without copying the table first."""
    names = list(by)
    keys = [(name, "ascending") for name in names]
    order = pc.sort_indices(table.select(names), keys)
    return table.take(order)
