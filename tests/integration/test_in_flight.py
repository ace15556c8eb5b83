"""The in-flight registry: no report is requested twice, even by killed or concurrent calls."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report, sandbox
from sdanalytics.sandbox import Sandbox, ScriptedResponse
from sdanalytics.store.in_flight import DATABASE_FILENAME
from tests.support.box import Box
from tests.support.clock import JumpingClock


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """A sandbox whose reports take ten real minutes, unless `finish_reports` is called."""
    with sandbox.start(delay=600) as box:
        yield box


def finish_reports(box: Sandbox) -> None:
    for report in box.reports.values():
        report.ready_at = 0.0


def abandon(job: sda.ReportJob, store: ReportCache) -> None:
    """Cancel a call once all its reports are in flight."""
    while not job.status().waiting or sda.pending(store)["report_id"].isna().any():
        assert not job.wait(0.01)
    job.cancel()
    assert job.wait(10)


def pending(store: ReportCache) -> int:
    with contextlib.closing(sqlite3.connect(store.path / DATABASE_FILENAME)) as database:
        count: int = database.execute("select count(*) from reports").fetchone()[0]
    return count


def test_threads_request_once(store: ReportCache) -> None:
    frames: list[pd.DataFrame] = []
    with sandbox.start(delay=0.5) as box:
        days = (box.today - timedelta(3), box.today - timedelta(1))

        def fetch() -> None:
            frames.append(fetch_report("campaigns", *days, client=box.client, cache=store))

        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert box.count("request_report") == 6
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_reports_of_a_timed_out_call_are_resumed(box: Box, store: ReportCache) -> None:
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
    # Its numbers are those of the request, which was before this call.
    assert store.entries()["fetched_at"].max() <= asked_at


def test_a_report_that_the_service_no_longer_knows_is_requested_again(
    box: Box, store: ReportCache
) -> None:
    with pytest.raises(ReportTimeout):
        fetch_report(
            "campaigns", box.day(2), tactic="T00020", client=box.client, cache=store, timeout=2
        )
    box.sandbox.script_responses("get_report_status", ScriptedResponse(404, b'{"code": "404"}'))
    frame = fetch_report("campaigns", box.day(2), tactic="T00020", client=box.client, cache=store)
    assert box.sandbox.count("request_report") == 2
    assert len(frame) > 0


def test_other_columns_than_those_in_flight_are_requested(box: Box, store: ReportCache) -> None:
    options = {"tactic": "T00020", "client": box.client, "cache": store}
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(2), metrics=["cost"], timeout=2, **options)  # type: ignore[arg-type]
    frame = fetch_report("campaigns", box.day(2), metrics=["clicks"], **options)  # type: ignore[arg-type]
    assert frame["clicks"].notna().all()
    assert box.sandbox.count("request_report") == 2


def test_a_day_old_report_is_not_resumed(box: Box, store: ReportCache) -> None:
    options = {"tactic": "T00020", "client": box.client, "cache": store}
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(3), timeout=2, **options)  # type: ignore[arg-type]
    box.clock.pass_time(25 * 3600)
    fetch_report("campaigns", box.day(3), **options)  # type: ignore[arg-type]
    assert box.sandbox.count("request_report") == 2


def test_calls_work_without_a_registry(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    (store.path / DATABASE_FILENAME).mkdir(parents=True)
    frame = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert len(frame) > 0
    assert "are not recorded" in caplog.text


def test_a_call_that_the_cache_serves_records_nothing(box: Box, store: ReportCache) -> None:
    first = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    (store.path / DATABASE_FILENAME).unlink()
    again = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    pd.testing.assert_frame_equal(first, again)
    assert not (store.path / DATABASE_FILENAME).exists()


def claim_elsewhere(store: ReportCache, lease: float) -> None:
    """Let another machine, which then disappears, claim everything."""
    with contextlib.closing(sqlite3.connect(store.path / DATABASE_FILENAME)) as database, database:
        database.execute("update reports set host = 'elsewhere', lease = ?", [lease])


@pytest.mark.parametrize("ahead", [0.4, 3600, 400 * 86400])
def test_a_claim_that_nobody_renews_expires(
    slow: Sandbox, store: ReportCache, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """A claim expires even if the clock of the other machine was days ahead."""
    monkeypatch.setattr("sdanalytics.store.leases.LEASE_DURATION", 0.8)
    options = {"client": slow.client, "cache": store, "tactic": "T00020"}
    abandon(sda.submit_report("campaigns", slow.today, **options), store)  # type: ignore[arg-type]
    finish_reports(slow)
    claim_elsewhere(store, time.time() + ahead)
    assert sda.pending(store)["is_followed"].all()
    fetch_report("campaigns", slow.today, timeout=60, **options)  # type: ignore[arg-type]
    assert slow.count("request_report") == 1  # it was resumed
    assert pending(store) == 0


def test_a_claim_that_another_machine_renews_is_waited_for(
    slow: Sandbox, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdanalytics.store.leases.LEASE_DURATION", 0.5)
    options = {"client": slow.client, "cache": store, "tactic": "T00020"}
    abandon(sda.submit_report("campaigns", slow.today, **options), store)  # type: ignore[arg-type]
    polls = slow.count("get_report_status")
    claim_elsewhere(store, time.time() + 5)
    job = sda.submit_report("campaigns", slow.today, timeout=60, **options)  # type: ignore[arg-type]
    for _ in range(12):
        assert not job.wait(0.1)
        claim_elsewhere(store, time.time() + 5)
    assert slow.count("get_report_status") == polls
    job.cancel()
    assert job.wait(10)


def test_claims_that_are_too_old_are_purged(box: Box, store: ReportCache) -> None:
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(3), client=box.client, cache=store, timeout=2)
    assert pending(store) == 2
    box.clock.pass_time(25 * 3600)
    fetch_report("campaigns", box.day(9), client=box.client, cache=store)
    assert pending(store) == 0


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_damaged_registry_costs_no_report(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    store.path.mkdir()
    (store.path / DATABASE_FILENAME).write_bytes(content)
    frame = fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert len(frame) > 0
    assert box.sandbox.count("request_report") == 2
    assert ("not recorded" in caplog.text) == bool(content)


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_the_registry_has_the_permissions_of_the_umask(box: Box, store: ReportCache) -> None:
    before = os.umask(0o002)
    try:
        with pytest.raises(ReportTimeout):
            fetch_report("campaigns", box.day(2), client=box.client, cache=store, timeout=2)
    finally:
        os.umask(before)
    assert (store.path / DATABASE_FILENAME).stat().st_mode & 0o777 == 0o664


def test_the_registry_holds_no_secret(box: Box, store: ReportCache) -> None:
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(2), client=box.client, cache=store, timeout=2)
    written = b"".join(path.read_bytes() for path in store.path.glob(f"{DATABASE_FILENAME}*"))
    assert all(report_id.encode() in written for report_id in box.sandbox.reports)
    for secret in (b"Atza", b"Atzr", b"oa2-cs", b"http"):
        assert secret not in written


def test_a_registry_that_is_just_created_is_empty(box: Box, store: ReportCache) -> None:
    store.path.mkdir()
    (store.path / DATABASE_FILENAME).touch()
    assert sda.pending(store).empty
    plan = sda.plan_report("campaigns", box.day(2), client=box.client, cache=store)
    assert plan.reports == 2


def test_an_unreadable_registry_fails_pending_only(box: Box, store: ReportCache) -> None:
    store.path.mkdir()
    (store.path / DATABASE_FILENAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(sda.CacheError, match=DATABASE_FILENAME):
        sda.pending(store)
    plan = sda.plan_report("campaigns", box.day(2), client=box.client, cache=store)
    assert plan.reports == 2


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_the_registry_of_a_read_only_store_is_read(slow: Sandbox) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        store = ReportCache(Path(folder) / "store")
        options = {"client": slow.client, "cache": store}
        abandon(sda.submit_report("campaigns", slow.today, **options), store)  # type: ignore[arg-type]
        store.path.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:  # permissions do not restrict root
            os.seteuid(65534)
        try:
            assert len(sda.pending(store)) == 2
            plan = sda.plan_report("campaigns", slow.today, **options)  # type: ignore[arg-type]
            assert plan.being_built == 2
        finally:
            if is_root:
                os.seteuid(0)
            store.path.chmod(0o755)


def test_a_report_that_was_requested_too_long_ago_is_not_resumed(
    clock: JumpingClock, store: ReportCache
) -> None:
    """Its numbers would be those of its request, half a day old."""
    box = Box(clock)
    with box.sandbox:
        day = box.day(0)
        options = {"client": box.client, "cache": store, "tactic": "T00020"}
        with pytest.raises(ReportTimeout):
            fetch_report("campaigns", day, timeout=2, **options)  # type: ignore[arg-type]
        clock.pass_time(13 * 3600)
        assert sda.plan_report("campaigns", day, **options).reports == 1  # type: ignore[arg-type]
        fetch_report("campaigns", day, **options)  # type: ignore[arg-type]
        assert box.sandbox.count("request_report") == 2
        assert store.entries()["fetched_at"].min() >= clock.now() - timedelta(minutes=5)


def test_always_resumes_recent_reports_in_flight_only(box: Box, store: ReportCache) -> None:
    options = {"client": box.client, "cache": store, "tactic": "T00020", "refresh": "always"}
    for wait, creates in ((600, 1), (3600, 3)):
        with pytest.raises(ReportTimeout):
            fetch_report("campaigns", box.day(1), timeout=2, **options)  # type: ignore[arg-type]
        box.clock.pass_time(wait)
        fetch_report("campaigns", box.day(1), **options)  # type: ignore[arg-type]
        assert box.sandbox.count("request_report") == creates


def test_a_call_that_waited_for_other_columns_requests_all(store: ReportCache) -> None:
    with sandbox.start(delay=0.3) as box:
        options = {"client": box.client, "cache": store, "tactic": "T00020"}
        first = sda.submit_report("campaigns", box.today, metrics=["cost"], **options)  # type: ignore[arg-type]
        while not box.reports:
            assert not first.wait(0.01)
        second = sda.submit_report("campaigns", box.today, metrics=["clicks"], **options)  # type: ignore[arg-type]
        first.result(), second.result()
        requested = [report.request["metrics"] for report in box.reports.values()]
    assert requested == ["campaignId,cost", "campaignId,clicks,cost"]


def test_a_create_that_outlives_its_call_is_waited_for(store: ReportCache) -> None:
    with sandbox.start(delay=0.1) as box:
        options = {"client": box.client, "cache": store, "tactic": "T00020"}
        fetch_report("campaigns", box.today - timedelta(9), **options)  # type: ignore[arg-type]
        box.script_responses("request_report", ScriptedResponse(None, delay=1.5))
        with pytest.raises(ReportTimeout):
            fetch_report("campaigns", box.today, timeout=0.5, **options)  # type: ignore[arg-type]
        fetch_report("campaigns", box.today, **options)  # type: ignore[arg-type]
        assert box.count("request_report") == 2
    assert pending(store) == 0
