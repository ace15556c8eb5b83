"""The lines of a trend with their marks: what grows, what is a part, what is undefined."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.plots.colors import background
from sdanalytics.plots.cut_values import limit_axis, write_cut_values
from sdanalytics.plots.date_axis import format_date_axis
from sdanalytics.plots.expected_lines import (
    draw_expected_bands,
    draw_reported_lines,
    limit_to_lines,
)
from sdanalytics.plots.number_format import format_number_axis
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import Style, merge_artist_kwargs, style_axes
from sdanalytics.plots.trend_data import TrendData
from sdanalytics.plots.young_lines import dash_young_part

_MAX_MARKED_POINTS: Final = 60
"""Points of a line that has a marker on each; a longer one has them where it is interrupted."""
_SIDE_MARGIN: Final = 0.02
"""Room beside the first and last point, as a share of the axes."""
_LONG_LINE_WIDTH: Final = 1.2
_HOLLOW_SIZE: Final = 22
"""The area of hollow points, in square points."""
_MARK_HEIGHT: Final = 0.985
"""The position of marks of undefined ratios, as a share of the axes."""


def draw_trend(
    ax: Axes,
    lines: TrendData,
    metric: str,
    styles: list[Style],
    size: float,
    kwargs: Style,
) -> bool:
    """Draw lines with all their marks; return whether some values are beyond the axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    lines : TrendData
    metric : str
    styles : list of dict
        Colour, dashes and label of each line.
    size : float
        Values up to this size are on the axis.
    kwargs : dict
        The user's own style.
    """
    colors = _draw_lines(ax, lines, styles, kwargs)
    _hollow_part_buckets(ax, lines, colors)
    if lines.undefined_ratio is not None:
        _mark_undefined_ratios(ax, lines, colors)
    _format_axes(ax, lines, metric)
    values = list_values(lines)
    if lines.final is not None:
        limit_to_lines(ax, np.clip(values, -size, size))
    limit_axis(ax, values, size)
    if math.isinf(size):
        return False
    unit = column_unit(metric)
    return write_cut_values(ax, lines.positions, lines.drawn, size, unit, colors)


def list_values(lines: TrendData) -> FloatArray:
    """Return all values of the lines, reported and expected."""
    tables = [lines.values, lines.drawn]
    return to_float_array(pd.concat(tables))


def _draw_lines(ax: Axes, lines: TrendData, styles: list[Style], kwargs: Style) -> list[Any]:
    """Draw the lines, and return their colours."""
    colors = []
    for style, column in zip(styles, lines.drawn, strict=True):
        values = to_float_array(lines.drawn[column])
        line_style = style | _choose_markers(values)
        line_kwargs = merge_artist_kwargs(line_style, kwargs, Line2D)
        (line,) = ax.plot(lines.positions, values, **line_kwargs)
        colors.append(line.get_color())
        if lines.final is None and lines.ages is not None:
            dash_young_part(ax, line, lines.ages.is_arriving)
    if lines.final is not None:
        draw_reported_lines(ax, lines.positions, lines.values, colors)
        draw_expected_bands(ax, lines.positions, lines.final, colors)
    return colors


def _choose_markers(values: FloatArray) -> Style:
    """Return small markers for lines of few points; else only where a line would be invisible."""
    is_known = np.isfinite(values)
    style: Style = {"marker": "o", "markersize": 3}
    if is_known.sum() <= _MAX_MARKED_POINTS:
        return style
    has_neighbour = np.zeros(len(values), dtype=bool)
    has_neighbour[1:] |= is_known[:-1]
    has_neighbour[:-1] |= is_known[1:]
    alone = np.flatnonzero(is_known & ~has_neighbour)
    style["linewidth"] = _LONG_LINE_WIDTH
    if not len(alone):
        return style | {"marker": ""}
    return style | {"markevery": alone.tolist()}


def _hollow_part_buckets(ax: Axes, lines: TrendData, colors: list[Any]) -> None:
    """Make the points hollow that stand for a part of their week or month only."""
    if not lines.is_part.any():
        return
    drawn = lines.drawn.where(lines.drawn.notna(), lines.values)
    for color, column in zip(colors, drawn, strict=True):
        values = to_float_array(drawn[column])
        ax.scatter(
            lines.positions[lines.is_part],
            values[lines.is_part],
            s=_HOLLOW_SIZE,
            facecolor=background(ax),
            edgecolor=color,
            zorder=2.2,  # above the lines
        )


def _mark_undefined_ratios(ax: Axes, lines: TrendData, colors: list[Any]) -> None:
    """Mark days with an undefined ratio at the upper edge, in the colour of their line."""
    assert lines.undefined_ratio is not None
    for color, column in zip(colors, lines.undefined_ratio, strict=True):
        is_undefined = lines.undefined_ratio[column].to_numpy()
        days = lines.positions[is_undefined]
        ax.scatter(
            days,
            np.full(len(days), _MARK_HEIGHT),
            marker="^",
            s=18,
            color=color,
            zorder=3,
            transform=ax.get_xaxis_transform(),
        )


def _format_axes(ax: Axes, lines: TrendData, metric: str) -> None:
    style_axes(ax)
    ax.margins(x=_SIDE_MARGIN)
    format_date_axis(ax, lines.positions)
    format_number_axis(ax.yaxis, column_unit(metric))
    if ax.dataLim.ymin >= 0:
        ax.set_ylim(bottom=0)
