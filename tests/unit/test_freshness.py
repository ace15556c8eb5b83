"""The times to live of stored days."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from sdanalytics.store.freshness import (
    FreshnessPolicy,
    age_in_days,
    refresh_schedule,
    restatement_horizons,
)

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAY = date(2026, 3, 1)


def is_fresh(
    day: date, fetched_at: datetime, now: datetime, zone: ZoneInfo, history_days: int
) -> bool:
    return FreshnessPolicy(now, zone, history_days).is_fresh(day, fetched_at)


@pytest.mark.parametrize(
    ("age", "hours"),
    [(-1, 12), (0, 12), (3, 12), (4, 21), (14, 21), (15, 156), (42, 156), (43, None), (400, None)],
)
def test_older_days_stay_fresh_longer(age: int, hours: int | None) -> None:
    assert refresh_schedule("campaigns").time_to_live(age) == (
        None if hours is None else timedelta(hours=hours)
    )


@pytest.mark.parametrize(
    ("age", "fresh_after", "stale_after"),
    [(0, 11.9, 12), (3, 11.9, 12), (4, 20.9, 21), (14, 20.9, 21), (15, 155.9, 156), (42, 155, 156)],
)
def test_a_day_is_stale_after_its_time_to_live(
    age: int, fresh_after: float, stale_after: float
) -> None:
    fetched = datetime(2026, 3, 1, 20, tzinfo=UTC) + timedelta(age)
    for hours, fresh in ((fresh_after, True), (stale_after, False)):
        now = fetched + timedelta(hours=hours)
        assert is_fresh(DAY, fetched, now, LOS_ANGELES, 60) is fresh


def at(age: int) -> datetime:
    """Return the noon at which `DAY` has an age, in Los Angeles."""
    return datetime.combine(DAY, time(12), LOS_ANGELES) + timedelta(age)


@pytest.mark.parametrize("fetched", [43, 49, 55])
@pytest.mark.parametrize("history_days", [60, 65])
def test_a_day_has_one_last_look_from_day_56_on(fetched: int, history_days: int) -> None:
    for now in range(fetched, 56):
        assert is_fresh(DAY, at(fetched), at(now), LOS_ANGELES, history_days)
    midnight = datetime.combine(DAY + timedelta(56), time(), LOS_ANGELES)
    for moment, fresh in ((midnight - timedelta(seconds=1), True), (midnight, False)):
        assert is_fresh(DAY, at(fetched), moment, LOS_ANGELES, history_days) is fresh
    for now in range(56, history_days + 1):
        assert not is_fresh(DAY, at(fetched), at(now), LOS_ANGELES, history_days)
    assert is_fresh(DAY, at(fetched), at(history_days + 1), LOS_ANGELES, history_days)
    for now in range(56, 80):
        assert not FreshnessPolicy(at(now), LOS_ANGELES, history_days).is_final(DAY, at(fetched))
    horizons = restatement_horizons([(DAY, at(fetched))], LOS_ANGELES)
    assert horizons["restatable_from"] == DAY.isoformat()


@pytest.mark.parametrize("fetched", [56, 58, 60, 65])
def test_after_its_last_look_a_day_is_fresh_and_final_after_day_60(fetched: int) -> None:
    for now in range(fetched, 70):
        policy = FreshnessPolicy(at(now), LOS_ANGELES, 65)
        assert policy.is_fresh(DAY, at(fetched))
        assert policy.is_final(DAY, at(fetched)) is (now > 60)
    assert restatement_horizons([(DAY, at(fetched))], LOS_ANGELES)["restatable_from"] is None


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize(("every", "history_days"), [(1, 60), (1, 65), (7, 65)])
def test_scheduled_calls_meet_the_last_look_of_each_day(
    first: int, every: int, history_days: int
) -> None:
    """Whatever the weekday; a call each week meets it within the history of version 3 only."""
    fetched = -1
    looks = []
    for age in range(first, 80, every):
        policy = FreshnessPolicy(at(age), LOS_ANGELES, history_days)
        if fetched < 0 or not policy.is_fresh(DAY, at(fetched)):
            fetched = age
            looks.append(age)
    late = [age for age in looks if age > 42]
    assert 56 <= late[-1] <= history_days
    assert len(late) == 2  # the last weekly one, and the last of all
    assert policy.is_final(DAY, at(fetched))


def test_days_older_than_the_history_are_not_stale() -> None:
    fetched = datetime(2026, 3, 2, tzinfo=UTC)
    sixty_days_later = datetime(2026, 4, 30, 20, tzinfo=UTC)
    assert not is_fresh(DAY, fetched, sixty_days_later, LOS_ANGELES, 60)
    assert is_fresh(DAY, fetched, sixty_days_later + timedelta(days=1), LOS_ANGELES, 60)


def test_ages_are_counted_in_the_time_zone_of_the_profile() -> None:
    # 6:00 UTC on the 5th is still the 4th in Los Angeles: age 3, not 4.
    fetched = datetime(2026, 3, 5, 6, tzinfo=UTC)
    assert not is_fresh(DAY, fetched, fetched + timedelta(hours=13), LOS_ANGELES, 60)
    assert is_fresh(DAY, fetched, fetched + timedelta(hours=13), ZoneInfo("Asia/Tokyo"), 60)


AHEAD = timedelta(days=400)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=43), AHEAD])
def test_a_day_fetched_in_the_future_is_stale(ahead: timedelta) -> None:
    now = datetime(2026, 3, 20, 20, tzinfo=UTC)
    assert not is_fresh(DAY, now + ahead, now, LOS_ANGELES, 60)
    assert not FreshnessPolicy(now, LOS_ANGELES, 60).is_final(DAY, now + ahead)
    assert is_fresh(DAY, now, now, LOS_ANGELES, 60)  # once the clock is right


def test_days_older_than_the_history_are_fresh_whenever_fetched() -> None:
    now = datetime(2026, 5, 2, 20, tzinfo=UTC)
    assert not is_fresh(DAY, now + AHEAD, now - timedelta(days=2), LOS_ANGELES, 60)
    assert is_fresh(DAY, now + AHEAD, now, LOS_ANGELES, 60)


def test_a_clock_slightly_ahead_causes_no_second_request() -> None:
    now = datetime(2026, 3, 20, 20, tzinfo=UTC)
    assert is_fresh(DAY, now + timedelta(minutes=5), now, LOS_ANGELES, 60)
    assert not is_fresh(DAY, now + timedelta(minutes=6), now, LOS_ANGELES, 60)


SHORT_AND_LONG_DAYS = [
    # zone, day, its beginning in UTC, its hours
    ("America/Los_Angeles", date(2026, 3, 8), datetime(2026, 3, 8, 8), 23),
    ("America/Los_Angeles", date(2026, 11, 1), datetime(2026, 11, 1, 7), 25),
    ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23), 23),
    ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 24, 22), 25),
]


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
def test_a_day_lasts_from_midnight_to_midnight_in_its_zone(
    name: str, day: date, begins: datetime, hours: int
) -> None:
    zone, midnight = ZoneInfo(name), begins.replace(tzinfo=UTC)
    moment = timedelta(seconds=1)
    assert age_in_days(day, midnight - moment, zone) == -1
    assert age_in_days(day, midnight, zone) == 0
    assert age_in_days(day, midnight + timedelta(hours=hours) - moment, zone) == 0
    assert age_in_days(day, midnight + timedelta(hours=hours), zone) == 1


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
def test_twelve_hours_are_exact_across_a_clock_change(
    name: str, day: date, begins: datetime, hours: int
) -> None:
    """Twelve hours are counted in any zone; by wall clock they may seem 11 or 13."""
    zone, fetched = ZoneInfo(name), begins.replace(tzinfo=UTC)
    second = timedelta(seconds=1)
    before, after = (fetched + timedelta(hours=12) + delta for delta in (-second, second))
    for tz in (UTC, zone):
        moments = [moment.astimezone(tz) for moment in (fetched, before, after)]
        assert is_fresh(day, moments[0], moments[1], zone, 60)
        assert not is_fresh(day, moments[0], moments[2], zone, 60)


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
@pytest.mark.parametrize("history_days", [60, 65])
def test_a_day_expires_at_midnight_in_the_time_zone_of_the_profile(
    name: str, day: date, begins: datetime, hours: int, history_days: int
) -> None:
    """The service keeps a day until midnight, also across a clock change."""
    zone = ZoneInfo(name)
    old = day - timedelta(history_days)
    end = begins.replace(tzinfo=UTC) + timedelta(hours=hours)
    fetched = end - timedelta(days=history_days)
    assert not is_fresh(old, fetched, end - timedelta(seconds=1), zone, history_days)
    assert is_fresh(old, fetched, end, zone, history_days)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("profile", ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo"])
@pytest.mark.parametrize("changes", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)])
@pytest.mark.parametrize(("age", "days"), [(2, 1), (5, 1), (13, 1), (20, 7), (40, 7)])
def test_a_call_somewhat_earlier_than_the_last_one_is_the_next_all_the_same(
    profile: str, changes: date, age: int, days: int
) -> None:
    """Also where clocks are changed between the two, and where midnight is (9:00 in Berlin)."""
    then = datetime.combine(changes - timedelta(1), time(9), BERLIN)
    now = then + timedelta(days) - timedelta(minutes=5)  # by the clock on the wall
    day = then.date() - timedelta(age)
    zone = ZoneInfo(profile)
    assert not is_fresh(day, then.astimezone(UTC), now.astimezone(UTC), zone, 65)
    policy = FreshnessPolicy(then + timedelta(minutes=10), zone, 65)
    assert policy.is_fresh(day, then)


@pytest.mark.parametrize("age", [0, 3, 4, 10, 14, 20])
def test_a_call_after_midnight_is_no_other_than_the_one_before_it(age: int) -> None:
    midnight = datetime.combine(DAY + timedelta(age), time(), LOS_ANGELES)
    before, after = midnight - timedelta(minutes=5), midnight + timedelta(minutes=5)
    assert is_fresh(DAY, before, after, LOS_ANGELES, 65)
    assert not is_fresh(DAY, before, before + timedelta(7), LOS_ANGELES, 65)


def looks_by_day(calls: Iterable[datetime], zone: ZoneInfo) -> dict[date, list[int]]:
    """Return the ages at which each day is fetched by calls for the last 60 days before today."""
    fetched: dict[date, datetime] = {}
    ages: dict[date, list[int]] = defaultdict(list)
    for now in calls:
        policy = FreshnessPolicy(now, zone, 65)
        for age in range(1, 61):
            day = policy.today - timedelta(age)
            if day not in fetched or not policy.is_fresh(day, fetched[day]):
                fetched[day] = now + timedelta(seconds=20)  # a report is requested after the call
                ages[day].append(age)
    return ages


FIRST_CALL = date(2026, 1, 20)


def test_a_call_each_morning_has_each_of_the_first_14_days_and_one_near_day_60() -> None:
    """Each look is a version of the history; there are no more than the policy has ages for."""
    number = random.Random(18)
    calls = []
    for count in range(120):
        morning = datetime.combine(FIRST_CALL + timedelta(count), time(9), BERLIN)
        calls.append(morning + timedelta(minutes=number.uniform(-45, 45)))
    ages = looks_by_day(calls, BERLIN)
    for ago in range(60):
        # `ReportCache.history` counts from the end of the day: 1 is its age 0, and 56 its 55.
        looks = ages[FIRST_CALL + timedelta(ago)]
        assert looks == [*range(1, 16), 22, 29, 36, 43, 56]


def test_calls_every_hour_fetch_hardly_more_than_by_whole_days() -> None:
    start = datetime.combine(FIRST_CALL, time(9), BERLIN).astimezone(UTC)
    hourly = (start + timedelta(hours=count) for count in range(24 * 75))
    ages = looks_by_day(hourly, BERLIN)
    for ago in range(14):
        looks = ages[FIRST_CALL + timedelta(ago)]
        # Twice a day for 3 days, daily for 11, weekly for 4 weeks, then twice: and 10 % more.
        assert len(looks) <= 1.1 * (2 * 3 + 11 + 4 + 2)
        assert {*range(1, 15)} <= {*looks}
        assert looks[-1] == 56
