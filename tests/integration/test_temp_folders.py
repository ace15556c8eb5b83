"""Calls without a cache leave no data behind, however their process ends."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from sdanalytics import fetch_report, sandbox
from tests.support.box import Box
from tests.support.processes import start_process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def fetch_for_ever(folder: str) -> None:
    tempfile.tempdir = folder
    with sandbox.start(delay=600) as box:
        fetch_report("campaigns", box.today, client=box.client, cache=False)


def test_what_an_ended_process_left_is_removed_by_the_next_call(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM ends a process at once; nothing of Python's runs any more."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreign = tmp_path / "sdanalytics-of-another-program"
    foreign.mkdir()

    def folders() -> list[Path]:
        return sorted(tmp_path.glob("sdanalytics-*"))

    child = start_process(fetch_for_ever, str(tmp_path), environment={})
    try:
        end = time.monotonic() + 60
        while not (files := list(tmp_path.glob("sdanalytics-*/in-flight.sqlite"))):
            assert time.monotonic() < end
            time.sleep(0.05)
        with_left = sorted([foreign, files[0].parent])
        fetch_report("campaigns", box.day(2), client=box.client, cache=False)
        assert folders() == with_left  # its process is running
    finally:
        child.terminate()
        child.join()
    assert folders() == with_left
    fetch_report("campaigns", box.day(2), client=box.client, cache=False)
    assert folders() == [foreign]
