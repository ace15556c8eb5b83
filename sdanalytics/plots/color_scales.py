"""Scales of colours: of amounts from 0 on, and of what lies on two sides of a value."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import (
    Colormap,
    LinearSegmentedColormap,
    ListedColormap,
    Normalize,
    TwoSlopeNorm,
)

from sdanalytics.analysis.directions import find_direction
from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import background, is_dark, mix, signed_colors
from sdanalytics.plots.robust_limits import find_upper_limit

_SEQUENTIAL: Final = "Blues"
"""The colour map of amounts: from light to dark, for any colour vision and in print."""
_FIRST_COLOR: Final = 0.12
"""Where the colours of the map begin that can be told from a white or black background."""
_MAP_SIZE: Final = 256
_NEUTRAL_SHARE: Final = 0.85
"""How much of the background's colour is in that of the middle."""


def make_scale(
    ax: Axes, values: FloatArray, metric: str, target: float | None = None
) -> ScalarMappable:
    """Return the colours of a metric's values: by distance from a target or 0, or from 0 on.

    Extreme values share the colour of the scale's end; on a dark background, 0 is dark.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : numpy.ndarray of float
    metric : str
        Decides which side of a target is the good one.
    target : float, optional
        Without it, values of both signs lie around 0.
    """
    known = values[np.isfinite(values)]
    low = float(known.min(initial=math.inf))
    high = float(known.max(initial=-math.inf))
    if target is None and not low < 0 < high:
        return ScalarMappable(_choose_norm(known), _sequential_map(ax))
    center = 0.0 if target is None else target
    reach = _find_reach(known - center)
    norm = TwoSlopeNorm(center, center - reach, center + reach)
    is_reversed = target is not None and _is_limited(metric)
    return ScalarMappable(norm, _diverging_map(ax, is_reversed=is_reversed))


def _is_limited(metric: str) -> bool:
    """Return whether it is bad to be above a target: a target of cost is a budget."""
    return metric == "cost" or find_direction(metric) < 0


def validate_target(target: object) -> None:
    """Raise `InvalidRequest` unless a target is a finite number or None."""
    if target is None:
        return
    if isinstance(target, bool) or not isinstance(target, int | float | np.number):
        raise InvalidRequest(f"target must be a number such as 0.3, got {target!r}")
    if not math.isfinite(target):
        raise InvalidRequest(f"target must be a finite number, got {target!r}")


def _choose_norm(known: FloatArray) -> Normalize:
    """Return a scale that has 0, with a robust end."""
    low = min(float(known.min(initial=0.0)), 0.0)
    high = max(float(known.max(initial=0.0)), 0.0)
    if low < 0:
        return Normalize(max(low, -find_upper_limit(-known)), 0.0)
    return Normalize(0.0, min(high, find_upper_limit(known)) or 1.0)


def _find_reach(distances: FloatArray) -> float:
    sizes = np.abs(distances)
    largest = float(sizes.max(initial=0.0))
    return min(largest, find_upper_limit(sizes)) or 1.0


def _sequential_map(ax: Axes) -> Colormap:
    """Return colours from near the background's on, none of them the same as it."""
    whole_map = colormaps[_SEQUENTIAL]
    positions = np.linspace(_FIRST_COLOR, 1, _MAP_SIZE)
    shown = whole_map(positions)
    if is_dark(background(ax)):
        shown = shown[::-1]
    return ListedColormap(shown, name="sequential")


def _diverging_map(ax: Axes, *, is_reversed: bool) -> Colormap:
    increase, decrease = signed_colors(ax)
    ends = [decrease, increase]
    if is_reversed:
        ends.reverse()
    middle = mix(background(ax), "grey", _NEUTRAL_SHARE)
    return LinearSegmentedColormap.from_list("diverging", [ends[0], middle, ends[1]])
