"""Pacing: the month so far, its end, and budgets. Forecasts are judged by simulated accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

import sdanalytics as sda
from sdanalytics import InvalidRequest, PeriodWarning
from tests.support.rows import small

Costs = npt.NDArray[np.float64]
FIRST, LAST = "2026-08-21", "2026-10-15"
"""Eight weeks, up to the middle of a month of 31 days."""
FACTORS = np.array([0.9, 0.8, 0.85, 0.95, 1.05, 1.25, 1.2])


def days_to(last: str, first: str = FIRST) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in pd.date_range(first, last)]


def account(
    costs: Mapping[int, Sequence[float]] | Costs, last: str = LAST, **columns: Any
) -> pd.DataFrame:
    """Return a frame of campaigns, with the costs of each one's last days."""
    rows: dict[str, list[Any]] = {"date": [], "campaignId": [], "cost": []}
    by_campaign = costs if isinstance(costs, Mapping) else dict(enumerate(costs))
    for campaign, values in by_campaign.items():
        end = pd.Timestamp(last)
        days = pd.date_range(end - pd.Timedelta(days=len(values) - 1), end)
        rows["date"] += [f"{day:%Y-%m-%d}" for day in days]
        rows["campaignId"] += [campaign] * len(values)
        rows["cost"] += list(values)
    frame = small(**rows).astype({"campaignId": "Int64"}).assign(**columns)
    frame.attrs["sdanalytics"] = {"currency": "USD", "record_type": "campaigns", "fetched_on": []}
    return frame


def keep(frame: pd.DataFrame, is_kept: Any) -> pd.DataFrame:
    """Return some rows, with the metadata."""
    rows: pd.DataFrame = frame[is_kept]
    rows.attrs = frame.attrs
    return rows


def by_weekday(level: float, last: str = LAST, first: str = FIRST) -> list[float]:
    return [level * FACTORS[day.weekday()] for day in pd.date_range(first, last)]


def total(pacing: pd.DataFrame) -> pd.Series[Any]:
    return pacing.iloc[-1]


def notes(pacing: pd.DataFrame) -> Any:
    return pacing.attrs["sdanalytics"]["pacing"]


# -- the forecast ------------------------------------


def test_regular_costs_are_continued_exactly() -> None:
    costs = {1: by_weekday(100.0), 2: by_weekday(20.0)}
    pacing = sda.pacing(account(costs))
    assert notes(pacing)["weekday_factors"] == pytest.approx(FACTORS / FACTORS.mean())
    month = sum(by_weekday(100.0, "2026-10-31", "2026-10-01"))
    first = pacing.iloc[0]
    assert first["cost"] == pytest.approx(sum(by_weekday(100.0, LAST, "2026-10-01")))
    assert first["daily_rate"] == pytest.approx(100.0)
    assert first["cost_forecast"] == pytest.approx(month)
    assert total(pacing)["cost_forecast"] == pytest.approx(1.2 * month)
    assert total(pacing)["label"] == "total"
    width = total(pacing)["cost_forecast_high"] - total(pacing)["cost_forecast_low"]
    assert 0 < width < 0.05 * month


def test_growth_and_new_campaigns_are_not_taken_for_weekdays() -> None:
    """A campaign that began on a Saturday, and one that doubled."""
    costs = by_weekday(100.0)
    doubled = [2 * cost if number >= 28 else cost for number, cost in enumerate(costs)]
    pacing = sda.pacing(account({1: by_weekday(30.0), 2: doubled, 3: by_weekday(50.0)[-27:]}))
    assert notes(pacing)["weekday_factors"] == pytest.approx(FACTORS / FACTORS.mean(), rel=0.01)


def predict_densely(costs: Costs, horizon: int, spread: float) -> tuple[float, float]:
    """Return the sum of coming days and half its interval, by the joint normal distribution.

    Another way to the local-level model than a filter: generalized least squares, restricted
    likelihood, and best linear unbiased prediction from one matrix of covariances.
    """
    count = len(costs)
    size = count + horizon
    prior, degrees = 3 * (spread * costs.mean()) ** 2, 3 + count - 1
    steps = np.minimum.outer(np.arange(size), np.arange(size)).astype("float64")
    results = []
    for ratio in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3):
        covariance = np.eye(size) + ratio * steps
        inner = np.linalg.inv(covariance[:count, :count])
        ones = np.ones(count)
        precision = ones @ inner @ ones
        mean = ones @ inner @ costs / precision
        residuals = costs - mean
        noise = (prior + residuals @ inner @ residuals) / degrees
        _, log_determinant = np.linalg.slogdet(covariance[:count, :count])
        likelihood = -0.5 * (degrees * np.log(noise) + log_determinant + np.log(precision))
        to_sum = covariance[count:, :count].sum(axis=0) @ inner
        expected = horizon * mean + to_sum @ residuals
        leverage = horizon - to_sum @ ones
        error = covariance[count:, count:].sum() - to_sum @ covariance[count:, :count].sum(axis=0)
        results.append((likelihood, expected, noise * (error + leverage**2 / precision)))
    likelihoods, sums, variances = np.array(results).T
    weights = np.exp(likelihoods - likelihoods.max())
    weights /= weights.sum()
    expected = weights @ sums
    variance = weights @ (variances + (sums - expected) ** 2)
    return float(expected), float(stats.t.ppf(0.9, degrees) * np.sqrt(variance))


@pytest.mark.parametrize("spread", [5.0, 30.0])
def test_forecasts_are_those_of_the_joint_distribution(spread: float) -> None:
    """Of less than two weeks, in which weekdays cannot be told apart."""
    costs = np.random.default_rng(5).normal(100.0, spread, 12)
    row = sda.pacing(account({1: costs.tolist()}, "2026-10-12")).iloc[0]
    expected, error = predict_densely(costs, 19, spread=0.3)
    rest = row["cost_forecast"] - row["cost"]
    assert rest == pytest.approx(expected)
    assert row["cost_forecast_high"] - row["cost_forecast"] == pytest.approx(error)
    assert row["cost_forecast"] - row["cost_forecast_low"] == pytest.approx(error)


def simulate(generator: np.random.Generator, campaigns: int, common: float) -> Costs:
    """Return costs of 72 days whose levels wander, more or less; days are good or bad for all."""
    shape = campaigns, 72
    drift = generator.choice([0.005, 0.01, 0.02, 0.04])
    steps = generator.normal(0.0, drift, shape).cumsum(axis=1)
    levels = np.exp(generator.normal(3.0, 1.0, (campaigns, 1)) + steps)
    own = np.sqrt(1 - common) * generator.normal(size=shape)
    noise = own + np.sqrt(common) * generator.normal(size=72)
    weekdays = (pd.Timestamp(FIRST).day_of_week + np.arange(72)) % 7
    costs: Costs = levels * FACTORS[weekdays] * np.exp(0.2 * noise)
    return costs


@pytest.mark.parametrize("common", [0.0, 0.5])
def test_intervals_cover_what_they_say(common: float) -> None:
    generator = np.random.default_rng(19)
    covered, covered_totals = [], []
    for _ in range(100):
        costs = simulate(generator, 5, common)
        pacing = sda.pacing(account(costs[:, :56]))
        truth = costs[:, 41:].sum(axis=1)
        rows = pacing.iloc[:-1]
        truths = truth[rows["campaignId"].to_numpy("int64")]
        is_covered = rows["cost_forecast_low"].le(truths) & rows["cost_forecast_high"].ge(truths)
        covered.append(is_covered.mean())
        last = total(pacing)
        covered_totals.append(
            last["cost_forecast_low"] <= truth.sum() <= last["cost_forecast_high"]
        )
    assert np.mean(covered) == pytest.approx(0.8, abs=0.08)
    assert np.mean(covered_totals) == pytest.approx(0.8, abs=0.08)


def test_campaigns_that_err_together_widen_the_total() -> None:
    widths = []
    for common in (0.0, 0.9):
        costs = simulate(np.random.default_rng(3), 8, common)
        last = total(sda.pacing(account(costs[:, :56])))
        widths.append((last["cost_forecast_high"] - last["cost_forecast_low"]) / last["cost"])
    assert widths[1] > 1.5 * widths[0]


# -- days that are not whole, and days that are missing ------------------------------------


def with_today(costs: dict[int, Sequence[float]], last: str = "2026-10-16") -> pd.DataFrame:
    """Return a frame whose last day was fetched before it had ended."""
    frame = account(costs, last)
    frame.attrs["sdanalytics"]["fetched_on"] = [["2026-08-01", last, last]]
    return frame


def test_a_day_that_has_not_ended_is_no_whole_day() -> None:
    whole = total(sda.pacing(account({1: by_weekday(100.0)})))
    pacing = sda.pacing(with_today({1: [*by_weekday(100.0), 10.0]}))
    assert notes(pacing)["unended_days"] == ["2026-10-16"]
    assert notes(pacing)["last_whole_day"] == LAST
    last = total(pacing)
    assert last["cost"] == pytest.approx(whole["cost"] + 10.0)
    assert last["cost_forecast"] == pytest.approx(whole["cost_forecast"])
    # It has cost more already than was expected of all of it.
    dear = total(sda.pacing(with_today({1: [*by_weekday(100.0), 300.0]})))
    expected = 100.0 * FACTORS[date(2026, 10, 16).weekday()]
    assert dear["cost_forecast"] == pytest.approx(whole["cost_forecast"] + 300.0 - expected)


def test_the_first_of_a_month_has_a_forecast_from_the_months_before() -> None:
    pacing = sda.pacing(with_today({1: [50.0] * 57}, "2026-10-01"))
    assert notes(pacing)["month"] == "2026-10"
    assert total(pacing)["cost"] == 50.0
    assert total(pacing)["cost_forecast"] == pytest.approx(31 * 50.0)


def test_without_a_whole_day_there_is_no_forecast() -> None:
    with pytest.raises(InvalidRequest, match="no whole day"):
        sda.pacing(with_today({1: [10.0]}))


def test_a_frame_without_metadata_counts_all_days_as_whole_and_says_so() -> None:
    frame = account({1: by_weekday(100.0)})
    expected = sda.pacing(frame)
    frame.attrs["sdanalytics"].pop("fetched_on")
    with pytest.warns(PeriodWarning, match="does not tell when its days were fetched"):
        pacing = sda.pacing(frame)
    pd.testing.assert_frame_equal(pacing, expected)


def test_days_that_the_frame_lacks_are_said_and_are_no_days_without_cost() -> None:
    frame = account({1: [100.0] * 56})
    frame = keep(frame, ~frame["date"].isin(pd.to_datetime(["2026-10-03", "2026-10-04"])))
    with pytest.warns(PeriodWarning, match=r"lacks 2 days .*2026-10 \(2026-10-03, 2026-10-04\)"):
        pacing = sda.pacing(frame)
    assert notes(pacing)["missing_days"] == ["2026-10-03", "2026-10-04"]
    assert total(pacing)["cost"] == 1300.0
    assert total(pacing)["daily_rate"] == pytest.approx(100.0)


def test_a_month_that_is_over_has_its_cost() -> None:
    frame = account({1: by_weekday(100.0)})
    for month in ("2026-09", pd.Period("2026-09", "M"), date(2026, 9, 12), "2026-09-12"):
        last = total(sda.pacing(frame, month))
        expected = sum(by_weekday(100.0, "2026-09-30", "2026-09-01"))
        for name in ("cost", "cost_forecast", "cost_forecast_low", "cost_forecast_high"):
            assert last[name] == pytest.approx(expected)


# -- campaigns that begin and end ------------------------------------


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_a_campaign_that_is_switched_off_costs_no_more(status: str) -> None:
    frame = account({1: [100.0] * 56, 2: [10.0] * 56})
    frame["campaignStatus"] = pd.Categorical(["enabled"] * 111 + [status])
    pacing = sda.pacing(frame)
    off = pacing.iloc[1]
    assert off["campaignStatus"] == status
    assert off["daily_rate"] == 0.0
    assert off["cost"] == off["cost_forecast"] == off["cost_forecast_high"] == 150.0


def test_a_campaign_has_stopped_after_more_days_without_cost_than_ever() -> None:
    stopped = [100.0] * 53 + [0.0] * 3
    sporadic = ([100.0] + [0.0] * 4) * 11 + [100.0]
    paused_once = [100.0] * 30 + [0.0] * 5 + [100.0] * 18 + [0.0] * 3
    frame = account({1: stopped, 2: sporadic, 3: paused_once})
    rates = sda.pacing(frame).set_index("campaignId")["daily_rate"]
    assert rates[1] == 0.0
    assert rates[2] == pytest.approx(20.0, rel=0.3)
    assert 0.0 < rates[3] < 100.0
    # Reports have no rows of days without traffic: it is all the same.
    sparse = keep(frame, (frame["cost"] > 0) | (frame["campaignId"] == 2))
    assert sda.pacing(sparse).set_index("campaignId")["daily_rate"].equals(rates)


def test_a_new_campaign_has_a_wide_interval_and_no_days_before() -> None:
    pacing = sda.pacing(account({1: [100.0, 101.0] * 28, 2: [100.0, 101.0], 3: [100.0]}))
    rows = pacing.set_index("campaignId")
    widths = rows["cost_forecast_high"] - rows["cost_forecast_low"]
    assert widths[3] > widths[2] > widths[1]
    assert rows.loc[2, "days_with_cost"] == 2
    assert rows.loc[2, "cost_forecast"] == pytest.approx(201 + 16 * 100.5, rel=0.01)


def test_campaigns_that_ended_before_the_month_are_left_out() -> None:
    frame = account({1: [100.0] * 56, 2: [10.0] * 30 + [0.0] * 26})
    assert sda.pacing(frame)["campaignId"].dropna().tolist() == [1]


# -- budgets ------------------------------------


def test_budgets_are_those_of_the_days() -> None:
    frame = account({1: [100.0] * 56, 2: [10.0] * 5})
    frame["campaignBudget"] = np.where(frame["campaignId"] == 1, 200.0, 10.4)
    is_changed = (frame["campaignId"] == 1) & (frame["date"] >= "2026-10-06")
    frame.loc[is_changed, "campaignBudget"] = 105.0
    rows = sda.pacing(frame)
    first, second, last = (rows.iloc[number] for number in range(3))
    assert first["daily_budget"] == 105.0
    assert first["budget"] == 5 * 200.0 + 26 * 105.0
    assert first["days_at_budget"] == 10  # 100 of 105: 95.2 %
    assert second["budget"] == pytest.approx(21 * 10.4)  # from its first day on
    assert second["days_at_budget"] == 5
    assert last["budget"] == pytest.approx(first["budget"] + second["budget"])
    assert last["daily_budget"] == pytest.approx(115.4)
    assert last["days_at_budget"] == 15
    assert last["budget_share"] == pytest.approx(last["cost_forecast"] / last["budget"])


def test_no_campaign_is_expected_to_cost_more_than_its_month() -> None:
    """A budget that was halved yesterday."""
    frame = account({1: [100.0] * 56})
    frame["campaignBudget"] = np.where(frame["date"] < LAST, 100.0, 50.0)
    row = sda.pacing(frame).iloc[0]
    assert row["cost_forecast"] == pytest.approx(14 * 100.0 + 17 * 50.0)
    assert row["cost_forecast_low"] < row["cost_forecast"] < row["cost_forecast_high"]


def test_reports_without_budgets_have_forecasts() -> None:
    """Of parts of campaigns, which are added up."""
    parts = account({1: [60.0] * 56, 2: [40.0] * 56}).assign(campaignId=7)
    row = sda.pacing(parts).iloc[0]
    assert row["campaignId"] == 7
    assert row["cost_forecast"] == pytest.approx(3100.0)
    assert pd.isna(row["budget"])
    assert pd.isna(row["days_at_budget"])


# -- the frame ------------------------------------


def test_frames_that_have_no_pacing_are_refused() -> None:
    frame = account({1: [100.0] * 20})
    weekly = sda.summarize(frame, "campaignId", freq="W")
    two_currencies = frame.assign(currency=["USD"] * 10 + ["EUR"] * 10)
    cases: list[tuple[Any, Any, str]] = [
        (weekly, None, "single days, got a summary by 'W-SUN'"),
        (frame.drop(columns="campaignId"), None, "no column 'campaignId'"),
        (frame.drop(columns="cost"), None, "no column 'cost'"),
        (frame.head(0), None, "no rows"),
        (frame.replace({"cost": {100.0: float("inf")}}), None, "cost must be finite"),
        (two_currencies, None, "several currencies"),
        (frame, "2026-11", "no row of the month 2026-11: its days are 2026-09-26 to 2026-10-15"),
        (frame, "October", "month must be a month such as '2026-11'"),
        (frame, 10, "month must be a month"),
        (frame, pd.Period("2026Q4", "Q"), "month must be a month"),
        (frame, pd.NaT, "month must be a month"),
        ([1], None, "DataFrame"),
    ]
    for data, month, message in cases:
        with pytest.raises(InvalidRequest, match=message):
            sda.pacing(data, month)
