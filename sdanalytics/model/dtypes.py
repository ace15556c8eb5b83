"""The type of a column, in Arrow (in the store) and in pandas (in the user's frame)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics.model.category_words import spell_word
from sdanalytics.model.metrics import CATALOGUE, EVERY_TACTIC, TACTICS, UNKNOWN_TACTIC, ColumnKind

if TYPE_CHECKING:
    import pandas as pd


_ARROW_TYPES: Final = (pa.int64(), pa.float64(), pa.string())
# Categories that a column always has, so that frames of different days can be concatenated
# and keep their type. Currencies and kinds of targets are too many to list.
_FIXED_CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "costType": ("CPC", "VCPM"),
    "campaignStatus": ("archived", "enabled", "paused"),
    "bidOptimization": ("clicks", "conversions", "reach"),
}


def column_kind(column: str) -> ColumnKind:
    """Return the kind of a column of a payload: of the catalogue, or version 3's `date`."""
    if column == "date":
        return ColumnKind.TEXT
    return CATALOGUE[column].kind


def arrow_type(column: str) -> pa.DataType:
    """Return the type of a column in the store: int64, float64 or string."""
    kind = column_kind(column)
    if kind.is_integer:
        return pa.int64()
    if kind.is_decimal:
        return pa.float64()
    return pa.string()


def is_valid_type(stored: pa.DataType, column: str) -> bool:
    """Return whether a store may have a column in a type.

    Amazon turns counts into amounts of money: what was stored as a count before is that number.
    What a metric that is registered somewhere is stored as is for that process to know.
    """
    metric = CATALOGUE.get(column)
    if metric is None or metric.is_registered:
        return stored in _ARROW_TYPES
    expected = arrow_type(column)
    if stored == expected:
        return True
    is_count_of_money = stored == pa.int64() and expected == pa.float64()
    return bool(is_count_of_money)


def cast_to_catalogue(table: pa.Table) -> pa.Table:
    """Return a table whose columns have the types of the catalogue, as far as it has them.

    Raises
    ------
    pyarrow.ArrowInvalid
        When a value does not fit: a metric was stored as money and is registered as a count.
    """
    for position, field in enumerate(table.schema):
        if field.name not in CATALOGUE:
            continue
        expected = arrow_type(field.name)
        if field.type != expected:
            column = table.column(position)
            values = column.cast(expected)
            table = table.set_column(position, field.name, values)
    return table


def arrow_schema(columns: Sequence[str]) -> pa.Schema:
    """Return the schema of a partition with these columns; every field may be null."""
    fields = [(column, arrow_type(column)) for column in columns]
    return pa.schema(fields)


def table_to_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table of `date`, `tactic` and columns of the catalogue into the public frame.

    The frame takes over the memory of the table as far as possible: the caller must not use
    the table any more.

    Returns
    -------
    pandas.DataFrame
        `date` as ``datetime64[s]``, ids and counts as ``Int64``, money and ratios as
        ``float64`` (NaN where missing), few-valued text as ``category``, other text as
        ``str``; whatever the data, also without rows. The categories of `tactic`,
        `costType`, `campaignStatus` and `bidOptimization` are all that the service
        documents; those of `currency` and `targetingType` are the values that occur. Their
        words have one spelling (`sdanalytics.model.category_words`).
    """
    import pandas as pd

    arrow_columns = dict(zip(table.column_names, table.columns, strict=True))
    names = table.column_names
    tactics: tuple[str, ...] = (EVERY_TACTIC,)
    if "campaignId" in names:
        tactics = (*TACTICS, UNKNOWN_TACTIC)
    fixed_categories = {**_FIXED_CATEGORIES, "tactic": tactics}
    del table  # the memory of a column is released as soon as the frame has it
    columns = {}
    for name in names:
        columns[name] = _to_pandas_array(name, arrow_columns.pop(name), fixed_categories)
    return pd.DataFrame(columns, copy=False)


def string_array(values: Iterable[str | None]) -> Any:
    """Turn texts into an array of pandas' `str`."""
    import pandas as pd

    return pd.array(list(values), dtype="str")


def validity_mask(values: pa.Array) -> Any:
    """Return a numpy array of bool: whether each value is not null."""
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    validity = values.buffers()[0]
    packed_bits = np.frombuffer(validity, np.uint8)
    end = values.offset + len(values)
    bits = np.unpackbits(packed_bits, count=end, bitorder="little")
    return bits[values.offset :].view(np.bool_)


def _to_pandas_array(
    name: str, values: pa.ChunkedArray, fixed_categories: Mapping[str, Sequence[str]]
) -> Any:
    if name == "date":
        dates = values.to_pandas()
        dates = dates.astype("datetime64[s]")
        return dates.array
    if name == "tactic":
        return _categorical_array(name, values, fixed_categories[name])
    kind = CATALOGUE[name].kind
    if kind.is_integer:
        return _integer_array(values)
    if kind.is_decimal:
        return _float_array(values)
    if kind is ColumnKind.TEXT:
        return _text_array(values)
    fixed = fixed_categories.get(name, ())
    return _categorical_array(name, values, fixed)


def _single_chunk(values: pa.ChunkedArray) -> pa.Array:
    """Return the chunks as one array: the chunk itself if it is the only one."""
    if values.num_chunks == 1:
        return values.chunk(0)
    if values.num_chunks:
        return pa.concat_arrays(values.chunks)
    return pa.array([], values.type)


def _integer_array(values: pa.ChunkedArray) -> Any:
    import pandas as pd

    array = _single_chunk(values)
    numbers = _writable_memory(array, "int64")
    is_null = np.zeros(len(array), np.bool_)
    if array.null_count:
        is_null = ~validity_mask(array)
    return pd.arrays.IntegerArray(numbers, is_null)


def _float_array(values: pa.ChunkedArray) -> Any:
    array = _single_chunk(values)
    numbers = _writable_memory(array, "float64")
    if array.null_count:
        is_null = ~validity_mask(array)
        numbers[is_null] = np.nan
    return numbers


def _writable_memory(values: pa.Array, dtype: str) -> Any:
    """Return the memory of an array of numbers; a copy if it may not be written to."""
    _, data = values.buffers()
    numbers = np.frombuffer(
        data or b"",
        dtype,
        count=len(values),
        offset=8 * values.offset,
    )
    if numbers.flags.writeable:
        return numbers
    return numbers.copy()


def _text_array(values: pa.ChunkedArray) -> Any:
    import pandas as pd

    texts = values.cast(pa.large_string())
    array = _single_chunk(texts)
    return pd.array(array, dtype="str")


def _categorical_array(
    column: str, values: pa.ChunkedArray, fixed_categories: Sequence[str]
) -> Any:
    """Return a categorical array; its categories are the fixed ones and the values that occur.

    Words of fixed categories have one spelling, whatever was stored.
    """
    import pandas as pd

    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    unified = values.unify_dictionaries()
    encoded = _single_chunk(unified)
    names = []
    for stored_name in encoded.dictionary.to_pylist():
        name = spell_word(column, stored_name)
        names.append(name)
    categories = sorted({*fixed_categories, *names})
    code_type = np.min_scalar_type(-len(categories) - 1)
    indices = encoded.indices.fill_null(-1)
    numbers = indices.to_numpy(zero_copy_only=False)
    codes = numbers.astype(code_type)  # a copy, so that the frame may write to it
    if names != categories[: len(names)]:
        new_codes = _number_names(names, categories, code_type)
        codes = new_codes[codes]
    dtype = _categorical_dtype(tuple(categories))
    return pd.Categorical.from_codes(codes, dtype=dtype)


def _number_names(names: Sequence[str], categories: Sequence[str], code_type: Any) -> Any:
    """Return the position of each name among the categories, and -1 at the end for nulls."""
    positions = {name: position for position, name in enumerate(categories)}
    codes = [positions[name] for name in names]
    codes.append(-1)  # the index -1 stands for a null, and picks the last one
    return np.array(codes, code_type)


@lru_cache(maxsize=256)
def _categorical_dtype(categories: tuple[str, ...]) -> Any:
    """Return a dtype with these categories; making it takes longer than making the column."""
    import pandas as pd

    index = pd.Index(categories, dtype="str")
    return pd.CategoricalDtype(index)
