"""The result of a fetch: a figure and a table, chosen from menus."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any, Final

import ipywidgets as ipw
import pandas as pd

from sdanalytics import plots
from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.group_summary import has_measures
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS, is_numeric_measure
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.summarize import summarize
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.model.partition import report_name
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.widgets.components import (
    alert_html,
    checkbox,
    dropdown,
    hbox,
    status_html,
    text_html,
)
from sdanalytics.widgets.final_numbers import describe_finals, list_final_metrics, place_finals
from sdanalytics.widgets.result_table import create_table

MAX_TABLE_ROWS: Final = 1000
"""Rows that the table shows; the frame has them all."""
NO_GROUPING: Final = "(all together)"
"""The option for no grouping: a menu takes None for no selection at all."""

PREFERRED_METRICS: Final = (
    "cost",
    "sales",
    "orders",
    "acos",
    "roas",
    "halo_sales",
    "halo_orders",
    "impressions",
    "clicks",
    "ctr",
    "cpc",
)
"""Metrics that are offered first."""
PREFERRED_KEYS: Final = ("otherAsin", "targetingText", "asin", "adGroupName", "campaignName")
"""Columns that are offered first for grouping: the names of a report's rows."""
PLOTS_WITH_METRIC: Final = ("trend", "top", "calendar", "halo")
PLOTS_WITH_GROUP: Final = ("top", "efficiency")

_FIGURE_SIZE: Final = (8.0, 4.6)
"""Inches."""
_IMAGE_DPI: Final = 144
_CSS_PIXELS_PER_INCH: Final = 100


class ResultView(ipw.VBox):  # type: ignore[misc]
    """A figure and a table of a frame.

    Attributes
    ----------
    plot, plot_metric, plot_by : ipywidgets.Dropdown
        The figure (one of `sdanalytics.plots`), its metric, and the column to group by.
    table_of : ipywidgets.Dropdown
        ``"summary"`` by `plot_by`, or ``"rows"`` as they were fetched.
    use_final : ipywidgets.Checkbox
        Whether results are told as they will be when final; hidden without a curve.
    final_note : ipywidgets.HTML
        Whether they are, and what that rests on.
    heading : ipywidgets.HTML
        Which report is shown, and whether the selection has changed since.
    figure : ipywidgets.HTML
    table : itables.widget.ITable or ipywidgets.HTML
    """

    def __init__(self) -> None:
        self._data: pd.DataFrame | None = None
        self._curve: pd.DataFrame | None = None
        self._final_metrics: list[str] = []
        self._is_suspended = False
        self.plot = dropdown("Plot", [], "The figure", "14em")
        self.plot_metric = dropdown("of", [], "The metric of the figure", "26em")
        self.plot_by = dropdown("by", [NO_GROUPING], "What figure and table group by", "22em")
        self.table_of = dropdown("Table", ["summary", "rows"], "What the table shows", "14em")
        self.use_final = checkbox("Final numbers", "Results as they will be when final")
        self.final_note = ipw.HTML()
        self.heading = ipw.HTML()
        self.figure = ipw.HTML(layout={"width": "100%"})
        self.table = create_table()
        self._table_size = ipw.HTML()
        super().__init__(
            [
                self.heading,
                hbox(self.plot, self.plot_metric, self.plot_by),
                hbox(self.use_final, self.final_note),
                self.figure,
                hbox(self.table_of, self._table_size),
                self.table,
            ],
            layout={"display": "none", "border_top": "1px solid var(--jp-border-color2, #cccccc)"},
        )
        self.plot.observe(self._draw_figure, "value")
        self.plot_metric.observe(self._draw_figure, "value")
        self.plot_by.observe(self._draw_all, "value")
        self.use_final.observe(self._draw_all, "value")
        self.table_of.observe(self._fill_table, "value")

    def show(self, data: pd.DataFrame, curve: pd.DataFrame | None = None) -> None:
        """Show a frame; menus retain their selection where it applies.

        Parameters
        ----------
        data : pandas.DataFrame
            From `fetch_report`.
        curve : pandas.DataFrame, optional
            Its curve of `maturity`: results are told as they will be when final.
        """
        self._data = data
        sample = _take_sample(data)
        metrics = _drawable_metrics(sample)
        self._final_metrics = list_final_metrics(sample, curve)
        self._curve = curve if self._final_metrics else None
        labelled_metrics = [(metric_label(name), name) for name in metrics]
        self._is_suspended = True
        _set_options(self.plot, _available_plots(data, metrics))
        _set_options(self.plot_metric, labelled_metrics)
        _set_options(self.plot_by, [*_group_columns(data), NO_GROUPING])
        self.use_final.layout.display = "none" if self._curve is None else None
        self._is_suspended = False
        self.layout.display = None
        self._draw_all()

    def set_heading(self, *, is_current: bool) -> None:
        """Name the report that is shown, and say if the selection has changed since."""
        if self._data is None:
            return
        metadata = frame_metadata(self._data)
        parts = [
            report_name(metadata["record_type"], metadata["segment"]),
            f"{metadata['start']} to {metadata['end']}",
            f"profile {metadata['profile_id']}",
        ]
        if metadata["currency"]:
            parts.append(metadata["currency"])
        title = html.escape(", ".join(parts))
        heading = f"<strong>{title}</strong>"
        if not is_current:
            heading += " <em>Selection changed. Press Fetch to update.</em>"
        self.heading.value = heading

    @property
    def _by(self) -> str | None:
        column: str = self.plot_by.value
        return None if column == NO_GROUPING else column

    @property
    def _final(self) -> pd.DataFrame | None:
        """The curve, if final numbers are wanted."""
        return self._curve if self.use_final.value else None

    def _draw_all(self, _: Any = None) -> None:
        if self._is_suspended:
            return
        metrics = [name for _, name in self.plot_metric.options]
        note = describe_finals(metrics, self._curve, is_used=self._final is not None)
        self.final_note.value = text_html(note)
        self._draw_figure()
        self._fill_table()

    def _draw_figure(self, _: Any = None) -> None:
        if self._is_suspended or self._data is None:
            return
        plot = self.plot.value
        if plot is None:
            self.figure.value = text_html("No metric can be drawn: fetch a numeric one")
            return
        self.plot_metric.disabled = plot not in PLOTS_WITH_METRIC
        if self._by is None and plot in PLOTS_WITH_GROUP:
            self.figure.value = text_html(f"{plot} compares names: choose a column in 'by'")
            return
        try:
            self.figure.value = _render_figure(self._data, plot, self._plot_options(plot))
        except SDAnalyticsError as error:
            self.figure.value = alert_html(str(error))

    def _plot_options(self, plot: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if plot in PLOTS_WITH_METRIC:
            options["metric"] = self.plot_metric.value
        if plot == "trend" or plot in PLOTS_WITH_GROUP:
            options["by"] = self._by
        if plot == "trend" and self.plot_metric.value in self._final_metrics:
            options["final"] = self._final
        return options

    def _fill_table(self, _: Any = None) -> None:
        if self._is_suspended or self._data is None:
            return
        rows = self._data
        notes: list[str] = []
        if self.table_of.value == "summary":
            metrics = [name for _, name in self.plot_metric.options]
            with collect_warnings() as notes:
                rows = _summary_table(rows, self._by, metrics, self._final)
        self.table.show_rows(rows.head(MAX_TABLE_ROWS))
        count = len(rows)
        size = f"{count:,} rows, {len(rows.columns)} columns"
        if count > MAX_TABLE_ROWS:
            size = f"the first {MAX_TABLE_ROWS:,} of {size}"
        self._table_size.value = text_html(size) + "".join(map(status_html, notes))


def _render_figure(data: pd.DataFrame, plot: str, options: dict[str, Any]) -> str:
    """Draw a figure, and return it as an HTML image with an alternative text."""
    from matplotlib.figure import Figure

    # pyplot's figures come out blank where callbacks run in subshells (JupyterLab 4.4+).
    figure = Figure(figsize=_FIGURE_SIZE, layout="constrained")
    png = io.BytesIO()
    draw = getattr(plots, plot)
    with collect_warnings() as notes:
        draw(data, ax=figure.subplots(), **options)
        figure.savefig(png, format="png", dpi=_IMAGE_DPI)
    description = [plot]
    for name, value in options.items():
        if isinstance(value, pd.DataFrame):
            description.append(f"{name} numbers")
        elif value:
            description.append(f"{name} {value}")
    alternative_text = html.escape(", ".join(description))
    content = base64.b64encode(png.getvalue()).decode()
    width = round(_CSS_PIXELS_PER_INCH * _FIGURE_SIZE[0])
    image = (
        f'<img alt="{alternative_text}" style="width: {width}px; max-width: 100%" '
        f'src="data:image/png;base64,{content}">'
    )
    return image + "".join(map(status_html, notes))


def _summary_table(
    data: pd.DataFrame, by: str | None, metrics: list[str], final: pd.DataFrame | None
) -> pd.DataFrame:
    """Return a summary with the metrics in the order of the menu, the largest rows first."""
    if not metrics:
        return data
    summary = summarize(data, by, final=final)
    columns = place_finals(summary, metrics)
    if by is not None:
        columns.insert(0, by)
    return summary[columns].sort_values(metrics[:1], ascending=False)


def _available_plots(data: pd.DataFrame, metrics: list[str]) -> list[str]:
    """Return the figures that the frame has the columns for."""
    if not metrics:
        return []
    available = ["trend", "top"]
    if {"cost", "sales", "orders"} <= set(metrics):
        available.append("efficiency")
    if {"impressions", "clicks"} <= set(metrics):
        available.append("funnel")
    if "otherAsin" in data:
        available.append("halo")
    available.append("calendar")
    return available


def _take_sample(data: pd.DataFrame) -> pd.DataFrame:
    """Return a row of each cost type: it decides which results there are."""
    return data.drop_duplicates("costType") if "costType" in data else data.head(1)


def _drawable_metrics(sample: pd.DataFrame) -> list[str]:
    """Return the metrics that can be drawn: preferred ones, results and KPIs, then Amazon's."""
    if not has_measures(sample):
        return []
    with collect_warnings():  # the figure and the table show them
        summary = summarize(sample)
    drawable = []
    for name in map(str, summary.columns):
        if is_numeric_measure(summary, name) and name not in NON_ADDITIVE:
            drawable.append(name)
    return _move_to_front(drawable, [*PREFERRED_METRICS, *CONVERSION_METRICS, *KPIS])


def _group_columns(data: pd.DataFrame) -> list[str]:
    """Return the columns that rows can be grouped by, names first."""
    columns = []
    for name in map(str, data.columns):
        if name != "date" and not is_numeric_measure(data, name):
            columns.append(name)
    return _move_to_front(columns, PREFERRED_KEYS)


def _move_to_front(names: list[str], preferred: Sequence[str]) -> list[str]:
    """Return the names, each once, with the preferred ones first in their order."""
    first = [name for name in preferred if name in names]
    return list(dict.fromkeys(first + names))


def _set_options(menu: ipw.Dropdown, options: list[Any]) -> None:
    """Replace a menu's options; a selection other than the first option is kept if offered."""
    previous, was_first = menu.value, menu.index == 0
    menu.options = options
    values = []
    for option in options:
        values.append(option[1] if isinstance(option, tuple) else option)
    if not values:
        return
    is_kept = previous in values and not was_first
    menu.value = previous if is_kept else values[0]
