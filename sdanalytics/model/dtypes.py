"""A column's type, in Arrow (in the store) and in pandas (in the user's frame)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics.model.metrics import CATALOGUE, TACTICS, UNKNOWN_TACTIC, ColumnKind

if TYPE_CHECKING:
    import pandas as pd


# Categories that a column always has, so that frames of different days can be put together
# and keep their type. Currencies and kinds of targets are too many to list.
_KNOWN_VALUES: Final = {
    "tactic": (*TACTICS, UNKNOWN_TACTIC),
    "costType": ("CPC", "VCPM"),
    "campaignStatus": ("archived", "enabled", "paused"),
    "bidOptimization": ("clicks", "conversions", "reach"),
}


def column_kind(column: str) -> ColumnKind:
    """What a column of a payload holds: one of the catalogue, or the day that version 3 names."""
    return ColumnKind.TEXT if column == "date" else CATALOGUE[column].kind


def arrow_type(column: str) -> pa.DataType:
    """How the store keeps a column: int64, float64 or string."""
    kind = column_kind(column)
    if kind.is_integer:
        return pa.int64()
    return pa.float64() if kind.is_decimal else pa.string()


def arrow_schema(columns: Sequence[str]) -> pa.Schema:
    """The schema of a slice with these columns; every field may be null."""
    return pa.schema([(column, arrow_type(column)) for column in columns])


def table_to_frame(table: pa.Table) -> pd.DataFrame:
    """A table of `date`, `tactic` and the catalogue's columns, as the public frame.

    The frame takes over what memory of the table it can: who gives a table away must not use
    it any more.

    Returns
    -------
    pandas.DataFrame
        `date` as ``datetime64[s]``, ids and counts as ``Int64``, money and ratios as
        ``float64`` (NaN where missing), few-valued text as ``category``, other text as
        ``str``; whatever the data, no rows included. The categories of `tactic`,
        `costType`, `campaignStatus` and `bidOptimization` are all that the service
        documents; those of `currency` and `targetingType` are what occurs.
    """
    import pandas as pd

    parts = dict(zip(table.column_names, table.columns, strict=True))
    del table  # a column is given up as soon as the frame has it
    columns = {name: _column(name, parts.pop(name)) for name in list(parts)}
    return pd.DataFrame(columns, copy=False)


def string_array(values: Iterable[str | None]) -> Any:
    """Values as pandas' own text."""
    import pandas as pd

    return pd.array(list(values), dtype="str")


def _column(name: str, values: pa.ChunkedArray) -> Any:
    import pandas as pd

    if name == "date":
        return values.to_pandas().astype("datetime64[s]").array
    kind = ColumnKind.CATEGORY if name == "tactic" else CATALOGUE[name].kind
    if kind.is_integer or kind.is_decimal:
        return _numbers(_whole(values), "int64" if kind.is_integer else "float64")
    if kind is ColumnKind.TEXT:
        return pd.array(_whole(values.cast(pa.large_string())), dtype="str")
    return _categories(values, _KNOWN_VALUES.get(name, ()))


def _whole(values: pa.ChunkedArray) -> pa.Array:
    """The chunks as one array: the chunk itself if it is the only one."""
    if values.num_chunks == 1:
        return values.chunk(0)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _numbers(values: pa.Array, dtype: str) -> Any:
    """As pandas' own; the memory is that of the array where it may be written to."""
    import pandas as pd

    memory = values.buffers()[1]
    data = np.frombuffer(memory or b"", dtype, len(values), 8 * values.offset)
    if not data.flags.writeable:
        data = data.copy()
    is_null = ~validity_mask(values) if values.null_count else None
    if dtype == "int64":
        mask = np.zeros(len(data), np.bool_) if is_null is None else is_null
        return pd.arrays.IntegerArray(data, mask)
    if is_null is not None:
        data[is_null] = np.nan
    return data


def _categories(values: pa.ChunkedArray, known: Sequence[str]) -> Any:
    """Text with few values: those that are known, whether they occur or not, and what occurs."""
    import pandas as pd

    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    coded = _whole(values.unify_dictionaries())
    names = coded.dictionary.to_pylist()
    categories = sorted({*known, *names})
    # A copy, so that the frame may write to it.
    kind = np.min_scalar_type(-len(categories) - 1)
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(kind)
    if names != categories[: len(names)]:
        places = {name: place for place, name in enumerate(categories)}
        # What is last is no category, as -1 is none.
        codes = np.array([*map(places.__getitem__, names), -1], kind)[codes]
    return pd.Categorical.from_codes(codes, dtype=_categorical(tuple(categories)))


@lru_cache(maxsize=256)
def _categorical(categories: tuple[str, ...]) -> Any:
    """The type of a column with these; to make it takes longer than the column itself."""
    import pandas as pd

    return pd.CategoricalDtype(pd.Index(categories, dtype="str"))


def validity_mask(values: pa.Array) -> Any:
    """Which of an array's values are not null: a numpy array of bool."""
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    bits = np.frombuffer(values.buffers()[0], np.uint8)
    end = values.offset + len(values)
    return np.unpackbits(bits, count=end, bitorder="little")[values.offset :].view(np.bool_)
