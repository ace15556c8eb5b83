"""Rows to the columns of a table, which grow as rows come.

A column is one stretch of memory from the beginning: nothing is copied when a table is made
of it, nor when a frame is made of the table.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from sdanalytics.metrics import Kind
from sdanalytics.rows import Rows, refuse_value
from sdanalytics.schema import arrow_schema, kind_of

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
# Bytes of text, after which another array is begun: one can hold twice as many.
_LONG_TEXT: Final = 2**30


class Columns:
    """Columns of the catalogue, to which rows are added.

    Parameters
    ----------
    names : sequence of str
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._schema = arrow_schema(names)
        self._columns = {name: _column(name) for name in names}
        self._length = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the rows are counted as: 8 for each value."""
        return 8 * self._length * len(self._columns)

    def add(self, rows: Rows | pa.Table) -> None:
        """Add rows as they were decoded, or those that another process has made a table of.

        `CorruptReport` where an id is none.
        """
        if isinstance(rows, pa.Table):
            self._add_table(rows)
        elif rows:
            self._add_rows(rows)
        self._length += len(rows)

    def _add_rows(self, rows: Rows) -> None:
        values = zip(*map(msgspec.structs.astuple, rows), strict=True)
        for name, column in zip(rows[0].__struct_fields__, values, strict=True):
            self._columns[name].add(column, self._length)

    def _add_table(self, table: pa.Table) -> None:
        for name, column in self._columns.items():
            for array in table.column(name).chunks:
                column.append(array)

    def table(self) -> pa.Table:
        """What has been added; nothing can be, any more."""
        arrays = [column.array() for column in self._columns.values()]
        return pa.table(arrays, schema=self._schema)


class _Nulls:
    """Where a column has none, stretch by stretch: most have none anywhere."""

    def __init__(self) -> None:
        self._stretches: list[tuple[int, Any]] = []

    def add(self, start: int, values: Sequence[Any]) -> None:
        self._stretches.append((start, [value is not None for value in values]))

    def add_array(self, start: int, array: pa.Array) -> None:
        if array.null_count:
            self._stretches.append((start, array.is_valid().to_numpy(zero_copy_only=False)))

    def validity(self, length: int) -> pa.Buffer | None:
        if not self._stretches:
            return None
        is_valid = np.ones(length, np.bool_)
        for start, stretch in self._stretches:
            is_valid[start : start + len(stretch)] = stretch
        return pa.py_buffer(np.packbits(is_valid, bitorder="little"))


class _Numbers:
    """A column of int64 or float64."""

    def __init__(self, name: str, kind: Kind) -> None:
        self._name, self._is_id = name, kind is Kind.ID
        self._code, self._type = ("q", pa.int64()) if kind.is_integer else ("d", pa.float64())
        self._values = bytearray()
        self._nulls = _Nulls()

    def __len__(self) -> int:
        return len(self._values) // 8

    def add(self, values: Sequence[Any], rows_before: int) -> None:
        try:
            self._values += _packer(self._code, len(values))(*values)
        except struct.error:  # a null, or an id written as text
            if self._is_id:
                values = [_id(v, self._name, rows_before + n) for n, v in enumerate(values)]
            self._nulls.add(len(self), values)
            numbers = [0 if value is None else value for value in values]
            self._values += _packer(self._code, len(values))(*numbers)

    def append(self, array: pa.Array) -> None:
        self._nulls.add_array(len(self), array)
        self._values += memoryview(array.buffers()[1])[: 8 * len(array)]

    def array(self) -> pa.Array:
        buffers = [self._nulls.validity(len(self)), pa.py_buffer(self._values)]
        return pa.Array.from_buffers(self._type, len(self), buffers)


class _Texts:
    """A column of text; of more than one array where it is longer than one can be."""

    def __init__(self) -> None:
        self._full: list[pa.Array] = []
        self._begin()

    def _begin(self) -> None:
        self._sizes = bytearray()
        self._text = bytearray()
        self._nulls = _Nulls()

    def __len__(self) -> int:
        return len(self._sizes) // 4

    def add(self, values: Sequence[str | None], rows_before: int) -> None:
        try:
            text = "".join(values)  # type: ignore[arg-type]
            texts: Sequence[str] = values  # type: ignore[assignment]
        except TypeError:  # a null
            texts = [value or "" for value in values]
            text = "".join(texts)
            self._nulls.add(len(self), values)
        sizes = map(len, texts if text.isascii() else map(str.encode, texts))
        self._add(_packer("i", len(values))(*sizes), text.encode())

    def append(self, array: pa.Array) -> None:
        _, ends, text = array.buffers()
        places = np.frombuffer(ends, np.int32, len(array) + 1)
        self._nulls.add_array(len(self), array)
        self._add(np.diff(places).tobytes(), memoryview(text or b"")[: places[-1]])

    def _add(self, sizes: bytes, text: bytes | memoryview) -> None:
        self._sizes += sizes
        self._text += text
        if len(self._text) > _LONG_TEXT:
            self._full.append(self._array())
            self._begin()

    def _array(self) -> pa.Array:
        ends = np.zeros(len(self) + 1, np.int32)
        np.cumsum(np.frombuffer(self._sizes, np.int32), out=ends[1:])
        validity = self._nulls.validity(len(self))
        buffers = [validity, pa.py_buffer(ends), pa.py_buffer(self._text)]
        return pa.Array.from_buffers(pa.string(), len(self), buffers)

    def array(self) -> pa.ChunkedArray:
        return pa.chunked_array([*self._full, self._array()], pa.string())


@lru_cache
def _packer(code: str, length: int) -> Callable[..., bytes]:
    """What makes so many numbers bytes: `struct.pack` looks for it longer than it works."""
    return struct.Struct(f"{length}{code}").pack


def _column(name: str) -> _Numbers | _Texts:
    kind = kind_of(name)
    return _Numbers(name, kind) if kind.is_integer or kind.is_decimal else _Texts()


def _id(value: int | str | None, field: str, row: int) -> int | None:
    """Ids are numbers, but some senders write them as text."""
    if not isinstance(value, str):
        return value
    if _WHOLE_NUMBER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return int(value)
    refuse_value(f"{value[:40]!r} is no id", row, field)
