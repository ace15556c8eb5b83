"""Errors in the text of a payload: the invalid value, its row, and the reason."""

from __future__ import annotations

import json
import re
import struct
from typing import Final, NamedTuple, NoReturn

import msgspec
import pyarrow as pa

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import CorruptReport

_VALIDATION_ERROR: Final = re.compile(
    r"(?P<reason>.*) - at `\$\[(?P<row>[0-9]+)\]\.?(?P<field>.*)`", re.DOTALL
)
_SAMPLE_DISTANCE: Final = 1 << 16
"""Bytes from one sample of the text to the next."""
_SAMPLE_BYTES: Final = 1 << 12


class _InvalidValue(NamedTuple):
    row: int
    field: str
    reason: str


class _Constant(str):
    """NaN or Infinity, which JSON does not have but Python's reader accepts."""


def reject_msgspec_gaps(text: bytes) -> None:
    """Raise `CorruptReport` for two errors that msgspec does not find.

    It does not check the encoding of fields that nobody requested. And it reads five digits
    of an exponent only, so that another number results: such a number has 99,000 digits in a
    row, some of which are in one of the samples.
    """
    is_valid = text.isascii() or _is_utf8(text)
    if not is_valid:
        raise CorruptReport("the payload's text is not UTF-8")
    for start in range(0, len(text), _SAMPLE_DISTANCE):
        end = start + _SAMPLE_BYTES
        sample = text[start:end]
        if not sample.strip(b"0123456789"):
            raise CorruptReport("the payload holds a number of thousands of digits")


def _is_utf8(text: bytes) -> bool:
    """Let Arrow check the encoding: it makes no copy of the text."""
    offsets = struct.pack("=ii", 0, len(text))
    offset_buffer = pa.py_buffer(offsets)
    text_buffer = pa.py_buffer(text)
    buffers = [None, offset_buffer, text_buffer]
    array = pa.Array.from_buffers(pa.string(), 1, buffers)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def raise_decode_error(error: msgspec.DecodeError, text: bytes, rows_before: int) -> NoReturn:
    """Raise `CorruptReport` for an array that msgspec refuses.

    Parameters
    ----------
    error : msgspec.DecodeError
    text : bytes
        The array.
    rows_before : int
        Rows of the payload before the array.
    """
    if isinstance(error, msgspec.ValidationError):
        invalid = _parse_validation_error(error)
    else:
        invalid = _locate_invalid_value(text)
    if invalid:
        row = rows_before + invalid.row
        raise_invalid_value(invalid.reason, row, invalid.field)
    raise CorruptReport(f"the payload is not a JSON array: {error}") from None


def _parse_validation_error(error: msgspec.ValidationError) -> _InvalidValue | None:
    """Parse a message such as "Expected `int`, got `str` - at `$[3].clicks`"."""
    match = _VALIDATION_ERROR.fullmatch(str(error))
    if not match:
        return None
    return _InvalidValue(
        row=int(match["row"]),
        field=match["field"],
        reason=match["reason"],
    )


def raise_invalid_value(reason: str, row: int, field: str) -> NoReturn:
    """Raise `CorruptReport` for a value, or for a row if `field` is empty."""
    subject = f"row {row}"
    if field:
        subject = f"field {field!r} of {subject}"
    raise CorruptReport(
        f"{subject} does not fit its type: {reason}. The service sent an invalid report: "
        "nothing of it is stored",
        field=field or None,
        row=row,
    ) from None


def raise_unidentified_row(row: int, field: str) -> NoReturn:
    """Raise `CorruptReport` for a row without a value of a field that identifies it."""
    raise CorruptReport(
        f"field {field!r} of row {row} must identify the row, got null or nothing: it is an "
        "error, a total, or a row of another report. Nothing of this report is stored; call "
        "again to request it anew",
        field=field,
        row=row,
    )


def _locate_invalid_value(text: bytes) -> _InvalidValue | None:
    """Find the first value of an array that Python's reader accepts although it is not JSON."""
    try:
        rows = json.loads(text, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return None
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            continue
        for field, value in row.items():
            reason = _find_fault(value)
            if reason:
                return _InvalidValue(number, field, reason)
    return None


def _find_fault(value: object) -> str | None:
    if isinstance(value, _Constant):
        return f"{value} is not a number"
    if isinstance(value, str) and has_lone_surrogate(value):
        return "half of a surrogate pair is not text"
    return None
