"""Many reports at once: waits, retries, and errors."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report, sandbox
from sdanalytics.sandbox import Report, ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock


def fetch(box: Box, store: ReportCache, first: int, last: int, **options: Any) -> pd.DataFrame:
    days = box.day(first), box.day(last)
    metrics = ["clicks", "cost"]
    options.setdefault("client", box.client)
    return fetch_report("campaigns", *days, metrics=metrics, cache=store, **options)


def create_counts(box: Box) -> Counter[tuple[str, str]]:
    """Return how often each partition was requested."""
    reports = box.sandbox.reports.values()
    return Counter((r.request["reportDate"], r.request["tactic"]) for r in reports)


def on_day(box: Box, ago: int, change: Callable[[Report], None]) -> None:
    """Change the reports of one day as they are created."""
    day = box.day(ago).replace("-", "")

    def apply(report: Report) -> None:
        if report.request["reportDate"] == day:
            change(report)

    box.sandbox.set_content(apply)


def fail(report: Report) -> None:
    report.status, report.details = "FAILURE", "Internal error of the generator"


def never_ready(report: Report) -> None:
    report.ready_at = float("inf")


def test_the_reports_of_a_call_are_built_side_by_side(box: Box, store: ReportCache) -> None:
    started = box.clock.monotonic()
    fetch(box, store, 30, 1)
    assert box.clock.monotonic() - started < 4 * box.sandbox.settings.delay
    assert set(create_counts(box).values()) == {1}
    assert len(create_counts(box)) == 60


def test_polling_waits_grow_with_jitter_and_are_capped(clock: JumpingClock) -> None:
    box = Box(clock, delay=900.0)
    with box.sandbox:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=False)
        polls = [e.at for e in box.sandbox.requests if e.operation == "get_report_status"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(polls)]
    assert gaps[0] < 3
    assert all(gap <= 30 for gap in gaps)
    assert sum(gap > 20 for gap in gaps) > 20
    assert len(set(gaps[-10:])) > 1
    assert len(polls) < 60


def poll_counts(box: Box) -> Counter[str]:
    """Return how often each report was polled."""
    polls = [e.path for e in box.sandbox.requests if e.operation == "get_report_status"]
    return Counter(path.rpartition("/")[2] for path in polls)


def download_times(box: Box) -> dict[str, float]:
    """Return when each report was downloaded."""
    downloads = [e for e in box.sandbox.requests if e.operation == "download_report"]
    return {e.path.split("/")[3]: e.at for e in downloads}


def test_the_poll_interval_is_learned_from_finished_reports(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, delay=60.0)
    client = Client(
        Credentials.from_env(box.sandbox.environment),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        create_rate=0.5,
        clock=clock,
    )
    with box.sandbox:
        fetch_report("campaigns", box.day(59), box.day(1), client=client, cache=store)
        number = poll_counts(box)
        reports = list(box.sandbox.reports.values())
    found = download_times(box)
    later = [r for r in reports if r.asked_at > min(found.values())]
    assert len(later) > 60
    assert sum(number[r.report_id] for r in later) < 3 * len(later)  # 9 when no duration is known
    assert max(found[r.report_id] - r.ready_at for r in later) < 0.25 * 60
    delays = sorted(found[r.report_id] - r.ready_at for r in later)
    assert delays[len(delays) // 2] < 0.1 * 60


def test_a_few_reports_are_polled_until_a_duration_is_known(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, delay=60.0)
    with box.sandbox:
        fetch(box, store, 30, 1)
        number = sorted(poll_counts(box).values())
        reports = list(box.sandbox.reports.values())
    found = download_times(box)
    assert len(number) == 60
    assert sum(number[:-4]) / 56 < 6.5  # of 9
    assert max(found[r.report_id] - r.ready_at for r in reports) < 0.25 * 60


def test_a_finished_report_has_the_others_polled(box: Box, store: ReportCache) -> None:
    """Reports requested together are ready together, however far off their next polls were."""
    box.sandbox.set_content(lambda report: setattr(report, "ready_at", report.asked_at + 500.0))
    fetch(box, store, 30, 1)
    found = download_times(box).values()
    assert len(found) == 60
    assert max(found) - min(found) < 5


def test_mixed_durations_do_not_increase_polling(clock: JumpingClock, store: ReportCache) -> None:
    """Quick reports, slow ones, and one that never finishes do not distort the poll interval."""
    chance = random.Random(5)
    box = Box(clock, delay=0.0)

    def at_some_time(report: Report) -> None:
        report.ready_at = report.asked_at + chance.choice([2.0, 30.0, 400.0])

    box.sandbox.set_content(at_some_time)
    with box.sandbox:
        fetch(box, store, 59, 1)
        number = poll_counts(box)
        reports = list(box.sandbox.reports.values())
    plain = sum(_plain(r.ready_at - r.asked_at) for r in reports)
    assert sum(number.values()) <= 1.1 * plain
    found = download_times(box)
    assert all(found[r.report_id] - r.ready_at < 40 for r in reports)


def _plain(seconds: float) -> int:
    """Return how often a report of this duration is polled when no duration is known."""
    ages = itertools.accumulate(min(1.5**n, 25.0) for n in itertools.count())
    return sum(1 for _ in itertools.takewhile(lambda age: age < seconds, ages)) + 1


def test_a_429_slows_the_whole_call_down(box: Box, store: ReportCache) -> None:
    fetch(box, store, 1, 1)
    throttled = ScriptedResponse(429, "", {"Retry-After": "40"})
    box.sandbox.script_responses("get_report_status", throttled)
    fetch(box, store, 20, 2)
    [refused_at] = [e.at for e in box.sandbox.requests if e.status == 429]
    during = [e for e in box.sandbox.requests if refused_at < e.at < refused_at + 40]
    assert during == []
    assert set(create_counts(box).values()) == {1}


@pytest.mark.parametrize("retry_after", [None, 3])
def test_a_full_queue_is_waited_for(
    clock: JumpingClock, store: ReportCache, retry_after: int | None
) -> None:
    box = Box(clock, queue_limit=4, retry_after=retry_after, delay=8.0)
    with box.sandbox:
        frame = fetch(box, store, 15, 1)
        assert set(create_counts(box).values()) == {1}
    assert frame["date"].nunique() == 15


def test_a_wait_longer_than_the_timeout_ends_the_call_at_once(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses(
        "request_report", *[ScriptedResponse(429, "", {"Retry-After": "7200"})] * 8
    )
    started = box.clock.monotonic()
    with pytest.raises(sda.RateLimited, match="longer timeout="):
        fetch(box, store, 5, 1, timeout=600)
    assert box.clock.monotonic() - started < 60


def test_one_failure_does_not_stop_the_others(box: Box, store: ReportCache) -> None:
    on_day(box, 3, fail)
    with pytest.raises(
        sda.PartialFetchError,
        match=r"1 of 5 days to fetch could not be fetched \(2 reports failed\)",
    ) as caught:
        fetch(box, store, 5, 1)
    assert {(str(partition.date), partition.tactic) for partition in caught.value.failures} == {
        (box.day(3), "T00020"),
        (box.day(3), "T00030"),
    }
    for error in caught.value.failures.values():
        assert isinstance(error, sda.ReportFailed)
        assert error.details == "Internal error of the generator"
    assert len(store.entries()) == 8

    box.sandbox.set_content(lambda report: None)
    frame = fetch(box, store, 5, 1)
    assert frame["date"].nunique() == 5
    assert len(box.sandbox.reports) == 12


def test_a_common_error_of_all_reports_is_raised_itself(box: Box, store: ReportCache) -> None:
    on_day(box, 3, fail)
    with pytest.raises(sda.ReportFailed, match="Internal error"):
        fetch(box, store, 3, 3)
    with pytest.raises(sda.BadRequest, match="sellers only") as caught:
        fetch_report("asins", box.day(2), client=box.client_for(1), cache=store)
    assert caught.value.operation == "request_report"


def test_an_unknown_status_is_an_error(box: Box, store: ReportCache) -> None:
    on_day(box, 1, lambda report: setattr(report, "status", "SHRUG"))
    with pytest.raises(sda.ApiError, match="SHRUG"):
        fetch(box, store, 1, 1)


def test_completed_means_success(box: Box, store: ReportCache) -> None:
    box.sandbox.set_content(lambda report: setattr(report, "status", "COMPLETED"))
    assert len(fetch(box, store, 1, 1)) > 0


def test_the_timeout_holds_for_the_whole_call(box: Box, store: ReportCache) -> None:
    on_day(box, 2, never_ready)
    started = box.clock.monotonic()
    with pytest.raises(sda.ReportTimeout, match="longer timeout=") as caught:
        fetch(box, store, 4, 1, timeout=100)
    assert 95 <= box.clock.monotonic() - started <= 105
    waiting = {i for i, r in box.sandbox.reports.items() if r.ready_at == float("inf")}
    assert set(caught.value.report_ids) == waiting
    assert len(store.entries()) == 6


@pytest.mark.parametrize("silent", ["token", "profiles", "request_report", "storage"])
def test_the_timeout_holds_against_silence(store: ReportCache, silent: str) -> None:
    with sandbox.start(delay=0.0) as service:
        service.script_responses(silent, *[ScriptedResponse(0, delay=6)] * 8)
        started = time.monotonic()
        with pytest.raises(sda.ReportTimeout):
            fetch_report(
                "campaigns", service.today, client=service.client, cache=store, timeout=0.75
            )
    assert time.monotonic() - started < 5


def test_the_default_timeout_is_half_an_hour(box: Box, store: ReportCache) -> None:
    on_day(box, 1, never_ready)
    started = box.clock.monotonic()
    with pytest.raises(sda.ReportTimeout):
        fetch(box, store, 1, 1)
    assert 1790 <= box.clock.monotonic() - started <= 1810


@pytest.mark.parametrize(("links", "expected"), [(1, (1, 2)), (2, (2, 3)), (4, None)])
def test_an_expired_link_is_fetched_again(
    box: Box, store: ReportCache, links: int, expected: tuple[int, int] | None
) -> None:
    refusal = ScriptedResponse(
        403, "<Error><Code>AccessDenied</Code><Message>expired</Message></Error>"
    )
    box.sandbox.script_responses("storage", *[refusal] * links)
    if expected is None:
        with pytest.raises(sda.DownloadFailed, match="expired"):
            fetch(box, store, 1, 1, tactic="T00020")
        expected = (2, 4)
    else:
        assert len(fetch(box, store, 1, 1, tactic="T00020")) > 0
    counts = box.sandbox.count("request_report"), box.sandbox.count("download_report")
    assert counts == expected


def test_a_lost_report_with_an_expired_link_is_requested_again(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses("storage", ScriptedResponse(403, "<Error/>"))
    box.sandbox.script_responses(
        "download_report", ScriptedResponse(307, "", {"Location": "ftp://x"}), ScriptedResponse(404)
    )
    assert len(fetch(box, store, 1, 1, tactic="T00020")) > 0
    assert box.sandbox.count("request_report") == 2


def test_broken_connections_while_reading_are_retried(box: Box, store: ReportCache) -> None:
    for operation in ("token", "profiles", "get_report_status", "download_report", "storage"):
        box.sandbox.script_responses(
            operation, ScriptedResponse(0), ScriptedResponse(500), ScriptedResponse(0)
        )
    assert len(fetch(box, store, 3, 1)) > 0
    assert set(create_counts(box).values()) == {1}


def test_days_that_are_too_old_are_not_requested_one_by_one(box: Box, store: ReportCache) -> None:
    with pytest.raises(sda.PartialFetchError, match="too far in the past") as caught:
        fetch(box, store, 800, 59)
    failures = caught.value.failures
    assert len(failures) == 2 * (800 - 60)
    assert {type(error) for error in failures.values()} == {sda.ReportTooOld}
    assert {error.status for error in failures.values()} == {406}  # type: ignore[attr-defined]
    assert len(store.entries()) == 4
    assert box.sandbox.count("request_report") < 4 + 2 * 8


def test_a_429_pauses_all_requests(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses(
        "request_report", ScriptedResponse(429, "", {"Retry-After": "7200"})
    )
    with pytest.raises(sda.RateLimited, match="longer timeout="):
        fetch(box, store, 30, 1, timeout=600)
    assert box.sandbox.count("get_report_status") < 10


def test_a_rejected_login_ends_the_call_at_once(box: Box, store: ReportCache) -> None:
    fetch(box, store, 1, 1)
    refusal = ScriptedResponse(401, '{"code":"UNAUTHORIZED","details":"Not authorized"}')
    box.sandbox.script_responses("request_report", *[refusal] * 200)
    with pytest.raises(sda.Unauthorized):
        fetch(box, store, 50, 2)
    assert box.sandbox.count("request_report") < 60


def test_the_error_for_unavailable_days_says_what_to_do(box: Box, store: ReportCache) -> None:
    first = box.day(60)
    with pytest.raises(sda.PartialFetchError, match=f"has reports from {first} on") as caught:
        fetch(box, store, 70, 55)
    assert "ReportCache.read" in str(caught.value)
    assert str(caught.value).count("too far in the past") == 1
    with pytest.raises(sda.ReportTooOld) as again:
        fetch(box, store, 70, 55)
    assert f"has reports from {first} on: start there" in str(again.value)
    assert "start there" not in "".join(again.value.__notes__)
    assert len(fetch(box, store, 60, 55)) > 0


@pytest.mark.parametrize(("first", "last"), [(180, 180), (180, 175), (70, 66)])
@pytest.mark.parametrize(("api", "history"), [("v2", 60), ("v3", 65)])
def test_the_day_to_start_at_is_one_that_the_service_has(
    box: Box, store: ReportCache, first: int, last: int, api: str, history: int
) -> None:
    client = box.client_for(0, api)
    days = box.day(first), box.day(last)
    with pytest.raises(sda.ReportTooOld) as caught:
        fetch_report("campaigns", *days, client=client, cache=store)
    assert f"has reports from {box.day(history)} on: start there" in str(caught.value)
    assert len(fetch_report("campaigns", box.day(history), client=client, cache=store))


def test_days_that_are_too_old_are_told_from_those_that_failed(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses("request_report", ScriptedResponse(422, '{"code":"422"}'))
    with pytest.raises(sda.PartialFetchError) as caught:
        fetch(box, store, 63, 58)
    message = str(caught.value)
    assert f"has reports from {box.day(60)} on: start there" in message
    assert message.endswith("Call again for the other missing days")


def test_a_lost_network_ends_the_call_soon(box: Box, store: ReportCache) -> None:
    fetch(box, store, 1, 1)
    client = box.client
    box.sandbox.stop()
    started = box.clock.monotonic()
    with pytest.raises(sda.ConnectionFailed):
        fetch_report("campaigns", box.day(50), box.day(2), client=client, cache=store)
    assert box.clock.monotonic() - started < 8 * 60


def test_messages_of_the_service_are_redacted(box: Box, store: ReportCache) -> None:
    details = "see https://s3/x?AWSAccessKeyId=a&Signature=b or Atza%7Cabc"

    def change(report: Report) -> None:
        report.status, report.details = "FAILURE", details

    box.sandbox.set_content(change)
    with pytest.raises(sda.ReportFailed) as caught:
        fetch(box, store, 1, 1, tactic="T00020")
    shown = f"{caught.value} {caught.value.details}"
    assert "Signature" not in shown
    assert "Atza" not in shown
    report_id = next(iter(box.sandbox.reports))
    assert "Signature" not in repr(box.client.get_report_status(report_id))


def test_a_day_that_expires_at_midnight_during_a_call(store: ReportCache) -> None:
    """The 60 days end at midnight in the profile's time zone, at 8:00 in UTC."""
    clock = JumpingClock(datetime(2026, 11, 21, 7, 59, 50, tzinfo=UTC))
    box = Box(clock)
    with box.sandbox:
        oldest, later = box.day(60), box.day(59)
        slowly = Client(
            Credentials.from_env(box.sandbox.environment),
            box.sandbox.profile_ids[0],
            base_url=box.sandbox.base_url,
            token_url=box.sandbox.token_url,
            create_rate=0.05,  # the second report is requested 20 seconds after the first
            clock=clock,
        )
        with pytest.raises(sda.PartialFetchError, match=f"reports from {later} on") as caught:
            fetch_report("campaigns", oldest, later, tactic="T00020", client=slowly, cache=store)
        [(partition, error)] = caught.value.failures.items()
        assert (str(partition.date), type(error)) == (oldest, sda.ReportTooOld)
        assert later == box.day(60)
        assert store.entries()["date"].astype("str").tolist() == [later]


def test_a_stored_day_that_expires_at_midnight_is_served(store: ReportCache) -> None:
    clock = JumpingClock(datetime(2026, 11, 21, 7, 59, 50, tzinfo=UTC))
    box = Box(clock)
    with box.sandbox:
        oldest = box.day(60)
        first = fetch_report("campaigns", oldest, client=box.client, cache=store)
        clock.pass_time(60)
        again = fetch_report("campaigns", oldest, client=box.client, cache=store, refresh="always")
        assert box.day(61) == oldest
        pd.testing.assert_frame_equal(again, first)


@pytest.mark.parametrize("offset", [timedelta(days=2), timedelta(days=-2)])
def test_a_wrong_clock_is_explained(box: Box, store: ReportCache, offset: timedelta) -> None:
    clock = JumpingClock(box.clock.now() + offset)
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], clock)
    if offset > timedelta(0):  # its today has not begun: the service rejects it
        with pytest.raises(sda.InvalidReport, match="in the future"):
            fetch_report("campaigns", box.day(-1), client=client, cache=store)
    else:
        with pytest.raises(sda.InvalidRequest, match="clock of this machine is wrong"):
            fetch_report("campaigns", box.day(0), client=client, cache=store)


def test_days_fetched_while_the_clock_was_ahead_are_requested_again(
    box: Box, store: ReportCache
) -> None:
    ahead = JumpingClock(box.clock.now() + timedelta(days=50))
    box.sandbox.set_content(lambda report: setattr(report, "ready_at", 0.0))
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], ahead)
    day = box.day(3)  # 53 days ago and final by that clock
    fetch_report("campaigns", day, client=client, cache=store)
    fetch_report("campaigns", day, client=box.client, cache=store)
    assert len(box.sandbox.reports) == 4
    fetch_report("campaigns", day, client=box.client, cache=store)
    assert len(box.sandbox.reports) == 4


def test_a_report_in_flight_is_resumed_for_two_batches(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, delay=1000.0)
    with box.sandbox:
        client = box.sandbox.client_for(box.sandbox.profile_ids[0], clock, api="v3")
        with pytest.raises(sda.ReportTimeout):
            fetch(box, store, 40, 12, client=client, timeout=100)
        frame = fetch(box, store, 45, 5, client=client)
        assert len(box.sandbox.reports) == 3  # the first, and those before and after it
    assert frame["date"].nunique() == 41
