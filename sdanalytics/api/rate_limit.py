"""The rate limiter: when the next request of a profile may be sent.

The rules are here; the state that they change is a `LimiterState`. It lives in a
`LimiterStateStore`: in memory for a single client or, while a fetch runs, in the in-flight
registry of the store, so that all processes of a machine share one limiter.

Amazon's limits are dynamic, change slowly, and depend on its queue of reports. So creates have a
concurrency window: when a create is throttled, the number of reports in flight is taken as the
limit, and the next report is requested when another one arrives. From time to time one more
create than the window allows is tried: the wait until then doubles when it is throttled, and
shrinks when it is not. If the limit is on the rate instead of the queue, the same window grows one
by one, at about that rate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import (
    CountInFlight,
    LaneState,
    LimiterState,
    LimiterStateStore,
)
from sdanalytics._core.log_sampling import SampledLogger
from sdanalytics.api.create_pacing import CreatePacing, full_jitter, shrink_interval

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")

MIN_READ_INTERVAL: Final = 0.05
"""Seconds between two reads after the first of them was throttled."""
MAX_READ_INTERVAL: Final = 5.0
"""Seconds between two reads, at most, however often they are throttled."""
MAX_RETRY_AFTER: Final = 2 * 3600.0
"""Seconds to wait, at most, for a Retry-After, which may be wrong."""
MAX_READ_WAIT: Final = 60.0
"""Seconds to wait, at most, after a read that was throttled without a Retry-After."""


class RateLimiter:
    """Decides when the next request may be sent.

    A 429 to a create delays creates only, so that reports in flight are still collected; a 429
    to any other request delays all requests. The delay is that of ``Retry-After``; without one
    it grows exponentially with full jitter, up to a minute, or five minutes for creates.

    Parameters
    ----------
    clock : Clock
    state_store : LimiterStateStore
    pacing : CreatePacing
        How creates are paced.

    Attributes
    ----------
    events : SampledLogger
        The log of what delays requests.
    """

    def __init__(self, clock: Clock, state_store: LimiterStateStore, pacing: CreatePacing) -> None:
        self.events = SampledLogger(logger)
        self._clock = clock
        self._state_store = state_store
        self._pacing = pacing
        self._reserved_until = 0.0

    def create_delay(self) -> float:
        """Return the seconds to wait before a create, or before calling this again; 0: none.

        Where creates are far apart, it is the caller that it tells 0 whose turn it is until then:
        of many that wait, the others do not queue up in `acquire`, where they would send theirs
        however many reports are in flight by then.
        """
        reserved_until = self._reserved_until

        def measure_delay(
            state: LimiterState, count_in_flight: CountInFlight, now: float
        ) -> tuple[float, float]:
            has_turn = now < reserved_until
            allowed_at = now if has_turn else _next_allowed_at(state, is_create=True)
            window = state.window
            checked_at = now + self._pacing.recheck_interval
            if self._pacing.is_full(count_in_flight):
                allowed_at = max(allowed_at, checked_at)
            elif window.is_full(count_in_flight):
                allowed_at = max(allowed_at, min(window.next_probe_at, checked_at))
            if now < allowed_at:
                return allowed_at - now, 0.0
            if has_turn or not self._pacing.reserves_turns:
                return 0.0, reserved_until
            turn_end = now + self._pacing.interval(state.creates)
            state.creates.next_allowed_at = turn_end
            return 0.0, turn_end

        delay, self._reserved_until = self._update(measure_delay)
        return delay

    def is_throttled(self) -> bool:
        """Return whether creates are delayed because the service answered 429."""

        def has_throttles(state: LimiterState, _: CountInFlight, __: float) -> bool:
            return state.creates.throttle_count > 0 or state.reads.throttle_count > 0

        return self._update(has_throttles)

    def acquire(self, deadline: Deadline, *, is_create: bool) -> bool:
        """Wait until a request may be sent; return False if that is not before the deadline."""
        if is_create and self._now() < self._reserved_until:
            self._reserved_until = 0.0
            return deadline.remaining > 0

        def reserve(state: LimiterState, count_in_flight: CountInFlight, now: float) -> float:
            if is_create and self._pacing.is_full(count_in_flight):
                return self._pacing.recheck_interval
            lane = _select_lane(state, is_create=is_create)
            delay = _next_allowed_at(state, is_create=is_create) - now
            interval = lane.min_interval
            if is_create:
                interval = self._pacing.interval(lane)
            if delay <= 0 < interval:
                lane.next_allowed_at = now + interval
            return delay

        while True:
            delay = self._update(reserve)
            if delay <= 0:
                return deadline.remaining > 0
            if delay >= deadline.remaining:
                return False
            deadline.wait(delay)

    def can_resume_before(self, deadline: Deadline, *, is_create: bool) -> bool:
        """Return whether requests may be sent again before the deadline."""
        delay = self.allowed_at(is_create=is_create).timestamp() - self._now()
        return delay < deadline.remaining

    def allowed_at(self, *, is_create: bool) -> datetime:
        """Return the moment (UTC) from which the next request may be sent."""

        def read_allowed_at(state: LimiterState, _: CountInFlight, now: float) -> float:
            return max(now, _next_allowed_at(state, is_create=is_create))

        return datetime.fromtimestamp(self._update(read_allowed_at), UTC)

    def on_throttled(
        self, operation: str, sent_at: float, retry_after: float | None, *, is_create: bool
    ) -> None:
        """Record a 429.

        Parameters
        ----------
        operation : str
        sent_at : float
            When the request was sent, in seconds since 1970.
        retry_after : float or None
            Seconds to wait, as the service says; None: it does not say.
        is_create : bool
        """
        requested = None
        if retry_after is not None:
            requested = min(retry_after, MAX_RETRY_AFTER)

        def record(state: LimiterState, count_in_flight: CountInFlight, now: float) -> float:
            lane = _select_lane(state, is_create=is_create)
            if sent_at <= lane.throttled_at:
                # Sent at the same time as one that is recorded: the limit is the same.
                lane.next_allowed_at = max(lane.next_allowed_at, now + (requested or 0.0))
                return 0.0
            wait = self._delay_lane(lane, now, requested, is_create=is_create)
            in_flight = count_in_flight() if is_create else None
            if in_flight:
                state.window.shrink(in_flight, now)
            elif is_create:  # and no window paces the next ones
                lane.next_allowed_at = max(lane.next_allowed_at, now + _min_create_wait(lane))
            return wait

        wait = self._update(record)
        reason = "no Retry-After" if retry_after is None else "Retry-After"
        self.events.log("429", "%s: throttled (429); waiting %.1f s (%s)", operation, wait, reason)

    def on_success(self, *, is_create: bool) -> None:
        """Record a request that was not throttled."""

        def record(state: LimiterState, count_in_flight: CountInFlight, now: float) -> None:
            lane = _select_lane(state, is_create=is_create)
            lane.throttle_count = 0
            if is_create:
                self._pacing.record_success(lane)
                state.window.grow(count_in_flight, now)
            else:
                shrink_interval(lane)

        self._update(record)

    def _delay_lane(
        self, lane: LaneState, now: float, requested: float | None, *, is_create: bool
    ) -> float:
        """Record a throttle of a lane; return the seconds that it is closed for."""
        lane.throttled_at = now
        lane.throttle_count += 1
        count = lane.throttle_count
        wait = requested
        if wait is None and is_create:
            wait = self._pacing.throttle_wait(count)
        elif wait is None:
            wait = full_jitter(count, MAX_READ_WAIT)
        lane.next_allowed_at = max(lane.next_allowed_at, now + wait)
        if is_create:
            self._pacing.record_throttle(lane)
        else:
            doubled = max(2 * lane.min_interval, MIN_READ_INTERVAL)
            lane.min_interval = min(doubled, MAX_READ_INTERVAL)
        return wait

    def _now(self) -> float:
        """Return the moment in seconds since 1970: processes share it, unlike monotonic time."""
        return self._clock.now().timestamp()

    def _update(self, change: Callable[[LimiterState, CountInFlight, float], T]) -> T:
        """Call `change` with the current state, and store its changes."""

        def change_current(state: LimiterState, count_in_flight: CountInFlight) -> T:
            now = self._now()
            state.rebase_clock(now)
            return change(state, count_in_flight, now)

        return self._state_store.update(change_current)


def _select_lane(state: LimiterState, *, is_create: bool) -> LaneState:
    if is_create:
        return state.creates
    return state.reads


def _next_allowed_at(state: LimiterState, *, is_create: bool) -> float:
    """Return the moment from which a request may be sent, in seconds since 1970."""
    reads = state.reads
    if not is_create:
        return reads.next_allowed_at
    # The interval between reads does not delay a create; a throttled read does.
    reads_open_at = reads.next_allowed_at if reads.throttle_count else 0.0
    return max(state.creates.next_allowed_at, reads_open_at)


def _min_create_wait(lane: LaneState) -> float:
    """Return seconds to wait even if the moment that the service names is past: clocks differ."""
    doublings = min(lane.throttle_count, 10)
    return min(MIN_READ_INTERVAL * 2.0**doublings, MAX_READ_INTERVAL)
