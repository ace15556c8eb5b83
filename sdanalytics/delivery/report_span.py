"""`ReportSpan`: the days of a report, those it is compared with, and those that it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sdanalytics.analysis.periods import Period, parse_period
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.query import DateLike, latest_local_date

_LEARNED_DAYS: Final = 60
"""Days that curves and forecasts learn from: as far back as the service has them."""
_RECENT_DAYS: Final = 28
"""Days of trends, and those by which targets are judged."""


@dataclass(frozen=True)
class ReportSpan:
    """The days of a report.

    Attributes
    ----------
    period, before : Period
        The days reported, and as many before them.
    recent : Period
        The last four weeks, and all days of the period.
    learned : Period
        All days to read.
    oldest : datetime.date
        The first day that the service still has of any profile.
    """

    period: Period
    before: Period
    recent: Period
    learned: Period
    oldest: date

    @classmethod
    def parse(cls, start: DateLike, end: DateLike, now: datetime, history_days: int) -> ReportSpan:
        """Parse the first and last day of a report, of a service with days of history.

        Raises
        ------
        InvalidRequest
            When they are no days, or the last one has not begun anywhere.
        """
        period = parse_period((start, end), "the period")
        latest = latest_local_date(now)
        if period.last > latest:
            raise InvalidRequest(
                f"end must be a day that has begun, got {period.last}; where it is latest it is "
                f"{latest}"
            )
        one_day = timedelta(1)
        before = Period(
            "before",
            period.first - period.length * one_day,
            period.first - one_day,
        )
        recent = _end_period("recent", period, _RECENT_DAYS)
        learned = _end_period("learned", period, _LEARNED_DAYS)
        oldest = latest - history_days * one_day + one_day  # until midnight, wherever it is
        first = min(before.first, max(learned.first, oldest))
        learned = Period("learned", first, period.last)
        return cls(period, before, recent, learned, oldest)

    def first_day(self, record_type: str) -> date:
        """Return the first day to read of a report."""
        if record_type == "asins":
            return self.recent.first
        return self.learned.first

    def first_day_to_fetch(self, record_type: str) -> date:
        """Return the first day to read that the service still has; the last one if it has none."""
        first = max(self.first_day(record_type), self.oldest)
        return min(first, self.period.last)


def _end_period(name: str, period: Period, length: int) -> Period:
    """Return at least so many days up to the last one of a period, with all of it."""
    first = period.last - timedelta(length - 1)
    return Period(name, min(first, period.first), period.last)
