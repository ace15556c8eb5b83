"""The data of the figure `efficiency`: cost, return and size by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.row_groups import IntArray
from sdanalytics.plots.bounded_metric import HIGH, LOW, BoundedMetric, parse_bounded_metric
from sdanalytics.plots.groups import GROUP_COLUMN, GroupedRows, factorize
from sdanalytics.plots.plot_data import FloatArray, aggregate_groups, prepare, to_float_array
from sdanalytics.plots.target_lines import ReturnTarget, parse_targets

MEETS_TARGET: Final = "meets_target"
"""The column that says on which side of a single target a bubble is."""
COST_TYPE: Final = "costType"
_NAMES_WITHOUT_RETURN: Final = 0.25
"""The share of names for groups that cost much and return nothing."""
_SEVERAL: Final = "several"


@dataclass(frozen=True)
class EfficiencyData:
    """The bubbles of the figure.

    Attributes
    ----------
    metric, size : str
        The return, and the area.
    table : pandas.DataFrame
        One row per bubble, the largest by cost first: `cost`, the metric and the size, `LOW` and
        `HIGH` with a level, and `MEETS_TARGET` with a single target, else `COST_TYPE` if the frame
        has it.
    names : list
        Of the bubbles.
    special_names : list of str
        Those of the names that are nobody's.
    labelled : list of int
        The rows of those that have a name in the figure.
    left_out : int
        How many groups have no bubble, for lack of a value.
    targets : dict of str to ReturnTarget
        By their labels.
    bounded : BoundedMetric or None
    """

    metric: str
    size: str
    table: pd.DataFrame
    names: list[Any]
    special_names: list[str]
    labelled: list[int]
    left_out: int
    targets: dict[str, ReturnTarget]
    bounded: BoundedMetric | None

    @property
    def costs(self) -> FloatArray:
        """The cost of each bubble."""
        return to_float_array(self.table["cost"])

    @property
    def returns(self) -> FloatArray:
        """The return of each bubble."""
        return to_float_array(self.table[self.metric])

    @property
    def reached(self) -> FloatArray:
        """The returns, and the bounds of those that are drawn."""
        if self.bounded is None:
            return self.returns
        bounds = self.table.loc[self.labelled, [LOW, HIGH]]
        ends = to_float_array(bounds).ravel()
        known = ends[np.isfinite(ends)]
        return np.concatenate([self.returns, known])

    @property
    def sizes(self) -> FloatArray:
        """The size of each bubble; NaN where it is missing."""
        return to_float_array(self.table[self.size])


def efficiency_data(
    data: pd.DataFrame,
    metric: str = "sales",
    *,
    by: str = "campaignName",
    size: str = "orders",
    acos: float | Sequence[float] | None = None,
    roas: float | Sequence[float] | None = None,
    n: int = 8,
    level: float | None = None,
    names: Mapping[Any, Any] | None = None,
) -> EfficiencyData:
    """Compute what `efficiency` draws; the arguments are those of the figure."""
    targets = parse_targets(acos, roas, metric)
    bounded = parse_bounded_metric(metric, level, others=("sales",))
    columns = ["cost", metric, size]
    rows = prepare(data, columns, by, n)
    groups = factorize(rows, by, GROUP_COLUMN, names)
    totals = aggregate_groups(groups, columns, bounded)
    table = totals.dropna(subset=["cost", metric]).reset_index(drop=True)
    if len(targets) == 1:
        (target,) = targets.values()
        table[MEETS_TARGET] = table[metric] >= target.slope * table["cost"]
    elif COST_TYPE in rows:
        cost_types = _find_cost_types(groups)
        table[COST_TYPE] = [cost_types[code] for code in table[GROUP_COLUMN]]
    return EfficiencyData(
        metric=metric,
        size=size,
        table=table,
        names=[groups.names[code] for code in table[GROUP_COLUMN]],
        special_names=groups.special_names,
        labelled=_choose_labelled(table, metric, n),
        left_out=len(totals) - len(table),
        targets=targets,
        bounded=bounded,
    )


def _find_cost_types(groups: GroupedRows) -> list[str | None]:
    """Return the cost type of each group; None if it is not known."""
    codes: IntArray = groups.rows[groups.column].to_numpy()
    cost_types = read_cost_types(groups.rows)
    count = len(groups.names)
    known = np.bincount(codes[~cost_types.is_missing], minlength=count)
    by_view = np.bincount(codes[cost_types.is_vcpm], minlength=count)
    found: list[str | None] = []
    for total, views in zip(known.tolist(), by_view.tolist(), strict=True):
        if not total:
            found.append(None)
        elif 0 < views < total:
            found.append(_SEVERAL)
        elif views:
            found.append("vCPM")
        else:
            found.append("CPC")
    return found


def _choose_labelled(table: pd.DataFrame, metric: str, n: int) -> list[int]:
    """Return the rows that matter: the largest by cost, and costly ones without a return."""
    costs = to_float_array(table["cost"])
    if not len(costs):
        return []
    is_costly = (costs > 0) & (costs >= np.median(costs))
    returns_nothing = to_float_array(table[metric]) <= 0
    wasted = np.flatnonzero(is_costly & returns_nothing)
    reserved_count = math.ceil(_NAMES_WITHOUT_RETURN * n)
    reserved = wasted[:reserved_count].tolist()
    others = []
    for row in range(len(costs)):
        if row not in reserved:
            others.append(row)
    left = n - len(reserved)
    return sorted([*reserved, *others[:left]])


def tidy_efficiency(data: pd.DataFrame, metric: str = "sales", **options: Any) -> pd.DataFrame:
    """Return the numbers of `efficiency` as a table.

    It has `name`, `cost`, the metric with its bounds, the size, and `meets_target` with a single
    target, else `costType` if the frame has it.
    """
    bubbles = efficiency_data(data, metric, **options)
    columns = {LOW: f"{metric}_low", HIGH: f"{metric}_high"}
    table = bubbles.table.drop(columns=GROUP_COLUMN).rename(columns=columns)
    table.insert(0, "name", bubbles.names)
    return table
