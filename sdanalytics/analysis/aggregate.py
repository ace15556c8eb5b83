"""Metrics by name for figures: computed by group, or an error that says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from sdanalytics.analysis.comparison_columns import ensure_one_row_a_group
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.kpi_definitions import (
    KPIS,
    is_catalogued,
    is_money,
    is_numeric_measure,
    required_metrics,
)
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_group_keys,
    validate_frame,
)

_ALWAYS_KEPT: Final = ("date", "currency")
"""Columns that every aggregation may need, besides its keys and metrics."""


def aggregate(
    df: pd.DataFrame, names: Sequence[str], by: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Summarize metrics by name, or raise an error if one cannot be computed.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, `summarize` or `compare`.
    names : sequence of str
        Sums, KPIs, or numeric columns of the user's own, which are summed; changes of ratios that
        `compare` made, where each group is one row.
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
    rows = select_input_columns(rows, names, keys)
    if any(is_money(name) for name in names):
        ensure_single_currency(rows, group_rows(rows, []))
    ensure_one_row_a_group(rows, names, keys)
    result = summarize_rows(rows, keys, custom=custom_metrics(rows, names), with_labels=False)
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


def select_input_columns(
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
