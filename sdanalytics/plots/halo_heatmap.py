"""The figure `halo`: advertised by purchased products, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.plots.cell_numbers import CellNumbers
from sdanalytics.plots.color_scales import make_scale
from sdanalytics.plots.colors import caption_color, other_color, root_figure
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.halo_data import HaloData, halo_data, whole_metric
from sdanalytics.plots.heatmap import (
    add_color_bar,
    choose_text_color,
    draw_heatmap,
    separate_cells,
    style_cells,
)
from sdanalytics.plots.metric_labels import drawable_currency, metric_label
from sdanalytics.plots.name_labels import Labels, label_names, measure_width
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.style import Style, draw_empty, draw_note, ensure_axes, fit_rows, is_narrow
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title

_TOTAL: Final = "total"
_GAP: Final = 1.5
"""The width of the gaps between cells, in points."""
_LABEL_ANGLE: Final = 40
_LETTER_HEIGHT: Final = 0.055
"""Inches that a letter of a label at that angle takes upward."""
_WAYS: Final = ("after a click", "after a view or a click")
"""How results come about, in the order of `CONVERSION_METRICS`."""
_OUTLINE_STYLE: Final[Style] = {"fill": False, "linewidth": 1, "linestyle": "-", "zorder": 1.9}
_OUTLINE_SIZE: Final = 0.8
"""The side of the outline in a cell, as a share of it."""


def halo(
    data: pd.DataFrame,
    metric: str = "halo_sales",
    *,
    n: int = 8,
    names: Mapping[Any, Any] | None = None,
    ads: pd.DataFrame | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the sales of products other than the advertised one: advertised by purchased ASIN.

    Rows and columns are in one order, the largest products first, with totals at the edges. Cells
    without rows are blank, and colours begin at 0.

    Parameters
    ----------
    data : pandas.DataFrame
        An ``asins`` report.
    metric : str
        The metric of the cells; by default sales of all cost types, each counted as `add_kpis`
        does. For those of one, pass its rows: ``df[df["costType"] == "CPC"]``.
    n : int
        The number of products with a row and a column of their own, where they have any. The
        others are added up in one more row and column.
    names : mapping or pandas.Series, optional
        Names of products to draw, by ASIN.
    ads : pandas.DataFrame, optional
        A ``productAds`` report of the same days: adds the share that other products have of all
        sales of each advertised one's ads.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the heat map.

    Raises
    ------
    InvalidRequest
        When the frame is not an ``asins`` report, or lacks the metric. When `ads` are of other
        days.
    """
    table = halo_data(data, metric, n=n, names=names, ads=ads)
    rows = label_names([*table.row_names, _TOTAL], [*table.special_names, _TOTAL])
    with ensure_axes(ax, height=_measure_halo(table, rows)) as ax:
        if table.cells.isna().all(axis=None):
            return draw_empty(ax, data, metric)
        add_title(ax, title, data, f"{_word_metric(metric)}, by product")
        if (table.cells.fillna(0) == 0).all(axis=None):
            return draw_note(ax, f"{_word_metric(metric)}: 0 for all")
        is_tight = _is_tight(ax)
        _label_products(ax, table, rows, metric, is_tight=is_tight)
        image = _draw_pairs(ax, table, metric, kwargs)
        if not is_tight and np.isfinite(table.compared).any():
            add_color_bar(ax, image, data, metric, table.compared, _word_axis(data, metric))
        shared = rows.describe_shared()
        if shared is not None:
            add_caption(ax, shared)
        caption_data(ax, data, [metric])
        return ax


def _measure_halo(table: HaloData, rows: Labels) -> float:
    """Return the height of a new figure, in inches: for the rows, and the names of columns."""
    columns = label_names(table.column_names, table.special_names, lines=1)
    widest = max(map(measure_width, columns.texts), default=0)
    return fit_rows(rows.texts) + _LETTER_HEIGHT * widest


def _is_tight(ax: Axes) -> bool:
    """Return whether axes are narrow, or beside others without a layout that makes room."""
    figure = root_figure(ax)
    has_room = figure.get_layout_engine() is not None or len(figure.axes) == 1
    return not has_room or is_narrow(ax)


def _word_metric(metric: str) -> str:
    """Return a metric of other products in words; another one as its name."""
    for name, parts in CONVERSION_METRICS.items():
        if not name.startswith("halo_"):
            continue
        words = f"{whole_metric(name)} of other products"
        if metric == name:
            return words
        if metric in parts:
            position = parts.index(metric)
            return f"{words}, {_WAYS[position]}"
    return metric_label(metric)


def _word_axis(data: pd.DataFrame, metric: str) -> str:
    """Return a metric in words, with the currency of money."""
    words = _word_metric(metric)
    currency = drawable_currency(data)
    if column_unit(metric) != "currency" or not currency:
        return words
    return f"{words} ({currency})"


def _draw_pairs(ax: Axes, table: HaloData, metric: str, kwargs: Style) -> AxesImage:
    """Draw the cells of two products in colour, and all others and totals as numbers."""
    scale = make_scale(ax, table.compared, metric)
    image = draw_heatmap(ax, pd.DataFrame(table.compared), scale, kwargs)
    _outline_own_products(ax, table)
    _write_numbers_of_halo(ax, table, metric, image)
    row_count, column_count = table.cells.shape
    edge_count = 2
    if table.shares is None:
        edge_count = 1
    style_cells(ax)
    separate_cells(ax, row_count, column_count, _GAP)
    line_style: Style = {"color": other_color(ax), "linewidth": 0.8}
    ax.axvline(column_count - 0.5, **line_style)
    ax.axhline(row_count - 0.5, **line_style)
    ax.set_xlim(-0.5, column_count + edge_count - 0.5)
    ax.set_ylim(row_count + 0.5, -0.5)
    return image


def _outline_own_products(ax: Axes, table: HaloData) -> None:
    """Mark the cells in which the advertised product is the purchased one."""
    for row, column in np.argwhere(table.is_itself):
        left = column - _OUTLINE_SIZE / 2
        top = row - _OUTLINE_SIZE / 2
        outline = Rectangle(
            (left, top), _OUTLINE_SIZE, _OUTLINE_SIZE, edgecolor=other_color(ax), **_OUTLINE_STYLE
        )
        ax.add_patch(outline)
    if table.is_itself.any():
        add_caption(ax, "outlined: the advertised product itself")


def _write_numbers_of_halo(ax: Axes, table: HaloData, metric: str, image: AxesImage) -> None:
    values = to_float_array(table.cells)
    numbers = CellNumbers(column_unit(metric))
    ax.add_artist(numbers)
    quiet = caption_color(ax)
    for row, column in np.argwhere(~np.isnan(values)):
        value = values[row, column]
        color = quiet
        if table.is_of_two[row, column]:
            color = choose_text_color(image.to_rgba(np.asarray(value)))
        numbers.write(column, row, value, color)
    strong = rcParams["text.color"]
    row_count, column_count = values.shape
    for row, value in enumerate([*table.row_totals, table.total]):
        numbers.write(column_count, row, value, strong)
    for column, value in enumerate(table.column_totals):
        numbers.write(column, row_count, value, strong)
    if table.shares is None:
        return
    for row, share in enumerate(table.shares):
        if np.isfinite(share):
            numbers.write(column_count + 1, row, share, strong, "fraction")


def _label_products(
    ax: Axes, table: HaloData, rows: Labels, metric: str, *, is_tight: bool
) -> None:
    size = "x-small" if is_tight else "medium"
    columns = label_names(table.column_names, table.special_names, lines=1)
    column_labels = [*columns.texts, _TOTAL]
    if table.shares is not None:
        column_labels.append(f"share of its {metric_label(whole_metric(metric))}")
    ax.set_xticks(
        range(len(column_labels)),
        column_labels,
        fontsize=size,
        rotation=_LABEL_ANGLE,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(len(rows.texts)), rows.texts, fontsize=size)
    ax.set_xlabel("purchased")
    ax.set_ylabel("advertised")
