"""Summaries: sums by columns and time, then ratios of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import (
    AMAZON_RATIOS,
    KPIS,
    is_additive,
    is_catalogued,
    is_money,
    is_numeric_measure,
    required_metrics,
)
from sdanalytics.analysis.kpis import add_conversions, compute_ratios, safe_divide
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.totals import append_total_row, drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_freq,
    parse_group_keys,
    validate_columns,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.model.metrics import CATALOGUE, NON_ADDITIVE, ColumnKind

Freq: TypeAlias = str | pd.offsets.BaseOffset | timedelta
"""A frequency of pandas; its `Timedelta` is a timedelta."""

_LABELS_BY_ID: Final = {
    "campaignId": ("campaignName", "campaignStatus", "costType"),
    "adGroupId": ("adGroupName", "bidOptimization"),
    "targetId": ("targetingExpression", "targetingText", "targetingType"),
}
"""Columns that describe ids; a summary has their latest value."""

_LABEL_KINDS: Final = (ColumnKind.ID, ColumnKind.TEXT, ColumnKind.CATEGORY)
_ALWAYS_KEPT: Final = ("date", "currency", "costType")
"""Columns that every aggregation may need, besides its keys and metrics."""


def summarize(
    df: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    freq: Freq | None = None,
    *,
    total: bool = False,
) -> pd.DataFrame:
    """Sum by columns and time, then compute ratios of the sums.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report` or `summarize` (a total row is left out). Columns of your
        own are left out, unless they are in `by`.
    by : str or sequence of str, optional
        Columns to group by; None: all rows together.
    freq : str, pandas.offsets.BaseOffset or datetime.timedelta, optional
        Also by time, as in pandas: ``"D"``, ``"W"``, ``"MS"``.
    total : bool
        Whether to append a row over all groups, called ``total`` in the first text column.

    Returns
    -------
    pandas.DataFrame
        `date` (with `freq`), the columns of `by`, columns that are the same in all rows of
        each group (names, currency), the sums, and the KPIs (see `add_kpis`). Not summed are:

        - rates (`vtr`, `vctr`): computed from the sums, where the frame has these;
        - `campaignBudget`, `cumulativeReach`, `avgImpressionsFrequency`: the latest day's, if
          no group has more than one row a day; otherwise left out, because budgets change and
          several campaigns may reach the same people.

    Raises
    ------
    InvalidRequest
        When a column of `by` is missing, or a group has several currencies.
    """
    df = drop_total_row(validate_frame(df))
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    period = parse_freq(freq)
    if period is not None:
        validate_columns(df, ["date"])
        keys = [key for key in keys if key != "date"]
    result = summarize_rows(df, keys, period)
    update_metadata(result, summarized_by=keys, freq=period)
    is_grouped = bool(keys or period)
    if total and is_grouped and len(result):
        all_rows = summarize_rows(df, [], None)
        result = append_total_row(result, all_rows, keys or ["date"])
    return result


def aggregate(
    df: pd.DataFrame, names: Sequence[str], by: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Summarize metrics by name, or raise an error if one cannot be computed.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report` or `summarize`.
    names : sequence of str
        Sums, KPIs, or numeric columns of the user's own, which are summed.
    by : str or sequence of str, optional
        As in `summarize`.

    Raises
    ------
    InvalidRequest
        When a metric cannot be computed, or amounts of several currencies would be side by
        side.
    """
    rows = drop_total_row(validate_frame(df))
    keys = parse_group_keys(rows, by)
    rows = _select_input_columns(rows, names, keys)
    if any(is_money(name) for name in names):
        ensure_single_currency(rows, group_rows(rows, [], None))
    result = summarize_rows(rows, keys, None, custom_metrics(rows, names))
    for name in names:
        if name not in result or not is_numeric_measure(result, name):
            raise missing_metric_error(df, name)
    return result


def custom_metrics(df: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the names that are numeric columns of the user's own, to be summed as they are."""
    custom = []
    for name in names:
        if name in df and not is_catalogued(name) and is_numeric_measure(df, name):
            custom.append(name)
    return custom


def label_columns(keys: Sequence[str]) -> list[str]:
    """Return the columns that describe the ids among the keys."""
    labels: list[str] = []
    for key in keys:
        labels += _LABELS_BY_ID.get(key, ())
    return labels


def summarize_rows(
    df: pd.DataFrame, keys: Sequence[str], freq: str | None, custom: Sequence[str] = ()
) -> pd.DataFrame:
    """Return sums, KPIs and constant columns of each group, for validated arguments.

    Parameters
    ----------
    df : pandas.DataFrame
        Without a total row.
    keys : sequence of str
        Columns to group by.
    freq : str or None
        Also by time.
    custom : sequence of str
        Columns of the user's own that are summed.
    """
    rows = add_conversions(df)
    if "date" in rows and not rows["date"].is_monotonic_increasing:
        rows = rows.sort_values("date", kind="stable")  # the last row is the latest day's
    groups = group_rows(rows, keys, freq)
    ensure_single_currency(rows, groups)
    result = _aggregate_groups(rows, groups, keys, custom)
    result.attrs = dict(df.attrs)
    return result


def group_rows(df: pd.DataFrame, keys: Sequence[str], freq: str | None) -> Any:
    """Group rows by time and columns; without either, all rows are one group."""
    groupers: list[Any] = list(keys)
    if freq:
        groupers.insert(0, pd.Grouper(key="date", freq=freq))
    if not groupers:
        groupers = [np.zeros(len(df), dtype="int8")]
    return df.groupby(groupers, observed=True, dropna=False, sort=True)


def _select_input_columns(
    df: pd.DataFrame, names: Sequence[str], keys: Sequence[str]
) -> pd.DataFrame:
    """Drop the columns that contribute nothing to the metrics: grouping is costly."""
    needed = {*_ALWAYS_KEPT, *keys}
    for name in names:
        needed.add(name)
        needed.update(required_metrics(name))
        if name in KPIS:
            kpi = KPIS[name]
            needed.update([kpi.numerator, kpi.denominator])
    columns = [name for name in df.columns if name in needed]
    return df[columns]


def _aggregate_groups(
    df: pd.DataFrame, groups: Any, keys: Sequence[str], custom: Sequence[str]
) -> pd.DataFrame:
    summed = [name for name in df.columns if is_additive(name) or name in custom]
    constant = _constant_columns(df, groups, keys)
    result: pd.DataFrame = groups[constant].last()
    result = result.join(groups[summed].sum(min_count=1))
    if _has_one_row_per_day(df, groups):
        snapshots = [name for name in NON_ADDITIVE if name in df]
        result = result.join(groups[snapshots].last())
    has_rows = groups.size() > 0
    result = result[has_rows]
    _add_ratios(result, df)
    is_one_group = result.index.names == [None]
    return result.reset_index(drop=is_one_group)


def _add_ratios(sums: pd.DataFrame, df: pd.DataFrame) -> None:
    """Add Amazon's ratios that the frame had, and all KPIs that the sums allow."""
    for name, (numerator, denominator) in AMAZON_RATIOS.items():
        if name in df and numerator in sums and denominator in sums:
            sums[name] = safe_divide(sums[numerator], sums[denominator])
    for name, values in compute_ratios(sums).items():
        sums[name] = values


def _constant_columns(df: pd.DataFrame, groups: Any, keys: Sequence[str]) -> list[str]:
    """Return label columns that are constant in every group, or that describe a group key."""
    described = label_columns(keys)
    constant = []
    for name in df.columns:
        if name in keys or not _is_label(name):
            continue
        if name in described:
            constant.append(name)
            continue
        is_constant = groups[name].nunique() <= 1
        if is_constant.all():
            constant.append(name)
    return constant


def _is_label(name: str) -> bool:
    if name == "tactic":
        return True
    return name in CATALOGUE and CATALOGUE[name].kind in _LABEL_KINDS


def _has_one_row_per_day(df: pd.DataFrame, groups: Any) -> bool:
    """Return whether no group has several rows of a day."""
    rows = groups.size()
    days = groups["date"].nunique() if "date" in df else 1
    has_one = rows <= days
    return bool(has_one.all())
