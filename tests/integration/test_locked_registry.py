"""A registry that others have locked, or that cannot be had: no report is requested twice."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report, sandbox
from sdanalytics.store.in_flight import DATABASE_FILENAME
from tests.support.box import Box


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdanalytics.store.sqlite_state.LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr("sdanalytics.store.process_copy.RETRY_INTERVAL", 0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls request reports without the registry after a moment."""
    monkeypatch.setattr("sdanalytics.store.sqlite_state.BUSY_PATIENCE", 0.1)


@contextlib.contextmanager
def locked(store: ReportCache, *, entirely: bool = False) -> Iterator[None]:
    """Hold the registry's lock, as another program does."""
    store.path.mkdir(exist_ok=True)
    path = store.path / DATABASE_FILENAME
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive" if entirely else "begin immediate")
        yield


def recorded(store: ReportCache) -> list[str]:
    """Return the ids of the reports that the file itself has."""
    with contextlib.closing(sqlite3.connect(store.path / DATABASE_FILENAME)) as database:
        if not database.execute("select name from sqlite_master").fetchall():
            return []
        return [row[0] for row in database.execute("select report_id from reports order by 1")]


def leave_behind(box: Box, store: ReportCache, ago: int) -> None:
    """Have a call time out while its two reports are built."""
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(ago), client=box.client, cache=store, timeout=2)


def test_a_locked_registry_is_waited_for(
    store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    with sandbox.start(delay=0.1) as box:
        options: dict[str, Any] = {"client": box.client, "cache": store}
        fetch_report("campaigns", box.today, **options)
        with locked(store):
            job = sda.submit_report("campaigns", box.today, refresh="always", **options)
            assert not job.wait(1.0)
            assert box.count("request_report") == 2
        job.result()
        assert box.count("request_report") == 4
    assert "not recorded" not in caplog.text
    assert recorded(store) == []


def test_a_call_that_ends_while_it_waits_requests_nothing(store: ReportCache) -> None:
    with sandbox.start(delay=0.1) as box:
        options: dict[str, Any] = {"client": box.client, "cache": store}
        fetch_report("campaigns", box.today, **options)
        with locked(store):
            began = time.monotonic()
            with pytest.raises(ReportTimeout):
                fetch_report("campaigns", box.today, refresh="always", timeout=0.5, **options)
            assert time.monotonic() - began < 10
        fetch_report("campaigns", box.today, **options)
        assert box.count("request_report") == 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("entirely", [False, True])
def test_calls_of_a_process_share_reports_while_the_registry_is_locked(
    store: ReportCache, caplog: pytest.LogCaptureFixture, entirely: bool
) -> None:
    with sandbox.start(delay=0.3) as box, locked(store, entirely=entirely):
        options: dict[str, Any] = {"client": box.client, "cache": store}
        jobs = [sda.submit_report("campaigns", box.today, **options) for _ in range(3)]
        for job in jobs:
            assert len(job.result()) > 0
        assert box.count("request_report") == 2
    assert caplog.text.count("reports in flight are not recorded") == 1
    assert store.verify().empty


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("entirely", [False, True])
def test_reports_of_before_are_not_requested_again_while_the_registry_is_locked(
    box: Box, store: ReportCache, entirely: bool
) -> None:
    leave_behind(box, store, 3)
    with locked(store, entirely=entirely):
        assert len(fetch_report("campaigns", box.day(3), client=box.client, cache=store)) > 0
        assert box.sandbox.count("request_report") == 2


@pytest.mark.usefixtures("impatient")
def test_a_registry_that_is_free_again_gets_what_it_missed(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sdanalytics")
    leave_behind(box, store, 4)
    with locked(store):
        fetch_report("campaigns", box.day(4), client=box.client, cache=store)
        leave_behind(box, store, 3)
        assert sorted(sda.pending(store)["report_id"]) == sorted(box.sandbox.reports)[2:]
        assert recorded(store) == sorted(box.sandbox.reports)[:2]
    fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert recorded(store) == sorted(box.sandbox.reports)[2:4]
    assert "recorded again" in caplog.text
    fetch_report("campaigns", box.day(3), client=box.client, cache=store)
    assert box.sandbox.count("request_report") == 6
    assert recorded(store) == []


@pytest.mark.usefixtures("impatient")
def test_a_call_returns_to_a_registry_that_is_free_again(store: ReportCache) -> None:
    with sandbox.start(delay=600) as box:
        options: dict[str, Any] = {"client": box.client, "cache": store}
        with locked(store):
            job = sda.submit_report("campaigns", box.today, tactic="T00020", **options)
            while not box.reports:
                assert not job.wait(0.01)
        second = sda.submit_report("campaigns", box.today, tactic="T00030", **options)
        while len(recorded(store)) < 2:
            assert not second.wait(0.01)
        for call in (job, second):
            call.cancel()
            assert call.wait(10)
        for report in box.reports.values():
            report.ready_at = 0.0
        assert len(fetch_report("campaigns", box.today, **options)) > 0
        assert box.count("request_report") == 2
    assert recorded(store) == []


def test_a_claim_that_another_process_made_meanwhile_stays(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdanalytics.store.sqlite_state.BUSY_PATIENCE", 0.1)
    leave_behind(box, store, 3)
    path = store.path / DATABASE_FILENAME
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        leave_behind(box, store, 2)
        other.execute("update reports set host = 'elsewhere', report_id = 'theirs'")
        other.execute(
            "insert into reports select source, profile_id, record_type, segment, tactic, ?,"
            " columns, 'theirs', api, asked_at, host, 1, 'their call', lease from reports",
            [box.day(2)],
        )
        other.execute("commit")
    fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert recorded(store) == ["theirs"] * 4


def test_a_registry_that_cannot_be_locked_costs_a_process_one_wait(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From then on the calls of this machine share another one."""
    leave_behind(box, store, 3)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    monkeypatch.setattr("sdanalytics.store.sqlite_state.LOCK_TIMEOUT", 1.5)
    options: dict[str, Any] = {"client": box.client, "cache": store}
    with locked(store, entirely=True):
        began = time.monotonic()
        assert len(sda.pending(store)) == 2
        leave_behind(box, store, 2)
        found_out = time.monotonic()
        assert found_out - began > 1.5
        assert len(sda.pending(store)) == 4
        assert len(fetch_report("campaigns", box.day(3), **options))  # requested before that
        assert len(fetch_report("campaigns", box.day(2), **options))
        assert time.monotonic() - found_out < 1.5
        assert sda.pending(store).empty
    assert box.sandbox.count("request_report") == 2 * 2
    assert caplog.text.count("not recorded") == 1


def test_a_registry_that_cannot_be_had_costs_no_second_report(
    store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    (store.path / DATABASE_FILENAME).mkdir(parents=True)
    with sandbox.start(delay=0.3) as box:
        options: dict[str, Any] = {"client": box.client, "cache": store}
        jobs = [sda.submit_report("campaigns", box.today, **options) for _ in range(3)]
        for job in jobs:
            assert len(job.result()) > 0
        assert box.count("request_report") == 2
    assert "reports in flight are not recorded" in caplog.text
