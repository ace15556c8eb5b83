"""The change of view attribution on 2026-01-01: in metadata, figures and comparisons."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.model.partition import Partition, Provenance
from tests.support.figures import text_below
from tests.support.samples import NOW, SOURCE, US
from tests.support.stores import partitions_in

CAPTION = "view attribution changed on 2026-01-01"
RESULTS = ["attributedSales14d", "viewAttributedSales14d", "attributedConversions14d",
           "viewAttributedConversions14d"]  # fmt: skip
BEFORE, AFTER = ("2025-12-30", "2025-12-31"), ("2026-01-01", "2026-01-02")


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Return a function that stores days from 2025-12-28 to 2026-01-03, and reads them."""
    store = ReportCache(tmp_path / "store")

    def read_days(
        cost_types: Sequence[str] = ("CPC", "VCPM"),
        metrics: Sequence[str] = ("campaignName", "costType", "cost", "clicks", *RESULTS),
        start: str = "2025-12-28",
        end: str = "2026-01-03",
    ) -> pd.DataFrame:
        import pyarrow as pa

        rows = {
            "campaignId": pa.array(range(len(cost_types)), pa.int64()),
            "campaignName": [f"campaign {kind}" for kind in cost_types],
            "costType": list(cost_types),
            "cost": [10.0] * len(cost_types),
            "clicks": pa.array([9] * len(cost_types), pa.int64()),
            "attributedSales14d": [20.0] * len(cost_types),
            "viewAttributedSales14d": [30.0] * len(cost_types),
            "attributedConversions14d": pa.array([2] * len(cost_types), pa.int64()),
            "viewAttributedConversions14d": pa.array([3] * len(cost_types), pa.int64()),
            "allViewsSales": [40.0] * len(cost_types),
            "salesFromViews": [9.0] * len(cost_types),
        }
        for day in pd.date_range("2025-12-28", "2026-01-03"):
            for tactic in ("T00020", "T00030"):
                key = Partition(SOURCE, str(US), "campaigns", None, tactic, day.date())
                tables = {key: pa.table(rows)}
                partitions_in(store).store_report(tables, Provenance("r", NOW, "v3"))
        return store.read("campaigns", start, end, metrics=metrics)

    return read_days


def changed(frame: pd.DataFrame) -> Any:
    return frame.attrs["sdanalytics"]["view_attribution_changed"]


def test_the_metadata_of_frames_across_the_day_say_it(read: Callable[..., pd.DataFrame]) -> None:
    assert changed(read()) == "2026-01-01"
    assert changed(read(end="2025-12-31")) is None
    assert changed(read(start="2026-01-01")) is None
    assert changed(read(start="2025-12-31", end="2026-01-01")) == "2026-01-01"
    assert changed(read(metrics=["costType", "cost", "attributedSales14d"])) is None
    assert changed(read(metrics=["viewAttributedSales14d"])) == "2026-01-01"  # no cost type
    assert changed(read(["CPC", "CPC"])) is None
    assert changed(sda.summarize(read(), by="campaignName")) == "2026-01-01"


def caption(axes: Any) -> str:
    text = str(text_below(axes))
    plt.close("all")
    return text


def test_figures_across_the_day_say_it(read: Callable[..., pd.DataFrame]) -> None:
    frame = read()
    drawn: dict[str, Callable[..., Any]] = {
        "trend": sda.plots.trend, "top": sda.plots.top, "calendar": sda.plots.calendar,
    }  # fmt: skip
    for name, draw in drawn.items():
        for metric in ("viewAttributedSales14d", "sales", "acos", "roas", "cpa"):
            assert CAPTION in caption(draw(frame, metric)), (name, metric)
        for metric in ("attributedSales14d", "cost", "clicks", "cpc"):
            assert CAPTION not in caption(draw(frame, metric)), (name, metric)
        for others in (
            read(end="2025-12-31"), read(["CPC", "CPC"]), frame[frame["costType"] == "CPC"],
        ):  # fmt: skip
            assert CAPTION not in caption(draw(others, "sales")), name
    assert CAPTION in caption(sda.plots.top(frame, "cost", dot="acos"))
    assert CAPTION in caption(sda.plots.efficiency(frame))
    assert CAPTION not in caption(sda.plots.efficiency(frame, metric="clicks", size="cost"))
    assert CAPTION in caption(sda.plots.funnel(frame))
    by_campaign = sda.summarize(frame, by="campaignName")
    assert CAPTION in caption(sda.plots.top(by_campaign, "acos"))
    assert CAPTION not in caption(sda.plots.top(by_campaign, "cost"))
    by_day = sda.summarize(frame, freq="D")
    assert "costType" not in by_day
    assert CAPTION in caption(sda.plots.trend(by_day, "acos"))
    by_month = sda.summarize(frame, freq="MS")
    assert CAPTION in caption(sda.plots.trend(by_month, "sales"))
    of_cpc = sda.summarize(read(["CPC", "CPC"]), freq="D")
    assert CAPTION not in caption(sda.plots.trend(of_cpc, "acos"))


def test_frames_without_metadata_or_cost_type(read: Callable[..., pd.DataFrame]) -> None:
    bare = read().drop(columns="costType")
    bare.attrs = {}
    bare["currency"] = "USD"
    assert CAPTION in caption(sda.plots.trend(bare, "viewAttributedSales14d"))
    with pytest.warns(sda.CostTypeWarning):  # by click, for lack of the type
        assert CAPTION not in caption(sda.plots.trend(bare, "sales"))


def test_periods_on_different_sides_are_warned_of_once_at_the_users_line(
    read: Callable[..., pd.DataFrame],
) -> None:
    frame = read()
    with pytest.warns(sda.PeriodWarning) as caught:
        result = sda.compare(frame, BEFORE, AFTER, raw=True)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert "from 2026-01-01 on" in text
    assert "viewAttributedSales14d" in text
    assert "acos" in text
    named = text.partition("days of both: ")[2].partition(" may differ")[0].split(", ")
    assert not {"cost", "clicks", "attributedSales14d", "cpc"} & set(named)
    assert result["sales_a"].tolist() == result["sales_b"].tolist()
    assert issubclass(sda.PeriodWarning, UserWarning)


@pytest.mark.parametrize("metrics", [["viewAttributedSales14d"], ["acos"], "orders"])
def test_named_metrics_by_view_are_warned_of(
    read: Callable[..., pd.DataFrame], metrics: Any
) -> None:
    with pytest.warns(sda.PeriodWarning):
        sda.compare(read(), BEFORE, AFTER, by="campaignName", metrics=metrics)
    with pytest.warns(sda.PeriodWarning, match="another model"):  # one that spans the day
        sda.compare(read(), ("2025-12-29", "2025-12-30"), ("2025-12-31", "2026-01-01"),
                    metrics=metrics)  # fmt: skip


def test_other_comparisons_are_not_warned_of(read: Callable[..., pd.DataFrame]) -> None:
    frame = read()
    of_cpc = frame[frame["costType"] == "CPC"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sda.compare(frame, BEFORE, AFTER, metrics=["cost", "clicks", "attributedSales14d"])
        sda.compare(frame, ("2025-12-28", "2025-12-29"), BEFORE)
        sda.compare(frame, ("2026-01-02", "2026-01-02"), ("2026-01-03", "2026-01-03"))
        sda.compare(of_cpc, BEFORE, AFTER)
        sda.compare(read(["CPC"]), BEFORE, AFTER)


def test_results_of_all_views_have_no_break_and_figures_say_so(
    read: Callable[..., pd.DataFrame],
) -> None:
    metrics = ["costType", "cost", "allViewsSales", "salesFromViews"]
    df = read(metrics=metrics)
    ax = sda.plots.trend(df, metric="allViewsSales")
    assert "all views: counted alike before and after 2026-01-01" in text_below(ax)
    assert CAPTION not in text_below(ax)
    broken = sda.plots.trend(df, metric="salesFromViews")
    assert CAPTION in text_below(broken)
    assert "counted alike" not in text_below(broken)
    after = read(metrics=metrics, start="2026-01-01")
    assert "counted alike" not in text_below(sda.plots.trend(after, metric="allViewsSales"))
