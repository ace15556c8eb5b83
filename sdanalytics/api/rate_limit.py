"""How fast the service may be asked: one limiter for all threads of a profile.

What is known of the service's limits is a small state, `Traffic`. It lives in a `Memory`: of
one client, or, while a call runs, in the ledger of the store, so that all processes of a
machine keep one pace. The rules are here.

Amazon's limits are dynamic, change slowly, and depend on the queue of reports. So there is a
window: when a create is refused, what is being built is taken for all that may be at a time,
and reports are asked for as others arrive. Now and then it is tried whether one more is taken:
the waits between these double when it is refused, and shrink a little when it is not. Against a
limit of the rate instead of the queue the same window opens one by one, at about that rate.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Final, TypeVar

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import (
    FIRST_WAIT,
    MAX_CREATE_WAIT,
    CountInFlight,
    LimiterState,
    LimiterStateStore,
)
from sdanalytics._core.log_sampling import SampledLogger

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")

AMAZON_CREATE_RATE: Final = 1.0
"""Creates a second that Amazon's own hosts take of a client and profile (version 2)."""
_LOOK: Final = 0.25
"""Seconds after which a full window is looked at again: a report may have come."""
_FIRST_GAP: Final = 0.05
_LONGEST_GAP: Final = 5.0
_RECOVERY: Final = 0.95
"""What is left of a gap when a request is accepted."""
_LONGEST_RETRY_AFTER: Final = 2 * 3600.0
"""Seconds after which it is tried again, whatever the service said: it may have erred."""
_LONGEST_READ_WAIT: Final = 60.0


class RateLimiter:
    """When the next request may leave.

    A 429 to a create holds up creates alone, so that reports go on being collected; a 429 to
    any other request holds up all: for as long as ``Retry-After`` says, or without it for
    waits that grow exponentially with full jitter, up to a minute, or five for creates.

    Parameters
    ----------
    clock : Clock
    memory : Memory
    create_rate : float or None
        The most creates a second; None: as many as the service takes.
    """

    def __init__(self, clock: Clock, memory: LimiterStateStore, create_rate: float | None) -> None:
        self._clock = clock
        self._memory = memory
        self._least_gap = 1 / create_rate if create_rate else 0.0
        self.events = SampledLogger(logger)

    def create_delay(self) -> float:
        """Seconds until a report may be asked for, or it should be looked again; 0: now."""

        def wait(traffic: LimiterState, building: CountInFlight, now: float) -> float:
            window, opens_at = traffic.window, _opens_at(traffic, creates=True)
            if window.is_full(building):
                opens_at = max(opens_at, min(window.next_probe_at, now + _LOOK))
            return max(0.0, opens_at - now)

        return self._change(wait)

    def is_refused(self) -> bool:
        """Whether creates wait because the service said so."""
        return self._change(
            lambda traffic, *_: bool(traffic.creates.throttle_count or traffic.reads.throttle_count)
        )

    def wait_turn(self, deadline: Deadline, *, creates: bool) -> bool:
        """Wait until a request may leave; False when that is not before the limit."""

        def take(traffic: LimiterState, _: CountInFlight, now: float) -> float:
            lane = traffic.creates if creates else traffic.reads
            wait = _opens_at(traffic, creates=creates) - now
            gap = max(lane.min_interval, self._least_gap if creates else 0.0)
            if wait <= 0 < gap:
                lane.next_allowed_at = now + gap
            return wait

        while (wait := self._change(take)) > 0:
            if wait >= deadline.remaining:
                return False
            deadline.wait(wait)
        return deadline.remaining > 0

    def opens_before(self, deadline: Deadline, *, creates: bool) -> bool:
        """Whether requests may leave again while the call still has time."""
        opens_at = self._change(lambda traffic, _, __: _opens_at(traffic, creates=creates))
        return opens_at - self._now() < deadline.remaining

    def refused(
        self, operation: str, sent_at: float, retry_after: float | None, *, creates: bool
    ) -> None:
        """Take note of a 429.

        Parameters
        ----------
        operation : str
        sent_at : float
            When the request was sent, in seconds since 1970.
        retry_after : float or None
            Seconds that the service asks to wait; None: it does not say.
        creates : bool
            Whether it was a create.
        """
        told = None if retry_after is None else min(retry_after, _LONGEST_RETRY_AFTER)

        def note(traffic: LimiterState, building: CountInFlight, now: float) -> float:
            lane = traffic.creates if creates else traffic.reads
            if sent_at <= lane.throttled_at:  # sent side by side with one that counted
                lane.next_allowed_at = max(lane.next_allowed_at, now + (told or 0.0))
                return 0.0
            lane.throttled_at = now
            lane.throttle_count += 1
            longest = MAX_CREATE_WAIT if creates else _LONGEST_READ_WAIT
            wait = full_jitter(lane.throttle_count, longest) if told is None else told
            lane.next_allowed_at = max(lane.next_allowed_at, now + wait)
            if not creates:
                lane.min_interval = min(max(2 * lane.min_interval, _FIRST_GAP), _LONGEST_GAP)
            elif count := building():
                traffic.window.shrink(count, now)
            return wait

        wait = self._change(note)
        why = "as it asked" if retry_after is not None else "it did not say how long"
        message = "%s: the service has enough (429); waiting %.1f s (%s)"
        self.events.log("429", message, operation, wait, why)

    def accepted(self, *, creates: bool) -> None:
        """Take note of a request that was not refused."""

        def note(traffic: LimiterState, building: CountInFlight, now: float) -> None:
            lane = traffic.creates if creates else traffic.reads
            lane.throttle_count = 0
            lane.min_interval = (
                lane.min_interval * _RECOVERY if lane.min_interval > _FIRST_GAP / 10 else 0.0
            )
            if creates:
                traffic.window.grow(building, now)

        self._change(note)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _change(self, work: Callable[[LimiterState, CountInFlight, float], T]) -> T:
        def renewed(traffic: LimiterState, building: CountInFlight) -> T:
            now = self._now()
            traffic.rebase_clock(now)
            return work(traffic, building, now)

        return self._memory.update(renewed)


def _opens_at(traffic: LimiterState, *, creates: bool) -> float:
    reads = traffic.reads
    if not creates:
        return reads.next_allowed_at
    # A gap between reads is no reason for a create to wait; a refusal is.
    return max(
        traffic.creates.next_allowed_at, reads.next_allowed_at if reads.throttle_count else 0.0
    )


def full_jitter(attempt: int, longest: float) -> float:
    """Seconds to wait after so many refusals: anything up to a bound that doubles each time.

    Those who were refused together come again at different times.
    """
    return random.uniform(0.0, min(longest, FIRST_WAIT * 2.0 ** (attempt - 1)))
