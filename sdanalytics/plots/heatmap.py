"""Cells coloured by their values, and the scales of these colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.image import AxesImage

from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.number_format import NumberFormatter, format_number, number_locator
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import (
    SEQUENTIAL_CMAP,
    Style,
    is_dark,
    merge_artist_kwargs,
    root_figure,
    style_axes,
)


def draw_heatmap(
    ax: Axes, cells: pd.DataFrame, limits: tuple[float, float], kwargs: Style
) -> AxesImage:
    """Draw cells as colours, on a scale with the given limits unless `kwargs` has a `norm`."""
    style: Style = {"cmap": SEQUENTIAL_CMAP, "aspect": "auto"}
    if "norm" not in kwargs:
        style["vmin"], style["vmax"] = limits
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


def add_color_bar(ax: Axes, scale: ScalarMappable, data: pd.DataFrame, metric: str) -> None:
    """Explain the colours of a metric beside the axes."""
    unit = metric_unit(metric)
    figure = root_figure(ax)
    color_bar = figure.colorbar(
        scale,
        ax=ax,
        label=axis_title(data, metric),
        format=NumberFormatter(unit),
        ticks=number_locator(unit),
        shrink=0.9,
    )
    color_bar.outline.set_visible(False)
    color_bar.ax.grid(visible=False)


def color_limits(values: FloatArray) -> tuple[float, float]:
    """Return the ends of a scale of colours, which always differ."""
    known = values[~np.isnan(values)]
    if not known.size:
        return 0.0, 1.0
    low = float(known.min())
    high = float(known.max())
    if high > low:
        return low, high
    # A single value is drawn on a scale from or to 0, and 0 itself on one from 0 to 1.
    return min(0.0, low), max(0.0, high) or 1.0
