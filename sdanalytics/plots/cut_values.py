"""Values beyond the end of an axis that a few outliers do not decide, written at its edge."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.plots.colors import MIN_TEXT_CONTRAST, background, raise_contrast
from sdanalytics.plots.date_axis import to_date_number
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.point_sizes import measure_axes
from sdanalytics.plots.robust_limits import find_upper_limit

_HEADROOM_FACTOR: Final = 1.15
"""The end of the axis, as a multiple of the largest value on it."""
_MAX_LABELS: Final = 3
"""Values that are written in axes: the largest."""
_LABEL_WIDTH: Final = 46
"""Points that such a value takes."""
_TOP: Final = 0.96
_BOTTOM: Final = 0.04
"""Where values are written, as a share of the axes."""


def find_largest_size(values: FloatArray) -> float:
    """Return the size up to which values are drawn; infinite if none is an outlier."""
    sizes = np.abs(values)
    return find_upper_limit(sizes.ravel(), _HEADROOM_FACTOR)


def limit_axis(ax: Axes, values: FloatArray, size: float) -> None:
    """End the vertical axis before outliers."""
    if math.isinf(size):
        return
    if np.nanmax(values) > size:
        ax.set_ylim(top=size)
    if np.nanmin(values) < -size:
        ax.set_ylim(bottom=-size)


def write_cut_values(
    ax: Axes, days: pd.DatetimeIndex, table: pd.DataFrame, size: float, unit: str, colors: list[Any]
) -> None:
    """Write the values beyond the axis at its edge, the largest of each axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    days : pandas.DatetimeIndex
        Where the rows of the table are drawn.
    table : pandas.DataFrame
        One column per line.
    size : float
        As of `find_largest_size`.
    unit : str
    colors : list
        Of the lines.
    """
    values = to_float_array(table)
    cells = np.argwhere(np.abs(values) > size)
    sizes = np.abs(values[tuple(cells.T)])
    low, high = ax.get_xlim()
    width = _measure_label(ax)
    taken: list[tuple[float, float]] = []
    for row, column in cells[np.argsort(-sizes, kind="stable")].tolist():
        x = float(to_date_number(days[row]))
        middle = (low + high) / 2
        is_left = x > middle
        span = (x, x + width)
        if is_left:
            span = (x - width, x)
        if len(taken) < _MAX_LABELS and _is_free(span, taken):
            taken.append(span)
            _write_value(
                ax,
                x,
                values[row, column],
                unit,
                colors[column],
                is_left=is_left,
            )


def _measure_label(ax: Axes) -> float:
    """Return the width of a written value, in days."""
    low, high = ax.get_xlim()
    share = _LABEL_WIDTH / measure_axes(ax).width
    return share * (high - low)


def _is_free(span: tuple[float, float], taken: list[tuple[float, float]]) -> bool:
    left, right = span
    for other_left, other_right in taken:
        if left <= other_right and right >= other_left:
            return False
    return True


def _write_value(ax: Axes, x: float, value: float, unit: str, color: Any, *, is_left: bool) -> None:
    """Write a value beside the line that leaves the axes."""
    behind = background(ax)
    arrow = "↑" if value > 0 else "↓"
    ax.annotate(
        f"{arrow} {format_number(value, unit)}",
        (x, _TOP if value > 0 else _BOTTOM),
        xycoords=ax.get_xaxis_transform(),
        xytext=(-4 if is_left else 4, 0),
        textcoords="offset points",
        ha="right" if is_left else "left",
        va="top" if value > 0 else "bottom",
        fontsize="x-small",
        color=raise_contrast(color, behind, MIN_TEXT_CONTRAST),
        bbox={"boxstyle": "round,pad=0.1", "facecolor": behind, "linewidth": 0, "alpha": 0.75},
    )
