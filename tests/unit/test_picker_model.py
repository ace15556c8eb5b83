"""What the picker says and offers: days, code and presets."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sdanalytics.model.metrics import default_metrics
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.code_generation import MAX_LINE_LENGTH, fetch_report_code
from sdanalytics.widgets.messages import format_day_ranges
from sdanalytics.widgets.metric_presets import (
    ALL_PRESET,
    DEFAULT_PRESET,
    ReportKind,
    metric_presets,
)


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
    end = 'tactic="T00020", segment="matchedTarget", client=client, cache=False)'
    assert " ".join(code.split()).endswith(end)


def test_every_report_has_the_default_and_all_metrics_as_presets() -> None:
    for api in ("v2", "v3"):
        presets = metric_presets(ReportKind("asins", None, api))
        names = list(presets)
        assert (names[0], names[-1]) == (DEFAULT_PRESET, ALL_PRESET)
        assert presets[DEFAULT_PRESET] == default_metrics("asins", None, api)
        assert all(presets.values())
