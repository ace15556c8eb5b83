"""`BoundedMetric`: the bounds of a metric that a figure draws, of what chance leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.kpi_bounds import bound_kpis
from sdanalytics.analysis.kpi_definitions import BOUNDED_KPIS
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.analysis.validation import validate_level
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import caption_color
from sdanalytics.plots.style import (
    Style,
)
from sdanalytics.plots.surroundings import add_caption

LOW: Final = "_low"
HIGH: Final = "_high"
"""The columns of bounds."""


@dataclass(frozen=True)
class BoundedMetric:
    """A metric and the level of its bounds; those of sales are those of ROAS, times the cost."""

    metric: str
    level: float

    def find_bounds(self, rows: pd.DataFrame, column: str) -> pd.DataFrame:
        """Return the columns `LOW` and `HIGH` by the values of a column of the rows.

        Raises
        ------
        InvalidRequest
            When the rows lack the columns that the bounds need.
        """
        kpi = self.metric
        if self.metric == "sales":
            kpi = "roas"
        found = bound_kpis(rows, [column], self.level, names=[kpi])
        if f"{kpi}_low" not in found.columns:
            needed = kpi
            if kpi in ("acos", "roas"):
                needed = "orders"
            raise missing_metric_error(rows, needed)
        costs: Any = 1.0
        totals = aggregate(rows, [kpi], column)
        if self.metric == "sales":
            costs = to_floats(totals["cost"].array)
        low = found.columns[f"{kpi}_low"]
        high = found.columns[f"{kpi}_high"]
        bounds = {
            LOW: costs * low,
            HIGH: costs * high,
        }
        return pd.DataFrame(bounds, index=totals[column])


def parse_bounded_metric(
    metric: str, level: float | None, others: tuple[str, ...] = ()
) -> BoundedMetric | None:
    """Return the metric whose bounds a figure is to draw; None without a level.

    Raises
    ------
    InvalidRequest
        When the level is no fraction, or the metric has no bounds.
    """
    if level is None:
        return None
    bounded = validate_level(level)
    drawable = (*BOUNDED_KPIS, *others)
    if metric not in drawable:
        names = ", ".join(drawable)
        raise InvalidRequest(f"level= draws the bounds of {names}; got metric={metric!r}")
    return BoundedMetric(metric, bounded)


def find_reach(values: FloatArray, table: pd.DataFrame) -> FloatArray:
    """Return how far bounds reach below and above values, as matplotlib takes errors.

    0 where a bound is missing, as that of an ACOS without orders. Bounds of very few events may
    lie on one side of them.
    """
    below = values - to_floats(table[LOW].array)
    above = to_floats(table[HIGH].array) - values
    reaches = np.stack([below, above])
    known = np.nan_to_num(reaches)
    reach: FloatArray = np.maximum(known, 0.0)
    return reach


def bar_style(ax: Axes) -> Style:
    """Return the style of the bars that show bounds, as `errorbar` takes it."""
    return {
        "ecolor": caption_color(ax),
        "elinewidth": 1,
        "capsize": 2,
        "zorder": 2.5,
    }


def caption_bounds(ax: Axes, level: float) -> None:
    """Say below a figure what the bars at its values are."""
    add_caption(ax, f"lines: interval of {level:.0%}, of chance alone")
