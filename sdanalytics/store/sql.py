"""SQL on the store, by DuckDB: each report a view, of which only what matters is read.

A view has the columns that the catalogue gives its report, whatever is stored; what a day's file
lacks is missing there. Files are looked for once DuckDB has said what it filters by, folder by
folder: those of other days, tactics, profiles and sources are not even listed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import date, datetime, time
from functools import cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pf

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics.errors import CacheError, InvalidRequest, NotConfigured
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    RECORD_TYPES,
    available_metrics,
    identity_columns,
    segmented_record_types,
    sort_by_catalogue,
)
from sdanalytics.model.partition import PARTITION_KEYS, Partition
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compaction import CompactedMonths
from sdanalytics.store.layout import (
    REPORT_FILENAME,
    REPORTS,
    InvalidFile,
    MonthKey,
    decode_source,
    list_hive_values,
    parse_partition_path,
    partition_path,
)
from sdanalytics.store.parquet_file import PartitionFiles, read_columns
from sdanalytics.store.reader import PartitionReader, load_many_from

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
R = TypeVar("R")

VIEWS: Final[dict[str, tuple[str, str | None]]] = {
    **{name: (name, None) for name in RECORD_TYPES},
    **{f"{name}_{MATCHED_TARGET}": (name, MATCHED_TARGET) for name in segmented_record_types()},
}
"""The report of each view. A view of its own for segments: together, sums would count twice."""
_PLACE: Final = pa.schema(
    [(level, pa.date32() if level == "date" else pa.string()) for level in PARTITION_KEYS]
)
_NAMED_BY_THE_VIEW: Final = ("record_type", "segment")
_GIVES_ROWS: Final = ("SELECT", "EXPLAIN", "MULTI")
"""Kinds of statements that only read; `pivot` is several of them."""
# No file is read or written but through the views, no variable of Python's is a table, and no
# query can change that.
_LOCKED: Final = (
    "set python_enable_replacements = false",
    "set temp_directory = ''",
    "set enable_external_access = false",
    "set lock_configuration = true",
)
_THREADS: Final = 4
"""That read files. Half of their time is Arrow's, which needs no Python."""
_FORMAT: Final = ds.ParquetFileFormat()
_NOWHERE: Final = pf.LocalFileSystem()


def run_query(storage: Storage, query: object, parameters: object = None) -> pd.DataFrame:
    """What a query gives on the store that is kept there; see `ReportCache.sql`."""
    duckdb = _duckdb()
    if not isinstance(query, str):
        raise InvalidRequest(f"a query is text, not {query!r}")
    values = _plain(parameters)
    with ThreadPoolExecutor(_THREADS) as pool, duckdb.connect() as connection:
        views = {name: ReportDataset(storage, *report, pool) for name, report in VIEWS.items()}
        for name, view in views.items():
            connection.register(name, view)
        for setting in _LOCKED:
            connection.execute(setting)
        try:
            _check_reads(connection, query)
            table = _interruptible(connection, lambda: _rows(connection, query, values))
        except duckdb.Error as error:
            raise _failure(views.values()) or InvalidRequest(f"DuckDB: {error}") from None
    return _frame(table)


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise NotConfigured("DuckDB is missing: pip install 'sdanalytics[sql]'") from error
    return duckdb


def _plain(parameters: object) -> Any:
    """Parameters as DuckDB takes them: numbers as those of Python, midnights as days."""
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {name: _plain_value(value) for name, value in parameters.items()}
    if isinstance(parameters, list | tuple):
        return [_plain_value(value) for value in parameters]
    raise InvalidRequest(
        f"parameters={parameters!r}: pass a list for each ?, or a dict for each $name of the query"
    )


def _plain_value(value: object) -> object:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time.min:
        return value.date()  # compared with moments, days are not looked up but converted
    return value


def _check_reads(connection: Any, query: str) -> None:
    """Raise `InvalidRequest` for what is not one statement that gives rows."""
    kinds = [statement.type.name for statement in connection.extract_statements(query)]
    if len(kinds) != 1:
        raise InvalidRequest(f"there are {len(kinds)} statements; a query is one")
    if kinds[0] not in _GIVES_ROWS:
        raise InvalidRequest(f"{kinds[0]}: the store is only read here; a query begins with select")


def _rows(connection: Any, query: str, parameters: Any) -> pa.Table:
    return connection.sql(query, params=parameters).to_arrow_table()


def _interruptible(connection: Any, work: Callable[[], T]) -> T:
    """What some work on a connection gives; Ctrl-C ends it, to which DuckDB itself is deaf."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            while not future.done():
                wait([future], MAX_BLOCKING_WAIT)
            return future.result()
        finally:
            while not future.done():  # an interrupt is lost on what has not begun
                connection.interrupt()
                wait([future], MAX_BLOCKING_WAIT)


def _failure(views: Iterable[ReportDataset]) -> Exception | None:
    """What went wrong in the store, of which DuckDB has only the words."""
    return next((view.failure for view in views if view.failure), None)


class ReportDataset(ds.InMemoryDataset):  # type: ignore[misc]
    """A report of a store as a dataset whose rows are looked for when it is scanned.

    Attributes
    ----------
    failure : Exception or None
        What went wrong in the store while it was scanned.
    """

    def __init__(
        self, storage: Storage, record_type: str, segment: str | None, pool: Executor
    ) -> None:
        columns = view_schema(record_type, segment)
        super().__init__(columns.empty_table())
        self.failure: Exception | None = None
        self._storage = storage
        self._pool = pool
        self._columns = columns
        self._is_theirs = (pc.field("record_type") == record_type) & (
            pc.field("segment") == (segment or "none")
        )

    def scanner(
        self, columns: Sequence[str] | None = None, filter: Any = None, **options: Any
    ) -> Any:
        """The rows that pass a filter: DuckDB asks for them by this method of datasets."""
        read = self._columns
        if columns is not None:
            # What a filter is of, it names; a value that reads like a column costs no more
            # than reading that.
            named = [name for name in read.names if name in columns or name in str(filter)]
            read = pa.schema([read.field(name) for name in named])
        batches = self._noted(self._batches(read, filter))
        return ds.Scanner.from_batches(batches, schema=read, columns=columns, filter=filter)

    def _batches(self, columns: pa.Schema, where: Any) -> Iterator[pa.RecordBatch]:
        where = self._is_theirs if where is None else self._is_theirs & where
        partitions = matching_partitions(
            self._storage, pa.unify_schemas([_PLACE, self._columns]), where
        )
        months = (list(some) for _, some in groupby(partitions, MonthKey.from_partition))
        for batches in _ahead(self._pool, partial(read_batches, self._storage, columns), months):
            yield from batches

    def _noted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            self.failure = error
            raise


@cache
def view_schema(record_type: str, segment: str | None) -> pa.Schema:
    """The columns of a view: whose and which day, the identity columns, then all metrics."""
    first = identity_columns(record_type, segment)
    others = [
        name for name in available_metrics(record_type, segment, api=None) if name not in first
    ]
    place = [field for field in _PLACE if field.name not in _NAMED_BY_THE_VIEW]
    return pa.schema([*place, *arrow_schema([*first, *sort_by_catalogue(others)])])


def matching_partitions(storage: Storage, columns: pa.Schema, where: Any) -> Iterator[Partition]:
    """The slices in whose place there may be rows that pass a filter.

    Parameters
    ----------
    storage : Storage
    columns : pyarrow.Schema
        All that the filter may be of, the levels of folders among them.
    where : pyarrow.compute.Expression
    """
    for folder in _folders(storage, REPORTS, PARTITION_KEYS, columns, where, pc.scalar(True)):
        with suppress(InvalidFile):
            yield parse_partition_path(f"{folder}/{REPORT_FILENAME}")


def _folders(
    storage: Storage,
    folder: str,
    levels: Sequence[str],
    columns: pa.Schema,
    where: Any,
    known: Any,
) -> Iterator[str]:
    """The folders of days below one of which that much is known."""
    if not levels:
        yield folder
        return
    level, *deeper = levels
    there = list_hive_values(storage, level, folder)
    told = {name: known & (pc.field(level) == value) for name, value in _values(level, there)}
    # A dataset of files by these names, none of which is ever opened: it tells which can pass.
    fragments = [_FORMAT.make_fragment(name, _NOWHERE, each) for name, each in told.items()]
    every = ds.FileSystemDataset(fragments, columns, _FORMAT, _NOWHERE)
    for fragment in every.get_fragments(where):
        name = fragment.path
        yield from _folders(storage, there[name], deeper, columns, where, told[name])


def _values(level: str, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What the names of folders say, as far as they say anything."""
    for name in names:
        with suppress(ValueError):
            value = date.fromisoformat(name) if level == "date" else decode_source(name)
            yield name, pa.scalar(value, _PLACE.field(level).type)


def read_batches(
    storage: Storage, columns: pa.Schema, partitions: Sequence[Partition]
) -> list[pa.RecordBatch]:
    """The rows of slices with all of these columns: from bound months where they count.

    Raises
    ------
    CacheError
        When what is in the place of one is damaged or foreign.
    """
    # One that all have is read in any case: a table without columns forgets how many rows it has.
    names = [*dict.fromkeys([*columns.names, *identity_columns(partitions[0].record_type)[:1]])]
    bound = partial(CompactedMonths(storage).rows, columns=names)
    own = partial(_own_rows, storage, columns=names)
    there = PartitionReader(storage).stat(partitions)
    tables = load_many_from(there, (), bound, own, threads=1)
    batches: list[pa.RecordBatch] = []
    for partition in partitions:
        if (stored := tables.get(partition)) is not None:
            arrays = [_column(field, partition, stored) for field in columns]
            batches += pa.Table.from_arrays(arrays, schema=columns).to_batches()
    return batches


def _own_rows(storage: Storage, partition: Partition, columns: Sequence[str]) -> pa.Table | None:
    """What the file of a slice has of these columns; None where there is none."""
    try:
        with PartitionFiles(storage).open(partition) as (entry, file):
            return read_columns(file, [name for name in columns if name in entry.columns])
    except FileNotFoundError:
        return None
    except InvalidFile as problem:
        raise CacheError(
            f"{storage.display_name(partition_path(partition))} cannot be read: {problem}. "
            "ReportCache.repair() moves it aside, and fetch_report fetches the day again"
        ) from None


def _column(field: pa.Field, partition: Partition, stored: pa.Table) -> Any:
    if field.name in PARTITION_KEYS:
        value = pa.scalar(getattr(partition, field.name), field.type)
        return pa.repeat(value, stored.num_rows)
    if field.name in stored.column_names:
        return stored.column(field.name)
    return pa.nulls(stored.num_rows, field.type)


def _ahead(pool: Executor, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of some work in the order of the items, a few of them begun ahead."""
    begun: deque[Any] = deque()
    for item in items:
        begun.append(pool.submit(work, item))
        if len(begun) > 2 * _THREADS:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _frame(table: pa.Table) -> pd.DataFrame:
    """A result as a frame; two columns may have one name, as in the query."""
    import pandas as pd

    columns = {place: _typed(table.field(place), each) for place, each in enumerate(table.columns)}
    return pd.DataFrame(columns, copy=False).set_axis(table.column_names, axis="columns")


def _typed(field: pa.Field, values: pa.ChunkedArray) -> Any:
    """A column as frames of the project have it; what they never have, as Arrow gives it."""
    import pandas as pd

    kind = field.type
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and not kind.scale):
        whole = _fitting(field, values, pa.int64(), "cast it to double")
        return whole.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return values.cast(pa.float64()).to_numpy()
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        moments = _fitting(field, values, pa.timestamp("s"), "use date_trunc('second', ...)")
        return moments.to_pandas()
    if pa.types.is_boolean(kind):
        return values.to_pandas(types_mapper=lambda _: pd.BooleanDtype())
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        return pd.array(values.cast(pa.string()), dtype="str")
    return values.to_pandas()


def _fitting(field: pa.Field, values: pa.ChunkedArray, kind: pa.DataType, advice: str) -> Any:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid as error:
        raise InvalidRequest(f"{field.name} does not fit {kind}: {advice} ({error})") from None
