"""The sheet of charts: each beside the table that it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.delivery.chart_data import ChartData
from sdanalytics.delivery.number_formats import DATE_FORMAT, choose_number_format
from sdanalytics.delivery.sheet_columns import CellKind
from sdanalytics.delivery.sheet_writer import SheetWriter
from sdanalytics.plots.colors import PALETTE

_SIZE: Final = {"width": 760, "height": 380}
_ROWS_OF_CHART: Final = 20
"""Rows of cells that a chart is as high as."""
_CHART_COLUMN: Final = 5
_NAME_WIDTH: Final = 40
_NUMBER_WIDTH: Final = 16
_GRIDLINES: Final = {
    "visible": True,
    "line": {"color": "#D9D9D9"},
}
_LARGE: Final = 100
"""Numbers from here on need no decimals on an axis."""
_DAY_AXIS: Final = {
    "date_axis": True,
    "num_format": "d mmm",
}
_NAME_AXIS: Final = {
    "reverse": True,
    "label_position": "low",
}
_FINAL: Final = "_final"


def write_charts(book: Any, writer: SheetWriter, charts: Sequence[ChartData]) -> None:
    """Write charts below one another, each with the title of the frame that it is of."""
    writer.set_up_page()
    sheet = writer.sheet
    sheet.set_column(0, 0, _NAME_WIDTH)
    last_number = _CHART_COLUMN - 1
    sheet.set_column(1, last_number, _NUMBER_WIDTH)
    row = 0
    for data in charts:
        heading = f"{data.frame_title}: {data.title}"
        writer.write_words(row, 0, heading, writer.styles.label)
        header_row = row + 1
        last_row = _write_table(writer, data, header_row)
        chart = _draw_chart(book, data, sheet.get_name(), header_row)
        sheet.insert_chart(header_row, _CHART_COLUMN, chart)
        last_chart_row = header_row + _ROWS_OF_CHART
        row = max(last_row, last_chart_row) + 2


def _write_table(writer: SheetWriter, data: ChartData, row: int) -> int:
    """Write the table of a chart from a row on; return its last row."""
    dtypes = data.table.dtypes.tolist()
    is_whole = all(map(pd.api.types.is_integer_dtype, dtypes[1:]))
    number_format = choose_number_format(data.unit, data.currency, is_whole=is_whole)
    for column, name in enumerate(data.table.columns):
        writer.write_words(row, column, name, writer.styles.header)
    for names_and_numbers in data.table.itertuples(index=False):
        row += 1
        first, *numbers = names_and_numbers
        writer.write_cell(row, 0, first, CellKind.DAY, DATE_FORMAT)
        for column, number in enumerate(numbers, start=1):
            is_missing = number != number
            value = None if is_missing else number
            writer.write_cell(row, column, value, CellKind.NUMBER, number_format)
    return row


def _draw_chart(book: Any, data: ChartData, sheet_name: str, header_row: int) -> Any:
    """Return a chart of the table below a header."""
    kind = "line" if data.is_trend else "bar"
    chart = book.add_chart({"type": kind})
    first = header_row + 1
    last = header_row + len(data.table)
    column_count = len(data.table.columns)
    for column in range(1, column_count):
        series = _style_series(data, column)
        # Names are those in the header: a text that begins with = would be a formula.
        series["name"] = [sheet_name, header_row, column]
        series["categories"] = [sheet_name, first, 0, last, 0]
        series["values"] = [sheet_name, first, column, last, column]
        chart.add_series(series)
    _set_axes(chart, data)
    title_font = {"size": 12}
    chart.set_title({"name": data.title, "name_font": title_font})
    has_one_series = column_count == 2
    chart.set_legend({"position": "bottom", "none": has_one_series})
    chart.set_size(_SIZE)
    return chart


def _set_axes(chart: Any, data: ChartData) -> None:
    """Set the axes of days or names, and of numbers: from 0 on, if none is below."""
    values = data.table.iloc[:, 1:].to_numpy("float64", na_value=0.0)
    numbers: dict[str, Any] = {
        "num_format": _choose_axis_format(data, values),
        "major_gridlines": _GRIDLINES,
    }
    if values.min(initial=0.0) >= 0:
        numbers["min"] = 0
    if data.is_trend:
        chart.set_x_axis(_DAY_AXIS)
        chart.set_y_axis(numbers)
        return
    numbers["label_position"] = "high"  # below, as the names are reversed
    chart.set_x_axis(numbers)
    chart.set_y_axis(_NAME_AXIS)


def _style_series(data: ChartData, column: int) -> dict[str, Any]:
    """Return the style of a column's line or bars; expected final numbers are dashed."""
    names = data.table.columns.tolist()
    name = names[column]
    reported = name.removesuffix(_FINAL)
    position = names.index(reported) - 1
    color = PALETTE[position]
    if not data.is_trend:
        fill = {"color": color}
        return {"fill": fill, "gap": 60}
    line = {"color": color, "width": 2}
    if name != reported:
        line["dash_type"] = "dash"
    return {"line": line}


def _choose_axis_format(data: ChartData, values: FloatArray) -> str:
    """Return the format of an axis: without decimals where its numbers are large."""
    number_format = choose_number_format(data.unit, data.currency, is_whole=True)
    largest = np.abs(values).max(initial=0.0)
    if largest < _LARGE:
        return number_format
    return number_format.replace(".00", "")
