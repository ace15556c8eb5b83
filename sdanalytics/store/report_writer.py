"""The writer of a report's partitions: none is narrowed, nor replaced by older data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from sdanalytics.errors import CacheError
from sdanalytics.model.identity import distinguishing_columns
from sdanalytics.model.metrics import identity_columns, requestable_metrics
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.freshness import CLOCK_SKEW_TOLERANCE
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.merge import MergedTable, merge_columns
from sdanalytics.store.parquet_file import CachedPartition, ColumnNames, PartitionFiles
from sdanalytics.store.unknown_tactic import drop_matching_rows, select_matching_rows


class StoreOutcome(NamedTuple):
    """The outcome of storing a partition of a report.

    Attributes
    ----------
    refetch_with : tuple of str or None
        None when the partition has everything that was to be stored, from this report or from a
        newer one. Otherwise the stored partition was kept, and a report is needed that also has
        these columns of it.
    ambiguous_rows : int
        Rows for which nothing shows which of the stored rows they are: columns that are taken
        over from those are missing in them.
    """

    refetch_with: ColumnNames | None = None
    ambiguous_rows: int = 0


class ReportWriter:
    """Writes the partitions of one report."""

    def __init__(
        self,
        files: PartitionFiles,
        archive: HistoryArchive | None,
        provenance: Provenance,
        now: datetime,
    ) -> None:
        self._files = files
        self._archive = archive
        self._provenance = provenance
        self._now = now

    def write(
        self, partition: Partition, table: pa.Table, *, unknown_rows: int = 0
    ) -> StoreOutcome:
        """Write a partition, unless the stored one has more columns or newer data.

        `unknown_rows` is the number of rows of its day that have been written as of unknown
        tactic.
        """
        provenance = replace(self._provenance, unknown_rows=unknown_rows)
        requestable = self._requestable_columns(partition)
        while True:
            previous = self._files.lookup(partition)
            merged = self._merge_kept_columns(previous, table, requestable)
            if previous is not None:
                # Columns that no request can have and that are missing all the same are damaged.
                refetch_with = _find_missing_columns(previous, merged.table, requestable)
                if refetch_with:
                    return StoreOutcome(refetch_with)
                if self._is_newer(previous):
                    is_complete = previous.has_columns(tuple(table.column_names))
                    return StoreOutcome(None if is_complete else ())
            if self._replace(partition, previous, merged.table, provenance):
                return StoreOutcome(None, merged.ambiguous_rows)

    def write_unknown(self, unknown: Partition, table: pa.Table, known: Sequence[pa.Table]) -> None:
        """Write the rows of unknown tactic of a day, unless the stored ones are newer.

        Rows that were stored there, and of which the report knows the tactic now (`known`), stay
        until their tactic is stored. So do columns that the report lacks.
        """
        while True:
            previous = self._files.lookup(unknown)
            if previous is not None and self._is_newer(previous):
                return
            older = None
            if previous is not None:
                older = self._files.load(unknown, previous.columns)
            if older is None and not table.num_rows:
                return  # an empty file would say nothing, and replace nothing
            rows = table
            if older is not None:
                rows = _keep_rows(unknown, table, older, known)
            if self._replace(unknown, previous, rows, self._provenance):
                return

    def _replace(
        self,
        partition: Partition,
        previous: CachedPartition | None,
        table: pa.Table,
        provenance: Provenance,
    ) -> bool:
        """Replace a stored partition, and keep what it had; False when it is another one by now."""
        was_replaced = False

        def keep_previous() -> None:
            if previous is None or self._archive is None:
                return
            try:
                self._archive.keep(previous)
            except CacheError as error:
                raise CacheError(
                    f"cannot write {previous.path}: what it has cannot be kept: {error}. "
                    "ReportCache(path, history=False) keeps nothing"
                ) from None

        # Called last, while no other thread of this process replaces the file.
        def is_replaced() -> bool:
            nonlocal was_replaced
            was_replaced = self._files.lookup(partition) != previous
            return was_replaced

        self._files.write(partition, table, provenance, is_replaced, keep_previous)
        return not was_replaced

    def _is_newer(self, stored: CachedPartition) -> bool:
        """Return whether stored data are newer than the report, by a clock that was not ahead."""
        latest_possible = self._now + CLOCK_SKEW_TOLERANCE
        is_possible = stored.fetched_at <= latest_possible
        return is_possible and stored.fetched_at > self._provenance.fetched_at

    def _requestable_columns(self, partition: Partition) -> frozenset[str]:
        """Return the columns that a request of this version can have."""
        api = self._provenance.api
        available = requestable_metrics(partition.record_type, partition.segment, api)
        columns = frozenset(available)
        return columns.difference(self._provenance.refused)

    def _merge_kept_columns(
        self, previous: CachedPartition | None, table: pa.Table, requestable: frozenset[str]
    ) -> MergedTable:
        """Add the stored columns to a table that no request can have, by those it can."""
        if previous is None:
            return MergedTable(table, 0)
        replaced = requestable.union(table.column_names)
        kept = [name for name in previous.columns if name not in replaced]
        if not kept:
            return MergedTable(table, 0)
        partition = previous.partition
        shared = _select_names(previous.columns, table.column_names)
        older = self._files.load(partition, [*shared, *kept])
        if older is None:
            return MergedTable(table, 0)
        keys = distinguishing_columns(partition.record_type, partition.segment, shared)
        return merge_columns(table, older, keys)


def _keep_rows(
    unknown: Partition, table: pa.Table, older: pa.Table, known: Sequence[pa.Table]
) -> pa.Table:
    """Add the older columns to rows of unknown tactic, and rows that leave with their tactic."""
    identity = identity_columns(unknown.record_type, unknown.segment)
    shared = _select_names(older.column_names, table.column_names)
    keys = distinguishing_columns(unknown.record_type, unknown.segment, shared)
    known_now = select_matching_rows(older, known, identity)
    leaving = drop_matching_rows(known_now, [table], identity)
    merged = merge_columns(table, older, keys)
    return pa.concat_tables([merged.table, leaving], promote_options="default")


def _find_missing_columns(
    stored: CachedPartition, table: pa.Table, requestable: Collection[str]
) -> ColumnNames:
    """Return the stored columns that a table lacks and that a request can have."""
    missing = []
    for name in _select_names(stored.columns, requestable):
        if name not in table.column_names:
            missing.append(name)
    return tuple(missing)


def _select_names(names: Iterable[str], wanted: Collection[str]) -> list[str]:
    """Return the names that are wanted, in their order."""
    return [name for name in names if name in wanted]
