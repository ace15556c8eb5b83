"""Cells coloured by their values, marks on them, and the scales of these colours."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import TwoSlopeNorm
from matplotlib.image import AxesImage

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.plots.cell_numbers import CellNumbers
from sdanalytics.plots.colors import background, is_dark, mix, root_figure
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.number_format import NumberFormatter, number_locator
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import (
    Style,
    merge_artist_kwargs,
    style_axes,
)

ScaleEnds: TypeAlias = Literal["neither", "min", "max", "both"]

_GREY_SHARE: Final = 0.16
"""How much of the text's colour is in that of grey cells; the rest is the background's."""
_SQUARE: Final = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
"""A cell, around its middle."""
_CORNER: Final = np.array([(0.5, 0.5), (0.5, 0.1), (0.3, 0.5)])
"""A triangle in the lower right corner of a cell."""
_COVER_ZORDER: Final = 0.2
"""Above the image, below the gaps."""
_MARK_ZORDER: Final = 1.7
_MARK_OPACITY: Final = 0.65


def draw_heatmap(ax: Axes, cells: pd.DataFrame, scale: ScalarMappable, kwargs: Style) -> AxesImage:
    """Draw cells as colours of a scale, unless `kwargs` has another."""
    style: Style = {"cmap": scale.get_cmap(), "aspect": "auto", "interpolation": "nearest"}
    if not {"vmin", "vmax"} & kwargs.keys():
        style["norm"] = scale.norm
    image_kwargs = merge_artist_kwargs(style, kwargs, AxesImage)
    return ax.imshow(to_float_array(cells), **image_kwargs)


def style_cells(ax: Axes) -> None:
    """Remove all spines, ticks and lines around and between cells."""
    style_axes(ax)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def separate_cells(ax: Axes, row_count: int, column_count: int, width: float) -> None:
    """Draw gaps between rows and columns, a width in points, in the colour of the background."""
    row_edges = np.arange(row_count + 1) - 0.5
    column_edges = np.arange(column_count + 1) - 0.5
    ax.set_yticks(row_edges, minor=True)
    ax.set_xticks(column_edges, minor=True)
    ax.grid(which="minor", color=background(ax), linestyle="-", linewidth=width)
    ax.tick_params(which="minor", length=0)


def grey_cells(ax: Axes, cells: BoolArray) -> None:
    """Cover cells with a grey that no scale has."""
    behind = background(ax)
    covers = PolyCollection(
        _shift_to_cells(_SQUARE, cells),
        facecolors=mix(rcParams["text.color"], behind, _GREY_SHARE),
        linewidths=0,
        zorder=_COVER_ZORDER,
    )
    ax.add_collection(covers, autolim=False)


def mark_corners(ax: Axes, cells: BoolArray, colors_behind: FloatArray) -> None:
    """Mark cells by a triangle in a corner, which leaves their numbers legible."""
    colors = [choose_text_color(behind) for behind in colors_behind[cells]]
    marks = PolyCollection(
        _shift_to_cells(_CORNER, cells),
        facecolors=colors,
        linewidths=0,
        alpha=_MARK_OPACITY,
        zorder=_MARK_ZORDER,
    )
    ax.add_collection(marks, autolim=False)


def _shift_to_cells(shape: FloatArray, cells: BoolArray) -> list[FloatArray]:
    """Return a shape around each of the cells."""
    shapes = []
    for position in np.argwhere(cells):
        middle = position[::-1]  # column and row
        shapes.append(shape + middle)
    return shapes


def choose_text_color(behind: Any) -> str:
    """Return white on dark and black on light colours."""
    return "white" if is_dark(behind) else "black"


def write_cells(
    ax: Axes, cells: pd.DataFrame, unit: str, image: AxesImage, grey: BoolArray | None = None
) -> None:
    """Write each value into its cell, in a colour that is legible on that of the cell."""
    values = to_float_array(cells)
    numbers = CellNumbers(unit)
    ax.add_artist(numbers)
    for row, column in np.argwhere(~np.isnan(values)):
        value = values[row, column]
        color = choose_text_color(image.to_rgba(np.asarray(value)))
        if grey is not None and grey[row, column]:
            color = rcParams["text.color"]
        numbers.write(column, row, value, color)


def add_color_bar(
    ax: Axes,
    scale: ScalarMappable,
    data: pd.DataFrame,
    metric: str,
    values: FloatArray,
    label: str | None = None,
) -> None:
    """Explain the colours of a metric beside the axes; an arrow stands for values beyond it.

    The label is the metric's, unless another is given.
    """
    unit = column_unit(metric)
    figure = root_figure(ax)
    color_bar = figure.colorbar(
        scale,
        ax=ax,
        label=label or axis_title(data, metric),
        format=NumberFormatter(unit),
        ticks=number_locator(unit),
        shrink=0.9,
        extend=_find_extension(scale, values),
    )
    color_bar.outline.set_visible(False)
    color_bar.ax.grid(visible=False)
    if isinstance(scale.norm, TwoSlopeNorm):
        _cut_to_values(color_bar.ax, scale.norm.vcenter, values)


def _cut_to_values(bar: Axes, center: float, values: FloatArray) -> None:
    """Show that part of a scale around a value which occurs: an ACOS is not negative."""
    known = values[np.isfinite(values)]
    low, high = bar.get_ylim()
    bottom = max(low, min(known.min(initial=center), center))
    top = min(high, max(known.max(initial=center), center))
    if bottom < top:
        bar.set_ylim(bottom, top)


def _find_extension(scale: ScalarMappable, values: FloatArray) -> ScaleEnds:
    """Return at which ends of a scale values lie beyond it."""
    low, high = scale.get_clim()
    assert isinstance(low, float)
    assert isinstance(high, float)
    is_below = bool((values < low).any())
    is_above = bool((values > high).any())
    if is_below and is_above:
        return "both"
    if is_below:
        return "min"
    return "max" if is_above else "neither"
