"""The text of a payload, a JSON array of objects, to its rows: strictly, or not at all.

The text comes in small blocks. Each is cut at the end of a row, and decoded by msgspec: a value
that does not fit its type is an error, never another value.

The cut is guessed, which is fast, until a guess proves wrong: a row may be longer than a block,
and a field that nobody requested may hold rows of its own. From there on the brackets of the
text are followed, which is slower and always right. Errors in the text are found that way too.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

import msgspec

from sdanalytics.errors import CorruptReport
from sdanalytics.model.dtypes import column_kind
from sdanalytics.model.metrics import ColumnKind
from sdanalytics.parsing.content import (
    BYTE_ORDER_MARK,
    WHITESPACE,
    not_an_array_error,
    starts_array,
)
from sdanalytics.parsing.decode_errors import raise_decode_error, reject_msgspec_gaps
from sdanalytics.parsing.row_boundaries import (
    BracketTracker,
    RowBoundary,
    find_last_row_boundary,
)
from sdanalytics.parsing.task import ALL_BLOCKS, NotParallelizable, ParseOptions, WorkShare

MAX_ROW_BYTES: Final = 1 << 22
"""Bytes of a row: three thousand times what 40 fields take; more is never held in memory."""
_FIRST_ROW_BYTES: Final = 1 << 14
"""Bytes in which the first row is searched for the order of fields."""
_JSON_DECODER: Final = json.JSONDecoder()

Rows: TypeAlias = list[msgspec.Struct]
_Decoder: TypeAlias = msgspec.json.Decoder[Rows]
_FieldName: TypeAlias = tuple[str, str]

_RANDOM_BITS: Final = secrets.randbits(62)
MISSING: Final = -(2**62) - _RANDOM_BITS
"""The value of an integer that a row does not have, which is faster than None.

It is drawn at random in each process, so that no payload can know it, nor hold it but by chance
(one in 2**62).
"""


class DecodedBlock(NamedTuple):
    """The rows of a block of text, and the group that the block belongs to.

    Attributes
    ----------
    group : int
    rows : list of msgspec.Struct
        None of them if another process decodes the group.
    """

    group: int
    rows: Rows


def decode_rows(
    blocks: Iterator[bytes], options: ParseOptions, share: WorkShare = ALL_BLOCKS
) -> Iterator[DecodedBlock]:
    """Decode the rows of a text, block by block.

    Parameters
    ----------
    blocks : iterator of bytes
        The text; cut into the same blocks in each process that decodes a share of it.
    options : ParseOptions
    share : WorkShare, optional
        The blocks to decode; all of them by default.

    Raises
    ------
    CorruptReport
        When the text is not an array in UTF-8, or a value does not fit its type.
    NotParallelizable
        When this is one of several processes, and a guess of where rows end proves wrong.
    """
    first_block = _skip_to_array(blocks)
    columns = _sort_by_first_row(options, first_block)
    field_names = tuple(options.field_names.items())
    msgspec_decoder = _make_decoder(tuple(columns), field_names)
    decoder = _ArrayDecoder(msgspec_decoder)
    yield from _decode_blocks(first_block, blocks, decoder, share)


def _skip_to_array(blocks: Iterator[bytes]) -> bytes:
    """Return the first block that is not white space, from the bracket of the array on."""
    first_block = next(blocks, b"")
    first_block = first_block.removeprefix(BYTE_ORDER_MARK)
    for block in chain([first_block], blocks):
        text = block.lstrip(WHITESPACE)
        if starts_array(text):
            return text
        if text:
            raise not_an_array_error(text)
    raise not_an_array_error(b"")


def _sort_by_first_row(options: ParseOptions, first_block: bytes) -> list[str]:
    """Return the columns in the order in which the first row has them.

    msgspec finds fields twice as fast where it expects them (measured, 1M rows of 40 fields).
    """
    beginning = first_block[:_FIRST_ROW_BYTES]
    text = beginning.decode("utf-8", "replace")
    row_start = text.find("{")
    try:
        row, _ = _JSON_DECODER.raw_decode(text, row_start)
    except (ValueError, RecursionError, IndexError):
        return options.columns
    positions: dict[str, int] = {}
    for position, name in enumerate(row):
        positions[name] = position

    def position_in_row(column: str) -> int:
        name = options.field_names.get(column, column)
        return positions.get(name, len(positions))

    return sorted(options.columns, key=position_in_row)


@lru_cache
def _make_decoder(columns: tuple[str, ...], field_names: tuple[_FieldName, ...]) -> _Decoder:
    """Make a decoder of arrays of rows; that takes as long as decoding fifty rows."""
    fields = []
    for column in columns:
        kind = column_kind(column)
        value_type, default = _value_type(kind)
        fields.append((column, value_type, default))
    names = dict(field_names)
    row_type = msgspec.defstruct(
        "Row",
        fields,
        gc=False,
        rename=names,
    )
    return msgspec.json.Decoder(list[row_type])  # type: ignore[valid-type]


def _value_type(kind: ColumnKind) -> tuple[Any, Any]:
    """Return the type of a field, and its value where it is missing.

    Numbers are checked to fit 64 bits, and to be whole, when they are stored, at no cost:
    msgspec would take 6 % longer to check the first (measured, rows of 40 fields).
    """
    if kind is ColumnKind.ID:
        return int | str | None, MISSING
    if kind is ColumnKind.COUNT:
        return int | float | None, MISSING
    if kind.is_decimal:
        return float | None, math.nan
    return str | None, None


class _ArrayDecoder:
    """Decodes one array of rows after the other, and counts the rows.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    """

    def __init__(self, decoder: _Decoder) -> None:
        self._decoder = decoder
        self.row_count = 0

    def decode(self, text: bytes, padding: int = 0) -> Rows:
        """Return the rows of an array, without the first `padding` ones.

        Raises
        ------
        CorruptReport
            When the text is not an array in UTF-8, or a value does not fit its type.
        """
        reject_msgspec_gaps(text)
        try:
            rows = self._decoder.decode(text)
        except RecursionError:
            raise CorruptReport("the payload is nested too deeply for a report") from None
        except msgspec.DecodeError as error:
            raise_decode_error(error, text, self.row_count - padding)
        if padding:
            rows = rows[padding:]
        self.row_count += len(rows)
        return rows


def _decode_blocks(
    first_block: bytes, blocks: Iterator[bytes], decoder: _ArrayDecoder, share: WorkShare
) -> Iterator[DecodedBlock]:
    number = 0
    carry = b"["
    block = first_block[1:]
    for next_block in blocks:
        group = share.group(number)
        boundary = find_last_row_boundary(block)
        rows: Rows | None = []
        if share.owns(number):
            rows = _decode_to_boundary(carry, block, boundary, decoder)
        if boundary is None or rows is None:
            if share.count > 1:
                raise NotParallelizable("rows cannot be cut apart")
            remaining = chain([carry + block, next_block], blocks)
            for rows in _decode_by_bracket_depth(remaining, decoder):
                yield DecodedBlock(group, rows)
            return
        yield DecodedBlock(group, rows)
        carry = b"[" + block[boundary.next_start :]
        block = next_block
        number += 1
    last_rows: Rows = []
    if share.owns(number):
        last_rows = decoder.decode(carry + block)
    yield DecodedBlock(share.group(number), last_rows)


def _decode_to_boundary(
    carry: bytes, block: bytes, boundary: RowBoundary | None, decoder: _ArrayDecoder
) -> Rows | None:
    """Decode the rows up to a boundary; None when the guess of it was wrong."""
    if boundary is None:
        return None
    complete_rows = memoryview(block)[: boundary.end]
    array = b"".join((carry, complete_rows, b"]"))
    try:
        return decoder.decode(array)
    except CorruptReport:
        return None


def _decode_by_bracket_depth(blocks: Iterator[bytes], decoder: _ArrayDecoder) -> Iterator[Rows]:
    """Decode rows up to the ends that the brackets show.

    The text behind the end of a row is `, {...` or `]`. An empty row in front makes it an array,
    and is left out again; so a comma too few or too many is found.
    """
    brackets = BracketTracker()
    pending: list[bytes] = []
    padding = 0
    for block in blocks:
        end = brackets.last_row_end(block)
        if end is None:
            pending.append(block)
        else:
            pending += [block[:end], b"]"]
            array = b"".join(pending)
            yield decoder.decode(array, padding)
            pending = [b"[{}", block[end:]]
            padding = 1
        pending_bytes = sum(map(len, pending))
        if pending_bytes > MAX_ROW_BYTES:
            _raise_row_too_long(decoder.row_count)
    last_array = b"".join(pending)
    yield decoder.decode(last_array, padding)


def _raise_row_too_long(row: int) -> NoReturn:
    raise CorruptReport(
        f"row {row} is longer than {MAX_ROW_BYTES:,} bytes",
        row=row,
    )
