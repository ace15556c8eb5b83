"""The file format of a compacted month: rows of many days, and the metadata that separates them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics._core.clock import parse_moment
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import identity_columns, sort_by_catalogue
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.layout import InvalidFile, MonthKey, partition_path
from sdanalytics.store.parquet_file import (
    METADATA_KEY,
    CachedPartition,
    ColumnNames,
    StoredByPartition,
    StoredRows,
    open_parquet,
    read_columns,
)

_SCHEMA_VERSION: Final = 1


class CompactedDay(NamedTuple):
    """A day in a compacted month.

    Attributes
    ----------
    cached : CachedPartition
        The metadata of the partition's own file, and the stamp that this had.
    start : int
        The position of the first row.
    """

    cached: CachedPartition
    start: int


CompactedDays = Mapping[Partition, CompactedDay]


class SourceDay(NamedTuple):
    """A day that is about to be compacted: its metadata, stamp and rows."""

    cached: CachedPartition
    stamp: FileStamp
    rows: pa.Table


def load_days(
    file: pq.ParquetFile, days: CompactedDays, columns: Sequence[str]
) -> StoredByPartition:
    """Read columns of a month once, and cut the rows of every day out."""
    column_sets = {day.cached.columns for day in days.values()}
    stored: set[str] = set().union(*column_sets)
    names = [name for name in columns if name in stored]
    rows = read_columns(file, names, use_threads=False)
    rows_by_columns: dict[ColumnNames, pa.Table] = {}
    for column_set in column_sets:
        rows_by_columns[column_set] = _select_columns(rows, column_set)
    stored_rows: StoredByPartition = {}
    for partition, (cached, start) in days.items():
        month_rows = rows_by_columns[cached.columns]
        stored_rows[partition] = StoredRows(cached, month_rows.slice(start, cached.rows))
    return stored_rows


def _select_columns(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    names = [name for name in rows.column_names if name in columns]
    return rows.select(names)


@contextlib.contextmanager
def open_month(storage: Storage, month: MonthKey) -> Iterator[tuple[CompactedDays, pq.ParquetFile]]:
    """Open a compacted month: its days, and the file to read rows from."""
    with storage.open(month.path) as raw:
        file, metadata = open_parquet(raw)
        days = _parse_days(storage, month, metadata)
        rows = file.metadata.num_rows
        expected = 0
        for day in days.values():
            expected += day.cached.rows
        if rows != expected:
            raise InvalidFile(f"damaged: it has {rows} rows instead of {expected}")
        yield days, file


# The same days are read again and again. A file that is replaced after its stamp was taken does
# no harm: every day has a stamp of its own.
@lru_cache(maxsize=256)
def read_days(storage: Storage, month: MonthKey, stamp: FileStamp) -> CompactedDays:
    """Read the days of a compacted month, by the stamp of its file."""
    with open_month(storage, month) as (days, _):
        return days


@lru_cache(maxsize=256)
def _parse_days(storage: Storage, month: MonthKey, metadata: bytes) -> CompactedDays:
    try:
        decoded = json.loads(metadata)
        return _decode_days(storage, month, decoded)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise InvalidFile(
            f"foreign: its metadata is not that of a compacted month ({error})"
        ) from None


def _decode_days(storage: Storage, month: MonthKey, metadata: dict[str, Any]) -> CompactedDays:
    version = metadata["schema"]
    if version != _SCHEMA_VERSION:
        raise ValueError(f"schema {version}")
    encoded_month = metadata["month"]
    if encoded_month != _encode_month(month):
        raise ValueError(f"it is of {encoded_month}")
    days: dict[Partition, CompactedDay] = {}
    start = 0
    for values in metadata["days"]:
        position = values["columns"]
        columns = tuple(metadata["columns"][position])
        cached = _decode_day(storage, month, values, columns)
        days[cached.partition] = CompactedDay(cached, start)
        start += cached.rows
    return days


def _decode_day(
    storage: Storage, month: MonthKey, values: dict[str, Any], columns: ColumnNames
) -> CachedPartition:
    day = date.fromisoformat(values["date"])
    partition = month.series.partition(day)
    path = partition_path(partition)
    inode, size, modified = map(int, values["stamp"])
    return CachedPartition(
        partition=partition,
        path=storage.display_name(path),
        size=size,
        columns=columns,
        rows=int(values["rows"]),
        fetched_at=parse_moment(values["fetched_at"]),
        report_id=str(values["report_id"]),
        api=str(values["api"]),
        checksum=values["checksum"],
        refused=tuple(values.get("refused", ())),
        unknown_rows=int(values.get("unknown_rows", 0)),
        stamp=FileStamp(path, size, modified, inode),
    )


def write_month(file: IO[bytes], month: MonthKey, days: Sequence[SourceDay]) -> None:
    """Write the rows of days, and their metadata, as one file."""
    all_columns = [day.cached.columns for day in days]
    column_sets = list(dict.fromkeys(all_columns))
    metadata = {
        "schema": _SCHEMA_VERSION,
        "month": _encode_month(month),
        "columns": column_sets,
        "days": [_encode_day(day, column_sets) for day in days],
    }
    table = _concat_days(month, days, column_sets)
    # It is written and read often, and disks are cheap: lz4 is faster both ways. Arrow's own
    # schema says nothing that parquet's does not, and would store our metadata once more.
    with pq.ParquetWriter(
        file,
        table.schema,
        compression="lz4",
        write_statistics=False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table)
        json_metadata = json.dumps(metadata)
        writer.add_key_value_metadata({METADATA_KEY: json_metadata})


def _concat_days(
    month: MonthKey, days: Sequence[SourceDay], column_sets: Iterable[ColumnNames]
) -> pa.Table:
    """Put the rows of all days one after the other, null where a day lacks a column."""
    all_columns: set[str] = set()
    for columns in column_sets:
        all_columns.update(columns)
    series = month.series
    identity = identity_columns(series.record_type, series.segment)
    metrics = sort_by_catalogue(all_columns)
    ordered = dict.fromkeys([*identity, *metrics])
    names = list(ordered)
    # The columns of metrics that this process has not registered follow after these.
    tables = [arrow_schema(names).empty_table()]
    tables += [day.rows for day in days]
    return pa.concat_tables(tables, promote_options="default")


def _encode_month(month: MonthKey) -> list[str | None]:
    return [*month.series, month.name]


def _encode_day(day: SourceDay, column_sets: Sequence[ColumnNames]) -> dict[str, Any]:
    cached, stamp = day.cached, day.stamp
    return {
        "date": cached.partition.date.isoformat(),
        "rows": cached.rows,
        "columns": column_sets.index(cached.columns),
        "fetched_at": cached.fetched_at.isoformat(),
        "report_id": cached.report_id,
        "api": cached.api,
        "checksum": cached.checksum,
        "refused": cached.refused,
        "unknown_rows": cached.unknown_rows,
        "stamp": [stamp.inode, stamp.size, stamp.modified],
    }
