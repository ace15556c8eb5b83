"""The figure `top`: the largest campaigns, products and the like, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.plots.bounded_metric import bar_style, caption_bounds, find_reach
from sdanalytics.plots.color_scales import make_scale, validate_target
from sdanalytics.plots.colors import (
    RGBA,
    background,
    caption_color,
    main_color,
    other_color,
    signed_colors,
)
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.groups import word_groups, word_shown_groups
from sdanalytics.plots.heatmap import add_color_bar
from sdanalytics.plots.legends import add_color_legend
from sdanalytics.plots.metric_labels import axis_title, metric_label
from sdanalytics.plots.name_labels import label_names
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.robust_limits import find_upper_limit
from sdanalytics.plots.row_labels import choose_row_labels
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    draw_note,
    ensure_axes,
    fit_rows,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title
from sdanalytics.plots.top_data import CHANGE, TopData, top_data
from sdanalytics.plots.value_room import make_room_for_values

_MARGIN: Final = 0.05
"""Room beside the bars, as a share of the axes; more is made for their numbers."""
_PADDING: Final = 3
"""Points between a bar and its number."""
_SHARED_UNITS: Final = ("currency", "fraction")
"""Units of which a bar and a dot are drawn on the same axis."""
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
    target: float | None = None,
    level: float | None = None,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the largest values of a column by a metric, over all days, as bars.

    All others are one grey bar if they add up, and do not exceed the largest.

    Parameters
    ----------
    data : pandas.DataFrame
        From `fetch_report`, `summarize` or `compare`. Changes are ranked by size, whatever their
        sign, and coloured by it.
    metric : str
        A metric or KPI: the length of the bars.
    by : str
        A column: draws a bar for each of its values. Campaigns, ad groups and targets are told
        apart by their ids, if the frame has these, and labelled by their names.
    n : int
        The maximum number of bars.
    dot : str, optional
        A second metric, drawn as a dot in the row of each bar: on the same axis if it has the same
        unit, else on an axis of its own above.
    hue : str, optional
        Another metric, drawn as the colour of each bar.
    target : float, optional
        A value of `hue`, such as 0.3 for ACOS: colours tell the distance from it, blue on the good
        side.
    level : float, optional
        Draws intervals of this level, such as 0.9, of what chance leaves open, as in `summarize`.
        Only for `ctr`, `cvr`, `purchase_rate`, `cpa`, `acos` and `roas`.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value: ``{"B0EXAMPLE1": "Tent, 2 persons"}``.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
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
        `metrics=` to fetch. When the metric has no bounds, the level is no fraction, or the target
        no number.
    """
    validate_target(target)
    bars = top_data(data, metric, by=by, n=n, dot=dot, hue=hue, level=level, names=names)
    shape = choose_row_labels(ax, len(bars.names) + 1)
    labels = label_names(
        [*bars.names, bars.other_name],
        bars.special_names,
        width=shape.width,
        lines=shape.lines,
    )
    with ensure_axes(ax, height=fit_rows(labels.texts)) as ax:
        if bars.table[metric].isna().all():
            return draw_empty(ax, data, metric)
        if _is_all_zero(bars, [metric, dot]):
            return draw_note(ax, f"{metric_label(metric)} is 0 on all days")
        colors = _choose_colors(ax, data, bars, metric, hue, target)
        drawn_bars = _draw_ranked_bars(ax, bars, metric, colors, kwargs)
        if dot is None:
            _write_values(ax, drawn_bars, to_float_array(bars.table[metric]), column_unit(metric))
        row_labels = labels.texts[: len(bars.names)]
        if bars.has_other_bar:
            _draw_other_bar(ax, bars.others, len(row_labels), metric)
            row_labels.append(bars.other_name)
        _format_top_axes(ax, data, metric, row_labels)
        ax.tick_params(axis="y", labelsize=shape.font_size)
        if dot is not None:
            _draw_dots(ax, data, metric, dot, bars)
        _add_notes(ax, metric, bars, by)
        shared = labels.describe_shared()
        if shared is not None:
            add_caption(ax, shared)
        drawn = [name for name in (metric, dot, hue) if name is not None]
        caption_data(ax, data, drawn)
        add_title(ax, title, data, f"{metric_label(metric)} by {word_groups(by)}")
        return ax


def _is_all_zero(bars: TopData, metrics: Sequence[str | None]) -> bool:
    """Return whether neither bars nor dots have a length."""
    names = [name for name in metrics if name is not None]
    return not np.nan_to_num(to_float_array(bars.table[names])).any()


def _draw_ranked_bars(
    ax: Axes, bars: TopData, metric: str, colors: Any, kwargs: Style
) -> BarContainer:
    values = to_float_array(bars.table[metric])
    style: Style = {"color": colors, "height": 0.7}
    if bars.bounded is not None:
        style |= {"xerr": find_reach(values, bars.table), "error_kw": bar_style(ax)}
    bar_kwargs = merge_artist_kwargs(style, kwargs, Patch)
    lengths = np.nan_to_num(values)
    return ax.barh(range(len(values)), lengths, **bar_kwargs)


def _choose_colors(
    ax: Axes, data: pd.DataFrame, bars: TopData, metric: str, hue: str | None, target: float | None
) -> Any:
    """Return one colour, those of another metric, or of increases and decreases for changes."""
    if hue is not None:
        return _hue_colors(ax, data, hue, to_float_array(bars.table[hue]), target)
    if not metric.endswith(CHANGE):
        return main_color(ax)
    values = to_float_array(bars.table[metric])
    increase, decrease = signed_colors(ax)
    return np.where(values < 0, decrease, increase).tolist()


def _hue_colors(
    ax: Axes, data: pd.DataFrame, hue: str, values: FloatArray, target: float | None
) -> list[Any]:
    """Return the colour of each bar, grey for a missing value; add a colour bar."""
    scale = make_scale(ax, values, hue, target)
    add_color_bar(ax, scale, data, hue, values)
    colors: list[Any] = []
    for value in values:
        if np.isnan(value):
            colors.append(other_color(ax))
        else:
            colors.append(scale.to_rgba(value))
    return colors


def _draw_other_bar(ax: Axes, value: float, row: int, metric: str) -> None:
    drawn = ax.barh(row, value, height=0.7, color=other_color(ax))
    _write_values(ax, drawn, np.array([value]), column_unit(metric))


def _write_values(ax: Axes, bars: BarContainer, values: FloatArray, unit: str) -> None:
    labels = [format_number(value, unit) for value in values]
    texts = ax.bar_label(
        bars,
        labels=labels,
        padding=_PADDING,
        fontsize="small",
    )
    make_room_for_values(ax, texts)


def _format_top_axes(ax: Axes, data: pd.DataFrame, metric: str, labels: list[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.margins(x=_MARGIN)
    ax.set_xlabel(axis_title(data, metric))
    format_number_axis(ax.xaxis, column_unit(metric))
    if ax.dataLim.xmin < 0 < ax.dataLim.xmax:
        ax.axvline(0, color=other_color(ax), linewidth=0.8)
    style_axes(ax)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)


def _add_notes(ax: Axes, metric: str, bars: TopData, by: str) -> None:
    """Say how many groups have no bar or no value, and the share of those with a bar."""
    if bars.other_count:
        text = word_shown_groups(len(bars.names), bars.group_count, by)
        if np.isfinite(bars.share):
            text = f"{text}, {format_number(bars.share, 'fraction')} of the total"
        add_caption(ax, text)
    if bars.bounded is not None:
        caption_bounds(ax, bars.bounded.level)
    if metric.endswith(CHANGE) and bars.missing_count:
        _caption_missing_changes(ax, bars, metric, by)


def _caption_missing_changes(ax: Axes, bars: TopData, metric: str, by: str) -> None:
    """Say which figure has the part of groups without a change: they may have caused the most."""
    label = metric_label(metric.removesuffix(CHANGE))
    groups = word_shown_groups(bars.missing_count, bars.group_count, by)
    add_caption(
        ax,
        f"{groups} without {label} in one of the periods: waterfall(explain(...)) has their part",
    )


def _draw_dots(ax: Axes, data: pd.DataFrame, metric: str, dot: str, bars: TopData) -> None:
    """Draw a second metric as dots: on the axis of the bars if that has its unit."""
    values = to_float_array(bars.table[dot])
    color = signed_colors(ax).decrease
    unit = column_unit(dot)
    if unit == column_unit(metric) and unit in _SHARED_UNITS:
        _scatter_dots(ax, values, unit, color, background(ax))
        _add_dot_legend(ax, metric, dot, color)
        return
    above = ax.twiny()
    above.grid(visible=False)  # beside the lines of the bars' scale
    _scatter_dots(above, values, unit, color, background(ax))
    above.margins(x=_MARGIN)
    if np.nanmin(values, initial=0.0) >= 0:
        above.set_xlim(left=0)
    above.set_xlabel(f"● {axis_title(data, dot)}", color=color)
    above.tick_params(axis="x", colors=color)
    format_number_axis(above.xaxis, unit)
    above.spines[["right", "left", "bottom"]].set_visible(False)
    above.spines["top"].set_color(color)


def _add_dot_legend(ax: Axes, metric: str, dot: str, color: str) -> None:
    """Tell the bars from the dots on their common axis."""
    name = metric_label(metric)
    bar = Patch(color=main_color(ax), label=name)
    dot_name = metric_label(dot)
    point = Line2D([], [], linestyle="", marker="o", color=color, label=dot_name)
    unit = ax.get_xlabel().replace(name, "", 1)
    ax.set_xlabel(unit.strip(" ()"))
    add_color_legend(ax, [bar, point])


def _scatter_dots(ax: Axes, values: FloatArray, unit: str, color: str, behind: RGBA) -> None:
    """Draw a dot in each row; an outlier is cut at the limit, with its value beside it."""
    limit = find_upper_limit(values)
    ax.scatter(
        np.minimum(values, limit),
        range(len(values)),
        color=color,
        edgecolor=behind,
        zorder=3,
    )
    box = {"boxstyle": "round,pad=0.15", "facecolor": behind, "linewidth": 0}
    for row in np.flatnonzero(values > limit):
        number = format_number(values[row], unit)
        ax.annotate(
            f"{number} ▸",
            (limit, row),
            bbox=box,
            color=caption_color(ax),
            **_OUTLIER_LABEL_STYLE,
        )
