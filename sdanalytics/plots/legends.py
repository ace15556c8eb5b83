"""Legends outside the axes, where the figure's layout makes room for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend

from sdanalytics.plots.colors import root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.name_labels import measure_width
from sdanalytics.plots.style import Style
from sdanalytics.plots.surroundings import find_surroundings

_POINTS_PER_INCH: Final = 72
_LETTER_WIDTH: Final = 5.4
"""Points that a letter of a small legend takes."""
_HANDLE_WIDTH: Final = 40
"""Points that a handle takes, with the room around it."""
_MAX_COLUMNS: Final = 4


def add_line_legend(ax: Axes, *, inside: bool = False) -> None:
    """Name the lines: below the axes if the layout makes room there, else inside."""
    handles, _ = ax.get_legend_handles_labels()
    if _has_layout(ax) and not inside:
        _add_legend_below(ax, handles)
        return
    _create_legend(ax, handles, {"loc": "best", "framealpha": 0.7, "edgecolor": "none"})


def add_color_legend(ax: Axes, handles: Sequence[Artist]) -> None:
    """Explain colours: below the axes if the layout makes room there, else at the upper edge."""
    if _has_layout(ax):
        _add_legend_below(ax, handles)
        return
    options = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False, "ncols": 3}
    _create_legend(ax, handles, options)


def _has_layout(ax: Axes) -> bool:
    """Return whether a layout engine makes room for artists outside the axes."""
    return root_figure(ax).get_layout_engine() is not None


def _add_legend_below(ax: Axes, handles: Sequence[Artist]) -> None:
    """Add a legend below the caption, in as many columns as the axes are wide."""
    options = {
        "loc": "upper left",
        "frameon": False,
        "borderaxespad": 0,
        "borderpad": 0,
        "ncols": _count_columns(ax, handles),
    }
    legend = _create_legend(ax, handles, options)
    find_surroundings(ax).add_legend(legend)


def _count_columns(ax: Axes, handles: Sequence[Artist]) -> int:
    widest = max((measure_width(str(handle.get_label())) for handle in handles), default=1)
    column = _HANDLE_WIDTH + _LETTER_WIDTH * widest
    room = ax.bbox.width / root_figure(ax).dpi * _POINTS_PER_INCH
    return min(max(int(room / column), 1), _MAX_COLUMNS)


def _create_legend(ax: Axes, handles: Sequence[Artist], options: Style) -> Legend:
    legend = ax.legend(handles=list(handles), fontsize="small", handlelength=1.4, **options)
    for text in legend.get_texts():
        set_font_fallback(text)
    return legend
