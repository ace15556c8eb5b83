"""Processes of one store: calls that run side by side, in forks, and to the end of a process."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report, sandbox
from sdanalytics.sandbox import Report, Sandbox, ScriptedResponse
from tests.support.processes import process_pool, start_process

SECONDS = 60.0
"""Longer than anything here takes."""


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """A sandbox whose reports take a real second."""
    with sandbox.start(delay=1) as box:
        yield box


def days_of(box: Sandbox, first: int, last: int) -> tuple[date, date]:
    """Return the days from `first` to `last` days ago."""
    return box.today - timedelta(first), box.today - timedelta(last)


def fetch(store: Path, first: date, last: date, profile_id: int | None = None) -> tuple[int, float]:
    """Return the rows of a frame, and what they cost."""
    client = Client.from_env()
    if profile_id is not None:
        client = client.for_profile(profile_id)
    frame = fetch_report("campaigns", first, last, client=client, cache=store)
    return summary(frame["cost"])


def summary(cost: pd.Series[float]) -> tuple[int, float]:
    return len(cost), round(float(cost.sum()), 2)


def test_a_killed_call_is_resumed(slow: Sandbox, store: ReportCache) -> None:
    days = days_of(slow, 5, 1)
    process = start_process(fetch, store.path, *days, environment=slow.environment)
    while slow.count("request_report") < 10:
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    frame = fetch_report("campaigns", *days, client=slow.client, cache=store)
    # All ten were requested; at most the id of the last was not recorded.
    assert 10 <= slow.count("request_report") <= 11
    assert frame["date"].nunique() == 5
    assert sda.pending(store).empty
    assert store.verify().empty


def test_eight_processes_request_each_partition_once(slow: Sandbox, store: ReportCache) -> None:
    ranges = [(8, 3), (7, 2), (6, 1), (8, 1), (5, 4), (8, 3), (3, 1), (7, 5)]
    days = [days_of(slow, *ago) for ago in ranges]
    with process_pool(8, slow.environment) as pool:
        answers = list(pool.map(fetch, itertools.repeat(store.path), *zip(*days, strict=True)))
    assert slow.count("request_report") == 8 * 2
    assert answers == [summary(store.read("campaigns", *span)["cost"]) for span in days]
    assert sda.pending(store).empty


def test_processes_can_create_their_own_clients(slow: Sandbox, store: ReportCache) -> None:
    days = days_of(slow, 3, 1)
    with process_pool(2, slow.environment) as pool:
        ids = [*slow.profile_ids[:2], *slow.profile_ids[:2]]
        jobs = [pool.submit(fetch, store.path, *days, profile_id) for profile_id in ids]
        answers = [job.result() for job in jobs]
    assert slow.count("request_report") == 2 * 6  # wanted twice, requested once
    assert answers[:2] == answers[2:]
    assert store.pending().empty


def fetch_at_a_rate(store: Path, first: date, last: date) -> None:
    environment = os.environ
    client = Client(
        Credentials.from_env(),
        environment["SDANALYTICS_PROFILE_ID"],
        base_url=environment["SDANALYTICS_BASE_URL"],
        token_url=environment["SDANALYTICS_TOKEN_URL"],
        create_rate=4,
    )
    fetch_report("campaigns", first, last, client=client, cache=store)


def test_processes_of_one_store_share_a_rate_limit(store: ReportCache) -> None:
    with sandbox.start(delay=0.1) as box, process_pool(3, box.environment) as pool:
        jobs = [
            pool.submit(fetch_at_a_rate, store.path, *days_of(box, first, first - 1))
            for first in (2, 4, 6)
        ]
        for job in jobs:
            job.result()
        moments = [e.at for e in box.requests if e.operation == "request_report"]
    assert len(moments) == 12
    # They were sent a quarter of a second apart; transport may shorten that.
    assert moments[-1] - moments[0] > 11 * 0.25 - 0.2


def fetch_in_forks(today: date, folder: Path) -> list[tuple[str, str]]:
    """Fetch with one client in this process, then in three forks of it at once."""
    client = Client.from_env()
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(3)

    def work(number: int) -> None:
        barrier.wait()
        first = today - timedelta(10 * number + 10)
        store = folder / str(number)
        fetch_report(
            "campaigns", first, first + timedelta(7), metrics=["cost"], client=client, cache=store
        )

    own_days = today - timedelta(9), today
    fetch_report("campaigns", *own_days, client=client, cache=folder / "own")
    forks = [fork.Process(target=work, args=[number]) for number in range(3)]
    for process in forks:
        process.start()
    for process in forks:
        process.join()
    entries = [ReportCache(folder / str(number)).entries() for number in range(3)]
    return [
        (report_id, str(day.date()))
        for table in entries
        for report_id, day in zip(table["report_id"], table["date"], strict=True)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_forked_processes_do_not_share_connections(tmp_path: Path) -> None:
    with sandbox.start(delay=0.1) as box, process_pool(1, box.environment) as pool:
        stored = pool.submit(fetch_in_forks, box.today, tmp_path).result(SECONDS)
        assert len(stored) == 3 * 16
        for report_id, day in stored:
            assert box.reports[report_id].request["reportDate"] == day.replace("-", "")


def fetch_until_interrupted(store: Path, first: date, last: date, moment: Connection) -> None:
    try:
        fetch(store, first, last)
    except KeyboardInterrupt:
        moment.send(time.monotonic())


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("hanging", [False, True])
def test_ctrl_c_ends_the_call_within_a_second_and_loses_nothing(
    store: ReportCache, hanging: bool
) -> None:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with sandbox.start(delay=0.1) as box, receiver, sender:
        today = box.today.strftime("%Y%m%d")

        def change(report: Report) -> None:
            if report.request["reportDate"] == today:
                report.ready_at += 600

        if hanging:
            box.script_responses("storage", *[ScriptedResponse(0, delay=30)] * 2)
        else:
            box.set_content(change)
        process = start_process(
            fetch_until_interrupted, store.path, *days_of(box, 3, 0), sender,
            environment=box.environment,
        )  # fmt: skip
        while len(store.entries()) < 6:
            assert process.is_alive()
            time.sleep(0.05)
        pressed = time.monotonic()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        assert receiver.poll(20)
        assert receiver.recv() - pressed < 1.0 + 0.5  # half a second for this machine
        process.join(20)
        assert time.monotonic() - pressed < 5.0
    assert len(store.entries()) == 6
    assert store.verify().empty
    assert [path for path in store.path.rglob("*") if path.suffix == ".tmp"] == []


def test_the_end_of_the_interpreter_leaves_no_partial_files(store: ReportCache) -> None:
    script = """
        import sys, time
        import sdanalytics as sda
        job = sda.submit_report("campaigns", sys.argv[1], cache=sys.argv[2])
        while job.status().waiting < 2 or len(sda.pending(sys.argv[2])) < 2:
            time.sleep(0.02)
        print("ended")
    """
    with sandbox.start(delay=600) as box:
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(box.today), str(store.path)],
            env=os.environ | box.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert (run.returncode, run.stdout, run.stderr) == (0, "ended\n", "")
        pending = sda.pending(store)
        assert pending["report_id"].tolist() == list(box.reports)
        assert not pending["is_followed"].any()
