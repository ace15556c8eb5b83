"""One file of the store: its place, its facts, and its rows."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.api.profiles import Profile
from sdanalytics.checksum import checksum_of
from sdanalytics.metrics import CATALOGUE
from sdanalytics.query import Line, Slice
from sdanalytics.schema import arrow_schema
from sdanalytics.storage import Stamp, Storage

SCHEMA_VERSION: Final = 1
REPORTS: Final = "reports"
PROFILES: Final = "profiles"
FILE: Final = "report.parquet"
LEVELS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
METADATA: Final = b"sdanalytics"
_NO_SEGMENT: Final = "none"


@dataclass(frozen=True)
class Entry:
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
        Of the rows (`sdanalytics.checksum`); None in files of versions that kept none.
    stamp : Stamp or None
        Of its file, where a bound month (`sdanalytics.months`) told all this; None where the
        file itself did.
    """

    piece: Slice
    path: str
    size: int
    columns: tuple[str, ...]
    rows: int
    fetched_at: datetime
    report_id: str
    api: str
    checksum: str | None
    stamp: Stamp | None = None

    def has(self, columns: tuple[str, ...]) -> bool:
        """Whether it has all of these columns."""
        return _has_all(self.columns, columns)


@lru_cache(maxsize=256)
def _has_all(stored: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether columns have all that are wanted; most slices of a store have the same."""
    return set(wanted) <= set(stored)


class Unusable(Exception):
    """A file that is not what its place says; the message tells why."""


ABSENT: Final = (Unusable, FileNotFoundError)
"""What is as if it were not there: it is fetched, and replaces what there is."""


def place_of(piece: Slice) -> str:
    """Where the file of a slice is, from the root of the store."""
    return place_on(Line.of(piece), piece.date)


def place_on(line: Line, day: date) -> str:
    """Where the file of a line's day is."""
    return f"{REPORTS}/{place_of_line(line)}/date={day}/{FILE}"


@lru_cache(maxsize=1024)
def place_of_line(line: Line) -> str:
    """The folder of a line of slices, from that of all."""
    values = (folder_name(line.source), *line[1:])
    levels = zip(LEVELS, values, strict=False)
    return "/".join(f"{level}={value or _NO_SEGMENT}" for level, value in levels)


def place_of_profile(source: str, profile_id: str) -> str:
    """Where the facts of a profile are."""
    return f"{PROFILES}/source={folder_name(source)}/profile_id={profile_id}.json"


def slice_at(place: str) -> Slice:
    """The slice whose place, from the root of the store, that is."""
    values = dict(part.partition("=")[::2] for part in place.split("/")[1:-1])
    if tuple(values) != LEVELS:
        raise Unusable("foreign: no file of the store")
    try:
        day = date.fromisoformat(values["date"])
    except ValueError:
        raise Unusable("foreign: its folder names no day") from None
    piece = Slice(
        source=source_name(values["source"]),
        profile_id=values["profile_id"],
        record_type=values["record_type"],
        segment=None if values["segment"] == _NO_SEGMENT else values["segment"],
        tactic=values["tactic"],
        date=day,
    )
    if place_of(piece) != place:
        raise Unusable(f"foreign: what it is of lies in {place_of(piece)}")
    return piece


def folder_name(source: str) -> str:
    """A host:port as a folder; on Windows, where names hold no colon, as URLs write it."""
    return source.replace(":", "%3A") if os.name == "nt" else source


def source_name(folder: str) -> str:
    """The other way round."""
    return folder.replace("%3A", ":")


def write(
    file: IO[bytes], piece: Slice, table: pa.Table, *, report_id: str, fetched_at: str, api: str
) -> None:
    """Write a slice's table, with the facts about it, as parquet."""
    facts = {
        "request": _request(piece),
        "columns": table.column_names,
        "rows": table.num_rows,
        "report_id": report_id,
        "fetched_at": fetched_at,
        "api": api,
        "schema": SCHEMA_VERSION,
        "checksum": checksum_of(table),
    }
    table = table.replace_schema_metadata({METADATA: json.dumps(facts).encode()})
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


@contextlib.contextmanager
def opened(storage: Storage, piece: Slice) -> Iterator[tuple[Entry, pq.ParquetFile]]:
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
    place = place_of(piece)
    with storage.open(place) as raw:
        file, metadata = parquet_of(raw)
        try:
            facts = json.loads(metadata)
            entry = Entry(
                piece=piece,
                path=storage.name(place),
                size=raw.size(),
                columns=tuple(facts["columns"]),
                rows=int(facts["rows"]),
                fetched_at=datetime.fromisoformat(facts["fetched_at"]),
                report_id=str(facts["report_id"]),
                api=str(facts["api"]),
                checksum=facts.get("checksum"),
            )
        except KeyError as missing:
            raise Unusable(f"foreign: its metadata lack {missing}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Unusable(f"damaged: {error}") from None
        _check(entry, facts, file.schema_arrow, file.metadata.num_rows)
        yield entry, file


def parquet_of(raw: pa.NativeFile) -> tuple[pq.ParquetFile, bytes]:
    """A file of the store as parquet, and what we wrote into its metadata.

    Raises
    ------
    Unusable
        When it is neither.
    """
    try:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        return file, (file.metadata.metadata or {})[METADATA]
    except KeyError as missing:
        raise Unusable(f"foreign: its metadata lack {missing}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unusable(f"damaged: {error}") from None


def _check(entry: Entry, facts: dict[str, object], schema: pa.Schema, rows: int) -> None:
    if facts.get("schema") != SCHEMA_VERSION:
        raise Unusable(f"written by another version: schema {facts.get('schema')}")
    if facts.get("request") != _request(entry.piece):
        raise Unusable(f"in a wrong place: it is {facts.get('request')}")
    if entry.fetched_at.tzinfo is None:
        raise Unusable("foreign: the time it was fetched has no zone")
    if tuple(schema.names) != entry.columns or not schema.equals(_schema_of(entry.columns)):
        raise Unusable("its columns are not those that its metadata and the catalogue say")
    if rows != entry.rows:
        raise Unusable(f"damaged: {rows} rows instead of {entry.rows}")


@lru_cache(maxsize=64)
def _schema_of(columns: tuple[str, ...]) -> pa.Schema:
    """The schema of those columns that the catalogue has; a year's files share one."""
    return arrow_schema([column for column in columns if column in CATALOGUE])


def rows_of(file: pq.ParquetFile, columns: Sequence[str], *, use_threads: bool = True) -> pa.Table:
    """These columns of a file that is open; by Arrow's threads, unless it is one of many.

    Raises
    ------
    Unusable
        When a page is damaged, or a column is not there.
    """
    try:
        table = file.read(columns=list(columns), use_threads=use_threads).select(list(columns))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Unusable(f"damaged: {error}") from None
    return table.replace_schema_metadata(None)


def is_of(rows: pa.Table, entry: Entry) -> bool:
    """Whether rows are those that were stored, as far as the entry has a checksum of them."""
    return entry.checksum in (None, checksum_of(rows))


def read_profile(storage: Storage, place: str) -> Profile:
    """The facts of a profile that are kept in a file.

    Raises
    ------
    Unusable
        When they are no such facts.
    FileNotFoundError
        When it is not there.
    CacheError
        When it cannot be read.
    """
    try:
        return Profile.from_json(json.loads(storage.read(place)))
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(f"no facts of a profile: {error}") from None


def folders_of(storage: Storage, level: str, folder: str) -> dict[str, str]:
    """The values of a level that have a folder in this one."""
    names = storage.folders(folder)
    named = {name.removeprefix(f"{level}="): name for name in names}
    return {value: f"{folder}/{name}" for value, name in named.items() if value != name}


def _request(piece: Slice) -> dict[str, str | None]:
    return {
        "source": piece.source,
        "profile_id": piece.profile_id,
        "record_type": piece.record_type,
        "segment": piece.segment,
        "tactic": piece.tactic,
        "date": piece.date.isoformat(),
    }
