"""Legends outside the axes, where the figure's layout makes room for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend

from sdanalytics.plots.colors import root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.name_labels import count_lines, measure_width
from sdanalytics.plots.point_sizes import measure_axes
from sdanalytics.plots.style import Style
from sdanalytics.plots.surroundings import find_surroundings

_LETTER_WIDTH: Final = 5.4
"""Points that a letter of a small legend takes."""
_HANDLE_WIDTH: Final = 40
"""Points that a handle takes, with the room around it."""
_MAX_COLUMNS: Final = 4
_ROW_HEIGHT: Final = 13
"""Points that a line of a small legend takes."""
_MAX_SHARE: Final = 0.6
"""The height of a legend below, as a share of that of the axes before there is one."""
_BELOW: Final[Style] = {
    "loc": "upper left",
    "frameon": False,
    "borderaxespad": 0,
    "borderpad": 0,
}
_INSIDE: Final[Style] = {"loc": "best", "framealpha": 0.7, "edgecolor": "none"}


def add_line_legend(ax: Axes, *, inside: bool = False) -> None:
    """Name the lines: below the axes if the layout makes room there, else inside."""
    handles, _ = ax.get_legend_handles_labels()
    if has_layout(ax) and _has_room_below(ax, handles) and not inside:
        _add_legend_below(ax, handles)
        return
    _create_legend(ax, handles, _INSIDE)


def add_color_legend(
    ax: Axes,
    handles: Sequence[Artist],
    *,
    always_below: bool = False,
) -> None:
    """Explain colours: below the axes if the layout makes room there, else inside.

    Axes without labels have room below in any case.
    """
    if always_below or has_layout(ax):
        _add_legend_below(ax, handles)
        return
    _create_legend(ax, handles, _INSIDE)


def add_row_legend(ax: Axes, handles: Sequence[Artist], handle_size: float) -> None:
    """Add a legend of one row below the axes and what else is there.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Of a figure whose layout makes room.
    handles : sequence of matplotlib.artist.Artist
    handle_size : float
        The width and height of a handle, in points.
    """
    font_size = FontProperties(size="small").get_size_in_points()
    legend = Legend(
        ax,
        list(handles),
        [str(handle.get_label()) for handle in handles],
        fontsize="small",
        handlelength=handle_size / font_size,
        handleheight=handle_size / font_size,
        handletextpad=0.3,
        columnspacing=1.0,
        ncols=len(handles),
        **_BELOW,
    )
    for text in legend.get_texts():
        set_font_fallback(text)
    ax.add_artist(legend)
    find_surroundings(ax).add_legend(legend)


def has_layout(ax: Axes) -> bool:
    """Return whether a layout engine makes room for artists outside the axes."""
    return root_figure(ax).get_layout_engine() is not None


def _has_room_below(ax: Axes, handles: Sequence[Artist]) -> bool:
    """Return whether a legend below leaves most of the height to the axes."""
    lines = max(map(count_lines, _list_entries(handles)), default=1)
    rows = math.ceil(len(handles) / _count_columns(ax, handles))
    height = rows * lines * _ROW_HEIGHT
    return height <= _MAX_SHARE * measure_axes(ax).height


def _add_legend_below(ax: Axes, handles: Sequence[Artist]) -> None:
    """Add a legend below the caption, in as many columns as the axes are wide."""
    legend = _create_legend(
        ax,
        handles,
        _BELOW | {"ncols": _count_columns(ax, handles)},
    )
    find_surroundings(ax).add_legend(legend)


def _count_columns(ax: Axes, handles: Sequence[Artist]) -> int:
    lines: list[str] = []
    for label in _list_entries(handles):
        lines += label.splitlines()
    widest = max(map(measure_width, lines), default=1)
    column = _HANDLE_WIDTH + _LETTER_WIDTH * widest
    room = measure_axes(ax).width
    return min(max(int(room / column), 1), _MAX_COLUMNS)


def _list_entries(handles: Sequence[Artist]) -> list[str]:
    return [str(handle.get_label()) for handle in handles]


def _create_legend(ax: Axes, handles: Sequence[Artist], options: Style) -> Legend:
    legend = ax.legend(
        handles=list(handles),
        fontsize="small",
        handlelength=1.4,
        **options,
    )
    for text in legend.get_texts():
        set_font_fallback(text)
    return legend
