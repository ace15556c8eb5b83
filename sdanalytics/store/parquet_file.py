"""One file of the store: its place, its facts, and its rows."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.model.partition import Partition
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.checksum import table_checksum
from sdanalytics.store.layout import InvalidFile, partition_path

SCHEMA_VERSION: Final = 1
METADATA_KEY: Final = b"sdanalytics"


@dataclass(frozen=True)
class CachedPartition:
    """What the store has of a slice.

    Attributes
    ----------
    piece : Slice
    path : str
        Where its file is, as users know the place.
    size : int
        Of the file, in bytes.
    columns : tuple of str
    rows : int
    fetched_at : datetime.datetime
        UTC.
    report_id, api : str
    checksum : str or None
        Of the rows (`sdanalytics.store.checksum`); None in files of versions that kept none.
    stamp : Stamp or None
        Of its file, where a bound month (`sdanalytics.store.compaction`) told all this; None
        where the
        file itself did.
    """

    partition: Partition
    path: str
    size: int
    columns: tuple[str, ...]
    rows: int
    fetched_at: datetime
    report_id: str
    api: str
    checksum: str | None
    stamp: FileStamp | None = None

    def has_columns(self, columns: tuple[str, ...]) -> bool:
        """Whether it has all of these columns."""
        return _has_all(self.columns, columns)


@lru_cache(maxsize=256)
def _has_all(stored: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether columns have all that are wanted; most slices of a store have the same."""
    return set(wanted) <= set(stored)


def write_partition(
    file: IO[bytes],
    partition: Partition,
    table: pa.Table,
    *,
    report_id: str,
    fetched_at: str,
    api: str,
) -> None:
    """Write a slice's table, with the facts about it, as parquet."""
    facts = {
        "request": _request(partition),
        "columns": table.column_names,
        "rows": table.num_rows,
        "report_id": report_id,
        "fetched_at": fetched_at,
        "api": api,
        "schema": SCHEMA_VERSION,
        "checksum": table_checksum(table),
    }
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(facts).encode()})
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


@contextlib.contextmanager
def open_partition(
    storage: Storage, partition: Partition
) -> Iterator[tuple[CachedPartition, pq.ParquetFile]]:
    """What the file of a slice says of itself, and the file, if it is a report of that slice.

    Raises
    ------
    Unusable
        When it is damaged, foreign, or of another slice.
    FileNotFoundError
        When it is not there.
    CacheError
        When it cannot be opened: then it is not known to be bad.
    """
    place = partition_path(partition)
    with storage.open(place) as raw:
        file, metadata = open_parquet(raw)
        try:
            facts = json.loads(metadata)
            entry = CachedPartition(
                partition=partition,
                path=storage.display_name(place),
                size=raw.size(),
                columns=tuple(facts["columns"]),
                rows=int(facts["rows"]),
                fetched_at=datetime.fromisoformat(facts["fetched_at"]),
                report_id=str(facts["report_id"]),
                api=str(facts["api"]),
                checksum=facts.get("checksum"),
            )
        except KeyError as missing:
            raise InvalidFile(f"foreign: its metadata lack {missing}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidFile(f"damaged: {error}") from None
        _check(entry, facts, file.schema_arrow, file.metadata.num_rows)
        yield entry, file


def open_parquet(raw: pa.NativeFile) -> tuple[pq.ParquetFile, bytes]:
    """A file of the store as parquet, and what we wrote into its metadata.

    Raises
    ------
    Unusable
        When it is neither.
    """
    try:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        return file, (file.metadata.metadata or {})[METADATA_KEY]
    except KeyError as missing:
        raise InvalidFile(f"foreign: its metadata lack {missing}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidFile(f"damaged: {error}") from None


def _check(entry: CachedPartition, facts: dict[str, object], schema: pa.Schema, rows: int) -> None:
    if facts.get("schema") != SCHEMA_VERSION:
        raise InvalidFile(f"written by another version: schema {facts.get('schema')}")
    if facts.get("request") != _request(entry.partition):
        raise InvalidFile(f"in a wrong place: it is {facts.get('request')}")
    if entry.fetched_at.tzinfo is None:
        raise InvalidFile("foreign: the time it was fetched has no zone")
    if tuple(schema.names) != entry.columns or not schema.equals(_schema_of(entry.columns)):
        raise InvalidFile("its columns are not those that its metadata and the catalogue say")
    if rows != entry.rows:
        raise InvalidFile(f"damaged: {rows} rows instead of {entry.rows}")


@lru_cache(maxsize=64)
def _schema_of(columns: tuple[str, ...]) -> pa.Schema:
    """The schema of those columns that the catalogue has; a year's files share one."""
    return arrow_schema([column for column in columns if column in CATALOGUE])


def read_columns(
    file: pq.ParquetFile, columns: Sequence[str], *, use_threads: bool = True
) -> pa.Table:
    """These columns of a file that is open; by Arrow's threads, unless it is one of many.

    Raises
    ------
    Unusable
        When a page is damaged, or a column is not there.
    """
    try:
        table = file.read(columns=list(columns), use_threads=use_threads).select(list(columns))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InvalidFile(f"damaged: {error}") from None
    return table.replace_schema_metadata(None)


def matches_checksum(rows: pa.Table, entry: CachedPartition) -> bool:
    """Whether rows are those that were stored, as far as the entry has a checksum of them."""
    return entry.checksum in (None, table_checksum(rows))


def _request(partition: Partition) -> dict[str, str | None]:
    return {
        "source": partition.source,
        "profile_id": partition.profile_id,
        "record_type": partition.record_type,
        "segment": partition.segment,
        "tactic": partition.tactic,
        "date": partition.date.isoformat(),
    }
