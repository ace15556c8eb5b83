"""`ReportPicker`: the same call as `fetch_report`, by menus, date fields and buttons."""

from __future__ import annotations

import contextvars
import threading
from functools import partial
from typing import Final

import ipywidgets as ipw
import pandas as pd

from sdanalytics._core.threads import start_thread
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.api.client import Client
from sdanalytics.errors import Cancelled, SDAnalyticsError
from sdanalytics.fetch.job import ReportJob
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.code_generation import CacheOption
from sdanalytics.widgets.components import (
    alert_html,
    button,
    close_tree,
    code_block,
    hbox,
    status_html,
)
from sdanalytics.widgets.messages import (
    CANCELLED_TEXT,
    error_text,
    frame_text,
    progress_text,
)
from sdanalytics.widgets.picker_model import PickerModel
from sdanalytics.widgets.result_view import ResultView
from sdanalytics.widgets.selection_form import SelectionForm

PROGRESS_INTERVAL: Final = 0.1
"""Seconds between two updates of the progress bar."""


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
    fetch_button, cancel_button : ipywidgets.Button
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

    _job: ReportJob | None = None  # `close` needs it, also when `__init__` has failed

    def __init__(self, client: Client | None = None, cache: CacheOption = None) -> None:
        self._model = PickerModel(client, cache)
        self._fetched_query: ReportQuery | None = None
        self._is_finished = threading.Event()
        self.data: pd.DataFrame | None = None
        self._create_form()
        self._create_output()
        super().__init__(
            [
                self._form,
                hbox(self.fetch_button, self.cancel_button, self.progress),
                self.status,
                self.hint,
                self.result,
                self.code_view,
            ],
            layout={"width": "100%"},
        )
        self.add_class("sdanalytics-picker")
        self._form.on_change(self._on_selection)
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
        """Python that gives the frame of the selection.

        The client that was passed to the picker is called `client` there.
        """
        return self._model.generate_code(self._form.selection)

    def fetch(self) -> None:
        """Start to fetch the selection; `wait` waits for it."""
        self.hint.value = ""
        if self._job is not None and self._job.is_running:
            if self._job.is_cancelled:
                self.hint.value = status_html("Still cancelling: press Fetch again in a moment")
            else:
                self.hint.value = status_html("A fetch is running: wait for it, or press Cancel")
            return
        try:
            job = self._model.submit(self._form.selection)
        except SDAnalyticsError as error:
            self.status.value = alert_html(str(error))
            return
        self._job = job
        self._is_finished.clear()
        self.progress.value = 0
        self.progress.bar_style = "info"
        self.status.value = status_html("Requesting reports ...")
        # The context belongs to the cell or callback that started the fetch: messages of the
        # widgets are addressed by it.
        follow = partial(contextvars.copy_context().run, self._follow, job)
        start_thread(follow, "sdanalytics picker")

    def cancel(self) -> None:
        """End the running fetch; partitions that have arrived are stored."""
        self.hint.value = ""
        if self._job is None or not self._job.is_running:
            self.hint.value = status_html("There is nothing to cancel")
            return
        self.status.value = status_html("Cancelling ...")
        self._job.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is being fetched, for at most `seconds`; return whether it is so."""
        return self._job is None or self._is_finished.wait(seconds)

    def close(self) -> None:
        """Cancel a running fetch, and close the widget."""
        if self._job is not None and self._job.is_running:
            self._job.cancel()
        if self.comm is None:  # never displayed, or closed before
            return
        self.metrics.close()
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

    def _create_output(self) -> None:
        self.fetch_button = button("Fetch", "Fetch the selected report", style="primary")
        self.cancel_button = button("Cancel", "End the running fetch")
        self.fetch_button.on_click(lambda _: self.fetch())
        self.cancel_button.on_click(lambda _: self.cancel())
        self.progress = ipw.IntProgress(
            max=1,
            description="Progress",
            tooltip="Days that are done",
            layout={"width": "16em"},
            style={"description_width": "5em"},
        )
        self.status = ipw.HTML(status_html("Nothing fetched yet"))
        if self._model.notice:
            self.status.value = alert_html(self._model.notice)
        self.hint = ipw.HTML()
        self.result = ResultView()
        self.code_view = ipw.HTML()

    def _on_selection(self) -> None:
        """Show what fetching the selection would do, and the same in Python."""
        self.result.set_heading(is_current=self._selection_matches_data())
        selection = self._form.selection
        try:
            availability = self._model.describe_availability(selection)
            self.availability.value = status_html(availability)
            self.code_view.value = code_block(self.code)
        except SDAnalyticsError as error:
            self.availability.value = alert_html(str(error))
            self.code_view.value = ""

    def _selection_matches_data(self) -> bool:
        if self.data is None:
            return False
        try:
            query = self.query
        except SDAnalyticsError:
            return False
        profile_id = frame_metadata(self.data).get("profile_id")
        return query == self._fetched_query and profile_id == self.profile.value

    def _follow(self, job: ReportJob) -> None:
        """Show the progress of a job until it ends, then its outcome."""
        try:
            while not job.wait(PROGRESS_INTERVAL):
                self._show_progress(job)
            self._show_progress(job)
            self._show_outcome(job)
        finally:
            if job is self._job:
                self._is_finished.set()

    def _show_progress(self, job: ReportJob) -> None:
        status = job.status()
        if job is not self._job:
            return
        self.progress.max = status.days
        self.progress.value = status.days_done
        if not job.is_cancelled:
            self.status.value = status_html(progress_text(status))

    def _show_outcome(self, job: ReportJob) -> None:
        """Show the frame or the error of a job, unless another one has started since."""
        if job is not self._job:
            return
        try:
            frame = job.result()
        except Cancelled:
            self.progress.bar_style = "warning"
            outcome = status_html(CANCELLED_TEXT)
        except Exception as error:
            self.progress.bar_style = "warning"
            outcome = alert_html(error_text(error))
        else:
            self.progress.bar_style = "success"
            self.progress.value = self.progress.max
            self.data = frame
            self._fetched_query = job.query
            self.status.value = status_html("Drawing ...")
            curve = self._model.find_curve(frame)
            self.result.show(frame, curve)
            outcome = status_html(frame_text(frame))
        self._on_selection()
        self.status.value = outcome
