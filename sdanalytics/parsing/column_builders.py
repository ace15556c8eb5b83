"""Columns that grow while rows are decoded.

The values of a column are contiguous in memory from the beginning: nothing is copied when a
table is made of it, nor when a frame is made of the table.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from sdanalytics.model.dtypes import column_kind, validity_mask
from sdanalytics.parsing.decode_errors import raise_invalid_value
from sdanalytics.parsing.row_decoder import MISSING

FLUSH_BYTES: Final = 1 << 16
"""Bytes of text that are split into values together."""
MAX_ARRAY_BYTES: Final = 2**30
"""Bytes of text after which another array is begun: one can hold twice as many."""
MIN_INT64: Final = -(2**63)
MAX_INT64: Final = 2**63 - 1
MAX_EXACT_FLOAT: Final = 2.0**53
"""From here on, a number with a point or an exponent is not known exactly."""
_STRING: Final = pa.string()
_INT64_TEXT: Final = re.compile(r"-?[0-9]{1,19}")


def make_column_builder(name: str) -> NumberBuilder | StringBuilder:
    """Make a builder for a column of the catalogue."""
    kind = column_kind(name)
    if kind.is_integer:
        return NumberBuilder(name, is_integer=True)
    if kind.is_decimal:
        return NumberBuilder(name, is_integer=False)
    return StringBuilder()


class _NumberType(NamedTuple):
    """A type of numbers: its letter for `struct` and numpy, and the number for a missing one."""

    code: str
    arrow: pa.DataType
    missing: float


_INT64: Final = _NumberType("q", pa.int64(), MISSING)
_FLOAT64: Final = _NumberType("d", pa.float64(), math.nan)


class NumberBuilder:
    """Builds a column of int64 or float64.

    A number stands for each missing value until all rows are added: NaN, which JSON does not
    have, or `MISSING`.

    Parameters
    ----------
    name : str
    is_integer : bool
        Whether the column is of int64; else it is of float64.
    """

    def __init__(self, name: str, *, is_integer: bool) -> None:
        number_type = _INT64 if is_integer else _FLOAT64
        self._name = name
        self._is_integer = is_integer
        self._arrow_type = number_type.arrow
        self._missing = number_type.missing
        self._code = number_type.code
        self._values = np.empty(0, self._code)
        self._length = 0

    def reserve(self, row_count: int) -> None:
        """Move to larger memory: memory that grows bit by bit leaves holes behind."""
        if row_count > len(self._values):
            larger = np.empty(row_count, self._code)
            used = slice(self._length)
            larger[used] = self._values[used]
            self._values = larger

    def extend_rows(self, values: Sequence[Any], rows_before: int) -> None:
        """Add values as they were decoded; `CorruptReport` when one of them does not fit."""
        count = len(values)
        self._grow(count)
        try:
            self._put(values)
        except struct.error:
            self._put_with_nulls(values, rows_before)
        self._length += count

    def extend_arrow(self, values: pa.Array) -> None:
        """Add the values of an array of the same type."""
        if not len(values):
            return
        count = len(values)
        self._grow(count)
        end = self._length + count
        memory = self._values[self._length : end]
        _, data = values.buffers()
        numbers = np.frombuffer(data, self._code, count)
        memory[:] = numbers
        is_missing = ~validity_mask(values)
        memory[is_missing] = self._missing
        self._length = end

    def finish(self) -> pa.Array:
        """Return the column; no values can be added any more."""
        values = self._values[: self._length]
        if self._is_integer:
            is_valid = values != MISSING
            values[~is_valid] = 0
        else:
            is_valid = ~np.isnan(values)
        buffers = [
            _validity_bitmap(is_valid),
            pa.py_buffer(values),
        ]
        return pa.Array.from_buffers(self._arrow_type, self._length, buffers)

    def _put(self, values: Sequence[Any]) -> None:
        pack_into = _struct_packer(self._code, len(values))
        offset = 8 * self._length
        pack_into(self._values, offset, *values)

    def _put_with_nulls(self, values: Sequence[Any], rows_before: int) -> None:
        """Put values that may include nulls, other spellings of integers, or what fits none."""
        missing = self._missing
        values = [missing if value is None else value for value in values]
        try:
            self._put(values)
        except struct.error:
            integers = []
            for row, value in enumerate(values, rows_before):
                integer = _to_int64(value, self._name, row)
                integers.append(integer)
            self._put(integers)

    def _grow(self, count: int) -> None:
        row_count = self._length + count
        if row_count > len(self._values):
            self.reserve(row_count * 3 // 2)


class StringBuilder:
    """Builds a column of text, in several arrays if it is too long for one.

    Texts are joined with a NUL behind each, and split many at a time: to get the length of each
    in Python takes three times as long (measured). Arrow takes those that are not in ASCII, or
    have a NUL themselves, or are null.
    """

    def __init__(self) -> None:
        self._arrays: list[pa.Array] = []
        self._begin_array()

    def reserve(self, row_count: int) -> None:
        """Do nothing: texts are of any length."""

    def extend_rows(self, values: Sequence[str | None], rows_before: int) -> None:
        """Add values as they were decoded."""
        joined = _join_plain_texts(values)
        if joined is None:
            array = pa.array(values, _STRING)
            self.extend_arrow(array)
            return
        self._pending += joined.encode()
        self._pending += b"\0"
        self._length += len(values)
        if len(self._pending) > FLUSH_BYTES:
            self._flush()
            self._begin_array_if_full()

    def extend_arrow(self, values: pa.Array) -> None:
        """Add the values of an array of strings."""
        self._flush()
        if values.null_count:
            is_null = ~validity_mask(values)
            positions = self._length + np.flatnonzero(is_null)
            self._null_positions.append(positions)
        _, offset_buffer, text_buffer = values.buffers()
        count = len(values)
        offset_count = count + 1
        offsets = np.frombuffer(offset_buffer, np.int32, offset_count)
        sizes = np.diff(offsets)
        self._sizes += sizes.tobytes()
        text = memoryview(text_buffer or b"")
        self._text += text[: offsets[-1]]
        self._length += count
        self._begin_array_if_full()

    def finish(self) -> pa.ChunkedArray:
        """Return the column; no values can be added any more."""
        self._finish_array()
        return pa.chunked_array(self._arrays, _STRING)

    def _begin_array(self) -> None:
        self._length = 0
        self._pending = bytearray()
        self._sizes = bytearray()
        self._text = bytearray()
        self._null_positions: list[Any] = []

    def _begin_array_if_full(self) -> None:
        if len(self._text) > MAX_ARRAY_BYTES:
            self._finish_array()

    def _flush(self) -> None:
        """Split the pending texts at their NULs."""
        if not self._pending:
            return
        codes = np.frombuffer(self._pending, np.uint8)
        nuls = np.flatnonzero(codes == 0)
        distances = np.diff(nuls, prepend=-1)
        sizes = (distances - 1).astype(np.int32)
        self._sizes += sizes.tobytes()
        self._text += self._pending.translate(None, b"\0")
        self._pending = bytearray()

    def _finish_array(self) -> None:
        """Make an array of the values since the last one, and begin another."""
        self._flush()
        offset_count = self._length + 1
        offsets = np.zeros(offset_count, np.int32)
        sizes = np.frombuffer(self._sizes, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        is_valid = np.ones(self._length, np.bool_)
        for positions in self._null_positions:
            is_valid[positions] = False
        buffers = [
            _validity_bitmap(is_valid),
            pa.py_buffer(offsets),
            pa.py_buffer(self._text),
        ]
        array = pa.Array.from_buffers(_STRING, self._length, buffers)
        self._arrays.append(array)
        self._begin_array()


def _join_plain_texts(values: Sequence[str | None]) -> str | None:
    """Join texts by NULs; None when one of them is null, not in ASCII, or has a NUL itself."""
    try:
        joined = "\0".join(values)  # type: ignore[arg-type]
    except TypeError:  # a null
        return None
    if not joined.isascii():
        return None
    nuls_between = len(values) - 1
    return joined if joined.count("\0") == nuls_between else None


def _validity_bitmap(is_valid: Any) -> pa.Buffer | None:
    """Return Arrow's validity: a bit for each value, or nothing where all are valid."""
    if is_valid.all():
        return None
    bits = np.packbits(is_valid, bitorder="little")
    return pa.py_buffer(bits)


@lru_cache
def _struct_packer(code: str, count: int) -> Callable[..., None]:
    """Return a packer of `count` numbers: a lookup by `struct` takes longer than packing."""
    packer = struct.Struct(f"{count}{code}")
    return packer.pack_into


def _to_int64(value: float | str, field: str, row: int) -> int:
    """Return the integer that a value of a column of int64 means.

    Some senders write ids as text, and counts with a point or an exponent.
    """
    if isinstance(value, int):
        reason = "the number does not fit 64 bits"
    elif isinstance(value, float):
        reason = f"{value!r} is not a whole number below 2**53"
        if not value.is_integer() or abs(value) >= MAX_EXACT_FLOAT:
            raise_invalid_value(reason, row, field)
    else:
        beginning = value[:40]
        reason = f"{beginning!r} is not an id"
        if not _INT64_TEXT.fullmatch(value):
            raise_invalid_value(reason, row, field)
    number = int(value)
    if MIN_INT64 <= number <= MAX_INT64:
        return number
    raise_invalid_value(reason, row, field)
