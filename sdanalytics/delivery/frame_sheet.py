"""Writing a frame as a sheet: header, rows, totals, filters, widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sdanalytics.delivery.number_formats import choose_number_format
from sdanalytics.delivery.sheet_columns import CellKind, SheetColumn, plan_columns, to_text
from sdanalytics.delivery.sheet_data import SheetData, is_leading_column
from sdanalytics.delivery.sheet_writer import SheetWriter
from sdanalytics.delivery.total_rows import Cells
from sdanalytics.errors import InvalidRequest

MAX_SHEET_ROWS: Final = 1_048_576
MAX_SHEET_COLUMNS: Final = 16_384
_ROWS_AT_ONCE: Final = 10_000
_MAX_FROZEN: Final = 3
_MAX_PRINTED: Final = 20
"""Columns that can be read when they are printed on one page."""
_A4: Final = 9
"""The number of the paper."""


def ensure_fits_sheet(data: SheetData) -> None:
    """Raise `InvalidRequest` when a frame has more rows or columns than a sheet."""
    row_count, column_count = data.rows.shape
    header_and_totals = 1 + len(data.totals)
    room = MAX_SHEET_ROWS - header_and_totals
    if row_count > room:
        raise InvalidRequest(
            f"{data.title}: a sheet of Excel has room for {room:,} rows here, got {row_count:,}: "
            "summarize them (by campaign, by week), write fewer days a sheet, or write Parquet "
            "(df.to_parquet)"
        )
    if column_count > MAX_SHEET_COLUMNS:
        raise InvalidRequest(
            f"{data.title}: a sheet of Excel has room for {MAX_SHEET_COLUMNS:,} columns, got "
            f"{column_count:,}: write fewer of them"
        )


def write_frame(writer: SheetWriter, data: SheetData) -> None:
    """Write a frame with its totals into an empty sheet."""
    columns = plan_columns(data.rows, data.totals)
    for number, column in enumerate(columns):
        writer.write_words(0, number, column.name, writer.styles.header)
        writer.sheet.set_column(number, number, column.width)
    _write_rows(writer, columns, data.rows)
    row = len(data.rows)
    for cells in data.totals:
        row += 1
        _write_total(writer, row, columns, cells)
    row_count = len(data.rows)
    _finish_sheet(writer.sheet, columns, row_count, row)


def _write_rows(writer: SheetWriter, columns: Sequence[SheetColumn], rows: pd.DataFrame) -> None:
    """Write rows in order, a part at a time: as Python's values they take much memory."""
    count = len(rows)
    for start in range(0, count, _ROWS_AT_ONCE):
        part = rows.iloc[start : start + _ROWS_AT_ONCE]
        cells = []
        for column in columns:
            values = part[column.name]
            cells.append(column.to_cells(values))
        for position in range(len(part)):
            row = start + position
            for number, column in enumerate(columns):
                value = cells[number][position]
                number_format = column.find_format(row)
                writer.write_cell(
                    row + 1,
                    number,
                    value,
                    column.kind,
                    number_format,
                )


def _write_total(
    writer: SheetWriter, row: int, columns: Sequence[SheetColumn], cells: Cells
) -> None:
    for number, column in enumerate(columns):
        value = cells.get(column.name)
        if column.kind is CellKind.TEXT and value is not None:
            value = to_text(value)
        number_format = _choose_total_format(column, cells)
        writer.write_cell(
            row,
            number,
            value,
            column.kind,
            number_format,
            is_total=True,
        )


def _choose_total_format(column: SheetColumn, cells: Cells) -> str:
    """Return the format of a total, which may be of one currency of several."""
    if column.row_formats is None or "currency" not in cells:
        return column.number_format
    value = cells.get(column.name)
    currency = str(cells["currency"])
    is_whole = isinstance(value, int)
    return choose_number_format(column.unit, currency, is_whole=is_whole)


def _finish_sheet(
    sheet: Any, columns: Sequence[SheetColumn], row_count: int, last_row: int
) -> None:
    """Freeze the header and the names, add filters, and prepare the sheet for print."""
    frozen = 0
    for column in columns[:_MAX_FROZEN]:
        if not is_leading_column(column.name):
            break
        frozen += 1
    sheet.freeze_panes(1, frozen)
    if columns:
        last_column = len(columns) - 1
        sheet.autofilter(0, 0, row_count, last_column)
        # Else each id has a green corner: numbers are texts here on purpose.
        all_cells = f"A1:XFD{last_row + 1}"
        sheet.ignore_errors({"number_stored_as_text": all_cells})
    sheet.set_landscape()
    sheet.set_paper(_A4)
    if len(columns) <= _MAX_PRINTED:
        sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
