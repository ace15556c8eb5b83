"""Reports of version 3 that stay PENDING for days: said, cancelled, and requested anew."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report, submit_report
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

HOUR = 3600.0


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[Box]:
    box_on_clock = Box(clock, delay=100.0)
    with box_on_clock.sandbox:
        yield box_on_clock


@pytest.fixture
def other_store(tmp_path: Path) -> ReportCache:
    """A store whose registry does not know the report, so that a 425 has to name it."""
    return ReportCache(tmp_path / "other")


def fetch(box: Box, store: ReportCache, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"metrics": ["clicks", "cost"], "client": box.client_for(0, "v3")}
    given |= options
    return fetch_report("campaigns", "2026-11-14", "2026-11-15", cache=store, **given)


def leave_stuck(box: Box, store: ReportCache, hours: float) -> str:
    """Leave a report behind that stays PENDING; return its id."""
    with pytest.raises(sda.ReportTimeout) as caught:
        fetch(box, store, timeout=45)
    [report_id] = caught.value.report_ids
    box.sandbox.keep_pending(report_id)
    box.clock.pass_time(hours * HOUR)
    return report_id


def script(box: Box, operation: str, status: int, document: object, **more: Any) -> None:
    headers = {"Content-Type": "application/json"} | more.pop("headers", {})
    response = ScriptedResponse(status, json.dumps(document), headers, **more)
    box.sandbox.script_responses(operation, response)


def deletes(box: Box) -> list[tuple[str, int]]:
    found = [r for r in box.sandbox.requests if r.operation == "delete_report"]
    return [(r.path.rpartition("/")[2], r.status) for r in found]


@pytest.mark.parametrize("hours", [5, 30])  # resumed, and too old for that: named by a 425
def test_a_stuck_report_is_cancelled_and_requested_anew(
    box: Box, store: ReportCache, hours: float
) -> None:
    stuck = leave_stuck(box, store, hours)
    began = box.clock.monotonic()
    frame = fetch(box, store)
    assert frame["date"].nunique() == 2
    assert deletes(box) == [(stuck, 200)]
    assert len(box.sandbox.reports) == 2
    assert 60 <= box.clock.monotonic() - began < 500
    assert stuck not in set(store.entries()["report_id"])
    assert sda.pending(store).empty


def test_a_stuck_report_that_a_425_names(
    box: Box, store: ReportCache, other_store: ReportCache
) -> None:
    stuck = leave_stuck(box, store, 50)
    fetch(box, other_store)
    creates = [r.status for r in box.sandbox.requests if r.operation == "create_report"]
    assert creates == [200, 425, 200]
    assert deletes(box) == [(stuck, 200)]


@pytest.mark.parametrize(("hours", "is_said"), [(2.9, False), (3.9, True), (100, True)])
def test_the_deadline_says_since_when_a_report_is_pending(
    box: Box, store: ReportCache, other_store: ReportCache, hours: float, is_said: bool
) -> None:
    stuck = leave_stuck(box, store, hours)
    since = f"{box.sandbox.reports[stuck].created:%Y-%m-%d %H:%M} UTC"
    with pytest.raises(sda.ReportTimeout) as caught:
        fetch(box, other_store, timeout=50)
    assert caught.value.report_ids == (stuck,)
    assert (f"Report {stuck} has been pending since {since}" in str(caught.value)) is is_said
    assert deletes(box) == []  # it was not seen for a minute


@pytest.mark.parametrize("hours", [0.5, 3.5])
def test_a_report_that_may_still_be_built_is_left_alone(
    box: Box, store: ReportCache, hours: float
) -> None:
    leave_stuck(box, store, hours)
    with pytest.raises(sda.ReportTimeout):
        fetch(box, store, timeout=600)
    assert deletes(box) == []


def test_a_report_that_is_being_built_is_left_alone(box: Box, store: ReportCache) -> None:
    stuck = leave_stuck(box, store, 6)
    report = box.sandbox.reports[stuck]
    report.asked_at, report.ready_at = -1e9, box.clock.monotonic() + 500  # PROCESSING
    assert len(fetch(box, store))
    assert deletes(box) == []
    assert set(store.entries()["report_id"]) == {stuck}


def test_the_service_knows_what_time_it_is(box: Box, store: ReportCache) -> None:
    """This machine's clock is a day ahead: by the service's, the report is young."""
    leave_stuck(box, store, 6)
    document = next(iter(box.sandbox.reports.values()))
    young = {"Date": format_datetime(document.created, usegmt=True)}
    box.sandbox.script_responses(
        "get_report", *[ScriptedResponse(None, headers=young) for _ in range(100)]
    )
    with pytest.raises(sda.ReportTimeout) as caught:
        fetch(box, store, timeout=900)
    assert deletes(box) == []
    assert "pending since" not in str(caught.value)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_this_machine_does(box: Box, store: ReportCache, date: str) -> None:
    stuck = leave_stuck(box, store, 6)
    odd = [ScriptedResponse(None, headers={"Date": date}) for _ in range(100)]
    box.sandbox.script_responses("get_report", *odd)
    fetch(box, store)
    assert deletes(box) == [(stuck, 200)]


@pytest.mark.parametrize("status", [400, 500])
def test_a_report_that_cannot_be_cancelled_is_waited_for(
    box: Box, store: ReportCache, status: int
) -> None:
    stuck = leave_stuck(box, store, 6)
    for _ in range(9):
        script(box, "delete_report", status, {"code": str(status), "detail": "not now"})
    with pytest.raises(sda.ReportTimeout, match=f"{stuck} has been pending .*not be cancelled"):
        fetch(box, store, timeout=1200)
    assert len(box.sandbox.reports) == 1
    box.sandbox.reports[stuck].ready_at = 0.0
    assert len(fetch(box, store))


def test_a_report_that_another_call_has_just_cancelled(box: Box, store: ReportCache) -> None:
    leave_stuck(box, store, 6)
    script(box, "delete_report", 404, {"code": "404", "detail": "no such report"}, stage="done")
    assert len(fetch(box, store))
    assert len(box.sandbox.reports) == 2


def test_a_report_that_the_service_goes_on_building_is_waited_for(
    box: Box, store: ReportCache
) -> None:
    """The cancellation is accepted, and the next create is answered with the same report."""
    stuck = leave_stuck(box, store, 6)
    script(box, "delete_report", 200, {"reportId": stuck, "status": "CANCELLED"})
    with pytest.raises(sda.ReportTimeout) as caught:
        fetch(box, store, timeout=1200)
    assert f"{stuck} has been pending" in str(caught.value)
    assert "it was cancelled, but the service goes on" in str(caught.value)
    assert caught.value.report_ids == (stuck,)
    assert len(deletes(box)) == 1
    assert box.sandbox.count("create_report") == 2


def script_duplicates(box: Box, report_id: str, count: int) -> None:
    detail = f"The Request is a duplicate of : {report_id}"
    for _ in range(count):
        script(box, "create_report", 425, {"code": "425", "detail": detail})


def test_a_cancelled_report_that_a_425_names_for_a_while(box: Box, store: ReportCache) -> None:
    stuck = leave_stuck(box, store, 6)
    script_duplicates(box, stuck, 3)
    assert len(fetch(box, store))
    assert len(deletes(box)) == 1
    assert len(box.sandbox.reports) == 2


def test_a_cancelled_report_that_a_425_names_for_ever(box: Box, store: ReportCache) -> None:
    stuck = leave_stuck(box, store, 6)
    script_duplicates(box, stuck, 100)
    with pytest.raises(sda.ReportTimeout, match=f"{stuck} has been pending .*goes on answering"):
        fetch(box, store, timeout=HOUR)
    assert box.sandbox.count("create_report") <= 61
    assert len(deletes(box)) == 1


def test_a_report_of_the_call_itself_is_waited_for(box: Box, store: ReportCache) -> None:
    box.sandbox.set_content(lambda report: setattr(report, "ready_at", math.inf))
    with pytest.raises(sda.ReportTimeout, match="has been pending since"):
        fetch(box, store, timeout=10 * HOUR)
    assert deletes(box) == []


def test_calls_that_wait_for_the_same_report_all_get_their_days(
    box: Box, store: ReportCache
) -> None:
    """Each has resumed other days of it: one cancels it, the other finds that it is gone."""
    client = box.client_for(0, "v3")
    given: dict[str, Any] = {"metrics": ["cost"], "client": client, "cache": store}
    with pytest.raises(sda.ReportTimeout) as caught:
        fetch_report("campaigns", box.day(8), box.day(5), timeout=45, **given)
    [stuck] = caught.value.report_ids
    box.sandbox.keep_pending(stuck)
    box.clock.pass_time(7 * HOUR)
    jobs = [
        submit_report("campaigns", box.day(first), box.day(first - 1), **given) for first in (8, 6)
    ]
    for job in jobs:
        assert job.result()["date"].nunique() == 2
    assert (stuck, 200) in deletes(box)
    assert len(box.sandbox.reports) == 3
    assert sda.pending(store).empty
