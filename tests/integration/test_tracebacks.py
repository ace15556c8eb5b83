"""Tracebacks of errors show a user's own lines, and no frames of the engine."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report, plan_report, submit_report
from sdanalytics.sandbox import Report, ScriptedResponse
from tests.support.box import Box


def count_package_frames(error: BaseException) -> int:
    shown = "".join(traceback.format_exception(error))
    return sum("/sdanalytics/" in line for line in shown.splitlines() if "File" in line)


def test_the_frames_of_the_engine_are_not_shown(box: Box, store: ReportCache) -> None:
    def fail(report: Report) -> None:
        report.status = "FAILURE"

    box.sandbox.set_content(fail)
    call: dict[str, Any] = {"client": box.client, "cache": store}
    job = submit_report("campaigns", box.day(1), **call)
    calls: list[Callable[[], object]] = [
        job.result,
        job.result,
        lambda: fetch_report("campaigns", box.day(1), **call),
    ]
    for act in calls:
        with pytest.raises(sda.ReportFailed) as caught:
            act()
        assert count_package_frames(caught.value) <= 2
        assert len(traceback.format_exception(caught.value)) < 12


def test_the_frames_of_a_plan_are_not_shown(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("profiles", *[ScriptedResponse(403)] * 5)
    with pytest.raises(sda.Forbidden) as caught:
        plan_report("campaigns", box.day(1), client=box.client, cache=store)
    assert count_package_frames(caught.value) <= 2


def test_the_frames_are_in_the_debug_log(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    box.sandbox.script_responses("request_report", *[ScriptedResponse(400)] * 2)
    caplog.set_level("DEBUG", "sdanalytics")
    with pytest.raises(sda.BadRequest):
        fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert "batch_steps.py" in caplog.text
