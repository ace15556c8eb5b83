"""The picker without its widgets: selections, their code and their description."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from sdanalytics import InvalidRequest, ReportCache, fetch_report, plan_report
from sdanalytics.model.metrics import default_metrics
from sdanalytics.model.query import ReportQuery
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.widgets.code_generation import MAX_LINE_LENGTH, fetch_report_code
from sdanalytics.widgets.messages import availability_text, format_day_ranges
from sdanalytics.widgets.metric_presets import (
    ALL_PRESET,
    DEFAULT_PRESET,
    ReportKind,
    metric_presets,
)
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


def test_it_needs_no_widgets() -> None:
    script = "import sys; sys.modules['ipywidgets'] = None; import sdanalytics.widgets.picker_model"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([], ""),
        ([3], "2026-11-03"),
        ([3, 1, 2], "2026-11-01 to 2026-11-03"),
        ([1, 3, 4, 9], "2026-11-01, 2026-11-03 to 2026-11-04, 2026-11-09"),
    ],
)
def test_days_are_written_as_ranges(days: list[int], text: str) -> None:
    assert format_day_ranges(date(2026, 11, day) for day in days) == text


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


def test_code_leaves_out_defaults_and_breaks_long_lines() -> None:
    day = date(2026, 11, 1)
    query = ReportQuery.parse("campaigns", day, day + timedelta(2), api="v2")
    assert fetch_report_code(query, "v2", client=None, cache=None) == (
        'import sdanalytics as sda\ndf = sda.fetch_report("campaigns", "2026-11-01", "2026-11-03")'
    )
    every = metric_presets(ReportKind("targets", "matchedTarget", "v2"))[ALL_PRESET]
    query = ReportQuery.parse(
        "targets", day, metrics=every, tactic="T00020", segment="matchedTarget", api="v2"
    )
    code = fetch_report_code(query, "v2", client="client", cache="False")
    lines = code.splitlines()
    assert max(map(len, lines)) <= MAX_LINE_LENGTH
    assert all(line.startswith("    ") for line in lines[2:])
    assert code.endswith('segment="matchedTarget",\n    client=client, cache=False)')


def test_every_report_has_the_default_and_all_metrics_as_presets() -> None:
    for api in ("v2", "v3"):
        presets = metric_presets(ReportKind("asins", None, api))
        names = list(presets)
        assert (names[0], names[-1]) == (DEFAULT_PRESET, ALL_PRESET)
        assert presets[DEFAULT_PRESET] == default_metrics("asins", None, api)
        assert all(presets.values())
