"""A downloaded payload, gzip-compressed JSON, to an Arrow table of the right types.

The text is decompressed in small blocks, each cut at the end of a row and decoded strictly
by msgspec: memory stays near the size of the table, and a value that does not fit its type
is an error, never another value.
"""

from __future__ import annotations

import io
import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, NoReturn

import msgspec
import pyarrow as pa
from isal import igzip
from isal.igzip_lib import IsalError

from sdanalytics.errors import CorruptReport
from sdanalytics.metrics import CATALOGUE, Kind
from sdanalytics.schema import arrow_schema, arrow_type

# 256 KB stay in the processor's cache while they are unpacked, decoded and turned into
# columns: half the time of blocks of several MB (measured, 1M rows).
_BLOCK: Final = 1 << 18
_LONGEST_ROW: Final = 1 << 26
_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

# The end of a row and the beginning of the next. Inside a string its quote could only be
# the closing one, and then be followed by one of `,:}]` or white space.
_BOUNDARY: Final = re.compile(rb'\}\s*,\s*\{\s*"[^,:}\]\s]')

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")


def read_payload(payload: bytes, columns: Sequence[str]) -> pa.Table:
    """The rows of a report, with just these columns.

    Parameters
    ----------
    payload : bytes
        Gzip (one member or several) of a JSON array of objects, in UTF-8. Fields that are
        null or absent become null; fields not among `columns` are passed over; ids may be
        written as text.
    columns : sequence of str
        Names of the catalogue.

    Returns
    -------
    pyarrow.Table
        Columns in the order given: ids and counts int64, money and ratios float64, text
        string. Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged: not gzip, cut short, a wrong checksum,
        no JSON array. With `row` and `field` when a value does not fit its type: a count
        with decimals, ``true``, text for a number, a number for text, NaN, a null row.
    """
    schema = arrow_schema(columns)
    decoder = msgspec.json.Decoder(list[_row_type(columns)])  # type: ignore[misc]
    batches = []
    count = 0
    for rows in _decoded(_pieces(_unpacked(payload)), decoder):
        batches.append(_batch(rows, schema, count))
        count += len(rows)
    return pa.Table.from_batches(batches, schema)


def _row_type(columns: Sequence[str]) -> type[msgspec.Struct]:
    fields = [(column, _value_type(CATALOGUE[column].kind), None) for column in columns]
    return msgspec.defstruct("Row", fields, gc=False)


def _value_type(kind: Kind) -> Any:
    if kind is Kind.ID:
        return _Int64 | str | None
    if kind is Kind.COUNT:
        return _Int64 | None
    return float | None if kind.is_decimal else str | None


def _unpacked(payload: bytes) -> Iterator[bytes]:
    """The text in blocks; checksums, lengths and later members are looked at."""
    if not payload.startswith(_GZIP):
        raise CorruptReport("the payload is not gzip-compressed")
    try:
        with igzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
            while block := file.read(_BLOCK):
                yield block
    except (EOFError, OSError, IsalError) as error:  # type: ignore[misc]  # untyped
        raise CorruptReport(f"the payload is damaged: {error}") from None


def _pieces(text: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The array cut into arrays of whole rows; and whether one is the last."""
    rest = next(text, b"").removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not rest.startswith(b"["):
        raise CorruptReport("the payload is not a JSON array")
    for block in text:
        boundary = _last_boundary(rest)
        if boundary is None:
            rest += block
            continue
        yield rest[: boundary.start() + 1] + b"]", False
        rest = b"[" + rest[rest.index(b"{", boundary.start()) :] + block
    yield rest, True


def _last_boundary(text: bytes) -> re.Match[bytes] | None:
    """The last end of a row; most often it is near the end of the text."""
    for start in (max(0, len(text) - (1 << 13)), 0):
        ends = deque(_BOUNDARY.finditer(text, start), maxlen=1)
        if ends:
            return ends[0]
    return None


def _decoded(
    pieces: Iterator[tuple[bytes, bool]], decoder: msgspec.json.Decoder[list[Any]]
) -> Iterator[list[Any]]:
    """The rows of each piece.

    A field that nobody asked for may hold rows of its own, and a cut may have fallen between
    these: then the piece ends too early, and is decoded again together with those after it.
    """
    count = 0
    held = b""
    enough = 0
    for piece, last in pieces:
        held = held[:-1] + b"," + piece[1:] if held else piece
        if len(held) < enough and not last:
            continue
        try:
            rows = decoder.decode(held)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if last or len(held) > _LONGEST_ROW or "truncated" not in str(error):
                _refuse(error, held, count)
            enough = 2 * len(held)
            continue
        yield rows
        count += len(rows)
        held, enough = b"", 0


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
            if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
                return number, field, "half of a surrogate pair is no text"
    return None


def _batch(rows: list[Any], schema: pa.Schema, rows_before: int) -> pa.RecordBatch:
    values = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else [()] * len(schema)
    arrays = [
        _ids(column, name, rows_before)
        if CATALOGUE[name].kind is Kind.ID
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
