"""The figure `efficiency`: cost against sales, as bubbles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from sdanalytics._core.suggest import validate_choice
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.plots.bounded_metric import bar_style, caption_bounds, find_reach
from sdanalytics.plots.bubble_areas import (
    FILL_OPACITY,
    BubbleAreas,
    explain_areas,
    measure_areas,
)
from sdanalytics.plots.bubble_labels import label_bubbles
from sdanalytics.plots.colors import main_color, other_color, palette, signed_colors
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.efficiency_data import (
    COST_TYPE,
    MEETS_TARGET,
    EfficiencyData,
    efficiency_data,
)
from sdanalytics.plots.groups import word_groups
from sdanalytics.plots.legends import add_color_legend
from sdanalytics.plots.log_scales import LogScale, choose_log_scales, format_log_axis
from sdanalytics.plots.metric_labels import axis_title, metric_label
from sdanalytics.plots.name_labels import label_names
from sdanalytics.plots.number_format import format_number_axis
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    draw_note,
    ensure_axes,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.target_lines import default_targets, draw_targets
from sdanalytics.plots.titles import TitleLike, add_title

_ZERO_LINE_STYLE: Final[Style] = {"linewidth": 0.8, "zorder": 0.7}
_ZERO_BAND_OPACITY: Final = 0.12
_EDGE_WIDTH: Final = 0.8
_HEIGHT: Final = 4.6
"""Inches of a new figure."""
_SCALES: Final = ("log", "linear")
_COLOR_ARGUMENTS: Final = frozenset({"c", "color", "facecolor", "facecolors", "fc"})
_Scales: TypeAlias = tuple[LogScale, LogScale]
"""Those of cost and return."""


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
    scale: Literal["log", "linear"] = "log",
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw cost against sales as bubbles; those above a line return more than its ROAS.

    Both scales are logarithmic, so that small and large campaigns can be told apart, and equal ROAS
    is a straight line. 0 has a band of its own at the edge. Where all are about as large, within
    ten times, or no value is above 0, both scales are linear.

    Parameters
    ----------
    data : pandas.DataFrame
        From `fetch_report` or `summarize`.
    metric : str
        The return on the cost: a metric or KPI.
    by : str
        A column: draws a bubble for each of its values. Campaigns, ad groups and targets are told
        apart by their ids, if the frame has these, and labelled by their names.
    size : str
        A metric: the area of the bubbles, in proportion; a ring stands for 0, and for what is too
        small to be seen.
    acos, roas : float or sequence of float, optional
        Targets to draw as lines (`acos` as a fraction: 0.25); a few round ROAS by default. With a
        single one, colours tell which bubbles meet it; else they tell cost types.
        Only for ``metric="sales"`` or other money.
    n : int
        The maximum number of bubbles that are named: those of the largest cost, of which up to a
        quarter are kept for those that cost more than most and return nothing. A name for which
        there is no room is left out.
    level : float, optional
        Draws intervals of this level, such as 0.9, of the bubbles that are named: what chance
        leaves open, as in `summarize`. Only for `sales`, by those of ROAS, and for `ctr`, `cvr`,
        `purchase_rate`, `cpa`, `acos` and `roas`.
    scale : {"log", "linear"}
        "linear": both scales are linear, and begin at 0.
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
        When the frame does not have the columns for the metrics, a target is not above 0, the
        level is no fraction, the metric has no bounds, or the scale is another.
    """
    validate_choice("scale", scale, _SCALES)
    bubbles = efficiency_data(
        data, metric, by=by, size=size, acos=acos, roas=roas, n=n, level=level, names=names
    )
    with ensure_axes(ax, height=_HEIGHT) as ax:
        if not bubbles.names:
            return draw_empty(ax, data, metric)
        note = _find_zeros(bubbles)
        if note is not None:
            return draw_note(ax, note)
        scales = None
        if scale == "log":
            scales = choose_log_scales(bubbles.costs, bubbles.returns)
        _set_scales(ax, bubbles, scales)
        areas = measure_areas(bubbles.sizes)
        points = _draw_bubbles(ax, bubbles, areas, kwargs)
        if bubbles.bounded is not None:
            _draw_bounds(ax, bubbles)
        _format_efficiency_axes(ax, data, metric, scales)
        lines = _draw_target_lines(ax, bubbles, scales)
        _add_efficiency_notes(ax, data, bubbles)
        if "s" not in kwargs:
            explain_areas(ax, areas, size)
        _add_names(ax, bubbles, points, lines)
        subject = f"{metric_label(metric)} against cost by {word_groups(by)}"
        add_title(ax, title, data, subject)
        return ax


def _find_zeros(bubbles: EfficiencyData) -> str | None:
    """Return a sentence to write in place of the figure if all costs or returns are 0."""
    if not bubbles.costs.any():
        return "cost is 0 on all days"
    if not bubbles.returns.any():
        return f"{metric_label(bubbles.metric)} is 0 on all days"
    return None


def _set_scales(ax: Axes, bubbles: EfficiencyData, scales: _Scales | None) -> None:
    """Set the scales and their limits; where there are values of 0 or below, show where 0 is."""
    if scales is None:
        _set_linear_limits(ax, bubbles)
        return
    cost_scale, return_scale = scales
    ax.set_xscale(**cost_scale.options)
    ax.set_yscale(**return_scale.options)
    ax.set_xlim(cost_scale.find_limits(bubbles.costs))
    ax.set_ylim(return_scale.find_limits(bubbles.reached))
    band: Style = {"facecolor": other_color(ax), "alpha": _ZERO_BAND_OPACITY, "linewidth": 0}
    if cost_scale.has_zero:
        ax.axvspan(*cost_scale.zero_band, zorder=0, **band)
    if return_scale.has_zero:
        ax.axhspan(*return_scale.zero_band, zorder=0, **band)


def _set_linear_limits(ax: Axes, bubbles: EfficiencyData) -> None:
    """Start both axes at 0; where values are negative (credits), draw a line at 0 instead."""
    ax.margins(0.12)
    costs = np.resize(bubbles.costs, len(bubbles.reached))
    ax.update_datalim(np.column_stack([costs, bubbles.reached]))
    ax.autoscale_view()
    if bubbles.costs.min() < 0:
        ax.axvline(0, color=other_color(ax), **_ZERO_LINE_STYLE)
    else:
        ax.set_xlim(left=0)
    if bubbles.returns.min() < 0:
        ax.axhline(0, color=other_color(ax), **_ZERO_LINE_STYLE)
    else:
        ax.set_ylim(bottom=0)


def _draw_bubbles(
    ax: Axes, bubbles: EfficiencyData, areas: BubbleAreas, kwargs: Style
) -> PathCollection:
    style: Style = {"s": areas.areas, "linewidth": _EDGE_WIDTH}
    has_own_color = not _COLOR_ARGUMENTS.isdisjoint(kwargs)
    categories = _choose_categories(ax, bubbles)
    if not has_own_color:
        style["edgecolor"] = [category.color for category in categories]
    bubble_kwargs = merge_artist_kwargs(style, kwargs, PathCollection)
    points = ax.scatter(bubbles.costs, bubbles.returns, **bubble_kwargs)
    if not has_own_color:
        fills: list[Any] = []
        for category, is_ring in zip(categories, areas.is_ring.tolist(), strict=True):
            fills.append("none" if is_ring else to_rgba(category.color, FILL_OPACITY))
        points.set_facecolor(fills)
        _explain_colors(ax, categories)
    return points


class _Category(NamedTuple):
    """Bubbles of one colour, in the order of the legend; the label is empty if all are."""

    rank: int
    label: str
    color: str


def _choose_categories(ax: Axes, bubbles: EfficiencyData) -> list[_Category]:
    """Return the category of each bubble: the side of the target, or the cost type."""
    table = bubbles.table
    if MEETS_TARGET in table:
        (target,) = bubbles.targets.values()
        colors = signed_colors(ax)
        met = _Category(0, target.met, colors.increase)
        missed = _Category(1, target.missed, colors.decrease)
        return [met if is_met else missed for is_met in table[MEETS_TARGET]]
    if COST_TYPE not in table or table[COST_TYPE].nunique() < 2:
        return [_Category(0, "", main_color(ax))] * len(table)
    first, second, *_ = palette(ax) * 2
    rest = _Category(2, "several cost types, or unknown", other_color(ax))
    by_type = {"CPC": _Category(0, "CPC", first), "vCPM": _Category(1, "vCPM", second)}
    return [by_type.get(name, rest) for name in table[COST_TYPE]]


def _explain_colors(ax: Axes, categories: Sequence[_Category]) -> None:
    handles = []
    for _, label, color in sorted(set(categories)):
        handle = Line2D([], [], linestyle="", marker="o", markersize=7, label=label)
        handle.set_color(color)
        handle.set_markerfacecolor((color, FILL_OPACITY))
        handles.append(handle)
    if categories[0].label:
        add_color_legend(ax, handles)


def _draw_bounds(ax: Axes, bubbles: EfficiencyData) -> None:
    """Draw the bounds of the bubbles that are named."""
    rows = bubbles.labelled
    returns = bubbles.returns[rows]
    ax.errorbar(
        bubbles.costs[rows],
        returns,
        yerr=find_reach(returns, bubbles.table.iloc[rows]),
        fmt="none",
        **bar_style(ax),
    )


def _format_efficiency_axes(
    ax: Axes, data: pd.DataFrame, metric: str, scales: _Scales | None
) -> None:
    ax.set_xlabel(axis_title(data, "cost"))
    ax.set_ylabel(axis_title(data, metric))
    axes_units = ((ax.xaxis, metric_unit("cost")), (ax.yaxis, metric_unit(metric)))
    for number, (axis, unit) in enumerate(axes_units):
        if scales is None:
            format_number_axis(axis, unit)
        else:
            format_log_axis(axis, scales[number], unit)
    style_axes(ax)


def _draw_target_lines(ax: Axes, bubbles: EfficiencyData, scales: _Scales | None) -> list[Line2D]:
    """Draw the targets, or a few round ROAS, where both scales are the same."""
    if metric_unit(bubbles.metric) != "currency":
        return []
    slopes = {label: target.slope for label, target in bubbles.targets.items()}
    if not slopes:
        slopes = default_targets(bubbles.costs, bubbles.returns)
    start = (0.0, 0.0)
    if scales is not None:
        start = (scales[0].threshold, scales[1].threshold)
    return draw_targets(ax, slopes, start)


def _add_efficiency_notes(ax: Axes, data: pd.DataFrame, bubbles: EfficiencyData) -> None:
    if bubbles.left_out:
        add_caption(ax, f"{bubbles.left_out} without values are left out")
    if bubbles.bounded is not None:
        caption_bounds(ax, bubbles.bounded.level)
    caption_data(ax, data, [bubbles.metric, bubbles.size])


def _add_names(
    ax: Axes, bubbles: EfficiencyData, points: PathCollection, lines: list[Line2D]
) -> None:
    names = [bubbles.names[row] for row in bubbles.labelled]
    labels = label_names(names, bubbles.special_names)
    texts = dict(zip(bubbles.labelled, labels.texts, strict=True))
    label_bubbles(ax, points, texts, lines)
    shared = labels.describe_shared()
    if shared is not None:
        add_caption(ax, shared)
