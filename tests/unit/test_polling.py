"""When reports are polled: often while nothing is known, then when they are likely to be ready."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat

import pytest

from sdanalytics.fetch.polling import AdaptivePoller, backoff_intervals
from tests.support.clock import JumpingClock


@pytest.fixture
def poller() -> AdaptivePoller:
    return AdaptivePoller(lambda: repeat(2.0))


def ages_at_polls(poller: AdaptivePoller, clock: JumpingClock) -> Iterator[float]:
    """Request a report, and yield its age at each poll."""
    began = clock.monotonic()
    for delay in poller.delays(lambda: clock.monotonic() - began):
        clock.pass_time(delay)
        if not delay:
            yield clock.monotonic() - began


def poll_until_ready(
    poller: AdaptivePoller, clock: JumpingClock, build_time: float
) -> tuple[list[float], bool]:
    """Poll a report until it is ready; return its ages, and whether it was the first."""
    previous, ages = 0.0, []
    for age in ages_at_polls(poller, clock):
        ages.append(age)
        if age >= build_time:
            return ages, poller.observe(previous, age)
        previous = age
    raise AssertionError("polls do not end before a report is ready")


def test_back_off_grows_by_half_up_to_a_limit_with_jitter() -> None:
    bases = [min(2.0 * 1.5**n, 30.0) for n in range(200)]
    intervals = list(islice(backoff_intervals(2.0, 30.0), 200))
    shares = [interval / base for interval, base in zip(intervals, bases, strict=True)]
    assert 0.8 <= min(shares) < 0.85
    assert 1.15 < max(shares) <= 1.2


def test_the_first_report_is_polled_at_the_intervals_given(
    poller: AdaptivePoller, clock: JumpingClock
) -> None:
    ages, is_first = poll_until_ready(poller, clock, 9.0)
    assert ages == pytest.approx([2.0, 4.0, 6.0, 8.0, 10.0])
    assert is_first
    assert poll_until_ready(poller, clock, 9.0)[1] is False


def test_later_reports_are_polled_when_the_first_was_ready(
    poller: AdaptivePoller, clock: JumpingClock
) -> None:
    poll_until_ready(poller, clock, 60.0)  # between its polls after 58 and 60 seconds
    ages, _ = poll_until_ready(poller, clock, 60.0)
    assert ages == pytest.approx([59.0, 61.0])
    number = [len(poll_until_ready(poller, clock, 60.0)[0]) for _ in range(100)]
    assert sum(number) < 2.2 * 100


@pytest.mark.parametrize("build_time", [6.0, 600.0])
def test_another_build_time_is_learned(
    poller: AdaptivePoller, clock: JumpingClock, build_time: float
) -> None:
    poll_until_ready(poller, clock, 60.0)
    for _ in range(100):
        poll_until_ready(poller, clock, build_time)
    ages, _ = poll_until_ready(poller, clock, build_time)
    assert ages[0] == pytest.approx(build_time, rel=0.1)
    assert ages[-1] == pytest.approx(build_time, rel=0.1, abs=2.0)
    assert len(ages) <= 3


def test_one_slow_report_hardly_delays_the_others(
    poller: AdaptivePoller, clock: JumpingClock
) -> None:
    poll_until_ready(poller, clock, 60.0)
    poll_until_ready(poller, clock, 3600.0)
    ages, _ = poll_until_ready(poller, clock, 60.0)
    assert ages == pytest.approx([60.0], rel=0.07)


def test_four_reports_are_polled_often_until_one_is_ready(
    poller: AdaptivePoller, clock: JumpingClock
) -> None:
    def measure_interval() -> tuple[float, Iterator[float]]:
        """Request another report; return the interval from its 20th poll to the next."""
        ages = ages_at_polls(poller, clock)
        before, after = islice(ages, 19, 21)
        return after - before, ages

    probes = [measure_interval() for _ in range(4)]
    assert [interval for interval, _ in probes] == pytest.approx([2.0] * 4)
    others = [measure_interval() for _ in range(10)]
    assert all(22.5 <= interval <= 37.5 for interval, _ in others)
    assert len({interval for interval, _ in others}) == 10  # not all at the same time
    probes.pop()  # its report failed: the next one is polled in its place
    assert measure_interval()[0] == pytest.approx(2.0)
