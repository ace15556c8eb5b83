"""Reasons why a selection cannot be had, known before anything is requested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from sdanalytics.model.profiles import Profile
from sdanalytics.widgets.messages import format_day_ranges

_SELLERS_ONLY: Final = "asins"
_VENDOR: Final = "vendor"


def find_report_problem(record_type: str, profile: Profile) -> str:
    """Return why the service has no such report of a profile; nothing if it has."""
    if record_type == _SELLERS_ONLY and profile.account_type == _VENDOR:
        name = profile.account_name or f"profile {profile.profile_id}"
        return f"asins is for sellers; {name} is a vendor: choose another report"
    return ""


def find_age_problem(unavailable: Sequence[date], first_available: date) -> str:
    """Return why days cannot be had; nothing if there are none of these.

    Parameters
    ----------
    unavailable : sequence of datetime.date
        Days that neither the cache nor the service has.
    first_available : datetime.date
        The first day that the service has.
    """
    if not unavailable:
        return ""
    ranges = format_day_ranges(unavailable)
    verb = "are"
    if len(unavailable) == 1:
        verb = "is"
    return f"{ranges} {verb} no longer available from Amazon: begin on {first_available} or later"


def list_unavailable_days(days: Sequence[date], first_available: date) -> list[date]:
    """Return the days before the first one that the service has."""
    return [day for day in days if day < first_available]


def find_first_available(today: date, history_days: int) -> date:
    """Return the first day that the service has."""
    return today - timedelta(history_days)
