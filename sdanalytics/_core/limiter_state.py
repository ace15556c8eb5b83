"""What is known of a service's limits, and where that is kept."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")
CountInFlight = Callable[[], int | None]
"""Counts the reports that are being built; None where nobody does."""

FIRST_WAIT: Final = 2.0
"""Seconds to wait after the first refusal, at the most."""
MAX_CREATE_WAIT: Final = 300.0
"""Seconds to wait at the most before one more create is tried."""
STATE_TTL: Final = 1800.0
"""Seconds after a refusal for which what it taught is taken for true."""
GROW_FACTOR: Final = 0.5
"""What is left of the wait to try one more, when one more was taken."""


@dataclass
class LaneState:
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
class ConcurrencyWindow:
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
    patience: float = FIRST_WAIT / 2

    def is_full(self, building: CountInFlight) -> bool:
        """Whether as many are being built as may be; who does not count them does not know."""
        if self.size is None:  # then nobody has to count: there may be thousands
            return False
        count = building()
        return count is not None and count >= self.size

    def narrow(self, building: int, now: float) -> None:
        """Take what is being built for all that may be: one more was refused."""
        self.size = building
        self._wait(now, min(2 * self.patience, MAX_CREATE_WAIT))

    def widen(self, building: CountInFlight, now: float) -> None:
        """One more was taken, which may be beyond what was known."""
        if self.is_full(building):
            self.size = (building() or 0) + 1
            self._wait(now, max(GROW_FACTOR * self.patience, FIRST_WAIT / 2))

    def _wait(self, now: float, patience: float) -> None:
        self.patience = patience
        self.opens_at = now + patience * random.uniform(0.75, 1.25)


@dataclass
class LimiterState:
    """What is known of the limits of a host for a profile; `as_of` some moment."""

    creates: LaneState = field(default_factory=LaneState)
    reads: LaneState = field(default_factory=LaneState)
    window: ConcurrencyWindow = field(default_factory=ConcurrencyWindow)
    as_of: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` gives it back."""
        parts = {name: dict(vars(getattr(self, name))) for name in _PARTS}
        return {**parts, "as_of": self.as_of}

    def says(self, other: dict[str, Any]) -> bool:
        """Whether these plain values say the same, as of whatever moment."""
        return all(vars(getattr(self, name)) == other[name] for name in _PARTS)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> LimiterState:
        """From what `to_json` gave."""
        lanes = {name: LaneState(**values[name]) for name in ("creates", "reads")}
        return cls(**lanes, window=ConcurrencyWindow(**values["window"]), as_of=values["as_of"])

    def renew(self, now: float) -> None:
        """Make it of now; a clock that was set back meanwhile makes nobody wait for it."""
        back = max(0.0, self.as_of - now)
        for lane in (self.creates, self.reads):
            lane.opens_at -= back
            lane.refused_at -= back
        self.window.opens_at -= back
        self.as_of = now
        if now - self.creates.refused_at > STATE_TTL and self.creates.opens_at <= now:
            self.window = ConcurrencyWindow()


_PARTS: Final = ("creates", "reads", "window")


class LimiterStateStore(Protocol):
    """Where the state of a limiter lives."""

    def update(self, work: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Have one caller at a time look at it, and count the reports being built.

        What the caller changes is kept. It may be called twice, the second time with what
        others have changed meanwhile; then the first does not count.
        """


class InMemoryLimiterState:
    """The state of the limiter of one client: for single operations, outside of a call."""

    def __init__(self) -> None:
        self._traffic = LimiterState()
        self._lock = threading.Lock()

    def update(self, work: Callable[[LimiterState, CountInFlight], T]) -> T:
        """See `Memory`."""
        with self._lock:
            return work(self._traffic, lambda: None)
