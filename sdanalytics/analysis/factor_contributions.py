"""Explanation of a change by the factors of the metric, within each cost type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.cells import COST_TYPE_WORDS
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import can_select_results
from sdanalytics.analysis.explanation import Explanation, ensure_denominators, no_values_error
from sdanalytics.analysis.factors import SHARE, Factor, list_factors, list_needed_columns
from sdanalytics.analysis.group_summary import sum_measures
from sdanalytics.analysis.log_mean_split import Product, split_product_change
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.ratios import Ratio, look_up_ratio, sum_complete_rows
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.errors import InvalidRequest

_VCPM: Final = "VCPM"
_ADVICE: Final = "Explain it by a column (by='campaignName')"


@dataclass(frozen=True)
class _SumsByCostType:
    """The sums of a period.

    Attributes
    ----------
    by_cost_type : dict of str to dict of str to float
        The sums of columns, by cost type; without those that no row has.
    left_out : int
        How many rows lack a column and are not in them.
    """

    by_cost_type: dict[str, dict[str, float]]
    left_out: int

    def has(self, cost_type: str) -> bool:
        """Return whether any row is of a cost type."""
        return cost_type in self.by_cost_type

    def get(self, cost_type: str, column: str) -> float:
        """Return a sum: 0 of a cost type that no row has."""
        sums = self.by_cost_type.get(cost_type, {})
        return sums.get(column, 0.0)

    def add_up(self, column: str) -> float:
        """Return the sum over all cost types."""
        values = [self.get(cost_type, column) for cost_type in self.by_cost_type]
        return math.fsum(values)


def ensure_cost_types(parts: Sequence[pd.DataFrame], metric: str) -> None:
    """Raise `InvalidRequest` for a summary of results whose cost types are not known any more."""
    if not all(map(can_select_results, parts)):
        raise InvalidRequest(
            f"the factors of {metric} depend on the cost type, which this summary has lost: "
            "summarize with 'costType' in by=, or explain the rows that it is of"
        )


def explain_by_factors(parts: Sequence[pd.DataFrame], metric: str) -> Explanation:
    """Return the contributions of the metric's factors, a row a cost type and factor.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        The rows of the two periods.
    metric : str
        A metric that has factors.
    """
    part_a, part_b = parts
    before = _sum_by_cost_type(part_a, metric)
    after = _sum_by_cost_type(part_b, metric)
    ratio = look_up_ratio(metric)
    if ratio is not None:
        size_a = before.add_up(ratio.denominator)
        size_b = after.add_up(ratio.denominator)
        ensure_denominators(ratio, size_a, size_b)
    tables = []
    values_a = []
    values_b = []
    for cost_type in COST_TYPE_WORDS:
        if not before.has(cost_type) and not after.has(cost_type):
            continue
        factors = list(list_factors(metric, cost_type))
        if ratio is not None:
            share = Factor(SHARE, ratio.denominator)
            factors.insert(0, share)
        product_a = _multiply(before, cost_type, factors, ratio or metric)
        product_b = _multiply(after, cost_type, factors, ratio or metric)
        table = _split_cost_type(metric, cost_type, factors, [product_a, product_b])
        tables.append(table)
        values_a.append(product_a.value)
        values_b.append(product_b.value)
    all_factors = pd.concat(tables, ignore_index=True)
    return Explanation(
        table=_join_shares(all_factors),
        total_a=math.fsum(values_a),
        total_b=math.fsum(values_b),
        left_out=before.left_out + after.left_out,
    )


def _sum_by_cost_type(rows: pd.DataFrame, metric: str) -> _SumsByCostType:
    groups = group_rows(rows, [])
    cells = sum_measures(rows, groups)
    is_vcpm = cells.is_vcpm
    by_cost_type = {}
    left_out = 0
    for cost_type in COST_TYPE_WORDS:
        is_counted = is_vcpm if cost_type == _VCPM else ~is_vcpm
        if not is_counted.any():
            continue
        names = list_needed_columns(metric, cost_type)
        columns = []
        for name in names:
            if name not in cells.sums:
                raise missing_metric_error(rows, name)
            column = to_floats(cells.sums[name])
            if np.isnan(column[is_counted]).all():
                raise no_values_error(name, f"{cost_type} campaigns in one of the periods")
            columns.append(column)
        complete = sum_complete_rows(cells, columns, is_counted)
        sums = [float(by_group[0]) for by_group in complete.sums]
        by_cost_type[cost_type] = dict(zip(names, sums, strict=True))
        left_out += complete.left_out
    return _SumsByCostType(by_cost_type, left_out)


def _multiply(
    sums: _SumsByCostType,
    cost_type: str,
    factors: Sequence[Factor],
    measure: Ratio | str,
) -> Product:
    """Return what a cost type adds to a metric in a period, and its factors."""
    size = 1.0
    column = measure
    if isinstance(measure, Ratio):
        size = sums.add_up(measure.denominator)
        column = measure.numerator
    for name in sums.by_cost_type.get(cost_type, {}):
        _ensure_not_negative(sums, cost_type, name)
    values = np.full(len(factors), np.nan)
    for number, factor in enumerate(factors):
        numerator = sums.get(cost_type, factor.numerator)
        denominator = 1.0
        if factor.name == SHARE:
            denominator = size
        elif factor.denominator is not None:
            denominator = sums.get(cost_type, factor.denominator)
        if denominator:
            values[number] = factor.scale * numerator / denominator
    return Product(sums.get(cost_type, str(column)) / size, values)


def _ensure_not_negative(sums: _SumsByCostType, cost_type: str, column: str) -> None:
    value = sums.get(cost_type, column)
    if value < 0:
        raise InvalidRequest(
            f"a factor must not be below 0, but {column} of {cost_type} campaigns is "
            f"{value:,.2f} in one of the periods. {_ADVICE}"
        )


def _split_cost_type(
    metric: str,
    cost_type: str,
    factors: Sequence[Factor],
    products: Sequence[Product],
) -> pd.DataFrame:
    """Return the contributions of the factors of a cost type."""
    before, after = products
    names = [factor.name for factor in factors]
    powers = [factor.power for factor in factors]
    contributions = split_product_change(before, after, np.array(powers))
    if contributions is None:
        has_values = (before.factors > 0) & (after.factors > 0)
        without_value = np.array(names)[~has_values]
        listed = ", ".join(without_value)
        raise InvalidRequest(
            f"the factors of {metric} cannot be told apart for {cost_type} campaigns: {listed} "
            f"must be above 0 in both periods. {_ADVICE}"
        )
    cost_types = [cost_type] * len(factors)
    return pd.DataFrame(
        {
            "costType": pd.Categorical(cost_types, COST_TYPE_WORDS),
            "factor": pd.array(names, dtype="str"),
            "value_a": before.factors,
            "value_b": after.factors,
            "contribution": contributions,
        }
    )


def _join_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the shares of cost types by one row: what one has more, the others have less."""
    is_share = table["factor"] == SHARE
    factors = table[~is_share]
    if is_share.sum() < 2:
        return factors
    shares = table[is_share]
    row = {
        "factor": [SHARE],
        "contribution": [shares["contribution"].sum()],
    }
    joined = pd.DataFrame(row).reindex(columns=table.columns)
    return pd.concat([factors, joined.astype(table.dtypes)])
