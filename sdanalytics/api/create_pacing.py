"""How reports are requested: how many at a time, how far apart, and after which wait.

Amazon documents no limits of the unified Ads API (version 1). Who uses it has met about two
reports at a time, a minute between two requests, and a 429 without ``Retry-After`` that lasts for
many minutes. So its requests begin that slowly, and the gap between two of them is learned.
"""

from __future__ import annotations

import random
from typing import Final

from sdanalytics._core.limiter_state import (
    FIRST_WAIT,
    MAX_CREATE_WAIT,
    CountInFlight,
    LaneState,
)

WINDOW_RECHECK_INTERVAL: Final = 0.25
"""Seconds after which a full window is checked again: a report may have arrived."""
RECOVERY_FACTOR: Final = 0.95
"""The share of the interval that is left after a request that was not throttled."""
MIN_INTERVAL: Final = 0.005
"""Seconds below which an interval is as good as none."""


class CreatePacing:
    """The pace of versions 2 and 3: as fast as the service lets us, or at a fixed rate.

    Parameters
    ----------
    rate : float or None
        The maximum number of creates per second; None: the service's limit.

    Attributes
    ----------
    recheck_interval : float
        Seconds after which a create is tried again that too many reports in flight delay.
    reserves_turns : bool
        Whether whoever may create has its turn until the next one may.
    """

    recheck_interval = WINDOW_RECHECK_INTERVAL
    reserves_turns = False

    def __init__(self, rate: float | None) -> None:
        self._min_interval = 1 / rate if rate else 0.0

    def is_full(self, count_in_flight: CountInFlight) -> bool:
        """Return whether as many reports are in flight as may ever be."""
        return False

    def interval(self, creates: LaneState) -> float:
        """Return the seconds to leave between two creates."""
        return max(creates.min_interval, self._min_interval)

    def throttle_wait(self, throttle_count: int) -> float:
        """Return the seconds to wait after a 429 without ``Retry-After``, the nth in a row."""
        return full_jitter(throttle_count, MAX_CREATE_WAIT)

    def record_throttle(self, creates: LaneState) -> None:
        """Learn from a create that was throttled."""

    def record_success(self, creates: LaneState) -> None:
        """Learn from a create that was accepted."""
        shrink_interval(creates)


class LearnedPacing(CreatePacing):
    """The pace of version 1: few reports at a time, and a gap between creates that is learned.

    Parameters
    ----------
    first_interval : float
        Seconds between two creates while nothing is known.
    """

    MAX_IN_FLIGHT: Final = 2
    """Reports in flight of a client, at most."""
    recheck_interval = 5.0
    reserves_turns = True
    SLOWEST: Final = 10.0
    """The longest gap, as a multiple of the first; the first is the shortest: whether less would
    do is not worth the many minutes that a 429 lasts for."""
    GAP_RECOVERY: Final = 0.9
    """The share of the gap that is left after a create that was accepted."""
    FIRST_THROTTLE_WAIT: Final = 300.0
    """Seconds to wait after a 429 without ``Retry-After``; they double, each time in a row."""
    MAX_THROTTLE_WAIT: Final = 3600.0
    """Seconds to wait, at most."""

    def __init__(self, first_interval: float) -> None:
        super().__init__(None)
        self._first_interval = first_interval

    def is_full(self, count_in_flight: CountInFlight) -> bool:
        """Return whether as many reports are in flight as may ever be."""
        count = count_in_flight()
        return count is not None and count >= self.MAX_IN_FLIGHT

    def interval(self, creates: LaneState) -> float:
        """Return the seconds to leave between two creates."""
        return creates.min_interval or self._first_interval

    def throttle_wait(self, throttle_count: int) -> float:
        """Return the seconds to wait after a 429: at least three quarters of a bound."""
        bound = self.FIRST_THROTTLE_WAIT * 2.0 ** (throttle_count - 1)
        return min(bound, self.MAX_THROTTLE_WAIT) * random.uniform(0.75, 1.0)

    def record_throttle(self, creates: LaneState) -> None:
        """Double the gap."""
        slowest = self.SLOWEST * self._first_interval
        creates.min_interval = min(2 * self.interval(creates), slowest)

    def record_success(self, creates: LaneState) -> None:
        """Shorten the gap by a little, if it is longer than the first one."""
        shorter = self.GAP_RECOVERY * self.interval(creates)
        creates.min_interval = max(shorter, self._first_interval)


def full_jitter(attempt: int, max_wait: float) -> float:
    """Return seconds to wait after a number of throttles: random, up to a bound that doubles.

    Requests that were throttled together are sent again at different times.
    """
    bound = min(max_wait, FIRST_WAIT * 2.0 ** (attempt - 1))
    return random.uniform(0.0, bound)


def shrink_interval(lane: LaneState) -> None:
    """Shorten the interval of a lane by a little, down to none."""
    is_negligible = lane.min_interval <= MIN_INTERVAL
    lane.min_interval = 0.0 if is_negligible else lane.min_interval * RECOVERY_FACTOR
