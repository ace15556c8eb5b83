"""The state of the rate limiter in the in-flight database, so that all calls share one limit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from sdanalytics._core.clock import Clock
from sdanalytics._core.limiter_state import CountInFlight, LimiterState
from sdanalytics.model.partition import ProfileKey
from sdanalytics.store.claims_table import ClaimsTable
from sdanalytics.store.process_copy import Execute
from sdanalytics.store.sqlite_state import StateDatabase

CREATE_LIMITER_TABLE: Final = """
create table if not exists paces (
    source text not null, profile_id text not null, state text not null,
    primary key (source, profile_id)
)
"""
_SELECT_STATE: Final = "select state from paces where source = ? and profile_id = ?"
_SAVE_STATE: Final = "insert or replace into paces values (?, ?, ?)"

T = TypeVar("T")
CountClaims = Callable[[ClaimsTable], int]
"""Counts the reports in flight, or the partitions of them."""
UpdateState = Callable[[LimiterState, CountInFlight], T]
"""May change the state; returns a result of its own."""


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    """The result of a function, and whether it changed the state that it was given."""

    result: T
    has_changed_state: bool


class LimiterTable:
    """A `LimiterStateStore` in a database.

    Parameters
    ----------
    database : StateDatabase
    owner : ProfileKey
        The profile whose limits they are, or what has its place.
    count : callable
        Counts what is in flight of the owner.
    """

    def __init__(self, database: StateDatabase, owner: ProfileKey, count: CountClaims) -> None:
        self._database = database
        self._owner = owner
        self._count = count

    @classmethod
    def for_profile(cls, database: StateDatabase, profile: ProfileKey) -> LimiterTable:
        """Return the state of a profile: versions 2 and 3 limit each apart."""

        def count(claims: ClaimsTable) -> int:
            return claims.count_in_flight(profile)

        return cls(database, profile, count)

    @classmethod
    def for_version(
        cls, database: StateDatabase, source: str, api: str, clock: Clock
    ) -> LimiterTable:
        """Return the state of a version of the API that limits all profiles together."""

        def count(claims: ClaimsTable) -> int:
            return claims.count_reports(source, api, clock.now())

        return cls(database, ProfileKey(source, api), count)

    def update(self, fn: UpdateState[T]) -> T:
        """Run a function that may change the limiter's state, and return its result.

        Most requests change nothing. So the function first runs in a transaction that only reads,
        as many processes can at a time. If it changed the state, that result is discarded: it runs
        again, exclusively, on the state as it is then.
        """
        look = partial(self._apply, fn)
        change = partial(self._apply_and_save, fn)
        outcome = self._database.transaction(look, exclusive=False)
        if outcome.has_changed_state:
            outcome = self._database.transaction(change)
        return outcome.result

    def _apply(self, fn: UpdateState[T], execute: Execute) -> _Outcome[T]:
        return self._run(fn, self._load(execute), execute)

    def _apply_and_save(self, fn: UpdateState[T], execute: Execute) -> _Outcome[T]:
        state = self._load(execute)
        outcome = self._run(fn, state, execute)
        if outcome.has_changed_state:
            text = json.dumps(state.to_json())
            execute(_SAVE_STATE, *self._owner, text)
        return outcome

    def _run(
        self,
        fn: UpdateState[T],
        state: LimiterState,
        execute: Execute,
    ) -> _Outcome[T]:
        before = state.to_json()
        claims = ClaimsTable(execute)
        result = fn(state, partial(self._count, claims))
        return _Outcome(result, has_changed_state=not state.equals_json(before))

    def _load(self, execute: Execute) -> LimiterState:
        """Load the state; a new one when none is stored, or that of another version."""
        row = execute(_SELECT_STATE, *self._owner).fetchone()
        state = None
        if row is not None:
            state = parse_state(row["state"])
        return state or LimiterState()


def parse_state(text: str) -> LimiterState | None:
    """Parse a limiter's state; None if it has a value that no call has written."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return LimiterState.from_json(json.loads(text))
    return None
