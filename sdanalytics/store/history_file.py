"""The history file of a partition: what the file of the partition had before, version by version.

::

    <root>/history/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/day.history

Rows are sorted by identity, then by version: a value that did not change costs next to nothing
(`sdanalytics.store.history_encoding`). The column ``version`` is the position of a row's version in
the file's metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Annotated, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics._core.clock import parse_moment
from sdanalytics.model.metrics import identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.history_encoding import is_undamaged, pack_table, unpack_table
from sdanalytics.store.layout import InvalidFile, history_path
from sdanalytics.store.parquet_file import (
    METADATA_KEY,
    CachedPartition,
    ColumnNames,
    StoredRows,
    to_catalogue_types,
)

_SCHEMA_VERSION: Final = 2
VERSION: Final = "version"
"""The column with the position of a row's version."""

VersionKey = tuple[str, datetime]
"""What a version is known by: the report, and the moment it was fetched."""


class _Version(msgspec.Struct, omit_defaults=True):
    """The metadata of a version."""

    report_id: str
    fetched_at: str
    api: str
    columns: ColumnNames
    rows: Annotated[int, msgspec.Meta(ge=0)]
    refused: tuple[str, ...] = ()
    unknown_rows: Annotated[int, msgspec.Meta(ge=0)] = 0


class _HistoryMetadata(msgspec.Struct):
    """The metadata of a history file."""

    schema: int
    request: dict[str, str]
    versions: list[_Version]


@dataclass(frozen=True)
class DayHistory:
    """The versions that a partition had before, in the order in which they were kept.

    Attributes
    ----------
    partition : Partition
    versions : tuple of CachedPartition
    rows : pyarrow.Table
        Of all versions, sorted by identity and version.
    """

    partition: Partition
    versions: tuple[CachedPartition, ...] = ()
    rows: pa.Table = field(default_factory=lambda: pa.table({VERSION: pa.array([], pa.int64())}))

    def has_version(self, key: VersionKey) -> bool:
        """Return whether it has a version, by what that is known by."""
        return key in map(version_key, self.versions)

    def add(self, version: StoredRows) -> DayHistory:
        """Return the history with one more version, its rows sorted."""
        return self.append(version).sort()

    def sort(self) -> DayHistory:
        """Return the history with its rows sorted, as they are written."""
        day = self.partition
        identity = identity_columns(day.record_type, day.segment)
        keys = [(name, "ascending") for name in (*identity, VERSION)]
        order = pc.sort_indices(self.rows, keys)
        return DayHistory(day, self.versions, self.rows.take(order))

    def append(self, version: StoredRows) -> DayHistory:
        """Return the history with one more version, whose rows come after the others."""
        table = version.table
        position = pa.scalar(len(self.versions), pa.int64())
        positions = pa.repeat(position, table.num_rows)
        added = table.append_column(VERSION, positions)
        # Metrics that two processes have registered as different kinds become numbers of both.
        rows = pa.concat_tables([self.rows, added], promote_options="permissive")
        versions = (*self.versions, version.cached)
        return DayHistory(self.partition, versions, rows)

    def split(self) -> Iterator[StoredRows]:
        """Yield the rows of each version, in the types of the catalogue."""
        positions = self.rows.column(VERSION)
        for position, version in enumerate(self.versions):
            is_of_version = pc.equal(positions, position)
            rows = self.rows.filter(is_of_version)
            selected = rows.select(list(version.columns))
            yield StoredRows(version, to_catalogue_types(selected))


def version_key(cached: CachedPartition) -> VersionKey:
    """Return what a version is known by."""
    return cached.report_id, cached.fetched_at


def read_history_file(storage: Storage, partition: Partition) -> DayHistory:
    """Read the history file of a partition.

    Raises
    ------
    InvalidFile
        When it is damaged, foreign, or of another partition.
    FileNotFoundError
        When there is none.
    CacheError
        When it cannot be opened: it may be intact.
    """
    path = history_path(partition)
    content = storage.read(path)
    if not is_undamaged(content):
        content = storage.read(path)  # another machine may have replaced it meanwhile
    if not is_undamaged(content):
        raise InvalidFile("damaged: its content differs from what was stored")
    rows = unpack_table(content)
    metadata = _decode_metadata(rows.schema.metadata or {}, partition)
    display_path = storage.display_name(path)
    size = len(content)
    versions: list[CachedPartition] = []
    for version in metadata.versions:
        cached = _decode_version(version, partition, display_path, size)
        versions.append(cached)
    _check_counts(rows, versions)
    return DayHistory(partition, tuple(versions), rows.replace_schema_metadata(None))


def _check_counts(rows: pa.Table, versions: Sequence[CachedPartition]) -> None:
    """Raise `InvalidFile` when a version has not as many rows as were stored."""
    positions = rows.column(VERSION).to_numpy()
    counts = np.bincount(positions, minlength=len(versions))
    expected = [version.rows for version in versions]
    if counts.tolist() != expected:
        raise InvalidFile(f"damaged: its versions have {counts.tolist()} rows, not {expected}")


def _decode_metadata(stored: Mapping[bytes, bytes], partition: Partition) -> _HistoryMetadata:
    try:
        metadata = msgspec.json.decode(stored[METADATA_KEY], type=_HistoryMetadata)
    except (KeyError, ValueError) as error:  # as msgspec's errors are
        raise InvalidFile(
            f"foreign: its metadata is not that of a history file ({error})"
        ) from None
    if metadata.schema != _SCHEMA_VERSION:
        raise InvalidFile(f"written by another version: schema {metadata.schema}")
    if metadata.request != partition.to_keys():
        raise InvalidFile(f"foreign: it is the history of {metadata.request}")
    return metadata


def _decode_version(
    version: _Version, partition: Partition, path: str, size: int
) -> CachedPartition:
    try:
        fetched_at = parse_moment(version.fetched_at)
    except ValueError as error:
        raise InvalidFile(f"damaged: {error}") from None
    return CachedPartition(
        partition=partition,
        path=path,
        size=size,
        columns=version.columns,
        rows=version.rows,
        fetched_at=fetched_at,
        report_id=version.report_id,
        api=version.api,
        checksum=None,
        refused=version.refused,
        unknown_rows=version.unknown_rows,
    )


def write_history_file(file: IO[bytes], history: DayHistory) -> None:
    """Write the history file of a partition."""
    metadata = _HistoryMetadata(
        schema=_SCHEMA_VERSION,
        request=history.partition.to_keys(),
        versions=[_encode_version(version) for version in history.versions],
    )
    encoded = msgspec.json.encode(metadata)
    table = history.rows.replace_schema_metadata({METADATA_KEY: encoded})
    content = pack_table(table)
    file.write(content)


def _encode_version(cached: CachedPartition) -> _Version:
    return _Version(
        report_id=cached.report_id,
        fetched_at=cached.fetched_at.astimezone(UTC).isoformat(),
        api=cached.api,
        columns=cached.columns,
        rows=cached.rows,
        refused=cached.refused,
        unknown_rows=cached.unknown_rows,
    )
