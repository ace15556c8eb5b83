"""Limits of a scale that a few extreme values do not decide."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sdanalytics.analysis.row_groups import FloatArray

OUTLIER_FACTOR: Final = 4
"""The largest values are outliers if they exceed this multiple of what is usual."""
_USUAL_QUANTILE: Final = 0.9
_MAX_SHARE: Final = 0.05
"""Values that may be cut, as a share of all: more of them are no exceptions."""
_MIN_VALUES: Final = 3


def find_upper_limit(values: FloatArray, room: float = 1.5) -> float:
    """Return the upper end of a scale; infinite if no value is an outlier.

    Outliers are a few values, one or up to 5 % of all, above four times what is usual: the 0.9
    quantile of the others.

    Parameters
    ----------
    values : numpy.ndarray of float
    room : float
        The end of the scale, as a multiple of the largest value that is no outlier.
    """
    known = np.sort(values[np.isfinite(values)])
    if len(known) < _MIN_VALUES:
        return math.inf
    max_count = max(int(_MAX_SHARE * len(known)), 1)
    rest = known[: len(known) - max_count]
    largest_usual = max(float(np.quantile(rest, _USUAL_QUANTILE)), 0.0)
    is_outlier = known > OUTLIER_FACTOR * largest_usual
    count = int(is_outlier.sum())
    if largest_usual == 0 or not 0 < count <= max_count:
        return math.inf
    return room * float(known[len(known) - count - 1])
