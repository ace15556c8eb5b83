"""The figure `efficiency`: cost against sales, as bubbles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection

from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.plots.bounded_metric import (
    BoundedMetric,
    bar_style,
    caption_bounds,
    find_reach,
    parse_bounded_metric,
)
from sdanalytics.plots.bubble_labels import label_bubbles
from sdanalytics.plots.colors import main_color, other_color
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.groups import GROUP_COLUMN, factorize, word_groups
from sdanalytics.plots.metric_labels import axis_title, metric_label
from sdanalytics.plots.name_labels import short_labels
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.plot_data import FloatArray, aggregate_groups, prepare, to_float_array
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    ensure_axes,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.target_lines import default_targets, draw_targets, parse_targets
from sdanalytics.plots.titles import TitleLike, add_title

_MIN_AREA: Final = 20
"""The area of the smallest bubbles, in square points."""
_AREA_RANGE: Final = 380
"""Square points that the largest bubble has in addition."""
_ZERO_LINE_STYLE: Final[Style] = {"linewidth": 0.8, "zorder": 0.7}


def efficiency(
    data: pd.DataFrame,
    metric: str = "sales",
    *,
    by: str = "campaignName",
    size: str = "orders",
    acos: float | Sequence[float] | None = None,
    roas: float | Sequence[float] | None = None,
    n: int = 8,
    level: float | None = None,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw cost against sales as bubbles; those above a line return more than its ROAS.

    Parameters
    ----------
    data : pandas.DataFrame
        From `fetch_report` or `summarize`.
    metric : str
        The return on the cost: a metric or KPI.
    by : str
        A column: draws a bubble for each of its values.
    size : str
        A metric: the area of the bubbles.
    acos, roas : float or sequence of float, optional
        Targets to draw as lines (`acos` as a fraction: 0.25); a few round ROAS by default.
        Only for ``metric="sales"`` or other money.
    n : int
        The maximum number of bubbles that are named: those of the largest cost.
    level : float, optional
        Draws intervals of this level, such as 0.9, of the bubbles that are named: what chance
        leaves open, as in `summarize`. Only for `sales`, by those of ROAS, and for `ctr`, `cvr`,
        `purchase_rate`, `cpa`, `acos` and `roas`.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the bubbles.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metrics, or a target is not above 0,
        or the level no fraction, or the metric has no bounds.
    """
    targets = parse_targets(acos, roas, metric)
    bounded = parse_bounded_metric(metric, level, others=("sales",))
    bubbles = _compute_bubbles(data, [metric, size], by, n, bounded, names)
    with ensure_axes(ax) as ax:
        if not bubbles.names:
            return draw_empty(ax, data, metric)
        points = _draw_bubbles(ax, bubbles, kwargs)
        if bounded is not None:
            _draw_bounds(ax, bubbles, n)
        _set_limits(ax, bubbles)
        _format_metric_axis(ax.xaxis, data, "cost")
        _format_metric_axis(ax.yaxis, data, metric)
        style_axes(ax)
        if metric_unit(metric) == "currency":
            targets = targets or default_targets(bubbles.costs, bubbles.returns)
            draw_targets(ax, targets)
        _add_size_caption(ax, bubbles.sizes, size)
        caption_data(ax, data, [metric, size])
        if bounded is not None:
            caption_bounds(ax, bounded.level)
        label_bubbles(ax, points, short_labels(bubbles.names[:n]))
        subject = f"{metric_label(metric)} against cost by {word_groups(by)}"
        add_title(ax, title, data, subject)
        return ax


class _Bubbles(NamedTuple):
    """The bubbles of a figure, the largest by cost first; the table has their bounds, too."""

    table: pd.DataFrame
    names: list[Any]
    costs: FloatArray
    returns: FloatArray
    sizes: FloatArray


def _compute_bubbles(
    data: pd.DataFrame,
    metrics: Sequence[str],
    by: str,
    n: int,
    bounded: BoundedMetric | None,
    names: object,
) -> _Bubbles:
    metric, size = metrics
    columns = ["cost", *metrics]
    rows = prepare(data, columns, by, n)
    groups = factorize(rows, by, GROUP_COLUMN, names)
    table = aggregate_groups(groups, columns, bounded)
    table = table.dropna(subset=["cost", metric])
    sizes = to_float_array(table[size])
    return _Bubbles(
        table=table,
        names=[groups.names[code] for code in table[GROUP_COLUMN]],
        costs=to_float_array(table["cost"]),
        returns=to_float_array(table[metric]),
        sizes=np.nan_to_num(sizes),
    )


def _draw_bubbles(ax: Axes, bubbles: _Bubbles, kwargs: Style) -> PathCollection:
    style: Style = {
        "alpha": 0.6,
        "edgecolor": "white",
        "s": _areas(bubbles.sizes),
    }
    if "c" not in kwargs:
        style["color"] = main_color(ax)
    bubble_kwargs = merge_artist_kwargs(style, kwargs, PathCollection)
    return ax.scatter(bubbles.costs, bubbles.returns, **bubble_kwargs)


def _draw_bounds(ax: Axes, bubbles: _Bubbles, n: int) -> None:
    """Draw the bounds of the n bubbles of the largest cost."""
    returns = bubbles.returns[:n]
    reach = find_reach(returns, bubbles.table.head(n))
    ax.errorbar(bubbles.costs[:n], returns, yerr=reach, fmt="none", **bar_style(ax))


def _areas(sizes: FloatArray) -> FloatArray:
    sizes = np.abs(sizes)
    largest = sizes.max() or 1.0
    areas: FloatArray = _MIN_AREA + _AREA_RANGE * sizes / largest
    return areas


def _set_limits(ax: Axes, bubbles: _Bubbles) -> None:
    """Start both axes at 0; where values are negative (credits), draw a line at 0 instead."""
    ax.margins(0.12)
    if bubbles.costs.min() < 0:
        ax.axvline(0, color=other_color(ax), **_ZERO_LINE_STYLE)
    else:
        ax.set_xlim(left=0)
    if bubbles.returns.min() < 0:
        ax.axhline(0, color=other_color(ax), **_ZERO_LINE_STYLE)
    else:
        ax.set_ylim(bottom=0)


def _format_metric_axis(axis: Axis, data: pd.DataFrame, metric: str) -> None:
    format_number_axis(axis, metric_unit(metric))
    axis.set_label_text(axis_title(data, metric))


def _add_size_caption(ax: Axes, sizes: FloatArray, size: str) -> None:
    label = metric_label(size)
    largest_size = sizes[np.abs(sizes).argmax()]
    largest = format_number(largest_size, metric_unit(size))
    add_caption(ax, f"area: {label}, up to {largest}")
