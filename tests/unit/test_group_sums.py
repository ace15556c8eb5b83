"""Sums are exact, and ratios are of the rows that have both parts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, summarize
from tests.support.rows import small
from tests.support.samples import sample_frame

KEYS = ["b", "a", None]


def random_frame(count: int, seed: int) -> pd.DataFrame:
    """Return rows of three groups with amounts in cents, some missing."""
    random = np.random.default_rng(seed)
    cents = random.integers(-10_000, 10_000_000, count)
    clicks = pd.array(random.integers(0, 2**40, count), "Int64")
    clicks[random.random(count) < 0.1] = pd.NA
    frame = small(campaignName=[KEYS[n] for n in random.integers(0, 3, count)])
    frame["impressions"] = clicks
    frame["cost"] = np.where(random.random(count) < 0.1, np.nan, cents / 100)
    return frame


@pytest.mark.parametrize("count", [1, 50, 20_000])
def test_sums_are_those_of_exact_arithmetic(count: int) -> None:
    frame = random_frame(count, seed=count)
    summary = summarize(frame, "campaignName")
    for _, row in summary.iterrows():
        is_missing = pd.isna(row["campaignName"])
        group = frame["campaignName"].isna() if is_missing else frame["campaignName"].eq(
            row["campaignName"]
        )  # fmt: skip
        exact = sum(map(Fraction, frame["cost"][group].dropna()))
        whole = sum(map(int, frame["impressions"][group].dropna()))
        if frame["cost"][group].notna().any():
            assert row["cost"] == float(exact)  # to the last bit
        assert pd.isna(row["impressions"]) or int(row["impressions"]) == whole
    shuffled = frame.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(summarize(shuffled, "campaignName"), summary, check_exact=True)


def test_large_and_odd_numbers_are_summed_too() -> None:
    large = [2**53 + 1, 2**60, -(2**60)]
    frame = small(campaignName=["a"] * 3, cost=[1e308, 1.0, -1e308])
    frame["clicks"] = pd.array(large, "Int64")
    frame["impressions"] = [1, 2, 3]  # int64, which pandas reads from CSV
    (row,) = summarize(frame).to_dict("records")
    assert row["clicks"] == 2**53 + 1
    assert row["impressions"] == 6
    assert summarize(frame)["impressions"].dtype == "int64"
    infinite = frame.assign(cost=[np.inf, 1.0, 2.0])
    assert summarize(infinite)["cost"].tolist() == [np.inf]


def test_a_ratio_is_of_the_rows_that_have_both_parts() -> None:
    frame = small(
        campaignName=["a", "a", "b", "b"],
        costType=["CPC"] * 4,
        clicks=[10, 20, 30, 40],
        impressions=[100, 400, 1000, None],
        cost=[10.0, 30.0, 20.0, 40.0],
        attributedSales14d=[100.0, None, 50.0, None],
    )
    summary = summarize(frame, "campaignName")
    assert summary["cost"].tolist() == [40.0, 60.0]  # of all rows
    assert summary["sales"].tolist() == [100.0, 50.0]
    assert summary["acos"].tolist() == [0.1, 0.4]
    assert summary["roas"].tolist() == [10.0, 2.5]
    assert summary["ctr"].tolist() == [0.06, 0.03]
    assert summary["cpc"].tolist() == [40 / 30, 60 / 70]
    (whole,) = summarize(frame).to_dict("records")
    assert whole["acos"] == 30 / 150
    left_out = {"ctr": 1, "acos": 2, "roas": 2, "click_roas": 2}
    assert summary.attrs["sdanalytics"]["rows_left_out"] == left_out
    assert "rows_left_out" not in summarize(frame.iloc[[0, 2]]).attrs["sdanalytics"]


def test_sales_that_half_of_the_days_lack_do_not_change_the_acos_of_the_others() -> None:
    frame = sample_frame("campaigns", 14, 1)
    later = frame["date"] > frame["date"].median()
    lacking = frame.copy()
    lacking.loc[later, ["attributedSales14d", "viewAttributedSales14d"]] = np.nan
    right = summarize(frame[~later])["acos"].tolist()
    assert summarize(lacking)["acos"].tolist() == pytest.approx(right)
    drawn: Any = sda.plots.top(lacking.assign(all="all"), "acos", by="all")
    assert [bar.get_width() for bar in drawn.patches] == pytest.approx(right)
    assert summarize(lacking).attrs["sdanalytics"]["rows_left_out"]["acos"] == later.sum()
    days = [(day, day) for day in (lacking["date"].min(), lacking["date"].max())]
    with pytest.warns(sda.ImmatureWarning):
        compared = sda.compare(lacking, *days)
    assert compared["acos_a"].notna().tolist() == [True]
    assert compared["acos_b"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda df: summarize(df), "there is nothing to sum.*'cost'.*its columns are name, budget"),
        (lambda df: sda.add_kpis(df), "metrics="),
        (lambda df: sda.plots.top(df, "cost", by="name"), "no column 'cost'"),
        (lambda df: sda.plots.top(df, "acos", by="name"), "'cost', 'costType', 'attributedSales"),
        (lambda df: sda.plots.trend(df, "cost"), "no column 'date'"),
        (lambda df: sda.plots.efficiency(df, by="name"), "'cost'"),
        (lambda df: sda.plots.funnel(df), "'impressions'"),
        (lambda df: sda.plots.halo(df), "otherAsin"),
        (lambda df: sda.plots.calendar(df), "no column 'date'"),
        (lambda df: sda.compare(df, ("2026-11-01",) * 2, ("2026-11-02",) * 2), "nothing to sum"),
        (lambda df: sda.plots.top(df, "budgett", by="name"), "did you mean 'budget'"),
        (lambda df: sda.plots.top(df, "purchaserate", by="name"), "it is 'purchase_rate' here"),
    ],
)
def test_a_frame_of_ones_own_without_the_columns_gets_an_error_that_names_them(
    call: Any, named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        call(pd.DataFrame({"name": ["a"], "budget": [3.0]}))
