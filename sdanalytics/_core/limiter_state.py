"""The state of a rate limiter, and its storage.

The names of its JSON values are those of the first release, even where fields have been renamed,
because several versions of this package may use the same store.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")
CountInFlight = Callable[[], int | None]
"""Counts the reports in flight; None where they are not counted."""

FIRST_WAIT: Final = 2.0
"""Seconds to wait after the first throttled request, at the most."""
MAX_CREATE_WAIT: Final = 300.0
"""Seconds to wait at the most before one more create is tried."""
STATE_TTL: Final = 1800.0
"""Seconds after a throttled create during which the window is considered valid."""
GROW_FACTOR: Final = 0.5
"""The share of the probe interval that is left when the service accepts one more report."""
MAX_WAIT: Final = 86400.0
"""Seconds that the service may ask to wait; a longer wait in a file is an error in it."""
MAX_NUMBER: Final = 1e11
"""A limit of stored numbers: a moment in the year 5138, in seconds since 1970."""
_MIN_PROBE_INTERVAL: Final = FIRST_WAIT / 2
"""Seconds."""


@dataclass
class LaneState:
    """The state of one kind of request: creates, or all others.

    Attributes
    ----------
    next_allowed_at : float
        The earliest moment to send the next one, in seconds since 1970.
    throttled_at : float
        The moment at which one was last throttled.
    throttle_count : int
        The number of throttled ones in a row.
    min_interval : float
        Seconds to leave between two.
    """

    next_allowed_at: float = 0.0
    throttled_at: float = 0.0
    throttle_count: int = 0
    min_interval: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `from_json` reads them back."""
        return {
            "opens_at": self.next_allowed_at,
            "refused_at": self.throttled_at,
            "refusals": self.throttle_count,
            "gap": self.min_interval,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> LaneState:
        """Read the values of `to_json`."""
        return cls(
            next_allowed_at=_to_float(values["opens_at"]),
            throttled_at=_to_float(values["refused_at"]),
            throttle_count=_to_count(values["refusals"]),
            min_interval=_to_float(values["gap"]),
        )


@dataclass
class ConcurrencyWindow:
    """The number of reports that the service builds at a time.

    Attributes
    ----------
    size : int or None
        The reports in flight when a create was throttled, and those accepted beyond since;
        None: no create has been throttled yet.
    next_probe_at : float
        The earliest moment to request one report beyond the size.
    probe_interval : float
        Seconds to wait until then.
    """

    size: int | None = None
    next_probe_at: float = 0.0
    probe_interval: float = _MIN_PROBE_INTERVAL

    def is_full(self, count_in_flight: CountInFlight) -> bool:
        """Return whether the window is full; False if reports are not counted."""
        if self.size is None:  # not counted then, because there may be thousands
            return False
        count = count_in_flight()
        return count is not None and count >= self.size

    def shrink(self, in_flight: int, now: float) -> None:
        """Set the size to the reports in flight, since one more was throttled."""
        self.size = in_flight
        interval = min(2 * self.probe_interval, MAX_CREATE_WAIT)
        self._schedule_probe(now, interval)

    def grow(self, count_in_flight: CountInFlight, now: float) -> None:
        """Record that one more report was accepted, possibly beyond the size."""
        if self.is_full(count_in_flight):
            in_flight = count_in_flight() or 0
            self.size = in_flight + 1
            interval = max(GROW_FACTOR * self.probe_interval, _MIN_PROBE_INTERVAL)
            self._schedule_probe(now, interval)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `from_json` reads them back."""
        return {
            "size": self.size,
            "opens_at": self.next_probe_at,
            "patience": self.probe_interval,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ConcurrencyWindow:
        """Read the values of `to_json`."""
        size = values["size"]
        return cls(
            size=None if size is None else _to_count(size),
            next_probe_at=_to_float(values["opens_at"]),
            probe_interval=_to_float(values["patience"]),
        )

    def _schedule_probe(self, now: float, interval: float) -> None:
        jitter = random.uniform(0.75, 1.25)
        self.probe_interval = interval
        self.next_probe_at = now + interval * jitter


@dataclass
class LimiterState:
    """The known limits of a host for a profile.

    Attributes
    ----------
    creates, reads : LaneState
    window : ConcurrencyWindow
    updated_at : float
        The moment of the state, in seconds since 1970.
    """

    creates: LaneState = field(default_factory=LaneState)
    reads: LaneState = field(default_factory=LaneState)
    window: ConcurrencyWindow = field(default_factory=ConcurrencyWindow)
    updated_at: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `from_json` reads them back."""
        return {
            "creates": self.creates.to_json(),
            "reads": self.reads.to_json(),
            "window": self.window.to_json(),
            "as_of": self.updated_at,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> LimiterState:
        """Read the values of `to_json`.

        Raises
        ------
        ValueError, TypeError, KeyError
            For values that no call has written, such as a wait of more than `MAX_WAIT`.
        """
        state = cls(
            creates=LaneState.from_json(values["creates"]),
            reads=LaneState.from_json(values["reads"]),
            window=ConcurrencyWindow.from_json(values["window"]),
            updated_at=_to_float(values["as_of"]),
        )
        latest = state.updated_at + MAX_WAIT
        lanes = (state.creates, state.reads)
        moments = [lane.next_allowed_at for lane in lanes] + [state.window.next_probe_at]
        longest_interval = max(lane.min_interval for lane in lanes)
        if max(moments) > latest or longest_interval > MAX_WAIT:
            raise ValueError("a wait is too long")
        return state

    def equals_json(self, values: dict[str, Any]) -> bool:
        """Return whether the values are those of this state, apart from its moment."""
        own_values = self.to_json()
        return own_values == {**values, "as_of": self.updated_at}

    def rebase_clock(self, now: float) -> None:
        """Set the moment of the state to `now`.

        If the clock was set back meanwhile, the moments of the state are set back, too, so that no
        caller waits for it to catch up. A window that is too old is discarded.
        """
        set_back = max(0.0, self.updated_at - now)
        for lane in (self.creates, self.reads):
            lane.next_allowed_at -= set_back
            lane.throttled_at -= set_back
        self.window.next_probe_at -= set_back
        self.updated_at = now
        is_old = now - self.creates.throttled_at > STATE_TTL
        if is_old and self.creates.next_allowed_at <= now:
            self.window = ConcurrencyWindow()


def _to_float(value: Any) -> float:
    """Return a stored number; ValueError or TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    if not -MAX_NUMBER < value < MAX_NUMBER:
        raise ValueError(f"{value!r} is out of range")
    return float(value)


def _to_count(value: Any) -> int:
    """Return a stored count; ValueError or TypeError for anything else."""
    count = int(_to_float(value))
    if count != value or count < 0:
        raise ValueError(f"{value!r} is not a count")
    return count


class LimiterStateStore(Protocol):
    """Storage for the state of a rate limiter."""

    def update(self, fn: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Run `fn`, one caller at a time: it may change the state and count reports in flight.

        `fn` may be called twice, the second time with the changes of other callers; then the
        first call does not count. Return its result.
        """


class InMemoryLimiterState:
    """Holds the state in memory, for single operations of a client outside of a call."""

    def __init__(self) -> None:
        self._state = LimiterState()
        self._lock = threading.Lock()

    def update(self, fn: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Run `fn` on the state, one caller at a time (`LimiterStateStore.update`)."""
        with self._lock:
            return fn(self._state, _do_not_count)


class CountedLimiterState:
    """Counts the reports in flight beside a state that does not.

    Parameters
    ----------
    states : LimiterStateStore
    count_in_flight : callable
    """

    def __init__(self, states: LimiterStateStore, count_in_flight: CountInFlight) -> None:
        self._states = states
        self._count_in_flight = count_in_flight

    def update(self, fn: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Run `fn` on the state, one caller at a time (`LimiterStateStore.update`)."""
        return self._states.update(lambda state, _: fn(state, self._count_in_flight))


def _do_not_count() -> None:
    return None
