"""The encoding of history files: rows that differ little from the row before take little space.

A digest of 16 bytes is followed by an Arrow stream that is compressed as a whole. (As parquet, of
which each column has a header of its own, most files would be three times as large.) Numbers are
stored as the difference of their bits from those of the row before: a value that did not change is
a zero.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.store.layout import InvalidFile

_Bits = np.ndarray[Any, np.dtype[np.int64]]
_COMPRESSION: Final = "zstd"
_COMPRESSION_LEVEL: Final = 7
_DIGEST_SIZE: Final = 16
"""Bytes."""


def is_undamaged(content: bytes) -> bool:
    """Return whether the content of a file is what was written."""
    digest = content[:_DIGEST_SIZE]
    body = content[_DIGEST_SIZE:]
    return digest == _compute_digest(body)


def unpack_table(content: bytes) -> pa.Table:
    """Decode the content of a file; the metadata of the table's schema are those written.

    Raises
    ------
    InvalidFile
        When it is of something else.
    """
    buffer = pa.py_buffer(content)
    body = buffer.slice(_DIGEST_SIZE)
    columns: list[Any] = []
    try:
        with (
            pa.input_stream(body, compression=_COMPRESSION) as stream,
            pa.ipc.open_stream(stream) as reader,
        ):
            encoded = reader.read_all()
        for column in encoded.columns:
            values = _restore_values(column)
            columns.append(values)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidFile(f"foreign: not a history file ({error})") from None
    metadata = encoded.schema.metadata
    return pa.table(columns, encoded.column_names, metadata=metadata)


def pack_table(table: pa.Table) -> bytes:
    """Encode rows of int64, float64 and string columns, and the metadata of their schema."""
    columns: list[Any] = []
    for column in table.columns:
        differences = _take_differences(column)
        columns.append(differences)
    metadata = table.schema.metadata
    encoded = pa.table(columns, table.column_names, metadata=metadata)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, encoded.schema) as writer:
        writer.write_table(encoded)
    codec = pa.Codec(_COMPRESSION, _COMPRESSION_LEVEL)
    uncompressed = stream.getvalue()
    body: bytes = codec.compress(uncompressed, asbytes=True)
    return _compute_digest(body) + body


def _compute_digest(body: bytes) -> bytes:
    digest = hashlib.blake2b(body, digest_size=_DIGEST_SIZE)
    return digest.digest()


def _take_differences(column: pa.ChunkedArray) -> Any:
    """Encode a column; text by the position of its words in a dictionary.

    The differences of a column with a decimal point are those of its bits, in its type.
    """
    if pa.types.is_string(column.type):
        words = pc.dictionary_encode(column)
        return words.combine_chunks()
    values = column
    if column.null_count:
        # Missing values differ by nothing from those before.
        filled = pc.fill_null_forward(column)
        values = pc.fill_null(filled, 0)
    bits = _view_bits(values)
    differences = bits.copy()
    differences[1:] -= bits[:-1]
    return _to_array(differences, column)


def _restore_values(column: pa.ChunkedArray) -> Any:
    """Decode a column that `_take_differences` encoded."""
    if pa.types.is_dictionary(column.type):
        text = column.type.value_type
        return column.cast(text)
    values = pc.fill_null(column, 0)
    differences = _view_bits(values)
    bits = np.cumsum(differences)
    return _to_array(bits, column)


def _view_bits(values: pa.ChunkedArray) -> _Bits:
    numbers = values.to_numpy()
    bits: _Bits = numbers.view(np.int64)
    return bits


def _to_array(bits: _Bits, column: pa.ChunkedArray) -> pa.Array:
    """Return numbers by their bits, in the type of a column, and missing where it is."""
    dtype = column.type.to_pandas_dtype()
    numbers = bits.view(dtype)
    is_missing = None
    if column.null_count:
        nulls = column.is_null()
        is_missing = nulls.to_numpy()
    return pa.array(numbers, column.type, mask=is_missing)
