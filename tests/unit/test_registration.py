"""`metrics.register`: names, kinds and reports of metrics that are newer than a release."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest
from sdanalytics.metrics import CATALOGUE, ColumnKind, available, default_metrics
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.metric_selector import MetricSelector

NAME = "storePageVisits"


@pytest.mark.parametrize(
    ("kind", "dtype", "unit", "is_summable"),
    [
        ("count", "Int64", "count", True),
        ("money", "float64", "currency", True),
        ("ratio", "float64", "ratio", False),
        ("id", "Int64", "identifier", False),
        ("text", "str", "text", False),
        (ColumnKind.CATEGORY, "category", "text", False),
    ],
)
def test_a_registered_metric_is_listed(
    kind: str | ColumnKind, dtype: str, unit: str, is_summable: bool
) -> None:
    sda.metrics.register(NAME, kind, ["campaigns", "productAds"], meaning="Visits of the store")
    row = sda.list_metrics("campaigns", api="v3").set_index("metric").loc[NAME]
    assert (row["dtype"], row["unit"], row["is_summable"]) == (dtype, unit, is_summable)
    assert (row["v3_name"], row["v2"], row["v3"]) == (NAME, False, True)
    assert row["meaning"] == "Visits of the store"
    assert row["reports"] == "campaigns, productAds, campaigns+matchedTarget"
    assert NAME in available("campaigns", "matchedTarget", "v3")
    assert NAME not in available("campaigns", api="v2")
    assert NAME not in available("adGroups", api="v3")
    assert NAME not in default_metrics("campaigns", api="v3")
    assert list(CATALOGUE)[-1] == NAME


def test_a_metric_may_be_of_a_segment_or_of_version_2_only() -> None:
    sda.metrics.register(NAME, "count", "targets+matchedTarget")
    assert NAME in available("targets", "matchedTarget", "v3")
    assert NAME not in available("targets", api="v3")
    sda.metrics.register("oldVisits", "count", "asins", api="v2")
    assert "oldVisits" in available("asins", api="v2")
    assert "oldVisits" not in available("asins", api="v3")


def test_registering_again_is_fine_and_otherwise_an_error() -> None:
    options: dict[str, Any] = {"meaning": "Visits"}
    sda.metrics.register(NAME, "count", ["campaigns", "targets"], **options)
    sda.metrics.register(NAME, ColumnKind.COUNT, ("targets", "campaigns"), **options)
    sda.metrics.register(NAME, "count", {"targets", "campaigns", "campaigns+matchedTarget"},
                         **options)  # fmt: skip
    for kind, reports, changed in (
        ("money", ["campaigns", "targets"], options),
        ("count", ["campaigns"], options),
        ("count", ["campaigns", "targets"], {"meaning": "Views"}),
        ("count", ["campaigns", "targets"], options | {"api": "v2"}),
    ):
        with pytest.raises(InvalidRequest, match="was registered otherwise") as caught:
            sda.metrics.register(NAME, kind, reports, **changed)
        assert "as count of campaigns, targets, campaigns+matchedTarget" in str(caught.value)
    assert CATALOGUE[NAME].kind is ColumnKind.COUNT


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clicks", "'clicks' is a metric already"),
        ("CLICKS", "Amazon's name"),
        ("costtype", "'costType' is a metric already"),
        ("campaignId", "is a metric already"),
        ("otherAsin", "is a metric already"),
        ("purchases", "version 3 name of 'viewAttributedConversions14d': use that"),
        ("asinbrandhalo", "version 3 name of 'otherAsin'"),
        ("roas", "is computed after fetching"),
        ("acos", "is computed after fetching"),
        ("date", "every frame or request"),
        ("tactic", "every frame or request"),
        ("startdate", "'startDate'"),
        ("profile_id", "Amazon's name of a column"),
        ("", "Amazon's name of a column"),
        ("new metric", "Amazon's name of a column"),
        ("newMetric\n", "Amazon's name of a column"),
        ("naïveVisits", "Amazon's name of a column"),
        ("7dVisits", "Amazon's name of a column"),
        ("a,b", "Amazon's name of a column"),
        ("a" * 101, "at most 100 letters, got 101"),
        (None, "got None"),
        (7, "got 7"),
        (["x"], r"got \['x'\]"),
    ],
)
def test_names_that_mean_something_else_are_rejected(name: Any, message: str) -> None:
    before = list(CATALOGUE)
    with pytest.raises(InvalidRequest, match=message):
        sda.metrics.register(name, "count", "campaigns")
    assert list(CATALOGUE) == before


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("integer", "campaigns"), {}, "kind must be one of id, count, money"),
        ((None, "campaigns"), {}, "kind must be one of"),
        (("count", "campaign"), {}, "did you mean 'campaigns'"),
        (("count", ["campaigns", "asins+matchedTarget"]), {}, "record_types must be one of"),
        (("count", []), {}, "must name at least one"),
        (("count", None), {}, "must be names of reports, got None"),
        (("count", [["campaigns"]]), {}, "record_types must be one of"),
        (("count", "campaigns"), {"api": "v4"}, "api must be one of v2, v3"),
        (("count", "campaigns"), {"api": None}, "api must be one of v2, v3"),
        (("count", "campaigns"), {"meaning": 3}, "meaning must be a string"),
    ],
)
def test_other_values_are_rejected(
    arguments: tuple[Any, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        sda.metrics.register(NAME, *arguments, **options)
    assert NAME not in CATALOGUE


def test_a_metric_differs_from_a_registered_one_in_more_than_capitals() -> None:
    sda.metrics.register(NAME, "count", "campaigns")
    with pytest.raises(InvalidRequest, match="'storePageVisits' is"):
        sda.metrics.register("storepagevisits", "count", "campaigns")


def test_queries_take_a_registered_metric_and_suggest_it() -> None:
    sda.metrics.register(NAME, "count", "campaigns")
    query = ReportQuery.parse("campaigns", "2026-11-01", metrics=NAME, api="v3")
    assert query.metrics == (NAME,)
    with pytest.raises(InvalidRequest, match=f"did you mean '{NAME}'"):
        ReportQuery.parse("campaigns", "2026-11-01", metrics="storePageVisit", api="v3")
    with pytest.raises(InvalidRequest, match='version 3 has it \\(api="v3"\\)'):
        ReportQuery.parse("campaigns", "2026-11-01", metrics=NAME, api="v2")


def test_threads_may_register_and_list_at_the_same_time() -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(40):
                sda.metrics.register(f"visits{index}of{number % 4}", "count", "campaigns")
                sda.list_metrics("campaigns")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    registered = [name for name, metric in CATALOGUE.items() if metric.is_registered]
    assert len(registered) == 160


def test_registered_amounts_are_summed_and_drawn() -> None:
    sda.metrics.register(NAME, "count", "campaigns")
    sda.metrics.register("storeSales", "money", "campaigns")
    sda.metrics.register("storeRate", "ratio", "campaigns")
    sda.metrics.register("storeKind", "category", "campaigns")
    days = pd.date_range("2026-11-01", periods=4).as_unit("s")
    frame = pd.DataFrame(
        {
            "date": days, "campaignName": ["a", "b"] * 2, "storeKind": ["x", "y"] * 2,
            "clicks": [1, 2, 3, 4], NAME: [5, 6, 7, 8], "storeSales": [0.5, 1.5, 2.5, 3.5],
            "storeRate": [0.1, 0.2, 0.3, 0.4], "currency": "USD",
        }
    )  # fmt: skip
    frame.attrs["sdanalytics"] = {
        "record_type": "campaigns", "api": "v3", "currency": "USD",
        "restatable_from": "2026-11-03", "arriving_from": "2026-11-03",
        "traffic_restatable_from": None,
    }  # fmt: skip
    summary = sda.summarize(frame, by="campaignName")
    assert summary[NAME].tolist() == [12, 14]
    assert summary["storeSales"].tolist() == [3.0, 5.0]
    assert "storeRate" not in summary
    assert summary["storeKind"].tolist() == ["x", "y"]
    axes = sda.plots.trend(frame, "storeSales")
    assert "storeSales (USD)" in axes.get_ylabel()
    assert axes.lines
    sda.plots.top(frame, NAME, by="campaignName")
    with pytest.raises(InvalidRequest, match="storeRate"):
        sda.plots.top(frame, "storeRate", by="campaignName")


def test_the_picker_offers_a_metric_that_is_registered_later() -> None:
    choice: Any = MetricSelector()
    choice.set_report("campaigns", None, "v3")
    sda.metrics.register(NAME, "count", "campaigns", meaning="Visits of the store")
    choice.set_report("campaigns", None, "v3")
    assert (NAME, NAME, "Visits of the store") in choice.list.options
    choice.value = (NAME,)
    choice.search.value = "visits of the store"
    assert choice.list.shown == [NAME]
    choice.set_report("adGroups", None, "v3")
    assert NAME not in choice.value
    choice.close()
