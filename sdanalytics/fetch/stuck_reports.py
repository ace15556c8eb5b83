"""Reports that the service never builds: they are cancelled, once, and requested anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics.errors import NotFound, SDAnalyticsError
from sdanalytics.fetch.protocols.base import ReportProtocol

STUCK_CANCEL_TIMEOUT: Final = 30.0
"""Seconds to cancel a report."""
MAX_DESCRIBED: Final = 3
"""Reports that an error describes, at most."""
_CANCELLED: Final = "it was cancelled, but the service goes on answering with it"


class StuckReports:
    """Cancels the stuck reports that a call meets, each once.

    Other calls that wait for such a report find that it no longer exists, and request a new one.

    Parameters
    ----------
    protocol : ReportProtocol
    clock : Clock

    Attributes
    ----------
    still_named : set of str
        Cancelled reports that the service answers with, instead of building new ones.
    """

    def __init__(self, protocol: ReportProtocol, clock: Clock) -> None:
        self._protocol = protocol
        self._clock = clock
        self.still_named: set[str] = set()
        self._outcomes: dict[str, str] = {}

    def can_cancel(self, report_id: str) -> bool:
        """Return whether a report is stuck, and has not been cancelled yet."""
        return report_id not in self._outcomes and self._protocol.is_stuck(report_id)

    def cancel(self, report_id: str) -> bool:
        """Cancel a report; return whether it is gone. A blocking call."""
        try:
            self._protocol.cancel(report_id, Deadline(self._clock, STUCK_CANCEL_TIMEOUT))
        except NotFound:
            pass  # another call was first
        except SDAnalyticsError as error:
            self._outcomes[report_id] = f"it could not be cancelled ({error})"
            return False
        self._outcomes[report_id] = _CANCELLED
        return True

    def describe(self, report_ids: Iterable[str]) -> str:
        """Describe those of the reports that take longer than usual, in sentences."""
        sentences = []
        for report_id in dict.fromkeys([*report_ids, *sorted(self.still_named)]):
            since = self._protocol.overdue_since(report_id)
            if since is None:
                continue
            sentence = (
                f"Report {report_id} has been pending since {since:%Y-%m-%d %H:%M} UTC, longer "
                "than reports take"
            )
            outcome = self._outcomes.get(report_id)
            sentences.append(f"{sentence}: {outcome}" if outcome else sentence)
        return ". ".join(sentences[:MAX_DESCRIBED])
