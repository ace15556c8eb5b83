"""KPIs equal those computed by hand, and by SQL on the Parquet files."""

from __future__ import annotations

import gzip
import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, ReportCache, add_kpis, compare, summarize
from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.model.metrics import available_metrics, default_metrics, identity_columns
from sdanalytics.model.partition import Partition
from tests.support.guides import ROOT
from tests.support.rows import small
from tests.support.samples import JAPAN, SOURCE, US, day, sample_frame, store_payload, store_samples

NAMES = [
    "orders", "sales", "units", "ntb_orders", "ntb_sales", "page_views",
    "ctr", "cpc", "vcpm", "cvr", "purchase_rate", "cpa", "aov", "acos", "roas", "click_roas",
    "ntb_cpa", "ntb_order_share", "ntb_sales_share",
]  # fmt: skip

SQL = """
    with charged as (
        select *,
            if(costType = 'VCPM', viewAttributedConversions14d, attributedConversions14d) as orders,
            if(costType = 'VCPM', viewAttributedSales14d, attributedSales14d) as sales,
            if(costType = 'VCPM', viewAttributedUnitsOrdered14d,
               attributedUnitsOrdered14d) as units,
            if(costType = 'VCPM', viewAttributedOrdersNewToBrand14d,
               attributedOrdersNewToBrand14d) as ntb_orders,
            if(costType = 'VCPM', viewAttributedSalesNewToBrand14d,
               attributedSalesNewToBrand14d) as ntb_sales,
            if(costType = 'VCPM', viewAttributedDetailPageView14d,
               attributedDetailPageView14d) as page_views
        from read_parquet('{root}/**/*.parquet', hive_partitioning=true)
    )
    select {key} as key, sum(orders) as orders, sum(sales) as sales, sum(units) as units,
        sum(clicks) / sum(impressions) as ctr, sum(cost) / sum(clicks) as cpc,
        1000 * sum(cost) / sum(viewImpressions) as vcpm,
        sum(attributedConversions14d) / sum(clicks) as cvr,
        1000 * sum(viewAttributedConversions14d) filter (costType = 'VCPM')
            / sum(viewImpressions) filter (costType = 'VCPM') as purchase_rate,
        sum(attributedSales14d) / sum(cost) as click_roas, sum(cost) / sum(ntb_orders) as ntb_cpa,
        sum(cost) / sum(orders) as cpa, sum(sales) / sum(orders) as aov,
        sum(ntb_orders) as ntb_orders, sum(ntb_sales) as ntb_sales, sum(page_views) as page_views,
        sum(cost) / sum(sales) as acos, sum(sales) / sum(cost) as roas,
        sum(ntb_orders) / sum(orders) as ntb_order_share,
        sum(ntb_sales) / sum(sales) as ntb_sales_share
    from charged group by all order by key
"""


@pytest.fixture
def frame() -> pd.DataFrame:
    return sample_frame("campaigns", 14, 1)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> ReportCache:
    """Return a store of the rows of the frame."""
    store = ReportCache(tmp_path_factory.mktemp("store"))
    store_samples(store, "campaigns", 14, 1)
    return store


@pytest.mark.parametrize(
    ("by", "freq", "key"),
    [
        ("campaignName", None, "campaignName"),
        ("tactic", None, "tactic"),
        (None, "D", "date"),
        (None, "W", "date_trunc('week', date) + interval 6 day"),
        (None, "MS", "date_trunc('month', date)"),
        (None, None, "1"),
    ],
)
def test_summaries_equal_those_in_sql(
    frame: pd.DataFrame, stored: ReportCache, by: str | None, freq: str | None, key: str
) -> None:
    summary = summarize(frame, by, freq)
    queried = duckdb.sql(SQL.format(root=stored.path / "reports", key=key)).df()
    assert len(summary) == len(queried)
    if by or freq:
        ours = summary[by or "date"].astype("str").tolist()
        assert ours == queried["key"].astype("str").str.removesuffix(" 00:00:00").tolist()
    for name in NAMES:
        np.testing.assert_allclose(
            summary[name].to_numpy("float64", na_value=np.nan), queried[name].to_numpy("float64")
        )


def test_kpis_equal_those_computed_by_hand() -> None:
    result = add_kpis(
        small(
            costType=["CPC", "VCPM", "CPC"],
            impressions=[1000, 2000, 0],
            viewImpressions=[500, 1000, 0],
            clicks=[10, 4, 0],
            cost=[5.0, 8.0, 0.0],
            attributedConversions14d=[2, 1, 0],
            viewAttributedConversions14d=[3, 4, 0],
            attributedSales14d=[50.0, 20.0, 0.0],
            viewAttributedSales14d=[70.0, 100.0, 0.0],
        )
    )
    assert result["orders"].tolist() == [2, 4, 0]
    assert result["sales"].tolist() == [50.0, 100.0, 0.0]
    assert result["acos"].tolist()[:2] == [0.1, 0.08]
    assert result["roas"].tolist()[:2] == [10.0, 12.5]
    assert result["vcpm"].tolist()[:2] == [10.0, 8.0]
    assert result["cpa"].tolist()[:2] == [2.5, 2.0]
    assert result["cvr"].tolist()[:2] == [0.2, 0.25]
    assert result["purchase_rate"].isna().tolist() == [True, False, True]
    assert result["purchase_rate"].tolist()[1] == 4.0
    assert result["click_roas"].tolist()[:2] == [10.0, 2.5]
    assert result.loc[2, [name for name in KPIS if name in result]].isna().all()
    assert "units" not in result
    assert "ntb_order_share" not in result


def test_kpis_have_documented_names_and_types(frame: pd.DataFrame) -> None:
    result = add_kpis(frame)
    assert result.columns.tolist() == [*frame.columns, *NAMES]
    types = {name: str(result[name].dtype) for name in NAMES}
    counts = {types.pop(name) for name in ("orders", "units", "ntb_orders", "page_views")}
    assert counts == {"Int64"}
    assert set(types.values()) == {"float64"}
    again = add_kpis(result)
    assert again.columns.tolist() == result.columns.tolist()
    pd.testing.assert_frame_equal(again, result)
    assert frame.columns.tolist() == result.columns.tolist()[: len(frame.columns)]


def test_each_kpi_is_where_users_read_of_it() -> None:
    guide = ROOT.joinpath("docs", "guide", "kpis.md").read_text(encoding="utf-8")
    docstring = str(add_kpis.__doc__)
    for name in NAMES:
        assert f"`{name}`" in docstring
        assert re.search(rf"^\|.*`{name}`.*\|.*\|.*\|$", guide, re.MULTILINE), name


def test_undefined_ratios_are_missing(frame: pd.DataFrame) -> None:
    quiet = frame.assign(
        clicks=pd.array([0] * len(frame), "Int64"),
        cost=0.0,
        viewAttributedSales14d=0.0,
        attributedSales14d=np.nan,
    )
    summary = summarize(quiet, "campaignName")
    for name in ("cpc", "cvr", "roas", "acos"):
        assert summary[name].isna().all(), name
    clicked = summary[summary["costType"] == "CPC"]
    assert clicked["sales"].isna().all()
    assert clicked["attributedSales14d"].isna().all()
    assert (summary.loc[summary["costType"] == "VCPM", "sales"] == 0).all()


def test_an_empty_frame_has_the_same_columns(frame: pd.DataFrame, store: ReportCache) -> None:
    columns = [*identity_columns("campaigns"), *default_metrics("campaigns")]
    key = Partition(SOURCE, str(US), "campaigns", None, "T00020", day(1))
    store_payload(store, key, gzip.compress(b"[]"), columns)
    empty = store.read("campaigns", day(1))
    assert len(empty) == 0
    assert add_kpis(empty).columns.tolist() == add_kpis(frame).columns.tolist()
    assert len(summarize(empty, "campaignName")) == 0
    assert {"acos", "orders"} <= set(summarize(empty, "campaignName"))


def test_ratios_are_computed_from_sums() -> None:
    frame = small(costType=["CPC"] * 2, impressions=[1000, 10], clicks=[10, 5], cost=[1.0, 9.0])
    assert summarize(frame)["ctr"].tolist() == [15 / 1010]


def test_metrics_that_are_not_additive_are_not_summed() -> None:
    frame = sample_frame("campaigns", 3, 1, metrics=available_metrics("campaigns"))
    summary_rows = summarize(frame, "campaignId")
    last = frame[frame["date"] == frame["date"].max()].set_index("campaignId")
    for name in ("campaignBudget", "cumulativeReach", "avgImpressionsFrequency"):
        shown = summary_rows.set_index("campaignId").loc[last.index, name]
        assert shown.tolist() == last[name].tolist(), name
        assert name not in summarize(frame, "tactic")
    by_tactic = summarize(frame, "tactic")
    rates = by_tactic["viewImpressions"] / by_tactic["impressions"]
    assert by_tactic["vtr"].tolist() == pytest.approx(rates.tolist())
    assert summary_rows["campaignName"].notna().all()
    assert summary_rows["currency"].unique().tolist() == ["USD"]
    assert "campaignName" not in by_tactic


def test_a_renamed_campaign_keeps_its_latest_name() -> None:
    frame = small(campaignId=[1, 1], campaignName=["old", "new"], clicks=[1, 2])
    frame["date"] = pd.to_datetime(["2026-11-01", "2026-11-02"]).astype("datetime64[s]")
    summary = summarize(frame.assign(impressions=[10, 20]), "campaignId")
    assert summary["campaignName"].tolist() == ["new"]
    assert summary["clicks"].tolist() == [3]


def test_days_without_rows_are_left_out() -> None:
    frame = small(clicks=[1, 2], impressions=[10, 10])
    frame["date"] = pd.to_datetime(["2026-11-01", "2026-11-05"]).astype("datetime64[s]")
    summary = summarize(frame, freq="D")
    assert summary["date"].tolist() == frame["date"].tolist()
    assert summary["date"].dtype == "datetime64[s]"


def test_a_total_row_is_the_summary_of_all(frame: pd.DataFrame) -> None:
    summary = summarize(frame, "campaignName", total=True)
    whole = summarize(frame).iloc[0]
    row = summary.iloc[-1]
    assert row["campaignName"] == "total"
    for name in NAMES:
        assert row[name] == pytest.approx(whole[name]), name
    plain = summarize(frame, "campaignName")
    pd.testing.assert_frame_equal(summary.iloc[:-1], plain)
    by_id = summarize(frame, ["tactic", "campaignId"], freq="W", total=True)
    assert by_id.iloc[-1]["tactic"] == "total"
    assert by_id["campaignId"].dtype == "Int64"
    assert by_id.iloc[-1]["cost"] == pytest.approx(frame["cost"].sum())


def test_currencies_are_not_added() -> None:
    frames = [sample_frame("campaigns", 2, 2, profile_id=profile) for profile in (US, JAPAN)]
    both = pd.concat(frames)
    with pytest.raises(InvalidRequest, match="JPY, USD"):
        summarize(both)
    assert summarize(both, "currency")["currency"].tolist() == ["JPY", "USD"]
    with pytest.raises(InvalidRequest, match="JPY, USD"):
        summarize(both, "currency", total=True)
    assert len(summarize(both[["date", "currency", "clicks", "impressions"]])) == 1


def test_compare_puts_two_periods_side_by_side(frame: pd.DataFrame) -> None:
    first, second = (str(day(14)), str(day(8))), (str(day(7)), str(day(1)))
    with pytest.warns(sda.ImmatureWarning):
        changes = compare(frame, first, second, by="campaignName").set_index("campaignName")
    for days, side in ((first, "a"), (second, "b")):
        part = frame[frame["date"].between(*days)]
        alone = summarize(part, "campaignName").set_index("campaignName")
        for name in ("cost", "orders", "acos"):
            ours = changes.loc[alone.index, f"{name}_{side}"].to_numpy("float64", na_value=np.nan)
            np.testing.assert_allclose(ours, alone[name].to_numpy("float64", na_value=np.nan))
    np.testing.assert_allclose(changes["cost_change"], changes["cost_b"] - changes["cost_a"])
    whole = compare(frame, first, second, metrics=["cost"])
    assert whole.columns.tolist() == ["cost_a", "cost_b", "cost_change", "cost_change_share"]
    share = whole["cost_b"][0] / whole["cost_a"][0] - 1
    assert whole["cost_change_share"][0] == pytest.approx(share)


def test_a_group_missing_in_one_period_had_no_activity() -> None:
    frame = small(campaignName=["a", "b"], clicks=[4, 6], impressions=[10, 20])
    frame["date"] = pd.to_datetime(["2026-11-01", "2026-11-08"]).astype("datetime64[s]")
    frame = frame.astype({"clicks": "Int64"})
    periods = ("2026-11-01", "2026-11-01"), ("2026-11-08", "2026-11-08")
    changes = compare(frame, *periods, by="campaignName", metrics=["clicks", "ctr"])
    assert changes["clicks_a"].tolist() == [4, 0]
    assert changes["clicks_b"].tolist() == [0, 6]
    assert changes["clicks_change_share"].isna().tolist() == [False, True]
    assert changes["ctr_b"].isna().tolist() == [True, False]


def test_a_summary_can_be_summarized_again(frame: pd.DataFrame) -> None:
    daily = summarize(frame, "tactic", freq="D")
    assert "costType" not in daily
    twice, once = summarize(daily, "tactic"), summarize(frame, "tactic")
    for name in ("orders", "sales", "acos", "cpc"):
        np.testing.assert_allclose(twice[name].to_numpy("float64"), once[name].to_numpy("float64"))


DAYS = ("2026-11-10", "2026-11-12")
LATER = ("2026-11-13", "2026-11-15")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda df: summarize(df, "campagnName"), "did you mean 'campaignName'"),
        (lambda df: summarize(df, "adGroupName"), "campaigns have no adGroupName"),
        (lambda df: summarize(summarize(df, "tactic"), "tactik"), "did you mean 'tactic'"),
        (lambda df: summarize(summarize(df, "tactic"), freq="D"), "freq='D' keeps the days"),
        (lambda df: summarize(df, "campaignName", freq="M"), "'MS' (months), got 'M'"),
        (lambda df: summarize(df, "cost"), "got 'cost', which is an amount"),
        (lambda df: summarize(df, 5), "name of a column or a list of names, got int"),  # type: ignore[arg-type]
        (lambda df: summarize(df["cost"]), "pandas DataFrame, got Series"),
        (lambda df: summarize(df.assign(date=df["date"].astype("str")), freq="D"), "to_datetime"),
        (lambda df: summarize(df.assign(cost="1.0")), "pd.to_numeric(df['cost'])"),
        (lambda df: summarize(pd.concat([df, df["cost"]], axis=1)), "repeats 'cost'"),
        (
            lambda df: compare(df.assign(date=df["date"].dt.tz_localize("UTC")), DAYS, DAYS),
            "must have no time zone",
        ),
        (
            lambda df: compare(df, DAYS, LATER, metrics=["campaignName"]),
            "not numeric and cannot be",
        ),
        (lambda df: add_kpis(df[["date", "campaignName"]]), "'costType'"),
        (lambda df: compare(df, ("2020-01-01", "2020-01-02"), DAYS), "period_a"),
        (lambda df: compare(df, "2026-11-10", DAYS), "pair of days (first, last), got"),  # type: ignore[arg-type]
        (lambda df: compare(df, DAYS, LATER, metrics=["acoss"]), "did you mean 'acos'"),
    ],
)
def test_kpis_that_cannot_be_computed_are_errors(
    frame: pd.DataFrame, call: Any, message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(frame)
    assert message in str(caught.value)


def test_provenance_is_kept(frame: pd.DataFrame) -> None:
    days = [f"{day:%Y-%m-%d}" for day in (frame["date"].min(), frame["date"].max())]
    notes = {"summarized_by": ["tactic"], "freq": None, "summarized_days": days}
    metadata = summarize(frame, "tactic").attrs["sdanalytics"]
    assert metadata == frame.attrs["sdanalytics"] | notes
    assert sda.add_kpis(frame).attrs == frame.attrs


@pytest.mark.parametrize("by", ["campaignName", "campaignId"])
def test_a_total_row_counts_in_no_further_summary(frame: pd.DataFrame, by: str) -> None:
    summary = summarize(frame, by, total=True)
    assert summarize(summary)["cost"].tolist() == pytest.approx([frame["cost"].sum()])
    again = summarize(summary, by, total=True)
    assert again["cost"].tolist() == pytest.approx(summary["cost"].tolist())


def test_a_campaign_called_total_still_counts() -> None:
    frame = small(campaignName=["total", "b"], clicks=[3, 4], impressions=[10, 10])
    summary = summarize(frame, "campaignName", total=True)
    assert summary["clicks"].tolist() == [4, 3, 7]
    assert summarize(summary)["clicks"].tolist() == [7]


def test_latest_values_do_not_depend_on_the_order_of_rows(frame: pd.DataFrame) -> None:
    shuffled = frame.sort_values("date", ascending=False)
    pd.testing.assert_frame_equal(
        summarize(shuffled, "campaignId"), summarize(frame, "campaignId"), check_like=True
    )


def test_results_can_be_processed_again(frame: pd.DataFrame) -> None:
    daily = summarize(frame, freq="D")
    once, twice = summarize(frame), summarize(daily)
    assert "purchase_rate" not in twice  # of vCPM campaigns, which a sum of all days is not
    for name in NAMES:
        if name == "purchase_rate":
            continue
        assert twice[name].iloc[0] == pytest.approx(once[name].iloc[0]), name


@pytest.mark.parametrize("key", ["day", "large"])
def test_a_total_row_fits_keys_of_any_type(frame: pd.DataFrame, key: str) -> None:
    keyed = frame.assign(day=frame["date"].dt.day_of_week, large=frame["cost"] > 100)
    summary = summarize(keyed, key, total=True)
    assert summary[key].isna().tolist() == [False] * (len(summary) - 1) + [True]
    assert summarize(summary)["cost"].iloc[0] == pytest.approx(frame["cost"].sum())
    doubled = pd.concat([summary, summary])
    doubled.attrs = summary.attrs
    assert summarize(doubled)["cost"].iloc[0] == pytest.approx(2 * frame["cost"].sum())


def test_periods_in_two_currencies_are_not_compared(frame: pd.DataFrame) -> None:
    half = frame["date"] < "2026-11-12"
    mixed = frame.assign(currency=frame["currency"].astype("str").where(half, "JPY"))
    with pytest.raises(InvalidRequest, match="JPY, USD"):
        compare(mixed, ("2026-11-08", "2026-11-11"), ("2026-11-12", "2026-11-15"))


def test_a_comparison_by_id_has_the_names(frame: pd.DataFrame) -> None:
    a, b = ("2026-11-08", "2026-11-10"), ("2026-11-11", "2026-11-13")
    sides = compare(frame, a, b, by="campaignId", metrics="cost")
    names = frame.groupby("campaignId")["campaignName"].last()
    assert sides["campaignName"].tolist() == names.loc[sides["campaignId"]].tolist()
    own = compare(frame.assign(mine=2.0), a, b, metrics=["mine"])
    assert own["mine_a"].tolist() == [2.0 * int(frame["date"].between(a[0], a[1]).sum())]
