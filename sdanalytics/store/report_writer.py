"""The writer of a report's partitions: none is narrowed, nor replaced by older data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from sdanalytics.model.identity import distinguishing_columns
from sdanalytics.model.metrics import available_metrics, identity_columns
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.freshness import CLOCK_SKEW_TOLERANCE
from sdanalytics.store.merge import MergedTable, merge_columns
from sdanalytics.store.parquet_file import CachedPartition, ColumnNames, PartitionFiles
from sdanalytics.store.unknown_tactic import drop_rows_of, select_rows_of


class StoreOutcome(NamedTuple):
    """The outcome of storing a partition of a report.

    Attributes
    ----------
    refetch_with : tuple of str or None
        None when the partition has everything that was to be stored, from this report or from a
        newer one. Otherwise the stored partition was kept, and a report is needed that also has
        these columns of it.
    ambiguous_rows : int
        Rows for which nothing shows which row of the other version of the API they are: what
        only that version has is missing in them.
    """

    refetch_with: ColumnNames | None = None
    ambiguous_rows: int = 0


class ReportWriter:
    """Writes the partitions of one report."""

    def __init__(self, files: PartitionFiles, provenance: Provenance, now: datetime) -> None:
        self._files = files
        self._provenance = provenance
        self._now = now

    def write(self, partition: Partition, table: pa.Table) -> StoreOutcome:
        """Write a partition, unless the stored one has more columns or newer data."""
        merged = MergedTable(table, 0)
        previous = self._files.lookup(partition)
        if previous is not None:
            merged = self._merge_other_api_columns(previous, table)
        refetch_with: ColumnNames | None = None

        # Called last, while no other thread of this process replaces the file: another call may
        # have stored it since `previous` was read.
        def keep_stored() -> bool:
            nonlocal refetch_with
            stored = self._files.lookup(partition)
            if stored is None:
                return False
            is_newer = self._is_newer(stored)
            missing = tuple(c for c in stored.columns if c not in merged.table.column_names)
            lacks_columns = not stored.has_columns(tuple(table.column_names))
            if missing or (is_newer and lacks_columns):
                refetch_with = missing
            return is_newer or bool(missing)

        self._files.write(partition, merged.table, self._provenance, keep_stored)
        if refetch_with is not None:
            return StoreOutcome(refetch_with)
        return StoreOutcome(None, merged.ambiguous_rows)

    def write_unknown(self, unknown: Partition, table: pa.Table, known: Sequence[pa.Table]) -> None:
        """Write the rows of unknown tactic of a day.

        Rows that were stored there, and of which the report knows the tactic now (`known`), stay
        until their tactic is stored. So do columns that the report lacks.
        """
        identity = identity_columns(unknown.record_type, unknown.segment)
        previous = self._files.lookup(unknown)
        older = None if previous is None else self._files.load(unknown, previous.columns)
        if older is None:
            if not table.num_rows:
                return  # an empty file would say nothing, and replace nothing
        else:
            shared = [name for name in older.column_names if name in table.column_names]
            keys = distinguishing_columns(unknown.record_type, unknown.segment, shared)
            moving = drop_rows_of(select_rows_of(older, known, identity), [table], identity)
            table = merge_columns(table, older, keys).table
            table = pa.concat_tables([table, moving], promote_options="default")

        def keep_stored() -> bool:
            stored = self._files.lookup(unknown)
            return stored is not None and self._is_newer(stored)

        self._files.write(unknown, table, self._provenance, keep_stored)

    def _is_newer(self, stored: CachedPartition) -> bool:
        """Return whether stored data are newer than the report, by a clock that was not ahead."""
        is_possible = stored.fetched_at <= self._now + CLOCK_SKEW_TOLERANCE
        return is_possible and stored.fetched_at > self._provenance.fetched_at

    def _merge_other_api_columns(self, previous: CachedPartition, table: pa.Table) -> MergedTable:
        """Add the stored columns to a table that its version of the API does not have."""
        partition = previous.partition
        api = self._provenance.api
        available = available_metrics(partition.record_type, partition.segment, api)
        replaced = {*table.column_names, *available}
        kept = [name for name in previous.columns if name not in replaced]
        if not kept:
            return MergedTable(table, 0)
        shared = [name for name in previous.columns if name in table.column_names]
        older = self._files.load(partition, [*shared, *kept])
        if older is None:
            return MergedTable(table, 0)
        keys = distinguishing_columns(partition.record_type, partition.segment, shared)
        return merge_columns(table, older, keys)
