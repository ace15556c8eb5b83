"""Explanations of changes: contributions add up, and agree with published and known numbers."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sdanalytics as sda
from sdanalytics import InvalidRequest
from tests.support.rows import small
from tests.unit.test_final_numbers import SHARES, curve_with, make_frame

A, B = ("2026-10-05", "2026-10-11"), ("2026-10-12", "2026-10-18")
SUMS = ("cost", "clicks", "orders", "sales", "viewImpressions")
RATIOS = {
    "acos": ("cost", "sales", 1),
    "roas": ("sales", "cost", 1),
    "cpc": ("cost", "clicks", 1),
    "ctr": ("clicks", "impressions", 1),
    "vcpm": ("cost", "viewImpressions", 1000),
    "cvr": ("attributedConversions14d", "clicks", 1),
    "purchase_rate": ("viewAttributedConversions14d", "viewImpressions", 1000),
    "cpa": ("cost", "orders", 1),
    "aov": ("sales", "orders", 1),
    "click_roas": ("attributedSales14d", "cost", 1),
    "vtr": ("viewImpressions", "impressions", 1),
}
"""Numerator, denominator and factor of ratios, as Amazon and this library define them."""
COUNTS = (
    "impressions", "viewImpressions", "clicks",
    "attributedConversions14d", "viewAttributedConversions14d",
)  # fmt: skip
AMOUNTS = ("cost", "attributedSales14d", "viewAttributedSales14d")
PLAIN = {"campaignName": "x", "costType": "CPC", "viewImpressions": 0}


def make_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a frame of one day a period: `period` is "a" or "b"; what is left out is 0."""
    columns: dict[str, list[Any]] = {
        "date": [A[0] if row["period"] == "a" else B[0] for row in rows]
    }
    for name in ("campaignName", "costType", *COUNTS, *AMOUNTS):
        columns[name] = [row.get(name, PLAIN.get(name, 0)) for row in rows]
    frame = small(**columns)
    frame = frame.astype(dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(AMOUNTS, "float64"))
    frame.attrs["sdanalytics"] = {"record_type": "campaigns", "currency": "USD"}
    return frame


def explain(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Explain without the warning that the frame lacks days."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sda.PeriodWarning)
        return sda.explain(frame, A, B, **options)


def contributions(explanation: pd.DataFrame, key: str = "campaignName") -> dict[str, float]:
    return dict(zip(explanation[key], explanation["contribution"], strict=True))


# -- contributions add up -------------------------------------------------------------------


amounts = st.integers(-5_000, 100_000).map(lambda cents: cents / 100) | st.just(0.0)
counts = st.integers(0, 500) | st.just(0)
random_rows = st.fixed_dictionaries(
    {"period": st.sampled_from("ab"), "campaignName": st.sampled_from("uvwxyz"),
     "costType": st.sampled_from(["CPC", "VCPM"])}
    | dict.fromkeys(COUNTS, counts) | dict.fromkeys(AMOUNTS, amounts)
)  # fmt: skip


def sum_by_hand(frame: pd.DataFrame, day: str, name: str, metric: str) -> float:
    rows = frame[frame["date"] == day]
    is_vcpm = rows["costType"] == "VCPM"
    if metric == "purchase_rate":
        rows, is_vcpm = rows[is_vcpm], is_vcpm[is_vcpm]
    results = {"orders": "ttributedConversions14d", "sales": "ttributedSales14d"}
    if name in results:
        by_view, by_click = (rows[prefix + results[name]] for prefix in ("viewA", "a"))
        return float(by_view[is_vcpm].sum() + by_click[~is_vcpm].sum())
    return float(rows[name].sum())


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(random_rows, min_size=2, max_size=12),
    metric=st.sampled_from([*SUMS, *RATIOS]),
    by=st.sampled_from(["campaignName", ["costType", "campaignName"]]),
)
def test_contributions_add_up_to_the_change(
    rows: list[dict[str, Any]], metric: str, by: str | list[str]
) -> None:
    rows[0]["period"], rows[1]["period"] = "a", "b"
    frame = make_rows(rows)
    numerator, denominator, factor = RATIOS.get(metric, (metric, "", 1))
    parts = {}
    for day in (A[0], B[0]):
        parts[day] = [sum_by_hand(frame, day, name, metric) for name in (numerator, denominator)
                      if name]  # fmt: skip
    sizes = [part[-1] if denominator else 1.0 for part in parts.values()]
    is_rounding = any(0 < abs(size) < 1e-6 for size in sizes)  # cents that should cancel out
    if denominator and (is_rounding or sizes[0] * sizes[1] <= 0):
        with pytest.raises(InvalidRequest, match=f"Explain {numerator} and {denominator}"):
            explain(frame, metric=metric, by=by)
        return
    total_a, total_b = (
        factor * part[0] / size for part, size in zip(parts.values(), sizes, strict=True)
    )
    explanation = explain(frame, metric=metric, by=by)
    found = explanation["contribution"]
    exact = 1e-9 * max(1.0, abs(total_a), abs(total_b), found.abs().sum())
    assert found.sum() == pytest.approx(total_b - total_a, abs=exact)
    assert found.abs().is_monotonic_decreasing
    explained = explanation.attrs["sdanalytics"]["explained"]
    assert explained["total_a"] == pytest.approx(total_a, abs=exact)
    assert explained["total_b"] == pytest.approx(total_b, abs=exact)
    if denominator:
        assert (explanation["rate"] + explanation["mix"] - found).abs().max() <= exact
    keys = [by] if isinstance(by, str) else by
    assert len(explanation) == len(frame[keys].drop_duplicates())
    swapped = {"a": "b", "b": "a"}
    backwards = explain(
        make_rows([row | {"period": swapped[row["period"]]} for row in rows]), metric=metric, by=by
    )
    both = explanation.merge(backwards, on=keys)
    assert (both["contribution_x"] + both["contribution_y"]).abs().max() <= exact


def test_a_campaign_without_sales_explains_the_week() -> None:
    frame = make_rows([
        {"period": "a", "campaignName": "same", "cost": 10, "attributedSales14d": 100},
        {"period": "a", "campaignName": "dry", "cost": 20, "attributedSales14d": 50},
        {"period": "b", "campaignName": "same", "cost": 10, "attributedSales14d": 100},
        {"period": "b", "campaignName": "dry", "cost": 40, "attributedSales14d": 0},
    ])  # fmt: skip
    explanation = explain(frame)
    assert explanation.columns.tolist() == [
        "campaignName", "acos_a", "acos_b", "contribution", "rate", "mix",
    ]  # fmt: skip
    assert explanation["campaignName"].tolist() == ["dry", "same"]
    assert explanation["contribution"].tolist() == pytest.approx([0.3, 0.0])  # 20 % to 50 %
    assert explanation["acos_a"].tolist() == pytest.approx([0.4, 0.1])
    assert np.isnan(explanation["acos_b"][0])
    assert explanation["rate"].tolist() == [0.0, 0.0]  # no ratio in one period: all is mix
    # The other way round, ROAS from 5 to 2: sales less what the cost should have brought.
    roas = contributions(explain(frame, metric="roas"))
    assert roas["dry"] == pytest.approx((-50 - 3.5 * 20) / 40)
    assert roas["same"] == 0


def test_rate_and_mix_tell_prices_from_quantities() -> None:
    clicks = {"a": (100, 100), "b": (300, 100)}
    costs = {"a": (50.0, 200.0), "b": (150.0, 300.0)}
    frame = make_rows([
        {"period": period, "campaignName": name, "clicks": clicks[period][n],
         "cost": costs[period][n]}
        for period in "ab" for n, name in enumerate(("grew", "dearer"))
    ])  # fmt: skip
    # CPC from 1.25 to 1.125: "grew" has more of its cheap clicks, "dearer" costs more.
    explanation = explain(frame, metric="cpc").set_index("campaignName")
    assert explanation.loc["grew", "rate"] == 0
    assert explanation.loc["grew", "mix"] == pytest.approx((0.5 - 1.1875) * 200 / 300)
    assert explanation.loc["dearer", "mix"] == 0
    assert explanation.loc["dearer", "rate"] == pytest.approx(1.0 * 100 / 300)
    assert explanation["contribution"].sum() == pytest.approx(1.125 - 1.25)


def test_groups_that_begin_and_end_are_all_mix() -> None:
    frame = make_rows([
        {"period": "a", "campaignName": "ended", "clicks": 10, "cost": 10},
        {"period": "a", "campaignName": "stayed", "clicks": 10, "cost": 30},
        {"period": "b", "campaignName": "began", "clicks": 10, "cost": 50},
        {"period": "b", "campaignName": "stayed", "clicks": 10, "cost": 30},
    ])  # fmt: skip
    explanation = explain(frame, metric="cpc")
    assert contributions(explanation) == pytest.approx({"began": 1.0, "ended": 1.0, "stayed": 0.0})
    assert explanation["rate"].tolist() == [0.0, 0.0, 0.0]
    costs = explain(frame, metric="cost").set_index("campaignName")
    assert costs["cost_a"].loc[["began", "ended"]].tolist() == [0.0, 10.0]
    assert costs["cost_b"].loc[["began", "ended"]].tolist() == [50.0, 0.0]
    assert costs["contribution"].loc[["began", "ended"]].tolist() == [50.0, -10.0]


def test_missing_values_count_as_nothing() -> None:
    frame = make_rows([
        {"period": "a", "campaignName": "x", "cost": 10, "attributedSales14d": 100},
        {"period": "b", "campaignName": "x", "cost": 10, "attributedSales14d": 50},
        {"period": "b", "campaignName": "x", "cost": 5, "attributedSales14d": None},
        {"period": "b", "campaignName": "y", "cost": 7, "attributedSales14d": None},
    ])  # fmt: skip
    explanation = explain(frame)
    assert contributions(explanation) == pytest.approx({"x": 0.1, "y": 0.0})
    assert explanation.attrs["sdanalytics"]["rows_left_out"] == {"acos": 2}
    sales = explain(frame, metric="sales")
    assert contributions(sales) == {"x": -50.0, "y": 0.0}
    assert np.isnan(sales["sales_b"][1])
    frame.loc[frame["date"] == B[0], "attributedSales14d"] = None
    for by in ("campaignName", None):
        with pytest.raises(InvalidRequest, match="sales has no value in any row"):
            explain(frame.assign(attributedConversions14d=1), metric="sales", by=by)


def test_periods_may_overlap_and_names_be_missing() -> None:
    frame = make_rows([
        {"period": "a", "campaignName": None, "cost": 3},
        {"period": "b", "campaignName": None, "cost": 5},
        {"period": "b", "campaignName": "x", "cost": 7},
    ])  # fmt: skip
    with pytest.warns(sda.PeriodWarning, match="they overlap"):
        explanation = sda.explain(frame, (A[0], B[0]), B, metric="cost", by=["campaignName"])
    assert explanation["campaignName"].isna().tolist() == [True, False]
    assert explanation["contribution"].tolist() == [-3.0, 0.0]
    assert explanation["cost_a"].tolist() == [8.0, 7.0]


def test_ids_have_names_and_columns_of_ones_own_can_be_explained() -> None:
    frame = make_rows([
        {"period": period, "campaignName": name, "cost": cost}
        for period, name, cost in [("a", "x", 5.0), ("a", "y", 6.0), ("b", "renamed", 9.0),
                                   ("b", "y", 6.0)]
    ])  # fmt: skip
    frame["campaignId"] = pd.array([1, 2, 1, 2], dtype="Int64")
    frame["profit"] = -frame["cost"]
    explanation = explain(frame, metric="profit", by="campaignId")
    assert explanation["campaignId"].tolist() == [1, 2]
    assert explanation["campaignName"].tolist() == ["renamed", "y"]
    assert explanation["contribution"].tolist() == [-4.0, 0.0]
    totalled = sda.summarize(frame, ["campaignId", "costType"], "D", total=True)
    again = explain(totalled, metric="cost", by="campaignId")
    assert again["contribution"].tolist() == [4.0, 0.0]


# -- factors --------------------------------------------------------------------------------


def factors(explanation: pd.DataFrame) -> dict[str, float]:
    names = explanation["factor"] + " " + explanation["costType"].astype("str").fillna("")
    return dict(zip(names.str.strip(), explanation["contribution"], strict=True))


def funnel(
    period: str, cost_type: str, *, shown: int, orders: int, sales: float, cost: float = 0
) -> dict[str, Any]:
    """Return a row of which each impression is a click and viewable."""
    return {
        "period": period, "costType": cost_type, "campaignName": cost_type,
        "impressions": shown, "viewImpressions": shown, "clicks": shown, "cost": cost,
        "attributedConversions14d": orders, "viewAttributedConversions14d": orders,
        "attributedSales14d": sales, "viewAttributedSales14d": sales,
    }  # fmt: skip


def test_factors_are_those_of_another_implementation() -> None:
    """The numbers, those with a 0 too, are those that the R package LMDIR is tested with."""
    rows = [
        funnel("a", "CPC", shown=1, orders=10, sales=20),
        funnel("b", "CPC", shown=4, orders=20, sales=60),
        funnel("a", "VCPM", shown=4, orders=20, sales=60),
        funnel("b", "VCPM", shown=5, orders=30, sales=120),
    ]
    of_cpc = {"impressions CPC": 50.47438029, "cvr CPC": -25.23719014, "aov CPC": 14.76280986}
    of_vcpm = {
        "viewImpressions VCPM": 19.31568569,
        "purchase_rate VCPM": 15.78206435,
        "aov VCPM": 24.90224996,
    }
    explanation = explain(make_rows(rows), metric="sales", by=None)
    assert factors(explanation) == pytest.approx(of_cpc | of_vcpm | {"ctr CPC": 0.0})
    assert explanation.columns.tolist() == [
        "costType", "factor", "value_a", "value_b", "contribution",
    ]  # fmt: skip
    values = explanation.set_index("factor").loc["purchase_rate"]
    assert (values["value_a"], values["value_b"]) == (5000.0, 6000.0)  # per 1,000
    began = [funnel("a", "CPC", shown=0, orders=0, sales=0), *rows[1:]]
    found = factors(explain(make_rows(began), metric="sales", by=None))
    assert found["impressions CPC"] == 60
    assert found["ctr CPC"] == found["cvr CPC"] == found["aov CPC"] == 0
    free = [*rows[:3], funnel("b", "VCPM", shown=5, orders=30, sales=0)]
    found = factors(explain(make_rows(free), metric="sales", by=None))
    assert found["aov VCPM"] == -60
    assert found["viewImpressions VCPM"] == found["purchase_rate VCPM"] == 0


def test_factors_of_cost_and_of_ratios() -> None:
    """Two sectors of which one grows: their energy is the sales here, their output the cost."""
    rows = [
        funnel("a", "CPC", shown=10, orders=10, sales=30, cost=10),
        funnel("a", "VCPM", shown=40, orders=40, sales=20, cost=40),
        funnel("b", "CPC", shown=40, orders=40, sales=80, cost=40),
        funnel("b", "VCPM", shown=40, orders=40, sales=16, cost=40),
    ]

    def mean(b: float, a: float) -> float:
        return (b - a) / (math.log(b) - math.log(a))

    weights = mean(80 / 80, 30 / 50), mean(16 / 80, 20 / 50)
    found = factors(explain(make_rows(rows), metric="roas", by=None))
    assert found["share"] == pytest.approx(
        weights[0] * np.log(0.5 / 0.2) + weights[1] * np.log(0.5 / 0.8)
    )
    assert found["aov CPC"] == pytest.approx(weights[0] * np.log(2 / 3))
    assert found["aov VCPM"] == pytest.approx(weights[1] * np.log(0.4 / 0.5))
    assert sum(found.values()) == pytest.approx(96 / 80 - 50 / 50)
    assert found["cpc CPC"] == found["vcpm VCPM"] == 0
    acos = factors(explain(make_rows(rows), metric="acos", by=None))
    assert sum(acos.values()) == pytest.approx(80 / 96 - 50 / 50)
    assert acos["aov CPC"] > 0 > acos["share"]
    cost = factors(explain(make_rows(rows), metric="cost", by=None))
    assert cost == pytest.approx(
        {"clicks CPC": 30.0, "cpc CPC": 0.0, "viewImpressions VCPM": 0.0, "vcpm VCPM": 0.0}
    )
    one_type = explain(make_rows([rows[0], rows[2]]), metric="acos", by=None)
    assert factors(one_type) == pytest.approx(
        {"aov CPC": 1 / 2 - 1 / 3, "cpc CPC": 0, "cvr CPC": 0}
    )


positive_rows = st.tuples(
    st.integers(1, 10**6), st.integers(1, 500), st.floats(0.01, 1e5), st.floats(0.01, 1e5)
)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(positive_rows, min_size=4, max_size=4),
    metric=st.sampled_from(["acos", "roas", "cpa", "sales", "orders", "cost", "clicks"]),
    has_begun=st.booleans(),
)
def test_factors_add_up_to_the_change(rows: list[Any], metric: str, has_begun: bool) -> None:
    sides = [("a", "CPC"), ("b", "CPC"), ("b", "VCPM"), ("a", "VCPM")]
    funnels = [
        funnel(*side, shown=shown, orders=orders, sales=sales, cost=cost)
        for side, (shown, orders, sales, cost) in zip(sides, rows, strict=True)
    ][: 3 if has_begun else 4]
    frame = make_rows(funnels)
    explanation = explain(frame, metric=metric, by=None)
    totals = explanation.attrs["sdanalytics"]["explained"]
    by_campaign = explain(frame, metric=metric)
    known = by_campaign.attrs["sdanalytics"]["explained"]
    assert totals["total_a"] == pytest.approx(known["total_a"])
    assert totals["total_b"] == pytest.approx(known["total_b"])
    change = known["total_b"] - known["total_a"]
    size = max(explanation["contribution"].abs().sum(), abs(known["total_b"]))
    assert explanation["contribution"].sum() == pytest.approx(change, abs=1e-9 * size)


# -- final numbers ------------------------------------------------------------------------


def test_final_numbers_tell_immaturity_from_a_fall() -> None:
    reported = np.array([[100.0] * 14, [50.0] * 7 + [80.0] * 7]) * SHARES[13::-1]
    frame = make_frame(np.round(reported * 10), reported * 100, campaigns=2)
    young = ("2026-11-14", "2026-11-20"), ("2026-11-21", "2026-11-27")
    with pytest.warns(sda.ImmatureWarning):
        naive = sda.explain(frame, *young, metric="sales", by="campaignId")
    assert naive.set_index("campaignId")["contribution"][0] < -5000
    curve = curve_with()
    for metric in ("sales", "roas"):
        final = sda.explain(frame, *young, metric=metric, by="campaignId", final=curve)
        changes = sda.compare(frame, *young, metrics=[metric], final=curve).iloc[0]
        assert final["contribution"].sum() == pytest.approx(changes[f"{metric}_final_change"])
        assert final["campaignId"].tolist() == [1, 0]
        reported_total = sda.compare(frame, *young, by="campaignId", metrics=[metric], final=curve)
        by_id = reported_total.set_index("campaignId").loc[[1, 0]]
        for side in ("a", "final_b"):
            expected = by_id[f"{metric}_{side}"].tolist()
            assert final[f"{metric}_{side}"].tolist() == pytest.approx(expected)
    sales = sda.explain(frame, *young, metric="sales", by="campaignId", final=curve)
    assert contributions(sales, "campaignId") == pytest.approx({1: 21_000, 0: 0}, abs=1e-6)
    assert sales.attrs["sdanalytics"]["explained"]["is_final"]
    with_views = frame.assign(impressions=frame["clicks"])
    by_factor = sda.explain(with_views, *young, metric="sales", by=None, final=curve)
    assert by_factor["contribution"].sum() == pytest.approx(21_000)
    cost = sda.explain(frame, *young, metric="cost", by="campaignId", final=curve)
    assert "cost_final_a" not in cost
    with pytest.warns(sda.ImmatureWarning):  # no final numbers: of the reported ones, and said
        raw = sda.explain(frame, *young, metric="attributedSales14d", by="campaignId", final=curve)
    assert not raw.attrs["sdanalytics"]["explained"]["is_final"]
    assert raw["contribution"].tolist() == pytest.approx(naive["contribution"].tolist())
    with pytest.raises(InvalidRequest, match="final must be a curve of maturity"):
        sda.explain(frame, *young, metric="cost", by="campaignId", final=frame)


# -- what is said, and what is refused ------------------------------------------------------


def test_the_metadata_have_what_a_figure_needs() -> None:
    frame = make_rows([{"period": "a", "cost": 4, "clicks": 2}, {"period": "b", "cost": 9}])
    frame["currency"] = "EUR"
    explanation = explain(frame, metric="cost")
    metadata = explanation.attrs["sdanalytics"]
    assert metadata["explained"] == {
        "metric": "cost", "unit": "currency", "by": ["campaignName"], "total_a": 4.0,
        "total_b": 9.0, "is_broken": False, "is_final": False,
    }  # fmt: skip
    assert metadata["currency"] == "EUR"
    assert metadata["period_b"] == {"start": B[0], "end": B[1], "length": 7, "days": 1}
    json.dumps(explanation.attrs)


def test_warnings_are_those_of_compare() -> None:
    frame = make_rows([{"period": "a", "cost": 4, "attributedSales14d": 9},
                       {"period": "b", "cost": 4, "attributedSales14d": 9}])  # fmt: skip
    with pytest.warns(sda.PeriodWarning, match="lacks 6 of the 7 days"):
        sda.explain(frame, A, B)
    with pytest.warns(sda.CostTypeWarning, match="2 of 2 rows have no costType"):
        nameless = explain(frame.drop(columns="costType"))
    assert nameless.attrs["sdanalytics"]["without_cost_type"]["rows"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "acos"}, "acos has no value in period_b, where sales is 0. Explain cost and"),
        ({"metric": "purchase_rate"}, "no value in period_a, where viewImpressions is 0"),
        ({"metric": "campaignBudget"}, r"does not add up over rows.*compare\("),
        ({"metric": "acoss"}, "did you mean 'acos'"),
        ({"metric": "campaignName"}, "is not numeric"),
        ({"metric": ["acos"]}, "metric must be one name such as 'acos', got"),
        ({"metric": "units"}, "fetch with metrics=.*attributedUnitsOrdered14d"),
        ({"metric": "ctr", "by": None}, "ctr has no factors: explain it by a column.*acos"),
        ({"by": "cost"}, "by must name columns of names or ids"),
        ({"metric": "cpa", "by": None}, "cpc, cvr must be above 0 in both periods. Explain it by"),
    ],
)
def test_what_cannot_be_explained_is_refused(options: dict[str, Any], said: str) -> None:
    frame = make_rows([
        {"period": "a", "clicks": 1, "cost": 5, "attributedSales14d": 9,
         "attributedConversions14d": 1},
        {"period": "b", "clicks": 0, "cost": 5, "attributedSales14d": 0,
         "attributedConversions14d": 1},
    ])  # fmt: skip
    with pytest.raises(InvalidRequest, match=said):
        explain(frame, **options)


def test_bad_sums_and_frames_are_refused() -> None:
    rows = [{"period": period, "clicks": 1, "cost": 5, "attributedSales14d": sales,
             "attributedConversions14d": 1, "impressions": 9}
            for period, sales in (("a", -20), ("b", 30))]  # fmt: skip
    frame = make_rows(rows)
    with pytest.raises(
        InvalidRequest, match=r"sales is -20\.00 in period_a and 30\.00 in period_b"
    ):
        explain(frame)
    with pytest.raises(InvalidRequest, match=r"sales of CPC campaigns is -20\.00"):
        explain(frame, metric="sales", by=None)
    assert explain(frame, metric="sales")["contribution"].tolist() == [50.0]
    with pytest.raises(InvalidRequest, match="no row from 2026-10-12 to 2026-10-18"):
        explain(frame[frame["date"] == A[0]])
    currencies = frame.assign(currency=["USD", "EUR"])
    with pytest.raises(InvalidRequest, match=r"several currencies \(EUR, USD\)"):
        explain(currencies, metric="cost", by=["campaignName", "currency"])
    assert explain(currencies, metric="ctr")["contribution"].tolist() == [0.0]
    lost = sda.summarize(make_rows(rows + [row | {"costType": "VCPM"} for row in rows]), freq="D")
    with pytest.raises(InvalidRequest, match="summarize with 'costType' in by="):
        explain(lost, metric="sales", by=None)


@pytest.mark.parametrize("metric", ["acos", "roas", "purchase_rate"])
def test_missing_results_are_not_called_zero(metric: str) -> None:
    rows = [{"period": period, "costType": "VCPM", "cost": 5, "viewImpressions": 9,
             "viewAttributedConversions14d": 1, "viewAttributedSales14d": 30}
            for period in "ab"]  # fmt: skip
    frame = make_rows(rows)
    frame.loc[1, ["viewAttributedSales14d", "viewAttributedConversions14d"]] = None
    with pytest.raises(InvalidRequest, match=f"{metric} has no value in any row of one of the"):
        explain(frame, metric=metric)
