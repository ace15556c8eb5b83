"""All other groups together: their line in a trend, and the share of those that are named."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.kpi_definitions import (
    KPIS,
    is_additive,
    is_catalogued,
    is_made_of_money,
    is_money,
    required_metrics,
)
from sdanalytics.analysis.validation import has_several_currencies
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.rates import RATES
from sdanalytics.plots.groups import GroupedRows, drop_others
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import FloatArray, to_float_array

_RANKING_COUNTS: Final = ("orders", "clicks", "impressions")


class NamedShare(NamedTuple):
    """The groups that have a line of their own.

    Attributes
    ----------
    line_count, group_count : int
        How many have one, and how many there are.
    share : float
        What they have of the ranking metric; NaN if that cannot be added up.
    metric : str
        The ranking metric.
    """

    line_count: int
    group_count: int
    share: float
    metric: str

    def describe(self, noun: str) -> str:
        """Return it in words, such as "5 of 300 campaigns, 33% of cost"."""
        text = f"{self.line_count} of {self.group_count} {noun}s"
        if np.isfinite(self.share):
            share = format_number(self.share, "fraction")
            text = f"{text}, {share} of {metric_label(self.metric)}"
        return text


def choose_ranking_metric(data: pd.DataFrame, metric: str) -> str:
    """Return the metric that ranks the groups: cost for ratios, or else their denominator.

    Amounts of several currencies rank nothing: then it is the first of the counts that there is.
    """
    if metric in KPIS:
        denominator = KPIS[metric].denominator
    elif metric in RATES:
        _, denominator = RATES[metric]
    else:
        return metric
    if not has_several_currencies(data):
        if "cost" in data:
            return "cost"
        return denominator
    for count in (denominator, *_RANKING_COUNTS):
        needed = set(required_metrics(count))
        is_there = count in data or needed <= set(data.columns)
        if is_there and not is_money(count):
            return count
    return metric


def measure_named(groups: GroupedRows, ranking_metric: str, n: int) -> NamedShare | None:
    """Return what the groups with a name have of the whole; None if there are no others."""
    if groups.other_name is None:
        return None
    share = np.nan
    if is_additive(ranking_metric):
        totals = _sum_groups(groups, ranking_metric)
        whole = np.nansum(totals)
        share = np.nan
        if whole:
            share = float(np.nansum(totals[:n]) / whole)
    return NamedShare(
        n,
        n + groups.other_count,
        share,
        ranking_metric,
    )


def settle_others(
    data: pd.DataFrame, groups: GroupedRows, metric: str, ranking_metric: str, others: object
) -> GroupedRows:
    """Drop the rows of all others, unless they have a line.

    Parameters
    ----------
    data : pandas.DataFrame
    groups : GroupedRows
    metric, ranking_metric : str
    others : object
        Whether they have one; None: where it does not dwarf the lines with a name.

    Raises
    ------
    InvalidRequest
        When they are to have one, and the metric of several groups cannot be computed.
    """
    if others is not None and not isinstance(others, bool):
        raise InvalidRequest(f"others must be True, False or None, got {others!r}")
    if groups.other_name is None or others is False:
        return drop_others(groups)
    is_mixed = has_several_currencies(data) and is_made_of_money(metric)
    is_ratio = ranking_metric != metric
    if is_mixed or not (_has_total(metric) or is_ratio):
        if others:
            raise InvalidRequest(
                f"others=True needs a metric that all others have together, got {metric!r}: "
                "leave it out, or raise n="
            )
        return drop_others(groups)
    if others is None and not is_ratio:
        totals = np.abs(_sum_groups(groups, metric))
        if totals[-1] > np.nanmax(totals[:-1]):
            return drop_others(groups)
    return groups


def _has_total(metric: str) -> bool:
    """Return whether a metric of several groups together can be computed from its own values."""
    return is_additive(metric) or not is_catalogued(metric)


def _sum_groups(groups: GroupedRows, metric: str) -> FloatArray:
    """Return the totals of a metric by the number of the group."""
    totals = aggregate(
        groups.rows,
        [metric],
        groups.column,
    )
    by_number = totals.set_index(groups.column)[metric]
    return to_float_array(by_number.reindex(range(len(groups.names))))
