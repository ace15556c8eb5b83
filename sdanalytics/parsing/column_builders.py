"""Rows to the columns of a table, which grow as rows come.

A column is one stretch of memory from the beginning: nothing is copied when a table is made
of it, nor when a frame is made of the table.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from sdanalytics.model.dtypes import arrow_schema, column_kind, validity_mask
from sdanalytics.model.metrics import ColumnKind
from sdanalytics.parsing.row_decoder import MISSING, Rows, raise_invalid_value

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
# Bytes of text that are looked at together.
_TOGETHER: Final = 1 << 16
# Bytes of text, after which another array is begun: one can hold twice as many.
_LONG_TEXT: Final = 2**30


class TableBuilder:
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


class _Numbers:
    """A column of int64 or float64.

    Where it has none, a number stands for that until all rows are there: NaN, which JSON does
    not have, or `MISSING`.
    """

    def __init__(self, name: str, kind: ColumnKind) -> None:
        self._name, self._is_whole = name, kind.is_integer
        self._missing = MISSING if kind.is_integer else math.nan
        self._code, self._type = ("q", pa.int64()) if kind.is_integer else ("d", pa.float64())
        self._values = np.empty(0, self._code)
        self._length = 0

    def expect(self, rows: int) -> None:
        """Move to where there is room: memory that grows bit by bit leaves holes behind."""
        if rows > len(self._values):
            values, self._values = self._values, np.empty(rows, self._code)
            self._values[: self._length] = values[: self._length]

    def add(self, values: Sequence[Any], rows_before: int) -> None:
        self._grow(len(values))
        try:
            self._put(values)
        except struct.error:
            self._put_others(values, rows_before)
        self._length += len(values)

    def _put(self, values: Sequence[Any]) -> None:
        _packer(self._code, len(values))(self._values, 8 * self._length, *values)

    def _put_others(self, values: Sequence[Any], rows_before: int) -> None:
        """Nulls among them, ids written as text, or what is no int64."""
        values = [self._missing if value is None else value for value in values]
        try:
            self._put(values)
        except struct.error:
            self._put([_whole(v, self._name, rows_before + n) for n, v in enumerate(values)])

    def append(self, values: pa.Array) -> None:
        self._grow(len(values))
        end = self._length + len(values)
        if len(values):
            memory = self._values[self._length : end]
            memory[:] = np.frombuffer(values.buffers()[1], self._code, len(values))
            memory[~validity_mask(values)] = self._missing
        self._length = end

    def _grow(self, more: int) -> None:
        if self._length + more > len(self._values):
            self.expect((self._length + more) * 3 // 2)

    def array(self) -> pa.Array:
        values = self._values[: self._length]
        are_missing = values == MISSING if self._is_whole else np.isnan(values)
        if self._is_whole:
            values[are_missing] = 0
        buffers = [_validity(~are_missing), pa.py_buffer(values)]
        return pa.Array.from_buffers(self._type, self._length, buffers)


class _Texts:
    """A column of text; of more than one array where it is longer than one can be.

    Texts are put together with a NUL behind each, and looked for many at a time: to ask each
    for its length takes three times as long (measured). Arrow takes those that are not in
    ASCII, or have a NUL themselves, or are null.
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
        self._nulls: list[Any] = []

    def add(self, values: Sequence[str | None], rows_before: int) -> None:
        try:
            text = "\0".join(values)  # type: ignore[arg-type]
        except TypeError:  # a null
            is_plain = False
        else:
            is_plain = text.isascii() and text.count("\0") < len(values)
        if not is_plain:
            self.append(pa.array(values, pa.string()))
            return
        self._waiting += text.encode()
        self._waiting += b"\0"
        self._length += len(values)
        if len(self._waiting) > _TOGETHER:
            self._settle()
            self._begin_if_long()

    def append(self, values: pa.Array) -> None:
        self._settle()
        if values.null_count:
            self._nulls.append(self._length + np.flatnonzero(~validity_mask(values)))
        _, ends, text = values.buffers()
        places = np.frombuffer(ends, np.int32, len(values) + 1)
        self._sizes += np.diff(places).tobytes()
        self._text += memoryview(text or b"")[: places[-1]]
        self._length += len(values)
        self._begin_if_long()

    def _begin_if_long(self) -> None:
        if len(self._text) > _LONG_TEXT:
            self._end()

    def _settle(self) -> None:
        """Part the texts that wait from their NULs."""
        if self._waiting:
            nuls = np.flatnonzero(np.frombuffer(self._waiting, np.uint8) == 0)
            self._sizes += (np.diff(nuls, prepend=-1) - 1).astype(np.int32).tobytes()
            self._text += self._waiting.translate(None, b"\0")
            self._waiting = bytearray()

    def _end(self) -> None:
        """Make an array of what there is, and begin another."""
        self._settle()
        ends = np.zeros(self._length + 1, np.int32)
        np.cumsum(np.frombuffer(self._sizes, np.int32), out=ends[1:])
        are_there = np.ones(self._length, np.bool_)
        for places in self._nulls:
            are_there[places] = False
        buffers = [_validity(are_there), pa.py_buffer(ends), pa.py_buffer(self._text)]
        self._full.append(pa.Array.from_buffers(pa.string(), self._length, buffers))
        self._begin()

    def array(self) -> pa.ChunkedArray:
        self._end()
        return pa.chunked_array(self._full, pa.string())


def _validity(are_there: Any) -> pa.Buffer | None:
    """As Arrow has it: a bit for each value, or nothing at all."""
    return None if are_there.all() else pa.py_buffer(np.packbits(are_there, bitorder="little"))


@lru_cache
def _packer(code: str, length: int) -> Callable[..., None]:
    """What puts so many numbers somewhere: `struct` looks for it longer than it works."""
    return struct.Struct(f"{length}{code}").pack_into


def _column(name: str) -> _Numbers | _Texts:
    kind = column_kind(name)
    return _Numbers(name, kind) if kind.is_integer or kind.is_decimal else _Texts()


def _whole(value: int | str, field: str, row: int) -> int:
    """A value of a column of int64; ids are numbers, but some senders write them as text."""
    number = int(value) if not isinstance(value, str) or _WHOLE_NUMBER.fullmatch(value) else None
    if number is not None and -(2**63) <= number < 2**63:
        return number
    what = f"{value[:40]!r} is no id" if isinstance(value, str) else "it is more than 64 bits hold"
    raise_invalid_value(what, row, field)
