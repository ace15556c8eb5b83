"""Calls in the background, and plans of calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report, plan_report, sandbox
from sdanalytics import submit_report as submit
from sdanalytics.sandbox import Report, Sandbox, ScriptedResponse
from tests.support.box import Box

SECONDS = 30.0


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """A sandbox whose reports take ten real minutes, so that calls are not done."""
    with sandbox.start(delay=600) as box:
        yield box


def days(box: Sandbox, first: int, last: int) -> tuple[Any, Any]:
    return box.today - timedelta(first), box.today - timedelta(last)


def wait_until(condition: Any) -> bool:
    end = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


class TestSubmit:
    def test_the_result_equals_that_of_fetch_report(self, box: Box, store: ReportCache) -> None:
        span = box.day(3), box.day(1)
        job = submit("campaigns", *span, client=box.client, cache=store)
        frame = job.result()
        assert job.wait(0)
        pd.testing.assert_frame_equal(
            frame, fetch_report("campaigns", *span, client=box.client, cache=store)
        )
        status = job.status()
        assert (status.state, status.days, status.days_done) == ("done", 3, 3)
        assert (status.partitions, status.completed, status.from_cache) == (6, 6, 0)
        assert (status.waiting, status.downloading, status.failed) == (0, 0, 0)
        assert (status.reports, status.arrived, status.from_store) == (6, 6, 0)  # old names
        assert 5 <= status.seconds < 10  # the delay of the sandbox, on the clock that jumps
        assert job.result() is frame

    def test_submit_returns_at_once_and_status_shows_progress(
        self, slow: Sandbox, store: ReportCache
    ) -> None:
        job = submit("campaigns", *days(slow, 3, 1), client=slow.client, cache=store)
        assert not job.wait(0.01)
        assert job.status().state == "running"
        assert wait_until(lambda: slow.count("request_report") == 6)
        assert wait_until(lambda: job.status().reports_in_flight == 6)
        assert job.status().waiting == 6
        shown = "running: 0 of 3 days, 6 reports in flight, 0 days from the cache"
        assert shown in repr(job)
        assert f"campaigns {slow.today - timedelta(3)} to {slow.today - timedelta(1)}" in repr(job)
        job.cancel()
        assert job.wait(SECONDS)

    def test_invalid_arguments_are_rejected_at_once(self, box: Box) -> None:
        with pytest.raises(sda.InvalidRequest, match="did you mean 'campaigns'"):
            submit("campaign", box.day(1), client=box.client)  # type: ignore[arg-type]
        with pytest.raises(sda.InvalidRequest, match="cache must be a ReportCache"):
            submit("campaigns", box.day(1), client=box.client, cache=5)  # type: ignore[arg-type]
        with pytest.raises(sda.NotConfigured, match="SDANALYTICS_CLIENT_ID"):
            submit("campaigns", box.day(1))
        assert box.sandbox.requests == []

    def test_result_raises_the_failure_each_time(self, box: Box, store: ReportCache) -> None:
        def fail(report: Report) -> None:
            report.status = "FAILURE"

        box.sandbox.set_content(fail)
        job = submit("campaigns", box.day(1), client=box.client, cache=store)
        for _ in range(2):
            with pytest.raises(sda.ReportFailed):
                job.result()
        assert job.status().state == "failed"
        assert (job.status().failed, job.status().reports_failed) == (2, 2)
        assert "ReportFailed" in job._repr_html_()

    def test_cancel_keeps_stored_days_and_reports_in_flight(
        self, box: Box, store: ReportCache
    ) -> None:
        stop = threading.Event()
        waiting: list[sda.ReportJob] = []

        def cancel_on_the_fourth(report: Report) -> None:
            if len(box.sandbox.reports) == 3:
                assert stop.wait(SECONDS)
                waiting[0].cancel()

        box.sandbox.set_content(cancel_on_the_fourth)
        job = submit("campaigns", box.day(3), box.day(1), client=box.client, cache=store)
        waiting.append(job)
        stop.set()
        with pytest.raises(sda.Cancelled, match="call again for the rest"):
            job.result()
        assert job.status().state == "cancelled"
        box.sandbox.set_content(lambda report: None)
        fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=store)
        assert len(box.sandbox.reports) == 6
        assert sda.pending(store).empty

    def test_jobs_for_the_same_days_share_their_reports(self, store: ReportCache) -> None:
        with sandbox.start(delay=0.5) as box:
            options = {"client": box.client, "cache": store}
            jobs = [submit("campaigns", box.today, **options) for _ in range(3)]  # type: ignore[arg-type]
            frames = [job.result() for job in jobs]
            assert len(box.reports) == 2
        pd.testing.assert_frame_equal(frames[0], frames[1])

    def test_callbacks_are_called_at_the_end_or_at_once_if_it_has_ended(self, box: Box) -> None:
        seen: list[str] = []
        job = submit("campaigns", box.day(1), client=box.client, cache=False)
        job.add_done_callback(lambda job: seen.append(job.status().state))
        job.result()
        assert wait_until(lambda: seen == ["done"])
        job.add_done_callback(lambda job: seen.append("at once"))
        assert seen == ["done", "at once"]

    @pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
    def test_a_callback_that_would_end_the_program_holds_up_nobody(
        self, box: Box, caplog: pytest.LogCaptureFixture, end: type[BaseException]
    ) -> None:
        seen: list[str] = []

        def end_the_program(job: sda.ReportJob) -> None:
            raise end

        job = submit("campaigns", box.day(1), client=box.client, cache=False)
        job.add_done_callback(end_the_program)
        job.add_done_callback(lambda job: seen.append(job.status().state))
        assert job.wait(SECONDS)
        assert seen == ["done"]
        assert "a callback of" in caplog.text

    def test_its_html_is_escaped_and_has_a_bar(self, box: Box) -> None:
        refusal = ScriptedResponse(400, '{"code": "<b>", "details": "<script>"}')
        box.sandbox.script_responses("request_report", *[refusal] * 2)
        job = submit("campaigns", box.day(1), client=box.client, cache=False)
        with pytest.raises(sda.BadRequest):
            job.result()
        shown = job._repr_html_()
        assert "<script>" not in shown
        assert '<progress aria-label="days"' in shown


class TestPlan:
    def test_a_plan_describes_a_call_without_making_it(self, box: Box, store: ReportCache) -> None:
        options = {"client": box.client, "cache": store}
        fetch_report("campaigns", box.day(60), tactic="T00020", **options)  # type: ignore[arg-type]
        box.clock.pass_time(2 * 86400)
        fetch_report("campaigns", box.day(50), box.day(49), **options)  # type: ignore[arg-type]
        fetch_report("campaigns", box.day(48), metrics=["cost"], tactic="T00020", **options)  # type: ignore[arg-type]
        with pytest.raises(ReportTimeout):
            fetch_report("campaigns", box.day(47), timeout=2, **options)  # type: ignore[arg-type]
        sent = len(box.sandbox.requests)

        plan = plan_report("campaigns", box.day(62), box.day(46), **options)  # type: ignore[arg-type]
        assert len(box.sandbox.requests) == sent
        table = plan.partitions
        assert table.dtypes.astype(str).to_dict() == {
            "date": "datetime64[s]", "tactic": "str", "action": "category", "reason": "str",
        }  # fmt: skip
        actions = {
            (str(row.date)[:10], row.tactic): (row.action, row.reason) for row in table.itertuples()
        }
        assert len(actions) == 34
        # One tactic of the day 62 days ago was fetched in time.
        assert actions[box.day(62), "T00020"] == ("cached", "good")
        action, reason = actions[box.day(62), "T00030"]
        assert action == "unavailable"
        assert str(reason).startswith('older than 60 days. Client(history="v1")')
        assert actions[box.day(61), "T00020"][0] == "unavailable"
        assert actions[box.day(60), "T00020"] == ("request", "not stored")
        assert actions[box.day(50), "T00030"] == ("cached", "good")
        assert actions[box.day(48), "T00020"][0] == "request"
        assert "stored without" in str(actions[box.day(48), "T00020"][1])
        assert actions[box.day(47), "T00020"][0] == "in_flight"
        assert [str(day) for day in plan.in_flight] == [box.day(47)]
        assert [str(day) for day in plan.from_cache] == [box.day(50), box.day(49)]
        assert [str(day) for day in plan.unavailable] == [box.day(62), box.day(61)]
        assert (plan.reports, len(plan.to_request)) == (24, 12)
        assert str(plan).endswith(
            "17 days: 12 to fetch (24 reports to request), 1 in flight, 2 from the cache, "
            f"2 unavailable (from {box.day(62)})"
        )
        # Old names.
        counts = plan.being_built, plan.from_store, len(plan.gone)
        assert counts == (2, 5, 2)
        old = plan.slices
        assert old.columns.tolist() == ["date", "tactic", "action", "why"]
        assert old["action"].value_counts().to_dict() == {
            "create": 24, "store": 5, "gone": 3, "being built": 2,
        }  # fmt: skip

        # And that is what the call does.
        fetch_report("campaigns", box.day(60), box.day(46), **options)  # type: ignore[arg-type]
        assert box.sandbox.count("request_report") == 8 + 24
        assert plan_report("campaigns", box.day(60), box.day(46), **options).reports == 0  # type: ignore[arg-type]

    def test_a_plan_says_why_a_stored_day_is_requested_again(
        self, box: Box, store: ReportCache
    ) -> None:
        fetch_report("campaigns", box.day(1), client=box.client, cache=store)
        box.clock.pass_time(13 * 3600)
        plan = plan_report("campaigns", box.day(1), client=box.client, cache=store)
        always = plan_report(
            "campaigns", box.day(1), client=box.client, cache=store, refresh="always"
        )
        never = plan_report(
            "campaigns", box.day(1), client=box.client, cache=store, refresh="never"
        )
        assert {(step.action, step.reason) for step in plan.steps} == {
            ("request", "may have been restated")
        }
        assert {step.action for step in always.steps} == {"request"}
        assert {step.action for step in never.steps} == {"cached"}

    def test_invalid_arguments_are_rejected(self, box: Box) -> None:
        with pytest.raises(sda.InvalidRequest, match="refresh"):
            plan_report("campaigns", box.day(1), client=box.client, refresh="often")  # type: ignore[arg-type]
        with pytest.raises(sda.InvalidRequest, match="in the future"):
            plan_report("campaigns", box.day(-3), client=box.client)
