"""Rows to the columns of a table, which grow as rows come.

A column is one stretch of memory from the beginning: nothing is copied when a table is made
of it, nor when a frame is made of the table.
"""

from __future__ import annotations

import re
import struct
from array import array
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
# Bytes of text that are looked at together.
_TOGETHER: Final = 1 << 16
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

    def expect(self, rows: int) -> None:
        """Have room for so many rows, which costs nothing until they come."""
        for column in self._columns.values():
            column.expect(rows)

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
        for batch in table.to_batches():
            for column, values in zip(self._columns.values(), batch.columns, strict=True):
                column.append(values)

    def table(self) -> pa.Table:
        """What has been added; nothing can be, any more."""
        arrays = [column.array() for column in self._columns.values()]
        return pa.table(arrays, schema=self._schema)


class _Nulls:
    """Where a column has none: most have few, or none at all."""

    def __init__(self) -> None:
        self._places = array("q")

    def without(self, start: int, values: Sequence[Any], instead: Any) -> list[Any]:
        """The values from a place on, with something instead of nulls, which are noted."""
        places = [place for place, value in enumerate(values) if value is None]
        filled = list(values)
        for place in places:
            filled[place] = instead
        self._places.extend([start + place for place in places])
        return filled

    def add(self, start: int, values: pa.Array) -> None:
        """Note the nulls of an array that begins at a place."""
        if values.null_count:
            bits = np.frombuffer(values.buffers()[0], np.uint8)
            is_valid = np.unpackbits(bits, count=len(values), bitorder="little")
            self._places.frombytes((start + np.flatnonzero(is_valid == 0)).tobytes())

    def validity(self, length: int) -> pa.Buffer | None:
        """As Arrow has it: a bit for each value, or nothing at all."""
        if not self._places:
            return None
        is_valid = np.ones(length, np.bool_)
        is_valid[np.frombuffer(self._places, np.int64)] = False
        return pa.py_buffer(np.packbits(is_valid, bitorder="little"))


class _Numbers:
    """A column of int64 or float64."""

    def __init__(self, name: str, kind: Kind) -> None:
        self._name, self._is_id = name, kind is Kind.ID
        self._code, self._type = ("q", pa.int64()) if kind.is_integer else ("d", pa.float64())
        self._values = np.empty(0, self._code)
        self._length = 0
        self._nulls = _Nulls()

    def expect(self, rows: int) -> None:
        """Move to where there is room: memory that grows bit by bit leaves holes behind."""
        if rows > len(self._values):
            values, self._values = self._values, np.empty(rows, self._code)
            self._values[: self._length] = values[: self._length]

    def add(self, values: Sequence[Any], rows_before: int) -> None:
        try:
            self._put(values)
        except struct.error:  # a null, or an id written as text
            if self._is_id:
                values = [_id(v, self._name, rows_before + n) for n, v in enumerate(values)]
            self._put(self._nulls.without(self._length, values, 0))
        self._length += len(values)

    def _put(self, values: Sequence[Any]) -> None:
        self._grow(len(values))
        _packer(self._code, len(values))(self._values, 8 * self._length, *values)

    def append(self, values: pa.Array) -> None:
        self._grow(len(values))
        self._nulls.add(self._length, values)
        end = self._length + len(values)
        if len(values):
            memory = np.frombuffer(values.buffers()[1], self._code, len(values))
            self._values[self._length : end] = memory
        self._length = end

    def _grow(self, more: int) -> None:
        if self._length + more > len(self._values):
            self.expect((self._length + more) * 3 // 2)

    def array(self) -> pa.Array:
        memory = pa.py_buffer(self._values[: self._length])
        buffers = [self._nulls.validity(self._length), memory]
        return pa.Array.from_buffers(self._type, self._length, buffers)


class _Texts:
    """A column of text; of more than one array where it is longer than one can be.

    Texts are put together with a NUL behind each, and looked for many at a time: to ask each
    for its length takes three times as long (measured).
    """

    def __init__(self) -> None:
        self._full: list[pa.Array] = []
        self._begin()

    def expect(self, rows: int) -> None:
        """Texts are of any length: nothing to prepare."""

    def _begin(self) -> None:
        self._length = 0
        self._waiting = bytearray()
        self._sizes = bytearray()
        self._text = bytearray()
        self._nulls = _Nulls()

    def add(self, values: Sequence[str | None], rows_before: int) -> None:
        try:
            text = "\0".join(values)  # type: ignore[arg-type]
        except TypeError:  # a null
            values = self._nulls.without(self._length, values, "")
            text = "\0".join(values)
        if text.count("\0") >= len(values):  # one of them has a NUL itself
            self._append(pa.array(values, pa.string()))
            return
        self._waiting += text.encode()
        self._waiting += b"\0"
        self._length += len(values)
        if len(self._waiting) > _TOGETHER:
            self._settle()
            self._begin_if_long()

    def append(self, values: pa.Array) -> None:
        self._nulls.add(self._length, values)
        self._append(values)
        self._begin_if_long()

    def _begin_if_long(self) -> None:
        if len(self._text) > _LONG_TEXT:
            self._full.append(self._array())
            self._begin()

    def _append(self, values: pa.Array) -> None:
        self._settle()
        _, ends, text = values.buffers()
        places = np.frombuffer(ends, np.int32, len(values) + 1)
        self._sizes += np.diff(places).tobytes()
        self._text += memoryview(text or b"")[: places[-1]]
        self._length += len(values)

    def _settle(self) -> None:
        """Part the texts that wait from their NULs."""
        nuls = np.flatnonzero(np.frombuffer(self._waiting, np.uint8) == 0)
        self._sizes += (np.diff(nuls, prepend=-1) - 1).astype(np.int32).tobytes()
        self._text += self._waiting.translate(None, b"\0")
        self._waiting = bytearray()

    def _array(self) -> pa.Array:
        self._settle()
        ends = np.zeros(self._length + 1, np.int32)
        np.cumsum(np.frombuffer(self._sizes, np.int32), out=ends[1:])
        validity = self._nulls.validity(self._length)
        buffers = [validity, pa.py_buffer(ends), pa.py_buffer(self._text)]
        return pa.Array.from_buffers(pa.string(), self._length, buffers)

    def array(self) -> pa.ChunkedArray:
        return pa.chunked_array([*self._full, self._array()], pa.string())


@lru_cache
def _packer(code: str, length: int) -> Callable[..., None]:
    """What puts so many numbers somewhere: `struct` looks for it longer than it works."""
    return struct.Struct(f"{length}{code}").pack_into


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
