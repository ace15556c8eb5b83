"""`SheetWriter`: cells of a sheet, each written as what it is."""

from __future__ import annotations

from typing import Any, Final

from sdanalytics.delivery.book_styles import BookStyles
from sdanalytics.delivery.number_formats import TEXT_FORMAT
from sdanalytics.delivery.sheet_columns import FORMULA_BEGINNINGS, CellKind, to_text

_INFINITE: Final = (float("inf"), float("-inf"))
_HIDE_ALL: Final = 2
"""Gridlines are hidden on the screen and in print."""


class SheetWriter:
    """Writes into a sheet: no text is ever a formula, a link or a number.

    Parameters
    ----------
    sheet : xlsxwriter.worksheet.Worksheet
        An empty one; rows are written in order.
    styles : BookStyles
    """

    def __init__(self, sheet: Any, styles: BookStyles) -> None:
        self.sheet = sheet
        self.styles = styles
        self._writers = {
            CellKind.NUMBER: sheet.write_number,
            CellKind.BOOLEAN: sheet.write_boolean,
            CellKind.DAY: sheet.write_datetime,
            CellKind.INSTANT: sheet.write_datetime,
        }

    def write_words(self, row: int, column: int, text: str, style: Any) -> None:
        """Write a text in one of the styles of headings and notes."""
        self.sheet.write_string(row, column, to_text(text), style)

    def write_text(self, row: int, column: int, text: str, *, is_total: bool = False) -> None:
        """Write a text that stays one, also when somebody edits the cell."""
        style = self.styles.find_format(
            TEXT_FORMAT,
            is_total=is_total,
            is_quoted=text.startswith(FORMULA_BEGINNINGS),
        )
        self.sheet.write_string(row, column, text, style)

    def write_cell(
        self,
        row: int,
        column: int,
        value: Any,
        kind: CellKind,
        number_format: str,
        *,
        is_total: bool = False,
    ) -> None:
        """Write a value of a kind; nothing for a missing one, unless in a total row."""
        if value in _INFINITE:
            value = to_text(value)
        if isinstance(value, str):
            self.write_text(row, column, value, is_total=is_total)
            return
        if value is None and not is_total:
            return
        style = self.styles.find_format(number_format, is_total=is_total)
        if value is None:
            self.sheet.write_blank(row, column, None, style)
        else:
            write = self._writers[kind]
            write(row, column, value, style)

    def set_up_page(self) -> None:
        """Prepare a sheet of words and figures, rather than of rows."""
        self.sheet.hide_gridlines(_HIDE_ALL)
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)
