"""`DayReader`: days read whole, while other processes replace and remove their files.

The rows of a day are in several files: one for each tactic, and one for the rows of unknown tactic.
No file system reads them all at one moment. So the file of unknown tactic is read first: a row that
is moved to its tactic meanwhile is in either place or in both, and counts once
(`sdanalytics.store.unknown_tactic`). And the file of a tactic says whether its report had rows of
unknown tactic: without their file, or with an older one, the day is being replaced or removed. It
is read again, and left out when it stays incomplete.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Protocol

import pyarrow as pa

from sdanalytics.model.metrics import EVERY_TACTIC, UNKNOWN_TACTIC, identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.concat import select_or_null
from sdanalytics.store.parquet_file import (
    PartitionTables,
    StoredByPartition,
    StoredRows,
)
from sdanalytics.store.unknown_tactic import (
    drop_matching_rows,
    tables_of_tactics,
    unknown_partition,
)

MAX_ATTEMPTS: Final = 4
"""Reads of a day that is being replaced. A writer needs milliseconds from file to file; what is
incomplete for longer was left by one that was killed."""


class PartitionSource(Protocol):
    """A source of the rows of partitions."""

    def load_identity(self, partition: Partition) -> pa.Table | None:
        """Read the identity columns of a tactic that was not asked for; None without a file."""

    def read_unknown(self, days: Collection[Partition]) -> StoredByPartition:
        """Read the partitions of unknown tactic that have a file, with identity columns."""

    def read_tactics(
        self, partitions: Collection[Partition], *, beside_unknown: bool
    ) -> StoredByPartition:
        """Read the partitions of tactics that have a file.

        Parameters
        ----------
        partitions : collection of Partition
        beside_unknown : bool
            Whether rows of unknown tactic are compared with theirs: then they must be those of
            this moment, not of an earlier lookup, with all identity columns.
        """


class DayReader:
    """Reads days whole.

    Parameters
    ----------
    source : PartitionSource
    partitions : collection of Partition
        Those to read, of any tactic: those of unknown tactic only name a day.
    """

    def __init__(self, source: PartitionSource, partitions: Collection[Partition]) -> None:
        self._source = source
        self._requested = dict.fromkeys(partitions)

    def read(self) -> PartitionTables:
        """Read the partitions, and the rows of unknown tactic of all days that count.

        Partitions that have no file are left out; so are those whose rows of unknown tactic are
        lost.
        """
        tables: PartitionTables = {}
        to_read: Collection[Partition] = self._requested
        for attempt in range(MAX_ATTEMPTS):
            unknown, found = self._read_files(to_read, again=attempt > 0)
            torn = [key for key, rows in found.items() if _is_torn(rows, unknown)]
            torn_days = set(map(unknown_partition, torn))
            tables |= self._combine(unknown, found, torn_days)
            to_read = [key for key in to_read if unknown_partition(key) in torn_days]
            if not to_read:
                return tables
        # A file of unknown tactic that stays older than its tactics was written by a clock that
        # was behind. It has the rows; without a file they are lost.
        complete = {key: rows for key, rows in found.items() if not _lacks_file(rows, unknown)}
        return tables | self._combine(unknown, complete, set())

    def _read_files(
        self, partitions: Collection[Partition], *, again: bool
    ) -> tuple[StoredByPartition, StoredByPartition]:
        """Read the rows of unknown tactic of partitions' days, and then the partitions."""
        unknown = self._source.read_unknown(dict.fromkeys(map(unknown_partition, partitions)))
        beside_unknown: list[Partition] = []
        others: list[Partition] = []
        for partition in partitions:
            if partition.tactic != UNKNOWN_TACTIC:
                has_unknown = unknown_partition(partition) in unknown
                (beside_unknown if has_unknown else others).append(partition)
        found = dict(self._source.read_tactics(others, beside_unknown=again))
        found.update(self._source.read_tactics(beside_unknown, beside_unknown=True))
        return unknown, found

    def _combine(
        self, unknown: StoredByPartition, found: StoredByPartition, left_out: Collection[Partition]
    ) -> PartitionTables:
        """Return the rows that count, without those of some days."""
        tables: PartitionTables = {}
        for partition, rows in found.items():
            if unknown_partition(partition) not in left_out:
                tables[partition] = rows.table
        for day, rows in unknown.items():
            if day in left_out:
                continue
            counted = self._drop_known_rows(day, rows.table, tables)
            if counted.num_rows:
                tables[day] = counted
        return tables

    def _drop_known_rows(self, day: Partition, rows: pa.Table, tables: PartitionTables) -> pa.Table:
        """Drop the rows of unknown tactic that a tactic has: as it was read, or as it is stored."""
        if not rows.num_rows:
            return rows
        identity = identity_columns(day.record_type, day.segment)

        def find(partition: Partition) -> pa.Table | None:
            if partition in self._requested:
                return tables.get(partition)
            return self._source.load_identity(partition)

        known = tables_of_tactics(day, find)
        return drop_matching_rows(rows, known, identity)


def read_query_days(
    source: PartitionSource,
    query: ReportQuery,
    requested: Collection[Partition],
    columns: Sequence[str],
) -> PartitionTables:
    """Read columns of a query's partitions, and the days' rows of unknown tactic that count.

    Columns that rows lack are null. Reports without tactics have no rows of unknown tactic.
    """
    if query.tactics == (EVERY_TACTIC,):
        found = source.read_tactics(requested, beside_unknown=False)
        tables = {partition: rows.table for partition, rows in found.items()}
    else:
        tables = DayReader(source, requested).read()
    names = list(columns)
    for partition, table in tables.items():
        if table.column_names != names:
            tables[partition] = select_or_null(table, names)
    return tables


def _is_torn(rows: StoredRows, unknown: StoredByPartition) -> bool:
    """Return whether the rows of unknown tactic of a tactic's report are missing, or older."""
    if _lacks_file(rows, unknown):
        return True
    of_day = unknown.get(unknown_partition(rows.cached.partition))
    is_older = of_day is not None and of_day.cached.fetched_at < rows.cached.fetched_at
    return rows.cached.unknown_rows > 0 and is_older


def _lacks_file(rows: StoredRows, unknown: StoredByPartition) -> bool:
    """Return whether the file with the rows of unknown tactic of a tactic's report is missing."""
    return rows.cached.unknown_rows > 0 and unknown_partition(rows.cached.partition) not in unknown
