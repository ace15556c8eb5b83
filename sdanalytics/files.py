"""One file of the store: its place, its facts, its rows, and how it is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.errors import CacheError
from sdanalytics.metrics import CATALOGUE
from sdanalytics.query import Slice
from sdanalytics.schema import arrow_type

SCHEMA_VERSION: Final = 1
FILE: Final = "report.parquet"
LEVELS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
_METADATA: Final = b"sdanalytics"
_NO_SEGMENT: Final = "none"

# Between the look at what is there and its replacement nobody else replaces it.
_REPLACING: Final = threading.Lock()


@dataclass(frozen=True)
class Entry:
    """What the store has of a slice.

    Attributes
    ----------
    piece : Slice
    path : pathlib.Path
    columns : tuple of str
    rows : int
    fetched_at : datetime.datetime
        UTC.
    report_id, api : str
    """

    piece: Slice
    path: Path
    columns: tuple[str, ...]
    rows: int
    fetched_at: datetime
    report_id: str
    api: str


class Unusable(Exception):
    """A file that is not what its place says; the message tells why."""


def place_of(piece: Slice) -> Path:
    """Where the file of a slice is, from the root of the store."""
    facts = _request(piece) | {"source": folder_name(piece.source)}
    return Path("reports", *(f"{level}={facts[level] or _NO_SEGMENT}" for level in LEVELS), FILE)


def slice_at(path: Path) -> Slice:
    """The slice whose place a path is."""
    values = dict(part.partition("=")[::2] for part in path.parts[-len(LEVELS) - 1 : -1])
    if tuple(values) != LEVELS or path.name != FILE:
        raise Unusable("foreign: no file of the store")
    try:
        day = date.fromisoformat(values["date"])
    except ValueError:
        raise Unusable("foreign: its folder names no day") from None
    return Slice(
        source=source_name(values["source"]),
        profile_id=values["profile_id"],
        record_type=values["record_type"],
        segment=None if values["segment"] == _NO_SEGMENT else values["segment"],
        tactic=values["tactic"],
        date=day,
    )


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
    }
    table = table.replace_schema_metadata({_METADATA: json.dumps(facts).encode()})
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


@contextlib.contextmanager
def opened(path: Path, piece: Slice) -> Iterator[tuple[Entry, pq.ParquetFile]]:
    """What a file says of itself, and the file, if it is a report of that slice.

    Raises
    ------
    Unusable
        When it is damaged, foreign, or of another slice.
    OSError
        When it is not there, or may not be read.
    """
    # Opened here, so that paths mean the same for reading as for writing; and by Arrow, whose
    # threads would need Python for a file of Python's, even while the interpreter ends.
    with pa.OSFile(os.fspath(path)) as raw:
        try:
            file = pq.ParquetFile(raw, page_checksum_verification=True)
            facts = json.loads((file.schema_arrow.metadata or {})[_METADATA])
            entry = Entry(
                piece=piece,
                path=path,
                columns=tuple(facts["columns"]),
                rows=int(facts["rows"]),
                fetched_at=datetime.fromisoformat(facts["fetched_at"]),
                report_id=str(facts["report_id"]),
                api=str(facts["api"]),
            )
        except KeyError as missing:
            raise Unusable(f"foreign: its metadata lack {missing}") from None
        except (pa.ArrowException, ValueError, TypeError, RecursionError) as error:
            raise Unusable(f"damaged: {error}") from None
        _check(entry, facts, file)
        yield entry, file


def _check(entry: Entry, facts: dict[str, object], file: pq.ParquetFile) -> None:
    schema = file.schema_arrow
    if facts.get("schema") != SCHEMA_VERSION:
        raise Unusable(f"written by another version: schema {facts.get('schema')}")
    if facts.get("request") != _request(entry.piece):
        raise Unusable(f"in a wrong place: it is {facts.get('request')}")
    if entry.fetched_at.tzinfo is None:
        raise Unusable("foreign: the time it was fetched has no zone")
    if schema.names != list(entry.columns) or any(
        field.name not in CATALOGUE or field.type != arrow_type(field.name) for field in schema
    ):
        raise Unusable("its columns are not those that its metadata and the catalogue say")
    if file.metadata.num_rows != entry.rows:
        raise Unusable(f"damaged: {file.metadata.num_rows} rows instead of {entry.rows}")


def rows_of(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table:
    """These columns of a file that is open.

    Raises
    ------
    Unusable
        When a page is damaged, or a column is not there.
    """
    try:
        table = file.read(columns=list(columns)).select(list(columns))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Unusable(f"damaged: {error}") from None
    return table.replace_schema_metadata(None)


def problem_of(path: Path) -> str | None:
    """What is wrong with a file, read whole."""
    try:
        with opened(path, slice_at(path)) as (entry, file):
            rows_of(file, entry.columns)
    except (Unusable, OSError) as error:
        return str(error)
    return None


@contextlib.contextmanager
def replacing(path: Path, unless: Callable[[], object] = lambda: False) -> Iterator[IO[bytes]]:
    """A file to write beside `path`, which takes its place once it is whole and on disk.

    `unless` is asked last: when it says so, what is there stays.

    Raises
    ------
    CacheError
        When that is not possible; what is there stays.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with _REPLACING:
                if not unless():
                    os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"cannot write {path}: {error.strerror or error}; what was there before is untouched. "
            "Make room or choose another place with cache= or SDANALYTICS_CACHE_DIR"
        ) from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system and the file system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _request(piece: Slice) -> dict[str, str | None]:
    return {
        "source": piece.source,
        "profile_id": piece.profile_id,
        "record_type": piece.record_type,
        "segment": piece.segment,
        "tactic": piece.tactic,
        "date": piece.date.isoformat(),
    }
