"""The table of a result: sorted by its headers, with a total that stays in sight."""

from __future__ import annotations

from typing import Any, Final

import anywidget
import pandas as pd
import traitlets

from sdanalytics.widgets.front_end_files import read_front_end
from sdanalytics.widgets.table_content import TableColumn, TableContent

MAX_TABLE_ROWS: Final = 1000
"""Rows that the table shows; the frame has them all."""

_NOTHING: Final[dict[str, Any]] = {"label": "", "columns": [], "rows": [], "total": None}


class ResultTable(anywidget.AnyWidget):
    """A table in the browser.

    Attributes
    ----------
    content : dict
        `label`; `columns`, `rows` and `total` as they are sent to the browser. Ids are text,
        because JavaScript rounds numbers of 18 digits.
    """

    _esm = read_front_end("result_table.js")
    content = traitlets.Dict(_NOTHING).tag(sync=True)

    def clear(self) -> None:
        """Show no table."""
        self.content = _NOTHING

    def show_content(self, table: TableContent) -> None:
        """Show a table, up to a number of rows."""
        rows = table.rows.head(MAX_TABLE_ROWS)
        total = None
        if table.total is not None:
            (total,) = _list_rows(table.total, table.columns)
        self.content = {
            "label": table.label,
            "columns": [column.to_json() for column in table.columns],
            "rows": _list_rows(rows, table.columns),
            "total": total,
        }


def _list_rows(frame: pd.DataFrame, columns: list[TableColumn]) -> list[list[Any]]:
    """Return the values of each row as JSON has them."""
    arrays = []
    for column in columns:
        values = frame[column.name]
        arrays.append(_list_numbers(values) if column.is_number else _list_texts(values))
    return [list(row) for row in zip(*arrays, strict=True)]


def _list_numbers(values: pd.Series[Any]) -> list[float | None]:
    numbers = values.astype("float64")
    sizes = numbers.abs()
    known = sizes < float("inf")
    listed = numbers.astype("object")
    listed = listed.where(known, None)
    return listed.tolist()


def _list_texts(values: pd.Series[Any]) -> list[str | None]:
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d")
    texts = values.astype("str")
    known = values.notna()
    listed = texts.astype("object")
    listed = listed.where(known, None)
    return listed.tolist()
