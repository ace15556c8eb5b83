"""One fetch in the background: the kernel and the other widgets stay usable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sdanalytics.clock import Limit
from sdanalytics.query import ReportQuery

if TYPE_CHECKING:
    import pandas as pd


class Job:
    """Work in a thread of its own, that can be cancelled.

    Parameters
    ----------
    query : ReportQuery
        What is fetched.
    work : callable
        Gives the frame; ends early when `limit` is stopped.
    limit : Limit
    on_end : callable
        Called with the job, in its thread, when it has ended.

    Attributes
    ----------
    frame : pandas.DataFrame or None
    error : Exception or None
    cancelled : bool
    """

    def __init__(
        self,
        query: ReportQuery,
        work: Callable[[], pd.DataFrame],
        limit: Limit,
        on_end: Callable[[Job], None],
    ) -> None:
        self.query = query
        self._work = work
        self._limit = limit
        self._on_end = on_end
        self._worked = threading.Event()
        self._ended = threading.Event()
        self.frame: pd.DataFrame | None = None
        self.error: Exception | None = None
        self.cancelled = False

    def start(self) -> None:
        """Begin."""
        # A daemon: a kernel that wants to end does not wait for the service.
        threading.Thread(target=self._run, name="sdanalytics picker", daemon=True).start()

    def cancel(self) -> None:
        """End as soon as may be; what has arrived is stored."""
        self.cancelled = True
        self._limit.stop()

    @property
    def is_running(self) -> bool:
        """Whether there is anything left to cancel."""
        return not self._worked.is_set()

    def wait(self, seconds: float | None) -> bool:
        """Wait until all is shown, too; whether that came within so many seconds."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            self.frame = self._work()
            self.cancelled = False  # too late for it
        except Exception as error:
            self.error = error
        finally:
            self._worked.set()
            try:
                self._on_end(self)
            finally:
                self._ended.set()
