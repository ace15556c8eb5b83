"""A downloaded payload, gzip-compressed JSON, to an Arrow table of the right types.

The text is decompressed in small blocks, each cut at the end of a row and decoded strictly
by msgspec: memory stays near the size of the table, and a value that does not fit its type
is an error, never another value.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Annotated, Any, Final, NoReturn, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
from isal import igzip
from isal.igzip_lib import IsalError

from sdanalytics.errors import CorruptReport
from sdanalytics.metrics import Kind
from sdanalytics.names import has_half_a_pair
from sdanalytics.schema import arrow_schema, arrow_type, kind_of

LARGEST: Final = 8 << 30
"""Bytes that a report may hold, as text and as a table: a million rows of 40 fields are 1.2 GB
of text, so that this is some seven million rows."""

# 256 KB stay in the processor's cache while they are unpacked, decoded and turned into
# columns: half the time of blocks of several MB (measured, 1M rows).
_BLOCK: Final = 1 << 18
# Three thousand times what a row of 40 fields takes; more is never held.
_LONGEST_ROW: Final = 1 << 22
_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE: Final = b" \t\n\r"

# The end of a row and the beginning of the next. Inside a string its quote could only be
# the closing one, and then be followed by one of `,:}]` or white space.
_BOUNDARY: Final = re.compile(rb'\}[ \t\n\r]*,[ \t\n\r]*\{[ \t\n\r]*"[^,:}\]\s]')

# How many brackets more are open behind a byte than before it.
_STEPS: Final = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1

_Decoder: TypeAlias = msgspec.json.Decoder[list[Any]]
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")


def read_payload(
    payload: bytes,
    columns: Sequence[str],
    largest: int = LARGEST,
    names: Mapping[str, str] = MappingProxyType({}),
) -> pa.Table:
    """The rows of a report, with just these columns.

    Parameters
    ----------
    payload : bytes
        Gzip (one member or several) of a JSON array of objects, in UTF-8. Fields that are
        null or absent become null; fields not among `columns` are passed over; ids may be
        written as text.
    columns : sequence of str
        Names of the catalogue.
    largest : int, optional
        Bytes that the report may hold, unpacked: its text, and its values in the table at 8
        bytes each. A small payload can be made to hold any number (a decompression bomb).
    names : mapping of str to str, optional
        What the payload calls columns that it calls otherwise.

    Returns
    -------
    pyarrow.Table
        Columns in the order given: ids and counts int64, money and ratios float64, text
        string. Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged: not gzip, cut short, a wrong checksum,
        no JSON array in UTF-8, nested deeply; or when it holds more than `largest`. With
        `row` and `field` when a value does not fit its type: a count with decimals, ``true``,
        text for a number, a number for text, NaN, a null row. With `row` when one is longer
        than 4 MiB.
    """
    schema = arrow_schema(columns)
    decoder = msgspec.json.Decoder(list[_row_type(columns, names)])  # type: ignore[misc]
    batches = []
    count = 0
    for rows in _rows(_unpacked(payload, largest), decoder):
        batches.append(_batch(rows, schema, count))
        count += len(rows)
        if 8 * count * len(schema) > largest:
            _refuse_size(payload, largest)
    return pa.Table.from_batches(batches, schema)


def _row_type(columns: Sequence[str], names: Mapping[str, str]) -> type[msgspec.Struct]:
    fields = [(column, _value_type(kind_of(column)), None) for column in columns]
    return msgspec.defstruct("Row", fields, gc=False, rename=dict(names))


def _value_type(kind: Kind) -> Any:
    if kind is Kind.ID:
        return _Int64 | str | None
    if kind is Kind.COUNT:
        return _Int64 | None
    return float | None if kind.is_decimal else str | None


def _unpacked(payload: bytes, largest: int) -> Iterator[bytes]:
    """The text in blocks; checksums, lengths and later members are looked at."""
    if not payload.startswith(_GZIP):
        raise CorruptReport("the payload is not gzip-compressed")
    length = 0
    try:
        with igzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
            while block := file.read(_BLOCK):
                length += len(block)
                if length > largest:
                    _refuse_size(payload, largest)
                yield block
    # Overflow: a header, with the file's name in it, of more than half a MB.
    except (EOFError, OSError, OverflowError, IsalError) as error:  # type: ignore[misc]  # untyped
        raise CorruptReport(f"the payload is damaged: {error}") from None


def _refuse_size(payload: bytes, largest: int) -> NoReturn:
    raise CorruptReport(
        f"the payload's {len(payload):,} bytes hold more than {largest:,} once unpacked. If that "
        "can be, let reports be larger, in bytes: Client(..., largest_report=...)"
    )


def _rows(text: Iterator[bytes], decoder: _Decoder) -> Iterator[list[Any]]:
    """The rows, some at a time.

    Where rows end is guessed, which is fast, until a guess proves wrong: a row may be longer
    than a block, and a field that nobody asked for may hold rows of its own. Whatever is
    wrong with the text itself is found by the sure way, too.
    """
    count = 0
    rest = _beginning(text)
    for block in text:
        end = _last_boundary(rest)
        try:
            rows = _decoded(rest[: end.start() + 1] + b"]", decoder, count) if end else []
        except CorruptReport:
            end = None
        if not end:
            yield from _rows_by_brackets(chain([rest, block], text), decoder, count)
            return
        yield rows
        count += len(rows)
        rest = b"[" + rest[rest.index(b"{", end.start()) :] + block
    yield _decoded(rest, decoder, count)


def _beginning(text: Iterator[bytes]) -> bytes:
    """The first block with more than white space, from its bracket on."""
    first = next(text, b"").removeprefix(_BYTE_ORDER_MARK)
    begun = (block.lstrip(_WHITE) for block in chain([first], text))
    beginning = next(filter(None, begun), b"")
    if not beginning.startswith(b"["):
        raise CorruptReport("the payload is not a JSON array")
    return beginning


def _last_boundary(text: bytes) -> re.Match[bytes] | None:
    """The last end of a row; most often it is near the end of the text."""
    for start in (max(0, len(text) - (1 << 13)), 0):
        ends = deque(_BOUNDARY.finditer(text, start), maxlen=1)
        if ends:
            return ends[0]
    return None


def _rows_by_brackets(text: Iterator[bytes], decoder: _Decoder, count: int) -> Iterator[list[Any]]:
    """The rows, the ends of which the brackets tell: slower, and sure.

    What follows the end of a row, be it `, {...` or `]`, is made an array by an empty row
    before it, which then is left out: a comma too few or too many is found like this.
    """
    brackets = _Brackets()
    held: list[bytes] = []
    empty = 0
    for block in text:
        end = brackets.last_row_end(block)
        if end:
            rows = _decoded(b"".join([*held, block[:end], b"]"]), decoder, count - empty)
            yield rows[empty:]
            count += len(rows) - empty
            held, empty, block = [b"[{}"], 1, block[end:]
        held.append(block)
        if sum(map(len, held)) > _LONGEST_ROW:
            raise CorruptReport(f"row {count} is longer than {_LONGEST_ROW:,} bytes", row=count)
    yield _decoded(b"".join(held), decoder, count - empty)[empty:]


class _Brackets:
    """Follows strings and brackets, block by block, to where rows end."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def last_row_end(self, block: bytes) -> int | None:
        """The place behind the last row that ends in the block, if one does."""
        text = np.frombuffer(self._without_escapes(block), np.uint8)
        in_string = np.logical_xor.accumulate(text == ord('"')) ^ self._in_string
        depth = self._depth + np.cumsum(np.where(in_string, 0, _STEPS[text]), dtype=np.int32)
        ends = np.flatnonzero((text == ord("}")) & (depth == 1) & ~in_string)
        self._in_string, self._depth = bool(in_string[-1]), int(depth[-1])
        return int(ends[-1]) + 1 if len(ends) else None

    def _without_escapes(self, block: bytes) -> bytes:
        """As long as the block, without the quotes that end no string."""
        if self._escaped:
            block = b" " + block[1:]
        block = block.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
        self._escaped = block.endswith(b"\\")
        return block


def _decoded(piece: bytes, decoder: _Decoder, rows_before: int) -> list[Any]:
    """The rows of an array."""
    _check_text(piece)
    try:
        return decoder.decode(piece)
    except RecursionError:
        raise CorruptReport("the payload is nested too deeply for a report") from None
    except msgspec.DecodeError as error:
        _refuse(error, piece, rows_before)


def _check_text(piece: bytes) -> None:
    """Two things that msgspec lets pass.

    The encoding of fields that nobody asked for; and exponents of more than five digits, of
    which it takes five. That makes another number of one with 99,000 digits in a row, some
    of which are looked at here.
    """
    whole = [None, pa.py_buffer(struct.pack("=ii", 0, len(piece))), pa.py_buffer(piece)]
    try:
        pa.Array.from_buffers(pa.string(), 1, whole).validate(full=True)
    except pa.ArrowInvalid:
        raise CorruptReport("the payload's text is not UTF-8") from None
    for place in range(0, len(piece), 1 << 16):
        if not piece[place : place + 4096].strip(b"0123456789"):
            raise CorruptReport("the payload holds a number of thousands of digits")


def _refuse(error: Exception, piece: bytes, rows_before: int) -> NoReturn:
    """Say which value of which row does not fit, or that the text is no JSON at all."""
    if isinstance(error, msgspec.ValidationError):
        complaint, _, path = str(error).partition(" - at ")
        row, _, field = path.strip("`$[").partition("]")
        _refuse_value(complaint, rows_before + int(row), field.strip("."))
    unfit = _find_unfit(piece)
    if unfit:
        row_in_piece, field, complaint = unfit
        _refuse_value(complaint, rows_before + row_in_piece, field)
    raise CorruptReport(f"the payload is not a JSON array: {error}") from None


def _refuse_value(complaint: str, row: int, field: str) -> NoReturn:
    where = f"field {field!r} of row {row}" if field else f"row {row}"
    raise CorruptReport(
        f"{where} does not fit its type: {complaint}. The service sends what it should not: "
        "nothing of this report is kept",
        field=field or None,
        row=row,
    ) from None


class _Constant(str):
    """NaN or Infinity, which JSON does not have but Python's reader accepts."""


def _find_unfit(piece: bytes) -> tuple[int, str, str] | None:
    """Where Python's reader, which takes more than JSON has, finds what makes it no JSON."""
    try:
        rows = json.loads(piece, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return None
    for number, row in enumerate(rows):
        for field, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, _Constant):
                return number, field, f"{value} is no number"
            if isinstance(value, str) and has_half_a_pair(value):
                return number, field, "half of a surrogate pair is no text"
    return None


def _batch(rows: list[Any], schema: pa.Schema, rows_before: int) -> pa.RecordBatch:
    values = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else [()] * len(schema)
    arrays = [
        _ids(column, name, rows_before)
        if kind_of(name) is Kind.ID
        else pa.array(column, arrow_type(name))
        for name, column in zip(schema.names, values, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _ids(values: Sequence[int | str | None], field: str, rows_before: int) -> pa.Array:
    """Ids are numbers, but some senders write them as text."""
    if not any(isinstance(value, str) for value in values):
        return pa.array(values, pa.int64())
    return pa.array(
        [
            _id(value, field, rows_before + n) if isinstance(value, str) else value
            for n, value in enumerate(values)
        ],
        pa.int64(),
    )


def _id(text: str, field: str, row: int) -> int:
    if _WHOLE_NUMBER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    _refuse_value(f"{text[:40]!r} is no id", row, field)
