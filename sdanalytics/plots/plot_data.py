"""Preparing data for figures: validation, groups, and the largest of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

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
from sdanalytics.plots.groups import GroupedRows, sort_totals


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
    groups: GroupedRows, metrics: Sequence[str], bounded: BoundedMetric | None = None
) -> pd.DataFrame:
    """Compute metrics for each group, the largest by the first metric first.

    Returns
    -------
    pandas.DataFrame
        One row per group: its number in the column of the groups, the metrics, and with `bounded`
        the columns `LOW` and `HIGH`, the bounds of a metric.
    """
    names = list(dict.fromkeys(metrics))
    totals = sort_totals(groups, names)
    if bounded is not None:
        bounds = bounded.find_bounds(groups.rows, groups.column)
        totals = totals.join(bounds, on=groups.column)
        names += bounds.columns.tolist()
    totals = totals[[groups.column, *names]]
    return totals.reset_index(drop=True)
