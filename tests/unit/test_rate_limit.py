"""The rate limiter: when the next request may be sent, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import CountInFlight, LimiterState
from sdanalytics.api.create_pacing import CreatePacing, LearnedPacing
from sdanalytics.api.rate_limit import RateLimiter
from tests.support.clock import JumpingClock

T = TypeVar("T")


def about(seconds: Any) -> Any:
    """Return seconds for a comparison with differences of moments since 1970."""
    return pytest.approx(seconds, abs=1e-4)


class CountedState:
    """The state of a limiter in memory, with a number of reports in flight."""

    def __init__(self) -> None:
        self.state = LimiterState()
        self.in_flight = 0

    def update(self, fn: Callable[[LimiterState, CountInFlight], T]) -> T:
        return fn(self.state, lambda: self.in_flight)


class Pace:
    """A limiter, and how long requests wait for it."""

    def __init__(
        self,
        clock: JumpingClock,
        create_rate: float | None = None,
        pacing: CreatePacing | None = None,
    ) -> None:
        self.clock = clock
        self.store = CountedState()
        self.limiter = RateLimiter(clock, self.store, pacing or CreatePacing(create_rate))

    def wait(self, *, is_create: bool) -> float:
        """Return the seconds that a request waits."""
        before = self.clock.monotonic()
        assert self.limiter.acquire(Deadline(self.clock, 9000.0), is_create=is_create)
        return self.clock.monotonic() - before

    def throttle(self, retry_after: float | None = None, *, is_create: bool) -> float:
        """Record a 429 to a request sent now; return the seconds that the next one waits."""
        sent_at = self.clock.now().timestamp()
        self.limiter.on_throttled("operation", sent_at, retry_after, is_create=is_create)
        return self.wait(is_create=is_create)


@pytest.fixture
def pace(clock: JumpingClock) -> Pace:
    return Pace(clock)


@pytest.fixture
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)


def test_nothing_waits_until_a_request_is_throttled(pace: Pace) -> None:
    assert [pace.wait(is_create=True) for _ in range(50)] == [0.0] * 50
    assert [pace.wait(is_create=False) for _ in range(50)] == [0.0] * 50
    assert pace.limiter.create_delay() == 0.0
    assert not pace.limiter.is_throttled()


def test_a_rate_spaces_creates_and_nothing_else(clock: JumpingClock) -> None:
    pace = Pace(clock, create_rate=0.5)
    assert [pace.wait(is_create=True) for _ in range(3)] == about([0.0, 2.0, 2.0])
    assert pace.limiter.create_delay() == about(2.0)
    assert pace.wait(is_create=False) == 0.0
    clock.pass_time(3.0)
    assert pace.wait(is_create=True) == 0.0


def test_a_throttled_create_delays_creates_only(pace: Pace) -> None:
    sent_at = pace.clock.now().timestamp()
    pace.limiter.on_throttled("request_report", sent_at, 30.0, is_create=True)
    assert pace.limiter.is_throttled()
    assert pace.limiter.create_delay() == about(30.0)
    assert pace.wait(is_create=False) == 0.0
    assert pace.wait(is_create=True) == about(30.0)
    pace.limiter.on_success(is_create=True)
    assert not pace.limiter.is_throttled()


def test_a_throttled_read_delays_all_requests(pace: Pace) -> None:
    sent_at = pace.clock.now().timestamp()
    pace.limiter.on_throttled("get_report_status", sent_at, 30.0, is_create=False)
    assert pace.limiter.is_throttled()
    assert pace.limiter.create_delay() == about(30.0)
    assert pace.wait(is_create=True) == about(30.0)
    assert pace.wait(is_create=False) == 0.0


@pytest.mark.usefixtures("longest_jitter")
@pytest.mark.parametrize(("is_create", "longest"), [(True, 300.0), (False, 60.0)])
def test_waits_without_retry_after_double_up_to_a_limit(
    pace: Pace, is_create: bool, longest: float
) -> None:
    waits = [pace.throttle(is_create=is_create) for _ in range(12)]
    assert waits == about([min(longest, 2.0**n) for n in range(1, 13)])
    pace.limiter.on_success(is_create=is_create)
    pace.clock.pass_time(longest)
    assert pace.throttle(is_create=is_create) == about(2.0)


@pytest.mark.usefixtures("longest_jitter")
def test_requests_that_are_throttled_together_count_once(pace: Pace) -> None:
    sent_at = pace.clock.now().timestamp()
    for _ in range(5):
        pace.limiter.on_throttled("profiles", sent_at, None, is_create=False)
    assert pace.wait(is_create=False) == about(2.0)
    for retry_after in (10.0, 25.0, 3.0):
        pace.limiter.on_throttled("profiles", sent_at, retry_after, is_create=False)
    assert pace.wait(is_create=False) == about(25.0)
    assert pace.throttle(is_create=False) == about(4.0)


def test_an_excessive_retry_after_is_capped(pace: Pace) -> None:
    assert pace.throttle(1e9, is_create=True) == about(7200.0)


def test_a_request_is_not_waited_for_beyond_the_deadline(pace: Pace) -> None:
    sent_at = pace.clock.now().timestamp()
    pace.limiter.on_throttled("request_report", sent_at, 30.0, is_create=True)
    before = pace.clock.monotonic()
    for seconds, is_possible in ((29.0, False), (31.0, True)):
        deadline = Deadline(pace.clock, seconds)
        assert pace.limiter.can_resume_before(deadline, is_create=True) is is_possible
        assert pace.limiter.can_resume_before(deadline, is_create=False)
    assert not pace.limiter.acquire(Deadline(pace.clock, 29.0), is_create=True)
    assert pace.clock.monotonic() == before
    over = Deadline(pace.clock, 60.0)
    over.expire()
    assert not pace.limiter.acquire(over, is_create=False)


def test_reads_keep_an_interval_after_a_throttle_until_many_succeed(pace: Pace) -> None:
    for interval in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        pace.throttle(1.0, is_create=False)
        assert pace.wait(is_create=False) == about(interval)
    for _ in range(13):
        pace.limiter.on_success(is_create=False)
    pace.clock.pass_time(60.0)
    assert [pace.wait(is_create=False) for _ in range(2)] == about([0.0, 5 * 0.95**13])
    assert pace.limiter.create_delay() == 0.0  # the interval is for reads only
    for _ in range(200):
        pace.limiter.on_success(is_create=False)
    pace.clock.pass_time(60.0)
    assert [pace.wait(is_create=False) for _ in range(3)] == [0.0] * 3


def test_the_reports_in_flight_at_a_throttle_are_the_limit(pace: Pace) -> None:
    pace.store.in_flight = 20
    pace.throttle(0.0, is_create=True)
    assert 0.0 < pace.limiter.create_delay() <= 0.25  # then it is looked again
    pace.store.in_flight = 19
    assert pace.limiter.create_delay() == 0.0
    pace.limiter.on_success(is_create=True)
    pace.store.in_flight = 20
    assert pace.limiter.create_delay() > 0.0


@pytest.mark.usefixtures("longest_jitter")
def test_one_report_more_than_the_limit_is_tried_at_growing_intervals(pace: Pace) -> None:
    pace.store.in_flight = 20
    for interval in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0):
        pace.throttle(0.0, is_create=True)
        pace.clock.pass_time(1.25 * interval - 0.1)
        assert pace.limiter.create_delay() == about(0.1)
        pace.clock.pass_time(0.2)
        assert pace.limiter.create_delay() == 0.0
    pace.limiter.on_success(is_create=True)  # the 21st was accepted
    assert pace.limiter.create_delay() == 0.0  # when one of the 21 has come
    pace.store.in_flight = 21
    assert pace.limiter.create_delay() > 0.0
    pace.clock.pass_time(1.25 * 150.0)
    assert pace.limiter.create_delay() == 0.0


# -- the learned pace of version 1 -----------------------------------------------------------


@pytest.fixture
def slow_pace(clock: JumpingClock) -> Pace:
    return Pace(clock, pacing=LearnedPacing(60.0))


def create(pace: Pace) -> float:
    """Return the seconds that a create waits, which is accepted then."""
    waited = pace.wait(is_create=True)
    pace.limiter.on_success(is_create=True)
    return waited


def test_creates_of_version_1_are_a_minute_apart_and_never_closer(slow_pace: Pace) -> None:
    assert create(slow_pace) == 0.0
    assert [create(slow_pace) for _ in range(30)] == [about(60.0)] * 30


def test_the_gap_doubles_with_a_429_and_shrinks_with_success(slow_pace: Pace) -> None:
    create(slow_pace)
    for _ in range(2):
        slow_pace.throttle(1.0, is_create=True)
    gaps = [create(slow_pace) for _ in range(30)][1:]
    assert gaps[:3] == [about(240.0), about(216.0), about(194.4)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == about(60.0)


def test_the_gap_has_an_end(slow_pace: Pace) -> None:
    for _ in range(9):
        slow_pace.throttle(1.0, is_create=True)
    assert slow_pace.limiter.create_delay() == about(600.0)


@pytest.mark.usefixtures("longest_jitter")
def test_a_429_of_version_1_without_retry_after_waits_minutes(slow_pace: Pace) -> None:
    waits = [slow_pace.throttle(is_create=True) for _ in range(6)]
    assert waits == [about(seconds) for seconds in (300, 600, 1200, 2400, 3600, 3600)]
    assert slow_pace.throttle(40.0, is_create=True) >= 40.0


def test_a_third_report_of_version_1_waits_for_one_of_two(slow_pace: Pace) -> None:
    slow_pace.store.in_flight = 1
    assert slow_pace.limiter.create_delay() == 0.0
    slow_pace.store.in_flight = 2
    assert slow_pace.limiter.create_delay() == about(5.0)
    slow_pace.clock.pass_time(3600)
    assert slow_pace.limiter.create_delay() == about(5.0)
    slow_pace.store.in_flight = 1
    assert slow_pace.limiter.create_delay() == 0.0


def test_of_many_that_wait_for_version_1_one_has_its_turn(slow_pace: Pace) -> None:
    clock, store = slow_pace.clock, slow_pace.store
    other = RateLimiter(clock, store, LearnedPacing(60.0))
    assert slow_pace.limiter.create_delay() == 0.0
    assert other.create_delay() == about(60.0)
    clock.pass_time(2.0)  # until it sends: it need not wait again, and does not wait twice
    assert slow_pace.limiter.create_delay() == 0.0
    assert slow_pace.wait(is_create=True) == 0.0
    assert slow_pace.limiter.create_delay() == about(58.0)
    clock.pass_time(58.0)
    assert other.create_delay() == 0.0
    assert slow_pace.limiter.create_delay() == about(60.0)


def test_whoever_misses_its_turn_in_version_1_waits_until_there_is_room(slow_pace: Pace) -> None:
    assert slow_pace.limiter.create_delay() == 0.0
    slow_pace.clock.pass_time(61.0)
    slow_pace.store.in_flight = 2
    deadline = Deadline(slow_pace.clock, 600.0)
    assert not slow_pace.limiter.acquire(deadline, is_create=True)
    slow_pace.store.in_flight = 1
    assert slow_pace.wait(is_create=True) == 0.0
