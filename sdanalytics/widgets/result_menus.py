"""The menus above a result: figure, metric, grouping, target, campaigns, final numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets as ipw
import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.group_summary import has_measures
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS, is_numeric_measure
from sdanalytics.analysis.summarize import summarize
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.widgets.campaign_filter import CampaignFilter
from sdanalytics.widgets.components import checkbox, dropdown, hbox, show_widget, text_field
from sdanalytics.widgets.figures import PLOTS_WITH_METRIC, list_figures
from sdanalytics.widgets.shown_report import ViewChoice
from sdanalytics.widgets.table_content import RECOMMENDATIONS, ROWS, SUMMARY

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
_PARTS_OF_RECOMMENDATIONS: Final = frozenset(("cost", "clicks", "orders", "sales"))


class ResultMenus(ipw.VBox):  # type: ignore[misc]
    """Menus that choose what is shown of a frame.

    Attributes
    ----------
    plot, plot_metric, plot_by, table_of : ipywidgets.Dropdown
    target_acos : ipywidgets.Text
        Per cent; empty for none.
    use_final : ipywidgets.Checkbox
    campaigns : CampaignFilter
    metrics : list of str
        Those of the frame that can be drawn, the most important ones first.
    """

    def __init__(self) -> None:
        self._is_suspended = False
        self._callbacks: list[Callable[[bool], None]] = []
        self.metrics: list[str] = []
        self.plot = dropdown("Plot", [], "The figure")
        self.plot_metric = dropdown("of", [], "The metric of the figure")
        self.plot_by = dropdown("by", [NO_GROUPING], "What figure and table group by")
        self.table_of = dropdown("Table", [SUMMARY, ROWS], "What the table shows")
        self.target_acos = text_field(
            "Target ACOS %", "none", "Marked in figure and table", "7em", continuous_update=False
        )
        self.use_final = checkbox("Final numbers", "Results as they will be when final", value=True)
        self.campaigns = CampaignFilter()
        super().__init__(
            [
                hbox(
                    self.plot,
                    self.plot_metric,
                    self.plot_by,
                    self.target_acos,
                    self.campaigns.toggle,
                    self.use_final,
                ),
                self.campaigns,
            ]
        )
        self.plot.observe(self._on_figure, "value")
        self.plot_metric.observe(self._on_figure, "value")
        for field in (self.plot_by, self.table_of, self.target_acos, self.use_final):
            field.observe(self._on_all, "value")
        self.campaigns.list.observe(self._on_all, "value")

    @property
    def choice(self) -> ViewChoice:
        """The values of all menus.

        Raises
        ------
        InvalidRequest
            When the target is no number of per cent.
        """
        return ViewChoice(
            plot=self.plot.value,
            metric=self.plot_metric.value,
            by=self.by,
            table=self.table_of.value,
            target_acos=_parse_target(self.target_acos.value),
        )

    @property
    def by(self) -> str | None:
        """The column to group by; None for all rows together."""
        column: str = self.plot_by.value
        if column == NO_GROUPING:
            return None
        return column

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call `callback` after a change, with whether it is of more than the figure."""
        self._callbacks.append(callback)

    def offer(self, rows: pd.DataFrame, *, is_compared: bool, has_finals: bool) -> None:
        """Offer what a frame has; menus retain their selection where it applies."""
        self.metrics = list_drawable_metrics(take_sample(rows))
        labelled_metrics = [(metric_label(name), name) for name in self.metrics]
        figures = list_figures(rows, self.metrics, is_compared=is_compared)
        tables = [SUMMARY, ROWS]
        if _PARTS_OF_RECOMMENDATIONS.issubset(self.metrics):
            tables.insert(1, RECOMMENDATIONS)
        self._is_suspended = True
        _set_options(self.plot, figures)
        _set_options(self.plot_metric, labelled_metrics)
        _set_options(self.plot_by, [*_group_columns(rows), NO_GROUPING])
        _set_options(self.table_of, tables)
        self.campaigns.offer(rows)
        show_widget(self.use_final, is_shown=has_finals)
        self._is_suspended = False

    def disable_unused(self) -> None:
        """Disable the menu of metrics where the figure has no metric of its own."""
        self.plot_metric.disabled = self.plot.value not in PLOTS_WITH_METRIC

    def _on_figure(self, _: Any) -> None:
        self._tell(is_of_all=False)

    def _on_all(self, _: Any) -> None:
        self._tell(is_of_all=True)

    def _tell(self, *, is_of_all: bool) -> None:
        if self._is_suspended:
            return
        for callback in self._callbacks:
            callback(is_of_all)


def take_sample(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row of each cost type: it decides which results there are."""
    if "costType" in rows:
        return rows.drop_duplicates("costType")
    return rows.head(1)


def list_drawable_metrics(sample: pd.DataFrame) -> list[str]:
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


def _parse_target(text: str) -> float | None:
    """Return a target in per cent as a fraction; None for an empty text."""
    digits = text.strip().removesuffix("%").strip().replace(",", ".")
    if not digits:
        return None
    try:
        per_cent = float(digits)
    except ValueError:
        per_cent = 0.0
    if not 0 < per_cent <= 100:
        raise InvalidRequest(
            f"the target ACOS must be a number of per cent from 1 to 100, such as 30, got {text!r}"
        )
    return per_cent / 100


def _group_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns that rows can be grouped by, names first."""
    columns = []
    for name in map(str, rows.columns):
        if name != "date" and not is_numeric_measure(rows, name):
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
