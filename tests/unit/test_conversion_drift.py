"""Drift of conversion, of days whose weekly steps are known."""

from __future__ import annotations

import numpy as np
import pytest

from sdanalytics.analysis.conversion_drift import LEAST_STEP, measure_conversion_drift
from sdanalytics.analysis.expected_results import Variation

AGE = np.arange(28, 63)
"""Five weeks."""
EXPECTED = np.full(len(AGE), 200.0)


def measure_mean(step: float) -> float:
    """Return the mean variance of a week that is measured of many random walks."""
    generator = np.random.default_rng(5)
    measured = []
    for _ in range(300):
        walk = np.cumsum(generator.normal(0, step, 5))
        conversion = np.exp(walk - walk.mean())[(AGE - 28) // 7]
        found = generator.poisson(EXPECTED * conversion)
        drift = measure_conversion_drift(AGE, found, EXPECTED, Variation(1.0, 0.0))
        measured.append(drift[21])
    return float(np.mean(measured))


@pytest.mark.parametrize("step", [0.1, 0.2])
def test_steps_from_week_to_week_are_found(step: float) -> None:
    assert measure_mean(step) == pytest.approx(step**2, rel=0.15)


def test_chance_is_no_drift() -> None:
    assert measure_mean(0.0) == pytest.approx(LEAST_STEP**2, rel=0.1)


def test_drift_grows_with_the_distance_from_final_days() -> None:
    drift = measure_conversion_drift(AGE, EXPECTED, EXPECTED, Variation(1.0, 0.0))
    assert np.sqrt(drift[0]) == pytest.approx(2 * LEAST_STEP)
    assert (np.diff(drift) <= 0).all()
    assert (drift[28:] == 0).all()
