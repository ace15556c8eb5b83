"""The state of a rate limiter in a store that several versions use."""

from __future__ import annotations

import json

from sdanalytics._core.limiter_state import LimiterState

FIRST_RELEASE = {
    "creates": {"opens_at": 5.0, "refused_at": 4.0, "refusals": 2, "gap": 0.5},
    "reads": {"opens_at": 3.0, "refused_at": 2.0, "refusals": 0, "gap": 0.05},
    "window": {"size": 7, "opens_at": 9.0, "patience": 30.0},
    "as_of": 6.0,
}


def test_the_json_of_the_first_release_is_read_and_written() -> None:
    state = LimiterState.from_json(FIRST_RELEASE)
    assert (state.creates.next_allowed_at, state.reads.min_interval) == (5.0, 0.05)
    assert (state.window.size, state.window.probe_interval) == (7, 30.0)
    assert json.loads(json.dumps(state.to_json())) == FIRST_RELEASE


def test_a_state_equals_its_json_at_any_moment() -> None:
    state = LimiterState.from_json(FIRST_RELEASE)
    state.updated_at = 8.0
    assert state.equals_json(FIRST_RELEASE)
    state.window.shrink(3, now=8.0)
    assert not state.equals_json(FIRST_RELEASE)


def test_a_clock_that_was_set_back_is_not_waited_for() -> None:
    state = LimiterState.from_json(FIRST_RELEASE)
    state.rebase_clock(now=1.0)
    assert state.updated_at == 1.0
    assert state.creates.next_allowed_at == 0.0
    assert state.window.next_probe_at == 4.0
