"""`ReportJob`: a fetch in the background that can be watched, waited for and cancelled."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics._core.hidden_frames import remove_frames
from sdanalytics._core.threads import start_thread
from sdanalytics._core.user_warnings import warn_user
from sdanalytics.errors import Cancelled, DataWarning, SDAnalyticsError
from sdanalytics.fetch.fetch_run import ProgressFactory
from sdanalytics.fetch.job_status import JobState, JobStatus
from sdanalytics.fetch.notebook_display import NotebookDisplay, progress_bundle
from sdanalytics.fetch.open_run import open_run
from sdanalytics.fetch.options import FetchOptions
from sdanalytics.fetch.tracker import Countable, FetchCounts, count_query
from sdanalytics.model.query import ReportQuery

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

REFRESH_INTERVAL: Final = 0.25
"""Seconds between two updates of a job that is displayed in a notebook."""
SHUTDOWN_GRACE: Final = 1.0
"""Seconds that detached jobs get to end, at shutdown and after Ctrl-C."""


class ReportJob:
    """A running `submit_report`, in a thread of its own.

    In a notebook a job displays its status while it runs. When the interpreter exits, a job is
    detached: the reports that it requested are in the in-flight registry of the store, and the same
    call resumes them. Callbacks that are running then are waited for.

    Attributes
    ----------
    query : ReportQuery
        What is fetched.
    """

    def __init__(
        self, query: ReportQuery, options: FetchOptions, make_progress: ProgressFactory
    ) -> None:
        self.query = query
        self._options = options
        self._deadline = options.deadline
        self._progress_factory = make_progress
        self._thread: threading.Thread | None = None
        self._callbacks: list[Callable[[ReportJob], None]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._concluded = threading.Event()
        self._began = self._finished = self._deadline.clock.monotonic()
        self._tracker: Countable | None = None
        self._frame: pd.DataFrame | None = None
        self._error: BaseException | None = None
        self._is_cancelled = False
        self._warnings: list[str] = []
        self._displays: list[NotebookDisplay] = []

    def start(self) -> ReportJob:
        """Start the thread; call it once only."""
        _RUNNING.add(self)
        # The context is copied so that output belongs to the cell that began it.
        run_in_context = partial(contextvars.copy_context().run, self._run)
        self._thread = start_thread(run_in_context, "sdanalytics job")
        return self

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled; it may go on running for a moment."""
        return self._is_cancelled

    def status(self) -> JobStatus:
        """Return its current progress."""
        end = self._deadline.clock.monotonic() if self.is_running else self._finished
        counts = self._counts()
        return JobStatus(state=self._state(), seconds=round(end - self._began, 3), **vars(counts))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, for at most `timeout` seconds; return whether it has.

        Its callbacks have returned by then; a callback itself does not wait for them.
        """
        is_callback = threading.current_thread() is self._thread
        awaited = self._ended if is_callback else self._concluded
        end = None
        if timeout is not None:
            end = time.monotonic() + timeout
        while not awaited.is_set():
            left = MAX_BLOCKING_WAIT
            if end is not None:
                left = end - time.monotonic()
            if left <= 0:
                return False
            awaited.wait(min(left, MAX_BLOCKING_WAIT))
        self._update_displays()
        return True

    def result(self) -> pd.DataFrame:
        """Wait for the frame.

        Ctrl-C ends the wait, not the job. What is odd about the data is said by a `DataWarning`,
        once.

        Raises
        ------
        Cancelled
            When it was cancelled.
        SDAnalyticsError
            As `fetch_report` raises it. Its traceback ends here; the frames of the engine are
            logged at DEBUG.
        """
        self.wait()
        while self._warnings:
            warn_user(self._warnings.pop(0), DataWarning)
        if self._frame is None:
            assert self._error is not None
            if isinstance(self._error, SDAnalyticsError):
                remove_frames(self._error)
            raise self._error
        return self._frame

    def add_done_callback(self, callback: Callable[[ReportJob], None]) -> None:
        """Call `callback` with the job when it has ended, or at once if it already has.

        It is called in the thread of the job, as with `concurrent.futures.Future`.
        """
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel(self) -> None:
        """End it as soon as possible; what has arrived is stored.

        Reports in flight are cancelled where the service can do so (version 3), or else resumed
        by the next call for the same days.
        """
        self._is_cancelled = True
        self._deadline.cancel()

    def detach(self) -> None:
        """End it as soon as possible, and leave its reports in flight for the next call."""
        self._is_cancelled = True
        self._deadline.expire()

    def __repr__(self) -> str:
        return f"<ReportJob {self._title}: {self.status()}>"

    def _repr_html_(self) -> str:
        status = self.status()
        text = str(status)
        if self._error is not None:
            text += f"; {_format_error(self._error)}"
        bundle = progress_bundle(self._title, status.days_done, status.days, text)
        return bundle["text/html"]

    def _ipython_display_(self) -> None:
        """Display it in a notebook, and update the display until it has ended."""
        # The bundle is made before it is known whether anything is left to be updated.
        is_running = self.is_running
        shown = NotebookDisplay()
        shown.show(self._mime_bundle())
        if is_running:
            self._displays.append(shown)
            refresh = partial(contextvars.copy_context().run, self._refresh_display, shown)
            start_thread(refresh, "sdanalytics job shown")

    def _refresh_display(self, shown: NotebookDisplay) -> None:
        has_ended = False
        while not has_ended:
            has_ended = self._ended.wait(REFRESH_INTERVAL)
            shown.show(self._mime_bundle())

    def _update_displays(self) -> None:
        """Show the end in all displays, in the name of the cell that has waited for it.

        What runs a notebook to save it ignores whatever earlier cells still send.
        """
        while self._displays:
            self._displays.pop().show(self._mime_bundle())

    def _mime_bundle(self) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    @property
    def _title(self) -> str:
        return f"{self.query} of {self._options.subject}"

    def _state(self) -> JobState:
        if self.is_running:
            return "running"
        if self._frame is not None:
            return "done"
        return "cancelled" if isinstance(self._error, Cancelled) else "failed"

    def _counts(self) -> FetchCounts:
        if self._tracker is not None:
            return self._tracker.counts()
        return count_query(self.query)  # the cache has not been looked up yet

    def _make_progress(self, tracker: Countable) -> contextlib.AbstractContextManager[object]:
        """Start to follow a fetch, and return its progress bar."""
        self._tracker = tracker
        return self._progress_factory(tracker)

    def _run(self) -> None:
        try:
            self._frame = self._fetch()
        except BaseException as error:  # whatever it is: others would wait for ever
            logger.debug("%s: failed", self.query, exc_info=True)
            self._error = self._cancelled_error() if self._is_cancelled else error
        finally:
            self._finished = self._deadline.clock.monotonic()
            with self._lock:
                self._ended.set()
        for callback in self._callbacks:
            try:
                callback(self)
            except BaseException:  # sys.exit(), too, which would end this thread alone
                logger.exception("a callback of %r failed", self)
        self._concluded.set()
        _RUNNING.discard(self)

    def _fetch(self) -> pd.DataFrame:
        with open_run(self.query, self._options) as run:
            self._warnings = run.warnings
            run.fetch(self._make_progress)
            return run.frame()

    def _end_in_fork(self) -> None:
        """End it in a forked process, which has a copy of it, but not its thread."""
        if self._frame is None and self._error is None:
            self._error = Cancelled(
                f"the job for {self.query} runs in the process that was forked, not in this one: "
                "wait for it there, or call fetch_report here"
            )
        self._lock = threading.Lock()  # the thread may have held it, and those of the events
        self._ended = threading.Event()
        self._concluded = threading.Event()
        self._ended.set()
        self._concluded.set()

    def _cancelled_error(self) -> Cancelled:
        return Cancelled(
            f"the job for {self.query} was cancelled; what had arrived is stored, and reports in "
            "flight are resumed: call again for the rest"
        )


def _format_error(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


_RUNNING: Final[weakref.WeakSet[ReportJob]] = weakref.WeakSet()


def _shutdown_jobs() -> None:
    """Detach all jobs when the interpreter exits, and wait for their callbacks to return."""
    running = list(_RUNNING)
    for job in running:
        job.detach()
    for job in running:
        if not job.is_running or job._ended.wait(SHUTDOWN_GRACE):
            job._concluded.wait()


def _forget_jobs() -> None:
    for job in list(_RUNNING):
        job._end_in_fork()
    _RUNNING.clear()


atexit.register(_shutdown_jobs)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_jobs)
