"""The data of the figure `top`: metrics by group, the largest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import is_additive
from sdanalytics.plots.bounded_metric import HIGH, LOW, BoundedMetric, parse_bounded_metric
from sdanalytics.plots.groups import GROUP_COLUMN, GroupedRows, factorize, word_others
from sdanalytics.plots.plot_data import aggregate_groups, prepare, to_float_array

CHANGE: Final = "_change"
"""The ending of a change's name: changes are ranked by size, whatever their sign."""
_OTHERS: Final = "is_other"


@dataclass(frozen=True)
class TopData:
    """The bars of the figure.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per bar, the largest first: the metrics, and `LOW` and `HIGH` with a level.
    names : list
        Of the bars.
    others : float
        The metric of all groups that have no bar; NaN unless it can be added up.
    other_count, group_count : int
        How many have no bar, and how many there are.
    share : float
        Of the whole, that the bars have; NaN unless the metric can be added up.
    bounded : BoundedMetric or None
    special_names : list of str
        Those of the names that are nobody's.
    missing_count : int
        How many of all groups have no value of the metric.
    """

    table: pd.DataFrame
    names: list[object]
    others: float
    other_count: int
    group_count: int
    share: float
    bounded: BoundedMetric | None
    special_names: list[str]
    missing_count: int

    @property
    def has_other_bar(self) -> bool:
        """Whether all others have a bar: one that does not dwarf those with a name."""
        values = to_float_array(self.table.iloc[:, 1])
        largest = np.abs(values).max(initial=0.0)
        return self.other_count > 0 and bool(abs(self.others) <= largest)

    @property
    def other_name(self) -> str:
        """The name of all groups that have no bar."""
        return word_others(self.other_count)


def top_data(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str = "campaignName",
    n: int = 10,
    dot: str | None = None,
    hue: str | None = None,
    level: float | None = None,
    names: object = None,
) -> TopData:
    """Compute what `top` draws; the arguments are those of the figure."""
    bounded = parse_bounded_metric(metric, level)
    metrics = [metric]
    for name in (dot, hue):
        if name is not None:
            metrics.append(name)
    rows = prepare(data, metrics, by, n)
    groups = factorize(rows, by, GROUP_COLUMN, names)
    totals = aggregate_groups(groups, metrics, bounded)
    totals = _rank_changes(totals, metric)
    shown = totals.head(n)
    values = to_float_array(totals[metric])
    others = whole = np.nan
    if is_additive(metric):
        whole = np.nansum(values)
        others = np.nansum(values[n:])
    return TopData(
        table=shown,
        names=_take_names(groups, shown),
        others=others,
        other_count=len(totals) - len(shown),
        group_count=len(totals),
        share=(whole - others) / whole if whole else np.nan,
        bounded=bounded,
        special_names=[*groups.special_names, word_others(len(totals) - len(shown))],
        missing_count=int(totals[metric].isna().sum()),
    )


def _take_names(groups: GroupedRows, table: pd.DataFrame) -> list[object]:
    return [groups.names[code] for code in table[GROUP_COLUMN]]


def _rank_changes(totals: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Sort changes by size: the largest fall matters as much as the largest rise."""
    if not metric.endswith(CHANGE):
        return totals
    sizes = -totals[metric].abs()
    return totals.iloc[sizes.argsort(kind="stable")]


def tidy_top(data: pd.DataFrame, metric: str = "cost", **options: object) -> pd.DataFrame:
    """Return the numbers of `top` as a table: `name`, the metrics, `is_other`, and bounds."""
    bars = top_data(data, metric, **options)  # type: ignore[arg-type]
    columns = {LOW: f"{metric}_low", HIGH: f"{metric}_high"}
    table = bars.table.drop(columns=GROUP_COLUMN).rename(columns=columns)
    table.insert(0, "name", bars.names)
    table[_OTHERS] = False
    if bars.has_other_bar:
        rest = {"name": bars.other_name, metric: bars.others, _OTHERS: True}
        table = pd.concat([table, pd.DataFrame([rest])])
    return table.reset_index(drop=True)
