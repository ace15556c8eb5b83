"""The checksum of a table's data: of its values, however they are laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_TYPE_NAMES: Final = {
    pa.int64(): "int64",
    pa.float64(): "float64",
    pa.string(): "text",
}


def table_checksum(table: pa.Table) -> str:
    """Compute the checksum of a table, 32 hexadecimal digits.

    Parameters
    ----------
    table : pyarrow.Table
        Of int64, float64 and string columns.

    Returns
    -------
    str
        The same for the same names, types and values in the same order, independent of the chunks,
        the encoding in a file, or the bytes under missing values.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, column in zip(table.column_names, table.columns, strict=True):
        type_name = _TYPE_NAMES[column.type]
        values, nulls = len(column), column.null_count
        header = f"{name}:{type_name}:{values}:{nulls}\n"
        digest.update(header.encode())
        for part in _column_bytes(column, type_name):
            digest.update(part)
    return digest.hexdigest()


def _column_bytes(column: pa.ChunkedArray, type_name: str) -> Iterator[Any]:
    """Yield a column as bytes: which values are missing, if any; then the values."""
    is_text = type_name == "text"
    if column.null_count:
        is_valid = column.is_valid().to_numpy()
        yield np.packbits(is_valid)
        filler = "" if is_text else 0
        column = column.fill_null(filler)
    if is_text:
        yield from _text_column_bytes(column)
    else:
        values = column.to_numpy()
        little_endian = np.dtype(type_name).newbyteorder("<")
        yield values.astype(little_endian, copy=False)


def _text_column_bytes(column: pa.ChunkedArray) -> Iterator[Any]:
    """Yield the lengths of all strings, then the strings."""
    lengths = pc.binary_length(column).to_numpy()
    yield lengths.astype("<i4", copy=False)
    for chunk in column.chunks:
        text = _string_bytes(chunk)
        if len(text):
            yield text


def _string_bytes(chunk: pa.Array) -> memoryview:
    """Return the strings of a chunk one after the other, as they lie in memory."""
    _, offsets, data = chunk.buffers()
    if not len(chunk) or data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, "i4")
    first = chunk.offset
    last = first + len(chunk)
    start, end = ends[first], ends[last]
    return memoryview(data)[start:end]
