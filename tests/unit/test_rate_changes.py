"""Changes of rates: the bounds that chance leaves open, against another library's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.rates import confint_poisson_2indep

from sdanalytics.analysis.rate_changes import Interval, combine_errors, compare_rates
from sdanalytics.analysis.rate_intervals import bound_event_rates


def bound_rate(events: int, exposure: float, level: float = 0.9) -> Interval:
    bounds = bound_event_rates(np.array([events]), np.array([exposure]), level)
    return Interval(events / exposure, float(bounds.low[0]), float(bounds.high[0]))


@pytest.mark.parametrize(("before", "after"), [(950, 820), (40, 55), (12, 6)])
def test_bounds_of_a_change_are_those_of_the_score_test(before: int, after: int) -> None:
    change = compare_rates(bound_rate(before, 1000.0), bound_rate(after, 1100.0))
    judged = confint_poisson_2indep(
        after, 1100.0, before, 1000.0, compare="ratio", method="score", alpha=0.1
    )
    assert change.value == pytest.approx(after / 1100 / (before / 1000))
    errors = np.log([change.low / judged[0], change.high / judged[1]])
    width = math.log(judged[1] / judged[0])
    assert np.abs(errors).max() < 0.06 * width


def test_nine_of_ten_intervals_have_the_true_change() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for before, after in random.poisson([60, 45], (1000, 2)):
        change = compare_rates(bound_rate(int(before), 1.0), bound_rate(int(after), 1.0))
        hits += not change.excludes(45 / 60)
    assert 0.87 < hits / 1000 < 0.93


def test_an_interval_of_another_level_is_that_of_a_normal_logarithm() -> None:
    errors = np.exp(0.1 * np.random.default_rng(5).standard_normal(200_000))
    ten, ninety = np.quantile(errors, [0.1, 0.9])
    five, ninety_five = np.quantile(errors, [0.05, 0.95])
    wider = Interval(1.0, ten, ninety).relevel(0.8, 0.9)
    assert (wider.low, wider.high) == pytest.approx((five, ninety_five), rel=2e-3)


@pytest.mark.parametrize("unknown", [math.nan, math.inf])
def test_what_nothing_bounds_leaves_the_change_open(unknown: float) -> None:
    open_above = Interval(0.5, 0.4, unknown)
    assert compare_rates(Interval(0.5, 0.4, 0.6), open_above).high == math.inf
    assert compare_rates(open_above, Interval(0.5, 0.4, 0.6)).low == 0
    assert not combine_errors(3.0, open_above).excludes(1e9)
