"""Pacing on the sandbox, of which it is known what a month will have cost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics.sandbox.simulation.demand import _WEEKDAY_FACTORS
from tests.support.box import Box

METRICS = ["campaignName", "campaignStatus", "campaignBudget", "costType", "cost"]


def true_days(first: str, last: str, seed: int = 0) -> pd.DataFrame:
    with sda.sandbox.start(delay=0, seed=seed) as sandbox:
        return sandbox.truth("campaigns", first, last, metrics=METRICS)


def up_to(frame: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return the rows up to a day, with the metadata."""
    rows: pd.DataFrame = frame[frame["date"] <= day]
    rows.attrs = frame.attrs
    return rows


def test_the_middle_of_a_month_tells_its_end() -> None:
    errors = []
    for seed in (0, 1):
        truth = true_days("2026-04-20", "2026-10-31", seed)
        months = truth["date"].dt.strftime("%Y-%m")
        for month in ("2026-07", "2026-08", "2026-09", "2026-10"):
            pacing = sda.pacing(up_to(truth, f"{month}-15"))
            cost = truth["cost"][months == month].sum()
            errors.append(abs(pacing["cost_forecast"].iloc[-1] / cost - 1))
    assert np.mean(errors) < 0.03
    assert max(errors) < 0.05


def test_weekday_factors_are_found() -> None:
    pacing = sda.pacing(true_days("2026-07-20", "2026-09-15"))
    factors = pacing.attrs["sdanalytics"]["pacing"]["weekday_factors"]
    expected = np.array(_WEEKDAY_FACTORS) / np.mean(_WEEKDAY_FACTORS)
    assert np.abs(factors / expected - 1).max() < 0.06  # budgets flatten the weekend


def test_a_frame_has_names_types_and_a_total() -> None:
    frame = true_days("2026-08-21", "2026-10-15")
    pacing = sda.pacing(frame)
    assert list(pacing) == [
        "campaignId", "campaignName", "campaignStatus", "costType", "days_with_cost", "cost",
        "daily_rate", "cost_forecast", "cost_forecast_low", "cost_forecast_high", "daily_budget",
        "budget", "budget_share", "days_at_budget",
    ]  # fmt: skip
    campaigns, total = pacing.iloc[:-1], pacing.iloc[-1]
    assert total["campaignName"] == "total"
    assert campaigns["cost_forecast"].is_monotonic_decreasing
    for name in ("cost", "cost_forecast", "budget", "days_at_budget", "daily_rate"):
        assert total[name] == pytest.approx(campaigns[name].sum())
    assert total["cost"] == pytest.approx(frame["cost"][frame["date"] >= "2026-10-01"].sum())
    dtypes = pacing.dtypes.astype("str").to_dict()
    assert dtypes["campaignId"] == dtypes["days_with_cost"] == dtypes["days_at_budget"] == "Int64"
    assert dtypes["cost_forecast_low"] == dtypes["budget_share"] == "float64"
    json.dumps(pacing.attrs, allow_nan=False)
    # The total row does not count twice.
    assert sda.summarize(pacing)["cost"].item() == pytest.approx(total["cost"])


def test_summaries_by_campaign_and_day_do_as_well() -> None:
    frame = true_days("2026-08-21", "2026-10-15")
    summary = sda.summarize(frame, "campaignId", freq="D")
    columns = ["cost", "cost_forecast", "cost_forecast_low"]
    expected = sda.pacing(frame)[columns]
    pd.testing.assert_frame_equal(sda.pacing(summary)[columns], expected)


def test_today_is_no_whole_day_of_a_fetched_report(box: Box) -> None:
    frame = sda.fetch_report("campaigns", box.day(45), box.day(0), client=box.client, cache=False)
    pacing = sda.pacing(frame)
    days = pacing.attrs["sdanalytics"]["pacing"]
    assert days["unended_days"] == [box.day(0)]
    assert days["last_whole_day"] == box.day(1)
    before = sda.pacing(up_to(frame, box.day(1))).iloc[-1]
    total = pacing.iloc[-1]
    assert total["cost"] > before["cost"]
    assert total["cost_forecast"] == pytest.approx(before["cost_forecast"], rel=0.02)
