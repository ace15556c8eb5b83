"""`ManyTracker`: the progress of the fetches of many profiles, as that of one."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from sdanalytics.fetch.tracker import Countable, FetchCounts, count_query
from sdanalytics.model.query import ReportQuery


class ManyTracker:
    """Adds up the counts of fetches that run side by side; a day of each profile is one.

    Any thread may call its methods.

    Parameters
    ----------
    queries : mapping of str to ReportQuery
        By profile id.

    Attributes
    ----------
    on_change : callable
        Called without arguments after each change, and from time to time; never twice at a time.
    """

    def __init__(self, queries: Mapping[str, ReportQuery]) -> None:
        self.on_change: Callable[[], None] = _do_nothing
        self._lock = threading.Lock()
        self._counts = {name: count_query(query) for name, query in queries.items()}
        self._trackers: dict[str, Countable] = {}

    def counts(self) -> FetchCounts:
        """Return the current counts of all profiles together."""
        counts = dict(self._counts)
        for name, tracker in list(self._trackers.items()):
            counts[name] = tracker.counts()
        totals: Counter[str] = Counter()
        for found in counts.values():
            totals.update(vars(found))
        return FetchCounts(**totals)

    @contextlib.contextmanager
    def follow(self, name: str, tracker: Countable) -> Iterator[None]:
        """Count the fetch of a profile while the context lasts, and keep its last counts."""
        self._trackers[name] = tracker
        tracker.on_change = self._notify
        self._notify()
        try:
            yield
        finally:
            self._counts[name] = tracker.counts()
            del self._trackers[name]
            self._notify()

    def _notify(self) -> None:
        if self._lock.acquire(blocking=False):  # or another thread is showing it just now
            try:
                self.on_change()
            finally:
                self._lock.release()


def _do_nothing() -> None:
    pass
