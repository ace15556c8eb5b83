"""The clock of the demo."""

from __future__ import annotations

from datetime import datetime, timedelta

from sdanalytics._core.clock import Clock


class DemoClock(Clock):
    """A clock that shows a chosen moment first, and goes on from there.

    Parameters
    ----------
    moment : datetime.datetime
        Aware.
    """

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._started_at = self.monotonic()

    def now(self) -> datetime:
        """Return the current moment of the demo, as an aware datetime."""
        elapsed = self.monotonic() - self._started_at
        return self._moment + timedelta(seconds=elapsed)
