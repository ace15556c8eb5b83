"""The table of a result: sortable where itables is installed, else pandas' own."""

from __future__ import annotations

from functools import cache
from typing import Any

import ipywidgets as ipw
import pandas as pd

from sdanalytics.analysis.kpi_definitions import is_numeric_measure, metric_unit


def create_table() -> Any:
    """Create a widget with a method `show_rows`; sortable if itables is installed."""
    try:
        from itables.widget import ITable
    except ImportError:
        return _HtmlTable()
    return _sortable_table_class(ITable)(
        pd.DataFrame(), showIndex=False, maxBytes=0, scrollX=True, pageLength=10, classes="compact"
    )


@cache  # a class for each picker would stay in memory when the picker is closed
def _sortable_table_class(base: Any) -> Any:
    class SortableTable(base):  # type: ignore[misc]
        # As text: anywidget would watch its files, and keep each table with its rows for that.
        _esm = str(base._esm)
        _css = str(base._css)

        def show_rows(self, rows: pd.DataFrame) -> None:
            displayed = format_for_display(rows)
            date_columns = [i for i, name in enumerate(displayed) if name == "date"]
            without_line_breaks = {"targets": date_columns, "className": "dt-nowrap"}
            with pd.option_context("display.float_format", _format_number):
                self.update(
                    displayed,
                    columnDefs=[without_line_breaks],
                    showIndex=False,
                    maxBytes=0,
                )

    return SortableTable


def format_for_display(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as a table shows them: all numbers float64, so that they can be sorted.

    Ids are text, because JavaScript rounds numbers of 18 digits; fractions are per cent.
    """
    displayed = {}
    for column, values in rows.items():
        name = str(column)
        if name == "date":
            displayed[name] = values.dt.strftime("%Y-%m-%d")
        elif not is_numeric_measure(rows, name):
            text = values.astype("str")
            displayed[name] = text.where(values.notna(), "")
        elif metric_unit(name) == "fraction":
            displayed[f"{name} %"] = 100 * values.astype("float64")
        else:
            displayed[name] = values.astype("float64")
    return pd.DataFrame(displayed).reset_index(drop=True)


class _HtmlTable(ipw.HTML):  # type: ignore[misc]
    """pandas' own table, where no library for sortable ones is installed."""

    def show_rows(self, rows: pd.DataFrame) -> None:
        table = format_for_display(rows).to_html(
            index=False,
            border=0,
            float_format=_format_number,
            na_rep="",
        )
        self.value = f'<div style="max-height: 26em; overflow: auto">{table}</div>'


def _format_number(value: float) -> str:
    """Return a number with thousands separators, and with decimals where it has any."""
    if value != value:  # NaN
        return ""
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}"
