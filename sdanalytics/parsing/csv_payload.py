"""A downloaded payload, CSV that may be in gzip, to an Arrow table of the right types.

Arrow's reader splits the text into cells once it is known to be CSV to the letter
(`sdanalytics.parsing.csv_syntax`); each column is converted here, so that an error names the
row, and so that nothing but a number is taken for one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from sdanalytics.errors import CorruptReport
from sdanalytics.model.identity import find_unidentified_row
from sdanalytics.model.metrics import ColumnKind
from sdanalytics.model.report_batch import MAX_REPORT_BYTES
from sdanalytics.parsing.content import BYTE_ORDER_MARK, GZIP_MAGIC, name_content
from sdanalytics.parsing.csv_syntax import check_csv_syntax
from sdanalytics.parsing.decode_errors import raise_invalid_value, raise_unidentified_row
from sdanalytics.parsing.decompression import iter_decompressed, raise_too_large
from sdanalytics.parsing.task import ParseOptions

BLOCK_SIZE: Final = 1 << 20
"""Bytes of text that are decompressed together."""
MAX_SHOWN_CHARACTERS: Final = 40
"""Characters of a value that an error shows, at most."""
_MISSING_WORD: Final = "null"
"""What a cell has for a missing value, unless it is empty."""
_INTEGER: Final = r"^-?[0-9]{1,19}$"
_WHOLE: Final = r"^-?[0-9]{1,15}(\.0*)?$"
"""Counts that are written as decimals, exactly."""
_DECIMAL: Final = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$"
_STRING: Final = pa.string()


def read_csv_payload(
    payload: bytes,
    kinds: Mapping[str, ColumnKind],
    max_bytes: int = MAX_REPORT_BYTES,
    required: Sequence[str] = (),
) -> pa.Table:
    """Read the rows of a report, with just these fields.

    Parameters
    ----------
    payload : bytes
        CSV in UTF-8, in gzip or as it is, with or without a byte order mark: a header with the
        names of the fields, in any order, and a line for each row. A cell that is empty has no
        value, and so does ``null``, but for a text in quotes. Other fields are ignored.
    kinds : mapping of str to ColumnKind
        The fields, with the kinds of their values.
    max_bytes : int, optional
        Bytes that the text may have.
    required : sequence of str, optional
        Fields that every row must have a value of: what identifies it.

    Returns
    -------
    pyarrow.Table
        Fields in the order given: ids and counts int64, money and ratios float64, text string.
        Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged, no CSV, or lacks one of the fields. With
        `row` and `field` when a value does not fit its kind, or a required one is missing.
    """
    text = _decode_payload(payload, max_bytes)
    _check_header(text, kinds)
    check_csv_syntax(text)
    cells = _split_cells(text, list(kinds))
    columns = {}
    for name, kind in kinds.items():
        columns[name] = _convert(name, cells.column(name), kind)
    table = pa.table(columns)
    unidentified = find_unidentified_row(table, required)
    if unidentified:
        raise_unidentified_row(unidentified.row, unidentified.field)
    return table


def _decode_payload(payload: bytes, max_bytes: int) -> bytes:
    """Return the text of a payload: unpacked, without a byte order mark, ending with a newline."""
    if payload.startswith(GZIP_MAGIC):
        options = ParseOptions([], {}, BLOCK_SIZE, max_bytes)
        blocks = iter_decompressed(io.BytesIO(payload), len(payload), options)
        payload = b"".join(blocks)
    elif len(payload) > max_bytes:
        raise_too_large(len(payload), max_bytes)
    return payload.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n") + b"\n"


def _check_header(text: bytes, fields: Collection[str]) -> None:
    """Raise `CorruptReport` unless the first line names each of the fields once."""
    line, _, _ = text.partition(b"\n")
    header = _parse_header(line)
    if not set(header).intersection(fields):
        content = name_content(text.rstrip())
        raise CorruptReport(
            f"the payload must be CSV with a header of the fields requested, got {content}. Call "
            "again: it may be another one then"
        )
    for name in fields:
        count = header.count(name)
        if count == 1:
            continue
        fault = "lacks" if count == 0 else "repeats"
        raise CorruptReport(
            f"the header of the payload {fault} the field {name!r}: nothing of this report is "
            "stored. Call again to request it anew"
        )


def _parse_header(line: bytes) -> list[str]:
    """Return the names in a header; none if it is not text."""
    try:
        [names] = csv.reader([line.decode()])
    except (ValueError, csv.Error):
        return []
    return names


def _split_cells(text: bytes, fields: list[str]) -> pa.Table:
    """Return the cells of the fields as text, null for a ``null`` without quotes."""
    try:
        return arrow_csv.read_csv(
            io.BytesIO(text),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(fields, _STRING),
                include_columns=fields,
                null_values=[_MISSING_WORD],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = str(error).partition(":")[2].strip() or "it is no CSV"
        shown = reason[: 2 * MAX_SHOWN_CHARACTERS]
        raise CorruptReport(
            f"the payload is damaged: {shown}. Nothing of this report is stored; call again"
        ) from None


def _convert(field: str, cells: pa.ChunkedArray, kind: ColumnKind) -> pa.ChunkedArray:
    """Return the values of a column in the type of their kind."""
    is_missing = pc.equal(cells, "")
    if kind.is_integer or kind.is_decimal:
        is_missing = pc.or_(is_missing, pc.equal(cells, _MISSING_WORD))
    values = pc.if_else(is_missing, pa.scalar(None, _STRING), cells)
    if kind.is_decimal:
        return _convert_numbers(field, values, _DECIMAL, pa.float64())
    if not kind.is_integer:
        return values
    if kind is ColumnKind.COUNT and not _fits(values, _INTEGER):
        whole = _convert_numbers(field, values, _WHOLE, pa.float64())
        return whole.cast(pa.int64())
    return _convert_numbers(field, values, _INTEGER, pa.int64())


def _fits(values: pa.ChunkedArray, pattern: str) -> bool:
    fits = pc.all(pc.match_substring_regex(values, pattern))
    return fits.as_py() is not False


def _convert_numbers(
    field: str, values: pa.ChunkedArray, pattern: str, number_type: pa.DataType
) -> pa.ChunkedArray:
    """Return numbers; `CorruptReport` for the first text that is none, or is too large."""
    fits = pc.match_substring_regex(values, pattern).fill_null(True).to_numpy()
    if not fits.all():
        _raise_no_number(field, values, int(np.argmin(fits)))
    try:
        numbers = values.cast(number_type)
    except pa.ArrowInvalid:  # of 19 digits, some are too many
        lengths = pc.utf8_length(values).fill_null(0)
        _raise_no_number(field, values, int(np.argmax(lengths.to_numpy())))
    if pa.types.is_floating(number_type):
        is_finite = pc.is_finite(numbers).fill_null(True).to_numpy()
        if not is_finite.all():
            _raise_no_number(field, values, int(np.argmin(is_finite)))
    return numbers


def _raise_no_number(field: str, values: pa.ChunkedArray, row: int) -> None:
    text = str(values[row].as_py())[:MAX_SHOWN_CHARACTERS]
    raise_invalid_value(f"{text!r} is not a number of its kind", row, field)
