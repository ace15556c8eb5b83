"""Reports of a store as Arrow datasets: a query engine reads only the data that a query needs.

The schema of a report is always the catalogue's; a column that a day's file lacks is
null there. Files are searched once the filter is known, folder by folder: folders of other days,
tactics, profiles and sources are not even listed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pf

from sdanalytics.errors import CacheError
from sdanalytics.model.category_words import spell_values
from sdanalytics.model.dtypes import arrow_schema, arrow_type
from sdanalytics.model.metrics import (
    CAMPAIGN_FACTS,
    UNKNOWN_TACTIC,
    available_metrics,
    identity_columns,
    sort_by_catalogue,
)
from sdanalytics.model.partition import NO_SEGMENT, PARTITION_KEYS, Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.campaign_join import campaign_key, fill_facts, find_tactics
from sdanalytics.store.campaign_table import StoredCampaigns
from sdanalytics.store.compaction import CompactedMonths
from sdanalytics.store.day_reader import DayReader
from sdanalytics.store.layout import (
    REPORT_FILENAME,
    REPORTS,
    InvalidFile,
    decode_source,
    list_hive_values,
    parse_partition_path,
    partition_path,
)
from sdanalytics.store.parquet_file import (
    PartitionFiles,
    StoredByPartition,
    StoredRows,
    read_columns,
)
from sdanalytics.store.reader import PartitionReader, load_many_from

T = TypeVar("T")
R = TypeVar("R")
Batches = Iterator[pa.RecordBatch]

READ_THREADS: Final = 4
"""Threads that read files. Half of their time is Arrow's, which needs no interpreter."""
_PREFETCHED_MONTHS: Final = READ_THREADS
"""Months that are read ahead of the one that is consumed."""
_PARTITION_SCHEMA: Final = pa.schema(
    {**dict.fromkeys(PARTITION_KEYS, pa.string()), "date": pa.date32()}
)
_KEYS_IN_THE_VIEW_NAME: Final = ("record_type", "segment")
_PARQUET: Final = ds.ParquetFileFormat()
_DUMMY_FS: Final = pf.LocalFileSystem()
"""File system of fragments that are never opened."""


class ReportDataset(ds.InMemoryDataset):  # type: ignore[misc]
    """A report of a store as a dataset; its files are searched when it is scanned.

    Parameters
    ----------
    storage : Storage
    record_type : str
    segment : str or None
    pool : concurrent.futures.Executor
        Its threads read the files.
    campaigns : StoredCampaigns
        Joined to the rows.

    Attributes
    ----------
    failure : Exception or None
        The error of a scan: DuckDB itself passes on its text only.
    """

    def __init__(
        self,
        storage: Storage,
        record_type: str,
        segment: str | None,
        pool: Executor,
        campaigns: StoredCampaigns,
    ) -> None:
        schema = view_schema(record_type, segment)
        super().__init__(schema.empty_table())
        self.failure: Exception | None = None
        self._storage = storage
        self._pool = pool
        self._campaigns = campaigns
        self._view_schema = schema
        is_record_type = pc.field("record_type") == record_type
        is_segment = pc.field("segment") == (segment or NO_SEGMENT)
        self._is_this_report = is_record_type & is_segment

    def scanner(
        self, columns: Sequence[str] | None = None, filter: Any = None, **options: Any
    ) -> Any:
        """Return a scanner of the rows that pass a filter: DuckDB calls this to read a dataset."""
        schema = self._view_schema
        if columns is not None:
            schema = self._select_columns(columns, str(filter))
        batches = self._record_failure(self._read(schema, filter))
        return ds.Scanner.from_batches(batches, schema=schema, columns=columns, filter=filter)

    def _select_columns(self, columns: Sequence[str], filter_text: str) -> pa.Schema:
        """Return the fields to read: the columns, and those that the filter needs."""
        # The filter's string names its columns. A literal in it that equals the name of a column
        # only costs reading one column more.
        fields: list[pa.Field] = []
        for field in self._view_schema:
            if field.name in columns or field.name in filter_text:
                fields.append(field)
        return pa.schema(fields)

    def _read(self, schema: pa.Schema, predicate: Any) -> Batches:
        matches = self._is_this_report
        if predicate is not None:
            matches = matches & predicate
        all_columns = pa.unify_schemas([_PARTITION_SCHEMA, self._view_schema])
        search = _FolderSearch(self._storage, all_columns, matches)
        reader = RowReader(self._storage, schema, self._campaigns)
        months = _group_by_month_of_days(search.partitions())
        for batches in _prefetch(self._pool, reader.read_batches, months):
            yield from batches

    def _record_failure(self, batches: Batches) -> Batches:
        try:
            yield from batches
        except Exception as error:
            self.failure = error
            raise


def view_schema(record_type: str, segment: str | None) -> pa.Schema:
    """Return the schema of a report: partition keys, identity columns, then all metrics."""
    keys: list[pa.Field] = []
    for field in _PARTITION_SCHEMA:
        if field.name not in _KEYS_IN_THE_VIEW_NAME:
            keys.append(field)
    identity = identity_columns(record_type, segment)
    metrics = set(available_metrics(record_type, segment, api=None))
    metrics.difference_update(identity)
    names = [*identity, *sort_by_catalogue(metrics)]
    return pa.schema([*keys, *arrow_schema(names)])


@dataclass(frozen=True)
class _FolderSearch:
    """A search for the partitions that may have rows for which a predicate holds.

    Attributes
    ----------
    storage : Storage
    schema : pyarrow.Schema
        All columns that the predicate may name, the partition keys among them.
    predicate : pyarrow.compute.Expression
    """

    storage: Storage
    schema: pa.Schema
    predicate: Any

    def partitions(self) -> Iterator[Partition]:
        """Yield the partitions, those of a report and profile together."""
        always = pc.scalar(True)
        for folder in self._find(REPORTS, PARTITION_KEYS, always):
            with suppress(InvalidFile):
                yield parse_partition_path(f"{folder}/{REPORT_FILENAME}")

    def _find(self, folder: str, levels: Sequence[str], guarantee: Any) -> Iterator[str]:
        """Yield the matching folders of the last level below a folder.

        `guarantee` is an expression that holds for all rows below the folder.
        """
        if not levels:
            yield folder
            return
        level, *deeper_levels = levels
        folders = list_hive_values(self.storage, level, folder)
        guarantees: dict[str, Any] = {}
        for name, value in _parse_folder_values(level, folders):
            is_value = pc.field(level) == value
            # The list of campaigns may have the tactic of rows that were stored without one.
            is_certain = value.as_py() != UNKNOWN_TACTIC
            guarantees[name] = guarantee
            if is_certain:
                guarantees[name] = guarantee & is_value
        for name in self._select(guarantees):
            subfolder = folders[name]
            yield from self._find(subfolder, deeper_levels, guarantees[name])

    def _select(self, guarantees: Mapping[str, Any]) -> Iterator[str]:
        """Yield the names of the guarantees that do not rule the predicate out."""
        # Arrow decides that for the fragments of a dataset. These stand for files that do not
        # exist and are never opened.
        fragments: list[ds.Fragment] = []
        for name, guarantee in guarantees.items():
            fragment = _PARQUET.make_fragment(name, _DUMMY_FS, guarantee)
            fragments.append(fragment)
        dataset = ds.FileSystemDataset(fragments, self.schema, _PARQUET, _DUMMY_FS)
        for fragment in dataset.get_fragments(self.predicate):
            yield fragment.path


def _parse_folder_values(level: str, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the names that stand for a value, each with that value."""
    arrow_type = _PARTITION_SCHEMA.field(level).type
    parse = date.fromisoformat if level == "date" else decode_source
    for name in names:
        with suppress(ValueError):  # not a day, or not text that Arrow takes
            value = parse(name)
            yield name, pa.scalar(value, arrow_type)


def _group_by_month_of_days(partitions: Iterable[Partition]) -> Iterator[list[Partition]]:
    """Yield the partitions of each month of a report, those of all its tactics together."""
    for _, of_report in groupby(partitions, _report_and_profile):
        months: dict[tuple[int, int], list[Partition]] = {}
        for partition in of_report:
            day = partition.date
            month = (day.year, day.month)
            of_month = months.setdefault(month, [])
            of_month.append(partition)
        yield from months.values()


def _report_and_profile(partition: Partition) -> tuple[str, str, str, str | None]:
    return partition.source, partition.profile_id, partition.record_type, partition.segment


class RowReader:
    """Reads the rows of partitions of one report.

    Parameters
    ----------
    storage : Storage
    schema : pyarrow.Schema
        The columns to return: partition keys, stored columns, and nulls for all others.
    campaigns : StoredCampaigns
        Joined to the rows.
    """

    def __init__(self, storage: Storage, schema: pa.Schema, campaigns: StoredCampaigns) -> None:
        self._storage = storage
        self._schema = schema
        self._campaigns = campaigns
        self._has_facts = not set(CAMPAIGN_FACTS).isdisjoint(schema.names)

    def read_batches(self, partitions: Sequence[Partition]) -> list[pa.RecordBatch]:
        """Read all rows of some partitions, and the rows of unknown tactic of their days.

        Raises
        ------
        CacheError
            When the file of a partition is damaged or foreign.
        """
        first = partitions[0]
        identity = identity_columns(first.record_type, first.segment)
        names = list(self._schema.names)
        if self._has_facts:
            names.append(campaign_key(identity))
        source = _StoredColumns(self._storage, names, identity)
        reader = DayReader(source, partitions)
        tables = reader.read()
        batches: list[pa.RecordBatch] = []
        for partition in sorted(tables):
            rows = self._with_schema(partition, tables[partition])
            batches += rows.to_batches()
        return batches

    def _with_schema(self, partition: Partition, table: pa.Table) -> pa.Table:
        if self._has_facts or partition.tactic == UNKNOWN_TACTIC:
            table = self._join_campaigns(partition, table)
        columns: list[Any] = []
        for field in self._schema:
            column = _build_column(field, partition, table)
            columns.append(column)
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _join_campaigns(self, partition: Partition, table: pa.Table) -> pa.Table:
        """Add the facts of campaigns, and the tactics of rows that were stored without one."""
        campaigns = self._campaigns.find(partition.profile)
        for name in CAMPAIGN_FACTS:
            is_requested = name in self._schema.names
            if is_requested and name not in table.column_names:
                missing = pa.nulls(table.num_rows, arrow_type(name))
                table = table.append_column(name, missing)
        table = fill_facts(table, campaigns)
        if partition.tactic == UNKNOWN_TACTIC:
            tactics = find_tactics(table, campaigns)
            table = table.append_column("tactic", tactics)
        return table


class _StoredColumns:
    """The source of those of some columns that the files of partitions have."""

    def __init__(self, storage: Storage, columns: Sequence[str], identity: Sequence[str]) -> None:
        self._storage = storage
        # One column that every file has is read in any case: a table without columns does not
        # know how many rows it has.
        self._columns = [*columns, identity[0]]
        self._identity = identity
        self._files = PartitionFiles(storage)

    def load_identity(self, partition: Partition) -> pa.Table | None:
        """Read the identity columns of a partition, as it is stored now."""
        return self._files.load(partition, self._identity)

    def read_unknown(self, days: Collection[Partition]) -> StoredByPartition:
        """Read the partitions of unknown tactic that have a file."""
        return self.read_tactics(days, beside_unknown=True)

    def read_tactics(
        self, partitions: Collection[Partition], *, beside_unknown: bool
    ) -> StoredByPartition:
        """Read the partitions that have a file: always those of this moment."""
        columns = list(self._columns)
        if beside_unknown:
            columns += self._identity
        names = list(dict.fromkeys(columns))
        months = CompactedMonths(self._storage)
        from_month = partial(months.rows, columns=names)
        from_file = partial(self._read_own_file, columns=names)
        reader = PartitionReader(self._storage)
        stamps = reader.stat(partitions)
        found = load_many_from(stamps, (), from_month, from_file, threads=1)
        return {partition: rows for partition, rows in found.items() if rows is not None}

    def _read_own_file(self, partition: Partition, columns: Sequence[str]) -> StoredRows | None:
        """Read those of the columns that a partition's file has; None without a file."""
        try:
            with self._files.open(partition) as (cached, file):
                stored = [name for name in cached.columns if name in columns]
                return StoredRows(cached, read_columns(file, stored))
        except FileNotFoundError:
            return None
        except InvalidFile as error:
            key = partition_path(partition)
            path = self._storage.display_name(key)
            raise CacheError(
                f"cannot read {path}: {error}. ReportCache.repair() moves it aside, and "
                "fetch_report fetches the day again"
            ) from None


def _build_column(field: pa.Field, partition: Partition, table: pa.Table) -> Any:
    if field.name in table.column_names:
        column = table.column(field.name)
        values = column.cast(field.type)
        return spell_values(field.name, values)
    if field.name in PARTITION_KEYS:
        key = getattr(partition, field.name)
        value = pa.scalar(key, field.type)
        return pa.repeat(value, table.num_rows)
    return pa.nulls(table.num_rows, field.type)


def _prefetch(pool: Executor, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the results of a function in the order of the items, running a few calls ahead."""
    running: deque[Future[R]] = deque()
    for item in items:
        future = pool.submit(fn, item)
        running.append(future)
        if len(running) > _PREFETCHED_MONTHS:
            first = running.popleft()
            yield first.result()
    while running:
        first = running.popleft()
        yield first.result()
