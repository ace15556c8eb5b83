"""The table behind the figure `trend`: a metric by day and group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sdanalytics.analysis.kpi_definitions import AMAZON_RATIOS, KPIS, is_additive, is_catalogued
from sdanalytics.analysis.summarize import aggregate
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.plot_data import (
    GROUP_COLUMN,
    GroupedRows,
    drop_other,
    prepare,
    top_n_with_other,
)


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
    """

    values: pd.DataFrame
    undefined_ratio: pd.DataFrame | None
    names: list[Any]


def trend_data(data: pd.DataFrame, metric: str, by: str | None, n: int) -> TrendData:
    """Compute a metric by day, and by the largest values of a column."""
    data = prepare(data, [metric], by, n)
    validate_columns(data, ["date"])
    groups = _group_rows(data, metric, by, n)
    if metric not in KPIS:
        (values,) = _values_by_day(groups.rows, [metric])
        return TrendData(values, None, groups.names)
    numerator = KPIS[metric].numerator
    values, numerators = _values_by_day(groups.rows, [metric, numerator])
    return TrendData(
        values=values,
        undefined_ratio=_find_undefined(values, numerators),
        names=groups.names,
    )


def _find_undefined(ratios: pd.DataFrame, numerators: pd.DataFrame) -> pd.DataFrame:
    has_numerator = numerators > 0
    has_numerator = has_numerator.fillna(False)
    return ratios.isna() & has_numerator.astype("bool")


def _group_rows(data: pd.DataFrame, metric: str, by: str | None, n: int) -> GroupedRows:
    if by is None:
        one_group = data.assign(**{GROUP_COLUMN: 0})
        return GroupedRows(one_group, [metric_label(metric)])
    if by == "date":
        raise InvalidRequest(
            "by must be a column other than 'date': a trend is over the dates already"
        )
    ranking_metric = _ranking_metric(data, metric)
    groups = top_n_with_other(data, by, ranking_metric, n)
    if _has_total(metric) or ranking_metric != metric:
        return groups
    return drop_other(groups, n)


def _has_total(metric: str) -> bool:
    """Return whether a metric of several groups together can be computed from its own values."""
    return is_additive(metric) or not is_catalogued(metric)


def _ranking_metric(data: pd.DataFrame, metric: str) -> str:
    """Return the metric that ranks the groups: cost for ratios, or else their denominator."""
    if metric not in KPIS and metric not in AMAZON_RATIOS:
        return metric
    if "cost" in data and not _has_several_currencies(data):
        return "cost"
    if metric in KPIS:
        return KPIS[metric].denominator
    _, denominator = AMAZON_RATIOS[metric]
    return denominator


def _has_several_currencies(data: pd.DataFrame) -> bool:
    if "currency" not in data:
        return False
    return data["currency"].nunique() > 1


def _values_by_day(rows: pd.DataFrame, metrics: list[str]) -> list[pd.DataFrame]:
    """Return a table for each metric: one row per day, one column per group."""
    totals = aggregate(rows, metrics, ["date", GROUP_COLUMN])
    tables = []
    for metric in metrics:
        table = totals.pivot(index="date", columns=GROUP_COLUMN, values=metric)
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
