"""The table behind the figure `trend`: a metric by day and group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.buckets import (
    DAYS,
    IS_WHOLE,
    days_by_date,
    has_days,
    is_named_by_last_day,
)
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.plots.expected_values import (
    ExpectedValues,
    expect_values,
    has_expected_columns,
    read_expected_values,
)
from sdanalytics.plots.groups import GROUP_COLUMN
from sdanalytics.plots.moving_windows import (
    WINDOW_COLUMN,
    count_window_days,
    is_averaged,
    spread_over_windows,
    validate_smooth,
)
from sdanalytics.plots.plot_data import FloatArray, prepare, to_float_array
from sdanalytics.plots.restatement import PointAges, can_change, find_point_ages
from sdanalytics.plots.trend_groups import DATE, LineGrouper
from sdanalytics.plots.trend_others import (
    NamedShare,
    measure_named,
    settle_others,
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
    other_name : str or None
        The last of the names, if it is that of all others.
    special_names : list of str
        Names that are nobody's.
    share : NamedShare or None
        How many groups have a line, and what these are of the whole; None if all have one.
    is_part : numpy.ndarray of bool
        By day: whether it is a week, month or the like of which the data do not have all days.
    positions : pandas.DatetimeIndex
        Where the days are drawn: a week that has not ended is at its last day with data.
    ages : PointAges or None
        What may still change; None if that is not known.
    final : ExpectedValues or None
        What the values are expected to become.
    """

    values: pd.DataFrame
    undefined_ratio: pd.DataFrame | None
    names: list[Any]
    other_name: str | None
    special_names: list[str]
    share: NamedShare | None
    is_part: BoolArray
    positions: pd.DatetimeIndex
    ages: PointAges | None
    final: ExpectedValues | None

    @property
    def drawn(self) -> pd.DataFrame:
        """The values of the lines: what is expected, if that is known."""
        if self.final is None:
            return self.values
        return self.final.expected

    @property
    def is_single_day(self) -> bool:
        """Whether there is a single day with values: lines would be points."""
        has_values = self.values.notna().any(axis="columns")
        return int(has_values.sum()) == 1

    def list_values(self) -> FloatArray:
        """Return all values of the lines, reported and expected."""
        tables = [self.values, self.drawn]
        return to_float_array(pd.concat(tables))

    def select(self, rank: int) -> TrendData:
        """Return a single line."""
        column = self.values.columns[[rank]]
        undefined = self.undefined_ratio
        return replace(
            self,
            values=self.values[column],
            undefined_ratio=None if undefined is None else undefined[column],
            names=[self.names[rank]],
            final=None if self.final is None else self.final.select(column),
        )


def trend_data(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str | None = None,
    n: int = 5,
    others: bool | None = None,
    smooth: int | None = None,
    final: FinalLike = None,
    names: object = None,
) -> TrendData:
    """Compute a metric by day, and by the largest values of a column.

    The arguments are those of `trend`.
    """
    data = prepare(data, [metric], by, n)
    validate_columns(data, [DATE])
    validate_smooth(data, metric, smooth)
    curve = resolve_curve(final, data)
    has_finals = final is None and smooth is None and has_expected_columns(data, metric)
    kept = []
    if curve is not None:
        kept = curve.keys.columns.tolist()
    grouper = LineGrouper(data, metric, by, kept, names, is_condensed=not has_finals)
    groups = grouper.group(n)
    share = measure_named(groups, grouper.ranking_metric, n)
    groups = settle_others(data, groups, metric, grouper.ranking_metric, others)
    table = _compute_values(groups.rows, metric, smooth)
    expected = None
    if curve is not None:
        expected = _expect_points(table, metric, curve)
    elif has_finals:
        expected = read_expected_values(groups.rows, metric, table.values)
    days = pd.DatetimeIndex(table.values.index)
    return TrendData(
        values=table.values,
        undefined_ratio=table.undefined_ratio,
        names=groups.names,
        other_name=groups.other_name,
        special_names=groups.special_names,
        share=share,
        is_part=np.asarray(days.isin(_find_part_buckets(data))),
        positions=_place_days(data, days),
        ages=find_point_ages(data, metric, days) if can_change(metric) else None,
        final=expected,
    )


def _find_part_buckets(data: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the dates of a summary that stand for more days than it is of."""
    if IS_WHOLE not in data:
        return pd.DatetimeIndex([])
    is_part = data[IS_WHOLE].astype("boolean").eq(False).fillna(False)
    return pd.DatetimeIndex(data[DATE][is_part].unique())


def _place_days(data: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return where days are drawn: the last week is named by its last day, which may be to come.

    It is at the last day that it has data of, if these are its first ones.
    """
    freq = frame_metadata(data).get("freq")
    if not freq or not is_named_by_last_day(freq):
        return days
    if not has_days(data) or len(days) < 2:
        return days
    counts = days_by_date(data).set_index("date")[DAYS]
    name = days[-1]
    day_count = int(counts[name])
    last = days[-2] + pd.Timedelta(days=day_count)
    return days.where(days < name, min(last, name))


@dataclass(frozen=True)
class _ValueTable:
    """Values by day and line, and the rows that they are computed from."""

    values: pd.DataFrame
    undefined_ratio: pd.DataFrame | None
    rows: pd.DataFrame
    day_column: str
    day_counts: Any = None

    def average(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return sums over windows as averages of their days; other tables as they are."""
        if self.day_counts is None:
            return table
        return table.div(self.day_counts, axis="index")


def _compute_values(rows: pd.DataFrame, metric: str, smooth: int | None) -> _ValueTable:
    day_column = DATE
    days = rows
    if smooth is not None:
        rows = spread_over_windows(rows, smooth)
        day_column = WINDOW_COLUMN
    undefined_ratio = None
    if metric in KPIS:
        columns = [metric, KPIS[metric].numerator]
        values, numerators = _values_by_day(rows, metric, columns, day_column)
        undefined_ratio = _find_undefined(values, numerators)
    else:
        (values,) = _values_by_day(
            rows,
            metric,
            [metric],
            day_column,
        )
    day_counts = None
    if smooth is not None and is_averaged(metric):
        day_counts = count_window_days(days, values.index, smooth)
    table = _ValueTable(values, undefined_ratio, rows, day_column, day_counts)
    return replace(table, values=table.average(values))


def _expect_points(table: _ValueTable, metric: str, curve: ShareTable) -> ExpectedValues:
    expected = expect_values(table.rows, metric, curve, table.values, table.day_column)
    return replace(
        expected,
        expected=table.average(expected.expected),
        low=table.average(expected.low),
        high=table.average(expected.high),
    )


def _find_undefined(ratios: pd.DataFrame, numerators: pd.DataFrame) -> pd.DataFrame:
    has_numerator = numerators > 0
    has_numerator = has_numerator.fillna(False)
    return ratios.isna() & has_numerator.astype("bool")


def _values_by_day(
    rows: pd.DataFrame, metric: str, columns: list[str], day_column: str
) -> list[pd.DataFrame]:
    """Return tables of columns of a metric's summary: one row per day, one column per group."""
    totals = aggregate(
        rows,
        [metric],
        [day_column, GROUP_COLUMN],
    )
    tables = []
    for column in columns:
        table = totals.pivot(
            index=day_column,
            columns=GROUP_COLUMN,
            values=column,
        )
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
    all_days = pd.date_range(
        first,
        last,
        unit="s",
    )
    return values.reindex(all_days)
