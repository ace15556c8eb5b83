"""`ReportCache`: every day of every report on disk, as parquet that any engine reads.

::

    <root>/reports/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/report.parquet

One file a slice, always the widest: nothing is stored twice, and no stored metric is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdanalytics.api.profiles import Profile
from sdanalytics.errors import CacheError, InvalidRequest
from sdanalytics.metrics import CATALOGUE, catalogue_order, identity
from sdanalytics.query import DateLike, ReportQuery, Slice
from sdanalytics.schema import arrow_schema, arrow_type, text_column, to_frame

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Final = 1
_FILE: Final = "report.parquet"
_METADATA: Final = b"sdanalytics"
_LEVELS: Final = ("source", "profile_id", "record_type", "segment", "tactic", "date")
_NO_SEGMENT: Final = "none"


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


class ReportCache:
    """The parquet store of reports.

    Parameters
    ----------
    path : path-like, optional
        Its folder, made when something is stored. By default ``SDANALYTICS_CACHE_DIR``, or
        the user's data folder: the service forgets after 60 days, and then the store has
        the only copy. Nothing is ever deleted unless `remove` is called.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path or os.environ.get("SDANALYTICS_CACHE_DIR") or _default_path())

    def __repr__(self) -> str:
        return f"ReportCache({str(self.path)!r})"

    def lookup(self, piece: Slice) -> Entry | None:
        """What is stored of a slice; None for nothing, or a file that is damaged or foreign."""
        path = self._path(piece)
        try:
            return _entry(path, piece)
        except (_Unusable, OSError):
            return None

    def load(self, piece: Slice, columns: Sequence[str]) -> pa.Table | None:
        """The rows of a slice; None where `lookup` gives None or a page is damaged."""
        try:
            return _read(self._path(piece), columns)
        except (_Unusable, OSError):
            return None

    def store(
        self, piece: Slice, table: pa.Table, *, report_id: str, fetched_at: datetime, api: str
    ) -> None:
        """Put a report in the place of whatever was there: whole, or not at all.

        Parameters
        ----------
        piece : Slice
        table : pyarrow.Table
            Columns of the catalogue, the identity columns among them.
        report_id, api : str
            Where it comes from.
        fetched_at : datetime.datetime
            Aware.

        Raises
        ------
        CacheError
            When the file cannot be written; what was there stays.
        """
        columns = catalogue_order(table.column_names)
        first = identity(piece.record_type, piece.segment)
        columns = (*first, *(column for column in columns if column not in first))
        facts = {
            "request": _request(piece),
            "columns": columns,
            "rows": table.num_rows,
            "report_id": report_id,
            "fetched_at": fetched_at.astimezone(UTC).isoformat(),
            "api": api,
            "schema": SCHEMA_VERSION,
        }
        table = _sorted(table.select(columns), by=first)
        table = table.replace_schema_metadata({_METADATA: json.dumps(facts).encode()})
        with _replacing(self._path(piece)) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)

    def read(
        self,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        metrics: Sequence[str] | None = None,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> pd.DataFrame:
        """What is stored of these days, without any network and without an account.

        Parameters
        ----------
        record_type, start, end, tactic, segment
            As in `fetch_report`.
        metrics : sequence of str, optional
            By default all that every stored day of the range has.
        profile_id, source : optional
            Whose; may be left out while the store has one only.

        Returns
        -------
        pandas.DataFrame
            As `fetch_report` gives it. Days that are not stored are left out;
            ``attrs["sdanalytics"]`` has the number of ``slices_missing``.

        Raises
        ------
        InvalidRequest
            When a stored day lacks a metric asked for, or it is not clear whose are meant.
        """
        query = ReportQuery.of(
            record_type, start, end, metrics=metrics, tactic=tactic, segment=segment
        )
        source, profile_id = self._whose(source, profile_id)
        pieces = query.slices(source, profile_id)
        entries = [entry for piece in pieces if (entry := self.lookup(piece))]
        columns = query.columns if metrics is not None else _common(entries, query)
        _refuse_narrow(entries, columns)
        loaded = {e.piece: t for e in entries if (t := self.load(e.piece, columns)) is not None}
        frame = to_frame(assemble(loaded, columns))
        frame.attrs["sdanalytics"] = {
            "record_type": record_type,
            "segment": segment,
            "source": source,
            "profile_id": profile_id,
            "slices_missing": len(pieces) - len(loaded),
        }
        return frame

    def entries(self) -> pd.DataFrame:
        """What the store has, a row a slice.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]), `rows` (Int64), `columns` (list of str), `fetched_at`
            (datetime64, UTC), `api`, `report_id` (str), `bytes` (Int64, on disk), `path`
            (str); in the order of the first six. Damaged and foreign files are left out:
            `verify` tells of them.
        """
        import pandas as pd

        found = sorted(self._entries(), key=lambda e: str(e.path))
        text: dict[str, list[str | None]] = {
            "source": [e.piece.source for e in found],
            "profile_id": [e.piece.profile_id for e in found],
            "record_type": [e.piece.record_type for e in found],
            "segment": [e.piece.segment for e in found],
            "tactic": [e.piece.tactic for e in found],
            "api": [e.api for e in found],
            "report_id": [e.report_id for e in found],
            "path": [str(e.path) for e in found],
        }
        columns: dict[str, Any] = {k: text_column(v) for k, v in text.items()}
        columns["date"] = np.array([e.piece.date for e in found], dtype="datetime64[s]")
        columns["rows"] = pd.array([e.rows for e in found], dtype="Int64")
        columns["columns"] = pd.Series([list(e.columns) for e in found], dtype="object")
        columns["fetched_at"] = pd.to_datetime([e.fetched_at for e in found], utc=True)
        columns["bytes"] = pd.array([e.path.stat().st_size for e in found], dtype="Int64")
        order = [*_LEVELS, "rows", "columns", "fetched_at", "api", "report_id", "bytes", "path"]
        return pd.DataFrame({name: columns[name] for name in order})

    def remove(
        self,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> int:
        """Delete what is stored of these days; how many slices there were.

        Days that the service no longer has cannot be fetched again. Parameters are those
        of `read`.
        """
        query = ReportQuery.of(record_type, start, end, tactic=tactic, segment=segment)
        removed = 0
        for piece in query.slices(*self._whose(source, profile_id)):
            with contextlib.suppress(FileNotFoundError):
                self._path(piece).unlink()
                removed += 1
        return removed

    def verify(self) -> pd.DataFrame:
        """Read every file, whole, and tell of those that calls treat as absent.

        Returns
        -------
        pandas.DataFrame
            `path` and `problem` (str), a row a file; no rows when all is well.
        """
        import pandas as pd

        problems = [(path, problem) for path in self._files() if (problem := _problem(path))]
        return pd.DataFrame(
            {
                "path": text_column(str(path) for path, _ in problems),
                "problem": text_column(problem for _, problem in problems),
            }
        )

    def profile(self, source: str, profile_id: str) -> Profile | None:
        """The facts kept of a profile."""
        try:
            facts = json.loads(self._profile_path(source, profile_id).read_bytes())
            return Profile(**facts)
        except (OSError, ValueError, TypeError):
            return None

    def store_profile(self, source: str, profile: Profile) -> None:
        """Keep the facts of a profile, so that stored days can be served without network."""
        with _replacing(self._profile_path(source, profile.profile_id)) as file:
            file.write(json.dumps(profile.to_json(), indent=1).encode())

    def _path(self, piece: Slice) -> Path:
        return self.path.joinpath("reports", *_folders(piece), _FILE)

    def _profile_path(self, source: str, profile_id: str) -> Path:
        folder = self.path / "profiles" / f"source={_folder_name(source)}"
        return folder / f"profile_id={profile_id}.json"

    def _files(self) -> Iterator[Path]:
        return (p for p in sorted(self.path.joinpath("reports").rglob("*")) if p.is_file())

    def _entries(self) -> Iterator[Entry]:
        for path in self._files():
            with contextlib.suppress(_Unusable, OSError):
                yield _entry(path, _piece(path))

    def _whose(self, source: str | None, profile_id: int | str | None) -> tuple[str, str]:
        """The one profile that is meant."""
        folders = self.path.joinpath("reports").glob("source=*/profile_id=*")
        known = sorted({tuple(p.partition("=")[2] for p in f.parts[-2:]) for f in folders})
        fitting = [
            (s, p)
            for s, p in known
            if source in (None, s) and (profile_id is None or str(profile_id) == p)
        ]
        if len(fitting) == 1:
            return fitting[0]
        if source is not None and profile_id is not None:
            return source, str(profile_id)
        there_are = ", ".join(f"source={s!r} profile_id={p!r}" for s, p in known) or "nothing"
        raise InvalidRequest(
            f"say whose reports are meant with profile_id= and source=; {self.path} has {there_are}"
        )


def assemble(tables: dict[Slice, pa.Table], columns: Sequence[str]) -> pa.Table:
    """The tables of slices as one, with their `date` and `tactic` in front."""
    rows = [table.num_rows for table in tables.values()]
    days = np.array([piece.date for piece in tables], dtype="datetime64[s]")
    tactics = sorted({piece.tactic for piece in tables})
    codes = np.array([tactics.index(piece.tactic) for piece in tables], dtype="int8")
    tactic = pa.DictionaryArray.from_arrays(np.repeat(codes, rows), pa.array(tactics, pa.string()))
    empty = arrow_schema(columns).empty_table()
    table = pa.concat_tables([empty, *tables.values()])
    table = table.add_column(0, "tactic", tactic)
    return table.add_column(0, "date", pa.array(np.repeat(days, rows), pa.timestamp("s")))


def _sorted(table: pa.Table, by: Sequence[str]) -> pa.Table:
    """The rows in order, missing values last; large reports are not copied as a whole first."""
    keys = [(column, "ascending") for column in by]
    order = pc.sort_indices(table.select(list(by)), keys)
    return table.take(order)


class _Unusable(Exception):
    """A file that is not what its place says; the message tells why."""


def _entry(path: Path, piece: Slice) -> Entry:
    """What a file says of itself, if it is a report of that slice."""
    try:
        schema = pq.read_schema(path)
        facts = json.loads((schema.metadata or {})[_METADATA])
        entry = Entry(
            piece=piece,
            path=path,
            columns=tuple(facts["columns"]),
            rows=int(facts["rows"]),
            fetched_at=datetime.fromisoformat(facts["fetched_at"]),
            report_id=facts["report_id"],
            api=facts["api"],
        )
    except KeyError as missing:
        raise _Unusable(f"foreign: its metadata lack {missing}") from None
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise _Unusable(f"damaged: {error}") from None
    if facts.get("schema") != SCHEMA_VERSION:
        raise _Unusable(f"written by another version: schema {facts.get('schema')}")
    if facts.get("request") != _request(piece):
        raise _Unusable(f"in a wrong place: it is {facts.get('request')}")
    if not _as_catalogued(schema, entry.columns):
        raise _Unusable("its columns are not those that its metadata and the catalogue say")
    return entry


def _as_catalogued(schema: pa.Schema, columns: Sequence[str]) -> bool:
    return schema.names == list(columns) and all(
        field.name in CATALOGUE and field.type == arrow_type(field.name) for field in schema
    )


def _read(path: Path, columns: Sequence[str] | None) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, ValueError) as error:
        raise _Unusable(f"damaged: {error}") from None
    if columns is not None:
        if not set(columns) <= set(table.column_names):
            raise _Unusable("columns are missing")
        table = table.select(list(columns))
    return table.replace_schema_metadata(None)


def _problem(path: Path) -> str | None:
    """What is wrong with a file of the store, read whole."""
    try:
        entry = _entry(path, _piece(path))
        rows = _read(path, None).num_rows
    except (_Unusable, OSError) as error:
        return str(error)
    return None if rows == entry.rows else f"damaged: {rows} rows instead of {entry.rows}"


def _piece(path: Path) -> Slice:
    """The slice whose place a path is."""
    values = dict(part.partition("=")[::2] for part in path.parts[-len(_LEVELS) - 1 : -1])
    if tuple(values) != _LEVELS or path.name != _FILE:
        raise _Unusable("foreign: no file of the store")
    try:
        day = date.fromisoformat(values["date"])
    except ValueError:
        raise _Unusable("foreign: its folder names no day") from None
    segment = None if values["segment"] == _NO_SEGMENT else values["segment"]
    source = values["source"].replace("%3A", ":")
    profile_id, record_type = values["profile_id"], values["record_type"]
    return Slice(source, profile_id, record_type, segment, values["tactic"], day)


def _folders(piece: Slice) -> list[str]:
    facts = _request(piece) | {"source": _folder_name(piece.source)}
    return [f"{level}={facts[level] or _NO_SEGMENT}" for level in _LEVELS]


def _folder_name(source: str) -> str:
    """A host:port as a folder; on Windows, where names hold no colon, as URLs write it."""
    return source.replace(":", "%3A") if os.name == "nt" else source


def _request(piece: Slice) -> dict[str, str | None]:
    return {
        "source": piece.source,
        "profile_id": piece.profile_id,
        "record_type": piece.record_type,
        "segment": piece.segment,
        "tactic": piece.tactic,
        "date": piece.date.isoformat(),
    }


def _common(entries: Sequence[Entry], query: ReportQuery) -> tuple[str, ...]:
    """The columns that all these have, identity first."""
    if not entries:
        return query.columns
    return tuple(c for c in entries[0].columns if all(c in e.columns for e in entries))


def _refuse_narrow(entries: Iterable[Entry], columns: Sequence[str]) -> None:
    for entry in entries:
        lacking = [column for column in columns if column not in entry.columns]
        if lacking:
            raise InvalidRequest(
                f"{entry.piece} is stored without {', '.join(lacking)}; "
                "fetch_report with these metrics adds them"
            )


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """A file to write beside `path`, which takes its place once it is whole and on disk."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            _sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"cannot write {path}: {error.strerror or error}; what was there before is untouched. "
            "Make room or choose another place with cache= or SDANALYTICS_CACHE_DIR"
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where folders can be synced."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _default_path() -> Path:
    import platformdirs

    return platformdirs.user_data_path("sdanalytics", appauthor=False)
