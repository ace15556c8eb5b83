"""Reports of version 3 that are PENDING, and for how long: some are never built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

USUAL_BUILD_TIME: Final = timedelta(hours=3)
"""Time that reports take, rarely more."""
STUCK_AGE: Final = timedelta(hours=4)
"""Age beyond which a report that is still PENDING is considered stuck."""
STUCK_SEEN: Final = 60.0
"""Seconds for which a call has to see a report PENDING before it considers it stuck."""
CLOCK_TOLERANCE: Final = 60.0
"""Seconds by which a report has to be older than a call to be one that the call has met."""


@dataclass(frozen=True)
class _Pending:
    """A report that was PENDING at the last look.

    Attributes
    ----------
    created : datetime.datetime
        UTC, by the service's clock.
    age : datetime.timedelta
        At the last look, by the service's clock.
    is_met : bool
        Whether it is older than the call, which has met it by a 425 or in the registry.
    first_seen, last_seen : float
        Monotonic seconds of this call.
    """

    created: datetime
    age: timedelta
    is_met: bool
    first_seen: float
    last_seen: float


class PendingReports:
    """Knows since when the reports that a call looks at have been PENDING.

    Parameters
    ----------
    began : float
        When the call began, by this machine's monotonic clock.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._reports: dict[str, _Pending] = {}

    def observe(self, report: Mapping[str, Any], now: datetime, seconds: float) -> None:
        """Learn from the document of a report.

        Parameters
        ----------
        report : mapping
        now : datetime.datetime
            When the service sent it, by its own clock.
        seconds : float
            The same by this machine's monotonic clock.
        """
        report_id = str(report.get("reportId"))
        created = _parse_moment(report.get("createdAt"))
        if created is None or str(report.get("status")).upper() != "PENDING":
            self._reports.pop(report_id, None)
            return
        previous = self._reports.get(report_id)
        first_seen = seconds if previous is None else previous.first_seen
        age = now - created
        is_met = age.total_seconds() > seconds - self._began + CLOCK_TOLERANCE
        self._reports[report_id] = _Pending(created, age, is_met, first_seen, seconds)

    def overdue_since(self, report_id: str) -> datetime | None:
        """Return when a report was created that is PENDING for longer than reports take."""
        report = self._reports.get(report_id)
        if report is None or report.age <= USUAL_BUILD_TIME:
            return None
        return report.created

    def is_stuck(self, report_id: str) -> bool:
        """Return whether a report of another call is stuck: PENDING too long, and seen so here."""
        report = self._reports.get(report_id)
        if report is None or not report.is_met or report.age <= STUCK_AGE:
            return False
        return report.last_seen - report.first_seen >= STUCK_SEEN


def _parse_moment(text: object) -> datetime | None:
    """Parse a moment of the service, such as ``2026-11-20T18:00:00.000Z``; None if it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    if moment.tzinfo:
        return moment.astimezone(UTC)
    return moment.replace(tzinfo=UTC)
