"""The words of refusals, the service's clock, and reports that stay PENDING."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest

from sdanalytics import BadRequest, ReportTooOld
from sdanalytics.api.service_clock import ServiceClock
from sdanalytics.fetch.protocols.pending import PendingReports
from sdanalytics.fetch.protocols.refusals import is_start_refused, refused_names, too_old_error
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from tests.support.clock import JumpingClock

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
START = "startDate (2026-11-01) must be equal to or after report type data retention start date"
ALLOWED = ". Allowed values: (cost, clicks)"


def refusal(details: str) -> BadRequest:
    return BadRequest("no", operation="create_report", status=400, details=details)


@pytest.mark.parametrize(
    ("details", "names"),
    [
        ("configuration columns include invalid value: (sales)", ["sales"]),
        ("configuration columns includes invalid values: (sales, x, cost)", ["sales", "cost"]),
        (f"configuration columns include invalid value: (sales){ALLOWED}", ["sales"]),
        (f"configuration columns include invalid value: (x){ALLOWED}", []),
        ("Invalid metrics: cost,sales", ["cost", "sales"]),
        ("sales is not supported for vendors", ["sales"]),
        ("Metric 'sales' must be one of cost, clicks", ["sales"]),
        ("Metrics must be among cost, clicks", []),
        ("salesClicks is no metric", []),
        ("the cost of this report is too high", []),
        ("", []),
        # Cut off after 300 letters: the last name may be another one.
        ("Invalid metrics: clicks, " + "x, " * 90 + "cost,", ["clicks", "cost"]),
        ("Invalid metrics: clicks, " + "x, " * 90 + " cost", ["clicks"]),
    ],
)
def test_the_refused_columns_are_those_that_the_words_name(details: str, names: list[str]) -> None:
    requested = ["cost", "clicks", "sales"]
    assert refused_names(refusal(details), requested) == names


@pytest.mark.parametrize(
    ("words", "last_day"),
    [
        (f"{START} (2026-11-03)", 2),
        (f"{START} 2026-11-03", 2),
        (START, 1),
        (f"{START} (2026-13-03)", 1),
        (f"{START} (2026-10-03)", 1),
        (f"{START} (2026-12-03)", 5),
    ],
)
def test_the_last_day_that_is_refused(words: str, last_day: int) -> None:
    days = [date(2026, 11, day) for day in range(1, 6)]
    batch = ReportBatch(
        tuple(Partition("NA", "1", "campaigns", None, "T00020", day) for day in days), ("cost",)
    )
    assert is_start_refused(refusal(words))
    error = too_old_error(batch, refusal(words))
    assert isinstance(error, ReportTooOld)
    assert error.last_day == date(2026, 11, last_day)
    assert (error.status, error.operation) == (400, "create_report")


def test_another_error_refuses_no_start() -> None:
    assert not is_start_refused(refusal("endDate is before startDate"))
    assert not is_start_refused(BadRequest("no"))


@pytest.mark.parametrize("ahead", [timedelta(days=-3), timedelta(0), timedelta(hours=2)])
def test_the_clock_of_the_service_is_that_of_its_responses(ahead: timedelta) -> None:
    clock = JumpingClock(NOW)
    service = ServiceClock(clock)
    assert service.now() == NOW
    service.observe({"Date": format_datetime(NOW + ahead, usegmt=True)})
    clock.pass_time(60)
    assert service.now() == NOW + ahead + timedelta(minutes=1)
    for odd in ({}, {"Date": ""}, {"Date": "soon"}, {"Date": "Fri, 99 Nov 2026 18:00:00 GMT"}):
        service.observe(odd)
    assert service.now() == NOW + ahead + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("created", "status", "seconds", "is_overdue", "is_stuck"),
    [
        ("2026-11-20T13:59:00.000Z", "PENDING", 60, True, True),
        ("2026-11-20T13:59:00", "pending", 60, True, True),
        ("2026-11-20T14:59:00+01:00", "PENDING", 60, True, True),
        ("2026-11-20T13:59:00Z", "PENDING", 59, True, False),
        ("2026-11-20T14:30:00Z", "PENDING", 60, True, False),
        ("2026-11-20T15:01:00Z", "PENDING", 60, False, False),
        ("2026-11-18T13:59:00Z", "PROCESSING", 60, False, False),
        (None, "PENDING", 60, False, False),
        (5, "PENDING", 60, False, False),
        ("yesterday", "PENDING", 60, False, False),
    ],
)
def test_how_long_a_report_has_been_pending(
    created: object, status: str, seconds: float, is_overdue: bool, is_stuck: bool
) -> None:
    pending = PendingReports(began=1000.0)
    report = {"reportId": "r", "createdAt": created, "status": status}
    pending.observe(report, NOW - timedelta(seconds=seconds), 1001.0)
    pending.observe(report, NOW, 1001.0 + seconds)
    assert (pending.overdue_since("r") is not None) is is_overdue
    assert pending.is_stuck("r") is is_stuck
    pending.observe(report | {"status": "PROCESSING"}, NOW, 2000.0)
    assert pending.overdue_since("r") is None
    assert not pending.is_stuck("another")
