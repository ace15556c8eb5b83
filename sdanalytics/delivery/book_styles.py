"""The formats of a workbook's cells, each made once."""

from __future__ import annotations

from typing import Any, Final

from sdanalytics.delivery.number_formats import DATE_FORMAT, TEXT_FORMAT, TIME_FORMAT

_SHADE: Final = "#E6EDF3"
_HEADER: Final = {
    "bold": True,
    "bottom": 1,
    "bg_color": _SHADE,
    "num_format": TEXT_FORMAT,
}
_TOTAL: Final = {
    "bold": True,
    "top": 1,
    "bg_color": _SHADE,
}
_TITLE: Final = {
    "bold": True,
    "font_size": 14,
}
_LABEL: Final = {
    "bold": True,
    "valign": "top",
}
_WRAPPED: Final = {
    "text_wrap": True,
    "valign": "top",
    "num_format": TEXT_FORMAT,
    "quote_prefix": True,
}
_NOTE: Final = {"font_color": "#5F5F5F"}


class BookStyles:
    """The formats of a workbook.

    Parameters
    ----------
    book : xlsxwriter.Workbook
    """

    def __init__(self, book: Any) -> None:
        self._book = book
        self._formats: dict[Any, Any] = {}
        self.header = book.add_format(_HEADER)
        self.title = book.add_format(_TITLE)
        self.label = book.add_format(_LABEL)
        self.wrapped = book.add_format(_WRAPPED)
        self.note = book.add_format(_NOTE)

    def find_format(
        self, number_format: str, *, is_total: bool = False, is_quoted: bool = False
    ) -> Any:
        """Return the format of cells.

        Parameters
        ----------
        number_format : str
        is_total : bool
            Whether they are in a total row.
        is_quoted : bool
            Whether they are texts that must stay texts when somebody edits the cell.
        """
        key = number_format, is_total, is_quoted
        if key not in self._formats:
            properties: dict[str, Any] = {"num_format": number_format}
            if number_format in (DATE_FORMAT, TIME_FORMAT):
                properties["align"] = "left"
            if is_quoted:
                properties["quote_prefix"] = True
            if is_total:
                properties |= _TOTAL
            self._formats[key] = self._book.add_format(properties)
        return self._formats[key]
