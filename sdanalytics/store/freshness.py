"""How long a stored day is fresh, and when it is fetched again.

Amazon restates what it has reported. Clicks and impressions settle within 3 days of the
day. Conversions are booked on the day of the ad interaction, arrive up to 14 days later,
and are restated 1, 7 and 28 days after the conversion: so a day can change until 14 + 28 =
42 days after it, ever more rarely. The service retains 60 days (version 2); older days cannot
be requested again.

Invalid traffic is taken out for up to 30 days, most of it within 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

TRAFFIC_SETTLES: Final = 3
"""Days after which clicks and impressions no longer change."""
CONVERSIONS_ARRIVE: Final = 14
"""Days within which conversions are attributed."""
RESTATEMENT_ENDS: Final = 42
"""Days after which nothing changes any more: 14 to arrive and 28 to be restated."""
CLOCK_SKEW_TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of machines that share a store may differ."""
_HORIZONS: Final = {
    "restatable_from": RESTATEMENT_ENDS,
    "arriving_from": CONVERSIONS_ARRIVE,
    "traffic_restatable_from": TRAFFIC_SETTLES,
}
"""Keys of the frame's metadata, each with the age in days up to which it applies."""
_HORIZONS_BY_RECORD_TYPE: Final = {
    "invalidTraffic": {"restatable_from": 30, "traffic_restatable_from": 30},
}
"""The same, for record types that differ from the others: this one has no conversions."""
_TIMES_TO_LIVE_BY_RECORD_TYPE: Final = {
    "invalidTraffic": {
        5: timedelta(hours=12),
        14: timedelta(days=1),
        30: timedelta(days=7),
    },
}
"""How long reports stay fresh up to an age in days, for record types that differ likewise."""


def time_to_live(age: int, record_type: str = "campaigns") -> timedelta | None:
    """Return how long a report stays fresh that was fetched when its day was `age` days old.

    Parameters
    ----------
    age : int
        Whole days between the day of the report and the day it was fetched, both in the
        profile's time zone.
    record_type : str

    Returns
    -------
    timedelta or None
        12 hours while traffic settles, one day while conversions arrive, seven days while
        they may be restated; after that None: without limit. Invalid traffic: the same up to an
        age of 5, 14 and 30 days.
    """
    times_to_live = _TIMES_TO_LIVE_BY_RECORD_TYPE.get(record_type)
    if times_to_live is not None:
        return next((ttl for last, ttl in times_to_live.items() if age <= last), None)
    if age <= TRAFFIC_SETTLES:
        return timedelta(hours=12)
    if age <= CONVERSIONS_ARRIVE:
        return timedelta(days=1)
    if age <= RESTATEMENT_ENDS:
        return timedelta(days=7)
    return None


@dataclass(frozen=True)
class FreshnessPolicy:
    """Decides whether stored days are fresh, final, or no longer available from the service.

    Attributes
    ----------
    now : datetime.datetime
        Aware.
    zone : ZoneInfo
        The time zone of the profile.
    history_days : int
        Days of history that the service has.
    record_type : str
    """

    now: datetime
    zone: ZoneInfo
    history_days: int
    record_type: str = "campaigns"

    @property
    def today(self) -> date:
        """The date in the profile's time zone."""
        local = self.now.astimezone(self.zone)
        return local.date()

    def age(self, day: date, moment: datetime) -> int:
        """Return the age in whole days of `day` at `moment` (an aware datetime)."""
        return age_in_days(day, moment, self.zone)

    def is_unavailable(self, day: date) -> bool:
        """Return whether the service no longer reports a day."""
        age = self.age(day, self.now)
        return age > self.history_days

    def is_final(self, day: date, fetched_at: datetime) -> bool:
        """Return whether a day could not change any more once it was fetched.

        A day fetched in the future, by a clock that was ahead, is never final: its age is
        unknown.
        """
        if self._is_in_future(fetched_at):
            return False
        age = self.age(day, fetched_at)
        return time_to_live(age, self.record_type) is None

    def is_fresh(self, day: date, fetched_at: datetime) -> bool:
        """Return whether a day that was fetched at a moment need not be fetched again now.

        Days that the service no longer has are fresh. A day fetched in the future (beyond
        `CLOCK_SKEW_TOLERANCE`) is not: the clock was ahead, and how old the day was is
        unknown.

        Parameters
        ----------
        day : datetime.date
            The day of the report.
        fetched_at : datetime.datetime
            Aware.
        """
        if self.is_unavailable(day):
            return True
        if self._is_in_future(fetched_at):
            return False
        age = self.age(day, fetched_at)
        ttl = time_to_live(age, self.record_type)
        if ttl is None:
            return True
        return self._elapsed(fetched_at) < ttl

    def _is_in_future(self, moment: datetime) -> bool:
        return self._elapsed(moment) < -CLOCK_SKEW_TOLERANCE

    def _elapsed(self, since: datetime) -> timedelta:
        """Return the time since a moment, in UTC: local times jump when clocks are changed."""
        now = self.now.astimezone(UTC)
        return now - since.astimezone(UTC)


def age_in_days(day: date, moment: datetime, zone: ZoneInfo) -> int:
    """Return the whole days from `day` to `moment` (an aware datetime), in `zone`."""
    return (_local_date(moment, zone) - day).days


# The partitions of a store have few distinct moments: each is converted once.
@lru_cache(maxsize=4096)
def _local_date(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def restatement_horizons(
    stored: Iterable[tuple[date, datetime]], zone: ZoneInfo, record_type: str = "campaigns"
) -> dict[str, str | None]:
    """Compute the first days that could still change after they were fetched.

    Parameters
    ----------
    stored : iterable of (datetime.date, datetime.datetime)
        Days, each with the moment it was fetched; of a day that occurs several times, the
        earliest moment counts.
    zone : ZoneInfo
        The time zone of the profile.
    record_type : str

    Returns
    -------
    dict
        ``restatable_from``, ``arriving_from`` (conversions) and ``traffic_restatable_from``
        (impressions, clicks and cost): ISO days; None when nothing changes any more.
    """
    ages: dict[date, int] = {}
    for day, fetched_at in sorted(stored, reverse=True):
        ages[day] = age_in_days(day, fetched_at, zone)
    horizons: dict[str, str | None] = dict.fromkeys(_HORIZONS)
    max_ages = _HORIZONS_BY_RECORD_TYPE.get(record_type, _HORIZONS)
    for key, max_age in max_ages.items():
        first = _first_day_up_to(max_age, ages)
        if first is not None:
            horizons[key] = first.isoformat()
    return horizons


def _first_day_up_to(max_age: int, ages: Mapping[date, int]) -> date | None:
    """Return the first day that was at most `max_age` days old when it was fetched."""
    days: list[date] = []
    for day, age in ages.items():
        if age <= max_age:
            days.append(day)
    return min(days, default=None)
