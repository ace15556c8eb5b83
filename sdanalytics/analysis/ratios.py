"""Ratios of sums: of the rows that have both parts, missing where the denominator is 0."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.cells import Cells
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.kpi_definitions import AMAZON_RATIOS, KPIS
from sdanalytics.analysis.row_groups import BoolArray


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


def find_ratios(columns: Collection[str], names: Iterable[str] = ()) -> Iterator[Ratio]:
    """Yield the ratios that columns allow: Amazon's among the names, and all KPIs."""
    wanted = set(names)
    for name, (numerator, denominator) in AMAZON_RATIOS.items():
        if name in wanted and numerator in columns and denominator in columns:
            yield Ratio(name, numerator, denominator)
    for kpi in KPIS.values():
        needed = [kpi.numerator, kpi.denominator]
        if kpi.is_of_vcpm:
            needed.append("costType")
        if all(name in columns for name in needed):
            yield Ratio(kpi.name, kpi.numerator, kpi.denominator, kpi.factor, kpi.is_of_vcpm)


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
        dividend = parts[ratio.numerator]
        divisor = parts[ratio.denominator]
        lacks_dividend = np.isnan(dividend)
        lacks_divisor = np.isnan(divisor)
        is_used = ~(lacks_dividend | lacks_divisor)
        lacks_one = lacks_dividend != lacks_divisor
        if ratio.is_of_vcpm:
            is_used &= cells.is_vcpm
            lacks_one &= cells.is_vcpm
        if lacks_one.any():
            row_counts = cells.row_counts[lacks_one]
            left_out[ratio.name] = int(row_counts.sum())
        dividend_sums = _sum_used(dividend, is_used, cells)
        divisor_sums = _sum_used(divisor, is_used, cells)
        values[ratio.name] = ratio.factor * divide(dividend_sums, divisor_sums)
    return RatioSums(values, left_out)


def _read_parts(cells: Cells, ratios: Sequence[Ratio]) -> dict[str, Any]:
    """Return the sums of cells that ratios need as float64, each once."""
    parts: dict[str, Any] = {}
    for ratio in ratios:
        for name in (ratio.numerator, ratio.denominator):
            if name not in parts:
                parts[name] = to_floats(cells.sums[name])
    return parts


def _sum_used(part: Any, is_used: BoolArray, cells: Cells) -> Any:
    weights = np.where(is_used, part, 0.0)
    return np.bincount(cells.codes, weights=weights, minlength=cells.count)


def divide(dividend: Any, divisor: Any) -> Any:
    """Return a quotient of float64, missing where the denominator is 0 or a part is missing."""
    quotient = np.full(len(dividend), np.nan)
    np.divide(dividend, divisor, out=quotient, where=divisor != 0)
    return quotient
