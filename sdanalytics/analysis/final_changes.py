"""Changes between the final numbers of two periods, with their bounds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.share_table import CURVE_LEVEL, score

FINAL_CHANGE_SIDES: Final = (
    "final_a",
    "final_low_a",
    "final_high_a",
    "final_b",
    "final_low_b",
    "final_high_b",
    "final_change",
    "final_change_low",
    "final_change_high",
    "final_change_share",
)
"""The ends of the names of the columns of a metric's final numbers."""
Bounded = tuple[Any, Any, Any]
"""Expected values, with the lower and the upper bound of each."""


def compare_finals(before: Bounded, after: Bounded) -> dict[str, Any]:
    """Return the final numbers of two periods and their changes, by the ends of column names.

    The errors of the periods are taken to be independent. Both have the error of the shares in
    part, so that the bounds of a change are rather too wide than too narrow.
    """
    expected_before, *_ = before
    expected_after, *_ = after
    change = expected_after - expected_before
    error = np.hypot(_standard_error(before), _standard_error(after))
    reach = score(CURVE_LEVEL) * error
    share = divide(change, np.abs(expected_before))
    columns = (*before, *after, change, change - reach, change + reach, share)
    return dict(zip(FINAL_CHANGE_SIDES, columns, strict=True))


def _standard_error(value: Bounded) -> Any:
    """Return the standard error of log-normal values by their bounds."""
    expected, low, high = value
    sizes = np.abs([low, high])
    # Bounds are both 0 where nothing is expected, and both missing where no ratio is.
    ratio = divide(sizes.max(axis=0), sizes.min(axis=0))
    deviation = np.log(ratio) / (2 * score(CURVE_LEVEL))
    error = np.abs(expected) * np.sqrt(np.expm1(deviation**2))
    return np.where(expected == 0, 0.0, error)
