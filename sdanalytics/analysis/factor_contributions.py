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
from sdanalytics.analysis.explanation import Explanation, ensure_denominators
from sdanalytics.analysis.factors import SHARE, Factor, list_factors, list_needed_columns
from sdanalytics.analysis.group_summary import sum_measures
from sdanalytics.analysis.log_mean_split import Product, split_product_change
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.ratios import Ratio, look_up_ratio, sum_complete_rows
from sdanalytics.analysis.row_groups import FloatArray, group_rows
from sdanalytics.errors import InvalidRequest

_ADVICE: Final = "Explain it by a column (by='campaignName')"


@dataclass(frozen=True)
class _PeriodSums:
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

    def get(self, cost_type: str, column: str) -> float:
        """Return a sum: 0 of a cost type that no row has."""
        sums = self.by_cost_type.get(cost_type, {})
        return sums.get(column, 0.0)

    def add_up(self, column: str) -> float:
        """Return the sum over all cost types."""
        return math.fsum(self.get(cost_type, column) for cost_type in self.by_cost_type)


def explain_by_factors(parts: Sequence[pd.DataFrame], metric: str) -> Explanation:
    """Return the contributions of the metric's factors, a row a cost type and factor.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        The rows of the two periods.
    metric : str
        A metric that has factors.
    """
    before, after = (_sum_by_cost_type(part, metric) for part in parts)
    ratio = look_up_ratio(metric)
    numerator = metric if ratio is None else ratio.numerator
    sizes = _add_up_denominators(ratio, before, after)
    cost_types = _list_cost_types(before, after)
    tables = []
    values = []
    for cost_type in cost_types:
        factors = list(list_factors(metric, cost_type))
        if ratio is not None:
            factors.insert(0, Factor(SHARE, ratio.denominator))
        products = []
        for sums, size in zip((before, after), sizes, strict=True):
            _ensure_not_negative(sums, cost_type)
            product = Product(
                value=sums.get(cost_type, numerator) / size,
                factors=_evaluate(sums, cost_type, factors, size),
            )
            products.append(product)
        tables.append(_tabulate(metric, cost_type, factors, products))
        values.append([product.value for product in products])
    total_a, total_b = map(math.fsum, zip(*values, strict=True))
    table = _join_shares(pd.concat(tables, ignore_index=True))
    return Explanation(table, total_a, total_b, before.left_out + after.left_out)


def _add_up_denominators(
    ratio: Ratio | None, before: _PeriodSums, after: _PeriodSums
) -> tuple[float, float]:
    """Return a ratio's denominators in both periods; 1 for a sum."""
    if ratio is None:
        return 1.0, 1.0
    size_a = before.add_up(ratio.denominator)
    size_b = after.add_up(ratio.denominator)
    ensure_denominators(ratio, size_a, size_b)
    return size_a, size_b


def _list_cost_types(before: _PeriodSums, after: _PeriodSums) -> list[str]:
    found = {*before.by_cost_type, *after.by_cost_type}
    return [cost_type for cost_type in COST_TYPE_WORDS if cost_type in found]


def _sum_by_cost_type(rows: pd.DataFrame, metric: str) -> _PeriodSums:
    if not can_select_results(rows):
        raise InvalidRequest(
            f"the factors of {metric} depend on the cost type, which this summary has lost: "
            "summarize with 'costType' in by=, or explain the rows that it is of"
        )
    cells = sum_measures(rows, group_rows(rows, []))
    by_cost_type = {}
    left_out = 0
    is_vcpm = cells.is_vcpm
    for cost_type, is_counted in zip(COST_TYPE_WORDS, (~is_vcpm, is_vcpm), strict=True):
        if not is_counted.any():
            continue
        names = list_needed_columns(metric, cost_type)
        for name in names:
            if name not in cells.sums:
                raise missing_metric_error(rows, name)
        columns = [to_floats(cells.sums[name]) for name in names]
        complete = sum_complete_rows(cells, columns, is_counted)
        sums = [float(by_group[0]) for by_group in complete.sums]
        by_cost_type[cost_type] = dict(zip(names, sums, strict=True))
        left_out += complete.left_out
    return _PeriodSums(by_cost_type, left_out)


def _ensure_not_negative(sums: _PeriodSums, cost_type: str) -> None:
    for column, value in sums.by_cost_type.get(cost_type, {}).items():
        if value < 0:
            raise InvalidRequest(
                f"a factor must not be below 0, but {column} of {cost_type} campaigns is "
                f"{value:,.2f} in one of the periods. {_ADVICE}"
            )


def _evaluate(
    sums: _PeriodSums, cost_type: str, factors: Sequence[Factor], size: float
) -> FloatArray:
    """Return the values of factors in a period, missing where a denominator is 0.

    `size` is the denominator of the metric, over all cost types.
    """
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
    return values


def _tabulate(
    metric: str, cost_type: str, factors: Sequence[Factor], products: Sequence[Product]
) -> pd.DataFrame:
    """Return the contributions of the factors of a cost type."""
    before, after = products
    powers = np.array([factor.power for factor in factors])
    contributions = split_product_change(before, after, powers)
    if contributions is None:
        raise _undefined_factors_error(metric, cost_type, factors, products)
    return pd.DataFrame(
        {
            "costType": pd.Categorical([cost_type] * len(factors), COST_TYPE_WORDS),
            "factor": pd.array([factor.name for factor in factors], dtype="str"),
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
    contribution = table["contribution"][is_share].sum()
    shares = pd.DataFrame({"factor": [SHARE], "contribution": [contribution]})
    return pd.concat([factors, shares.reindex(columns=table.columns).astype(table.dtypes)])


def _undefined_factors_error(
    metric: str, cost_type: str, factors: Sequence[Factor], products: Sequence[Product]
) -> InvalidRequest:
    names = []
    for number, factor in enumerate(factors):
        values = [product.factors[number] for product in products]
        if not min(values) > 0:  # nor is a missing one
            names.append(factor.name)
    listed = ", ".join(names)
    return InvalidRequest(
        f"the factors of {metric} cannot be told apart for {cost_type} campaigns: {listed} must be "
        f"above 0 in both periods. {_ADVICE}"
    )
