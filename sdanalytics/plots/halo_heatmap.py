"""The figure `halo`: advertised by purchased products, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.color_scales import make_scale
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.groups import GROUP_COLUMN, factorize, rank_groups
from sdanalytics.plots.heatmap import (
    add_color_bar,
    draw_heatmap,
    style_cells,
    write_cells,
)
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.name_labels import short_labels
from sdanalytics.plots.plot_data import (
    FloatArray,
    prepare,
    to_float_array,
)
from sdanalytics.plots.style import (
    draw_empty,
    ensure_axes,
)
from sdanalytics.plots.titles import TitleLike, add_title

_PURCHASED_COLUMN: Final = "_purchased_group"


def halo(
    data: pd.DataFrame,
    metric: str = "halo_sales",
    *,
    n: int = 8,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the sales of products other than the advertised one: advertised by purchased ASIN.

    Parameters
    ----------
    data : pandas.DataFrame
        An ``asins`` report.
    metric : str
        The metric of the cells; by default sales by cost type, as `add_kpis` has them.
    n : int
        The maximum number of rows and of columns: those of the largest ASINs. The others are
        added up in one more row and column.
    names : mapping or pandas.Series, optional
        Names of products to draw, by ASIN.
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
        When the frame is not an ``asins`` report, or lacks the metric.
    """
    table = halo_data(data, metric, n, names)
    cells = table.cells
    with ensure_axes(ax, rows=len(cells) + 2) as ax:
        if cells.isna().all(axis=None):
            return draw_empty(ax, data, metric)
        values = _asin_values(table)
        scale = make_scale(ax, values, metric)
        image = draw_heatmap(ax, cells, scale, kwargs)
        write_cells(ax, cells, metric_unit(metric), image)
        _format_halo_axes(ax, cells)
        caption_data(ax, data, [metric])
        add_color_bar(ax, image, data, metric, values)
        add_title(ax, title, data, f"{metric_label(metric)} by product")
        return ax


@dataclass(frozen=True)
class HaloData:
    """The cells of a halo.

    Attributes
    ----------
    cells : pandas.DataFrame
        One row per advertised ASIN, one column per purchased one.
    other_names : list of str
        The names of the row and the column that hold all others.
    """

    cells: pd.DataFrame
    other_names: list[str]


def halo_data(data: pd.DataFrame, metric: str, n: int, names: object = None) -> HaloData:
    """Compute a metric by advertised and purchased ASIN, the largest of each."""
    data = prepare(data, [metric], n=n)
    if "otherAsin" not in data:
        raise InvalidRequest(
            "the frame has no column 'otherAsin': halo sales are in the report "
            "fetch_report('asins', ...)"
        )
    validate_columns(data, ["asin"])
    data = condense(data, [metric], ["asin", "otherAsin"])
    advertised = factorize(data, "asin", GROUP_COLUMN, names)
    advertised = rank_groups(advertised, metric, n)
    purchased = factorize(advertised.rows, "otherAsin", _PURCHASED_COLUMN, names)
    purchased = rank_groups(purchased, metric, n)
    totals = aggregate(purchased.rows, [metric], [GROUP_COLUMN, _PURCHASED_COLUMN])
    cells = totals.pivot(index=GROUP_COLUMN, columns=_PURCHASED_COLUMN, values=metric)
    cells.index = _name_groups(cells.index, advertised.names)
    cells.columns = _name_groups(cells.columns, purchased.names)
    return HaloData(
        cells=cells,
        other_names=advertised.names[n:] + purchased.names[n:],
    )


def _name_groups(groups: pd.Index[Any], names: Sequence[Any]) -> pd.Index[Any]:
    name_by_group = dict(enumerate(names))
    return groups.map(name_by_group)


def _asin_values(table: HaloData) -> FloatArray:
    """Return the values that decide the colours: not those of all others together."""
    names = table.other_names
    asins = table.cells.drop(index=names, columns=names, errors="ignore")
    return to_float_array(asins)


def _format_halo_axes(ax: Axes, cells: pd.DataFrame) -> None:
    column_labels = short_labels(cells.columns.tolist())
    row_labels = short_labels(cells.index.tolist())
    ax.set_xticks(
        range(len(column_labels)),
        column_labels,
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(len(row_labels)), row_labels)
    ax.set_xlabel("purchased")
    ax.set_ylabel("advertised")
    style_cells(ax)
