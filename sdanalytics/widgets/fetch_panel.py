"""`FetchPanel`: the buttons Fetch and Cancel, the progress of a job, and how it ended."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import ipywidgets as ipw
import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics._core.threads import start_thread
from sdanalytics.errors import Cancelled
from sdanalytics.fetch.job import ReportJob
from sdanalytics.widgets.components import alert_html, button, status_html
from sdanalytics.widgets.messages import CANCELLED_TEXT, error_text, progress_text

PROGRESS_INTERVAL: Final = 0.1
"""Seconds between two updates of the progress bar."""


class FetchedReport(NamedTuple):
    """The frame of a job, with the warnings about it."""

    frame: pd.DataFrame
    notes: list[str]


@dataclass
class FollowedFetch:
    """A fetch that the panel follows: of one job after the other."""

    job: ReportJob


Show: TypeAlias = Callable[[FollowedFetch, FetchedReport], str]
"""Shows what was fetched, and returns the words for it."""


class FetchPanel:
    """The buttons, the progress bar and the messages of a fetch in the background.

    Parameters
    ----------
    on_end : callable
        Called when a fetch has ended, before its outcome is told.

    Attributes
    ----------
    fetch_button, cancel_button : ipywidgets.Button
    progress : ipywidgets.IntProgress
    status, hint : ipywidgets.HTML
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._run: FollowedFetch | None = None
        self._is_finished = threading.Event()
        self.fetch_button = button("Fetch", "Fetch the selected report", style="primary")
        self.cancel_button = button("Cancel", "End the running fetch")
        self.cancel_button.on_click(lambda _: self.cancel())
        self.progress = ipw.IntProgress(
            max=1, tooltip="Days that are done", layout={"width": "10em"}
        )
        self.status = ipw.HTML(status_html("Nothing fetched yet"))
        self.hint = ipw.HTML()

    @property
    def is_running(self) -> bool:
        """Whether a job is running."""
        if self._run is None:
            return False
        return self._run.job.is_running

    def decline(self) -> bool:
        """Say that a fetch is running, if one is; return whether it is so."""
        self.hint.value = ""
        if self._run is None or not self.is_running:
            return False
        if self._run.job.is_cancelled:
            self.hint.value = status_html("Still cancelling: press Fetch again in a moment")
        else:
            self.hint.value = status_html("A fetch is running: wait for it, or press Cancel")
        return True

    def start(self, job: ReportJob, show: Show) -> None:
        """Follow a job in the background, and show its frame when it has come."""
        run = FollowedFetch(job)
        self._run = run
        self._is_finished.clear()
        self.progress.value = 0
        self.progress.bar_style = "info"
        self.status.value = status_html("Requesting reports ...")
        # The context belongs to the cell or callback that started the fetch: messages of the
        # widgets are addressed by it.
        follow = partial(contextvars.copy_context().run, self._follow, run, show)
        start_thread(follow, "sdanalytics picker")

    def fetch_next(self, run: FollowedFetch, job: ReportJob) -> FetchedReport:
        """Wait for a further job of a run, and return its frame.

        Raises
        ------
        Cancelled
            Also when another run has begun since.
        SDAnalyticsError
            When the job has failed.
        """
        run.job = job
        if run is not self._run:
            job.cancel()
        return self._wait_for_frame(run)

    def cancel(self) -> None:
        """End the running fetch; partitions that have arrived are stored."""
        self.hint.value = ""
        if self._run is None or not self.is_running:
            self.hint.value = status_html("There is nothing to cancel")
            return
        self.status.value = status_html("Cancelling ...")
        self._run.job.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is being fetched, for at most `seconds`; return whether it is so."""
        if self._run is None:
            return True
        return self._is_finished.wait(seconds)

    def end(self) -> None:
        """Cancel a running fetch without a word."""
        if self._run is not None and self.is_running:
            self._run.job.cancel()

    def _follow(self, run: FollowedFetch, show: Show) -> None:
        """Show the progress of a run until it ends, then its outcome."""
        try:
            bar_style, outcome = self._read_outcome(run, show)
            if run is self._run:
                self._on_end()
                self.progress.bar_style = bar_style
                self.status.value = outcome
        finally:
            if run is self._run:
                self._is_finished.set()

    def _read_outcome(self, run: FollowedFetch, show: Show) -> tuple[str, str]:
        try:
            fetched = self._wait_for_frame(run)
            text = ""
            if run is self._run:
                text = show(run, fetched)
        except Cancelled:
            return "warning", status_html(CANCELLED_TEXT)
        except Exception as error:
            return "warning", alert_html(error_text(error))
        return "success", status_html(text)

    def _wait_for_frame(self, run: FollowedFetch) -> FetchedReport:
        while not run.job.wait(PROGRESS_INTERVAL):
            self._show_progress(run)
        self._show_progress(run)
        with collect_warnings() as notes:
            frame = run.job.result()
        return FetchedReport(frame, notes)

    def _show_progress(self, run: FollowedFetch) -> None:
        status = run.job.status()
        if run is not self._run:
            return
        self.progress.max = status.days
        self.progress.value = status.days_done
        if not run.job.is_cancelled:
            self.status.value = status_html(progress_text(status))
