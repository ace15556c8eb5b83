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
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from sdanalytics.clock import Clock, Limit
from sdanalytics.telling import Teller

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")
Count = Callable[[], int | None]
"""Counts the reports that are being built; None where nobody does."""

AMAZON_CREATE_RATE: Final = 1.0
"""Creates a second that Amazon's own hosts take of a client and profile (version 2)."""
_LOOK: Final = 0.25
"""Seconds after which a full window is looked at again: a report may have come."""
_FIRST_GAP: Final = 0.05
_LONGEST_GAP: Final = 5.0
_RECOVERY: Final = 0.95
"""What is left of a gap when a request is accepted."""
_FIRST_WAIT: Final = 2.0
_LONGEST_RETRY_AFTER: Final = 2 * 3600.0
"""Seconds after which it is tried again, whatever the service said: it may have erred."""
_MEMORY: Final = 1800.0
"""Seconds after a refusal for which what it taught is taken for true."""
_OPENING: Final = 0.5
"""What is left of the wait to try one more, when one more was taken."""
_LONGEST_READ_WAIT: Final = 60.0
_LONGEST_CREATE_WAIT: Final = 300.0


@dataclass
class Lane:
    """What is known of one kind of request: creates, or all others.

    Attributes
    ----------
    opens_at : float
        The moment from which on the next one may leave, in seconds since 1970.
    refused_at : float
        The moment of the last refusal.
    refusals : int
        How many in a row.
    gap : float
        Seconds to leave between two.
    """

    opens_at: float = 0.0
    refused_at: float = 0.0
    refusals: int = 0
    gap: float = 0.0


@dataclass
class Window:
    """How many reports may be built at a time.

    Attributes
    ----------
    size : int or None
        As many as there were when one was refused, and those that were taken beyond since;
        None: nothing was refused yet.
    opens_at : float
        The moment from which on it is tried whether one more is taken.
    patience : float
        Seconds to wait until then.
    """

    size: int | None = None
    opens_at: float = 0.0
    patience: float = _FIRST_WAIT / 2

    def is_full(self, building: Count) -> bool:
        """Whether as many are being built as may be; who does not count them does not know."""
        if self.size is None:  # then nobody has to count: there may be thousands
            return False
        count = building()
        return count is not None and count >= self.size

    def narrow(self, building: int, now: float) -> None:
        """Take what is being built for all that may be: one more was refused."""
        self.size = building
        self._wait(now, min(2 * self.patience, _LONGEST_CREATE_WAIT))

    def widen(self, building: Count, now: float) -> None:
        """One more was taken, which may be beyond what was known."""
        if self.is_full(building):
            self.size = (building() or 0) + 1
            self._wait(now, max(_OPENING * self.patience, _FIRST_WAIT / 2))

    def _wait(self, now: float, patience: float) -> None:
        self.patience = patience
        self.opens_at = now + patience * random.uniform(0.75, 1.25)


@dataclass
class Traffic:
    """What is known of the limits of a host for a profile; `as_of` some moment."""

    creates: Lane = field(default_factory=Lane)
    reads: Lane = field(default_factory=Lane)
    window: Window = field(default_factory=Window)
    as_of: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` gives it back."""
        parts = {name: dict(vars(getattr(self, name))) for name in _PARTS}
        return {**parts, "as_of": self.as_of}

    def says(self, other: dict[str, Any]) -> bool:
        """Whether these plain values say the same, as of whatever moment."""
        return all(vars(getattr(self, name)) == other[name] for name in _PARTS)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Traffic:
        """From what `to_json` gave."""
        lanes = {name: Lane(**values[name]) for name in ("creates", "reads")}
        return cls(**lanes, window=Window(**values["window"]), as_of=values["as_of"])

    def renew(self, now: float) -> None:
        """Make it of now; a clock that was set back meanwhile makes nobody wait for it."""
        back = max(0.0, self.as_of - now)
        for lane in (self.creates, self.reads):
            lane.opens_at -= back
            lane.refused_at -= back
        self.window.opens_at -= back
        self.as_of = now
        if now - self.creates.refused_at > _MEMORY and self.creates.opens_at <= now:
            self.window = Window()


_PARTS: Final = ("creates", "reads", "window")


class Memory(Protocol):
    """Where the state of a limiter lives."""

    def change(self, work: Callable[[Traffic, Count], T]) -> T:
        """Have one caller at a time look at it, and count the reports being built.

        What the caller changes is kept. It may be called twice, the second time with what
        others have changed meanwhile; then the first does not count.
        """


class OwnMemory:
    """The state of the limiter of one client: for single operations, outside of a call."""

    def __init__(self) -> None:
        self._traffic = Traffic()
        self._lock = threading.Lock()

    def change(self, work: Callable[[Traffic, Count], T]) -> T:
        """See `Memory`."""
        with self._lock:
            return work(self._traffic, lambda: None)


class Pace:
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

    def __init__(self, clock: Clock, memory: Memory, create_rate: float | None) -> None:
        self._clock = clock
        self._memory = memory
        self._least_gap = 1 / create_rate if create_rate else 0.0
        self.teller = Teller(logger)

    def until_create(self) -> float:
        """Seconds until a report may be asked for, or it should be looked again; 0: now."""

        def wait(traffic: Traffic, building: Count, now: float) -> float:
            window, opens_at = traffic.window, _opens_at(traffic, creates=True)
            if window.is_full(building):
                opens_at = max(opens_at, min(window.opens_at, now + _LOOK))
            return max(0.0, opens_at - now)

        return self._change(wait)

    def is_refused(self) -> bool:
        """Whether creates wait because the service said so."""
        return self._change(
            lambda traffic, *_: bool(traffic.creates.refusals or traffic.reads.refusals)
        )

    def wait_turn(self, limit: Limit, *, creates: bool) -> bool:
        """Wait until a request may leave; False when that is not before the limit."""

        def take(traffic: Traffic, _: Count, now: float) -> float:
            lane = traffic.creates if creates else traffic.reads
            wait = _opens_at(traffic, creates=creates) - now
            gap = max(lane.gap, self._least_gap if creates else 0.0)
            if wait <= 0 < gap:
                lane.opens_at = now + gap
            return wait

        while (wait := self._change(take)) > 0:
            if wait >= limit.remaining:
                return False
            limit.wait(wait)
        return limit.remaining > 0

    def opens_before(self, limit: Limit, *, creates: bool) -> bool:
        """Whether requests may leave again while the call still has time."""
        opens_at = self._change(lambda traffic, _, __: _opens_at(traffic, creates=creates))
        return opens_at - self._now() < limit.remaining

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

        def note(traffic: Traffic, building: Count, now: float) -> float:
            lane = traffic.creates if creates else traffic.reads
            if sent_at <= lane.refused_at:  # sent side by side with one that counted
                lane.opens_at = max(lane.opens_at, now + (told or 0.0))
                return 0.0
            lane.refused_at = now
            lane.refusals += 1
            longest = _LONGEST_CREATE_WAIT if creates else _LONGEST_READ_WAIT
            wait = full_jitter(lane.refusals, longest) if told is None else told
            lane.opens_at = max(lane.opens_at, now + wait)
            if not creates:
                lane.gap = min(max(2 * lane.gap, _FIRST_GAP), _LONGEST_GAP)
            elif count := building():
                traffic.window.narrow(count, now)
            return wait

        wait = self._change(note)
        why = "as it asked" if retry_after is not None else "it did not say how long"
        message = "%s: the service has enough (429); waiting %.1f s (%s)"
        self.teller.tell("429", message, operation, wait, why)

    def accepted(self, *, creates: bool) -> None:
        """Take note of a request that was not refused."""

        def note(traffic: Traffic, building: Count, now: float) -> None:
            lane = traffic.creates if creates else traffic.reads
            lane.refusals = 0
            lane.gap = lane.gap * _RECOVERY if lane.gap > _FIRST_GAP / 10 else 0.0
            if creates:
                traffic.window.widen(building, now)

        self._change(note)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _change(self, work: Callable[[Traffic, Count, float], T]) -> T:
        def renewed(traffic: Traffic, building: Count) -> T:
            now = self._now()
            traffic.renew(now)
            return work(traffic, building, now)

        return self._memory.change(renewed)


def _opens_at(traffic: Traffic, *, creates: bool) -> float:
    reads = traffic.reads
    if not creates:
        return reads.opens_at
    # A gap between reads is no reason for a create to wait; a refusal is.
    return max(traffic.creates.opens_at, reads.opens_at if reads.refusals else 0.0)


def full_jitter(attempt: int, longest: float) -> float:
    """Seconds to wait after so many refusals: anything up to a bound that doubles each time.

    Those who were refused together come again at different times.
    """
    return random.uniform(0.0, min(longest, _FIRST_WAIT * 2.0 ** (attempt - 1)))
