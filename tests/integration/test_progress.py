"""The progress bar of a call."""

from __future__ import annotations

import pytest

from sdanalytics import fetch_report
from tests.support.box import Box


def test_the_bar_shows_the_progress_of_reports(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=False, progress=True)
    shown = capsys.readouterr().err
    assert f"{box.client.profile_id} campaigns: 3 of 3 days" in shown
    assert "6 reports in flight" in shown
    assert "0 days from the cache" in shown


def test_no_bar_without_a_terminal_or_if_disabled(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    for progress in (None, False):
        fetch_report("campaigns", box.day(1), client=box.client, cache=False, progress=progress)
    assert capsys.readouterr().err == ""
