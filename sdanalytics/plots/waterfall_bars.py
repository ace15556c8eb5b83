"""The figure `waterfall`: how the contributions of an explanation lead from total to total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from sdanalytics.plots.colors import caption_color, other_color, signed_colors
from sdanalytics.plots.metric_labels import axis_title, drawable_currency, metric_label
from sdanalytics.plots.name_labels import label_names
from sdanalytics.plots.number_format import StepFormat, format_number_axis
from sdanalytics.plots.plot_data import validate_group_count
from sdanalytics.plots.style import (
    Style,
    ensure_axes,
    fit_rows,
    is_narrow,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title
from sdanalytics.plots.waterfall_data import Waterfall, list_cautions, read_waterfall

_LEFT_MARGIN: Final = 0.04
_RIGHT_MARGIN: Final = 0.16
_NARROW_MARGIN: Final = 0.4
"""Room for the numbers beside the bars, as a share of the values; the last in narrow axes."""
_MIN_RANGE: Final = 0.2
"""The part of the largest value that the values must differ by, or the axis does not begin at 0."""
_NUMBER_STYLE: Final[Style] = {
    "xytext": (5, 0),
    "textcoords": "offset points",
    "va": "center",
}
_LINE_STYLE: Final[Style] = {"linewidth": 0.8, "zorder": 0.9}
_POINT_SIZE: Final = 6


def waterfall(
    data: pd.DataFrame,
    n: int = 6,
    *,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw how a metric changed: from the first total to the second, by the largest contributions.

    Parameters
    ----------
    data : pandas.DataFrame
        From `explain`.
    n : int
        The number of contributions that have a bar; all others, if several, are one.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the bars: totals in grey, contributions that add in blue, those that
        take away in red, each with its number (percentage points, pp, for fractions). Where the
        totals differ little, the axis does not begin at 0, and they are points.

    Raises
    ------
    InvalidRequest
        When the frame is not from `explain`, or has lost its metadata.
    """
    validate_group_count(n)
    bars = read_waterfall(data, n, names)
    labels = label_names(bars.names, bars.special_names)
    cautions = list_cautions(data)
    if _is_far_from_zero(bars):
        bars = bars.shrink_totals()
        cautions.insert(0, "axis not from 0")
    with ensure_axes(ax, height=fit_rows(labels.texts)) as ax:
        _draw_bars(ax, bars, kwargs)
        _draw_connectors(ax, bars)
        currency = drawable_currency(data)
        _write_numbers(ax, bars, currency)
        _set_value_limits(ax, bars)
        _format_waterfall_axes(ax, data, bars, labels.texts)
        shared = labels.describe_shared()
        if shared is not None:
            cautions.append(shared)
        for caution in cautions:
            add_caption(ax, caution)
        add_title(ax, title, data, f"what changed {metric_label(bars.metric)}")
        return ax


def _is_far_from_zero(bars: Waterfall) -> bool:
    """Return whether all values are so far from 0 that an axis from 0 would hide the steps."""
    low = bars.levels.min()
    high = bars.levels.max()
    if low <= 0 <= high:
        return False
    largest = max(abs(low), abs(high))
    return bool(high - low < _MIN_RANGE * largest)


def _draw_bars(ax: Axes, bars: Waterfall, kwargs: Style) -> None:
    """Draw a bar for each value, and a point for each total whose bar does not start at 0."""
    total_color = caption_color(ax)
    increase, decrease = signed_colors(ax)
    widths = bars.ends - bars.starts
    colors = np.where(widths < 0, decrease, increase)
    colors[bars.is_total] = total_color
    style: Style = {
        "color": colors.tolist(),
        "height": 0.7,
    }
    bar_kwargs = merge_artist_kwargs(style, kwargs, Patch)
    rows = np.arange(len(widths))
    ax.barh(rows, widths, left=bars.starts, **bar_kwargs)
    is_point = bars.is_total & (widths == 0)
    ax.plot(
        bars.ends[is_point],
        rows[is_point],
        "o",
        color=total_color,
        markersize=_POINT_SIZE,
    )


def _draw_connectors(ax: Axes, bars: Waterfall) -> None:
    """Draw lines from the end of each bar to the next bar."""
    upper_rows = np.arange(len(bars.levels))
    ax.vlines(
        bars.levels,
        upper_rows,
        upper_rows + 1,
        color=caption_color(ax),
        **_LINE_STYLE,
    )


def _write_numbers(ax: Axes, bars: Waterfall, currency: str) -> None:
    """Write the totals, and the contributions with their signs, to the right of the bars."""
    totals = bars.ends[bars.is_total]
    sizes = np.abs(bars.steps)
    formatter = StepFormat(
        unit=bars.unit,
        largest_total=np.abs(totals).max(),
        largest_step=sizes.max(initial=0.0),
        currency=currency,
    )
    first, last = totals
    labels = [formatter.format_total(first)]
    for step in bars.steps:
        label = formatter.format_step(step)
        labels.append(label)
    labels.append(formatter.format_total(last))
    right_ends = np.maximum(bars.starts, bars.ends)
    size = "x-small" if is_narrow(ax) else "small"
    for row, label in enumerate(labels):
        position = (right_ends[row], row)
        ax.annotate(label, position, fontsize=size, **_NUMBER_STYLE)


def _set_value_limits(ax: Axes, bars: Waterfall) -> None:
    """Leave room for the numbers on the right; on the left none where bars start at 0."""
    values = np.concatenate([bars.starts, bars.ends])
    low = values.min()
    high = values.max()
    span = (high - low) or 1.0
    left = low
    if low != 0:
        left -= _LEFT_MARGIN * span
    margin = _NARROW_MARGIN if is_narrow(ax) else _RIGHT_MARGIN
    right = high + margin * span
    ax.set_xlim(left, right)
    if low < 0 < high:
        ax.axvline(0, color=other_color(ax), **_LINE_STYLE)


def _format_waterfall_axes(
    ax: Axes, data: pd.DataFrame, bars: Waterfall, labels: list[str]
) -> None:
    rows = range(len(labels))
    size = "x-small" if is_narrow(ax) else "medium"
    ax.set_yticks(rows, labels, fontsize=size)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    title = axis_title(data, bars.metric)
    ax.set_xlabel(title)
    format_number_axis(ax.xaxis, bars.unit)
    style_axes(ax)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
