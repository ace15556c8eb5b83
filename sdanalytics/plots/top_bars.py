"""The figure `top`: the largest campaigns, products and the like, as bars."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.container import BarContainer
from matplotlib.patches import Patch

from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.plots.bounded_metric import (
    bar_style,
    caption_bounds,
    find_reach,
    parse_bounded_metric,
)
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.heatmap import add_color_bar, color_limits
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.name_labels import short_labels
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.plot_data import FloatArray, aggregate_groups, to_float_array
from sdanalytics.plots.style import (
    OTHER_COLOR,
    PALETTE,
    RGBA,
    Style,
    background,
    draw_empty,
    ensure_axes,
    merge_artist_kwargs,
    style_axes,
)

MIN_BAR_SLOTS: Final = 4
"""Fewer bars leave room empty: thicker ones would look like areas."""
OUTLIER_FACTOR: Final = 4
"""The largest value is an outlier if it exceeds this multiple of the second largest."""
_HUE_CMAP: Final = "viridis"
_MARGIN: Final = 0.14
"""Room for the numbers beside the bars, as a share of the axes."""
_SECONDARY_COLOR: Final = PALETTE[3]
_OUTLIER_LABEL_STYLE: Final[Style] = {
    "xytext": (-6, 0),
    "textcoords": "offset points",
    "ha": "right",
    "va": "center",
    "fontsize": "x-small",
}


def top(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str = "campaignName",
    n: int = 10,
    dot: str | None = None,
    hue: str | None = None,
    level: float | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the largest values of a column by a metric, over all days, as bars.

    Parameters
    ----------
    data : pandas.DataFrame
        From `fetch_report`, `summarize` or `compare`.
    metric : str
        A metric or KPI: the length of the bars.
    by : str
        A column: draws a bar for each of its values.
    n : int
        The maximum number of bars.
    dot : str, optional
        A second metric, drawn as a dot in the row of each bar, with an axis of its own above.
    hue : str, optional
        Another metric, drawn as the colour of each bar.
    level : float, optional
        Draws intervals of this level, such as 0.9, of what chance leaves open, as in `summarize`.
        Only for `ctr`, `cvr`, `purchase_rate`, `cpa`, `acos` and `roas`.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the bars.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metrics; the message says which
        `metrics=` to fetch. When the metric has no bounds, or the level is no fraction.
    """
    bounded = parse_bounded_metric(metric, level)
    metrics = [metric]
    for other_metric in (dot, hue):
        if other_metric is not None:
            metrics.append(other_metric)
    table = aggregate_groups(data, by, metrics, n, bounded).head(n)
    with ensure_axes(ax, rows=len(table)) as ax:
        if table[metric].isna().all():
            return draw_empty(ax, has_rows=not table.empty)
        style: Style = {"color": PALETTE[0], "height": 0.7}
        if hue is not None:
            style["color"] = _hue_colors(ax, data, hue, table)
        values = to_float_array(table[metric])
        if bounded is not None:
            style |= {"xerr": find_reach(values, table), "error_kw": bar_style(ax)}
        bar_kwargs = merge_artist_kwargs(style, kwargs, Patch)
        bars = ax.barh(range(len(values)), np.nan_to_num(values), **bar_kwargs)
        if dot is None:
            _write_values(ax, bars, values, metric_unit(metric))
        _format_top_axes(ax, data, metric, table)
        if dot is not None:
            _draw_secondary_axis(ax, data, dot, table)
        if bounded is not None:
            caption_bounds(ax, bounded.level)
        caption_data(ax, data, metrics)
        return ax


def _write_values(ax: Axes, bars: BarContainer, values: FloatArray, unit: str) -> None:
    labels = [format_number(value, unit) for value in values]
    ax.bar_label(bars, labels=labels, padding=3, fontsize="small")


def _format_top_axes(ax: Axes, data: pd.DataFrame, metric: str, table: pd.DataFrame) -> None:
    names = table.index.tolist()
    rows = range(len(names))
    ax.set_yticks(rows, short_labels(names))
    slots = max(len(names), MIN_BAR_SLOTS)
    ax.set_ylim(slots - 0.5, -0.5)
    ax.margins(x=_MARGIN)
    title = axis_title(data, metric)
    unit = metric_unit(metric)
    ax.set_xlabel(title)
    format_number_axis(ax.xaxis, unit)
    style_axes(ax)
    ax.tick_params(axis="y", length=0)


def _hue_colors(ax: Axes, data: pd.DataFrame, hue: str, table: pd.DataFrame) -> list[Any]:
    """Return the colour of each bar, grey for a missing value; add a colour bar."""
    values = to_float_array(table[hue])
    low, high = color_limits(values)
    norm = Normalize(low, high)
    scale = ScalarMappable(norm, colormaps[_HUE_CMAP])
    add_color_bar(ax, scale, data, hue)
    colors: list[Any] = []
    for value in values:
        if np.isnan(value):
            colors.append(OTHER_COLOR)
        else:
            colors.append(scale.to_rgba(value))
    return colors


def _draw_secondary_axis(ax: Axes, data: pd.DataFrame, metric: str, table: pd.DataFrame) -> None:
    """Draw a second metric as dots, on an axis of its own above the bars."""
    values = to_float_array(table[metric])
    unit = metric_unit(metric)
    title = axis_title(data, metric)
    above = ax.twiny()
    above.grid(visible=False)  # beside the lines of the bars' scale
    _draw_dots(above, values, unit, background(ax))
    above.margins(x=_MARGIN)
    smallest = np.nanmin(values, initial=0.0)
    if smallest >= 0:
        above.set_xlim(left=0)
    above.set_xlabel(f"● {title}", color=_SECONDARY_COLOR)
    above.tick_params(axis="x", colors=_SECONDARY_COLOR)
    format_number_axis(above.xaxis, unit)
    other_spines = above.spines[["right", "left", "bottom"]]
    other_spines.set_visible(False)
    top_spine = above.spines["top"]
    top_spine.set_color(_SECONDARY_COLOR)


def _draw_dots(above: Axes, values: FloatArray, unit: str, behind: RGBA) -> None:
    """Draw a dot in each row; an outlier is cut at the limit, with its value beside it."""
    limit = _outlier_limit(values)
    above.scatter(
        np.minimum(values, limit),
        range(len(values)),
        color=_SECONDARY_COLOR,
        edgecolor=behind,
        zorder=3,
    )
    box = {"boxstyle": "round,pad=0.15", "facecolor": behind, "linewidth": 0}
    for row in np.flatnonzero(values > limit):
        number = format_number(values[row], unit)
        above.annotate(f"{number} ▸", (limit, row), bbox=box, **_OUTLIER_LABEL_STYLE)


def _outlier_limit(values: FloatArray) -> float:
    """Return the upper end of a scale; infinite unless the largest value is an outlier."""
    known = values[~np.isnan(values)]
    if len(known) <= 2:
        return math.inf
    second, largest = np.sort(known)[-2:]
    if largest > OUTLIER_FACTOR * second > 0:
        return float(1.5 * second)
    return math.inf
