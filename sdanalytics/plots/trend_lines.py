"""The figure `trend`: a metric over time, as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.final_curve import FinalLike
from sdanalytics.analysis.kpi_definitions import KPIS, metric_unit
from sdanalytics.plots.colors import background, other_color
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.date_axis import format_date_axis
from sdanalytics.plots.expected_lines import (
    draw_expected_bands,
    draw_reported_lines,
    limit_to_lines,
)
from sdanalytics.plots.groups import word_groups
from sdanalytics.plots.legends import add_line_legend
from sdanalytics.plots.metric_labels import axis_title, metric_label
from sdanalytics.plots.name_labels import short_labels
from sdanalytics.plots.number_format import format_number_axis
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.restatement import shade_restatable
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    ensure_axes,
    line_style,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title
from sdanalytics.plots.trend_data import TrendData, trend_data

_LEGEND_COLUMNS: Final = 2
_ROWS_WITHOUT_LEGEND: Final = 9
"""The height of the axes, in rows of the legend."""
_HOLLOW_SIZE: Final = 22
"""The area of hollow points, in square points."""
_MARK_HEIGHT: Final = 0.985
"""The position of marks of undefined ratios, as a share of the axes."""


def trend(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str | None = None,
    n: int = 5,
    final: FinalLike = None,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a metric over time; days that Amazon may still restate are lighter.

    With `final`, what the metric is expected to be when it is final is drawn, with an interval of
    80 % (for up to four lines), and what is reported so far dotted.

    Parameters
    ----------
    data : pandas.DataFrame
        With a column `date`. Days without rows are a gap in the line; the points of weeks and
        months of which the summary does not have all days are hollow.
    metric : str
        A metric or KPI.
    by : str, optional
        A column: draws a line for each of its `n` largest values (for ratios: the largest by
        cost), and one for all others together.
    n : int
        The maximum number of lines, not counting the one for the others.
    final : pandas.DataFrame or bool, optional
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
        Needs a frame of days that tells when they were fetched. Days that had not ended
        then have no expected value.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the lines.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metric; the message says which
        `metrics=` to fetch. With `final`, when the metric has no final numbers, the curve is of
        something else, or the frame is not of days.
    """
    lines = trend_data(data, metric, by, n, final, names)
    values = lines.values
    legend_rows = len(lines.names) // _LEGEND_COLUMNS
    with ensure_axes(ax, rows=legend_rows + _ROWS_WITHOUT_LEGEND) as ax:
        if values.isna().all(axis=None):
            return draw_empty(ax, data, metric)
        _draw_lines(ax, lines, n, kwargs)
        _hollow_part_buckets(ax, lines, n)
        _format_trend_axes(ax, data, metric)
        if lines.final is None:
            shade_restatable(ax, data, metric, pd.DatetimeIndex(values.index))
        caption_data(ax, data, [metric])
        if lines.undefined_ratio is not None:
            _mark_undefined_ratios(ax, lines.undefined_ratio, metric, n)
        if by is not None:
            add_line_legend(ax)
        grouping = f" by {word_groups(by)}" if by else ""
        add_title(ax, title, data, metric_label(metric) + grouping)
        return ax


def _draw_lines(ax: Axes, lines: TrendData, n: int, kwargs: Style) -> None:
    labels = short_labels(lines.names)
    table = lines.values if lines.final is None else lines.final.expected
    days = table.index
    colors = []
    for rank, column in enumerate(table):
        style = _line_style(ax, rank, n)
        style["label"] = labels[rank]
        line_kwargs = merge_artist_kwargs(style, kwargs, Line2D)
        values = to_float_array(table[column])
        (line,) = ax.plot(days, values, **line_kwargs)
        colors.append(line.get_color())
    if lines.final is not None:
        draw_reported_lines(ax, lines.values, colors)
        draw_expected_bands(ax, lines.final, colors)
        limit_to_lines(ax, [lines.values, lines.final.expected])


def _hollow_part_buckets(ax: Axes, lines: TrendData, n: int) -> None:
    """Make the points hollow that stand for a part of their week or month only."""
    is_part = lines.values.index.isin(lines.part_buckets)
    if not is_part.any():
        return
    days = lines.values.index[is_part]
    for rank, column in enumerate(lines.values):
        values = to_float_array(lines.values[column])
        ax.scatter(
            days,
            values[is_part],
            s=_HOLLOW_SIZE,
            facecolor=background(ax),
            edgecolor=_line_style(ax, rank, n)["color"],
            zorder=2.2,  # above the lines
        )
    add_caption(ax, "hollow: not all days")


def _line_style(ax: Axes, rank: int, n: int) -> Style:
    """Return the style of a line; the one after the n largest is that of all others."""
    style: Style = {"color": other_color(ax), "linestyle": "-"}
    if rank != n:
        style = line_style(ax, rank)
    return style | {"marker": "o", "markersize": 3}


def _format_trend_axes(ax: Axes, data: pd.DataFrame, metric: str) -> None:
    unit = metric_unit(metric)
    style_axes(ax)
    format_date_axis(ax)
    format_number_axis(ax.yaxis, unit)
    if ax.dataLim.ymin >= 0:
        ax.set_ylim(bottom=0)
    ax.set_ylabel(axis_title(data, metric))


def _mark_undefined_ratios(ax: Axes, is_undefined: pd.DataFrame, metric: str, n: int) -> None:
    """Mark days with an undefined ratio at the upper edge, in the colour of their line."""
    for rank, column in enumerate(is_undefined):
        days = is_undefined.index[is_undefined[column]]
        heights = np.full(len(days), _MARK_HEIGHT)
        style = _line_style(ax, rank, n)
        ax.scatter(
            days,
            heights,
            marker="^",
            s=18,
            color=style["color"],
            zorder=3,
            transform=ax.get_xaxis_transform(),
        )
    if is_undefined.any(axis=None):
        kpi = KPIS[metric]
        add_caption(ax, f"▲ {kpi.numerator} without {kpi.denominator}")
