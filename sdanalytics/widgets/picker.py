"""`ReportPicker`: the same call as `fetch_report`, by menus, date fields and buttons."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as ipw
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.api.client import Client
from sdanalytics.errors import Cancelled, SDAnalyticsError
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.cache import CacheLike
from sdanalytics.widgets.components import (
    alert_html,
    close_tree,
    code_block,
    hbox,
    status_html,
    words_beside,
)
from sdanalytics.widgets.fetch_panel import FetchedReport, FetchPanel, FollowedFetch
from sdanalytics.widgets.messages import frame_text
from sdanalytics.widgets.picker_model import PickerModel, PickerSelection, SelectionState
from sdanalytics.widgets.result_view import ResultView
from sdanalytics.widgets.selection_form import SelectionForm
from sdanalytics.widgets.view_code import ViewCode


class ReportPicker(ipw.VBox):  # type: ignore[misc]
    """Choose a report, fetch it in the background, and view it.

    Parameters
    ----------
    client : Client, optional
        By default as in `fetch_report`: that of the environment or of the config file. All
        profiles of its login can be chosen.
    cache : ReportCache or path, optional
        As in `fetch_report`.

    Attributes
    ----------
    profile, record_type, tactic, segment : ipywidgets.Dropdown
        Values are those of `fetch_report`; ``"both"`` tactics, ``"none"`` of the segments.
    start, end : ipywidgets.DatePicker
        Inclusive days of the profile.
    quick_ranges : list of ipywidgets.Button
        The last 7, 14 and 30 days.
    availability : ipywidgets.HTML
        Which of the days are in the cache.
    metrics : MetricSelector
        Its `value` is a tuple of names.
    compare : ipywidgets.Checkbox
        Whether the period before is fetched, too, and compared.
    fetch_button, cancel_button : ipywidgets.Button
        Fetch is off while the selection cannot be had; `availability` says why.
    progress : ipywidgets.IntProgress
        Days that are done, of all that are selected.
    status, hint : ipywidgets.HTML
        The progress and outcome of a fetch; why a button did nothing.
    result : ResultView
        The figure and the table.
    code_view : ipywidgets.HTML
        `code`, to copy.
    data : pandas.DataFrame or None
        The last frame fetched, as `fetch_report` gives it.

    Raises
    ------
    NotConfigured
        Without a client, and without an account in the environment or the config file.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     picker = sda.ReportPicker(sandbox.client, cache=False)
    ...     picker.record_type.value = "asins"
    ...     picker.fetch()
    ...     arrived = picker.wait(60)
    >>> arrived, "otherAsin" in picker.data
    (True, True)
    """

    def __init__(self, client: Client | None = None, cache: CacheLike = None) -> None:
        self._model = PickerModel(client, cache)
        self._fetched_query: ReportQuery | None = None
        self.data: pd.DataFrame | None = None
        self._create_form()
        self._create_output()
        super().__init__(
            [
                self.result.theme,
                self._form,
                hbox(
                    self.fetch_button,
                    self.cancel_button,
                    self.progress,
                    words_beside(self.availability, self.status, self.hint),
                ),
                self.result,
                self.code_view,
            ],
            layout={"width": "100%"},
        )
        self.add_class("sdanalytics-picker")
        self._form.on_change(self._on_selection)
        self.compare.observe(self._on_compare, "value")
        self.result.menus.on_change(self._on_view)
        self.result.theme.observe(self._on_theme, "colors")
        self._on_selection()

    @property
    def query(self) -> ReportQuery:
        """The selected report.

        Raises
        ------
        InvalidRequest
            When it is invalid: no metric, the last day before the first or in the future.
        """
        return self._model.build_query(self._form.selection)

    @property
    def code(self) -> str:
        """Python that gives the frame of the selection, and what is shown of it.

        The client that was passed to the picker is called `client` there, the frame `df`. If the
        period before is compared or campaigns are chosen, further lines do the same.
        """
        campaigns = self.result.campaigns.names if self._selection_matches_data() else {}
        view = ViewCode(
            campaigns=campaigns,
            is_compared=self._is_comparison_wanted,
            by=self.result.group_key,
        )
        return self._model.generate_code(self._form.selection, view)

    def fetch(self) -> None:
        """Start to fetch the selection; `wait` waits for it."""
        if self._panel.decline():
            return
        selection = self._form.selection
        try:
            job = self._model.submit(selection)
        except SDAnalyticsError as error:
            self.status.value = alert_html(str(error))
            return
        self._panel.start(job, partial(self._show_report, selection))

    def cancel(self) -> None:
        """End the running fetch; partitions that have arrived are stored."""
        self._panel.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is being fetched, for at most `seconds`; return whether it is so."""
        return self._panel.wait(seconds)

    def close(self) -> None:
        """Cancel a running fetch, and close the widget."""
        if not hasattr(self, "_panel") or self.comm is None:  # not begun, or closed before
            return
        self._panel.end()
        self.metrics.close()
        self.result.campaigns.close()
        close_tree(self)

    def __repr__(self) -> str:
        days = f"{self.start.value} to {self.end.value}"
        return f"ReportPicker({self.record_type.value}, {days}, profile {self.profile.value})"

    def _create_form(self) -> None:
        self._form = SelectionForm(self._model)
        self.profile = self._form.profile
        self.record_type = self._form.record_type
        self.tactic = self._form.tactic
        self.segment = self._form.segment
        self.start = self._form.start
        self.end = self._form.end
        self.quick_ranges = self._form.quick_ranges
        self.availability = self._form.availability
        self.metrics = self._form.metrics
        self.compare = self._form.compare

    def _create_output(self) -> None:
        self._panel = panel = FetchPanel(self._on_selection)
        self.fetch_button = panel.fetch_button
        self.cancel_button = panel.cancel_button
        self.progress = panel.progress
        self.status = panel.status
        self.hint = panel.hint
        self.fetch_button.on_click(lambda _: self.fetch())
        if self._model.notice:
            self.status.value = alert_html(self._model.notice)
        self.result = ResultView()
        self.code_view = ipw.HTML()

    @property
    def _is_comparison_wanted(self) -> bool:
        return bool(self.compare.value) and not self.compare.disabled

    def _on_selection(self) -> None:
        """Show what fetching the selection would do, and the same in Python."""
        self.result.set_heading(is_current=self._selection_matches_data())
        try:
            state = self._model.inspect(self._form.selection)
        except SDAnalyticsError as error:
            self._show_state(SelectionState("", str(error), ""))
            self.code_view.value = ""
            return
        self._show_state(state)
        self.code_view.value = code_block(self.code)

    def _show_state(self, state: SelectionState) -> None:
        """Say whether the selection can be had; Fetch is off if it cannot."""
        self.fetch_button.disabled = bool(state.problem)
        self._form.show_state(state)

    def _on_view(self, _: bool) -> None:
        """Tell in the code what is shown."""
        if self.code_view.value:
            self.code_view.value = code_block(self.code)

    def _on_theme(self, _: Any) -> None:
        if self.result.theme.is_dark:
            self.add_class("sdanalytics-dark")
        else:
            self.remove_class("sdanalytics-dark")

    def _on_compare(self, _: Any) -> None:
        """Fetch the period before of what is shown, or show the selected days only again."""
        self._on_selection()
        if self.data is not None and not self._is_comparison_wanted:
            self.result.show_both(None)
            self.status.value = status_html(frame_text(self.data))
        elif self._selection_matches_data() and not self._panel.decline():
            job = self._model.submit_both(self._form.selection)
            self._panel.start(job, self._show_both)

    def _selection_matches_data(self) -> bool:
        if self.data is None:
            return False
        try:
            query = self.query
        except SDAnalyticsError:
            return False
        profile_id = frame_metadata(self.data).get("profile_id")
        return query == self._fetched_query and profile_id == self.profile.value

    def _show_report(
        self, selection: PickerSelection, run: FollowedFetch, fetched: FetchedReport
    ) -> str:
        """Show a frame, with the period before if it is wanted, and return the words for it."""
        frame, notes = fetched
        both = None
        if self._is_comparison_wanted:
            both, notes = self._fetch_both(selection, run, notes)
        self.data = frame
        self._fetched_query = self._model.build_query(selection)
        self.result.show(frame, self._model.find_curve(frame), both, notes)
        return frame_text(frame, self.result.compared_period)

    def _show_both(self, _: FollowedFetch, fetched: FetchedReport) -> str:
        self.result.show_both(fetched.frame, fetched.notes)
        assert self.data is not None
        return frame_text(self.data, self.result.compared_period)

    def _fetch_both(
        self, selection: PickerSelection, run: FollowedFetch, notes: list[str]
    ) -> tuple[pd.DataFrame | None, list[str]]:
        """Return the report with the period before; None and the reason if it cannot be had."""
        try:
            job = self._model.submit_both(selection)
            both = self._panel.fetch_next(run, job)
        except Cancelled:
            raise
        except SDAnalyticsError as error:
            return None, [*notes, f"the period before is not compared: {error}"]
        return both.frame, [*notes, *both.notes]
