"""The checksum of a table's data: of its values, however they are laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_TYPE_NAMES: Final = {pa.int64(): "int64", pa.float64(): "float64", pa.string(): "text"}


def table_checksum(table: pa.Table) -> str:
    """Compute the checksum of a table, 32 hexadecimal digits.

    Parameters
    ----------
    table : pyarrow.Table
        Of int64, float64 and string columns.

    Returns
    -------
    str
        The same for the same names, types and values in the same order, whatever the chunks,
        the encoding in a file, or the bytes under missing values.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, column in zip(table.column_names, table.columns, strict=True):
        type_name = _TYPE_NAMES[column.type]
        header = f"{name}:{type_name}:{len(column)}:{column.null_count}\n"
        digest.update(header.encode())
        for part in _column_bytes(column, type_name):
            digest.update(part)
    return digest.hexdigest()


def _column_bytes(column: pa.ChunkedArray, type_name: str) -> Iterator[Any]:
    """Yield a column as bytes: which values are present, if some are missing; then the values."""
    is_text = type_name == "text"
    if column.null_count:
        yield np.packbits(column.is_valid().to_numpy())
        column = column.fill_null("" if is_text else 0)
    if is_text:
        yield pc.binary_length(column).to_numpy().astype("<i4", copy=False)
        for chunk in column.chunks:
            text = _string_bytes(chunk)
            if len(text):
                yield text
    else:
        little_endian = np.dtype(type_name).newbyteorder("<")
        yield column.to_numpy().astype(little_endian, copy=False)


def _string_bytes(chunk: pa.Array) -> memoryview:
    """Return the strings of a chunk one after the other, as they lie in memory."""
    _, offsets, data = chunk.buffers()
    if not len(chunk) or data is None:
        return memoryview(b"")
    all_ends = np.frombuffer(offsets, "i4")
    ends = all_ends[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(data)[ends[0] : ends[-1]]
