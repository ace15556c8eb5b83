"""Areas of bubbles in proportion to their values, and the legend that explains them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.analysis.row_groups import BoolArray, FloatArray
from sdanalytics.plots.colors import caption_color
from sdanalytics.plots.legends import add_row_legend, has_layout
from sdanalytics.plots.log_scales import round_down
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.surroundings import add_caption

_LARGEST_AREA: Final = 320.0
"""Square points of the bubble with the largest value, among few bubbles."""
_FEW: Final = 30
_LEAST_LARGEST_AREA: Final = 120.0
"""The same among very many, which would hide one another."""
_LEAST_AREA: Final = 9.0
"""A bubble that would be smaller, and could not be seen, is a ring of this area."""
_LEGEND_STEP: Final = 5
"""The ratio of the two values that have a bubble in the legend."""
FILL_OPACITY: Final = 0.5


class BubbleAreas(NamedTuple):
    """The areas of bubbles.

    Attributes
    ----------
    values : numpy.ndarray of float64
    largest : float
        The largest size of a value.
    largest_area : float
        Its area, in square points.
    areas : numpy.ndarray of float64
        In proportion to the sizes of the values.
    is_ring : numpy.ndarray of bool
        Whether a value is 0, missing, or too small for an area.
    """

    values: FloatArray
    largest: float
    largest_area: float
    areas: FloatArray
    is_ring: BoolArray


def measure_areas(values: FloatArray) -> BubbleAreas:
    """Return the areas of the bubbles of values."""
    sizes = np.nan_to_num(np.abs(values))
    largest = float(sizes.max(initial=0.0))
    share = min(_FEW / max(len(values), 1), 1.0)
    largest_area = max(_LARGEST_AREA * math.sqrt(share), _LEAST_LARGEST_AREA)
    areas = largest_area * sizes / (largest or 1.0)
    is_ring = areas < _LEAST_AREA
    return BubbleAreas(
        values=values,
        largest=largest,
        largest_area=largest_area,
        areas=np.where(is_ring, _LEAST_AREA, areas),
        is_ring=is_ring,
    )


def explain_areas(ax: Axes, bubbles: BubbleAreas, metric: str) -> None:
    """Show below the axes how large the bubbles of some values are, or say it there."""
    label = metric_label(metric)
    unit = column_unit(metric)
    if (bubbles.values < 0).any():
        label = f"{label} without their sign"
    largest = bubbles.largest
    if not has_layout(ax) or largest == 0:
        add_caption(ax, f"area: {label}, up to {format_number(largest, unit)}")
        return
    add_caption(ax, f"area: {label}")
    handles = []
    if bubbles.is_ring.any():
        text = "0"
        if np.nan_to_num(bubbles.values)[bubbles.is_ring].any():
            limit = largest * _LEAST_AREA / bubbles.largest_area
            text = f"below {format_number(limit, unit)}"
        handles.append(_draw_key(ax, text, _LEAST_AREA, is_ring=True))
    for value in _choose_key_values(largest):
        area = bubbles.largest_area * value / largest
        handles.append(_draw_key(ax, format_number(value, unit), area))
    add_row_legend(ax, handles, math.sqrt(bubbles.largest_area))


def _choose_key_values(largest: float) -> list[float]:
    """Return round values for the legend."""
    high = round_down(largest)
    low = round_down(high / _LEGEND_STEP)
    return [low, high]


def _draw_key(ax: Axes, label: str, area: float, *, is_ring: bool = False) -> Line2D:
    color = caption_color(ax, outside=True)
    fill = "none" if is_ring else (color, FILL_OPACITY)
    return Line2D(
        [],
        [],
        linestyle="",
        marker="o",
        markersize=math.sqrt(area),
        markeredgecolor=color,
        markerfacecolor=fill,
        markeredgewidth=0.8,
        label=label,
    )
