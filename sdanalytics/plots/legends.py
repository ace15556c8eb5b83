"""Legends outside the axes, where the figure's layout makes room for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.transforms import offset_copy

from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.style import Style, root_figure

_DISTANCE_BELOW: Final = 40
"""Points from the axes to the legend below: room for the dates and a caption."""


def add_line_legend(ax: Axes, *, inside: bool = False) -> None:
    """Name the lines: below the axes if the layout makes room there, else inside."""
    if _has_layout(ax) and not inside:
        options = _options_below(ax)
        options |= {"loc": "upper left", "bbox_to_anchor": (0, 0), "ncols": 2}
    else:
        options = {"loc": "best", "framealpha": 0.7, "edgecolor": "none"}
    legend = ax.legend(fontsize="small", **options)
    for text in legend.get_texts():
        set_font_fallback(text)


def add_color_legend(ax: Axes, handles: Sequence[Artist]) -> None:
    """Explain colours: below the axes if the layout makes room there, else at the upper edge.

    The legend ends where the axes end, and may begin to the left of them, below long names.
    """
    if _has_layout(ax):
        options = _options_below(ax)
        options |= {"loc": "upper right", "bbox_to_anchor": (1, 0)}
    else:
        options = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False}
    ax.legend(handles=handles, fontsize="small", ncols=3, handlelength=1.2, **options)


def _has_layout(ax: Axes) -> bool:
    """Return whether a layout engine makes room for artists outside the axes."""
    return root_figure(ax).get_layout_engine() is not None


def _options_below(ax: Axes) -> Style:
    """Return the options of a legend below the dates and a caption."""
    below = offset_copy(
        ax.transAxes,
        root_figure(ax),
        y=-_DISTANCE_BELOW,
        units="points",
    )
    return {"bbox_transform": below, "frameon": False, "borderaxespad": 0}
