"""Metrics that the service refuses: default ones are left out and said, named ones are errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import DataWarning, ReportCache, fetch_report, sandbox, submit_report
from sdanalytics.model.metrics import CATALOGUE, default_metrics
from sdanalytics.sandbox import ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock

X = "attributedDetailPageView14d"
Y = "viewAttributedSales14d"
CREATES = {"v2": "request_report", "v3": "create_report"}


class RefusingBox(Box):
    """A sandbox that refuses what is in the set `refused`; its numbers stay as the clock jumps."""

    def __init__(self, clock: JumpingClock) -> None:
        self.clock = clock
        self.refused: set[str] = set()
        moment = clock.now()
        self.sandbox = sandbox.start(
            now=lambda: moment, monotonic=clock.monotonic, delay=100.0, refused_metrics=self.refused
        )


@pytest.fixture
def box(clock: JumpingClock) -> Iterator[RefusingBox]:
    refusing = RefusingBox(clock)
    with refusing.sandbox:
        yield refusing


@pytest.fixture(params=["v2", "v3"])
def api(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def fetch(box: Box, api: str, store: ReportCache | None, ago: int = 1, **options: Any) -> Any:
    given: dict[str, Any] = {"client": box.client_for(0, api), "cache": store or False}
    given |= options
    last = given.pop("last", ago)
    return fetch_report(given.pop("record_type", "campaigns"), box.day(ago), box.day(last), **given)


def statuses(box: Box, api: str) -> list[int]:
    return [r.status for r in box.sandbox.requests if r.operation == CREATES[api]]


def refused_creates(box: Box, api: str) -> int:
    return sum(status >= 400 for status in statuses(box, api))


def test_a_default_metric_is_left_out_with_one_warning(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    everything = fetch(box, api, None, 3, last=1)
    before = len(statuses(box, api))
    box.refused.update([X, Y])
    with pytest.warns(DataWarning, match=f"refuses metrics.*{X}, {Y}") as caught:
        frame = fetch(box, api, store, 3, last=1)
    assert [warning.filename for warning in caught] == [__file__]
    assert frame.columns.tolist() == everything.columns.tolist()
    pd.testing.assert_series_equal(frame.dtypes, everything.dtypes)
    assert frame[[X, Y]].isna().all().all()
    others = frame.columns.difference([X, Y])
    pd.testing.assert_frame_equal(frame[others], everything[others])
    assert frame.attrs["sdanalytics"]["refused_metrics"] == [X, Y]
    assert frame.attrs["sdanalytics"]["days_fetched"] == 3
    # Both are named at once, and no other report of the call is refused.
    assert statuses(box, api)[before:].count(200 if api == "v3" else 202) == {"v2": 6, "v3": 1}[api]
    assert refused_creates(box, api) == 1
    assert sda.pending(store).empty


def test_a_day_without_a_refused_metric_does_not_claim_to_have_it(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X):
        fetch(box, api, store)
    assert all(X not in columns for columns in store.entries()["columns"])
    # A second call needs no report, and says what is missing.
    requests = len(box.sandbox.requests)
    with pytest.warns(DataWarning, match=rf"missing are {X} \({box.day(1)}\)") as caught:
        again = fetch(box, api, store)
    assert len(caught) == 1
    assert len(box.sandbox.requests) == requests
    assert again.attrs["sdanalytics"]["refused_metrics"] == [X]
    plan = sda.plan_report("campaigns", box.day(1), client=box.client_for(0, api), cache=store)
    assert plan.reports == 0
    # Once the metric works again, it comes with the next fetch of the day, or when it is named.
    box.refused.clear()
    named = fetch(box, api, store, metrics=["cost", X])
    assert named[X].notna().all()
    assert named.attrs["sdanalytics"]["refused_metrics"] == []
    assert all(X in columns for columns in store.entries()["columns"])
    fetch(box, api, store)


def test_a_refused_metric_is_asked_for_again_when_its_day_is_fetched_again(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X):
        fetch(box, api, store)
    box.refused.clear()
    frame = fetch(box, api, store, refresh="always")
    assert frame[X].notna().all()
    assert refused_creates(box, api) == 1


def test_metrics_that_are_refused_one_after_another(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    names = [X, Y, "attributedSales14d"]
    for name in names:
        box.sandbox.script_responses(CREATES[api], refusal(api, name))
    with pytest.warns(DataWarning, match=", ".join(sorted(names))) as caught:
        frame = fetch(box, api, store, 2, last=1)
    assert len(caught) == 1
    assert frame[names].isna().all().all()
    assert statuses(box, api)[:3] == [400, 400, 400]
    assert refused_creates(box, api) == 3


def refusal(api: str, name: str, text: str = "") -> ScriptedResponse:
    sent = str(CATALOGUE[name].v3_name) if api == "v3" and name in CATALOGUE else name
    text = text or "configuration columns include invalid value: ({})"
    body = json.dumps({"code": "400", "detail" + "s" * (api == "v2"): text.format(sent)})
    return ScriptedResponse(400, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "text",
    [
        "Metric {} is not supported",
        "The following metrics are not supported: {}",
        "Invalid metrics: {}",
        "Invalid column '{}'. Allowed values: cost, clicks, impressions, campaignName",
        "configuration columns includes invalid values: ({}). Allowed values: (cost, clicks)",
        "configuration columns include invalid value: ({}, unheardOf)",
    ],
)
def test_other_words_for_it_are_understood(
    box: RefusingBox, store: ReportCache, api: str, text: str
) -> None:
    box.sandbox.script_responses(CREATES[api], refusal(api, X, text))
    with pytest.warns(DataWarning, match=X) as caught:
        frame = fetch(box, api, store, tactic="T00020")
    assert "cost" not in str(caught[0].message)
    assert frame[X].isna().all()
    assert frame["cost"].notna().all()


@pytest.mark.parametrize(
    "text",
    [
        "Tactic T00020 is not supported for report API in marketplace A1C3SOZRARQ6R3.",
        "configuration startDate and endDate are not supported columns for DAILY time unit. "
        "Please use date instead.",
        "configuration reportTypeId is unknown or invalid",
        "configuration columns include invalid value: (date)",
        "Supported metrics are cost, clicks and impressions",
        "the cost of this request is too high",
        "",
    ],
)
def test_errors_that_name_no_metric_are_raised(
    box: RefusingBox, store: ReportCache, api: str, text: str
) -> None:
    box.sandbox.script_responses(CREATES[api], refusal(api, "", text or " "))
    with pytest.raises(sda.BadRequest):
        fetch(box, api, store, tactic="T00020")
    assert len(statuses(box, api)) == 1


@pytest.mark.parametrize("last", [1, 40])
def test_a_metric_that_the_user_named_is_an_error(
    box: RefusingBox, store: ReportCache, api: str, last: int
) -> None:
    box.refused.update([X, Y])
    error = sda.InvalidReport if api == "v2" else sda.BadRequest
    with pytest.raises(
        error, match=f"refuses {X}: leave it out of metrics=.*failed with"
    ) as caught:
        fetch(box, api, store, last, last=1, metrics=["cost", X])
    assert caught.value.status in (400, 422)
    assert len(statuses(box, api)) == 1  # other reports are not requested in vain
    assert store.entries().empty
    assert sda.pending(store).empty


def test_a_named_metric_is_asked_for_though_it_was_refused(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X):
        fetch(box, api, store)
    with pytest.raises(sda.errors.ApiError, match=f"{X}: leave it out"):
        fetch(box, api, store, metrics=[X])
    assert refused_creates(box, api) == 2
    with pytest.warns(DataWarning, match=X):  # and the day is as it was
        fetch(box, api, store, refresh="never")


def test_an_identity_column_is_an_error(box: RefusingBox, store: ReportCache, api: str) -> None:
    box.refused.update([X, "campaignId"])
    with pytest.raises(sda.errors.ApiError, match="refuses campaignId: it identifies the rows"):
        fetch(box, api, store)


def test_all_metrics_refused_is_an_error(box: RefusingBox, store: ReportCache, api: str) -> None:
    box.refused.update(default_metrics("campaigns", None, api))
    with pytest.raises(sda.errors.ApiError, match="nvalid"):
        fetch(box, api, store)
    assert len(statuses(box, api)) <= 3  # the list is cut off


@pytest.mark.parametrize("metrics", [None, ["cost", "clicks"]])
def test_stored_values_of_a_refused_metric_are_kept(
    box: RefusingBox, store: ReportCache, api: str, metrics: list[str] | None
) -> None:
    stored = fetch(box, api, store, metrics=["cost", "clicks", X])
    box.refused.add(X)
    with pytest.warns(DataWarning, match=f"without them: {X}; what is stored of them") as caught:
        again = fetch(box, api, store, metrics=metrics, refresh="always")
    assert len(caught) == 1
    assert refused_creates(box, api) == 1
    assert again.attrs["sdanalytics"]["days_fetched"] == 1
    assert again.attrs["sdanalytics"]["refused_metrics"] == []
    read = store.read("campaigns", box.day(1), metrics=["cost", "clicks", X])
    pd.testing.assert_frame_equal(read, stored)
    if metrics is None:
        assert again[X].notna().all()
    # What is stored is older than the day, so a call that names it asks for it.
    with pytest.raises(sda.errors.ApiError, match=f"refuses {X}"):
        fetch(box, api, store, metrics=[X])
    pd.testing.assert_frame_equal(
        fetch(box, api, store, metrics=[X], refresh="never")[[X]], stored[[X]]
    )
    box.refused.clear()
    assert fetch(box, api, store, metrics=[X]).attrs["sdanalytics"]["days_fetched"] == 1
    assert fetch(box, api, store, metrics=[X]).attrs["sdanalytics"]["days_fetched"] == 0


def test_days_with_and_without_a_metric_are_one_frame(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    everything = fetch(box, api, None, 12, last=1)
    fetch(box, api, store, 12, last=7)
    box.refused.add(X)
    with pytest.warns(DataWarning, match=rf"{X} \(6 days, {box.day(6)} to {box.day(1)}\)"):
        frame = fetch(box, api, store, 12, last=1)
    is_missing = frame["date"] >= box.day(6)
    pd.testing.assert_frame_equal(
        frame.drop(columns=X), everything.drop(columns=X), check_names=True
    )
    pd.testing.assert_series_equal(frame.loc[~is_missing, X], everything.loc[~is_missing, X])
    assert frame.loc[is_missing, X].isna().all()
    store.compact()
    for read in (
        lambda: fetch(box, api, store, 12, last=1),
        lambda: store.read("campaigns", box.day(12), box.day(1)),
        lambda: store.read("campaigns", box.day(12), box.day(1), metrics=["clicks", X]),
    ):
        with pytest.warns(DataWarning, match=rf"{X} \(6 days") as caught:
            found = read()
        assert [warning.filename for warning in caught] == [__file__]
        pd.testing.assert_series_equal(found[X], frame[X])
        assert found.attrs["sdanalytics"]["refused_metrics"] == [X]
    assert len(store.verify()) == 0
    with pytest.raises(sda.InvalidRequest, match=X):
        store.read("campaigns", box.day(3), box.day(1), metrics=[X])


def test_a_report_in_flight_without_a_refused_metric_is_resumed(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X), pytest.raises(sda.ReportTimeout):
        fetch(box, api, store, timeout=45)
    reports = len(box.sandbox.reports)
    with pytest.warns(DataWarning, match=X):
        fetch(box, api, store)
    assert len(box.sandbox.reports) == reports


def test_the_other_version_may_have_the_metric(box: RefusingBox, store: ReportCache) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X):
        fetch(box, "v3", store)
    box.refused.clear()
    assert fetch(box, "v2", store)[X].notna().all()


def test_what_was_refused_is_said_though_the_call_fails(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    with pytest.warns(DataWarning, match=X), pytest.raises(sda.PartialFetchError):
        fetch(box, api, store, 70, last=55)
    assert not store.entries().empty


def test_a_job_says_it_once(box: RefusingBox, store: ReportCache, api: str) -> None:
    box.refused.add(X)
    job = submit_report("campaigns", box.day(1), client=box.client_for(0, api), cache=store)
    with warnings.catch_warnings(record=True, action="always") as caught:
        job.result()
        job.result()
    assert [(w.filename, w.category) for w in caught] == [(__file__, DataWarning)]


def test_a_long_list_that_is_cut_off_is_learnt_in_steps(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    names = default_metrics("campaigns", None, api)[1:]
    box.refused.update(names)
    with pytest.warns(DataWarning, match=names[-1]) as caught:
        frame = fetch(box, api, store)
    assert len(caught) == 1
    # The list of campaigns has facts that the service refuses in reports.
    facts = ["campaignStatus", "costType"]
    assert frame[facts].notna().all(axis=None)
    assert frame[list(names)].drop(columns=facts).isna().all(axis=None)
    assert frame["campaignName"].notna().all()
    assert 1 < refused_creates(box, api) < 5


def test_a_picker_without_a_selection_of_its_own_leaves_it_out(
    box: RefusingBox, store: ReportCache, api: str
) -> None:
    box.refused.add(X)
    picker = sda.ReportPicker(box.client_for(0, api), cache=store)
    picker.fetch()
    picker.wait(60)
    assert picker.data is not None
    assert X in picker.result.notes.value  # the warning
    assert picker.data[X].isna().all()
    assert "metrics=" not in picker.code
    picker.close()
