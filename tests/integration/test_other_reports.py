"""What the service says of a report is compared with what was asked of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.caller import Caller

pytestmark = pytest.mark.off_contract
Document = dict[str, Any]


def fetch(box: Box, store: ReportCache, api: str, **settings: Any) -> Any:
    return fetch_report(
        "campaigns", box.day(3), box.day(1), metrics=["clicks", "cost"],
        client=box.client_for(0, api), cache=store, **settings,
    )  # fmt: skip


def failures(error: sda.SDAnalyticsError) -> list[BaseException]:
    return list(error.failures.values()) if isinstance(error, sda.PartialFetchError) else [error]


def test_one_id_for_several_reports_is_refused(box: Box, store: ReportCache) -> None:
    """A proxy answers all creates with the first response that it has seen."""
    fetch_report("campaigns", box.day(9), client=box.client, cache=False, tactic="T00020")
    [replayed] = box.sandbox.reports
    body = json.dumps({"reportId": replayed, "recordType": "campaigns", "status": "IN_PROGRESS"})
    box.sandbox.script_responses("request_report", *[ScriptedResponse(202, body)] * 12)
    with pytest.raises(sda.SDAnalyticsError) as caught:
        fetch(box, store, "v2")
    found = failures(caught.value)
    assert len(found) == 5  # whose report it is cannot be known of the first one
    for error in found:
        assert isinstance(error, sda.CorruptReport)
        assert replayed in str(error)
        assert "which is that of campaigns" in str(error)
    assert len(store.entries()) == 1


def test_the_id_of_a_stored_day_is_refused_for_another(box: Box, store: ReportCache) -> None:
    fetch_report("campaigns", box.day(3), client=box.client, cache=store, tactic="T00020")
    [replayed] = box.sandbox.reports
    before = store.read("campaigns", box.day(3))
    body = json.dumps({"reportId": replayed})
    box.sandbox.script_responses("request_report", *[ScriptedResponse(202, body)] * 12)
    with pytest.raises(sda.SDAnalyticsError, match=replayed):
        fetch(box, store, "v2", tactic="T00020")
    assert len(store.entries()) == 1
    assert store.read("campaigns", box.day(3)).equals(before)


@pytest.mark.parametrize("received", ["AD_GROUP", "targets", "PRODUCT_ADS"])
def test_another_record_type_is_refused(box: Box, store: ReportCache, received: str) -> None:
    body = json.dumps({"reportId": "amzn1.x", "recordType": received, "status": "IN_PROGRESS"})
    box.sandbox.script_responses("request_report", *[ScriptedResponse(202, body)] * 12)
    with pytest.raises(sda.SDAnalyticsError, match=received):
        fetch(box, store, "v2")


def clamp_start(document: Document) -> None:
    document["startDate"] = document["endDate"]


def clamp_end(document: Document) -> None:
    document["endDate"] = document["startDate"]


def drop_column(document: Document) -> None:
    document["configuration"]["columns"].remove("clicks")


def change_type(document: Document) -> None:
    document["configuration"]["reportTypeId"] = "sdTargeting"


def change_group(document: Document) -> None:
    document["configuration"]["groupBy"] = ["matchedTarget"]


def sum_up(document: Document) -> None:
    document["configuration"]["timeUnit"] = "SUMMARY"


def drop_link(document: Document) -> None:
    document["url"] = None


def empty_link(document: Document) -> None:
    document["url"] = ""


def drop_link_field(document: Document) -> None:
    del document["url"]


CHANGES = [
    clamp_start, clamp_end, drop_column, change_type, change_group, sum_up, drop_link,
    empty_link, drop_link_field,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_another_report_of_version_3_is_never_a_day_without_rows(
    box: Box, store: ReportCache, change: Callable[[Document], None]
) -> None:
    with pytest.raises(sda.ReportTimeout):
        fetch(box, store, "v3", timeout=box.sandbox.settings.delay / 2)
    [report_id] = box.sandbox.reports
    box.clock.pass_time(box.sandbox.settings.delay)
    document = Caller(box).get(report_id).json()
    assert document["fileSize"] > 100
    change(document)
    response = ScriptedResponse(200, json.dumps(document))
    box.sandbox.script_responses("get_report", *[response] * 3)
    frame = fetch(box, store, "v3")
    assert box.sandbox.count("create_report") == 2  # the first one is no report
    assert set(store.entries()["report_id"]) == set(box.sandbox.reports) - {report_id}
    assert frame.equals(fetch(box, ReportCache(store.path.with_name("other")), "v3"))
    assert frame["date"].nunique() == 3


def test_a_report_without_rows_has_no_address(box: Box, store: ReportCache) -> None:
    box.sandbox.set_content(lambda report: [])
    assert fetch(box, store, "v3").empty
    assert (store.entries()["rows"] == 0).all()
