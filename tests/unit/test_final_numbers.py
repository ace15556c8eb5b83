"""Final numbers of young days, against simulations of which the end is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from tests.support.curves import AGES, make_curve
from tests.support.samples import SOURCE, US

SHARES = 1 - 0.4 * np.exp(-AGES / 3)
"""The share of orders that is known at each age."""
PAST_CURVE = len(AGES)
FACTS = {"record_type": "campaigns", "source": SOURCE, "profile_id": str(US), "currency": "USD"}
LAST_DAY = pd.Timestamp("2026-11-27")
TRIALS = 150
COST_PER_DAY = 200.0
MEAN_VALUE = 30.0
DISPERSION_OF_SALES = 45.0
"""Of order values with a gamma distribution of shape 2: the mean of their squares by the mean."""
SCORE = 1.2815515655446004  # of the standard normal distribution at 90 %


def curve_with(error: float = 0.0, *, shares: Any = SHARES, **facts: Any) -> pd.DataFrame:
    """Return a curve of both cost types; `error` widens the bounds of the shares of results."""
    results = dict.fromkeys(("orders", "units", "sales", "ntb_orders"), shares)
    traffic = dict.fromkeys(("impressions", "clicks", "cost"), np.ones(len(AGES)))
    groups = dict.fromkeys(("CPC", "VCPM"), results | traffic)
    curve = make_curve(groups, error=error, dispersion={"sales": DISPERSION_OF_SALES})
    is_traffic = curve["metric"].isin(list(traffic))
    curve.loc[is_traffic, ["share_low", "share_high"]] = 1.0
    curve.attrs["sdanalytics"].update(facts)
    return curve


def log_errors(curve: pd.DataFrame) -> Any:
    """Return the variances of the logarithms of the shares of orders, by age."""
    rows = curve[(curve["metric"] == "orders") & (curve["costType"] == "CPC")]
    bounds = rows[["share_low", "share_high"]].to_numpy()
    return (np.log(bounds[:, 1] / bounds[:, 0]) / (2 * SCORE)) ** 2


def make_frame(orders: Any, sales: Any, *, first_age: int = 0, campaigns: int = 1) -> pd.DataFrame:
    """Return a frame of days by campaign, the youngest of an age, with what has been reported."""
    orders = np.asarray(orders).reshape(campaigns, -1)
    days = orders.shape[1]
    dates = pd.date_range(end=LAST_DAY - pd.Timedelta(days=first_age), periods=days, unit="s")
    frame = pd.DataFrame({
        "date": np.tile(dates, campaigns),
        "tactic": "T00020",
        "campaignId": pd.array(np.repeat(np.arange(campaigns), days), dtype="Int64"),
        "costType": "CPC",
        "currency": "USD",
        "clicks": pd.array([100] * orders.size, dtype="Int64"),
        "cost": COST_PER_DAY,
        "attributedConversions14d": pd.array(orders.ravel(), dtype="Int64"),
        "attributedSales14d": np.asarray(sales, dtype="float64").ravel(),
    })  # fmt: skip
    fetched_on = str(LAST_DAY.date() + pd.Timedelta(days=1))
    runs = [[str(dates[0].date()), str(dates[-1].date()), fetched_on]]
    arriving_from = str((LAST_DAY - pd.Timedelta(days=13)).date())
    frame.attrs["sdanalytics"] = {**FACTS, "fetched_on": runs, "arriving_from": arriving_from}
    return frame


def known_share(days: int, first_age: int = 0) -> Any:
    """Return the shares of days in the order of the calendar."""
    return SHARES[first_age : first_age + days][::-1]


def test_each_day_is_divided_by_its_share() -> None:
    frame = make_frame([50, 40, 30], [500.0, 400.0, 300.0])
    shares = known_share(3)
    row = sda.summarize(frame, final=curve_with()).iloc[0]
    orders = float((np.array([50, 40, 30]) / shares).sum())
    assert row["orders_final"] == pytest.approx(orders)
    assert row["sales_final"] == pytest.approx(10 * orders)
    assert row["maturity"] == pytest.approx(120 / orders)
    assert row["acos_final"] == pytest.approx(3 * COST_PER_DAY / (10 * orders))
    assert row["aov_final"] == pytest.approx(10)
    assert row["cvr_final"] == pytest.approx(orders / 300)
    assert row["orders_final_low"] < row["orders_final"] < row["orders_final_high"]
    columns = list(sda.summarize(frame, final=curve_with()))
    position = columns.index("sales")
    assert columns[position + 1 : position + 4] == [
        "sales_final", "sales_final_low", "sales_final_high",
    ]  # fmt: skip
    assert not {"cost_final", "clicks_final", "ctr_final", "cpc_final"} & set(columns)


def test_rows_days_weeks_groups_and_the_total_agree() -> None:
    generator = np.random.default_rng(1)
    orders = generator.poisson(20, (3, 21))
    frame = make_frame(orders, 9.5 * orders, campaigns=3)
    curve = curve_with(0.05)
    rows = sda.forecast_final(frame, curve)
    expected = float(rows["sales_final"].sum())
    whole = sda.summarize(frame, final=curve).iloc[0]
    assert whole["sales_final"] == pytest.approx(expected)
    for by, freq in (("campaignId", None), (None, "D"), (None, "W"), (["campaignId"], "D")):
        summary = sda.summarize(frame, by, freq, final=curve, total=True)
        assert summary["sales_final"].iloc[:-1].sum() == pytest.approx(expected)
        total = summary.iloc[-1]
        for name in ("sales_final", "sales_final_low", "sales_final_high", "acos_final_low"):
            assert total[name] == pytest.approx(whole[name])
    daily = sda.summarize(frame, freq="D")
    again = sda.forecast_final(daily.assign(costType="CPC"), curve)
    assert again["sales_final"].sum() == pytest.approx(expected)


@pytest.mark.parametrize("error", [0.0, 0.08])
def test_intervals_hold_the_truth_as_often_as_they_say(error: float) -> None:
    """Orders are Poisson, each of a random value; the shares of the curve may be wrong for all."""
    generator = np.random.default_rng(5)
    held: dict[str, list[bool]] = {name: [] for name in ("orders", "sales", "acos", "aov")}
    days, per_day = 14, 30
    variances = log_errors(curve_with(error))
    for _ in range(TRIALS):
        # Errors of the factors: independent, and each is part of the shares of all lower ages.
        steps = generator.normal(0, np.sqrt(np.maximum(-np.diff(variances, append=0), 0)))
        wrong = SHARES * np.exp(np.cumsum(steps[::-1])[::-1])
        final_orders = generator.poisson(per_day, days)
        values = [generator.gamma(2, MEAN_VALUE / 2, count) for count in final_orders]
        kept = [generator.random(count) < share
                for count, share in zip(final_orders, known_share(days), strict=True)]  # fmt: skip
        orders = [int(is_kept.sum()) for is_kept in kept]
        sales = [float(value[is_kept].sum()) for value, is_kept in zip(values, kept, strict=True)]
        curve = curve_with(error, shares=wrong)
        row = sda.summarize(make_frame(orders, sales), final=curve).iloc[0]
        truth = {"orders": final_orders.sum(), "sales": sum(map(np.sum, values))}
        truth["acos"] = days * COST_PER_DAY / truth["sales"]
        truth["aov"] = truth["sales"] / truth["orders"]
        for name, found in held.items():
            found.append(row[f"{name}_final_low"] <= truth[name] <= row[f"{name}_final_high"])
    for name, found in held.items():
        # 80 %, and three standard errors.
        assert abs(np.mean(found) - 0.8) <= 3 * math.sqrt(0.8 * 0.2 / TRIALS), name


def test_errors_of_days_average_out_and_those_of_shares_do_not() -> None:
    frame = make_frame([25] * 10, [250.0] * 10)

    def find_widths(curve: pd.DataFrame) -> tuple[float, float]:
        """Return the sum of the widths of the rows' intervals, and the width for all rows."""
        rows, whole = sda.forecast_final(frame, curve), sda.summarize(frame, final=curve)
        ends = ["orders_final_low", "orders_final_high"]
        summed, together = (part[ends].sum().diff().iloc[-1] for part in (rows, whole))
        return float(summed), float(together)

    summed, together = find_widths(curve_with(0.0))
    assert together < 0.5 * summed
    curve = curve_with(0.2)
    maturity = curve.attrs["sdanalytics"]["maturity"]
    maturity["own_variance"]["orders"] = [0.0] * len(AGES)
    summed, together = find_widths(curve)
    assert together > 0.8 * summed
    # By the definition: what a share lacks, those of lower ages lack, too.
    finals = 25 / SHARES[:10]
    variances = log_errors(curve)
    older = np.maximum.outer(np.arange(10), np.arange(10))
    error = float(np.sqrt(finals @ variances[older] @ finals))
    assert together == pytest.approx(2 * SCORE * error, rel=0.01)


def test_today_is_not_taken_for_a_whole_day() -> None:
    frame = make_frame([10, 5], [100.0, 50.0], first_age=-1)
    rows = sda.forecast_final(frame, curve_with())
    assert rows["orders_final"].iloc[0] == pytest.approx(10 / SHARES[0])
    unknown = ["maturity", "orders_final", "sales_final_high", "acos_final_low"]
    assert rows[unknown].iloc[1].isna().all()
    today = frame[frame["date"] == frame["date"].max()]
    assert sda.summarize(today, final=curve_with())[unknown].isna().all(axis=None)
    both = sda.summarize(frame, final=curve_with()).iloc[0]
    assert both["orders_final"] == pytest.approx(10 / SHARES[0] + 5)  # as reported


def test_old_days_stay_as_they_are() -> None:
    frame = make_frame([10], [100.0], first_age=PAST_CURVE)
    row = sda.summarize(frame, final=curve_with(0.1)).iloc[0]
    assert row["orders_final"] == row["orders_final_low"] == row["orders_final_high"] == 10
    assert row["maturity"] == 1


def test_days_fetched_at_several_moments_have_their_own_ages() -> None:
    frame = make_frame([10, 10, 10], [100.0] * 3)
    days = [str(day.date()) for day in frame["date"]]
    runs = [[days[0], days[1], str((LAST_DAY + pd.Timedelta(days=1)).date())]]
    runs += [[days[2], days[2], str((LAST_DAY + pd.Timedelta(days=3)).date())]]
    frame.attrs["sdanalytics"]["fetched_on"] = runs
    rows = sda.forecast_final(frame, curve_with())
    assert rows["maturity"].tolist() == pytest.approx([SHARES[2], SHARES[1], SHARES[2]])


def test_a_campaign_without_orders_may_still_get_some() -> None:
    row = sda.summarize(make_frame([0] * 3, [0.0] * 3), final=curve_with()).iloc[0]
    assert row["orders_final"] == row["orders_final_low"] == 0
    assert 0.3 < row["orders_final_high"] < 3
    assert 0 == row["roas_final_low"] < row["roas_final_high"]
    assert math.isnan(row["acos_final"])
    old = sda.summarize(make_frame([0], [0.0], first_age=PAST_CURVE), final=curve_with()).iloc[0]
    assert old["orders_final_high"] == 0


def test_shares_above_one_lower_the_numbers() -> None:
    curve = curve_with(shares=np.full(len(AGES), 1.25))
    row = sda.summarize(make_frame([100], [1000.0]), final=curve).iloc[0]
    assert row["orders_final"] == pytest.approx(80)
    assert row["orders_final_low"] < 80 < row["orders_final_high"]


def test_negative_sales_have_ordered_bounds() -> None:
    row = sda.summarize(make_frame([10], [-100.0]), final=curve_with(0.1)).iloc[0]
    assert row["sales_final_low"] < row["sales_final"] < row["sales_final_high"] < 0


def test_groups_that_the_curve_does_not_know_take_the_mean_of_those_it_does() -> None:
    curve = curve_with()
    is_vcpm = curve["costType"] == "VCPM"
    curve.loc[is_vcpm, ["share", "share_low", "share_high"]] = 1.0
    frame = make_frame([60], [600.0]).assign(costType=None)
    with pytest.warns(sda.CostTypeWarning):
        row = sda.summarize(frame, final=curve).iloc[0]
    assert row["orders_final"] == pytest.approx(60 / ((SHARES[0] + 1) / 2))


def test_periods_are_compared_by_their_final_numbers() -> None:
    final = np.array([100.0] * 7 + [110.0] * 7)
    reported = np.round(final * known_share(14)).astype(int)
    frame = make_frame(reported, reported * 10.0)
    periods = ("2026-11-14", "2026-11-20"), ("2026-11-21", "2026-11-27")
    metrics = ["sales", "roas"]
    row = sda.compare(frame, *periods, metrics=metrics, final=curve_with(0.02)).iloc[0]
    assert row["sales_change_share"] < 0
    assert row["sales_final_change_share"] == pytest.approx(0.1, abs=0.01)
    assert row["sales_final_a"] == pytest.approx(7000, rel=0.01)
    assert row["roas_final_b"] == pytest.approx(7700 / 7 / COST_PER_DAY, rel=0.01)
    assert row["sales_final_change_low"] < 700 < row["sales_final_change_high"]
    assert row["maturity_b"] < row["maturity_a"] < 1
    # Of independent sums the variance of the difference is the sum of both.
    halves = [
        (row[f"sales_final_high_{side}"] - row[f"sales_final_low_{side}"]) / 2 for side in "ab"
    ]
    half = (row["sales_final_change_high"] - row["sales_final_change_low"]) / 2
    assert half == pytest.approx(math.hypot(*halves), rel=0.02)
    by_campaign = sda.compare(frame, *periods, by="campaignId", metrics=metrics, final=curve_with())
    assert by_campaign["sales_final_b"].iloc[0] == pytest.approx(7700, rel=0.01)


def test_a_group_without_rows_in_a_period_had_no_sales() -> None:
    frame = make_frame([[10] * 14, [10] * 14], [[100.0] * 14] * 2, campaigns=2)
    is_early = frame["date"] < "2026-11-21"
    frame = frame[is_early | (frame["campaignId"] == 0)]
    periods = ("2026-11-14", "2026-11-20"), ("2026-11-21", "2026-11-27")
    changes = sda.compare(frame, *periods, by="campaignId", final=curve_with())
    ended = changes.iloc[1]
    assert ended["sales_final_b"] == ended["sales_final_high_b"] == 0
    assert ended["sales_final_change"] == -ended["sales_final_a"]
    assert math.isnan(ended["roas_final_b"])


def test_comparing_young_results_without_a_curve_warns() -> None:
    frame = make_frame([10] * 28, [100.0] * 28)
    young = ("2026-11-07", "2026-11-13"), ("2026-11-14", "2026-11-20")
    with pytest.warns(sda.ImmatureWarning, match=r"period_b were still arriving.*final=maturity"):
        sda.compare(frame, *young)
    old = ("2026-10-31", "2026-11-06"), ("2026-11-07", "2026-11-13")
    sda.compare(frame, *old)
    sda.compare(frame, *young, metrics=["cost", "clicks", "cpc"])
    sda.compare(frame, *young, final=curve_with())


@pytest.mark.parametrize(
    ("facts", "fact"),
    [
        ({"profile_id": "2"}, f"profile_id '{US}'"),
        ({"currency": "EUR"}, "currency 'USD'"),
        ({"record_type": "targets"}, "record_type 'campaigns'"),
        ({"source": "EU"}, f"source '{SOURCE}'"),
    ],
)
def test_a_curve_of_something_else_is_refused(facts: dict[str, Any], fact: str) -> None:
    frame = make_frame([10], [100.0])
    with pytest.raises(sda.InvalidRequest, match=f"must be of the frame's {fact}"):
        sda.summarize(frame, final=curve_with(**facts))


@pytest.mark.parametrize("column", ["share", "share_low"])
@pytest.mark.parametrize("share", [0.0, -0.1, float("nan")])
def test_shares_that_nothing_can_be_divided_by_are_refused(column: str, share: float) -> None:
    curve = curve_with()
    curve.loc[3, column] = share
    with pytest.raises(sda.InvalidRequest, match=f"above 0, got {column} {share}"):
        sda.summarize(make_frame([10] * 5, [300] * 5), final=curve)


def test_what_is_no_curve_is_refused() -> None:
    frame = make_frame([10], [100.0])
    curve = curve_with()
    without_metadata = pd.DataFrame(curve.to_dict("list"))
    for wrong in (5, "curve", frame):
        with pytest.raises(sda.InvalidRequest, match="final must be a curve of maturity"):
            sda.summarize(frame, final=wrong)  # type: ignore[arg-type]
    for wrong in (without_metadata, curve.iloc[:0]):
        with pytest.raises(sda.InvalidRequest, match="call maturity again"):
            sda.summarize(frame, final=wrong)
    with pytest.raises(sda.InvalidRequest, match=r"nothing is stored|no day of"):
        sda.summarize(frame, final=True)
    for level in (0, 1, 80):
        with pytest.raises(sda.InvalidRequest, match="level must be between 0 and 1"):
            sda.forecast_final(frame, curve, level=level)
    with pytest.raises(sda.InvalidRequest, match="curve must be"):
        sda.forecast_final(frame, False)


def test_a_frame_that_does_not_tell_its_ages_is_refused() -> None:
    frame = make_frame([10] * 7, [100.0] * 7)
    curve = curve_with()
    lost = pd.DataFrame(frame.to_dict("list"))
    with pytest.raises(sda.InvalidRequest, match=r"lost its metadata.*df\.attrs ="):
        sda.summarize(lost.assign(currency="USD"), final=curve)
    with pytest.raises(sda.InvalidRequest, match="no column 'date'"):
        sda.summarize(frame.drop(columns="date"), final=curve)
    with pytest.raises(sda.InvalidRequest, match="no column 'costType'"):
        sda.summarize(frame.drop(columns="costType"), final=curve)
    with pytest.raises(sda.InvalidRequest, match="summary by 'W-SUN'"):
        sda.forecast_final(sda.summarize(frame, "costType", "W"), curve)


def test_nothing_is_recommended_for_orders_that_are_still_to_come_today() -> None:
    orders = [20] * 20 + [0]
    frame = make_frame(orders, [10.0 * count for count in orders], first_age=-1)
    frame = frame.assign(viewImpressions=pd.array([1000] * 21, dtype="Int64"))
    with_today = sda.recommend(frame, target_acos=0.5, by="campaignId", final=curve_with())
    whole_days = frame[frame["date"] < frame["date"].max()]
    without = sda.recommend(whole_days, target_acos=0.5, by="campaignId", final=curve_with())
    assert with_today["p_above_target"].tolist() == without["p_above_target"].tolist()
    assert with_today.attrs["sdanalytics"]["recommended"]["rows_left_out"] == 1
