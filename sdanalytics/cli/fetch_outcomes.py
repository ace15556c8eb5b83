"""`FetchOutcome`: what a fetch has brought of one record type and profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sdanalytics._core.printable import to_printable
from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK, EXIT_USAGE, choose_exit_code
from sdanalytics.cli.plan_days import list_days
from sdanalytics.errors import PartialFetchError, SDAnalyticsError
from sdanalytics.fetch.wording import format_count, format_days

if TYPE_CHECKING:
    from sdanalytics import ReportPlan
    from sdanalytics.cli.stored_versions import StoredVersions

_UNKNOWN_REASON: Final = "the service no longer has them"


@dataclass(frozen=True)
class FetchOutcome:
    """The days of one record type and profile after a fetch.

    Attributes
    ----------
    record_type : str
    profile : dict
        `profile_id`, `account_name` and `country`.
    days : list of datetime.date
        All that were asked for; none where not even the profile could be looked up.
    fetched, cached : int
        How many of them were fetched, and were stored already.
    missing, stale : list of datetime.date
        Those that are not stored, and those that are but could not be fetched again.
    error : SDAnalyticsError or None
    """

    record_type: str
    profile: dict[str, Any]
    days: Sequence[date]
    fetched: int
    cached: int
    missing: Sequence[date]
    stale: Sequence[date]
    error: SDAnalyticsError | None

    @property
    def is_complete(self) -> bool:
        """Whether all is there, and as new as it can be."""
        return not (self.missing or self.stale or self.error)

    def to_json(self) -> dict[str, Any]:
        """Return plain values and days."""
        error = None
        if self.error is not None:
            error = {"type": type(self.error).__name__, "message": str(self.error)}
        return {
            "record_type": self.record_type,
            **self.profile,
            "start": self.days[0] if self.days else None,
            "end": self.days[-1] if self.days else None,
            "days": len(self.days),
            "fetched": self.fetched,
            "cached": self.cached,
            "missing": list(self.missing),
            "stale": list(self.stale),
            "error": error,
        }

    def __str__(self) -> str:
        parts = [f"{self.fetched} fetched", f"{self.cached} from the cache"]
        if self.missing:
            parts.append(f"{len(self.missing)} missing ({format_days(self.missing)})")
        if self.stale:
            parts.append(f"{len(self.stale)} not fetched again ({format_days(self.stale)})")
        text = f"{self.record_type}, profile {self._name}"
        if self.days:
            text += f": {format_count(len(self.days), 'day')}: {', '.join(parts)}"
        if self.error is not None:
            text += f": {type(self.error).__name__}: {to_printable(str(self.error))}"
        elif self.missing:
            text += f": {_UNKNOWN_REASON}"
        return text

    @property
    def _name(self) -> str:
        known = [self.profile["account_name"], self.profile["country"]]
        details = ", ".join(to_printable(detail) for detail in known if detail)
        profile_id = str(self.profile["profile_id"])
        return f"{profile_id} ({details})" if details else profile_id


def complete_outcome(record_type: str, profile: dict[str, Any], before: ReportPlan) -> FetchOutcome:
    """Return the outcome of a fetch that did what its plan said."""
    days = list_days(before)
    missing = before.unavailable
    fetched = len(before.to_request) + len(before.in_flight)
    cached = len(days) - fetched - len(missing)
    return FetchOutcome(record_type, profile, days, fetched, cached, missing, [], None)


def partial_outcome(
    record_type: str,
    profile: dict[str, Any],
    before: ReportPlan,
    versions: StoredVersions,
    error: SDAnalyticsError,
) -> FetchOutcome:
    """Return the outcome of a fetch that failed, for one of its profiles.

    Parameters
    ----------
    record_type : str
    profile : dict
    before : ReportPlan
        What was to be fetched.
    versions : StoredVersions
        What of it is stored now.
    error : SDAnalyticsError
        Of this profile, or of all; it is left out if all days are there.
    """
    days = list_days(before)
    missing = versions.list_missing(before)
    stale = versions.list_unchanged(before)
    to_fetch = {*before.to_request, *before.in_flight}
    fetched = to_fetch.difference(missing, stale)
    cached = len(days) - len(fetched) - len(missing) - len(stale)
    own_error = None
    if missing or stale:
        own_error = find_profile_error(error, profile["profile_id"])
    return FetchOutcome(record_type, profile, days, len(fetched), cached, missing, stale, own_error)


def failed_outcome(
    record_type: str, profile: dict[str, Any], error: SDAnalyticsError
) -> FetchOutcome:
    """Return the outcome for a profile that could not even be planned."""
    return FetchOutcome(record_type, profile, [], 0, 0, [], [], error)


def find_profile_error(error: SDAnalyticsError, profile_id: str) -> SDAnalyticsError:
    """Return the error of a profile, of a call for one or for many."""
    if isinstance(error, PartialFetchError):
        own: SDAnalyticsError = error.failures.get(profile_id, error)
        return own
    return error


def choose_outcome_code(outcomes: Sequence[FetchOutcome]) -> int:
    """Return the exit code: 2 only if somebody has to act before anything can be fetched."""
    codes = set()
    for outcome in outcomes:
        if outcome.is_complete:
            codes.add(EXIT_OK)
        elif outcome.error is None:
            codes.add(EXIT_MISSING)
        else:
            codes.add(choose_exit_code(outcome.error))
    if codes <= {EXIT_OK}:
        return EXIT_OK
    return EXIT_USAGE if codes == {EXIT_USAGE} else EXIT_MISSING
