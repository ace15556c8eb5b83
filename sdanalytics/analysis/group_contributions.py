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
    no_values_error,
)
from sdanalytics.analysis.group_labels import describe_groups, label_columns
from sdanalytics.analysis.group_summary import sum_measures
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.ratios import (
    CompleteSums,
    Ratio,
    has_parts,
    look_up_ratio,
    sum_complete_rows,
)
from sdanalytics.analysis.row_groups import FloatArray, IntArray, RowGroups, group_rows


class _PeriodResult(NamedTuple):
    """The sums of a period, and how many rows are not in them."""

    sums: GroupSums
    left_out: int


def explain_by_groups(
    parts: Sequence[pd.DataFrame],
    keys: Sequence[str],
    metric: str,
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
    part_a, part_b = parts
    rows = pd.concat([part_a, part_b], ignore_index=True)
    groups = group_rows(rows, keys)
    codes_a = groups.codes[: len(part_a)]
    codes_b = groups.codes[len(part_a) :]
    result_a = _sum_period(part_a, codes_a, groups.count, metric)
    result_b = _sum_period(part_b, codes_b, groups.count, metric)
    before = result_a.sums
    after = result_b.sums
    columns = _describe_keys(rows, groups, keys)
    columns[f"{metric}_a"] = before.values
    columns[f"{metric}_b"] = after.values
    columns |= _split_change(metric, before, after)
    return Explanation(
        table=pd.DataFrame(columns),
        total_a=before.total,
        total_b=after.total,
        left_out=result_a.left_out + result_b.left_out,
    )


def _split_change(metric: str, before: GroupSums, after: GroupSums) -> dict[str, FloatArray]:
    """Return the contributions by column: of a ratio with their parts."""
    ratio = look_up_ratio(metric)
    if ratio is None:
        ensure_known_sums(metric, before.total, after.total)
        return {"contribution": subtract_sums(before, after)}
    ensure_denominators(ratio, before.size, after.size)
    contributions = split_ratio_change(before, after)
    return contributions._asdict()


def _describe_keys(
    rows: pd.DataFrame,
    groups: RowGroups,
    keys: Sequence[str],
) -> dict[str, Any]:
    """Return the keys of groups, and the latest names of those that are ids."""
    columns: dict[str, Any] = {}
    for key in keys:
        columns[key] = groups.keys[key].array
    names = ["date"]
    for name in label_columns(keys):
        if name in rows and name not in keys:
            names.append(name)
    labels = describe_groups(rows[names], groups, keys)
    return columns | labels


def _sum_period(
    rows: pd.DataFrame,
    codes: IntArray,
    count: int,
    metric: str,
) -> _PeriodResult:
    """Return the sums behind a metric in a period; groups without rows had no activity: 0."""
    local_codes, present = pd.factorize(codes)
    index = pd.RangeIndex(len(present))
    groups = RowGroups(local_codes, pd.DataFrame(index=index))
    ratio = look_up_ratio(metric)
    if ratio is None:
        values = _sum_metric(rows, groups, metric)
        numerators = _spread(values, present, count)
        return _PeriodResult(GroupSums(numerators, None), left_out=0)
    complete = _sum_parts(rows, groups, ratio)
    dividends, divisors = complete.sums
    sums = GroupSums(
        numerators=_spread(ratio.factor * dividends, present, count),
        denominators=_spread(divisors, present, count),
    )
    return _PeriodResult(sums, complete.left_out)


def _sum_metric(rows: pd.DataFrame, groups: RowGroups, metric: str) -> FloatArray:
    custom = custom_metrics(rows, [metric])
    cells = sum_measures(rows, groups, custom)
    if metric not in cells.sums:
        raise missing_metric_error(rows, metric)
    sums = cells.add_up()
    values: FloatArray = to_floats(sums[metric])
    return values


def _sum_parts(rows: pd.DataFrame, groups: RowGroups, ratio: Ratio) -> CompleteSums:
    """Return the numerators and denominators of a ratio by group."""
    cells = sum_measures(rows, groups)
    columns = {*cells.sums, *rows.columns}
    if not has_parts(columns, ratio):
        raise missing_metric_error(rows, ratio.name)
    dividends = to_floats(cells.sums[ratio.numerator])
    divisors = to_floats(cells.sums[ratio.denominator])
    lacks_part = np.isnan(dividends) | np.isnan(divisors)
    is_counted = None
    if ratio.is_of_vcpm:
        is_counted = cells.is_vcpm
        lacks_part = lacks_part[is_counted]
    if len(lacks_part) and lacks_part.all():
        raise no_values_error(ratio.name, "one of the periods")
    return sum_complete_rows(cells, [dividends, divisors], is_counted)


def _spread(values: FloatArray, present: IntArray, count: int) -> FloatArray:
    """Return values of the groups that are present as values of all groups, 0 elsewhere."""
    spread = np.zeros(count)
    spread[present] = values
    return spread
