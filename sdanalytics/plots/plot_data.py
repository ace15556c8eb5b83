"""Preparing data for figures: validation, groups, and the largest of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.cost_types import (
    describe_missing_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.kpi_definitions import is_made_of_money
from sdanalytics.analysis.row_groups import FloatArray as FloatArray
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    validate_columns,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.bounded_metric import BoundedMetric

GROUP_COLUMN: Final = "_group"
"""The column with the number of each row's group."""
_NO_NAME: Final = "(none)"


def to_float_array(values: Any) -> FloatArray:
    """Convert a Series or DataFrame to numbers as matplotlib takes them, NaN where missing."""
    array: FloatArray = values.to_numpy(dtype="float64", na_value=np.nan)
    return array


def prepare(data: object, metrics: Sequence[Any], by: object = None, n: object = 1) -> pd.DataFrame:
    """Validate the arguments that figures share, and return the frame without its total row.

    Parameters
    ----------
    data : object
        Must be a DataFrame.
    metrics : sequence
        Must be names. Whether the frame has the columns for them is validated later, by
        `aggregate`.
    by : object
        Must be the name of a column, or None.
    n : object
        Must be a whole number above 0.

    Raises
    ------
    InvalidRequest
        When an argument is something else.
    """
    frame = drop_total_row(validate_frame(data))
    for name in metrics:
        _validate_metric_name(name)
    if by is not None:
        _validate_group_column(frame, by)
    validate_group_count(n)
    if any(map(is_made_of_money, metrics)):
        warn_of_unknown_currency(frame)
    warn_of_missing_cost_types(describe_missing_cost_types(frame, metrics))
    return frame


def _validate_metric_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"a metric must be a name such as 'cost', got {name!r}")


def _validate_group_column(frame: pd.DataFrame, by: object) -> None:
    if not isinstance(by, str):
        raise InvalidRequest(f"by must be the name of one column, got {by!r}")
    validate_columns(frame, [by])


def validate_group_count(n: object) -> None:
    """Raise `InvalidRequest` when `n` is no whole number above 0."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InvalidRequest(f"n must be a whole number above 0, got {n!r}")


def aggregate_groups(
    data: pd.DataFrame,
    by: str,
    metrics: Sequence[str],
    n: int,
    bounded: BoundedMetric | None = None,
) -> pd.DataFrame:
    """Compute metrics for each value of a column, the largest by the first metric first.

    With `bounded`, also the columns `LOW` and `HIGH`: the bounds of a metric.
    """
    data = prepare(data, metrics, by, n)
    groups = factorize(data, by, GROUP_COLUMN)
    totals = _sorted_totals(groups.rows, metrics, GROUP_COLUMN)
    columns = list(dict.fromkeys(metrics))
    codes = totals[GROUP_COLUMN]
    if bounded is not None:
        bounds = bounded.find_bounds(groups.rows, GROUP_COLUMN)
        totals = totals.join(bounds, on=GROUP_COLUMN)
        columns += bounds.columns.tolist()
    names = groups.names_by_code(codes)
    totals.index = pd.Index(names, dtype="object")
    return totals[columns]


def _sorted_totals(rows: pd.DataFrame, metrics: Sequence[str], column: str) -> pd.DataFrame:
    """Aggregate by a column, and sort by the first metric: the largest first, missing last."""
    totals = aggregate(rows, metrics, column)
    return totals.sort_values(metrics[0], ascending=False, kind="stable")


@dataclass(frozen=True)
class GroupedRows:
    """Rows with a column that holds the number of their group.

    Attributes
    ----------
    rows : pandas.DataFrame
    names : list
        The names of the groups, by number.
    """

    rows: pd.DataFrame
    names: list[Any]

    def names_by_code(self, codes: Iterable[int]) -> list[Any]:
        """Return the names of the groups with the given numbers."""
        return [self.names[code] for code in codes]


def factorize(data: pd.DataFrame, by: str, column: str) -> GroupedRows:
    """Number the values of a column, missing ones included.

    Groups have numbers rather than names because rows without a name are drawn, too, and the
    text that is drawn for them could be the name of a campaign.
    """
    codes, values = pd.factorize(data[by], use_na_sentinel=False)
    names = [display_name(value) for value in values.tolist()]
    rows = data.copy(deep=False)
    rows[column] = codes
    return GroupedRows(rows, names)


def display_name(value: Any) -> Any:
    """Return a value as a figure names it: days as text, and missing values."""
    if pd.isna(value):
        return _NO_NAME
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return value


def top_n_with_other(
    data: pd.DataFrame, by: str, ranking_metric: str, n: int, column: str = GROUP_COLUMN
) -> GroupedRows:
    """Number the values of a column by rank; all after the n largest are one group, the last."""
    groups = factorize(data, by, column)
    totals = _sorted_totals(groups.rows, [ranking_metric], column)
    ranked_codes = totals[column].tolist()
    rank_by_code = np.zeros(len(groups.names), dtype="int64")
    rank_by_code[ranked_codes] = np.minimum(np.arange(len(ranked_codes)), n)
    rows = groups.rows.copy(deep=False)
    rows[column] = rank_by_code[rows[column]]
    names = groups.names_by_code(ranked_codes[:n])
    other_count = len(ranked_codes) - n
    if other_count > 0:
        names.append(other_label(other_count))
    return GroupedRows(rows, names)


def other_label(count: int) -> str:
    """Return the name of all groups that are not drawn one by one."""
    if count == 1:
        return "1 other"
    return f"{count} others"


def drop_other(groups: GroupedRows, n: int) -> GroupedRows:
    """Drop the rows of the last group, which are not among the n largest."""
    is_largest = groups.rows[GROUP_COLUMN] < n
    return GroupedRows(
        rows=groups.rows[is_largest],
        names=groups.names[:n],
    )
