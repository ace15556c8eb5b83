"""Words of the field that are asked for as metrics are answered, not guessed at."""

from __future__ import annotations

from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS, required_metrics
from sdanalytics.model.metric_synonyms import COMPUTED_METRICS
from sdanalytics.model.metrics import RECORD_TYPES
from sdanalytics.model.query import ReportQuery
from tests.support.samples import sample_frame

BY_VIEW = {"costType", *(by_view for _, by_view in CONVERSION_METRICS.values())}


def answer(name: str, record_type: Any = "campaigns") -> str:
    with pytest.raises(InvalidRequest) as caught:
        ReportQuery.parse(record_type, "2026-11-01", metrics=[name])
    return str(caught.value)


def test_all_that_is_computed_is_known() -> None:
    assert {*COMPUTED_METRICS} == {*KPIS, *CONVERSION_METRICS}
    for name, needed in COMPUTED_METRICS.items():
        required = required_metrics(name)
        by_click = [metric for metric in required if metric not in BY_VIEW]
        assert [*needed] == (required if name == "purchase_rate" else by_click), name


@pytest.mark.parametrize("name", [*COMPUTED_METRICS, "ACOS", "CTR", "NTB-Orders", "Sales"])
def test_kpis_are_computed_after_fetching(name: str) -> None:
    message = answer(name, "asins" if name.startswith("halo") else "campaigns")
    assert "computed" in message
    assert "after fetching: the default metrics (without metrics=) are all that" in message
    assert "did you mean" not in message


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@pytest.mark.filterwarnings("ignore::sdanalytics.CostTypeWarning")
def test_the_answer_is_true_of_the_default_metrics(record_type: Any) -> None:
    summary = sda.summarize(sample_frame(record_type, 2, 2))
    for name in COMPUTED_METRICS:
        message = answer(name, record_type)
        assert ("the default metrics" in message) == (name in summary), message
        assert (f"from other reports than {record_type}: " in message) == (name not in summary)


def test_reports_without_cost_have_no_kpis() -> None:
    message = answer("acos", "asins")
    assert message.endswith("reports than asins: campaigns, adGroups, productAds, targets")


@pytest.mark.parametrize(
    ("word", "kpi"),
    [
        ("conversions", "orders"), ("revenue", "sales"), ("conversion rate", "cvr"),
        ("CPM", "vcpm"), ("Click-Through Rate", "ctr"), ("newToBrandOrders", "ntb_orders"),
        ("dpv", "page_views"),
    ],
)  # fmt: skip
def test_other_words_for_kpis_name_them(word: str, kpi: str) -> None:
    assert f"is computed, as {kpi!r}, after fetching" in answer(word)


@pytest.mark.parametrize(
    ("word", "metric"),
    [
        ("spend", "cost"), ("Spend", "cost"), ("ad_spend", "cost"), ("imps", "impressions"),
        ("budget", "campaignBudget"), ("viewable impressions", "viewImpressions"),
        ("state", "campaignStatus"),
    ],
)  # fmt: skip
def test_other_words_for_metrics_name_them(word: str, metric: str) -> None:
    assert f"{word!r} is {metric!r} here: use that" in answer(word)


def test_a_word_for_a_metric_that_the_report_lacks_says_both() -> None:
    message = answer("spend", "asins")
    assert "'spend' is 'cost' here: use that; 'cost' is not available for asins" in message


def test_names_of_version_3_are_told_from_kpis() -> None:
    assert "'sales' is also the version 3 name of 'viewAttributedSales14d'" in answer("sales")
    assert "'purchases' is the version 3 name of 'viewAttributedConversions14d'" in answer(
        "purchases"
    )


@pytest.mark.parametrize(("word", "name"), [("spend", "cost"), ("Revenue", "sales")])
def test_figures_and_summaries_know_the_words_too(word: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"it is '{name}' here"):
        sda.plots.top(sample_frame("campaigns", 2, 2), word)
