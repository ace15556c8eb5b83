"""Once only: whatever ends a call, and however many there are, no report is asked for twice."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report, sandbox
from sdanalytics.ledger import FILE
from sdanalytics.sandbox import Answer, Sandbox
from tests.conftest import Box

SCRIPT = """
import sys
import sdanalytics as sda
first, last = sys.argv[1:]
df = sda.fetch_report("campaigns", first, last, progress=False)
print(len(df), round(df["cost"].sum(), 2))
"""


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """Reports take two real seconds."""
    with sandbox.start(delay=2) as box:
        yield box


def started(box: Sandbox, store: Path, first: int, last: int) -> subprocess.Popen[str]:
    """A process that fetches the days from so many to so many days ago."""
    days = [str(box.today - timedelta(ago)) for ago in (first, last)]
    environment = os.environ | box.environment | {"SDANALYTICS_CACHE_DIR": str(store)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *days], env=environment, stdout=subprocess.PIPE, text=True
    )


def pending(store: ReportCache) -> int:
    with contextlib.closing(sqlite3.connect(store.path / FILE)) as database:
        count: int = database.execute("select count(*) from reports").fetchone()[0]
    return count


def test_a_killed_call_is_taken_up(slow: Sandbox, store: ReportCache) -> None:
    process = started(slow, store.path, 5, 1)
    while slow.count("request_report") < 10:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    days = (slow.today - timedelta(5), slow.today - timedelta(1))
    frame = fetch_report("campaigns", *days, client=slow.client, cache=store)
    # All ten were asked for; the id of at most the last may not have been written down.
    assert 10 <= slow.count("request_report") <= 11
    assert frame["date"].nunique() == 5
    assert pending(store) == 0
    assert store.verify().empty


def test_eight_processes_ask_once_for_each_slice(slow: Sandbox, store: ReportCache) -> None:
    ranges = [(8, 3), (7, 2), (6, 1), (8, 1), (5, 4), (8, 3), (3, 1), (7, 5)]
    processes = [started(slow, store.path, *days) for days in ranges]
    answers = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    assert slow.count("request_report") == 8 * 2
    assert answers[0] == answers[5]
    for (first, last), answer in zip(ranges, answers, strict=True):
        days = (slow.today - timedelta(first), slow.today - timedelta(last))
        frame = store.read("campaigns", *days)
        assert answer.split() == [str(len(frame)), str(round(frame["cost"].sum(), 2))]
    assert pending(store) == 0


def test_threads_ask_once(slow: Sandbox, store: ReportCache) -> None:
    frames: list[pd.DataFrame] = []
    days = (slow.today - timedelta(3), slow.today - timedelta(1))

    def fetch() -> None:
        frames.append(fetch_report("campaigns", *days, client=slow.client, cache=store))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slow.count("request_report") == 6
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_what_a_timeout_left_behind_is_taken_up(box: Box, store: ReportCache) -> None:
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(2), client=box.client, cache=store, timeout=2)
    assert pending(store) == 2
    listed = sda.pending(store)
    assert listed["date"].astype("str").tolist() == [box.day(2)] * 2
    assert listed["tactic"].tolist() == ["T00020", "T00030"]
    assert set(listed["report_id"]) == set(box.sandbox.reports)
    assert listed["segment"].isna().all()
    assert not listed["is_followed"].any()
    asked_at = box.clock.now()
    frame = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert box.sandbox.count("request_report") == 2
    assert len(frame) > 0
    assert pending(store) == 0
    assert sda.pending(store).dtypes.to_dict() == listed.dtypes.to_dict()
    # As of when the report was asked for, which was before this call.
    assert store.entries()["fetched_at"].max() <= asked_at


def test_a_report_that_the_service_no_longer_knows_is_asked_for_anew(
    box: Box, store: ReportCache
) -> None:
    with pytest.raises(ReportTimeout):
        fetch_report(
            "campaigns", box.day(2), tactic="T00020", client=box.client, cache=store, timeout=2
        )
    box.sandbox.arrange("get_report_status", Answer(404, b'{"code": "404"}'))
    frame = fetch_report("campaigns", box.day(2), tactic="T00020", client=box.client, cache=store)
    assert box.sandbox.count("request_report") == 2
    assert len(frame) > 0


def test_other_columns_than_those_being_built_are_asked_for(box: Box, store: ReportCache) -> None:
    one = {"tactic": "T00020", "client": box.client, "cache": store}
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(2), metrics=["cost"], timeout=2, **one)  # type: ignore[arg-type]
    frame = fetch_report("campaigns", box.day(2), metrics=["clicks"], **one)  # type: ignore[arg-type]
    assert frame["clicks"].notna().all()
    assert box.sandbox.count("request_report") == 2


def test_a_day_old_report_is_not_taken_up(box: Box, store: ReportCache) -> None:
    one = {"tactic": "T00020", "client": box.client, "cache": store}
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(3), timeout=2, **one)  # type: ignore[arg-type]
    box.clock.pass_time(25 * 3600)
    fetch_report("campaigns", box.day(3), **one)  # type: ignore[arg-type]
    assert box.sandbox.count("request_report") == 2


def test_without_a_ledger_calls_work(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    (store.path / FILE).mkdir(parents=True)
    frame = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert len(frame) > 0
    assert "are not written down" in caplog.text


def test_a_call_that_the_cache_answers_writes_nothing_down(box: Box, store: ReportCache) -> None:
    first = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    (store.path / FILE).unlink()
    again = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    pd.testing.assert_frame_equal(first, again)
    assert not (store.path / FILE).exists()
