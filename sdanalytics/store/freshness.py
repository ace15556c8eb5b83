"""When a stored day has to be asked for again.

Amazon restates what it has reported. Clicks and impressions settle within 3 days of the
day. Conversions are booked on the day of the ad interaction, arrive up to 14 days later,
and are restated 1, 7 and 28 days after the conversion: so a day can change until 14 + 28 =
42 days after it, ever more rarely. The service keeps 60 days (version 2); what it no
longer has cannot be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

TRAFFIC_SETTLES = 3
"""Days after which clicks and impressions no longer change."""
CONVERSIONS_ARRIVE = 14
"""Days within which conversions are attributed."""
RESTATEMENT_ENDS = 42
"""Days after which nothing changes any more: 14 to arrive and 28 to be restated."""
CLOCK_SKEW_TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of machines that share a store may be apart."""


def time_to_live(age: int) -> timedelta | None:
    """How long a report is good that was fetched when its day was `age` days ago.

    Parameters
    ----------
    age : int
        Whole days between the day of the report and the day it was fetched, both in the
        profile's time zone.

    Returns
    -------
    timedelta or None
        12 hours while traffic settles, one day while conversions arrive, seven days while
        they may be restated; None, for good, after that.
    """
    if age <= TRAFFIC_SETTLES:
        return timedelta(hours=12)
    if age <= CONVERSIONS_ARRIVE:
        return timedelta(days=1)
    if age <= RESTATEMENT_ENDS:
        return timedelta(days=7)
    return None


def age_in_days(day: date, moment: datetime, zone: ZoneInfo) -> int:
    """Whole days from `day` to `moment` (an aware datetime), in `zone`."""
    return (_day_at(moment, zone) - day).days


@lru_cache(maxsize=4096)
def _day_at(moment: datetime, zone: ZoneInfo) -> date:
    """The day it is then; the slices of a store are asked for it over and over."""
    return moment.astimezone(zone).date()


def restatement_horizons(
    stored: Iterable[tuple[date, datetime]], zone: ZoneInfo
) -> dict[str, str | None]:
    """The first days that could still change after they were fetched, of (day, fetched_at).

    Returns
    -------
    dict
        ``restatable_from``, ``arriving_from`` (conversions) and ``traffic_restatable_from``
        (impressions, clicks and cost): ISO days; None when nothing changes any more.
    """
    ages = {pair[0]: age_in_days(*pair, zone) for pair in sorted(stored, reverse=True)}
    ends = {
        "restatable_from": RESTATEMENT_ENDS,
        "arriving_from": CONVERSIONS_ARRIVE,
        "traffic_restatable_from": TRAFFIC_SETTLES,
    }
    young = {key: [day for day, age in ages.items() if age <= end] for key, end in ends.items()}
    return {key: min(days).isoformat() if days else None for key, days in young.items()}


def is_final(day: date, fetched_at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether nothing of a day can have changed any more once it was fetched.

    What was fetched in the future was fetched by a clock that was ahead: its age is not known.
    """
    return (
        not _is_ahead(fetched_at, now) and time_to_live(age_in_days(day, fetched_at, zone)) is None
    )


def is_fresh(
    day: date, fetched_at: datetime, now: datetime, zone: ZoneInfo, history_days: int
) -> bool:
    """Whether what was fetched then need not be asked for again now.

    Parameters
    ----------
    day : date
        The day of the report.
    fetched_at, now : datetime
        Aware. What was fetched later than now (`CLOCKS_DIFFER` granted) is not fresh: the
        clock was ahead, and how old the day was is not known.
    zone : ZoneInfo
        The profile's.
    history_days : int
        How many days back the service reports: older days cannot be had any newer.
    """
    if age_in_days(day, now, zone) > history_days:
        return True
    life = time_to_live(age_in_days(day, fetched_at, zone))
    return not _is_ahead(fetched_at, now) and (life is None or _passed(fetched_at, now) < life)


def _is_ahead(fetched_at: datetime, now: datetime) -> bool:
    return _passed(fetched_at, now) < -CLOCK_SKEW_TOLERANCE


def _passed(since: datetime, now: datetime) -> timedelta:
    """The time between, also while clocks are set back or forth: wall times would hide that."""
    return now.astimezone(UTC) - since.astimezone(UTC)
