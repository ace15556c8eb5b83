"""The picker without its widgets: selections, what is said of them, and errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sdanalytics import InvalidRequest, ReportCache, fetch_report, plan_report
from sdanalytics.model.metrics import default_metrics
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.widgets.messages import availability_text
from sdanalytics.widgets.picker_model import PickerModel, PickerSelection
from tests.support.box import Box
from tests.support.clock import JumpingClock


def selected(box: Box, **changes: Any) -> PickerSelection:
    """Return a selection: the campaigns of the last three days, with changes."""
    selection = PickerSelection(
        profile_id=str(box.client.profile_id),
        record_type="campaigns",
        tactic=None,
        segment=None,
        start=date.fromisoformat(box.day(3)),
        end=date.fromisoformat(box.day(1)),
        metrics=default_metrics("campaigns"),
    )
    return replace(selection, **changes)


def test_a_day_is_cached_if_both_tactics_are(box: Box, store: ReportCache) -> None:
    days = box.day(2), box.day(1)
    fetch_report("campaigns", *days, tactic="T00020", client=box.client, cache=store)
    fetch_report("campaigns", days[0], tactic="T00030", client=box.client, cache=store)
    plan = plan_report("campaigns", *days, client=box.client, cache=store)
    assert availability_text(plan) == f"in the cache: {days[0]}; to fetch: {days[1]}"


def test_the_cache_is_not_searched_for_a_profile_that_cannot_be_listed(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses("profiles", ScriptedResponse(403, b'{"code": "403"}'))
    model = PickerModel(box.client, store)
    assert "profiles cannot be listed" in model.notice
    requests = len(box.sandbox.requests)
    assert model.inspect(selected(box)).availability.startswith("3 days (UTC); the profile is")
    assert len(box.sandbox.requests) == requests
    assert len(model.submit(selected(box)).result()) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ()}, "no metric is selected"),
        ({"start": None}, "choose the first day"),
        ({"end": None}, "choose the last day"),
        ({"start": date(2024, 1, 1)}, "choose up to 366"),
        ({"end": date(2026, 12, 24)}, "is in the future"),
    ],
)
def test_an_invalid_selection_is_rejected(box: Box, changes: dict[str, Any], message: str) -> None:
    model = PickerModel(box.client, False)
    requests = len(box.sandbox.requests)
    for act in (model.build_query, model.inspect, model.submit, model.generate_code):
        with pytest.raises(InvalidRequest, match=message):
            act(selected(box, **changes))
    assert len(box.sandbox.requests) == requests


def test_what_cannot_be_had_is_known_before_any_request(box: Box, store: ReportCache) -> None:
    vendor = box.sandbox.profile_ids[1]
    model = PickerModel(box.client, store)
    for changes, message in (
        ({"record_type": "asins", "metrics": default_metrics("asins"), "profile_id": str(vendor)},
         "asins is for sellers; Alpenglück GmbH is a vendor"),
        ({"start": date.fromisoformat(box.day(61))}, f"begin on {box.day(60)} or later"),
    ):  # fmt: skip
        assert message in model.inspect(selected(box, **changes)).problem
        with pytest.raises(InvalidRequest, match=message):
            model.submit(selected(box, **changes))
    operations = {request.operation for request in box.sandbox.requests}
    assert operations == {"token", "profiles"}


@pytest.mark.parametrize("has_store", [True, False])
def test_a_period_before_that_is_gone_is_not_compared(
    box: Box, store: ReportCache, has_store: bool
) -> None:
    model = PickerModel(box.client, store if has_store else False)
    oldest = date.fromisoformat(box.day(60))
    state = model.inspect(selected(box, start=oldest, end=oldest))
    assert state.problem == ""
    assert "no comparison" in state.comparison_problem
    assert model.inspect(selected(box)).comparison_problem == ""


def test_a_period_before_that_is_stored_is_compared(
    box: Box, clock: JumpingClock, store: ReportCache
) -> None:
    fetch_report("campaigns", box.day(60), box.day(57), client=box.client, cache=store)
    clock.pass_time(2 * 24 * 3600)
    model = PickerModel(box.client, store)
    days = {"start": date.fromisoformat(box.day(60)), "end": date.fromisoformat(box.day(59))}
    state = model.inspect(selected(box, **days))
    assert state.problem == state.comparison_problem == ""
    assert len(model.submit_both(selected(box, **days)).result()) > 0
