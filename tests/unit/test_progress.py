"""The progress bar."""

from __future__ import annotations

import io
import re
import sys
from datetime import date

import pytest

from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.progress import Progress, is_interactive
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from tests.support.clock import JumpingClock


def test_the_bar_waits_a_second_before_it_appears(
    clock: JumpingClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdanalytics.fetch.progress.is_interactive", lambda: True)
    days = [Partition("NA", "1", "targets", None, "T00020", date(2026, 11, n)) for n in range(1, 5)]
    tracker = FetchTracker(days, days[1:])
    with Progress("targets", tracker, None, clock):
        pass
    assert capsys.readouterr().err == ""
    with Progress("targets", tracker, None, clock):
        clock.pass_time(2)
        tracker.add([BatchTask(ReportBatch((days[1],), ("cost",)), BatchState.READY)])
    shown = "targets: 1 of 4 days"
    details = "1 report downloading, 1 day from the cache"
    assert re.search(f"{shown}.*{details}", capsys.readouterr().err)


def test_a_closed_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not is_interactive()
