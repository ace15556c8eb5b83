"""How long a stored day is fresh, and when it is fetched again.

Amazon restates what it has reported, and its documents give several numbers:

- 3 days: clicks and impressions settle. Traffic that proves invalid is taken out for up to 30
  days, which changes little: the weekly looks find it.
- 14 days: conversions are booked on the day of the ad interaction, and arrive so late.
- 42 days: conversions are restated 1, 7 and 28 days after the conversion (14 + 28). Until then a
  day is looked at ever more rarely, in the end once a week.
- 60 days: the overview of reporting says that conversions can change for so long. Few do after 42
  days, so weekly looks would ask for much and find little: one last look, from day 56 on, finds
  them. It is not at day 60, because version 2 retains 60 days and a call may be missed: the five
  days from 56 to 60 are met by a call that runs every day even where four of them fail, and,
  as version 3 retains 65 days, by one that runs every week.

A day is final once it was looked at from day 56 on and is more than 60 days old. What the
service no longer retains cannot be requested again, final or not.

Days and weeks are those of a user who calls every morning, or every Monday: a call may be somewhat
earlier than the one before, and is the next one all the same. So what is fetched once a day is
fresh for 21 hours, and what is fetched once a week for six and a half days, in any time zone and
when clocks are changed. Calls every hour fetch 7 % more days by that than by 24 hours and seven
days. The next midnight of the profile would be no such limit: where the mornings of a user are the
midnights of a profile (Berlin and Los Angeles), it may lie after both calls.

The report of invalid traffic has no conversions: most of such traffic is taken out within 5 days,
the rest within 30. Then its days are final.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

CLOCK_SKEW_TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of machines that share a store may differ."""


@dataclass(frozen=True)
class RefreshSchedule:
    """How often the days of a report are fetched again, by their age in days.

    Attributes
    ----------
    times_to_live : mapping of int to datetime.timedelta
        How long a day stays fresh that was fetched up to an age; in order.
    last_look : int
        The age from which on a day is fetched for the last time.
    settled : int
        The age after which nothing changes any more.
    horizons : mapping of str to int
        Keys of a frame's metadata, each with the age up to which it applies.
    """

    times_to_live: Mapping[int, timedelta]
    last_look: int
    settled: int
    horizons: Mapping[str, int]

    def time_to_live(self, age: int) -> timedelta | None:
        """Return how long a report stays fresh that was fetched when its day had an age.

        None: until the last look, or without limit after that.
        """
        for last_age, ttl in self.times_to_live.items():
            if age <= last_age:
                return ttl
        return None


_TWICE_A_DAY: Final = timedelta(hours=12)
_DAILY: Final = timedelta(hours=21)
_WEEKLY: Final = timedelta(days=6, hours=12)
_CONVERSIONS: Final = RefreshSchedule(
    times_to_live={3: _TWICE_A_DAY, 14: _DAILY, 42: _WEEKLY},
    last_look=56,
    settled=60,
    horizons={"restatable_from": 55, "arriving_from": 14, "traffic_restatable_from": 3},
)
_INVALID_TRAFFIC: Final = RefreshSchedule(
    times_to_live={5: _TWICE_A_DAY, 14: _DAILY, 30: _WEEKLY},
    last_look=31,
    settled=30,
    horizons={"restatable_from": 30, "traffic_restatable_from": 30},
)


def refresh_schedule(record_type: str) -> RefreshSchedule:
    """Return how often the days of a record type are fetched again."""
    return _INVALID_TRAFFIC if record_type == "invalidTraffic" else _CONVERSIONS


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
    def schedule(self) -> RefreshSchedule:
        """How often the days of the record type are fetched again."""
        return refresh_schedule(self.record_type)

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
        """Return whether a day had its last look, and cannot have changed since.

        A day fetched in the future, by a clock that was ahead, is never final: its age is
        unknown.
        """
        if self._is_in_future(fetched_at):
            return False
        had_last_look = self.age(day, fetched_at) >= self.schedule.last_look
        return had_last_look and self.age(day, self.now) > self.schedule.settled

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
        if age >= self.schedule.last_look:
            return True
        ttl = self.schedule.time_to_live(age)
        if ttl is None:
            return self.age(day, self.now) < self.schedule.last_look
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
    horizons: dict[str, str | None] = dict.fromkeys(_CONVERSIONS.horizons)
    for key, max_age in refresh_schedule(record_type).horizons.items():
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
