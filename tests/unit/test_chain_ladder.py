"""The chain ladder and maturity curves, against published results and known delays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics.analysis.chain_ladder import Prior, estimate_development, sum_to_last
from sdanalytics.analysis.maturity_curve import estimate_from_vintages, tabulate
from sdanalytics.analysis.steps import find_spans, find_steps, keep_recent_steps
from sdanalytics.analysis.vintages import collect_vintages

AGES = 61
DELAY = np.exp(-np.arange(AGES) / 4)
SHARES = np.cumsum(DELAY / DELAY.sum())
"""The share of orders that has arrived by each age."""


def estimate_triangle(numbers: Any) -> tuple[Any, Any, Any]:
    """Return the growth by age, the variances, and the position of each number."""
    day, age = np.nonzero(~np.isnan(numbers))
    steps = find_steps(day, age)
    ages = numbers.shape[1] - 1
    flat = numbers[day, age]
    nothing = Prior(np.zeros(ages), np.zeros((ages, ages)))
    before, after = flat[steps.version], flat[steps.version + 1]
    growth, variances = estimate_development(before, after, find_spans(steps, ages), nothing)
    return growth, variances, np.isnan(numbers)


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


def estimate_curve(history: pd.DataFrame) -> pd.DataFrame:
    vintages = collect_vintages(history, ["costType"])
    return tabulate(estimate_from_vintages(vintages))


@pytest.mark.filterwarnings("ignore")  # of the judge
def test_factors_and_errors_are_those_of_an_independent_judge() -> None:
    # With the lowest dependencies it is not installed.
    chainladder = pytest.importorskip("chainladder")
    # A triangle of the Reinsurance Association of America, much used in the literature, without
    # its last age, at which there is one number: Mack assumes the variance there.
    triangle = chainladder.load_sample("raa")
    triangle = triangle[triangle.development < triangle.development.max()]
    mack = chainladder.Development(sigma_interpolation="mack").fit_transform(triangle)
    judge = chainladder.MackChainladder().fit(mack)
    numbers = triangle.values[0, 0]
    growth, variances, is_missing = estimate_triangle(numbers)
    factors = np.exp(growth.mean)
    assert factors == pytest.approx(judge.ldf_.values.ravel()[: len(factors)], rel=1e-6)

    age = (~is_missing).sum(axis=1) - 1
    final = numbers[np.arange(len(numbers)), age] / growth.shares[age]
    assert final[1:] == pytest.approx(judge.ultimate_.values.ravel(), rel=1e-6)
    common, own = growth.share_variances, sum_to_last(variances)
    errors = np.sqrt(final**2 * common[age] + final * own[age])
    is_young = age < len(factors)
    expected = judge.mack_std_err_.values[0, 0, :, -1]
    assert errors[is_young] == pytest.approx(expected[is_young], rel=1e-6)

    # Of the sum: the errors of shares are those of the growth from an age on.
    later = np.maximum(age[:, None], age)
    variance = final @ common[later] @ final + final @ own[age]
    total = float(judge.total_mack_std_err_.values.squeeze())
    assert np.sqrt(variance) == pytest.approx(total, rel=1e-6)


def test_recent_days_are_those_that_a_factor_rests_on() -> None:
    day, age = np.nonzero(np.arange(10) < np.arange(10, 0, -1)[:, None])
    steps = keep_recent_steps(find_steps(day, age), 3)
    assert find_spans(steps, 9).days.tolist() == [3] * 7 + [2, 1]
    assert steps.day[steps.start == 0].tolist() == [6, 7, 8]


@pytest.mark.parametrize(("weekly", "share_of_days"), [(False, 1), (True, 1 / 7)])
def test_a_known_delay_is_found(weekly: bool, share_of_days: float) -> None:
    curve = estimate_curve(simulate_history(1, weekly=weekly))
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
        curve = estimate_curve(simulate_history(seed, weekly=False))
        young = curve[(curve["metric"] == "orders") & curve["age"].isin([0, 3, 7])]
        truth = SHARES[young["age"].to_numpy(dtype=int)]
        held += list((young["share_low"] <= truth) & (truth <= young["share_high"]))
    assert 0.6 <= np.mean(held) <= 0.97
