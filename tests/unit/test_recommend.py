"""Recommendations, against simulated accounts of which the rates are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

import sdanalytics as sda
from sdanalytics.errors import CostTypeWarning, InvalidRequest
from tests.support.rows import small
from tests.unit.test_final_numbers import FACTS, SHARES, curve_with

ORDERS, SALES = "attributedConversions14d", "attributedSales14d"
VIEW_ORDERS, VIEW_SALES = "viewAttributedConversions14d", "viewAttributedSales14d"
DAYS = pd.date_range("2026-11-14", "2026-11-27", unit="s")
MEAN_VALUE = 30.0
TARGET = 0.3
"""Of the clicks below, which cost 1: the ACOS of a conversion rate of 1/9."""


class Account:
    """Targets of campaigns with Gamma rates, a tenth of which converts next to never."""

    def __init__(
        self,
        *,
        campaigns: int = 30,
        targets: int = 12,
        clicks: float = 8.0,
        shape: float = 3.0,
        seed: int = 1,
    ) -> None:
        self.generator = np.random.default_rng(seed)
        size = campaigns * targets
        self.campaigns = np.repeat(np.arange(campaigns), targets)
        average = self.generator.gamma(8, 0.1 / 8, campaigns)[self.campaigns]
        self.rates = average * self.generator.gamma(shape, 1 / shape, size)
        self.rates[self.generator.random(size) < 0.1] *= 0.02
        self.clicks = self.generator.gamma(2, clicks / 2, size)
        self.acos = pd.Series(1 / (MEAN_VALUE * self.rates), index=np.arange(size))

    def report(self, shares: Any = None, cost_type: str = "CPC") -> pd.DataFrame:
        """Return two weeks; of their orders the shares of each day have come."""
        known = np.ones(len(DAYS)) if shares is None else np.asarray(shares)
        targets = np.repeat(np.arange(len(self.rates)), len(DAYS))
        clicks = self.generator.poisson(self.clicks[targets])
        chances = self.rates[targets] * np.tile(known, len(self.rates))
        orders = self.generator.binomial(clicks, np.minimum(chances, 1))
        values = self.generator.gamma(4, MEAN_VALUE / 4, orders.sum())
        rows = np.repeat(np.arange(len(orders)), orders)
        sales = np.bincount(rows, values, minlength=len(orders))
        frame = pd.DataFrame({
            "date": np.tile(DAYS, len(self.rates)), "tactic": "T00020",
            "campaignId": whole(self.campaigns[targets]), "targetId": whole(targets),
            "costType": cost_type, "currency": "USD", "clicks": whole(clicks),
            "viewImpressions": whole(1000 * clicks), "cost": clicks.astype("float64"),
            ORDERS: whole(orders), SALES: sales, VIEW_ORDERS: whole(orders), VIEW_SALES: sales,
        })  # fmt: skip
        fetched = [str(DAYS[0].date()), str(DAYS[-1].date()), "2026-11-28"]
        frame.attrs["sdanalytics"] = FACTS | {"fetched_on": [fetched]}
        return frame.sort_values("date", kind="stable", ignore_index=True)


def whole(values: Any) -> Any:
    return pd.array(np.asarray(values), dtype="Int64")


def about(result: pd.DataFrame) -> dict[str, Any]:
    entry: dict[str, Any] = result.attrs["sdanalytics"]["recommended"]
    return entry


def few(**columns: Any) -> pd.DataFrame:
    """Return one day of targets of a campaign whose clicks cost 1 and convert at 10 %."""
    count = len(columns["clicks"])
    facts: dict[str, list[Any]] = {
        "targetId": list(range(count)), "campaignId": [1] * count, "costType": ["CPC"] * count,
        "currency": ["USD"] * count,
    }  # fmt: skip
    frame = small(**(facts | columns))
    if "cost" not in frame:
        frame["cost"] = frame["clicks"].astype("float64")
    if SALES not in frame:
        frame[SALES] = MEAN_VALUE * frame[ORDERS].astype("float64")
    counts = ["targetId", "campaignId", "clicks", ORDERS]
    return frame.astype(dict.fromkeys(counts, "Int64"))


# -- whether it is right -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    """Return the targets of 20 accounts, with the ACOS that each has in truth."""
    results = []
    for seed in range(20):
        account = Account(seed=seed)
        result = sda.recommend(account.report(), target_acos=TARGET)
        result["truth"] = account.acos[result["targetId"].astype("int64")].to_numpy()
        result["wrong_cuts_expected"] = about(result)["wrong_cuts_expected"]
        result["seed"] = seed
        results.append(result)
    return pd.concat(results, ignore_index=True)


def test_of_cuts_at_most_one_in_ten_is_wrong(judged: pd.DataFrame) -> None:
    cuts = judged[judged["action"] == "cut"]
    is_above = judged["truth"] > TARGET
    assert len(cuts) > 0.3 * is_above.sum()
    wrong = (cuts["truth"] <= TARGET).sum()
    assert wrong <= 0.1 * len(cuts)
    expected = cuts.groupby("seed")["wrong_cuts_expected"].first().sum()
    assert wrong == pytest.approx(expected, abs=3 * np.sqrt(expected) + 1)


def test_of_targets_to_scale_at_most_one_in_ten_is_above(judged: pd.DataFrame) -> None:
    scaled = judged[judged["action"] == "scale"]
    assert len(scaled) > 500
    assert (scaled["truth"] > TARGET).mean() <= 0.1


def test_what_is_kept_is_about_at_the_target() -> None:
    account = Account(clicks=120, shape=50, campaigns=60)
    result = sda.recommend(account.report(), target_acos=TARGET)
    kept = result[result["action"] == "keep"]
    truth = account.acos[kept["targetId"].astype("int64")]
    assert len(kept) > 20
    assert truth.between(TARGET / 1.25, TARGET * 1.25).mean() >= 0.9


def test_probabilities_are_as_often_right_as_they_say(judged: pd.DataFrame) -> None:
    is_above = judged["truth"] > TARGET
    bins = pd.cut(judged["p_above_target"], [0, 0.2, 0.4, 0.6, 0.8, 1])
    found = is_above.groupby(bins, observed=True).mean()
    said = judged["p_above_target"].groupby(bins, observed=True).mean()
    assert len(found) == 5
    np.testing.assert_allclose(found, said, atol=0.06)


def test_expected_sales_are_nearer_to_the_truth_than_reported_ones(judged: pd.DataFrame) -> None:
    truth = judged["cost"] / judged["truth"]
    shrunken = np.mean((judged["expected_sales"] - truth) ** 2)
    assert shrunken < 0.7 * np.mean((judged["sales"] - truth) ** 2)
    assert judged["expected_sales"].sum() == pytest.approx(judged["sales"].sum(), rel=0.02)


def test_the_rule_of_cuts_is_that_of_benjamini_and_hochberg(judged: pd.DataFrame) -> None:
    known = judged.dropna(subset="p_above_target")
    for _, account in known.groupby("seed"):
        adjusted = false_discovery_control(1 - account["p_above_target"].to_numpy())
        assert ((account["action"] == "cut") == (adjusted <= 0.1)).all()


def test_waste_is_the_cost_above_the_target(judged: pd.DataFrame) -> None:
    expected = (judged["cost"] - TARGET * judged["expected_sales"]).clip(lower=0)
    np.testing.assert_allclose(judged["waste"], expected)
    truth = (judged["cost"] * (1 - TARGET / judged["truth"])).clip(lower=0)
    assert judged["waste"].sum() == pytest.approx(truth.sum(), rel=0.1)
    first = judged[judged["seed"] == 0]
    assert first["waste"].is_monotonic_decreasing


def test_chance_alone_makes_targets_without_orders() -> None:
    """Targets that are all alike: whatever has no order has none by chance."""
    alike = Account(shape=1e6, seed=3)
    alike.rates[:] = 0.01
    result = about(sda.recommend(alike.report(), target_acos=TARGET))
    assert result["zero_order_rows"] > 50
    by_chance = result["zero_order_rows_by_chance"]
    assert result["zero_order_rows"] == pytest.approx(by_chance, abs=3 * np.sqrt(by_chance))
    differing = about(sda.recommend(Account(seed=3).report(), target_acos=TARGET))
    assert differing["zero_order_rows"] > differing["zero_order_rows_by_chance"] + 10


def test_orders_that_are_still_to_come_cut_nothing() -> None:
    """Of young days a part of the orders is known: with a curve as many are cut as at the end."""
    young = SHARES[: len(DAYS)][::-1]
    wrong: dict[str, int] = dict.fromkeys(("with", "without"), 0)
    cuts = dict(wrong)
    for seed in range(5):
        account = Account(seed=seed)
        frame = account.report(young)
        for name, final in (("with", curve_with()), ("without", None)):
            result = sda.recommend(frame, target_acos=TARGET, final=final)
            cut = result.loc[result["action"] == "cut", "targetId"].astype("int64")
            cuts[name] += len(cut)
            wrong[name] += int((account.acos[cut] <= TARGET).sum())
            assert about(result)["is_final"] is (final is not None)
    assert wrong["with"] <= 0.1 * cuts["with"]
    assert wrong["without"] > wrong["with"]


def test_views_are_the_exposure_of_vcpm() -> None:
    account = Account()
    views = account.report(cost_type="VCPM")
    of_views = sda.recommend(views.assign(clicks=whole([0] * len(views))), target_acos=TARGET)
    of_clicks = sda.recommend(views.assign(costType="CPC"), target_acos=TARGET)
    same = ["targetId", "p_above_target", "waste", "action"]
    pd.testing.assert_frame_equal(of_views[same], of_clicks[same])
    waiting = of_views["action"] == "wait"
    assert of_views["clicks_needed"].isna().all()
    assert of_views.loc[waiting, "views_needed"].notna().all()
    clicks = of_clicks.loc[waiting, "clicks_needed"].astype("float64")
    np.testing.assert_allclose(of_views.loc[waiting, "views_needed"] / 1000, clicks, atol=1)


# -- what to wait for --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orders", "expected"), [(3, "cut"), (30, "scale"), (14, "scale keep"), (10, "cut keep")]
)
def test_clicks_that_are_needed_decide(orders: int, expected: str) -> None:
    """100 clicks of one target, among others; then as many more as it says, of the same kind."""
    clicks, last = 100, ""
    while clicks < 20_000:
        counts = {ORDERS: [orders, *([4, 16] * 10)]}
        frame = few(clicks=[clicks, *([100] * 20)], **counts)
        result = sda.recommend(frame, target_acos=TARGET)
        judged: Any = result[result["targetId"] == 0].iloc[0]
        last = judged["action"]
        if last != "wait":
            break
        more = judged["clicks_needed"]
        assert more > 0
        rate = judged["expected_sales"] / judged["cost"] / MEAN_VALUE
        clicks += more
        orders += round(rate * more)
    assert last in expected
    assert pd.isna(judged["clicks_needed"])


def test_nothing_is_said_of_what_has_no_clicks() -> None:
    frame = few(clicks=[50, 0, 80], **{ORDERS: [5, 0, 8]})
    result = sda.recommend(frame, target_acos=TARGET)
    row = result[result["targetId"] == 1].iloc[0]
    assert row["action"] == "wait"
    assert row[["p_above_target", "clicks_needed", "acos"]].isna().all()
    assert row["waste"] == row["expected_sales"] == 0


def test_an_account_without_orders_is_refused() -> None:
    frame = few(clicks=[5000, 20], **{ORDERS: [0, 0]})
    with pytest.raises(InvalidRequest, match="no row has an order, so nothing tells"):
        sda.recommend(frame, target_acos=TARGET)


def test_no_rows_have_the_columns_of_some() -> None:
    frame = few(clicks=[5], **{ORDERS: [1]})
    result = sda.recommend(frame, target_acos=TARGET)
    empty = sda.recommend(frame.head(0), target_acos=TARGET)
    assert list(empty) == list(result)
    assert (empty.dtypes == result.dtypes).all()


@pytest.mark.parametrize(
    ("convert", "said"),
    [
        (lambda days: days.dt.tz_localize("UTC"), "must have no time zone"),
        (lambda days: days.dt.date, "must hold days"),
        (lambda days: days.dt.strftime("%Y-%m-%d"), "must hold days"),
    ],
)
def test_dates_of_another_type_are_refused(convert: Any, said: str) -> None:
    frame = Account(campaigns=2, targets=2).report()
    frame["date"] = convert(frame["date"])
    with pytest.raises(InvalidRequest, match=said):
        sda.recommend(frame, target_acos=TARGET)
    with pytest.raises(InvalidRequest, match=said):
        sda.summarize(frame, "campaignId", level=0.9)
    with pytest.raises(InvalidRequest, match=said):
        sda.plots.top(frame, "sales", by="campaignId")


def test_rows_that_lack_a_part_are_left_out() -> None:
    frame = few(clicks=[50, 60, 80], **{ORDERS: [5, 6, 8]})
    lacking = frame.assign(clicks=whole([pd.NA] * 3), **{ORDERS: whole([50] * 3)})
    both = sda.recommend(pd.concat([frame, lacking]), target_acos=TARGET)
    alone = sda.recommend(frame, target_acos=TARGET)
    assert about(both)["rows_left_out"] == 3
    pd.testing.assert_series_equal(both["p_above_target"], alone["p_above_target"])


# -- groups and columns ------------------------------------------------------------------------


def test_columns_have_their_dtypes_and_names() -> None:
    frame = few(clicks=[50, 60], **{ORDERS: [5, 6]})
    frame["campaignName"] = "A"
    frame["targetingText"] = ["x", "y"]
    result = sda.recommend(frame, target_roas=1 / TARGET)
    assert about(result)["target_acos"] == pytest.approx(TARGET)
    assert {"campaignName", "targetingText", "costType"} < set(result)
    kinds = {
        "expected_sales": "float64", "p_above_target": "float64", "action": "category",
        "waste": "float64", "clicks_needed": "Int64", "views_needed": "Int64", "cost": "float64",
        "orders": "Int64", "sales": "float64", "acos": "float64", "targetId": "Int64",
    }  # fmt: skip
    assert {name: str(result[name].dtype) for name in kinds} == kinds
    assert result["action"].cat.categories.tolist() == ["cut", "keep", "scale", "wait"]


def test_groups_of_several_campaigns_and_cost_types() -> None:
    account = Account()
    frame = account.report()
    is_vcpm = frame["campaignId"] % 2 == 0
    frame["costType"] = np.where(is_vcpm, "VCPM", "CPC")
    frame["kind"] = np.where(frame["targetId"] % 3 == 0, "a", "b")
    result = sda.recommend(frame, target_acos=TARGET, by="kind").set_index("kind")
    acos = result["acos"]
    expected = result["cost"] / result["expected_sales"]
    np.testing.assert_allclose(expected, acos, rtol=0.03)
    assert result["clicks_needed"].isna().all()
    by_campaign = sda.recommend(frame, target_acos=TARGET, by="campaignId")
    assert len(by_campaign) == 30
    truth = frame.groupby("campaignId")["cost"].sum()
    assert by_campaign.set_index("campaignId")["cost"].sort_index().tolist() == truth.tolist()


# -- invalid arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"target_acos": 30}, "a fraction, 0.3 for 30 %, got 30"),
        ({"target_acos": 0}, "a fraction"),
        ({"target_acos": "0.3"}, "a fraction"),
        ({"target_acos": float("nan")}, "a fraction"),
        ({"target_roas": 400}, "not 400 for 400 %"),
        ({"target_roas": -1}, "above 0"),
        ({"target_roas": 1e-310}, "above 0"),
        ({"target_acos": 1e-310}, "a fraction"),
        ({}, "exactly one target"),
        ({"target_acos": 0.3, "target_roas": 4}, "exactly one target"),
        ({"target_acos": 0.3, "level": 90}, "level must be between 0 and 1"),
        ({"target_acos": 0.3, "by": []}, "at least one column"),
        ({"target_acos": 0.3, "by": "target"}, "no column 'target'"),
        ({"target_acos": 0.3, "final": 0.8}, "final must be a curve"),
    ],
)
def test_invalid_arguments_say_what_to_pass(targets: dict[str, Any], message: str) -> None:
    frame = Account(campaigns=2, targets=2).report()
    with pytest.raises(InvalidRequest, match=message):
        sda.recommend(frame, **targets)


@pytest.mark.parametrize(
    ("lacking", "cost_type"),
    [
        ("clicks", "CPC"),
        ("cost", "CPC"),
        (ORDERS, "CPC"),
        (SALES, "CPC"),
        ("viewImpressions", "VCPM"),
    ],
)
def test_a_frame_that_lacks_a_metric_says_which(lacking: str, cost_type: str) -> None:
    frame = Account(campaigns=2, targets=2).report(cost_type=cost_type)
    with pytest.raises(InvalidRequest, match=lacking):
        sda.recommend(frame.drop(columns=lacking), target_acos=TARGET)


def test_money_of_several_currencies_is_refused() -> None:
    frame = few(clicks=[50, 60], currency=["USD", "EUR"], **{ORDERS: [5, 6]})
    with pytest.raises(InvalidRequest, match="EUR, USD"):
        sda.recommend(frame, target_acos=TARGET)


def test_rows_without_a_cost_type_are_told() -> None:
    frame = few(clicks=[50, 60], costType=["CPC", None], **{ORDERS: [5, 6]})
    with pytest.warns(CostTypeWarning, match="1 of 2 rows"):
        result = sda.recommend(frame, target_acos=TARGET)
    assert result.attrs["sdanalytics"]["without_cost_type"]["rows"] == 1


def test_cancelled_orders_and_credits_are_judged_without_a_warning() -> None:
    """Warnings are errors in these tests."""
    orders = [5, -3000, 3000]
    frame = few(
        clicks=[50, 100, 60], cost=[50.0, -20.0, 60.0], campaignId=[1, 2, 3], **{ORDERS: orders}
    )
    result = sda.recommend(frame, target_acos=TARGET)
    assert about(result)["zero_order_rows"] == 0
    assert 0 <= about(result)["zero_order_rows_by_chance"] <= 3
