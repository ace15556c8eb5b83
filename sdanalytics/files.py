"""One file of the store: its place, its facts, its rows, and how it is replaced."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.api.profiles import Profile
from sdanalytics.checksum import checksum_of
from sdanalytics.errors import CacheError
from sdanalytics.metrics import CATALOGUE
from sdanalytics.query import Slice
from sdanalytics.schema import arrow_schema

SCHEMA_VERSION: Final = 1
REPORTS: Final = "reports"
PROFILES: Final = "profiles"
FILE: Final = "report.parquet"
LEVELS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
_METADATA: Final = b"sdanalytics"
_NO_SEGMENT: Final = "none"
_OF_PROFILES: Final = ".json"
_LEFTOVER: Final = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
"""What a writer that was killed leaves; its name is no report's and begins with a point, so
that whatever reads the store passes it over."""
_ADVICE: Final = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Allow larger files",
    errno.EMFILE: "Close other files",
}

# Between the look at what is there and its replacement nobody else replaces it.
REPLACING: Final = threading.Lock()


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
    checksum : str or None
        Of the rows (`sdanalytics.checksum`); None in files of versions that kept none.
    """

    piece: Slice
    path: Path
    columns: tuple[str, ...]
    rows: int
    fetched_at: datetime
    report_id: str
    api: str
    checksum: str | None


class Unusable(Exception):
    """A file that is not what its place says; the message tells why."""


def place_of(piece: Slice) -> Path:
    """Where the file of a slice is, from the root of the store."""
    facts = _request(piece) | {"source": folder_name(piece.source)}
    return Path(REPORTS, *(f"{level}={facts[level] or _NO_SEGMENT}" for level in LEVELS), FILE)


def place_of_profile(source: str, profile_id: str) -> Path:
    """Where the facts of a profile are."""
    return Path(PROFILES, f"source={folder_name(source)}", f"profile_id={profile_id}{_OF_PROFILES}")


def slice_at(place: Path) -> Slice:
    """The slice whose place, from the root of the store, that is."""
    values = dict(part.partition("=")[::2] for part in place.parts[1:-1])
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
    table = table.replace_schema_metadata({_METADATA: json.dumps(facts).encode()})
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


@contextlib.contextmanager
def opened(path: Path, piece: Slice) -> Iterator[tuple[Entry, pq.ParquetFile]]:
    """What a file says of itself, and the file, if it is a report of that slice.

    Raises
    ------
    Unusable
        When it is damaged, foreign, or of another slice.
    FileNotFoundError
        When it is not there.
    CacheError
        When it cannot be opened: then it is not known to be bad.
    """
    with _raw(path) as raw:
        try:
            file = pq.ParquetFile(raw, page_checksum_verification=True)
            schema = file.schema_arrow
            facts = json.loads((schema.metadata or {})[_METADATA])
            entry = Entry(
                piece=piece,
                path=path,
                columns=tuple(facts["columns"]),
                rows=int(facts["rows"]),
                fetched_at=datetime.fromisoformat(facts["fetched_at"]),
                report_id=str(facts["report_id"]),
                api=str(facts["api"]),
                checksum=facts.get("checksum"),
            )
        except KeyError as missing:
            raise Unusable(f"foreign: its metadata lack {missing}") from None
        except (pa.ArrowException, OSError, ValueError, TypeError, RecursionError) as error:
            raise Unusable(f"damaged: {error}") from None
        _check(entry, facts, schema, file.metadata.num_rows)
        yield entry, file


def _raw(path: Path) -> pa.OSFile:
    """A file, opened.

    Here, so that paths mean the same for reading as for writing; and by Arrow, whose threads
    would need Python for a file of Python's, even while the interpreter ends.
    """
    try:
        return pa.OSFile(os.fspath(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused("read", path, error) from error


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


def read_profile(path: Path) -> Profile:
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
        return Profile.from_json(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(f"no facts of a profile: {error}") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused("read", path, error) from error


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
            with REPLACING:
                if not unless():
                    os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise refused("write", path, error) from error
    _sync_folder(path.parent)


def found(root: Path, *tops: str, leftovers: bool = False) -> Iterator[Path]:
    """All files in these folders of a store, in order; or what killed writers have left there.

    A folder in the place of a file counts as one, as does a file in that of a folder.

    Raises
    ------
    CacheError
        When a folder cannot be listed.
    """
    return _below((entry for entry in listed(root) if entry.name in tops), leftovers)


def _below(entries: Iterable[os.DirEntry[str]], leftovers: bool) -> Iterator[Path]:
    for entry in entries:
        is_file = entry.name == FILE or entry.name.endswith(_OF_PROFILES) or not _is_folder(entry)
        if not is_file:
            yield from _below(listed(Path(entry)), leftovers)
        elif leftovers == bool(_LEFTOVER.fullmatch(entry.name)):
            yield Path(entry)


def folders_of(level: str, folder: Path) -> dict[str, Path]:
    """The values of a level that have a folder in this one."""
    named = {e.name.removeprefix(f"{level}="): e for e in listed(folder) if _is_folder(e)}
    return {value: Path(e) for value, e in named.items() if value != e.name}


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing where there is none.

    Raises
    ------
    CacheError
        When that cannot be told.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise refused("list", folder, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise refused("list", Path(entry), error) from error


def refused(action: str, path: Path, error: OSError) -> CacheError:
    """What the system said when something was done to a path, and what to do about it."""
    told = os.strerror(error.errno) if error.errno else str(error)
    advice = _ADVICE.get(error.errno or 0, "See to its permissions and to the disk")
    obstacle = _obstacle(path, error)
    if obstacle:
        told = f"{obstacle} is in the way"
        advice = "Move that aside (ReportCache.repair() does so within a store)"
    return CacheError(
        f"cannot {action} {path}: {told}; what is there is untouched. {advice}, "
        "or choose another place with cache= or SDANALYTICS_CACHE_DIR"
    )


def _obstacle(path: Path, error: OSError) -> str | None:
    """A folder where a file should be, or a file where a folder should be."""
    if error.errno in (None, errno.EISDIR):  # Arrow gives no number
        return f"the folder {path}"
    if error.errno not in (errno.ENOTDIR, errno.EEXIST):
        return None
    place = Path(error.filename or path)
    return next((f"the file {p}" for p in (place, *place.parents) if os.path.isfile(p)), None)


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
