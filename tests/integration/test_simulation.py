"""The sandbox's accounts behave as real ones do: chance, budgets, incidents, late orders.

What is compared with a chance of its own is the sum of many days: no test here fails by chance,
as the draws are the same each time.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics import fetch_report, sandbox
from sdanalytics.sandbox import Sandbox
from tests.support.box import Box
from tests.support.clock import JumpingClock

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
CALM = "2026-06-25", "2026-10-22"
"""120 days without a sale."""
COMPETITORS = "Backpacks – Competitors"
ORDERS, SALES = "attributedConversions14d", "attributedSales14d"


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with sandbox.start(now=lambda: NOW, delay=0.0) as service:
        yield service


@pytest.fixture(scope="module")
def large() -> Iterator[Sandbox]:
    with sandbox.start(now=lambda: NOW, delay=0.0, campaigns=300) as service:
        yield service


@pytest.fixture(scope="module")
def campaigns(service: Sandbox) -> pd.DataFrame:
    return service.truth("campaigns", *CALM)


def measure_dispersion(
    service: Sandbox, record_type: str, keys: list[str], **options: Any
) -> tuple[float, int]:
    """Return the mean of squared Pearson residuals of binomial orders, and their number.

    Pearson's chi-squared by its degrees of freedom, of which no rate takes one, as the rates are
    known (McCullagh & Nelder 1989, 4.5). Where less than half an order is expected it says little.
    """
    metrics = ["clicks", ORDERS]
    drawn = service.truth(record_type, *CALM, metrics=metrics, **options)
    expected = service.truth(record_type, *CALM, metrics=metrics, expected=True, **options)
    assert drawn[keys].equals(expected[keys])
    mean, clicks = expected[ORDERS].to_numpy(), drawn["clicks"].to_numpy(float)
    observed = drawn[ORDERS].to_numpy(float)
    counted = mean > 0.5
    variance = mean * (1 - mean / np.maximum(clicks, 1))
    residuals = (observed - mean)[counted] / np.sqrt(variance[counted])
    return float(np.mean(residuals**2)), int(counted.sum())


# -- chance ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_type", "key"),
    [("targets", "targetId"), ("campaigns", "campaignId"), ("productAds", "adId")],
)
def test_orders_have_the_dispersion_of_chance(service: Sandbox, record_type: str, key: str) -> None:
    dispersion, count = measure_dispersion(service, record_type, ["date", key])
    assert count > 1000
    assert 0.9 < dispersion < 1.1


def test_the_orders_of_a_large_account_have_it_too(large: Sandbox) -> None:
    metrics = ["clicks", ORDERS]
    days = "2026-09-01", "2026-09-07"
    drawn = large.truth("targets", *days, metrics=metrics)
    expected = large.truth("targets", *days, metrics=metrics, expected=True)
    mean, observed = expected[ORDERS].to_numpy(), drawn[ORDERS].to_numpy(float)
    variance = mean * (1 - mean / drawn["clicks"].to_numpy(float).clip(1))
    counted = mean > 0.2
    assert counted.sum() > 3000
    assert 0.9 < np.mean((observed - mean)[counted] ** 2 / variance[counted]) < 1.1


@pytest.mark.parametrize(
    "name",
    [
        ORDERS,
        SALES,
        "viewAttributedSales14d",
        "attributedOrdersNewToBrand14d",
        "attributedSales14dSameSKU",
        "viewAttributedUnitsOrdered14d",
        "attributedSales1d",
    ],
)
def test_draws_have_their_expectation(service: Sandbox, name: str) -> None:
    drawn = service.truth("campaigns", *CALM, metrics=[name])[name].sum()
    expected = service.truth("campaigns", *CALM, metrics=[name], expected=True)[name].sum()
    assert drawn == pytest.approx(expected, rel=0.03)


def test_another_seed_draws_other_days_of_the_same_campaigns(service: Sandbox) -> None:
    day = "2026-11-01"
    with sandbox.start(now=lambda: NOW, seed=7) as other, sandbox.start(seed=7) as again:
        drawn = other.truth("targets", day)
        pd.testing.assert_frame_equal(again.truth("targets", day), drawn)
        usual = service.truth("targets", day)
        assert drawn["targetId"].tolist() == usual["targetId"].tolist()
        assert drawn["clicks"].tolist() != usual["clicks"].tolist()


def test_targets_of_a_campaign_convert_differently(service: Sandbox) -> None:
    names = ["campaignName", "clicks", ORDERS]
    frame = service.truth("targets", *CALM, metrics=names, expected=True)
    totals = frame.groupby(["campaignName", "targetId"], observed=True)[["clicks", ORDERS]].sum()
    rates = totals[ORDERS] / totals["clicks"]
    permanent = [name for name in frame["campaignName"].unique() if "Launch" not in name]
    spread = rates.groupby("campaignName").std() / rates.groupby("campaignName").mean()
    assert (spread[permanent] > 0.2).all()
    rest = rates / rates.groupby("campaignName").transform("mean")
    waste = rest[(rest < 0.1) & (totals["clicks"] > 100)]
    assert 1 <= len(waste) < 0.2 * len(rates)


# -- money -------------------------------------------------------------------------------------


def test_no_day_costs_more_than_a_quarter_over_the_budget(
    service: Sandbox, large: Sandbox, campaigns: pd.DataFrame
) -> None:
    november = service.truth("campaigns", "2026-11-01", "2026-11-30")
    many = large.truth("campaigns", "2026-11-20", "2026-11-30")
    for frame in (campaigns, november, many):
        spent = frame["cost"] / frame["campaignBudget"]
        assert spent.max() <= 1.25
        assert 0.01 < (spent > 1).mean() < 0.3  # budgets bind on some days


def test_more_money_brings_less_and_less(large: Sandbox) -> None:
    """Of the days of a campaign, those with more clicks have fewer orders for each."""
    frame = large.truth("campaigns", "2026-09-01", "2026-09-28", expected=True)
    frame = frame[frame["clicks"] > 50]
    shown = frame["impressions"].astype(float)
    volume = np.log(shown / shown.groupby(frame["campaignId"]).transform("mean"))
    rate = frame[ORDERS] / frame["clicks"]
    relative = np.log(rate / rate.groupby(frame["campaignId"]).transform("median"))
    slope = np.polyfit(volume, relative, 1)[0]
    assert -1.0 < slope < -0.15
    totals = frame.groupby("campaignId")[["cost", "viewAttributedSales14d"]].sum()
    ranks = totals["cost"].rank().corr((totals["viewAttributedSales14d"] / totals["cost"]).rank())
    assert ranks < -0.05


def test_incidents_are_rare_and_seen(campaigns: pd.DataFrame) -> None:
    frame = campaigns[campaigns["campaignName"] == COMPETITORS].set_index("date")
    daily = frame["cost"] / frame["clicks"]
    is_incident = daily > 1.35 * daily.median()
    assert 0.02 <= is_incident.mean() <= 0.05
    spent, sold = frame["cost"], frame["viewAttributedSales14d"]
    assert spent[is_incident].mean() > 2 * spent[~is_incident].mean()
    assert sold[is_incident].mean() < 0.5 * sold[~is_incident].mean()
    others = campaigns[campaigns["campaignName"] == "Tents – Category"]
    price = others["cost"] / others["clicks"]
    assert price.max() < 1.25 * price.median()


def test_weekdays_and_a_sale_matter(service: Sandbox) -> None:
    frame = service.truth("campaigns", "2026-06-25", "2026-12-10")
    frame = frame[frame["campaignName"] != COMPETITORS]
    names = ["impressions", "viewAttributedConversions14d"]
    daily = frame.groupby("date")[names].sum().reset_index()
    weekly = daily["impressions"].groupby(daily["date"].dt.day_of_week).mean()
    assert weekly.idxmax() in (5, 6)
    assert weekly.max() > 1.15 * weekly.min()
    sale = daily.loc[daily["date"].between("2026-11-27", "2026-11-30"), names].mean()
    before = daily.loc[daily["date"].between("2026-11-06", "2026-11-19"), names].mean()
    assert sale["impressions"] > 1.25 * before["impressions"]
    assert sale["viewAttributedConversions14d"] > 1.4 * before["viewAttributedConversions14d"]


# -- late orders ---------------------------------------------------------------------------------


def test_most_orders_arrive_within_a_day_and_a_few_are_restated(box: Box) -> None:
    """The orders of two weeks by their age, as a share of the final ones."""
    metric, start = "viewAttributedConversions14d", box.sandbox.today
    box.clock.pass_time(timedelta(days=14).total_seconds())
    days = [start + timedelta(n) for n in range(14)]
    final = box.sandbox.truth("campaigns", days[0], days[-1], metrics=[metric])[metric].sum()
    client = box.client_for(0, "v3")
    shares, seen = {}, {}
    for age in (1, 14, 28, 35, 50):
        moment = datetime.combine(days[-1], datetime.min.time(), UTC) + timedelta(days=age + 2)
        box.clock.pass_time((moment - box.clock.now()).total_seconds())
        frame = fetch_report(
            "campaigns", days[0], days[-1], metrics=[metric], client=client, cache=False
        )
        seen[age] = frame.set_index(["date", "campaignId"])[metric]
        if age == 1:
            newest = frame[frame["date"] == frame["date"].max()]
            truth = box.sandbox.truth("campaigns", days[-1], metrics=[metric])
            shares[age] = newest[metric].sum() / truth[metric].sum()
        else:
            shares[age] = frame[metric].sum() / final
    assert 0.55 < shares[1] < 0.95
    assert 0.98 < shares[14] < 1.03
    late = (seen[28] - seen[14]).clip(lower=0).sum() / final
    assert 0.005 < late < 0.05
    assert shares[28] > shares[35] > shares[50] > 0.99  # cancelled


# -- a large account -----------------------------------------------------------------------------


def test_a_large_account_has_as_many_campaigns_as_are_wanted(large: Sandbox) -> None:
    for profile_id, prefix in zip(large.profile_ids, ("US", "DE", "JP"), strict=True):
        frame = large.truth("campaigns", "2026-11-10", profile_id=profile_id)
        names = frame["campaignName"]
        assert names.is_unique
        assert frame["campaignId"].is_unique
        by_convention = names[names.str.startswith(f"SD | {prefix} | 202")]
        assert len(by_convention) == 292
        assert by_convention.str.count(r" \| ").eq(5).all()
        assert 297 < len(names) <= 303
        assert set(frame["costType"]) == {"CPC", "VCPM"}


def test_the_usual_campaigns_are_part_of_a_large_account(large: Sandbox, service: Sandbox) -> None:
    names = set(service.truth("campaigns", "2026-11-10")["campaignName"])
    assert names <= set(large.truth("campaigns", "2026-11-10")["campaignName"])
    with sandbox.start(campaigns=3) as small:
        permanent = small.truth("campaigns", "2026-11-10")["campaignName"]
        assert (~permanent.str.startswith("Launch")).sum() == 3


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_a_large_account_is_fetched(large: Sandbox, api: str) -> None:
    day = large.today - timedelta(days=60)
    client = large.client_for(large.profile_ids[0], JumpingClock(NOW), api)
    frame = fetch_report("campaigns", day, client=client, cache=False)
    pd.testing.assert_frame_equal(frame, large.truth("campaigns", day)[list(frame)])
    assert frame["tactic"].isin(["T00020", "T00030"]).all()


def test_a_day_is_the_same_in_every_process(service: Sandbox) -> None:
    """Alone there, and here after others."""
    script = """
from sdanalytics import sandbox
with sandbox.start() as service:
    print(service.truth("asins", "2026-10-05").to_csv())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    span = service.truth("asins", "2026-10-01", "2026-10-09")
    here = span[span["date"] == "2026-10-05"].reset_index(drop=True)
    assert run.stdout.strip() == here.to_csv().strip()
