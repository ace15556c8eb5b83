"""Ratios of sums: of the rows that have both parts, missing where the denominator is 0."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.cells import Cells
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.model.rates import RATES


class Ratio(NamedTuple):
    """A ratio of two columns; `is_of_vcpm`: of rows of vCPM campaigns only."""

    name: str
    numerator: str
    denominator: str
    factor: int = 1
    is_of_vcpm: bool = False


class RatioSums(NamedTuple):
    """Ratios of groups.

    Attributes
    ----------
    values : dict of str to numpy.ndarray of float64
        By name, in the order of the groups.
    left_out : dict of str to int
        How many rows have one part of a ratio and lack the other; without ratios of which none
        do.
    """

    values: dict[str, Any]
    left_out: dict[str, int]


class CompleteSums(NamedTuple):
    """Sums of several columns over the rows that have all of them.

    Attributes
    ----------
    sums : list of numpy.ndarray of float64
        Of each column, by group; 0 where no row has all.
    left_out : int
        How many rows have some of the columns and lack another.
    """

    sums: list[Any]
    left_out: int


def look_up_ratio(name: str) -> Ratio | None:
    """Return the KPI or Amazon's ratio of a name; None if it is neither."""
    if name in KPIS:
        kpi = KPIS[name]
        return Ratio(name, kpi.numerator, kpi.denominator, kpi.factor, kpi.is_of_vcpm)
    if name in RATES:
        numerator, denominator = RATES[name]
        return Ratio(name, numerator, denominator)
    return None


def find_ratios(columns: Collection[str], names: Iterable[str] = ()) -> Iterator[Ratio]:
    """Yield the ratios that columns allow: Amazon's among the names, and all KPIs."""
    wanted = set(names)
    offered = [name for name in RATES if name in wanted]
    for name in [*offered, *KPIS]:
        ratio = look_up_ratio(name)
        if ratio is not None and has_parts(columns, ratio):
            yield ratio


def has_parts(columns: Collection[str], ratio: Ratio) -> bool:
    """Return whether columns allow a ratio: its parts, and the cost type if that decides."""
    needed = [ratio.numerator, ratio.denominator]
    if ratio.is_of_vcpm:
        needed.append("costType")
    return all(name in columns for name in needed)


def divide_rows(df: pd.DataFrame, ratio: Ratio, is_vcpm: BoolArray) -> Any:
    """Return a ratio row by row."""
    numerator = df[ratio.numerator]
    denominator = df[ratio.denominator]
    dividend = to_floats(numerator.array)
    divisor = to_floats(denominator.array)
    quotient = ratio.factor * divide(dividend, divisor)
    if ratio.is_of_vcpm:
        return np.where(is_vcpm, quotient, np.nan)
    return quotient


def divide_sums(cells: Cells, ratios: Sequence[Ratio]) -> RatioSums:
    """Return ratios of the sums of groups, each of the rows that have both parts."""
    parts = _read_parts(cells, ratios)
    values: dict[str, Any] = {}
    left_out: dict[str, int] = {}
    for ratio in ratios:
        used = [parts[ratio.numerator], parts[ratio.denominator]]
        is_counted = cells.is_vcpm if ratio.is_of_vcpm else None
        complete = sum_complete_rows(cells, used, is_counted)
        if complete.left_out:
            left_out[ratio.name] = complete.left_out
        values[ratio.name] = ratio.factor * divide(*complete.sums)
    return RatioSums(values, left_out)


def sum_complete_rows(
    cells: Cells, columns: Sequence[Any], is_counted: BoolArray | None = None
) -> CompleteSums:
    """Add up columns by group, over the rows that have all of them.

    Parameters
    ----------
    cells : Cells
    columns : sequence of numpy.ndarray of float64
        Sums of the cells, NaN where missing.
    is_counted : numpy.ndarray of bool, optional
        The cells to add up; all by default.
    """
    lacks = np.isnan(columns)
    lacks_any = lacks.any(axis=0)
    lacks_all = lacks.all(axis=0)
    is_used = ~lacks_any
    is_left_out = lacks_any & ~lacks_all
    if is_counted is not None:
        is_used &= is_counted
        is_left_out &= is_counted
    sums = []
    for column in columns:
        weights = np.where(is_used, column, 0.0)
        totals = np.bincount(
            cells.codes,
            weights=weights,
            minlength=cells.count,
        )
        sums.append(totals)
    row_counts = cells.row_counts[is_left_out]
    left_out = row_counts.sum()
    return CompleteSums(sums, int(left_out))


def _read_parts(cells: Cells, ratios: Sequence[Ratio]) -> dict[str, Any]:
    """Return the sums of cells that ratios need as float64, each once."""
    parts: dict[str, Any] = {}
    for ratio in ratios:
        for name in (ratio.numerator, ratio.denominator):
            if name not in parts:
                parts[name] = to_floats(cells.sums[name])
    return parts


def divide(dividend: Any, divisor: Any) -> Any:
    """Return a quotient of float64, missing where the denominator is 0 or a part is missing."""
    quotient = np.full(len(dividend), np.nan)
    np.divide(dividend, divisor, out=quotient, where=divisor != 0)
    return quotient
