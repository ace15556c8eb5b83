"""The history file of a partition: what the file of the partition had before, version by version.

::

    <root>/history/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/history.parquet

Rows are sorted by identity, then by version: a value that did not change costs next to nothing. The
column ``version`` is the position of a row's version in the file's metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import IO, Annotated, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdanalytics._core.clock import parse_moment
from sdanalytics.model.metrics import identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.checksum import table_checksum
from sdanalytics.store.layout import InvalidFile, history_path
from sdanalytics.store.parquet_file import (
    METADATA_KEY,
    CachedPartition,
    ColumnNames,
    StoredRows,
    open_parquet,
    read_stored_columns,
    to_catalogue_types,
)

_SCHEMA_VERSION: Final = 1
_VERSION: Final = "version"
"""The column with the position of a row's version."""
_COMPRESSION_LEVEL: Final = 9
"""Of zstd: files are read rarely, and are many."""


class _Version(msgspec.Struct, omit_defaults=True):
    """The metadata of a version."""

    report_id: str
    fetched_at: str
    api: str
    columns: int  # the position of its set of columns
    rows: Annotated[int, msgspec.Meta(ge=0)]
    refused: tuple[str, ...] = ()
    unknown_rows: Annotated[int, msgspec.Meta(ge=0)] = 0


class _HistoryMetadata(msgspec.Struct):
    """The metadata of a history file."""

    schema: int
    request: dict[str, str]
    columns: list[ColumnNames]
    versions: list[_Version]
    checksum: str


def read_versions(storage: Storage, partition: Partition) -> list[StoredRows]:
    """Read the versions that a partition had before, in the order in which they were kept.

    Raises
    ------
    InvalidFile
        When the file is damaged, foreign, or of another partition.
    FileNotFoundError
        When there is none.
    CacheError
        When it cannot be opened: it may be intact.
    """
    path = history_path(partition)
    with storage.open(path) as raw:
        file, encoded = open_parquet(raw)
        metadata = _decode(encoded, partition)
        table = read_stored_columns(file, file.schema_arrow.names)
        size = raw.size()
    if table_checksum(table) != metadata.checksum:
        raise InvalidFile("damaged: its rows differ from those that were stored")
    display_path = storage.display_name(path)
    return list(_split_versions(table, partition, metadata, display_path, size))


def _decode(encoded: bytes, partition: Partition) -> _HistoryMetadata:
    try:
        metadata = msgspec.json.decode(encoded, type=_HistoryMetadata)
    except ValueError as error:  # as msgspec's errors are
        raise InvalidFile(
            f"foreign: its metadata is not that of a history file ({error})"
        ) from None
    if metadata.schema != _SCHEMA_VERSION:
        raise InvalidFile(f"written by another version: schema {metadata.schema}")
    if metadata.request != partition.to_keys():
        raise InvalidFile(f"foreign: it is the history of {metadata.request}")
    return metadata


def _split_versions(
    table: pa.Table, partition: Partition, metadata: _HistoryMetadata, path: str, size: int
) -> Iterable[StoredRows]:
    """Yield the rows of each version, in the types of the catalogue."""
    versions = table.column(_VERSION)
    for position, version in enumerate(metadata.versions):
        try:
            columns = metadata.columns[version.columns]
            rows = table.filter(pc.equal(versions, position)).select(list(columns))
            fetched_at = parse_moment(version.fetched_at)
        except (LookupError, ValueError) as error:
            raise InvalidFile(f"damaged: {error}") from None
        if rows.num_rows != version.rows:
            raise InvalidFile(f"damaged: a version has {rows.num_rows} rows, not {version.rows}")
        cached = CachedPartition(
            partition=partition,
            path=path,
            size=size,
            columns=columns,
            rows=version.rows,
            fetched_at=fetched_at,
            report_id=version.report_id,
            api=version.api,
            checksum=None,
            refused=version.refused,
            unknown_rows=version.unknown_rows,
        )
        yield StoredRows(cached, to_catalogue_types(rows))


def write_versions(file: IO[bytes], partition: Partition, versions: Sequence[StoredRows]) -> None:
    """Write the versions of a partition as one file."""
    column_sets = list(dict.fromkeys(version.cached.columns for version in versions))
    table = _merge_versions(partition, versions)
    metadata = _HistoryMetadata(
        schema=_SCHEMA_VERSION,
        request=partition.to_keys(),
        columns=column_sets,
        versions=[_encode(version.cached, column_sets) for version in versions],
        checksum=table_checksum(table),
    )
    with pq.ParquetWriter(
        file,
        table.schema,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=False,  # larger than zstd alone, since equal values are neighbours
        write_statistics=False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({METADATA_KEY: msgspec.json.encode(metadata)})


def _encode(cached: CachedPartition, column_sets: Sequence[ColumnNames]) -> _Version:
    return _Version(
        report_id=cached.report_id,
        fetched_at=cached.fetched_at.astimezone(UTC).isoformat(),
        api=cached.api,
        columns=column_sets.index(cached.columns),
        rows=cached.rows,
        refused=cached.refused,
        unknown_rows=cached.unknown_rows,
    )


def _merge_versions(partition: Partition, versions: Sequence[StoredRows]) -> pa.Table:
    """Put the rows of all versions into one table, sorted by identity and version."""
    tables: list[pa.Table] = []
    for position, version in enumerate(versions):
        positions = pa.repeat(pa.scalar(position, pa.int64()), version.table.num_rows)
        tables.append(version.table.append_column(_VERSION, positions))
    # Metrics that two processes have registered as different kinds become numbers of both.
    table = pa.concat_tables(tables, promote_options="permissive")
    identity = identity_columns(partition.record_type, partition.segment)
    keys = [(name, "ascending") for name in (*identity, _VERSION)]
    names = dict.fromkeys([*identity, _VERSION, *table.column_names])
    return table.select(list(names)).take(pc.sort_indices(table, keys))
