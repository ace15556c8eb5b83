"""The parquet file of a partition: its rows, and the metadata that records their origin."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Annotated, Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics._core.clock import parse_moment
from sdanalytics.errors import CacheError
from sdanalytics.model.dtypes import arrow_schema, cast_to_catalogue, is_valid_type
from sdanalytics.model.metrics import CATALOGUE, identity_columns, sort_by_catalogue
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.registration import is_registered
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.checksum import table_checksum
from sdanalytics.store.layout import CACHE_MISS_ERRORS, InvalidFile, partition_path
from sdanalytics.store.merge import sort_rows

ColumnNames = tuple[str, ...]

SCHEMA_VERSION: Final = 1
"""The version of the files' metadata."""
_METADATA_FIELDS: Final = {"columns", "rows", "fetched_at", "report_id", "api"}
METADATA_KEY: Final = b"sdanalytics"
"""The key of our JSON in a parquet file's metadata."""


@dataclass(frozen=True)
class CachedPartition:
    """A stored partition, as the metadata of its file describes it.

    Attributes
    ----------
    partition : Partition
    path : str
        The path of its file as users know it.
    size : int
        The size of the file in bytes.
    columns : tuple of str
    rows : int
    fetched_at : datetime.datetime
        UTC.
    report_id, api : str
    checksum : str or None
        Of the rows (`sdanalytics.store.checksum`); None in files of versions without checksums.
    stamp : FileStamp or None
        Of its file, when this was read from a compacted month
        (`sdanalytics.store.compaction`); None when it was read from the file itself.
    refused : tuple of str
        The metrics that the service refused when it was fetched. It lacks them, or has what was
        stored before.
    unknown_rows : int
        The rows of its day and report that are stored as of unknown tactic.
    """

    partition: Partition
    path: str
    size: int
    columns: ColumnNames
    rows: int
    fetched_at: datetime
    report_id: str
    api: str
    checksum: str | None
    stamp: FileStamp | None = None
    refused: ColumnNames = ()
    unknown_rows: int = 0

    @property
    def provenance(self) -> Provenance:
        """The origin of its rows."""
        return Provenance(
            self.report_id, self.fetched_at, self.api, self.refused, self.unknown_rows
        )

    def has_columns(self, columns: ColumnNames) -> bool:
        """Return whether it has all of these columns."""
        return _has_all(self.columns, columns)

    def missing_columns(self, columns: Iterable[str]) -> ColumnNames:
        """Return those of these columns that it lacks because the service refused them."""
        if not self.refused:
            return ()
        return tuple(name for name in columns if name in self.refused and name not in self.columns)


class StoredRows(NamedTuple):
    """Rows of a stored partition, and its metadata."""

    cached: CachedPartition
    table: pa.Table


CachedByPartition = dict[Partition, CachedPartition]
"""The metadata of stored partitions."""
PartitionTables = dict[Partition, pa.Table]
"""The rows of stored partitions."""
StoredByPartition = dict[Partition, StoredRows]
"""The rows of stored partitions, and their metadata."""


# Most partitions of a store have the same columns: the comparison is made once.
@lru_cache(maxsize=256)
def _has_all(stored: ColumnNames, requested: ColumnNames) -> bool:
    return set(requested) <= set(stored)


@dataclass(frozen=True)
class PartitionFiles:
    """The files of partitions in a store, one at a time.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def lookup(self, partition: Partition) -> CachedPartition | None:
        """Read the metadata of a partition; None if it is missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be opened: it may be intact, and is not replaced.
        """
        try:
            with self.open(partition) as (cached, _):
                return cached
        except CACHE_MISS_ERRORS:
            return None

    def load(self, partition: Partition, columns: Sequence[str]) -> pa.Table | None:
        """Read columns of a partition; None where `lookup` returns None or a page is damaged."""
        rows = self.read(partition, columns)
        return None if rows is None else rows.table

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> StoredRows | None:
        """Read columns of a partition, by default all, as `load`, and its metadata."""
        try:
            with self.open(partition) as (cached, file):
                names = cached.columns if columns is None else columns
                return StoredRows(cached, read_columns(file, names))
        except CACHE_MISS_ERRORS:
            return None

    def write(
        self,
        partition: Partition,
        table: pa.Table,
        provenance: Provenance,
        skip_if: Callable[[], object],
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        """Replace the file of a partition atomically, its rows and columns sorted.

        `prepare` is called once the new file is written, and before it replaces the existing one.
        `skip_if` is called last: when it returns true the existing file stays.

        Raises
        ------
        CacheError
            When the file cannot be written; the existing one stays.
        """
        identity = identity_columns(partition.record_type, partition.segment)
        unregistered = [name for name in table.column_names if name not in CATALOGUE]
        names = dict.fromkeys([*identity, *sort_by_catalogue(table.column_names), *unregistered])
        ordered = table.select(list(names))
        table = sort_rows(ordered, identity)
        path = partition_path(partition)
        with self.storage.atomic_write(path, skip_if) as file:
            write_partition(file, partition, table, provenance)
            prepare()

    @contextlib.contextmanager
    def open(self, partition: Partition) -> Iterator[tuple[CachedPartition, pq.ParquetFile]]:
        """Open the file of a partition: its metadata, and the file to read rows from.

        Raises
        ------
        InvalidFile
            When it is damaged, foreign, or of another partition.
        FileNotFoundError
            When there is none.
        CacheError
            When it cannot be opened: it may be intact.
        """
        path = partition_path(partition)
        with self.storage.open(path) as raw:
            file, json_metadata = open_parquet(raw)
            metadata = _parse_metadata(json_metadata)
            display_path = self.storage.display_name(path)
            cached = _cached_partition(partition, display_path, raw.size(), metadata)
            _validate(cached, metadata, file)
            yield cached, file


def _parse_metadata(json_metadata: bytes) -> Any:
    try:
        return json.loads(json_metadata)
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"damaged: {error}") from None


class _Metadata(msgspec.Struct):
    """The types of the values that describe the rows."""

    columns: tuple[str, ...]
    rows: Annotated[int, msgspec.Meta(ge=0)]
    fetched_at: str
    report_id: str
    api: str
    checksum: str | None = None
    refused: tuple[str, ...] = ()
    unknown_rows: Annotated[int, msgspec.Meta(ge=0)] = 0


def _cached_partition(partition: Partition, path: str, size: int, metadata: Any) -> CachedPartition:
    try:
        values = msgspec.convert(metadata, _Metadata)
        return CachedPartition(
            partition=partition,
            path=path,
            size=size,
            columns=values.columns,
            rows=values.rows,
            fetched_at=parse_moment(values.fetched_at),
            report_id=values.report_id,
            api=values.api,
            checksum=values.checksum,
            refused=values.refused,
            unknown_rows=values.unknown_rows,
        )
    except ValueError as error:  # as msgspec's errors are
        is_foreign = isinstance(metadata, dict) and not metadata.keys() >= _METADATA_FIELDS
        kind = "foreign" if is_foreign else "damaged"
        raise InvalidFile(f"{kind}: {error}") from None


def _validate(
    cached: CachedPartition, metadata: Mapping[str, object], file: pq.ParquetFile
) -> None:
    """Raise `InvalidFile` when a file does not match its metadata or its path."""
    version = metadata.get("schema")
    if version != SCHEMA_VERSION:
        raise InvalidFile(f"written by another version: schema {version}")
    request = metadata.get("request")
    if request != _partition_metadata(cached.partition):
        raise InvalidFile(f"foreign: it is the file of {request}")
    if cached.fetched_at.tzinfo is None:
        raise InvalidFile("foreign: its fetched_at has no time zone")
    if not _has_expected_schema(cached, file.schema_arrow):
        raise InvalidFile("its columns differ from those of its metadata or of the catalogue")
    rows = file.metadata.num_rows
    if rows != cached.rows:
        raise InvalidFile(f"damaged: it has {rows} rows instead of {cached.rows}")


def _has_expected_schema(cached: CachedPartition, schema: pa.Schema) -> bool:
    names = tuple(schema.names)
    if names != cached.columns:
        return False
    if schema.equals(_catalogue_schema(names)):
        return True
    return all(is_valid_type(field.type, field.name) for field in schema)


# A year of files shares one schema. One from before a metric was registered only costs a second
# look.
@lru_cache(maxsize=64)
def _catalogue_schema(columns: ColumnNames) -> pa.Schema:
    """Return the schema of those columns that the catalogue has."""
    known = [column for column in columns if column in CATALOGUE]
    return arrow_schema(known)


def write_partition(
    file: IO[bytes], partition: Partition, table: pa.Table, provenance: Provenance
) -> None:
    """Write a partition's table and its metadata as parquet."""
    metadata = {
        "request": _partition_metadata(partition),
        "columns": table.column_names,
        "rows": table.num_rows,
        "report_id": provenance.report_id,
        "fetched_at": provenance.fetched_at.astimezone(UTC).isoformat(),
        "api": provenance.api,
        "schema": SCHEMA_VERSION,
        "checksum": table_checksum(table),
    }
    if provenance.refused:
        metadata["refused"] = provenance.refused
    if provenance.unknown_rows:
        metadata["unknown_rows"] = provenance.unknown_rows
    json_metadata = json.dumps(metadata).encode()
    table = table.replace_schema_metadata({METADATA_KEY: json_metadata})
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


def _partition_metadata(partition: Partition) -> dict[str, str | None]:
    return {
        "source": partition.source,
        "profile_id": partition.profile_id,
        "record_type": partition.record_type,
        "segment": partition.segment,
        "tactic": partition.tactic,
        "date": partition.date.isoformat(),
    }


def open_parquet(raw: pa.NativeFile) -> tuple[pq.ParquetFile, bytes]:
    """Open a file of the store as parquet, and return it with our JSON in its metadata.

    Raises
    ------
    InvalidFile
        When it is not parquet, or lacks our metadata.
    """
    try:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        metadata = file.metadata.metadata or {}
        return file, metadata[METADATA_KEY]
    except KeyError as missing:
        raise InvalidFile(f"foreign: its metadata lacks {missing}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidFile(f"damaged: {error}") from None


def read_columns(
    file: pq.ParquetFile, columns: Sequence[str], *, use_threads: bool = True
) -> pa.Table:
    """Read columns of an open file in the types of the catalogue, whatever they were stored in.

    Raises
    ------
    InvalidFile
        When a page is damaged, or a column is missing.
    CacheError
        When a metric is registered as another kind than that in which it was stored.
    """
    stored = read_stored_columns(file, columns, use_threads=use_threads)
    return to_catalogue_types(stored)


def to_catalogue_types(stored: pa.Table) -> pa.Table:
    """Return stored rows in the types of the catalogue.

    Raises
    ------
    CacheError
        When a metric is registered as another kind than that in which it was stored.
    """
    try:
        return cast_to_catalogue(stored)
    except pa.ArrowInvalid as error:
        names = [name for name in stored.column_names if is_registered(name)]
        raise CacheError(
            f"the store has {' or '.join(names)} with values of another kind than it is registered "
            f"as in this process ({error}): register it as it was when it was stored"
        ) from None


def read_stored_columns(
    file: pq.ParquetFile, columns: Sequence[str], *, use_threads: bool = True
) -> pa.Table:
    """Read columns of an open file, by Arrow's threads unless many files are read at a time.

    Raises
    ------
    InvalidFile
        When a page is damaged, or a column is missing.
    """
    names = list(columns)
    try:
        table = file.read(columns=names, use_threads=use_threads)
        selected = table.select(names)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InvalidFile(f"damaged: {error}") from None
    return selected.replace_schema_metadata(None)


def matches_checksum(rows: pa.Table, cached: CachedPartition) -> bool:
    """Return whether rows are those that were stored; True for files without a checksum."""
    if cached.checksum is None:
        return True
    return cached.checksum == table_checksum(rows)
