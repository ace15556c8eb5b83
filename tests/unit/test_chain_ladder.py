"""The chain ladder and maturity curves, against published results and known delays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics.analysis.chain_ladder import estimate_development, find_steps, keep_recent_steps
from sdanalytics.analysis.maturity_curve import estimate_maturity

# A triangle of the Reinsurance Association of America (1991), an example in much of the literature,
# and the standard errors by Mack's method that the package `chainladder` (0.10.1) gives for it.
TRIANGLE = [
    [5012, 8269, 10907, 11805, 13539, 16181, 18009, 18608, 18662, 18834],
    [106, 4285, 5396, 10666, 13782, 15599, 15496, 16169, 16704],
    [3410, 8992, 13873, 16141, 18735, 22214, 22863, 23466],
    [5655, 11555, 15766, 21266, 23425, 26083, 27067],
    [1092, 9565, 15836, 22169, 25955, 26180],
    [1513, 6445, 11702, 12935, 15852],
    [557, 4020, 10946, 12314],
    [1351, 6947, 13112],
    [3133, 5395],
    [2063],
]
STANDARD_ERRORS = [206, 623, 747, 1469, 2002, 2209, 5358, 6333, 24566]
AGES = 61
DELAY = np.exp(-np.arange(AGES) / 4)
SHARES = np.cumsum(DELAY / DELAY.sum())
"""The share of orders that has arrived by each age."""


def triangle() -> tuple[Any, Any]:
    numbers = np.zeros((10, 10))
    is_observed = np.zeros((10, 10), dtype=bool)
    for day, row in enumerate(TRIANGLE):
        numbers[day, : len(row)] = row
        is_observed[day, : len(row)] = True
    return numbers, is_observed


def simulate_history(seed: int, *, weekly: bool) -> pd.DataFrame:
    """Return the versions of 120 days of two cost types, fetched daily or every Monday."""
    generator = np.random.default_rng(seed)
    first = pd.Timestamp("2026-06-01")
    rows: list[dict[str, Any]] = []
    for day in range(120):
        date = first + pd.Timedelta(days=day)
        for campaign, cost_type in enumerate(("CPC", "VCPM")):
            delays = generator.choice(AGES, size=generator.poisson(80), p=DELAY / DELAY.sum())
            arrived = np.cumsum(np.bincount(delays, minlength=AGES))
            for age in range(min(AGES, 120 - day)):
                fetched = date + pd.Timedelta(days=age + 1)
                if weekly and fetched.day_of_week:
                    continue
                rows.append({
                    "date": date, "tactic": "T00020", "campaignId": campaign,
                    "costType": cost_type, "fetched_at": fetched, "age": age,
                    "attributedConversions14d": arrived[age],
                    "viewAttributedConversions14d": arrived[age],
                })  # fmt: skip
    counts = ["age", "attributedConversions14d", "viewAttributedConversions14d"]
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64"))


def test_standard_errors_are_those_of_an_independent_judge() -> None:
    numbers, is_observed = triangle()
    development = estimate_development(numbers, find_steps(is_observed))
    assert development.factors[0] == pytest.approx(2.999, abs=0.001)
    latest_age = is_observed.sum(axis=1) - 1
    latest = numbers[np.arange(10), latest_age]
    ultimate = latest / development.shares[latest_age]
    parameter = ultimate**2 * development.parameter_variances[latest_age]
    own = ultimate * development.own_variances[latest_age]
    errors = np.sqrt(parameter + own)
    assert errors[0] == 0
    assert errors[1:] == pytest.approx(STANDARD_ERRORS, abs=1.5)
    assert (ultimate - latest).sum() == pytest.approx(52_135, abs=1)


def test_recent_days_are_those_that_a_factor_rests_on() -> None:
    _, is_observed = triangle()
    steps = keep_recent_steps(find_steps(is_observed), 3)
    assert steps.covered.sum(axis=0).tolist() == [3] * 7 + [2, 1]
    assert steps.day[steps.covered[:, 0]].tolist() == [6, 7, 8]


@pytest.mark.parametrize(("weekly", "share_of_days"), [(False, 1), (True, 1 / 7)])
def test_a_known_delay_is_found(weekly: bool, share_of_days: float) -> None:
    curve = estimate_maturity(simulate_history(1, weekly=weekly), ["costType"])
    orders = curve[curve["metric"] == "orders"]
    assert set(orders["costType"]) == {"CPC", "VCPM"}
    assert orders["age"].max() == 41
    truth = SHARES[orders["age"].to_numpy(dtype=int)]
    # The error of a binomial share of the orders of 56 days, those that were fetched at the age.
    error = np.sqrt((1 - truth) / (truth * 56 * 80 * share_of_days))
    assert (np.abs(orders["share"] / truth - 1) < 4 * error).all()


def test_bounds_hold_the_truth_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(8):
        curve = estimate_maturity(simulate_history(seed, weekly=False), ["costType"])
        young = curve[(curve["metric"] == "orders") & curve["age"].isin([0, 3, 7])]
        truth = SHARES[young["age"].to_numpy(dtype=int)]
        held += list((young["share_low"] <= truth) & (truth <= young["share_high"]))
    assert 0.6 <= np.mean(held) <= 0.97
