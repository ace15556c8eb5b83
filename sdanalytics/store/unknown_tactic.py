"""Rows of unknown tactic, and the rule that a row of a day counts once.

Reports of version 3 have no tactics: rows of campaigns that the list of campaigns lacks are stored
under the tactic ``unknown``, a file of its own beside those of the day's tactics. Version 2, or a
later list, may know their tactic. The rule: of a day, a row of unknown tactic counts if no stored
tactic has a row of the same identity.

Readers apply the rule, so that it holds at every moment, whatever is in the files. Writers let the
files follow it, for readers that know nothing of it: each first writes its own file, and looks at
the others afterwards. So of two processes that write at the same time the later one sees both
files, and after a crash a row is in one file or in both, and never in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from sdanalytics.model.metrics import TACTICS, UNKNOWN_TACTIC, identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.merge import anti_join_rows
from sdanalytics.store.parquet_file import (
    PartitionFiles,
    StoredRows,
    matches_checksum,
)


class UnknownRows(NamedTuple):
    """The rows of a file of unknown tactic, and those of them that count.

    Attributes
    ----------
    stored : StoredRows
        With all stored columns.
    counted : pyarrow.Table
    """

    stored: StoredRows
    counted: pa.Table

    @property
    def known_count(self) -> int:
        """The number of rows of the file that a stored tactic has, and that do not count."""
        return int(self.stored.table.num_rows - self.counted.num_rows)


@dataclass(frozen=True)
class UnknownTacticFiles:
    """The files of unknown tactic of a store.

    Attributes
    ----------
    files : PartitionFiles
    archive : HistoryArchive or None
        Rows that leave with their tactic keep their history there.
    """

    files: PartitionFiles
    archive: HistoryArchive | None

    def load(self, day: Partition) -> UnknownRows | None:
        """Read the rows of unknown tactic of a partition's day.

        None without a file, and for a damaged one: it must not become a valid one by rewriting it.
        """
        unknown = unknown_partition(day)
        stored = self.files.read(unknown)
        if stored is None or not matches_checksum(stored.table, stored.cached):
            return None
        counted = self.drop_known_rows(unknown, stored.table)
        return UnknownRows(stored, counted)

    def remove_known_rows(self, day: Partition) -> bool:
        """Rewrite the file of unknown tactic of a partition's day without rows that do not count.

        Returns whether there were any.

        Raises
        ------
        CacheError
            When the file cannot be written; the existing one stays.
        """
        rows = self.load(day)
        if rows is None or not rows.known_count:
            return False
        cached = rows.stored.cached
        self._keep_history(rows)

        # Whoever has replaced the file meanwhile removes such rows as well.
        def is_replaced() -> bool:
            return self.files.lookup(cached.partition) != cached

        self.files.write(cached.partition, rows.counted, cached.provenance, is_replaced)
        return True

    def drop_known_rows(
        self, day: Partition, rows: pa.Table, *, until: datetime | None = None
    ) -> pa.Table:
        """Drop the rows of unknown tactic that a stored tactic of the day has.

        Parameters
        ----------
        day : Partition
            Of any tactic.
        rows : pyarrow.Table
            With the identity columns.
        until : datetime.datetime, optional
            Only those that a tactic has that was fetched up to a moment.
        """
        if not rows.num_rows:
            return rows
        identity = identity_columns(day.record_type, day.segment)

        def find(partition: Partition) -> pa.Table | None:
            tactic = self.files.read(partition, identity)
            if tactic is None or (until is not None and tactic.cached.fetched_at > until):
                return None
            return tactic.table

        return drop_matching_rows(rows, tables_of_tactics(day, find), identity)

    def _keep_history(self, rows: UnknownRows) -> None:
        """Keep the rows of a file, without those that a tactic had before, if others became known.

        Of a file that was replaced meanwhile, this is an earlier version, which was kept.
        """
        if self.archive is None:
            return
        cached, table = rows.stored
        unknown_then = self.drop_known_rows(cached.partition, table, until=cached.fetched_at)
        if unknown_then.num_rows > rows.counted.num_rows:
            kept = replace(cached, rows=unknown_then.num_rows)
            self.archive.keep_rows(StoredRows(kept, unknown_then))


def unknown_partition(day: Partition) -> Partition:
    """Return the partition of unknown tactic of a partition's day."""
    return day._replace(tactic=UNKNOWN_TACTIC)


def tables_of_tactics(
    day: Partition, find: Callable[[Partition], pa.Table | None]
) -> list[pa.Table]:
    """Return the tables of the tactics of a partition's day, of those that `find` returns one."""
    tables = [find(day._replace(tactic=tactic)) for tactic in TACTICS]
    return [table for table in tables if table is not None]


def drop_matching_rows(
    rows: pa.Table, tables: Iterable[pa.Table], identity: Sequence[str]
) -> pa.Table:
    """Drop the rows that one of the tables has, by their identity."""
    for table in tables:
        rows = anti_join_rows(rows, table, identity)
    return rows


def select_matching_rows(
    rows: pa.Table, tables: Iterable[pa.Table], identity: Sequence[str]
) -> pa.Table:
    """Select the rows that one of the tables has, by their identity."""
    others = drop_matching_rows(rows, tables, identity)
    return anti_join_rows(rows, others, identity)
