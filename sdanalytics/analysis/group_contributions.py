"""Explanation of a change by groups of rows, such as campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import custom_metrics
from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.contributions import GroupSums, split_ratio_change, subtract_sums
from sdanalytics.analysis.explanation import (
    Explanation,
    ensure_denominators,
    ensure_known_sums,
)
from sdanalytics.analysis.group_labels import describe_groups, label_columns
from sdanalytics.analysis.group_summary import sum_measures
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.ratios import Ratio, has_parts, look_up_ratio, sum_complete_rows
from sdanalytics.analysis.row_groups import FloatArray, IntArray, RowGroups, group_rows


class _PeriodSums(NamedTuple):
    """The sums of a period, and how many rows are not in them."""

    sums: GroupSums
    left_out: int


def explain_by_groups(
    parts: Sequence[pd.DataFrame], keys: Sequence[str], metric: str
) -> Explanation:
    """Return the contributions of the groups of either period.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        The rows of the two periods.
    keys : sequence of str
        Columns to group by.
    metric : str
    """
    first, second = parts
    rows = pd.concat([first, second], ignore_index=True)
    groups = group_rows(rows, keys)
    codes_by_period = groups.codes[: len(first)], groups.codes[len(first) :]
    ratio = look_up_ratio(metric)
    sides = []
    for part, codes in zip(parts, codes_by_period, strict=True):
        side = _sum_period(part, codes, groups.count, ratio or metric)
        sides.append(side)
    before, after = (side.sums for side in sides)
    columns = _describe(rows, groups, keys)
    columns |= {f"{metric}_a": before.values, f"{metric}_b": after.values}
    if ratio is None:
        ensure_known_sums(metric, before.total, after.total)
        columns["contribution"] = subtract_sums(before, after)
    else:
        ensure_denominators(ratio, before.size, after.size)
        columns |= split_ratio_change(before, after)._asdict()
    return Explanation(
        table=pd.DataFrame(columns),
        total_a=before.total,
        total_b=after.total,
        left_out=sum(side.left_out for side in sides),
    )


def _describe(rows: pd.DataFrame, groups: RowGroups, keys: Sequence[str]) -> dict[str, Any]:
    """Return the keys of groups, and the latest names of those that are ids."""
    names = [name for name in label_columns(keys) if name in rows and name not in keys]
    dates = [name for name in ("date",) if name in rows]
    labels = describe_groups(rows[[*dates, *names]], groups, keys)
    columns: dict[str, Any] = {key: groups.keys[key].array for key in keys}
    return columns | labels


def _sum_period(
    rows: pd.DataFrame, codes: IntArray, count: int, measure: Ratio | str
) -> _PeriodSums:
    """Return the sums behind a metric in a period; groups without rows had no activity: 0."""
    local_codes, present = pd.factorize(codes)
    local_keys = pd.DataFrame(index=pd.RangeIndex(len(present)))
    groups = RowGroups(local_codes, local_keys)
    if isinstance(measure, str):
        values = _sum_metric(rows, groups, measure)
        return _PeriodSums(GroupSums(_spread(values, present, count), None), 0)
    cells = sum_measures(rows, groups)
    if not has_parts({*cells.sums, *rows.columns}, measure):
        raise missing_metric_error(rows, measure.name)
    parts = [to_floats(cells.sums[name]) for name in (measure.numerator, measure.denominator)]
    is_counted = cells.is_vcpm if measure.is_of_vcpm else None
    complete = sum_complete_rows(cells, parts, is_counted)
    numerators, denominators = complete.sums
    sums = GroupSums(
        numerators=_spread(measure.factor * numerators, present, count),
        denominators=_spread(denominators, present, count),
    )
    return _PeriodSums(sums, complete.left_out)


def _sum_metric(rows: pd.DataFrame, groups: RowGroups, metric: str) -> Any:
    cells = sum_measures(rows, groups, custom_metrics(rows, [metric]))
    if metric not in cells.sums:
        raise missing_metric_error(rows, metric)
    sums = cells.add_up()
    return to_floats(sums[metric])


def _spread(values: Any, present: IntArray, count: int) -> FloatArray:
    """Return values of the groups that are present as values of all groups, 0 elsewhere."""
    spread = np.zeros(count)
    spread[present] = values
    return spread
