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
    assert model.describe_availability(selected(box)).startswith("3 days (UTC); the profile is")
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
    for act in (model.build_query, model.describe_availability, model.submit, model.generate_code):
        with pytest.raises(InvalidRequest, match=message):
            act(selected(box, **changes))
    assert len(box.sandbox.requests) == requests
