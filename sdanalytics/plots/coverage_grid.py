"""The figure `coverage`: which days are stored, as a grid."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from sdanalytics.model.partition import COVERAGE_STATES
from sdanalytics.plots.colors import background, caption_color, raise_contrast
from sdanalytics.plots.coverage_data import CoverageMatrix, HasCoverage, coverage_matrix
from sdanalytics.plots.date_axis import format_date_axis, to_date_number
from sdanalytics.plots.heatmap import style_cells
from sdanalytics.plots.legends import add_color_legend, has_layout
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.style import (
    Style,
    draw_note,
    ensure_axes,
    is_narrow,
    merge_artist_kwargs,
)
from sdanalytics.plots.titles import TitleLike, add_title


class _StateStyle(NamedTuple):
    """The colour of a state, and its meaning."""

    color: str
    meaning: str


STATE_STYLES: Final = {
    "final": _StateStyle("#005B94", "stored for good"),
    "restatable": _StateStyle("#56B4E9", "may change"),
    "empty": _StateStyle("#8F8F8F", "stored, no rows"),
    "missing": _StateStyle("#E69F00", "not stored"),
    "gone": _StateStyle("#3C3C3C", "not stored, too old"),
}
"""The style of each of `COVERAGE_STATES`."""
ROW_HEIGHT: Final = 0.19
"""Inches per row."""
HEIGHT_WITHOUT_ROWS: Final = 1.4
"""Inches for the dates and the legend."""
MAX_ROWS_WITH_LARGE_LABELS: Final = 12
MAX_SEPARATED_DAYS: Final = 45
"""With more days there are no gaps between them."""
_LEGEND_ABOVE_STYLE: Final[Style] = {
    "loc": "lower right",
    "bbox_to_anchor": (1, 1),
    "frameon": False,
    "ncols": 3,
    "fontsize": "small",
    "handlelength": 1.4,
}
_DUE_LINE_WIDTH: Final = 1.2
_DUE_EDGE_WIDTH: Final = 2.4


def coverage(
    data: pd.DataFrame | HasCoverage,
    *,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw which days of which reports are stored, final or not, and which are missing.

    Parameters
    ----------
    data : pandas.DataFrame or ReportCache
        The frame that `ReportCache.coverage` returns, or an object with such a method.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with one row per report and tactic, and one column per day.

    Raises
    ------
    InvalidRequest
        When the frame is not one of `ReportCache.coverage`.
    """
    matrix = coverage_matrix(data)
    row_count, day_count = matrix.states.shape
    height = HEIGHT_WITHOUT_ROWS + ROW_HEIGHT * row_count
    with ensure_axes(ax, height=height) as ax:
        if matrix.states.empty:
            return draw_note(ax, "no rows")
        first_day = matrix.states.columns[0]
        left = to_date_number(first_day) - 0.5
        image = _draw_cells(ax, matrix.states, left, kwargs)
        _format_coverage_axes(ax, matrix.names)
        _draw_gaps(ax, left, day_count, row_count)
        _draw_group_lines(ax, matrix.group_starts)
        _mark_due_days(ax, matrix.is_due, left)
        _add_legend(ax, matrix, image)
        days = pd.DataFrame({"date": matrix.states.columns})
        add_title(ax, title, days, "days stored")
        return ax


def _draw_cells(ax: Axes, states: pd.DataFrame, left: float, kwargs: Style) -> AxesImage:
    row_count, day_count = states.shape
    right = left + day_count
    bottom = row_count - 0.5
    style: Style = {
        "aspect": "auto",
        "interpolation": "nearest",
        "extent": (left, right, bottom, -0.5),
        "cmap": _choose_state_colors(ax),
    }
    if "norm" not in kwargs:
        style["vmin"] = -0.5
        style["vmax"] = len(COVERAGE_STATES) - 0.5
    image_kwargs = merge_artist_kwargs(style, kwargs, AxesImage)
    return ax.imshow(to_float_array(states), **image_kwargs)


def _choose_state_colors(ax: Axes) -> ListedColormap:
    """Return the colours of states that the background does not hide."""
    behind = background(ax)
    colors = [STATE_STYLES[state].color for state in COVERAGE_STATES]
    return ListedColormap([raise_contrast(color, behind) for color in colors])


def _due_line_style(ax: Axes) -> Style:
    """Return the style of the line through days: in the text's colour, with an edge around it."""
    edge = withStroke(
        linewidth=_DUE_EDGE_WIDTH,
        foreground=background(ax, outside=True),
    )
    return {
        "color": rcParams["text.color"],
        "linewidth": _DUE_LINE_WIDTH,
        "path_effects": [edge],
    }


def _format_coverage_axes(ax: Axes, names: list[str]) -> None:
    ax.xaxis_date()
    format_date_axis(ax)
    size = "x-small"
    if len(names) <= MAX_ROWS_WITH_LARGE_LABELS and not is_narrow(ax):
        size = "small"
    rows = range(len(names))
    ax.set_yticks(rows, names, fontsize=size, parse_math=False)
    style_cells(ax)


def _draw_gaps(ax: Axes, left: float, day_count: int, row_count: int) -> None:
    """Draw gaps between the rows, and between the days if there is room."""
    if day_count == 1:
        ax.set_xlim(left - 1, left + 2)
    row_edges = np.arange(row_count + 1) - 0.5
    day_edges = np.arange(day_count + 1) + left
    ax.set_yticks(row_edges, minor=True)
    if day_count <= MAX_SEPARATED_DAYS:
        ax.set_xticks(day_edges, minor=True)
    ax.grid(which="minor", color=background(ax), linewidth=1.5)
    ax.tick_params(which="minor", length=0)


def _draw_group_lines(ax: Axes, rows: list[int]) -> None:
    """Draw a line above the first row of each source and profile."""
    for row in rows:
        upper_edge = row - 0.5
        ax.axhline(upper_edge, color=caption_color(ax), linewidth=1)


def _mark_due_days(ax: Axes, is_due: pd.DataFrame, left: float) -> None:
    """Draw a line through each run of days that the next fetch requests."""
    flags = is_due.to_numpy("int8")
    changes = np.diff(flags, axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(changes > 0)
    _, ends = np.nonzero(changes < 0)
    if not len(rows):
        return
    has_gaps = len(is_due.columns) <= MAX_SEPARATED_DAYS
    margin = 0.2 if has_gaps else 0.0
    ax.hlines(
        rows,
        left + starts + margin,
        left + ends - margin,
        label="due" if is_narrow(ax) else "due: to be fetched",
        **_due_line_style(ax),
    )


def _add_legend(ax: Axes, matrix: CoverageMatrix, image: AxesImage) -> None:
    """Explain the colours that occur, and the line through them."""
    occurring = np.unique(to_float_array(matrix.states))
    handle: Artist
    handles: list[Artist] = []
    for code, state in enumerate(COVERAGE_STATES):
        if code not in occurring:
            continue
        label = state
        if not is_narrow(ax):
            label = f"{state}: {STATE_STYLES[state].meaning}"
        color: Any = image.to_rgba(np.array(code))
        handle = Patch(color=color, label=label)
        handles.append(handle)
    for line in ax.collections:
        handle = Line2D([], [], label=line.get_label(), **_due_line_style(ax))
        handles.append(handle)
    if has_layout(ax):
        add_color_legend(ax, handles)
        return
    ax.legend(handles=handles, **_LEGEND_ABOVE_STYLE)  # inside it would hide cells
