"""The result of a fetch: a figure and a table, chosen from menus, and files of both."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as ipw
import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.periods import Period
from sdanalytics.delivery.report_words import count_things
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.model.partition import report_name
from sdanalytics.widgets.components import (
    alert_html,
    button,
    hbox,
    joined_buttons,
    status_html,
    text_html,
    warning_html,
)
from sdanalytics.widgets.figures import PLOTS_WITH_GROUP, Picture, draw_figure
from sdanalytics.widgets.final_numbers import describe_finals, list_final_metrics
from sdanalytics.widgets.lab_theme import LabTheme
from sdanalytics.widgets.result_menus import ResultMenus, take_sample
from sdanalytics.widgets.result_table import MAX_TABLE_ROWS, ResultTable
from sdanalytics.widgets.saved_files import save_csv, save_excel, save_figure
from sdanalytics.widgets.shown_report import ShownReport, ViewChoice, find_group_key
from sdanalytics.widgets.table_content import TableContent, fill_table


class ResultView(ipw.VBox):  # type: ignore[misc]
    """A figure and a table of a frame.

    Attributes
    ----------
    menus : ResultMenus
    plot, plot_metric, plot_by : ipywidgets.Dropdown
        The figure (one of `sdanalytics.plots`), its metric, and the column to group by.
    table_of : ipywidgets.Dropdown
        ``"summary"`` by `plot_by`, ``"recommendations"``, or ``"rows"`` as they were fetched.
    target_acos : ipywidgets.Text
        Per cent; empty for none.
    campaigns : CampaignFilter
        The campaigns that figure and table are about.
    use_final : ipywidgets.Checkbox
        Whether results are told as they will be when final; hidden without a curve.
    final_note : ipywidgets.HTML
        Whether they are, and what that rests on.
    notes : ipywidgets.HTML
        Warnings about the numbers.
    heading : ipywidgets.HTML
        Which report is shown, and whether the selection has changed since.
    save_png, save_csv, save_excel : ipywidgets.Button
        Write what is shown into the folder of the notebook.
    saved : ipywidgets.HTML
        The file that was written.
    figure : ipywidgets.HTML
    table : ResultTable
    theme : LabTheme
        Not a child: it is placed by whoever uses the view.
    """

    def __init__(self) -> None:
        self._report: ShownReport | None = None
        self._fetch_notes: list[str] = []
        self._figure_notes: list[str] = []
        self._table_notes: list[str] = []
        self.theme = LabTheme()
        self.menus = ResultMenus()
        self._name_menus()
        self.final_note = ipw.HTML()
        self.notes = ipw.HTML()
        self.heading = ipw.HTML()
        self.saved = ipw.HTML()
        self.figure = ipw.HTML()
        self.table = ResultTable()
        self._table_size = ipw.HTML()
        self._create_save_buttons()
        self.heading.add_class("sdanalytics-title")
        self.figure.add_class("sdanalytics-figure")
        super().__init__(self._list_parts(), layout={"display": "none"})
        self.add_class("sdanalytics-result")
        self.menus.on_change(self._on_menu)
        self.theme.observe(self._on_theme, "colors")

    def show(
        self,
        data: pd.DataFrame,
        curve: pd.DataFrame | None = None,
        both: pd.DataFrame | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Show a frame; menus retain their selection where it applies.

        Parameters
        ----------
        data : pandas.DataFrame
            From `fetch_report`.
        curve : pandas.DataFrame, optional
            Its curve of `maturity`: results are told as they will be when final.
        both : pandas.DataFrame, optional
            The same report with the period before: figure and table compare the two.
        notes : sequence of str
            Warnings of the fetch.
        """
        final_metrics = list_final_metrics(take_sample(data), curve)
        if not final_metrics:
            curve = None
        self._report = ShownReport(data, both, curve, final_metrics)
        self._fetch_notes = list(notes)
        self._offer_and_draw()
        self.layout.display = None

    def show_both(self, both: pd.DataFrame | None, notes: Sequence[str] = ()) -> None:
        """Compare what is shown with the period before, or no longer if there is none."""
        if self._report is None:
            return
        self._report = replace(self._report, both=both)
        self._fetch_notes += notes
        self._offer_and_draw()

    def set_heading(self, *, is_current: bool) -> None:
        """Name the report that is shown, and say if the selection has changed since."""
        if self._report is None:
            return
        heading = f"<strong>{html.escape(_title_report(self._report))}</strong>"
        if not is_current:
            heading += " <em>Selection changed. Press Fetch to update.</em>"
        self.heading.value = heading

    @property
    def compared_period(self) -> Period | None:
        """The period before, if it is compared."""
        if self._report is None or self._report.both is None:
            return None
        return self._report.before

    @property
    def group_key(self) -> str | None:
        """The column that the rows of the table are told apart by; None for all together."""
        by = self.menus.by
        if by is None or self._report is None:
            return by
        return find_group_key(self._report.rows, by)

    def _list_parts(self) -> list[ipw.Widget]:
        """Return the parts of the view from top to bottom."""
        save_buttons = joined_buttons(self.save_png, self.save_csv, self.save_excel)
        return [
            hbox(self.heading, save_buttons),
            self.saved,
            self.menus,
            self.notes,
            self.final_note,
            self.figure,
            hbox(self.table_of, self._table_size),
            self.table,
        ]

    def _name_menus(self) -> None:
        self.plot = self.menus.plot
        self.plot_metric = self.menus.plot_metric
        self.plot_by = self.menus.plot_by
        self.table_of = self.menus.table_of
        self.target_acos = self.menus.target_acos
        self.campaigns = self.menus.campaigns
        self.use_final = self.menus.use_final

    def _create_save_buttons(self) -> None:
        self.save_png = button("Save PNG", "The figure, on white, into the notebook's folder")
        self.save_csv = button("CSV", "The table with all its rows, into the notebook's folder")
        self.save_excel = button("Excel", "The table and its rows, into the notebook's folder")
        self.save_png.on_click(partial(self._save, save_figure))
        self.save_csv.on_click(partial(self._save_table, save_csv))
        self.save_excel.on_click(partial(self._save_table, save_excel))

    def _shown(self) -> ShownReport:
        """Return the report with the chosen campaigns, and the curve if it is wanted."""
        report = self._report
        assert report is not None
        if not self.use_final.value:
            report = replace(report, curve=None, final_metrics=())
        return report.select_campaigns(self.campaigns.ids)

    def _on_menu(self, is_of_all: bool) -> None:
        if self._report is None:
            return
        self.saved.value = ""
        if is_of_all:
            self._draw_all()
        else:
            self._draw_figure()

    def _on_theme(self, _: Any) -> None:
        if self._report is not None:
            self._draw_figure()

    def _offer_and_draw(self) -> None:
        report = self._report
        assert report is not None
        self.saved.value = ""
        self.menus.offer(
            report.rows,
            is_compared=report.both is not None,
            has_finals=report.curve is not None,
        )
        self._draw_all()

    def _draw_all(self) -> None:
        assert self._report is not None
        is_used = self._report.curve is not None and self.use_final.value
        note = describe_finals(self.menus.metrics, self._report.curve, is_used=is_used)
        self.final_note.value = text_html(note)
        self._draw_figure()
        self._fill_table()

    def _draw_figure(self) -> None:
        self.menus.disable_unused()
        self._figure_notes = []
        try:
            self.figure.value = self._render(self.menus.choice)
        except SDAnalyticsError as error:
            self.figure.value = alert_html(str(error))
        self._show_notes()

    def _render(self, choice: ViewChoice) -> str:
        """Return the figure as HTML, or why there is none."""
        if choice.plot is None:
            return text_html("No metric can be drawn: fetch a numeric one")
        if choice.by is None and choice.plot in PLOTS_WITH_GROUP:
            return text_html(f"{choice.plot} compares names: choose a column in 'by'")
        picture = draw_figure(self._shown(), choice, self.theme.colors)
        self._figure_notes = picture.notes
        return _image_html(picture)

    def _fill_table(self) -> None:
        self._table_notes = []
        try:
            table = self._make_table()
        except SDAnalyticsError as error:
            self._table_size.value = alert_html(str(error))
            self.table.clear()
        else:
            self.table.show_content(table)
            self._table_size.value = text_html(_describe_size(table))
        self._show_notes()

    def _make_table(self) -> TableContent:
        with collect_warnings() as notes:
            table = fill_table(self._shown(), self.menus.choice, self.menus.metrics)
        self._table_notes = notes
        return table

    def _show_notes(self) -> None:
        notes = [*self._fetch_notes, *self._figure_notes, *self._table_notes]
        self.notes.value = "".join(map(warning_html, dict.fromkeys(notes)))

    def _save_table(
        self, save: Callable[[ShownReport, ViewChoice, TableContent], Path], _: Any
    ) -> None:
        self._save(lambda report, choice: save(report, choice, self._make_table()), None)

    def _save(self, save: Callable[[ShownReport, ViewChoice], Path], _: Any) -> None:
        """Write a file, and say where it is or why there is none."""
        try:
            path = save(self._shown(), self.menus.choice)
        except (SDAnalyticsError, OSError) as error:
            self.saved.value = alert_html(str(error))
        else:
            folder = path.resolve().parent
            self.saved.value = status_html(f"Saved as {path.name} in {folder}")


def _image_html(picture: Picture) -> str:
    """Return a picture as HTML with an alternative text."""
    content = base64.b64encode(picture.png).decode()
    return (
        f'<img alt="{html.escape(picture.text)}" style="width: {picture.width}px" '
        f'src="data:image/png;base64,{content}">'
    )


def _title_report(report: ShownReport) -> str:
    metadata = frame_metadata(report.rows)
    account = metadata.get("account_name")
    profile = f"profile {metadata['profile_id']}"
    parts = [
        report_name(metadata["record_type"], metadata["segment"]),
        f"{metadata['start']} to {metadata['end']}",
        f"{account} ({profile})" if account else profile,
    ]
    if metadata["currency"]:
        parts.append(metadata["currency"])
    return ", ".join(parts)


def _describe_size(table: TableContent) -> str:
    count = len(table.rows)
    rows = count_things(count, "row")
    size = f"{rows}, {len(table.columns)} columns"
    if count > MAX_TABLE_ROWS:
        return f"the first {MAX_TABLE_ROWS:,} of {size}"
    return size
