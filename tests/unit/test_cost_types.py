"""Results by cost type: which count, and what is said of rows that have none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics.widgets.result_view import ResultView
from tests.support.figures import text_below
from tests.support.rows import small
from tests.support.samples import sample_frame

MIXED: dict[str, list[Any]] = {
    "campaignName": ["a", "b", "c", "d"],
    "costType": ["CPC", "vCPM", "VCPM", None],
    "impressions": [1000, 8000, 2000, 500],
    "viewImpressions": [600, 4000, 1000, 300],
    "clicks": [20, 40, 10, 10],
    "cost": [30.0, 40.0, 20.0, 10.0],
    "attributedConversions14d": [3, 2, 1, 1],
    "viewAttributedConversions14d": [5, 6, 4, 9],
    "attributedSales14d": [90.0, 40.0, 20.0, 10.0],
    "viewAttributedSales14d": [150.0, 120.0, 80.0, 270.0],
    "attributedOrdersNewToBrand14d": [1, 1, 0, 0],
    "viewAttributedOrdersNewToBrand14d": [2, 3, 1, 5],
}
NOTE = {"rows": 1, "of_rows": 4, "cost_share": 0.1}
CAPTION = "1 of 4 rows have no costType (10.0% of the cost): counted by click"


@pytest.fixture
def mixed() -> pd.DataFrame:
    frame = small(**MIXED)
    counts = [name for name in frame if frame[name].dtype == "int64"]
    frame = frame.astype(dict.fromkeys(counts, "Int64"))
    frame.attrs["sdanalytics"] = {"record_type": "targets", "currency": "USD"}
    return frame


@pytest.mark.filterwarnings("ignore::sdanalytics.CostTypeWarning")
def test_rates_say_what_their_names_mean_for_either_cost_type(mixed: pd.DataFrame) -> None:
    by_name = sda.summarize(mixed, "campaignName").set_index("campaignName")
    assert by_name["orders"].tolist() == [3, 6, 4, 1]
    assert by_name["sales"].tolist() == [90.0, 120.0, 80.0, 10.0]
    assert by_name["cvr"].tolist() == [0.15, 0.05, 0.1, 0.1]  # after a click, whatever is charged
    assert by_name["purchase_rate"].round(6).tolist()[1:3] == [1.5, 4.0]
    assert by_name["purchase_rate"].isna().tolist() == [True, False, False, True]
    assert by_name["click_roas"].tolist() == [3.0, 1.0, 1.0, 1.0]
    assert by_name["ntb_cpa"].round(6).tolist()[:3] == [30.0, 13.333333, 20.0]
    (whole,) = sda.summarize(mixed).to_dict("records")
    assert whole["cvr"] == 7 / 80
    assert whole["purchase_rate"] == 1000 * 10 / 5000
    assert whole["acos"] == 100 / 300
    assert sda.add_kpis(mixed)["purchase_rate"].equals(
        by_name["purchase_rate"].reset_index(drop=True)
    )


@pytest.mark.parametrize("spelling", ["VCPM", "vcpm", "vCPM"])
def test_the_cost_type_counts_in_any_spelling(mixed: pd.DataFrame, spelling: str) -> None:
    frame = mixed.assign(costType=spelling)
    for kind in ("str", "category", "object"):
        rows = frame.astype({"costType": kind})
        assert sda.summarize(rows)["orders"].tolist() == [24]
        assert sda.add_kpis(rows)["sales"].tolist() == MIXED["viewAttributedSales14d"]


def test_halo_results_go_by_cost_type() -> None:
    asins = small(
        asin=["A", "A", "B"],
        otherAsin=["B", "C", "C"],
        costType=["CPC", "VCPM", "VCPM"],
        attributedSales14dOtherSKU=[10.0, 20.0, 30.0],
        viewAttributedSales14dOtherSKU=[100.0, 200.0, 300.0],
        attributedConversions14dOtherSKU=[1, 2, 3],
        viewAttributedConversions14dOtherSKU=[4, 5, 6],
        attributedUnitsOrdered14dOtherSKU=[1, 2, 4],
        viewAttributedUnitsOrdered14dOtherSKU=[5, 6, 7],
    )
    (whole,) = sda.summarize(asins).to_dict("records")
    assert (whole["halo_sales"], whole["halo_orders"], whole["halo_units"]) == (510.0, 12, 14)
    cells = sda.plots.halo(asins).images[0].get_array()
    assert cells is not None
    assert cells.sum() == 510.0
    axes = sda.plots.top(asins, "halo_sales", by="asin")
    assert [bar.get_width() for bar in axes.patches] == [300.0, 210.0]  # type: ignore[attr-defined]


CALLS: list[Callable[[pd.DataFrame], Any]] = [
    sda.add_kpis,
    lambda df: sda.summarize(df, "campaignName", "W", total=True),
    lambda df: sda.summarize(sda.summarize(df.assign(tactic="T00020", currency="USD"), "tactic")),
    lambda df: sda.plots.trend(df, "acos", by="campaignName", n=2),
    lambda df: sda.plots.top(df, "cost", dot="sales"),
    lambda df: sda.plots.efficiency(df),
    lambda df: sda.plots.calendar(df, "orders"),
    lambda df: sda.plots.funnel(df),
]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_warns_of_rows_without_a_cost_type(
    mixed: pd.DataFrame, call: Callable[[pd.DataFrame], Any]
) -> None:
    for _ in range(2):  # from the same line, as in a loop or in a cell that is run again
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            call(mixed)
        texts = {str(warning.message) for warning in caught}
        assert len(texts) == 1
        assert texts.pop().startswith("1 of 4 rows have no costType (10.0% of the cost): their")
        assert issubclass(caught[0].category, sda.CostTypeWarning)
        assert issubclass(sda.CostTypeWarning, UserWarning)


def test_a_line_that_is_run_again_warns_again(mixed: pd.DataFrame) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")  # Python's own: once for each line
        for _ in range(3):
            sda.summarize(mixed)
    assert [warning.filename for warning in caught] == [__file__] * 3


@pytest.mark.filterwarnings("ignore::sdanalytics.CostTypeWarning")
def test_metadata_tell_how_many_rows_and_how_much_of_the_cost(mixed: pd.DataFrame) -> None:
    by_name = sda.summarize(mixed, "campaignName")
    for frame in (sda.add_kpis(mixed), by_name, sda.summarize(by_name)):
        assert frame.attrs["sdanalytics"]["without_cost_type"] == NOTE
    without = sda.summarize(mixed.drop(columns=["costType", "cost"]))
    note = {"rows": 4, "of_rows": 4, "cost_share": None}
    assert without.attrs["sdanalytics"]["without_cost_type"] == note
    known = sda.summarize(mixed.dropna(subset="costType"))
    assert "without_cost_type" not in known.attrs["sdanalytics"]


@pytest.mark.filterwarnings("ignore::sdanalytics.CostTypeWarning")
def test_figures_say_it_below(mixed: pd.DataFrame) -> None:
    for draw in (sda.plots.trend, sda.plots.top, sda.plots.calendar):
        assert CAPTION in text_below(draw(mixed, "sales"))
    assert CAPTION in text_below(sda.plots.funnel(mixed))
    assert CAPTION in text_below(sda.plots.efficiency(mixed))
    assert CAPTION in text_below(sda.plots.trend(sda.summarize(mixed, freq="D"), "acos"))


@pytest.mark.parametrize("metric", ["cost", "clicks", "cvr", "ctr", "attributedSales14d"])
def test_metrics_that_do_not_depend_on_the_cost_type_need_no_warning(
    mixed: pd.DataFrame, metric: str
) -> None:
    caption = text_below(sda.plots.top(mixed, metric))  # a warning would be an error here
    assert "costType" not in caption
    sda.summarize(mixed[["date", "campaignName", "cost", "clicks"]])
    sda.compare(
        mixed.assign(date=pd.to_datetime(["2026-11-01", "2026-11-02"] * 2)),
        ("2026-11-01", "2026-11-01"), ("2026-11-02", "2026-11-02"), metrics=[metric],
    )  # fmt: skip


def test_a_total_row_does_not_count_as_a_row_without_a_cost_type(mixed: pd.DataFrame) -> None:
    known = mixed.dropna(subset="costType")
    summary = sda.summarize(known, ["campaignName", "costType"], total=True)
    assert "costType" not in text_below(sda.plots.top(summary, "sales"))
    sda.summarize(summary)


def test_the_picker_shows_the_warning_and_swallows_none(mixed: pd.DataFrame) -> None:
    targets = sample_frame("targets", 2, 2).drop(columns="costType", errors="ignore")
    view = ResultView()
    view.show(targets)
    assert "rows have no costType" in view.notes.value
    with pytest.warns(sda.CostTypeWarning):
        sda.summarize(targets, "targetId")
    with pytest.warns(sda.CostTypeWarning):
        sda.compare(
            mixed.assign(date=pd.to_datetime(["2026-11-01", "2026-11-02"] * 2)),
            ("2026-11-01", "2026-11-01"), ("2026-11-02", "2026-11-02"),
        )  # fmt: skip
