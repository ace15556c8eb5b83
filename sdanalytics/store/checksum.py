"""The checksum of a table's data: of its values, however they are laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_KINDS: Final = {pa.int64(): "int64", pa.float64(): "float64", pa.string(): "text"}


def table_checksum(table: pa.Table) -> str:
    """32 hexadecimal digits that tell whether data are those that were stored.

    Parameters
    ----------
    table : pyarrow.Table
        Of int64, float64 and string columns.

    Returns
    -------
    str
        The same for the same names, types and values in the same order, whatever the chunks,
        the encoding in a file, or what lies under missing values.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = _KINDS[column.type]
        digest.update(f"{name}:{kind}:{len(column)}:{column.null_count}\n".encode())
        for part in _parts(column, kind):
            digest.update(part)
    return digest.hexdigest()


def _parts(column: pa.ChunkedArray, kind: str) -> Iterator[Any]:
    """A column as bytes: which values there are, if some are missing; then the values."""
    is_text = kind == "text"
    if column.null_count:
        yield np.packbits(column.is_valid().to_numpy())
        column = column.fill_null("" if is_text else 0)
    if is_text:
        yield pc.binary_length(column).to_numpy().astype("<i4", copy=False)
        yield from filter(len, map(_letters, column.chunks))
    else:
        yield column.to_numpy().astype(np.dtype(kind).newbyteorder("<"), copy=False)


def _letters(chunk: pa.Array) -> memoryview:
    """The texts of a chunk one after the other, as they lie in memory."""
    _, offsets, letters = chunk.buffers()
    if not len(chunk) or letters is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, "i4")[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(letters)[ends[0] : ends[-1]]
