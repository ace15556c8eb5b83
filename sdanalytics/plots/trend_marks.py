"""The lines of a trend with their marks: what grows, what is a part, what is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.plots.colors import background
from sdanalytics.plots.cut_values import find_largest_size, limit_axis, write_cut_values
from sdanalytics.plots.date_axis import format_date_axis
from sdanalytics.plots.expected_lines import (
    draw_expected_bands,
    draw_reported_lines,
    limit_to_lines,
)
from sdanalytics.plots.number_format import format_number_axis
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.point_sizes import measure_axes
from sdanalytics.plots.style import Style, merge_artist_kwargs, style_axes
from sdanalytics.plots.trend_data import TrendData
from sdanalytics.plots.young_lines import dash_young_part

_MARKER_ROOM: Final = 6
"""Points (of type) for each marker; closer ones would hide their line."""
_SIDE_MARGIN: Final = 0.02
"""Room beside the first and last point, as a share of the axes."""
_LONG_LINE_WIDTH: Final = 1.2
_HOLLOW_SIZE: Final = 22
"""The area of hollow points, in square points."""
_MARK_HEIGHT: Final = 0.985
"""The position of marks of undefined ratios, as a share of the axes."""


class DrawnLines(NamedTuple):
    """Lines that were drawn in axes.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
    lines : TrendData
    colors : list
    """

    ax: Axes
    lines: TrendData
    colors: list[Any]


def draw_trend(
    ax: Axes, lines: TrendData, metric: str, styles: list[Style], kwargs: Style
) -> DrawnLines:
    """Draw lines with all their marks.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    lines : TrendData
    metric : str
    styles : list of dict
        Colour, dashes and label of each line.
    kwargs : dict
        The user's own style.
    """
    colors = _draw_lines(ax, lines, styles, kwargs)
    _hollow_part_buckets(ax, lines, colors)
    if lines.undefined_ratio is not None:
        _mark_undefined_ratios(ax, lines, colors)
    style_axes(ax)
    ax.margins(x=_SIDE_MARGIN)
    format_date_axis(ax, lines.positions)
    format_number_axis(ax.yaxis, column_unit(metric))
    return DrawnLines(ax, lines, colors)


def set_scale(drawn: Sequence[DrawnLines], values: FloatArray, metric: str) -> bool:
    """Set the scale that axes share; return whether some values are beyond it.

    Parameters
    ----------
    drawn : sequence of DrawnLines
    values : numpy.ndarray of float
        Those of all lines.
    metric : str
    """
    ax = drawn[0].ax
    size = find_largest_size(values)
    if any(part.lines.final is not None for part in drawn):
        limit_to_lines(
            ax,
            np.clip(
                values,
                -size,
                size,
            ),
        )
    if np.nanmin(values) >= 0:
        ax.set_ylim(bottom=0)
    if math.isinf(size):
        return False
    limit_axis(ax, values, size)
    unit = column_unit(metric)
    for part in drawn:
        write_cut_values(
            part.ax,
            part.lines.positions,
            part.lines.drawn,
            size,
            unit,
            part.colors,
        )
    return True


def _draw_lines(ax: Axes, lines: TrendData, styles: list[Style], kwargs: Style) -> list[Any]:
    """Draw the lines, and return their colours."""
    colors = []
    for rank, style in enumerate(styles):
        line = _draw_line(ax, lines, rank, style, kwargs)
        colors.append(line.get_color())
    if lines.final is not None:
        draw_reported_lines(
            ax,
            lines.positions,
            lines.values,
            colors,
        )
        draw_expected_bands(
            ax,
            lines.positions,
            lines.final,
            colors,
        )
    return colors


def _draw_line(ax: Axes, lines: TrendData, rank: int, style: Style, kwargs: Style) -> Line2D:
    values = to_float_array(lines.drawn.iloc[:, rank])
    line_style = style | _choose_markers(ax, values)
    line_kwargs = merge_artist_kwargs(line_style, kwargs, Line2D)
    (line,) = ax.plot(lines.positions, values, **line_kwargs)
    if lines.final is None and lines.ages is not None:
        dash_young_part(ax, line, lines.ages.is_arriving)
    return line


def _choose_markers(ax: Axes, values: FloatArray) -> Style:
    """Return small markers where there is room; else only for points that no line goes through."""
    width = measure_axes(ax).width
    is_known = np.isfinite(values)
    style: Style = {"marker": "o", "markersize": 3}
    if is_known.sum() * _MARKER_ROOM <= width:
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
    for color, column in zip(
        colors,
        drawn,
        strict=True,
    ):
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
    for color, column in zip(
        colors,
        lines.undefined_ratio,
        strict=True,
    ):
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
