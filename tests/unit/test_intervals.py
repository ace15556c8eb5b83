"""Intervals of the rates behind a summary, against other libraries and against simulations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

import sdanalytics as sda
from sdanalytics import plots
from sdanalytics.errors import InvalidRequest
from tests.support.figures import text_below
from tests.support.rows import small
from tests.unit.test_final_numbers import curve_with, make_frame

LEVEL = 0.9
WEEKS = 500
MEAN_VALUE = 30.0
ORDERS, SALES = "attributedConversions14d", "attributedSales14d"
BOUNDED = ("ctr", "cvr", "cpa", "acos", "roas")


def counts(values: Any) -> Any:
    return pd.array(np.asarray(values), dtype="Int64")


def one_row(**values: Any) -> pd.DataFrame:
    """Return a row of a CPC campaign: 100 clicks, and what else is given."""
    columns: dict[str, Any] = {
        "impressions": 20_000, "clicks": 100, "cost": 80.0, ORDERS: 7, SALES: 210.0,
    }  # fmt: skip
    columns |= values
    words = {"campaignName": "A", "costType": "CPC", "currency": "USD"}
    return small(**{name: [value] for name, value in (words | columns).items()})


def simulate_weeks(
    *, clicks: float, cvr: float, shocks: float = 0.0, variation: float = 0.5, seed: int = 1
) -> pd.DataFrame:
    """Return a week of many campaigns: binomial orders with log-normal values.

    `shocks` is the variance of the factors by which days convert differently, `variation` the
    coefficient of variation of order values.
    """
    generator = np.random.default_rng(seed)
    size = 7 * WEEKS
    factors = np.ones(size)
    if shocks:
        factors = generator.gamma(1 / shocks, shocks, size)
    clicked = generator.poisson(clicks, size)
    ordered = generator.binomial(clicked, np.minimum(cvr * factors, 1.0))
    log_variance = np.log1p(variation**2)
    center = np.log(MEAN_VALUE) - log_variance / 2
    values = generator.lognormal(center, np.sqrt(log_variance), ordered.sum())
    sales = np.bincount(np.repeat(np.arange(size), ordered), values, minlength=size)
    days = pd.date_range("2026-10-05", periods=7, unit="s")
    frame = pd.DataFrame({
        "date": np.tile(days, WEEKS), "campaignId": counts(np.repeat(np.arange(WEEKS), 7)),
        "costType": "CPC", "currency": "USD", "impressions": counts(np.full(size, 20_000)),
        "clicks": counts(clicked), "cost": clicked.astype(float),
        ORDERS: counts(ordered), SALES: sales,
    })  # fmt: skip
    return frame


# -- judged by others --------------------------------------------------------------------------


@pytest.mark.parametrize(("orders", "level"), [(7, 0.9), (0, 0.9), (100, 0.8), (1, 0.99)])
def test_rates_of_clicks_have_jeffreys_intervals(orders: int, level: float) -> None:
    row = sda.summarize(one_row(**{ORDERS: orders}), level=level).iloc[0]
    low, high = proportion_confint(orders, 100, alpha=1 - level, method="jeffreys")
    assert row["cvr_low"] == pytest.approx(low if orders else 0)
    assert row["cvr_high"] == pytest.approx(high if orders < 100 else 1)


def test_costs_of_orders_have_the_intervals_of_a_poisson_rate() -> None:
    row = sda.summarize(one_row(), level=LEVEL).iloc[0]
    low, high = confint_poisson(7, 1, method="jeff", alpha=1 - LEVEL)
    assert row["cpa_low"] == pytest.approx(80 / high)
    assert row["cpa_high"] == pytest.approx(80 / low)


def test_orders_by_view_are_no_fraction_of_clicks() -> None:
    columns = {"viewImpressions": 12_000, "viewAttributedConversions14d": 150}
    frame = one_row(costType="VCPM", **columns, viewAttributedSales14d=900.0)
    row = sda.summarize(frame, level=LEVEL).iloc[0]
    low, high = confint_poisson(150, 12, method="jeff", alpha=1 - LEVEL)
    assert row["purchase_rate_low"] == pytest.approx(low)
    assert row["purchase_rate_high"] == pytest.approx(high)


def test_more_orders_than_clicks_have_the_interval_of_a_rate() -> None:
    row = sda.summarize(one_row(clicks=3), level=LEVEL).iloc[0]
    assert row["cvr_low"] < row["cvr"] < row["cvr_high"]
    assert row["cvr_high"] > 7 / 3


@pytest.mark.parametrize(
    ("clicks", "cvr", "shocks", "variation"),
    [(20, 0.1, 0.0, 0.5), (100, 0.1, 0.2, 0.5), (100, 0.1, 0.0, 1.2), (400, 0.02, 0.2, 1.2)],
)
def test_intervals_hold_what_they_say(
    clicks: float, cvr: float, shocks: float, variation: float
) -> None:
    frame = simulate_weeks(clicks=clicks, cvr=cvr, shocks=shocks, variation=variation)
    weeks = sda.summarize(frame, by="campaignId", level=LEVEL)
    roas = MEAN_VALUE * cvr
    truth = {"ctr": clicks / 20_000, "cvr": cvr, "cpa": 1 / cvr, "acos": 1 / roas, "roas": roas}
    for name, value in truth.items():
        is_inside = (weeks[f"{name}_low"] <= value) & (value <= weeks[f"{name}_high"])
        assert is_inside.mean() == pytest.approx(LEVEL, abs=0.05), name


def test_dispersion_is_that_of_the_simulation() -> None:
    """Days whose conversion rates have a variance of 0.2 about their mean."""
    frame = simulate_weeks(clicks=100, cvr=0.1, shocks=0.2)
    found = sda.summarize(frame, by="campaignId", level=LEVEL).attrs["sdanalytics"]["intervals"]
    assert found["level"] == LEVEL
    assert found["dispersion"]["cpa"] == pytest.approx(1 + 0.2 * 10, rel=0.1)
    calm = simulate_weeks(clicks=100, cvr=0.1)
    found = sda.summarize(calm, by="campaignId", level=LEVEL).attrs["sdanalytics"]["intervals"]
    assert found["dispersion"]["cpa"] == pytest.approx(1, abs=0.05)


def test_a_change_between_weeks_is_no_dispersion() -> None:
    orders = np.repeat([10, 40, 20, 80], 7)
    frame = pd.concat([one_row(**{ORDERS: int(count)}) for count in orders], ignore_index=True)
    frame["date"] = pd.date_range("2026-10-05", periods=len(orders), unit="s")
    found = sda.summarize(frame, level=LEVEL).attrs["sdanalytics"]["intervals"]
    assert found["dispersion"]["cpa"] == 1.0


# -- what is missing ---------------------------------------------------------------------------


def test_without_orders_what_is_known_is_one_sided() -> None:
    frame = pd.concat([one_row(), one_row(campaignName="B", **{ORDERS: 0, SALES: 0.0})])
    rows = sda.summarize(frame, by="campaignName", level=LEVEL).set_index("campaignName")
    row = rows.loc["B"]
    other: float = rows["acos"]["A"]
    assert row["cvr_low"] == row["roas_low"] == 0
    assert 0 < row["cvr_high"] < 0.05
    assert row[["cpa", "acos", "cpa_high", "acos_high"]].isna().all()
    assert row["cpa_low"] == pytest.approx(80 / confint_poisson(0, 1, "jeff", 1 - LEVEL)[1])
    assert row["acos_low"] == pytest.approx(1 / row["roas_high"])
    assert row["acos_low"] > other / 2


def test_nothing_bounds_what_has_no_rate() -> None:
    nothing = {"impressions": 0, "clicks": 0, "cost": 0.0, ORDERS: 0, SALES: 0.0}
    row = sda.summarize(one_row(**nothing), level=LEVEL).iloc[0]
    for name in BOUNDED:
        assert np.isnan([row[f"{name}_low"], row[f"{name}_high"]]).all(), name
    cancelled = sda.summarize(one_row(**{SALES: -30.0}), level=LEVEL).iloc[0]
    assert cancelled[["acos_low", "acos_high", "roas_low", "roas_high"]].isna().all()


def test_rows_that_lack_a_part_are_in_no_bound() -> None:
    whole = one_row()
    lacking = one_row(clicks=pd.NA, cost=np.nan)
    lacking["clicks"] = counts([pd.NA])
    both = sda.summarize(pd.concat([whole, lacking]), level=LEVEL).iloc[0]
    alone = sda.summarize(whole, level=LEVEL).iloc[0]
    for name in ("cvr", "cpa", "acos", "roas"):
        assert both[f"{name}_low"] == alone[f"{name}_low"]


def test_bounds_are_beside_their_kpi_and_of_the_total_too() -> None:
    frame = simulate_weeks(clicks=20, cvr=0.1).head(70)
    summary = sda.summarize(frame, by="campaignId", freq="D", level=LEVEL, total=True)
    names = summary.columns.tolist()
    for name in BOUNDED:
        position = names.index(name)
        assert names[position + 1 : position + 3] == [f"{name}_low", f"{name}_high"]
    alone = sda.summarize(frame, level=LEVEL).iloc[0]
    total = summary.iloc[-1]
    for name in BOUNDED:
        assert total[f"{name}_low"] == alone[f"{name}_low"]
    again = sda.summarize(summary, level=LEVEL).iloc[0]
    assert again["roas_high"] == pytest.approx(alone["roas_high"])


def test_both_kinds_of_intervals_are_side_by_side() -> None:
    frame = make_frame([[50, 40, 30], [5, 4, 3]], [[1500.0] * 3, [150.0] * 3], campaigns=2)
    options: dict[str, Any] = {"by": "campaignId", "total": True}
    both = sda.summarize(frame, final=curve_with(0.1), level=LEVEL, **options)
    finals = sda.summarize(frame, final=curve_with(0.1), **options)
    bounds = sda.summarize(frame, level=LEVEL, **options)
    pd.testing.assert_frame_equal(both[list(finals)], finals)
    pd.testing.assert_frame_equal(both[list(bounds)], bounds)
    names = both.columns.tolist()
    first = names.index("roas")
    assert names[first : first + 4] == ["roas", "roas_low", "roas_high", "roas_final"]


def test_a_summary_without_days_has_bounds_of_chance_alone() -> None:
    summary = sda.summarize(simulate_weeks(clicks=100, cvr=0.1, shocks=0.2), by="campaignId")
    again = sda.summarize(summary, by="campaignId", level=LEVEL)
    assert set(again.attrs["sdanalytics"]["intervals"]["dispersion"].values()) == {1.0}


@pytest.mark.parametrize("level", [90, 0, 1.0, "high", True])
def test_a_level_is_a_fraction(level: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"level must be between 0 and 1"):
        sda.summarize(one_row(), level=level)


def test_a_frame_without_kpis_has_no_bounds() -> None:
    with pytest.raises(InvalidRequest, match=ORDERS):
        sda.summarize(one_row()[["date", "costType", "impressions"]], level=LEVEL)
    without_orders = sda.summarize(one_row().drop(columns=ORDERS), level=LEVEL)
    assert "ctr_low" in without_orders
    assert "acos_low" not in without_orders


# -- figures -----------------------------------------------------------------------------------


def drawn_intervals(axes: Axes) -> list[Any]:
    """Return the ends of the lines at the values of a figure."""
    lines = [item for item in axes.collections if isinstance(item, LineCollection)]
    assert len(lines) == 1
    return [np.asarray(segment) for segment in lines[0].get_segments()]


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def campaigns() -> pd.DataFrame:
    frame = simulate_weeks(clicks=100, cvr=0.1).head(35)
    frame["campaignName"] = "Campaign " + frame["campaignId"].astype(str)
    return frame


@pytest.mark.parametrize("metric", ["roas", "acos", "cvr"])
def test_top_draws_the_bounds_of_the_summary(campaigns: pd.DataFrame, metric: str) -> None:
    summary = sda.summarize(campaigns, "campaignName", level=LEVEL)
    summary = summary.sort_values(metric, ascending=False)
    axes = plots.top(campaigns, metric, level=LEVEL)
    ends = [segment[:, 0] for segment in drawn_intervals(axes)]
    np.testing.assert_allclose(ends, summary[[f"{metric}_low", f"{metric}_high"]])
    assert "interval of 90%" in text_below(axes)


def test_efficiency_draws_the_bounds_of_sales(campaigns: pd.DataFrame) -> None:
    summary = sda.summarize(campaigns, "campaignName", level=LEVEL)
    summary = summary.sort_values("cost", ascending=False).head(3)
    expected = summary[["roas_low", "roas_high"]].mul(summary["cost"], axis="index")
    axes = plots.efficiency(campaigns, level=LEVEL, n=3)
    ends = [segment[:, 1] for segment in drawn_intervals(axes)]
    np.testing.assert_allclose(ends, expected)
    assert axes.get_ylim()[1] > expected.max().max()


def test_a_bound_that_is_missing_is_not_drawn(campaigns: pd.DataFrame) -> None:
    campaigns.loc[campaigns["campaignId"] == 0, [ORDERS, SALES]] = 0
    axes = plots.top(campaigns, "acos", level=LEVEL)
    *others, last = [segment[:, 0] for segment in drawn_intervals(axes)]
    assert np.ptp(others, axis=1).min() > 0
    assert last[0] == last[1] or np.isnan(last).all()


def test_figures_have_no_bounds_of_other_metrics(campaigns: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match="got metric='cost'"):
        plots.top(campaigns, "cost", level=LEVEL)
    with pytest.raises(InvalidRequest, match="sales; got metric='orders'"):
        plots.efficiency(campaigns, "orders", level=LEVEL)
    with pytest.raises(InvalidRequest, match="level must be between 0 and 1"):
        plots.top(campaigns, "roas", level=90)
    with pytest.raises(InvalidRequest, match=ORDERS):
        plots.top(campaigns.drop(columns=ORDERS), "roas", level=LEVEL)


def test_bounds_of_a_summary_are_drawn_as_they_are(campaigns: pd.DataFrame) -> None:
    summary = sda.summarize(campaigns, "campaignName", level=LEVEL)
    bars = plots.top(summary, "roas_low").patches
    assert [bar.get_width() for bar in bars] == sorted(summary["roas_low"], reverse=True)  # type: ignore[attr-defined]
    assert "ROAS low" in text_below(plots.top(summary, "roas_low"))
    with pytest.raises(InvalidRequest, match="roas_low must not be added up"):
        plots.top(summary, "roas_low", by="costType")
