"""Lines whose last part still grows: dashed, in the full colour."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path

from sdanalytics.analysis.row_groups import BoolArray

_DASHES: Final = (0, (2.2, 1.4))
"""Shorter than those of the lines after the sixth."""
_FAR: Final = 4000
"""Days that both parts reach beyond the data: the user may set other limits later."""


def dash_young_part(ax: Axes, line: Line2D, is_young: BoolArray) -> None:
    """Dash a line from its first young point on; its data stay as they are.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    line : matplotlib.lines.Line2D
        Over days.
    is_young : numpy.ndarray of bool
        By point: all after the first are young, too.
    """
    if not is_young.any():
        return
    days = np.asarray(line.get_xdata(orig=False), dtype=float)
    values = np.asarray(line.get_ydata(orig=False), dtype=float)
    border = _find_border(days, is_young)
    points = np.column_stack([days, values])
    dashed = _dash_line(line, points)
    ax.add_collection(dashed, autolim=False)
    _clip(ax, dashed, border, border + _FAR)
    has_markers = line.get_marker() not in ("", "None", None)
    if has_markers:
        _redraw_markers(ax, line, points[is_young])
    _clip(ax, line, border - _FAR, border)


def _dash_line(line: Line2D, points: Any) -> LineCollection:
    """Return a line like another one, but dashed."""
    return LineCollection(
        [points],
        linestyles=[_DASHES],
        colors=[line.get_color()],
        linewidths=line.get_linewidth(),
        alpha=line.get_alpha(),
        zorder=line.get_zorder(),
    )


def _find_border(days: Any, is_young: BoolArray) -> float:
    """Return the middle between the last settled point and the first young one."""
    first = int(np.argmax(is_young))
    if first == 0:
        return float(days[0] - 1)
    return float(days[first - 1] + days[first]) / 2


def _redraw_markers(ax: Axes, line: Line2D, points: Any) -> None:
    ax.scatter(
        points[:, 0],
        points[:, 1],
        s=line.get_markersize() ** 2,
        marker=line.get_marker(),
        color=line.get_color(),
        alpha=line.get_alpha(),
        linewidths=0,
        zorder=line.get_zorder(),
    )


def _clip(ax: Axes, artist: Any, left: float, right: float) -> None:
    """Show an artist between two days only, within the axes."""
    corners = [(left, 0), (right, 0), (right, 1), (left, 1), (left, 0)]
    artist.set_clip_path(Path(corners, closed=True), ax.get_xaxis_transform())
