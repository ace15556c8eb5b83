"""Curves of maturity by hand: the shares are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.support.samples import SOURCE, US

AGES = np.arange(42)
METHODS = ["vintages", "cross-section"]
FloatArray = npt.NDArray[np.float64]


def shares(first: float, days: float = 4.0) -> FloatArray:
    """Return shares that come near to 1 as fast as the days say, from below or from above."""
    decay: FloatArray = np.exp(-AGES / days)
    return 1 + (first - 1) * decay


def make_curve(
    groups: Mapping[str, Mapping[str, FloatArray]],
    by: str | None = "costType",
    *,
    method: str = "vintages",
    error: float = 0.1,
    dispersion: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return a curve as `maturity` does, of the samples' profile: shares by group and metric.

    What days still add is over-dispersed Poisson, of dispersion 1 by default.
    """
    frames = []
    dispersions: dict[str, float] = {}
    own_variances: dict[str, list[float]] = {}
    for group, metrics in groups.items():
        for metric, known in metrics.items():
            margin = 1 + error * np.exp(-AGES / 6)
            phi = 1.0 if dispersion is None else dispersion.get(metric, 1.0)
            dispersions[metric] = phi
            own_variances[metric] = (phi * np.abs(1 - known) / known).tolist()
            frame = pd.DataFrame(
                {
                    "metric": pd.array([metric] * len(AGES), dtype="str"),
                    "age": pd.array(AGES, dtype="Int64"),
                    "share": known,
                    "share_low": known / margin,
                    "share_high": known * margin,
                    "days": pd.array(56 - AGES, dtype="Int64"),
                    "method": pd.Categorical([method] * len(AGES), METHODS),
                }
            )
            if by is not None:
                frame.insert(0, by, group)
            frames.append(frame)
    curve = pd.concat(frames, ignore_index=True)
    keys = [] if by is None else [by]
    curve.attrs["sdanalytics"] = {
        "record_type": "campaigns",
        "source": SOURCE,
        "profile_id": str(US),
        "currency": "USD",
        "timezone": "America/Los_Angeles",
        "maturity": {
            "by": keys,
            "dispersion": dispersions,
            "own_variance": own_variances,
            "as_of": "2026-11-20T17:00:00+00:00",
        },
    }
    return curve
