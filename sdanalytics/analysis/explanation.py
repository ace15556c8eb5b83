"""An explanation of a metric's change: contributions, and the totals that they lead from and to."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import pandas as pd

from sdanalytics.analysis.ratios import Ratio
from sdanalytics.errors import InvalidRequest

EXPLAINED: Final = "explained"
"""The entry of the metadata: metric, unit, keys, and the totals of both periods."""


class Explanation(NamedTuple):
    """Contributions to a change.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a group or factor, with the column `contribution`.
    total_a, total_b : float
        The metric over all rows of each period.
    left_out : int
        How many rows lack one part of the metric and are not in it.
    """

    table: pd.DataFrame
    total_a: float
    total_b: float
    left_out: int


def ensure_known_sums(metric: str, total_a: float, total_b: float) -> None:
    """Raise `InvalidRequest` when a period has no value of a sum."""
    for period, total in (("period_a", total_a), ("period_b", total_b)):
        if math.isnan(total):
            raise no_values_error(metric, period)


def no_values_error(metric: str, rows: str) -> InvalidRequest:
    """Return the error for a metric that is missing in all of some rows."""
    return InvalidRequest(
        f"{metric} has no value in any row of {rows}: fetch these days again, or explain another "
        "metric"
    )


def ensure_denominators(ratio: Ratio, total_a: float, total_b: float) -> None:
    """Raise `InvalidRequest` when a ratio has no value in a period, or none to start from."""
    advice = f"Explain {ratio.numerator} and {ratio.denominator} instead"
    for period, total in (("period_a", total_a), ("period_b", total_b)):
        if total == 0:
            raise InvalidRequest(
                f"{ratio.name} has no value in {period}, where {ratio.denominator} is 0. {advice}"
            )
    if total_a * total_b < 0:
        raise InvalidRequest(
            f"{ratio.name} cannot be explained: {ratio.denominator} is {total_a:,.2f} in period_a "
            f"and {total_b:,.2f} in period_b, and the ratio has no value on the way through 0. "
            f"{advice}"
        )
