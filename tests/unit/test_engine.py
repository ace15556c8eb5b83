"""The units of the engine: scheduler, error policy, batches and counts."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime

import pytest

import sdanalytics as sda
from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics._core.scheduler import CallLimits, Scheduler
from sdanalytics._core.side_by_side import call_side_by_side
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.claims import BatchClaims
from sdanalytics.fetch.error_policy import is_fatal, is_retryable, is_terminal
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store.claim_status import ClaimedReport
from tests.support.clock import JumpingClock

MOMENT = datetime(2026, 11, 20, tzinfo=UTC)


def partitions(days: int, tactics: tuple[str, ...] = ("T00020", "T00030")) -> list[Partition]:
    return [
        Partition("NA", "1", "campaigns", None, tactic, date(2026, 11, 1 + day))
        for day in range(days)
        for tactic in tactics
    ]


class TestRunInterruptible:
    def test_returns_the_result_or_raises_the_error(self) -> None:
        assert run_interruptible(lambda: 5, Deadline(Clock(), 5.0)) == 5
        with pytest.raises(TimeoutError):
            run_interruptible(_raise_timeout, Deadline(Clock(), 5.0))

    def test_a_call_that_hangs_ends_with_the_deadline(self) -> None:
        started = time.monotonic()
        assert run_interruptible(lambda: time.sleep(5), Deadline(Clock(), 0.2)) is None
        assert time.monotonic() - started < 2

    def test_a_call_that_hangs_ends_when_the_deadline_expires(self) -> None:
        deadline = Deadline(Clock(), 60.0)
        threading.Timer(0.2, deadline.expire).start()
        started = time.monotonic()
        assert run_interruptible(lambda: time.sleep(5), deadline) is None
        assert time.monotonic() - started < 2


def _divide(number: int) -> tuple[int, int]:
    return divmod(number, 2)


def _raise_timeout() -> None:
    raise TimeoutError


class TestCallSideBySide:
    def test_an_error_ends_the_other_calls_and_is_raised(self) -> None:
        deadline = Deadline(Clock(), 30.0)
        ended: list[int] = []

        def work(number: int) -> None:
            if number == 1:
                _raise_timeout()
            with deadline.branch() as part:
                part.wait(30.0)
            ended.append(number)

        started = time.monotonic()
        with pytest.raises(TimeoutError):
            call_side_by_side(work, range(5), 2, deadline)
        assert ended == [0]
        assert time.monotonic() - started < 10

    def test_a_part_may_end_without_the_call(self) -> None:
        deadline = Deadline(Clock(), 30.0)
        with deadline.branch() as part:
            part.expire()
            assert part.remaining == 0 < deadline.remaining
        with deadline.branch() as part:
            deadline.cancel()
            assert (part.remaining, part.is_cancelled) == (0, True)


class TestScheduler:
    def test_tasks_run_concurrently_and_share_a_mutex(self) -> None:
        clock = JumpingClock()
        scheduler = Scheduler(Deadline(clock, 100.0), CallLimits(3))
        mutex = scheduler.mutex()
        events: list[str] = []

        async def task(name: str) -> None:
            async with mutex:
                events.append(f"{name} begins")
                await scheduler.sleep(5.0)
                events.append(f"{name} ends")
            await scheduler.sleep(5.0)

        started = clock.monotonic()
        assert scheduler.run([task("a"), task("b"), task("c")])
        assert events == [f"{name} {action}" for name in "abc" for action in ("begins", "ends")]
        assert clock.monotonic() - started == pytest.approx(20.0)

    def test_hanging_calls_do_not_block_other_tasks(self) -> None:
        scheduler = Scheduler(Deadline(Clock(), 5.0), CallLimits(4))
        together = threading.Barrier(4)
        results: list[tuple[int, int]] = []

        async def task(number: int) -> None:
            await scheduler.call(together.wait, 3.0)
            results.append(await scheduler.call(_divide, number))

        assert scheduler.run([task(number) for number in range(4)])
        assert sorted(results) == [(0, 0), (0, 1), (1, 0), (1, 1)]

    def test_an_event_wakes_all_tasks(self) -> None:
        clock = JumpingClock()
        scheduler = Scheduler(Deadline(clock, 1000.0), CallLimits(1))

        async def sleeper() -> None:
            await scheduler.sleep(500.0)

        async def waker() -> None:
            await scheduler.sleep(1.0)
            scheduler.wake_all()

        started = clock.monotonic()
        assert scheduler.run([sleeper(), sleeper(), waker()])
        assert clock.monotonic() - started == pytest.approx(1.0)

    def test_an_error_ends_the_run_and_is_raised(self) -> None:
        scheduler = Scheduler(Deadline(JumpingClock(), 100.0), CallLimits(1))
        ended: list[str] = []

        async def fails() -> None:
            await scheduler.call(_raise_timeout)

        async def waits() -> None:
            try:
                await scheduler.sleep(50.0)
            finally:
                ended.append("closed")

        with pytest.raises(TimeoutError):
            scheduler.run([waits(), fails(), waits()])
        assert ended == ["closed", "closed"]

    def test_the_deadline_ends_a_run_with_hanging_calls(self) -> None:
        deadline = Deadline(Clock(), 60.0)
        scheduler = Scheduler(deadline, CallLimits(1))

        async def hangs() -> None:
            await scheduler.call(time.sleep, 5.0)

        threading.Timer(0.2, deadline.expire).start()
        started = time.monotonic()
        assert not scheduler.run([hangs(), hangs()])
        assert time.monotonic() - started < 2


class TestErrorPolicy:
    def test_errors_that_end_the_fetch(self) -> None:
        assert is_fatal(sda.Unauthorized("no"))
        assert is_fatal(sda.RateLimited("later"))
        assert not is_fatal(sda.ServerError("oops"))
        assert not is_fatal(sda.ConnectionFailed("it may have been sent"))
        unsent = sda.ConnectionFailed("nobody listens")
        unsent.sent = False
        assert is_fatal(unsent)

    def test_errors_that_are_retried(self) -> None:
        assert is_retryable(sda.DownloadFailed("refused"), None)
        assert is_retryable(sda.CorruptReport("damaged"), None)
        assert not is_retryable(sda.CorruptReport("a value", row=3), None)
        assert not is_retryable(sda.NotFound("gone"), None)
        assert is_retryable(sda.NotFound("gone"), sda.DownloadFailed("refused"))
        assert not is_retryable(sda.Unauthorized("no"), sda.DownloadFailed("refused"))

    def test_errors_after_which_a_report_is_lost(self) -> None:
        operations = frozenset({"get_report"})
        assert is_terminal(sda.ReportFailed("no"), operations)
        assert is_terminal(sda.NotFound("no", operation="get_report"), operations)
        assert not is_terminal(sda.NotFound("no", operation="campaigns"), operations)
        assert is_terminal(sda.DownloadFailed("no", is_refused=True), operations)
        assert not is_terminal(sda.DownloadFailed("no"), operations)


class TestBatchTask:
    def test_a_batch_is_split_by_its_claims(self) -> None:
        first, second, third, fourth = partitions(2)
        task = BatchTask(ReportBatch((first, second, third, fourth), ("cost",)), reports_left=1)
        report = ClaimedReport(("cost",), "r1", MOMENT)
        claims = BatchClaims(((report, (second,)),), (first,), (third,), (fourth,))
        parts = task.split(claims)
        assert [(part.state, part.batch.partitions) for part in parts] == [
            (BatchState.UNCLAIMED, (first,)),
            (BatchState.IN_FLIGHT, (second,)),
            (BatchState.CLAIMED_ELSEWHERE, (third,)),
        ]
        assert parts[1].report is report
        assert {part.reports_left for part in parts} == {1}


class TestCounts:
    def test_a_day_is_done_when_all_its_partitions_are(self) -> None:
        requested = partitions(3)
        tracker = FetchTracker(requested, requested[2:])
        assert tracker.counts().days_text == "1 of 3 days"
        tracker.mark_stored(requested[2:3])
        assert tracker.counts().days_done == 1
        tracker.mark_stored(requested[2:4])
        counts = tracker.counts()
        assert (counts.days_done, counts.days_from_cache) == (2, 1)
        assert (counts.partitions, counts.completed, counts.from_cache) == (6, 2, 2)

    def test_a_report_of_many_partitions_is_one_report(self) -> None:
        requested = partitions(14)
        tracker = FetchTracker(requested, requested)
        report = ClaimedReport(("cost",), "r1", MOMENT)
        task = BatchTask(ReportBatch(tuple(requested), ("cost",)), BatchState.IN_FLIGHT, report)
        tracker.add([task])
        counts = tracker.counts()
        assert (counts.reports_in_flight, counts.waiting) == (1, 28)
        assert counts.details_text == "1 report in flight, 0 days from the cache"
        assert tracker.reports_in_flight() == ("r1",)
        tracker.move(task, BatchState.READY)
        assert tracker.counts().details_text == "1 report downloading, 0 days from the cache"
        assert tracker.reports_in_flight() == ()

    def test_partitions_that_were_not_requested_do_not_count(self) -> None:
        requested = partitions(2, tactics=("T00020",))
        tracker = FetchTracker(requested, requested)
        tracker.add([BatchTask(ReportBatch(tuple(partitions(2)), ("cost",)))])
        assert tracker.counts().waiting == 2
        tracker.mark_stored(partitions(2))
        assert (tracker.counts().days_done, tracker.counts().completed) == (2, 2)


def test_checks_of_another_calls_claim_become_rarer() -> None:
    partition = Partition("NA", "1", "campaigns", None, "T00020", date(2026, 11, 1))
    claims = BatchClaims(claimed_elsewhere=(partition,))
    intervals = []
    task = BatchTask(ReportBatch((partition,), ("cost",)))
    for _ in range(12):
        [task] = task.split(claims)
        assert task.state is BatchState.CLAIMED_ELSEWHERE
        intervals.append(next(task.claim_poll_intervals))
    assert max(intervals[:2]) < 1.0
    assert min(intervals[-3:]) > 3.0
