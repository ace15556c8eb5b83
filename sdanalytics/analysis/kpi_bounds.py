"""Bounds of KPIs: what chance leaves open of the rates behind a summary.

Money ratios are of orders that come by chance, each with a value of its own: the relative variance
of sales is (dispersion + spread of order values) / orders, so that sales are bounded as that many
fewer orders are, each worth as much more (a compound Poisson process, of which the first two
moments are kept). Of 150 simulated accounts with 40 to 400 orders in four or eight weeks, intervals
of 90 % had the true ROAS in 86 to 94 % of the cases; a bootstrap of days in blocks of seven
(Künsch, Annals of Statistics 17, 1989) in 77 to 79 % with four weeks and in 83 to 85 % with eight,
because it draws from so few blocks, and of a single week it can say nothing. So it is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import select_input_columns
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.dispersion import estimate_dispersion, number_days
from sdanalytics.analysis.kpi_definitions import BOUNDED_KPIS, KPIS, Kpi
from sdanalytics.analysis.order_values import estimate_spread
from sdanalytics.analysis.rate_intervals import Bounds, bound_event_rates, bound_fractions
from sdanalytics.analysis.ratios import divide, has_parts, look_up_ratio
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.row_groups import (
    IntArray,
    RowGroups,
    find_buckets,
    group_rows,
)

INTERVALS: Final = "intervals"
"""The entry of a summary's metadata about its bounds: their level and the dispersion of events."""
_SUFFIXES: Final = ("_low", "_high")
_FRACTIONS: Final = ("ctr", "cvr")
_MONEY_RATIOS: Final = ("acos", "roas")


class KpiBounds(NamedTuple):
    """The bounds of KPIs.

    Attributes
    ----------
    columns : dict of str to numpy.ndarray of float64
        ``<kpi>_low`` and ``<kpi>_high``, by group.
    dispersion : dict of str to float
        By KPI, the dispersion of its events.
    """

    columns: dict[str, Any]
    dispersion: dict[str, float]


def bound_kpis(
    df: pd.DataFrame,
    keys: Sequence[str],
    level: float,
    *,
    freq: str | None = None,
    names: Sequence[str] = BOUNDED_KPIS,
) -> KpiBounds:
    """Return bounds of KPIs by group, in the order in which `summarize_rows` has the groups.

    Parameters
    ----------
    df : pandas.DataFrame
        Without a total row; with `freq` each row has a date.
    keys : sequence of str
        Columns to group by.
    level : float
        Of the bounds, a fraction.
    freq : str, optional
        Also by time.
    names : sequence of str
        The KPIs; those that the frame does not allow are left out.
    """
    inputs = select_input_columns(df, [*names, "orders", "date"], keys)
    rows = add_conversions(inputs)
    buckets = None
    if freq is not None:
        buckets = find_buckets(rows["date"], freq)
    groups = group_rows(rows, keys, buckets)
    without_days = [key for key in keys if key != "date"]
    series = group_rows(rows, without_days)
    estimator = _BoundEstimator(rows, groups, series.codes, level)
    columns: dict[str, Any] = {}
    for name in names:
        if estimator.can_bound(name):
            bounds = estimator.bound(name)
            columns[f"{name}_low"] = bounds.low
            columns[f"{name}_high"] = bounds.high
    return KpiBounds(columns, estimator.dispersion)


def add_bound_columns(summary: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    """Return a summary with the bounds of its KPIs, each behind what it bounds."""
    result: dict[str, Any] = {}
    for name in summary.columns.tolist():
        result[name] = summary[name].array
        for suffix in _SUFFIXES:
            column = f"{name}{suffix}"
            if column in columns:
                result[column] = columns[column]
    bounded = pd.DataFrame(result, index=summary.index)
    bounded.attrs = summary.attrs
    return bounded


class _Sums(NamedTuple):
    """The rows that have all parts of a KPI, their sums by group, and their dispersion."""

    parts: list[Any]
    groups: IntArray
    sums: list[Any]
    dispersion: float


class _BoundEstimator:
    """The bounds of a summary's KPIs.

    Parameters
    ----------
    rows : pandas.DataFrame
        With their results.
    groups : RowGroups
        The groups of the summary.
    series : numpy.ndarray of int64
        The number of each row's group without time: their days are compared with one another.
    level : float
    """

    def __init__(self, rows: pd.DataFrame, groups: RowGroups, series: IntArray, level: float):
        self._rows = rows
        self._groups = groups
        self._series = series
        self._level = level
        self._days = number_days(rows)
        self.dispersion: dict[str, float] = {}

    def can_bound(self, name: str) -> bool:
        """Return whether the rows have the parts of a KPI, and for ACOS and ROAS orders."""
        ratio = look_up_ratio(name)
        if ratio is None or not has_parts(self._rows.columns, ratio):
            return False
        return name not in _MONEY_RATIOS or "orders" in self._rows

    def bound(self, name: str) -> Bounds:
        """Return the bounds of a KPI, by group."""
        kpi = KPIS[name]
        if name in _FRACTIONS:
            return self._bound_fraction(kpi)
        if name in _MONEY_RATIOS:
            returns = self._bound_returns(name)
            return returns if name == "roas" else returns.invert()
        if name == "cpa":
            return self._bound_rate(name, [kpi.denominator, kpi.numerator]).invert()
        rates = self._bound_rate(name, [kpi.numerator, kpi.denominator], kpi.is_of_vcpm)
        return rates.scale(kpi.factor)

    def _bound_fraction(self, kpi: Kpi) -> Bounds:
        columns = [kpi.numerator, kpi.denominator]
        used = self._add_up(kpi.name, columns, is_binomial=True)
        events, trials = used.sums
        return bound_fractions(events, trials, self._level, used.dispersion)

    def _bound_rate(self, name: str, columns: list[str], is_of_vcpm: bool = False) -> Bounds:
        """Return the bounds of events by exposure."""
        used = self._add_up(name, columns, is_of_vcpm=is_of_vcpm)
        events, exposure = used.sums
        return bound_event_rates(events, exposure, self._level, used.dispersion)

    def _bound_returns(self, name: str) -> Bounds:
        """Return the bounds of sales by cost."""
        used = self._add_up(name, ["orders", "cost", "sales"])
        row_orders, _, row_sales = used.parts
        orders, cost, sales = used.sums
        spread = estimate_spread(
            row_orders,
            row_sales,
            used.groups,
            self._groups.count,
        )
        dispersion = used.dispersion + spread
        rates = bound_event_rates(orders, cost, self._level, dispersion)
        values = divide(sales, orders)
        total_sales = sales.sum(keepdims=True)
        total_orders = orders.sum(keepdims=True)
        average = divide(total_sales, total_orders)
        is_empty = (orders == 0) & (sales == 0)
        values = np.where(is_empty, average, values)
        values = np.where(values > 0, values, np.nan)
        return rates.scale(values)

    def _add_up(
        self,
        name: str,
        columns: Sequence[str],
        *,
        is_of_vcpm: bool = False,
        is_binomial: bool = False,
    ) -> _Sums:
        """Return the rows that have all columns, events and exposure first, and their sums."""
        parts = []
        for column in columns:
            values = self._rows[column].array
            parts.append(to_floats(values))
        lacks = np.isnan(parts)
        is_used = ~lacks.any(axis=0)
        if is_of_vcpm:
            is_used &= read_cost_types(self._rows).is_vcpm
        parts = [part[is_used] for part in parts]
        groups = self._groups.codes[is_used]
        sums = []
        for part in parts:
            total = np.bincount(
                groups,
                weights=part,
                minlength=self._groups.count,
            )
            sums.append(total)
        days = self._days
        if days is not None:
            days = days[is_used]
        dispersion = estimate_dispersion(
            events=parts[0],
            exposure=parts[1],
            groups=self._series[is_used],
            days=days,
            is_binomial=is_binomial,
        )
        self.dispersion[name] = dispersion.value
        return _Sums(parts, groups, sums, dispersion.widen(self._level))
