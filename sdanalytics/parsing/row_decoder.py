"""The text of a payload, a JSON array of objects, to its rows: strictly, or not at all.

The text comes in small blocks, each cut at the end of a row and decoded by msgspec: a value
that does not fit its type is an error, never another value.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NoReturn, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import CorruptReport
from sdanalytics.model.dtypes import column_kind
from sdanalytics.model.metrics import ColumnKind

# Three thousand times what a row of 40 fields takes; more is never held.
_LONGEST_ROW: Final = 1 << 22
# Looked at for the order of fields.
_FIRST_ROW: Final = 1 << 14
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE: Final = b" \t\n\r"

# The end of a row and the beginning of the next. Inside a string its quote could only be
# the closing one, and then be followed by one of `,:}]` or white space.
_BOUNDARY: Final = re.compile(rb'\}[ \t\n\r]*,[ \t\n\r]*\{[ \t\n\r]*"[^,:}\]\s]')

# How many brackets more are open behind a byte than before it.
_STEPS: Final = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1

Rows: TypeAlias = list[msgspec.Struct]
_Decoder: TypeAlias = msgspec.json.Decoder[Rows]

MISSING: Final = -(2**62) - secrets.randbits(62)
"""Stands for a whole number that a row does not have, which is faster than None: drawn anew in
each process, so that no payload can know it, nor hold it but by chance (one in 2**62).
"""

BLOCKS_PER_GROUP: Final = 16
"""Pieces, each of one block of text, in a turn."""


class NotParallelizable(Exception):
    """The text is not what several processes can read: one alone can tell what it is."""


class WorkShare(msgspec.Struct, frozen=True):
    """Which pieces of a text one of several processes decodes, in turns of `PIECES`.

    Attributes
    ----------
    number : int
        Which of them; the first is 0.
    of : int
        How many there are.
    head : int
        Turns that the first one takes by itself, until the others have started.
    """

    number: int = 0
    of: int = 1
    head: int = 0

    def owner(self, turn: int) -> int:
        """Who takes a turn."""
        return max(0, turn - self.head + 1) % self.of

    def turn(self, piece: int) -> int:
        """The turn that a piece belongs to."""
        return piece // BLOCKS_PER_GROUP

    def has(self, piece: int) -> bool:
        """Whether a piece is of this share."""
        return self.owner(self.turn(piece)) == self.number


ALL_BLOCKS: Final = WorkShare()


def read_rows(
    text: Iterator[bytes],
    columns: Sequence[str],
    names: Mapping[str, str],
    share: WorkShare = ALL_BLOCKS,
) -> Iterator[tuple[int, Rows]]:
    """The rows of a text, some at a time, each time with the turn that they belong to.

    What others decode is passed over: it comes as no rows.

    Parameters
    ----------
    text : iterator of bytes
        In blocks; the same for each process that shares it.
    columns : sequence of str
        Names of the catalogue: the fields of each row, in an order of its own.
    names : mapping of str to str
        What the text calls columns that it calls otherwise.
    share : Share, optional
        What to decode; everything, unless several processes do.

    Raises
    ------
    CorruptReport
        When the text is no array in UTF-8, or a value does not fit its type.
    Unsure
        When rows cannot be cut apart by one of several processes.
    """
    beginning = _beginning(text)
    fields = _field_order(beginning, columns, names)
    decoder = _decoder(tuple(fields), tuple(names.items()))
    yield from _rows(beginning, text, decoder, share)


@lru_cache
def _decoder(columns: tuple[str, ...], names: tuple[tuple[str, str], ...]) -> _Decoder:
    """Reads arrays of rows with these fields; to make it takes as long as fifty rows do."""
    fields = [(column, *_value_type(column_kind(column))) for column in columns]
    row = msgspec.defstruct("Row", fields, gc=False, rename=dict(names))
    return msgspec.json.Decoder(list[row])  # type: ignore[valid-type]


def _value_type(kind: ColumnKind) -> tuple[Any, Any]:
    """The type of a field, and what it is where it is missing.

    That a number fits 64 bits is found out where it is put into them, for nothing: msgspec
    takes 6 % longer when it is to look at that (measured, rows of 40 fields).
    """
    if kind is ColumnKind.ID:
        return int | str | None, MISSING
    if kind is ColumnKind.COUNT:
        return int | None, MISSING
    return (float | None, math.nan) if kind.is_decimal else (str | None, None)


def _field_order(beginning: bytes, columns: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The columns as the first row has them.

    Fields are found twice as fast where they are expected (measured, 1M rows of 40 fields).
    """
    text = beginning[:_FIRST_ROW].decode("utf-8", "replace")
    try:
        row, _ = json.JSONDecoder().raw_decode(text, text.find("{"))
        places = {name: place for place, name in enumerate(row)}
    except (ValueError, RecursionError, IndexError):
        return list(columns)
    return sorted(columns, key=lambda name: places.get(names.get(name, name), len(places)))


def _rows(
    beginning: bytes, text: Iterator[bytes], decoder: _Decoder, share: WorkShare
) -> Iterator[tuple[int, Rows]]:
    """The rows of a share.

    Where rows end is guessed, which is fast, until a guess proves wrong: a row may be longer
    than a block, and a field that nobody asked for may hold rows of its own. Whatever is
    wrong with the text itself is found by the sure way, too.
    """
    number = count = 0
    rest, block = b"[", beginning[1:]
    for following in text:
        end = _last_boundary(block)
        rows = _guessed(rest, block, end, decoder, count) if share.has(number) else []
        if end is None or rows is None:
            if share.of > 1:
                raise NotParallelizable("rows cannot be cut apart")
            remaining = chain([rest + block, following], text)
            for rows in _rows_by_brackets(remaining, decoder, count):
                yield share.turn(number), rows
            return
        yield share.turn(number), rows
        count += len(rows)
        rest, block = b"[" + block[block.index(b"{", end.start()) :], following
        number += 1
    rows = _decoded(rest + block, decoder, count) if share.has(number) else []
    yield share.turn(number), rows


def _guessed(
    rest: bytes, block: bytes, end: re.Match[bytes] | None, decoder: _Decoder, count: int
) -> Rows | None:
    """The rows up to there, if that is an end of a row."""
    if end is None:
        return None
    piece = b"".join((rest, memoryview(block)[: end.start() + 1], b"]"))
    try:
        return _decoded(piece, decoder, count)
    except CorruptReport:
        return None


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


def _rows_by_brackets(text: Iterator[bytes], decoder: _Decoder, count: int) -> Iterator[Rows]:
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


def _decoded(piece: bytes, decoder: _Decoder, rows_before: int) -> Rows:
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
    if not (piece.isascii() or _is_utf8(piece)):
        raise CorruptReport("the payload's text is not UTF-8")
    for place in range(0, len(piece), 1 << 16):
        if not piece[place : place + 4096].strip(b"0123456789"):
            raise CorruptReport("the payload holds a number of thousands of digits")


def _is_utf8(text: bytes) -> bool:
    whole = [None, pa.py_buffer(struct.pack("=ii", 0, len(text))), pa.py_buffer(text)]
    try:
        pa.Array.from_buffers(pa.string(), 1, whole).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse(error: Exception, piece: bytes, rows_before: int) -> NoReturn:
    """Say which value of which row does not fit, or that the text is no JSON at all."""
    if isinstance(error, msgspec.ValidationError):
        complaint, _, path = str(error).partition(" - at ")
        row, _, field = path.strip("`$[").partition("]")
        raise_invalid_value(complaint, rows_before + int(row), field.strip("."))
    unfit = _find_unfit(piece)
    if unfit:
        row_in_piece, field, complaint = unfit
        raise_invalid_value(complaint, rows_before + row_in_piece, field)
    raise CorruptReport(f"the payload is not a JSON array: {error}") from None


def raise_invalid_value(complaint: str, row: int, field: str) -> NoReturn:
    """Raise `CorruptReport` of a value, or of a row if there is no field."""
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
            if isinstance(value, str) and has_lone_surrogate(value):
                return number, field, "half of a surrogate pair is no text"
    return None
