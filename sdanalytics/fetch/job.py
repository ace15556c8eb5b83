"""`ReportJob`: one call in the background, that can be watched, waited for and cancelled."""

from __future__ import annotations

import atexit
import contextvars
import html
import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics._core.deadline import Deadline
from sdanalytics.api.client import Client
from sdanalytics.errors import Cancelled
from sdanalytics.fetch.fetch_run import ProgressFactory, open_run
from sdanalytics.fetch.progress import Progress
from sdanalytics.model.query import ReportQuery

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

State = Literal["running", "done", "failed", "cancelled"]
_REDRAW: Final = 0.25
"""Seconds between two looks at a job that is shown in a notebook."""
SHUTDOWN_GRACE: Final = 1.0
"""Seconds that jobs get to settle for which nobody waits any more."""


@dataclass(frozen=True)
class JobStatus:
    """How a job is doing.

    Attributes
    ----------
    state : {"running", "done", "failed", "cancelled"}
    reports : int or None
        How many reports make up the answer; None: not known yet.
    from_store : int
        How many of them were stored and good.
    waiting, downloading, arrived, failed : int
        How the others are doing: waiting to be asked for or being built; being downloaded;
        stored; given up.
    seconds : float
        Since the job began, until it ended.
    """

    state: State
    reports: int | None
    from_store: int
    waiting: int
    downloading: int
    arrived: int
    failed: int
    seconds: float

    def __str__(self) -> str:
        if self.reports is None:
            return f"{self.state}, {self.seconds:.0f} s"
        there = self.from_store + self.arrived
        counts = {"waiting": self.waiting, "downloading": self.downloading, "failed": self.failed}
        told = [f"{count} {name}" for name, count in counts.items() if count]
        told = [f"{there} of {self.reports} reports", *told, f"{self.from_store} from the store"]
        return f"{self.state}: {', '.join(told)}, {self.seconds:.0f} s"


class ReportJob:
    """One call of `submit_report`, in a thread of its own.

    In a notebook a job shows how it is doing, as long as it runs. A job whose interpreter ends
    is abandoned; what it had asked for is in the ledger of the store, and the same call takes
    it up.

    Attributes
    ----------
    query : ReportQuery
        What is fetched.
    """

    def __init__(
        self,
        query: ReportQuery,
        client: Client,
        cache: object,
        refresh: str,
        deadline: Deadline,
        meter: ProgressFactory,
    ) -> None:
        self.query = query
        self._client = client
        self._cache = cache
        self._refresh = refresh
        self._deadline = deadline
        self._make_progress = meter
        self._callbacks: list[Callable[[ReportJob], None]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._began = self._finished = deadline.clock.monotonic()
        self._progress: Progress | None = None
        self._frame: pd.DataFrame | None = None
        self._error: Exception | None = None
        self._is_cancelled = False

    def start(self) -> ReportJob:
        """Begin; called once, by whoever makes the job."""
        _RUNNING.add(self)
        # What is printed belongs to the cell that began it. A daemon: an interpreter that wants
        # to end does not wait for the service.
        threading.Thread(
            target=contextvars.copy_context().run,
            args=[self._run],
            name="sdanalytics job",
            daemon=True,
        ).start()
        return self

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled; it may be running still, for a moment."""
        return self._is_cancelled

    def status(self) -> JobStatus:
        """How it is doing now."""
        progress = self._progress
        counts = progress.counts() if progress else {}
        end = self._deadline.clock.monotonic() if self.is_running else self._finished
        return JobStatus(
            state=self._state(),
            reports=progress.total if progress else None,
            from_store=progress.cached if progress else 0,
            waiting=counts.get("waiting", 0),
            downloading=counts.get("downloading", 0),
            arrived=counts.get("done", 0),
            failed=counts.get("failed", 0),
            seconds=end - self._began,
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, for at most `timeout` seconds; tell whether it has."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ended.is_set():
            left = MAX_BLOCKING_WAIT if end is None else end - time.monotonic()
            if left <= 0:
                break
            self._ended.wait(min(left, MAX_BLOCKING_WAIT))
        return self._ended.is_set()

    def result(self) -> pd.DataFrame:
        """Wait for the frame.

        Ctrl-C ends the wait, not the job.

        Raises
        ------
        Cancelled
            When it was cancelled.
        SDAnalyticsError
            As `fetch_report` raises it.
        """
        while not self._ended.wait(MAX_BLOCKING_WAIT):
            pass
        if self._frame is None:
            assert self._error is not None
            raise self._error
        return self._frame

    def add_done_callback(self, callback: Callable[[ReportJob], None]) -> None:
        """Have `callback` called with the job when it has ended; at once if it has.

        It is called in the thread of the job, as with `concurrent.futures.Future`.
        """
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel(self) -> None:
        """End it as soon as may be; what has arrived is stored.

        What is being built is withdrawn where the service can be told so (version 3), else
        taken up by the next call for the same days.
        """
        self._is_cancelled = True
        self._deadline.cancel()

    def abandon(self) -> None:
        """End it as soon as may be, for the next call to take up: nobody waits any more."""
        self._is_cancelled = True
        self._deadline.expire()

    def __repr__(self) -> str:
        return f"<ReportJob {self.query}: {self.status()}>"

    def _repr_html_(self) -> str:
        status = self.status()
        known = status.reports is not None
        there = f'value="{status.from_store + status.arrived}" max="{max(status.reports or 0, 1)}"'
        bar = f'<progress aria-label="reports" {there if known else ""}></progress>'
        error = "" if self._error is None else f"<br>{html.escape(_words_of(self._error))}"
        words = f"<b>{html.escape(str(self.query))}</b> {bar} {html.escape(str(status))}"
        return f'<div class="sdanalytics-job">{words}{error}</div>'

    def _ipython_display_(self) -> None:
        """Show it in a notebook, and go on showing how it is doing until it has ended."""
        from IPython.display import display

        # What is shown is made before it is known whether anything is left to be shown.
        is_running = self.is_running
        handle = display(self._bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if is_running and handle is not None:
            threading.Thread(
                target=contextvars.copy_context().run,
                args=[self._keep_shown, handle],
                name="sdanalytics job shown",
                daemon=True,
            ).start()

    def _keep_shown(self, handle: Any) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_REDRAW)
            handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _state(self) -> State:
        if self.is_running:
            return "running"
        if self._frame is not None:
            return "done"
        return "cancelled" if isinstance(self._error, Cancelled) else "failed"

    def _meter(self, total: int, cached: int) -> Progress:
        """What follows the reports of the call."""
        self._progress = self._make_progress(total, cached)
        return self._progress

    def _run(self) -> None:
        try:
            self._frame = self._fetched()
        except Exception as error:
            self._error = self._cancelled() if self._is_cancelled else error
        finally:
            self._finished = self._deadline.clock.monotonic()
            with self._lock:
                self._ended.set()
            _RUNNING.discard(self)
        for callback in self._callbacks:
            try:
                callback(self)
            except Exception:
                logger.exception("a callback of %r failed", self)

    def _fetched(self) -> pd.DataFrame:
        whose = (self._client, self._cache, self._refresh, self._deadline)
        with open_run(self.query, *whose) as call:
            call.fetch(self._meter)
            return call.frame()

    def _cancelled(self) -> Cancelled:
        return Cancelled(
            f"the job for {self.query} was cancelled; what had arrived is stored, and what is "
            "being built will be taken up: call again for the rest"
        )


def _words_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


_RUNNING: Final[weakref.WeakSet[ReportJob]] = weakref.WeakSet()


def _end_all() -> None:
    """Have no thread in the middle of anything when the interpreter goes."""
    running = list(_RUNNING)
    for job in running:
        job.abandon()
    end = time.monotonic() + SHUTDOWN_GRACE
    for job in running:
        job.wait(max(0.0, end - time.monotonic()))


atexit.register(_end_all)
