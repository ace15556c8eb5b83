"""The times to live of stored days."""

from __future__ import annotations

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
    [(-1, 12), (0, 12), (3, 12), (4, 24), (14, 24), (15, 168), (42, 168), (43, None), (400, None)],
)
def test_older_days_stay_fresh_longer(age: int, hours: int | None) -> None:
    assert refresh_schedule("campaigns").time_to_live(age) == (
        None if hours is None else timedelta(hours=hours)
    )


@pytest.mark.parametrize(
    ("age", "fresh_after", "stale_after"),
    [(0, 11.9, 12), (3, 11.9, 12), (4, 23.9, 24), (14, 23.9, 24), (15, 167.9, 168), (42, 167, 168)],
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
