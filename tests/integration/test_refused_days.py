"""Days before the history of version 3: a refused start costs no other day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.partition import Partition
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock


@pytest.fixture(params=[64, 65])
def history(request: pytest.FixtureRequest) -> int:
    days: int = request.param
    return days


@pytest.fixture
def box(clock: JumpingClock, history: int) -> Iterator[Box]:
    box_on_clock = Box(clock, v3_history_days=history)
    with box_on_clock.sandbox:
        yield box_on_clock


def fetch(box: Box, store: ReportCache, first: int, last: int, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"metrics": ["clicks", "cost"], "client": box.client_for(0, "v3")}
    given |= options
    return fetch_report("campaigns", box.day(first), box.day(last), cache=store, **given)


def ages(box: Box, days: set[date]) -> list[int]:
    return sorted((box.sandbox.today - day).days for day in days)


def stored_ages(box: Box, store: ReportCache) -> list[int]:
    return ages(box, {moment.date() for moment in store.entries()["date"]})


def failed_ages(box: Box, failures: dict[Partition, sda.errors.SDAnalyticsError]) -> list[int]:
    assert {type(error) for error in failures.values()} == {sda.ReportTooOld}
    return ages(box, {partition.date for partition in failures})


def refusal(detail: str) -> ScriptedResponse:
    body = json.dumps({"code": "400", "detail": detail})
    return ScriptedResponse(400, body, {"Content-Type": "application/json"})


def refused_start(first_available: object) -> ScriptedResponse:
    return refusal(
        "startDate (2026-11-15) must be equal to or after report type data retention start date "
        f"({first_available})"
    )


def test_the_oldest_day_is_a_report_of_its_own(box: Box, store: ReportCache, history: int) -> None:
    client = box.client_for(0, "v3")
    plan = sda.plan_report("campaigns", box.day(65), box.day(60), client=client, cache=store)
    assert plan.reports == 2
    if history == 65:
        assert fetch(box, store, 65, 60)["date"].nunique() == 6
    else:
        with pytest.raises(sda.PartialFetchError, match="1 of 6 days") as caught:
            fetch(box, store, 65, 60)
        assert failed_ages(box, caught.value.failures) == [65]
        message = str(caught.value)
        assert f"has reports from {box.day(64)} on: start there" in message
        assert f"{box.day(65)} is too far in the past" in message
        assert fetch(box, store, 64, 60)["date"].nunique() == 5
    assert box.sandbox.count("create_report") == plan.reports
    assert stored_ages(box, store) == list(range(60, history + 1))


@pytest.mark.parametrize("tactic", [None, "T00020"])
def test_a_stored_day_that_is_refused_is_served_as_it_is(
    box: Box, store: ReportCache, history: int, tactic: str | None
) -> None:
    first = fetch(box, store, 20, 20, tactic=tactic)
    box.clock.pass_time(45 * 86400)
    again = fetch(box, store, 65, 64, tactic=tactic)
    assert again["date"].nunique() == 2
    if history == 64:
        oldest = again[again["date"] == again["date"].min()]
        pd.testing.assert_frame_equal(oldest, first)
        fetch(box, store, 65, 65, tactic=tactic, refresh="always")
    assert again.attrs["sdanalytics"]["days_fetched"] == (2 if history == 65 else 1)


@pytest.mark.parametrize("tactic", [None, "T00030"])
def test_days_before_the_named_start_fail_and_the_others_arrive(
    clock: JumpingClock, store: ReportCache, tactic: str | None
) -> None:
    box = Box(clock, v3_history_days=50)
    with box.sandbox:
        with pytest.raises(sda.PartialFetchError) as caught:
            fetch(box, store, 65, 1, tactic=tactic)
        assert failed_ages(box, caught.value.failures) == list(range(51, 66))
        assert f"has reports from {box.day(50)} on: start there" in str(caught.value)
        assert stored_ages(box, store) == list(range(1, 51))
        # The days from 32 on are refused once, and from then on it is known where to begin.
        statuses = [r.status for r in box.sandbox.requests if r.operation == "create_report"]
        assert statuses == [200, 400, 200]
        if tactic is not None:
            assert {partition.tactic for partition in caught.value.failures} == {tactic}


def test_a_start_refused_without_a_usable_date_costs_one_day_at_a_time(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses(
        "create_report", refused_start(""), refused_start("2026-11-10"), refused_start("2026-19-39")
    )
    with pytest.raises(sda.PartialFetchError) as caught:
        fetch(box, store, 6, 1)
    assert failed_ages(box, caught.value.failures) == [4, 5, 6]
    assert stored_ages(box, store) == [1, 2, 3]
    assert f"has reports from {box.day(3)} on: start there" in str(caught.value)
    assert box.sandbox.count("create_report") == 4


def test_a_start_refused_whatever_it_is_ends_the_call(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("create_report", *[refused_start("")] * 3)
    with pytest.raises(sda.ReportTooOld, match="too far in the past"):
        fetch(box, store, 3, 1)
    assert box.sandbox.count("create_report") == 3
    assert sda.pending(store).empty


def test_a_history_that_begins_after_the_report_refuses_all_of_it(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.script_responses("create_report", refused_start(box.sandbox.today))
    with pytest.raises(sda.ReportTooOld, match=rf"startDate .*reports from {box.day(0)} on"):
        fetch(box, store, 40, 1)
    assert box.sandbox.count("create_report") == 1


def test_another_400_is_no_refused_start(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("create_report", refusal("endDate is before startDate"))
    with pytest.raises(sda.BadRequest):
        fetch(box, store, 3, 1)
    assert box.sandbox.count("create_report") == 1


def test_days_in_flight_of_the_same_report_arrive_though_others_are_refused(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, v3_history_days=50, delay=100.0)
    with box.sandbox:
        with pytest.raises(sda.ReportTimeout):
            fetch(box, store, 48, 46, timeout=45)
        with pytest.raises(sda.PartialFetchError) as caught:
            fetch(box, store, 55, 40)
        assert failed_ages(box, caught.value.failures) == list(range(51, 56))
        assert stored_ages(box, store) == list(range(40, 51))
        assert sorted(store.entries()["report_id"].value_counts()) == [6, 16]
