"""Rate limits: configured rates, limits learned from 429, and limits shared by calls."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock


def fetch(box: Box, store: ReportCache, first: int, last: int, **options: Any) -> Any:
    options.setdefault("client", box.client)
    return fetch_report(
        "campaigns", box.day(first), box.day(last), metrics=["cost"], cache=store, **options
    )


def request_times(box: Box, operation: str) -> list[float]:
    """Return when requests of an operation were accepted, in seconds."""
    return [e.at for e in box.sandbox.requests if e.operation == operation and e.status < 400]


def client_of(box: Box, **settings: Any) -> Client:
    settings = {"clock": box.clock} | settings
    return Client(
        Credentials.from_env(box.sandbox.environment),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        **settings,
    )


@pytest.mark.parametrize(("retry_after", "days"), [(1, 150), (None, 60)])
def test_a_queue_of_twenty_is_learned(
    clock: JumpingClock, store: ReportCache, retry_after: int | None, days: int
) -> None:
    box = Box(clock, queue_limit=20, delay=20.0, history_days=400, retry_after=retry_after)
    with box.sandbox:
        frame = fetch(box, store, days, 1, timeout=6 * 3600)
        assert frame["date"].nunique() == days
        assert len(box.sandbox.reports) == 2 * days
        refused = [e for e in box.sandbox.requests if e.status == 429]
        assert len(refused) < 0.02 * len(box.sandbox.requests)
        # Learning costs the same number of rejections, however many reports there are.
        assert len(refused) < 0.05 * box.sandbox.count("request_report") + 10
        # The queue was kept full: lots of 20 reports, 20 seconds each.
        moments = request_times(box, "request_report")
        assert moments[-1] - moments[0] < 1.5 * 2 * days


def test_creates_are_sent_at_the_configured_rate(box: Box, store: ReportCache) -> None:
    fetch(box, store, 10, 1, client=client_of(box, create_rate=0.5))
    gaps = [b - a for a, b in itertools.pairwise(request_times(box, "request_report"))]
    assert len(gaps) == 19
    assert min(gaps) > 2 - 1e-6
    assert max(gaps) < 3
    # Finished reports were collected during the waits.
    assert request_times(box, "storage")[0] < request_times(box, "request_report")[8]


def test_without_a_rate_creates_do_not_wait(box: Box, store: ReportCache) -> None:
    fetch(box, store, 10, 1)
    moments = request_times(box, "request_report")
    assert moments[-1] - moments[0] < 1


def test_reports_are_collected_while_creates_have_to_wait(box: Box, store: ReportCache) -> None:
    def refuse_the_rest(report: Any) -> None:
        if len(box.sandbox.reports) == 4:
            box.sandbox.script_responses(
                "request_report", ScriptedResponse(429, "", {"Retry-After": "300"})
            )

    box.sandbox.set_content(refuse_the_rest)
    fetch(box, store, 3, 1)
    [refused_at] = [e.at for e in box.sandbox.requests if e.status == 429]
    arrived = [at - refused_at for at in request_times(box, "storage")]
    assert sum(after < 30 for after in arrived) == 5
    assert [at - refused_at > 299 for at in request_times(box, "request_report")] == [False] * 5 + [
        True
    ]


def test_a_429_of_one_call_delays_the_next(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses(
        "request_report", *[ScriptedResponse(429, "", {"Retry-After": "900"})] * 2
    )
    with pytest.raises(sda.RateLimited):
        fetch(box, store, 1, 1, timeout=60)
    started = box.clock.monotonic()
    box.sandbox.script_responses("request_report")
    fetch(box, store, 1, 1, client=client_of(box), timeout=3600, tactic="T00020")
    assert box.clock.monotonic() - started > 800


def test_a_clock_set_back_causes_no_wait(box: Box, store: ReportCache) -> None:
    fetch(box, store, 2, 2, client=client_of(box, create_rate=1))
    earlier = JumpingClock(box.clock.now() - timedelta(days=2))
    client = client_of(box, create_rate=1, clock=earlier)
    started = earlier.monotonic()
    with pytest.raises(sda.ReportTimeout):  # the sandbox's own clock stands still
        fetch(box, store, 9, 9, client=client, tactic="T00020", timeout=5)
    assert box.sandbox.count("request_report") == 3
    assert earlier.monotonic() - started < 10


def test_polls_of_many_reports_are_spread_evenly(clock: JumpingClock, store: ReportCache) -> None:
    box = Box(clock, delay=600.0)
    with box.sandbox:
        fetch(box, store, 40, 1)
        moments = request_times(box, "get_report_status")
    counts = Counter(int(at - moments[0]) // 10 for at in moments)
    settled = [counts[tens] for tens in range(12, 50)]  # while waits are as long as they get
    assert max(settled) < 1.7 * sum(settled) / len(settled)


@pytest.mark.parametrize("absurd", ["31536000", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_excessive_retry_after_is_capped_at_two_hours(
    box: Box, store: ReportCache, absurd: str
) -> None:
    box.sandbox.script_responses(
        "request_report", ScriptedResponse(429, "", {"Retry-After": absurd})
    )
    for _ in range(2):
        started = box.clock.monotonic()
        with pytest.raises(sda.RateLimited, match="longer timeout="):
            fetch(box, store, 1, 1)
        assert box.clock.monotonic() - started < 5
    assert box.sandbox.count("request_report") == 1
    box.clock.pass_time(2 * 3600)
    assert len(fetch(box, store, 1, 1)) > 0


def test_learned_limits_expire(box: Box, store: ReportCache) -> None:
    # More than fit into the timeout, however short the random waits are.
    box.sandbox.script_responses("request_report", *[ScriptedResponse(429)] * 100)
    with pytest.raises((sda.RateLimited, sda.ReportTimeout)):
        fetch(box, store, 2, 1, timeout=600)
    box.sandbox.clear_script()
    box.clock.pass_time(86400)
    started = box.clock.monotonic()
    fetch(box, store, 40, 11)
    assert box.clock.monotonic() - started < 60


def test_errors_with_a_long_retry_after_do_not_block_calls(store: ReportCache, box: Box) -> None:
    box.sandbox.script_responses(
        "get_report_status", *[ScriptedResponse(503, "", {"Retry-After": "3600"})] * 4
    )
    started = box.clock.monotonic()
    assert fetch(box, store, 20, 1)["date"].nunique() == 20
    assert box.clock.monotonic() - started < 300


def test_calls_without_a_cache_share_the_rate_limit_of_their_client(box: Box) -> None:
    client = client_of(box, create_rate=0.5)
    for ago in (1, 2, 3):
        fetch_report("campaigns", box.day(ago), tactic="T00020", client=client, cache=False)
    gaps = [b - a for a, b in itertools.pairwise(request_times(box, "request_report"))]
    assert min(gaps) > 2 - 1e-6
