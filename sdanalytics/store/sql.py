"""SQL on a store, by DuckDB: a view for each report (`sdanalytics.store.report_dataset`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import InvalidRequest, MissingDependency
from sdanalytics.model.metrics import MATCHED_TARGET, RECORD_TYPES, segmented_record_types
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.campaign_table import CAMPAIGN_TABLE, CampaignTable, StoredCampaigns
from sdanalytics.store.report_dataset import READ_THREADS, ReportDataset

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_READ_ONLY_STATEMENTS: Final = ("SELECT", "EXPLAIN", "MULTI")
"""DuckDB's types of statements that only read; `pivot` is several of them (``MULTI``)."""
# Files are read through the views alone, and none is written; no variable of Python is a table;
# and no query can change that.
_SANDBOX_SETTINGS: Final = (
    "set python_enable_replacements = false",
    "set temp_directory = ''",
    "set enable_progress_bar = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


class View(NamedTuple):
    """The report behind a view. Segments have views of their own: else sums would count twice."""

    record_type: str
    segment: str | None


def _name_views() -> dict[str, View]:
    views: dict[str, View] = {}
    for record_type in RECORD_TYPES:
        views[record_type] = View(record_type, None)
    for record_type in segmented_record_types():
        name = f"{record_type}_{MATCHED_TARGET}"
        views[name] = View(record_type, MATCHED_TARGET)
    return views


VIEWS: Final = _name_views()
"""The views of a store, by name."""


def run_query(storage: Storage, query: object, parameters: object = None) -> pd.DataFrame:
    """Run a query on a store and return its result; see `ReportCache.sql`."""
    duckdb = _import_duckdb()
    if not isinstance(query, str) or has_lone_surrogate(query):
        raise InvalidRequest(f"query must be a string, of complete characters, got {query!r}")
    values = _to_duckdb_params(parameters)
    with ThreadPoolExecutor(READ_THREADS) as pool, duckdb.connect() as connection:
        datasets = _register_views(connection, storage, pool)
        for setting in _SANDBOX_SETTINGS:
            connection.execute(setting)
        try:
            _validate_statement(connection, query)
            fetch = partial(_fetch_table, connection, query, values)
            table = _run_interruptible(connection, fetch)
        except duckdb.Error as error:
            failure = _first_failure(datasets)
            if failure is None:
                failure = InvalidRequest(f"DuckDB: {error}")
            raise failure from None
    return _to_frame(table)


def _import_duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependency.for_module("duckdb", "ReportCache.sql") from error
    return duckdb


def _to_duckdb_params(parameters: object) -> Any:
    """Convert the parameters of a query to values that DuckDB takes.

    Raises
    ------
    InvalidRequest
        When they are neither a list nor a dict.
    """
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {name: _to_duckdb_value(value) for name, value in parameters.items()}
    if isinstance(parameters, list | tuple):
        return [_to_duckdb_value(value) for value in parameters]
    raise InvalidRequest(
        "parameters must be a list with a value for each ?, or a dict with one for each $name of "
        f"the query, got {parameters!r}"
    )


def _to_duckdb_value(value: object) -> object:
    """Convert numbers of NumPy to those of Python, and midnights to days."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, datetime) and value.tzinfo is None:
        is_midnight = value.time() == time.min
        if is_midnight:
            # Compared with a time, DuckDB would convert the day of each row, and read all files.
            return value.date()
    return value


def _register_views(
    connection: Any, storage: Storage, pool: ThreadPoolExecutor
) -> list[ReportDataset | CampaignTable]:
    campaigns = StoredCampaigns(storage)
    datasets: dict[str, ReportDataset | CampaignTable] = {CAMPAIGN_TABLE: CampaignTable(storage)}
    for name, view in VIEWS.items():
        datasets[name] = ReportDataset(storage, view.record_type, view.segment, pool, campaigns)
    for name, dataset in datasets.items():
        connection.register(name, dataset)
    return list(datasets.values())


def _validate_statement(connection: Any, query: str) -> None:
    """Raise `InvalidRequest` unless a query is one statement that only reads."""
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise InvalidRequest(f"query must be one statement, got {len(statements)}")
    kind = statements[0].type.name
    if kind not in _READ_ONLY_STATEMENTS:
        raise InvalidRequest(
            f"query must only read, got a statement of type {kind}: begin it with select"
        )


def _fetch_table(connection: Any, query: str, parameters: Any) -> pa.Table:
    return connection.sql(query, params=parameters).to_arrow_table()


def _run_interruptible(connection: Any, fn: Callable[[], T]) -> T:
    """Run a function on a connection so that Ctrl-C ends it: DuckDB itself ignores Ctrl-C."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(fn)
        try:
            while not future.done():
                wait([future], MAX_BLOCKING_WAIT)
            return future.result()
        finally:
            while not future.done():  # again, since an interrupt before it begins is lost
                connection.interrupt()
                wait([future], MAX_BLOCKING_WAIT)


def _first_failure(datasets: Iterable[ReportDataset | CampaignTable]) -> Exception | None:
    """Return the error of the store that made a query fail, if one did."""
    for dataset in datasets:
        if dataset.failure is not None:
            return dataset.failure
    return None


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert a result to a frame; as in the query, two columns may have the same name."""
    import pandas as pd

    columns: dict[int, Any] = {}
    for position, values in enumerate(table.columns):
        field = table.field(position)
        columns[position] = _to_pandas(field, values)
    frame = pd.DataFrame(columns, copy=False)
    return frame.set_axis(table.column_names, axis="columns")


def _to_pandas(field: pa.Field, values: pa.ChunkedArray) -> Any:
    """Convert a column to the dtype of fetched frames; without one, as Arrow does."""
    import pandas as pd

    types = pa.types
    kind = field.type
    if _is_whole_number(kind):
        integers = _safe_cast(field, values, pa.int64(), "cast it to double")
        return integers.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    if types.is_decimal(kind) or types.is_floating(kind):
        floats = values.cast(pa.float64())
        return floats.to_numpy()
    if _is_day_or_local_time(kind):
        seconds = pa.timestamp("s")
        times = _safe_cast(field, values, seconds, "use date_trunc('second', ...)")
        return times.to_pandas()
    if types.is_boolean(kind):
        return values.to_pandas(types_mapper=lambda _: pd.BooleanDtype())
    if types.is_string(kind) or types.is_dictionary(kind):
        texts = values.cast(pa.string())
        return pd.array(texts, dtype="str")
    return values.to_pandas()


def _is_whole_number(kind: pa.DataType) -> bool:
    if pa.types.is_decimal(kind):
        is_whole: bool = kind.scale == 0
        return is_whole
    return bool(pa.types.is_integer(kind))


def _is_day_or_local_time(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return bool(pa.types.is_date(kind))


def _safe_cast(field: pa.Field, values: pa.ChunkedArray, kind: pa.DataType, advice: str) -> Any:
    """Cast a column, or raise `InvalidRequest` when a value does not fit."""
    try:
        return values.cast(kind)
    except pa.ArrowInvalid as error:
        reason = f"the column {field.name} does not fit {kind}"
        raise InvalidRequest(f"{reason}: {advice} ({error})") from None
