"""The service's clock, as far as its responses tell it."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sdanalytics._core.clock import Clock


class ServiceClock:
    """The service's clock: this machine's, corrected by the ``Date`` of the last response.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the current moment there, as an aware datetime in UTC."""
        return self._clock.now() + self._ahead

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of a response that has just arrived."""
        try:
            moment = email.utils.parsedate_to_datetime(headers.get("Date", ""))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            self._ahead = moment - self._clock.now()
        except (ValueError, TypeError, OverflowError):
            return  # there is none, or it is no date
