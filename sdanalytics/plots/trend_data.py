"""The table behind the figure `trend`: a metric by day and group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.buckets import IS_WHOLE
from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.kpi_definitions import (
    KPIS,
    is_additive,
    is_catalogued,
    is_made_of_money,
    is_money,
    required_metrics,
)
from sdanalytics.analysis.validation import has_several_currencies, validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.rates import RATES
from sdanalytics.plots.expected_values import ExpectedValues, expect_values
from sdanalytics.plots.groups import GROUP_COLUMN, GroupedRows, drop_others, factorize, rank_groups
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.plot_data import (
    prepare,
)

_RANKING_COUNTS: Final = ("orders", "clicks", "impressions")


@dataclass(frozen=True)
class TrendData:
    """The lines of a trend.

    Attributes
    ----------
    values : pandas.DataFrame
        One row per day, one column per group.
    undefined_ratio : pandas.DataFrame or None
        For KPIs, as booleans: days with a numerator above 0 and a denominator of 0.
    names : list
        The names of the groups.
    part_buckets : pandas.DatetimeIndex
        The weeks, months and the like of which the data do not have all days.
    final : ExpectedValues or None
        What the values are expected to become.
    """

    values: pd.DataFrame
    undefined_ratio: pd.DataFrame | None
    names: list[Any]
    part_buckets: pd.DatetimeIndex
    final: ExpectedValues | None


def trend_data(
    data: pd.DataFrame,
    metric: str,
    by: str | None,
    n: int,
    final: FinalLike = None,
    names: object = None,
) -> TrendData:
    """Compute a metric by day, and by the largest values of a column."""
    data = prepare(data, [metric], by, n)
    validate_columns(data, ["date"])
    curve = resolve_curve(final, data)
    kept = [] if curve is None else curve.keys.columns.tolist()
    groups = _group_rows(data, metric, by, n, kept, names)
    undefined_ratio = None
    if metric in KPIS:
        numerator = KPIS[metric].numerator
        values, numerators = _values_by_day(groups.rows, metric, [metric, numerator])
        undefined_ratio = _find_undefined(values, numerators)
    else:
        (values,) = _values_by_day(groups.rows, metric, [metric])
    final_values = None
    if curve is not None:
        final_values = expect_values(groups.rows, metric, curve, values)
    return TrendData(
        values=values,
        undefined_ratio=undefined_ratio,
        names=groups.names,
        part_buckets=_find_part_buckets(data),
        final=final_values,
    )


def _find_part_buckets(data: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the dates of a summary that stand for more days than it is of."""
    if IS_WHOLE not in data:
        return pd.DatetimeIndex([])
    is_part = data[IS_WHOLE].astype("boolean").eq(False).fillna(False)
    return pd.DatetimeIndex(data["date"][is_part].unique())


def _find_undefined(ratios: pd.DataFrame, numerators: pd.DataFrame) -> pd.DataFrame:
    has_numerator = numerators > 0
    has_numerator = has_numerator.fillna(False)
    return ratios.isna() & has_numerator.astype("bool")


def _group_rows(
    data: pd.DataFrame, metric: str, by: str | None, n: int, kept: list[str], names: object
) -> GroupedRows:
    """Number the rows by line; the columns to keep are those of the curve's groups."""
    if by is None:
        rows = condense(data, _list_drawn(metric), ["date", *kept])
        one_group = rows.assign(**{GROUP_COLUMN: 0})
        return GroupedRows(one_group, GROUP_COLUMN, [None], [metric_label(metric)])
    if by == "date":
        raise InvalidRequest(
            "by must be a column other than 'date': a trend is over the dates already"
        )
    ranking_metric = _ranking_metric(data, metric)
    groups = factorize(data, by, GROUP_COLUMN, names)
    keys = dict.fromkeys(["date", GROUP_COLUMN, *kept])
    rows = condense(groups.rows, [*_list_drawn(metric), ranking_metric], list(keys))
    groups = rank_groups(replace(groups, rows=rows), ranking_metric, n)
    is_mixed = has_several_currencies(data) and is_made_of_money(metric)
    if is_mixed or not (_has_total(metric) or ranking_metric != metric):
        return drop_others(groups)
    return groups


def _list_drawn(metric: str) -> list[str]:
    """Return a metric, and the numerator that tells whether a missing ratio is undefined."""
    return [metric, KPIS[metric].numerator] if metric in KPIS else [metric]


def _has_total(metric: str) -> bool:
    """Return whether a metric of several groups together can be computed from its own values."""
    return is_additive(metric) or not is_catalogued(metric)


def _ranking_metric(data: pd.DataFrame, metric: str) -> str:
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
        return "cost" if "cost" in data else denominator
    for count in (denominator, *_RANKING_COUNTS):
        is_there = count in data or set(required_metrics(count)) <= set(data.columns)
        if is_there and not is_money(count):
            return count
    return metric


def _values_by_day(rows: pd.DataFrame, metric: str, columns: list[str]) -> list[pd.DataFrame]:
    """Return tables of columns of a metric's summary: one row per day, one column per group."""
    totals = aggregate(rows, [metric], ["date", GROUP_COLUMN])
    tables = []
    for column in columns:
        table = totals.pivot(index="date", columns=GROUP_COLUMN, values=column)
        table = table.sort_index(axis=1)
        tables.append(_insert_missing_days(table))
    return tables


def _insert_missing_days(values: pd.DataFrame) -> pd.DataFrame:
    """Insert rows for days without data, if the rows are days and not longer periods."""
    days = pd.DatetimeIndex(values.index)
    if len(days) < 2:
        return values
    gaps = days[1:] - days[:-1]
    if gaps.min() > pd.Timedelta(days=1):
        return values
    first = days.min()
    last = days.max()
    all_days = pd.date_range(first, last, unit="s")
    return values.reindex(all_days)
