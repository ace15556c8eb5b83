"""When a stored day is asked for again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sdanalytics.freshness import changing_from, good_for, is_fresh

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("age", "hours"),
    [(-1, 12), (0, 12), (3, 12), (4, 24), (14, 24), (15, 168), (42, 168), (43, None), (400, None)],
)
def test_the_older_the_day_the_longer_it_is_good(age: int, hours: int | None) -> None:
    assert good_for(age) == (None if hours is None else timedelta(hours=hours))


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
    assert changing_from([(DAY, fetched)], LOS_ANGELES)["restatable_from"] is None
    earlier = changing_from([(DAY, fetched - timedelta(days=2))], LOS_ANGELES)
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
