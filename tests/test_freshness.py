"""When a stored day is asked for again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sdanalytics import ReportCache, fetch_report
from sdanalytics.store.freshness import (
    FreshnessPolicy,
    age_in_days,
    restatement_horizons,
    time_to_live,
)
from tests.conftest import Box, JumpingClock

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
def test_the_older_the_day_the_longer_it_is_good(age: int, hours: int | None) -> None:
    assert time_to_live(age) == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(
    ("age", "fresh_after", "stale_after"),
    [(0, 11.9, 12), (3, 11.9, 12), (4, 23.9, 24), (14, 23.9, 24), (15, 167.9, 168), (42, 167, 168)],
)
def test_a_day_is_asked_again_when_its_time_is_over(
    age: int, fresh_after: float, stale_after: float
) -> None:
    fetched = datetime(2026, 3, 1, 20, tzinfo=UTC) + timedelta(age)
    for hours, fresh in ((fresh_after, True), (stale_after, False)):
        now = fetched + timedelta(hours=hours)
        assert is_fresh(DAY, fetched, now, LOS_ANGELES, 60) is fresh


def test_what_was_fetched_late_is_good_for_ever() -> None:
    fetched = datetime(2026, 4, 14, 20, tzinfo=UTC)  # 43 days... 44 days after the 1st of March
    assert is_fresh(DAY, fetched, fetched + timedelta(days=4), LOS_ANGELES, 60)
    assert restatement_horizons([(DAY, fetched)], LOS_ANGELES)["restatable_from"] is None
    earlier = restatement_horizons([(DAY, fetched - timedelta(days=2))], LOS_ANGELES)
    assert earlier["restatable_from"] == DAY.isoformat()


def test_what_the_service_no_longer_has_is_not_asked_for() -> None:
    fetched = datetime(2026, 3, 2, tzinfo=UTC)
    sixty_days_later = datetime(2026, 4, 30, 20, tzinfo=UTC)
    assert not is_fresh(DAY, fetched, sixty_days_later, LOS_ANGELES, 60)
    assert is_fresh(DAY, fetched, sixty_days_later + timedelta(days=1), LOS_ANGELES, 60)


def test_ages_are_counted_in_the_profiles_zone() -> None:
    # 6:00 UTC on the 5th is still the 4th in Los Angeles: age 3, not 4.
    fetched = datetime(2026, 3, 5, 6, tzinfo=UTC)
    assert not is_fresh(DAY, fetched, fetched + timedelta(hours=13), LOS_ANGELES, 60)
    assert is_fresh(DAY, fetched, fetched + timedelta(hours=13), ZoneInfo("Asia/Tokyo"), 60)


AHEAD = timedelta(days=400)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=43), AHEAD])
def test_what_was_fetched_in_the_future_is_asked_for_again(ahead: timedelta) -> None:
    now = datetime(2026, 3, 20, 20, tzinfo=UTC)
    assert not is_fresh(DAY, now + ahead, now, LOS_ANGELES, 60)
    assert not FreshnessPolicy(now, LOS_ANGELES, 60).is_final(DAY, now + ahead)
    assert is_fresh(DAY, now, now, LOS_ANGELES, 60)  # once the clock is right


def test_what_the_service_no_longer_has_stays_whenever_it_was_fetched() -> None:
    now = datetime(2026, 5, 2, 20, tzinfo=UTC)
    assert not is_fresh(DAY, now + AHEAD, now - timedelta(days=2), LOS_ANGELES, 60)
    assert is_fresh(DAY, now + AHEAD, now, LOS_ANGELES, 60)


def test_a_machine_whose_clock_is_a_little_ahead_makes_nobody_ask_twice() -> None:
    now = datetime(2026, 3, 20, 20, tzinfo=UTC)
    assert is_fresh(DAY, now + timedelta(minutes=5), now, LOS_ANGELES, 60)
    assert not is_fresh(DAY, now + timedelta(minutes=6), now, LOS_ANGELES, 60)


class WrongClock(JumpingClock):
    """Another clock that is three weeks ahead: by it, days look final that are not."""

    def __init__(self, right: JumpingClock) -> None:
        super().__init__()
        self._right = right

    def now(self) -> datetime:
        return self._right.now() + timedelta(days=21)

    def monotonic(self) -> float:
        return self._right.monotonic()

    def pass_time(self, seconds: float) -> None:
        self._right.pass_time(seconds)


def test_what_was_fetched_in_the_future_is_fetched_again_once(
    box: Box, store: ReportCache, clock: JumpingClock
) -> None:
    day = box.day(30)
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], WrongClock(clock))
    fetch_report("campaigns", day, client=client, cache=store)
    assert box.sandbox.count("request_report") == 2
    for _ in range(2):
        fetch_report("campaigns", day, client=box.client, cache=store)
        assert box.sandbox.count("request_report") == 4
    assert (store.entries()["fetched_at"] <= clock.now()).all()


SHORT_AND_LONG_DAYS = [
    # zone, day, when it begins in UTC, how many hours it has
    ("America/Los_Angeles", date(2026, 3, 8), datetime(2026, 3, 8, 8), 23),
    ("America/Los_Angeles", date(2026, 11, 1), datetime(2026, 11, 1, 7), 25),
    ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23), 23),
    ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 24, 22), 25),
]


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
def test_a_day_is_as_long_as_it_is_there(
    name: str, day: date, begins: datetime, hours: int
) -> None:
    zone, midnight = ZoneInfo(name), begins.replace(tzinfo=UTC)
    moment = timedelta(seconds=1)
    assert age_in_days(day, midnight - moment, zone) == -1
    assert age_in_days(day, midnight, zone) == 0
    assert age_in_days(day, midnight + timedelta(hours=hours) - moment, zone) == 0
    assert age_in_days(day, midnight + timedelta(hours=hours), zone) == 1


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
def test_twelve_hours_are_twelve_hours_while_clocks_are_set(
    name: str, day: date, begins: datetime, hours: int
) -> None:
    """Whichever zone the moments are told in: by the clock on the wall they may seem 11 or 13."""
    zone, fetched = ZoneInfo(name), begins.replace(tzinfo=UTC)
    second = timedelta(seconds=1)
    before, after = (fetched + timedelta(hours=12) + each for each in (-second, second))
    for told in (UTC, zone):
        moments = [moment.astimezone(told) for moment in (fetched, before, after)]
        assert is_fresh(day, moments[0], moments[1], zone, 60)
        assert not is_fresh(day, moments[0], moments[2], zone, 60)


@pytest.mark.parametrize(("name", "day", "begins", "hours"), SHORT_AND_LONG_DAYS)
@pytest.mark.parametrize("history_days", [60, 65])
def test_a_day_is_the_services_until_a_midnight_there(
    name: str, day: date, begins: datetime, hours: int, history_days: int
) -> None:
    """The last moment that the service still has a day, across the change of the clocks."""
    zone = ZoneInfo(name)
    old = day - timedelta(history_days)
    end = begins.replace(tzinfo=UTC) + timedelta(hours=hours)
    fetched = end - timedelta(days=history_days)
    assert not is_fresh(old, fetched, end - timedelta(seconds=1), zone, history_days)
    assert is_fresh(old, fetched, end, zone, history_days)
