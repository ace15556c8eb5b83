"""Cells coloured by their values, and the scales of these colours."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.image import AxesImage

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.plots.colors import is_dark, root_figure
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.number_format import NumberFormatter, format_number, number_locator
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import (
    Style,
    merge_artist_kwargs,
    style_axes,
)

ScaleEnds: TypeAlias = Literal["neither", "min", "max", "both"]


def draw_heatmap(ax: Axes, cells: pd.DataFrame, scale: ScalarMappable, kwargs: Style) -> AxesImage:
    """Draw cells as colours of a scale, unless `kwargs` has another."""
    style: Style = {"cmap": scale.get_cmap(), "aspect": "auto"}
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


def write_cells(ax: Axes, cells: pd.DataFrame, unit: str, image: AxesImage) -> None:
    """Write each value into its cell, white on dark and black on light colours."""
    values = to_float_array(cells)
    for row, column in np.argwhere(~np.isnan(values)):
        value = values[row, column]
        ax.text(
            column,
            row,
            format_number(value, unit, short=True),
            ha="center",
            va="center",
            fontsize="x-small",
            color=_text_color(image, value),
        )


def _text_color(image: AxesImage, value: Any) -> str:
    color = image.to_rgba(np.asarray(value))
    return "white" if is_dark(color) else "black"


def add_color_bar(
    ax: Axes, scale: ScalarMappable, data: pd.DataFrame, metric: str, values: FloatArray
) -> None:
    """Explain the colours of a metric beside the axes; an arrow stands for values beyond it."""
    unit = column_unit(metric)
    figure = root_figure(ax)
    color_bar = figure.colorbar(
        scale,
        ax=ax,
        label=axis_title(data, metric),
        format=NumberFormatter(unit),
        ticks=number_locator(unit),
        shrink=0.9,
        extend=_find_extension(scale, values),
    )
    color_bar.outline.set_visible(False)
    color_bar.ax.grid(visible=False)


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
