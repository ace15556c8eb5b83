"""What was fetched: a table and a plot, chosen from menus."""

from __future__ import annotations

import base64
import html
import io
import threading
import warnings
from typing import Any, Final

import ipywidgets as ipw
import pandas as pd

from sdanalytics import plots
from sdanalytics.analysis.kpi_definitions import (
    CONVERSION_METRICS,
    KPIS,
    is_numeric_measure,
    metric_unit,
)
from sdanalytics.analysis.kpis import summarize
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.model.partition import report_name
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.widgets.components import alert_html, dropdown, hbox, status_html, text_html

ROWS: Final = 1000
"""As many rows as the table shows; the frame has them all."""

_SIZE: Final = (8.0, 4.6)
_DPI: Final = 144
ALL: Final = "(all together)"
# What a row of a report is called, the best first.
_NAMES: Final = ("otherAsin", "targetingText", "asin", "adGroupName", "campaignName")
_FIRST: Final = ("cost", "sales", "orders", "acos", "roas", "impressions", "clicks", "ctr", "cpc")
_OF_METRICS: Final = ("trend", "top", "calendar", "halo")
_OF_NAMES: Final = ("top", "efficiency")
_drawing: Final = threading.Lock()


class ResultView(ipw.VBox):  # type: ignore[misc]
    """The table and the plot of a frame.

    Attributes
    ----------
    plot, plot_metric, plot_by : ipywidgets.Dropdown
        Which of `sdanalytics.plots`, of what, and whose lines or bars.
    table_of : ipywidgets.Dropdown
        ``"summary"`` by what the plot is by, or ``"rows"`` as they were fetched.
    heading : ipywidgets.HTML
        Which report it is, and whether it is still what is chosen.
    figure : ipywidgets.HTML
    table : itables.widget.ITable or ipywidgets.HTML
    """

    def __init__(self) -> None:
        self._data: pd.DataFrame | None = None
        self._quiet = False
        self.plot = dropdown("Plot", [], "Which figure", "14em")
        self.plot_metric = dropdown("of", [], "Which metric the figure shows", "26em")
        self.plot_by = dropdown("by", [ALL], "Whose lines, bars, bubbles and rows", "22em")
        self.table_of = dropdown("Table", ["summary", "rows"], "What the table shows", "14em")
        self.heading = ipw.HTML()
        self.figure = ipw.HTML(layout={"width": "100%"})
        self.table = _grid()
        self._table_note = ipw.HTML()
        super().__init__(
            [
                self.heading,
                hbox(self.plot, self.plot_metric, self.plot_by),
                self.figure,
                hbox(self.table_of, self._table_note),
                self.table,
            ],
            layout={"display": "none", "border_top": "1px solid var(--jp-border-color2, #cccccc)"},
        )
        self.plot.observe(self._redraw, "value")
        self.plot_metric.observe(self._redraw, "value")
        self.plot_by.observe(self._redraw_all, "value")
        self.table_of.observe(self._fill, "value")

    def show(self, data: pd.DataFrame) -> None:
        """Show a frame; menus keep what applies to it."""
        self._data = data
        self._quiet = True
        metrics = _metrics_of(data)
        _offer(self.plot, _plots_of(data, metrics))
        _offer(self.plot_metric, [(metric_label(name), name) for name in metrics])
        _offer(self.plot_by, [*_keys_of(data), ALL])
        self._quiet = False
        self.layout.display = None
        self._redraw_all()

    @property
    def _by(self) -> str | None:
        # No option's value is None: for a menu that means that nothing is selected.
        return None if self.plot_by.value == ALL else self.plot_by.value

    def head(self, *, is_chosen: bool) -> None:
        """Say what is shown, and whether it is what the menus say."""
        if self._data is None:
            return
        facts = self._data.attrs["sdanalytics"]
        report = report_name(facts["record_type"], facts["segment"])
        parts = [report, f"{facts['start']} to {facts['end']}", f"profile {facts['profile_id']}"]
        words = html.escape(", ".join([*parts, facts["currency"] or ""]).rstrip(", "))
        changed = "" if is_chosen else " <em>The choice has changed since: Fetch brings it.</em>"
        self.heading.value = f"<strong>{words}</strong>{changed}"

    def _redraw_all(self, _: Any = None) -> None:
        self._redraw()
        self._fill()

    def _redraw(self, _: Any = None) -> None:
        if self._quiet or self._data is None:
            return
        if self.plot.value is None:
            self.figure.value = text_html(
                "There is no metric that can be drawn: fetch one with numbers"
            )
            return
        self.plot_metric.disabled = self.plot.value not in _OF_METRICS
        if self._by is None and self.plot.value in _OF_NAMES:
            self.figure.value = text_html(f"{self.plot.value} compares names: choose them in 'by'")
            return
        try:
            self.figure.value = self._drawn()
        except SDAnalyticsError as error:
            self.figure.value = alert_html(str(error))

    def _drawn(self) -> str:
        """The figure as a picture with a text that tells what it shows."""
        from matplotlib.figure import Figure

        plot, by = self.plot.value, self._by
        options: dict[str, Any] = {}
        if not self.plot_metric.disabled:
            options["metric"] = self.plot_metric.value
        if plot == "trend" or plot in _OF_NAMES:
            options["by"] = by
        # pyplot's figures come out blank where callbacks run in subshells (JupyterLab 4.4+).
        figure = Figure(figsize=_SIZE, layout="constrained")
        picture = io.BytesIO()
        with _drawing, warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always")
            getattr(plots, plot)(self._data, ax=figure.subplots(), **options)
            figure.savefig(picture, format="png", dpi=_DPI)
        words = ", ".join([plot, *(f"{key} {value}" for key, value in options.items() if value)])
        notes = "".join(status_html(str(remark.message)) for remark in remarks)
        content = base64.b64encode(picture.getvalue()).decode()
        width = round(100 * _SIZE[0])
        return (
            f'<img alt="{html.escape(words)}" style="width: {width}px; max-width: 100%" '
            f'src="data:image/png;base64,{content}">{notes}'
        )

    def _fill(self, _: Any = None) -> None:
        if self._quiet or self._data is None:
            return
        rows = self._data
        if self.table_of.value == "summary":
            rows = _summary_of(rows, self._by, [name for _, name in self.plot_metric.options])
        self.table.update_with(_legible(rows.head(ROWS)))
        cut = f"the first {ROWS:,} of {len(rows):,}" if len(rows) > ROWS else f"{len(rows):,}"
        self._table_note.value = text_html(f"{cut} rows, {len(rows.columns)} columns")


def _summary_of(data: pd.DataFrame, by: str | None, metrics: list[str]) -> pd.DataFrame:
    """What is asked most first, the largest first."""
    table = summarize(data, by)[[*([by] if by else []), *metrics]]
    return table.sort_values(metrics[:1], ascending=False)


def _plots_of(data: pd.DataFrame, metrics: list[str]) -> list[str]:
    """The figures that the frame has the columns for."""
    able = {
        "trend": bool(metrics),
        "top": bool(metrics),
        "efficiency": {"cost", "sales", "orders"} <= set(metrics),
        "funnel": {"impressions", "clicks"} <= set(metrics),
        "halo": "otherAsin" in data and bool(metrics),
        "calendar": bool(metrics),
    }
    return [name for name, is_able in able.items() if is_able]


def _metrics_of(data: pd.DataFrame) -> list[str]:
    """What can be drawn: the figures most asked for first, then Amazon's own."""
    with _drawing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = summarize(data.head(1))
    has = [str(n) for n in summary if is_numeric_measure(summary, str(n)) and n not in NON_ADDITIVE]
    ours = [name for name in (*CONVERSION_METRICS, *KPIS) if name in has]
    first = [name for name in _FIRST if name in has]
    return list(dict.fromkeys([*first, *ours, *has]))


def _keys_of(data: pd.DataFrame) -> list[str]:
    """What rows can be grouped by: names first."""
    columns = [str(name) for name in data if name != "date"]
    labels = [name for name in columns if not is_numeric_measure(data, name)]
    return list(dict.fromkeys([*(name for name in _NAMES if name in labels), *labels]))


def _offer(choice: ipw.Dropdown, options: list[Any]) -> None:
    """New options; what was chosen stays if it is among them, the first is never a choice."""
    before, first = choice.value, choice.index == 0
    choice.options = options
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if values:
        choice.value = before if before in values and not first else values[0]


def _legible(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as a table shows them: all numbers of one kind, so that they can be sorted.

    Ids are text, for scripts round numbers of 18 digits; fractions are per cent.
    """
    shown = {}
    for name, values in ((str(name), values) for name, values in rows.items()):
        if name == "date":
            shown[name] = values.dt.strftime("%Y-%m-%d")
        elif not is_numeric_measure(rows, name):
            shown[name] = values.astype("str").where(values.notna(), "")
        elif metric_unit(name) == "fraction":
            shown[f"{name} %"] = 100 * values.astype("float64")
        else:
            shown[name] = values.astype("float64")
    return pd.DataFrame(shown).reset_index(drop=True)


def _figures(value: float) -> str:
    """A number with its thousands set apart, and decimals where it has any."""
    if value != value:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


class _HtmlTable(ipw.HTML):  # type: ignore[misc]
    """pandas' own table, where there is no library for one that can be sorted."""

    def update_with(self, rows: pd.DataFrame) -> None:
        table = rows.to_html(index=False, border=0, float_format=_figures, na_rep="")
        self.value = f'<div style="max-height: 26em; overflow: auto">{table}</div>'


def _grid() -> Any:
    """A table that can be sorted, if itables is installed."""
    try:
        from itables.widget import ITable
    except ImportError:
        return _HtmlTable()

    class Grid(ITable):
        def update_with(self, rows: pd.DataFrame) -> None:
            dates = [place for place, name in enumerate(rows.columns) if name == "date"]
            unbroken = [{"targets": dates, "className": "dt-nowrap"}]
            with pd.option_context("display.float_format", _figures):
                self.update(rows, columnDefs=unbroken, showIndex=False, maxBytes=0)

    return Grid(
        pd.DataFrame(), showIndex=False, maxBytes=0, scrollX=True, pageLength=10, classes="compact"
    )
