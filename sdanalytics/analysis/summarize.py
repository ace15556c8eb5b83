"""Summaries: sums by columns and time, then ratios of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias

import pandas as pd

from sdanalytics.analysis.buckets import DAYS, IS_WHOLE, count_days
from sdanalytics.analysis.cost_types import (
    WITHOUT_COST_TYPE,
    describe_missing_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.final_columns import (
    add_final_columns,
    select_immature,
    summarize_final,
)
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.group_summary import has_measures, summarize_rows
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.missing_columns import no_measures_error
from sdanalytics.analysis.row_groups import Buckets, find_buckets
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.totals import append_total_row, drop_total_row
from sdanalytics.analysis.validation import (
    parse_freq,
    parse_group_keys,
    validate_columns,
    validate_frame,
    warn_of_unknown_currency,
)

Freq: TypeAlias = str | pd.offsets.BaseOffset | timedelta
"""A frequency of pandas; its `Timedelta` is a timedelta."""


def summarize(
    df: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    freq: Freq | None = None,
    *,
    total: bool = False,
    final: FinalLike = None,
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
        Whether to append a row over all groups, called ``total`` in the first text column; where
        there is none, in a column `label` in front, which has the keys of all rows as text.
    final : pandas.DataFrame or bool, optional
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
        Adds final numbers: what results and their KPIs are expected to be when no more
        conversions arrive.

    Returns
    -------
    pandas.DataFrame
        `date` (with `freq`), the columns of `by`; with weeks and longer buckets `days` (Int64: of
        how many days of the bucket the frame has rows) and `is_whole` (bool: of all of them);
        columns that are the same in all rows of each group (names, currency); cost, results and
        KPIs (see `add_kpis`); then the other sums. Ratios are of the rows that have both parts;
        ``attrs["sdanalytics"]["rows_left_out"]`` tells how many lack one, by KPI. Not summed are:

        - rates (`vtr`, `vctr`): computed from the sums, where the frame has these;
        - `campaignBudget`, `cumulativeReach`, `avgImpressionsFrequency`: the latest day's, if
          no group has more than one row a day; otherwise left out, because budgets change and
          several campaigns may reach the same people.

        With `final`, beside each result and KPI of it (float64) `<name>_final`, `<name>_final_low`
        and `<name>_final_high`, an interval of 80 %, and `maturity`: the share of the final orders
        that has come. Sums are of each day's number by the share that is known at its age; the
        errors of shares are common to all days, those of days are not
        (`sdanalytics.analysis.final_rows`). Ratios are of final sums, and their bounds of both
        parts together. A day that had not ended when it was fetched counts as reported.

    Warns
    -----
    CostTypeWarning
        When rows without a cost type are counted by click;
        ``attrs["sdanalytics"]["without_cost_type"]`` tells how many, and their share of the cost.

    Raises
    ------
    InvalidRequest
        When a column of `by` is missing, a group has several currencies, or the frame has no
        metric; with `final`, when the frame does not tell when its days were fetched, or the curve
        is of something else.
    """
    df = drop_total_row(validate_frame(df))
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    period = parse_freq(freq)
    curve = resolve_curve(final, df)
    buckets = None
    if period is not None:
        validate_columns(df, ["date"])
        keys = [key for key in keys if key != "date"]
        df = df[df["date"].notna()] if df["date"].hasnans else df
        buckets = find_buckets(df["date"], period)
    if not has_measures(df):
        raise no_measures_error(df)
    note = describe_missing_cost_types(df)
    warn_of_missing_cost_types(note)
    result = summarize_rows(df, keys, buckets)
    if buckets is not None:
        result = _add_days(result, df, buckets, str(period))
    if curve is not None:
        result = _add_finals(result, df, keys, curve, period)
    notes = {} if note is None else {WITHOUT_COST_TYPE: note}
    update_metadata(result, summarized_by=keys, freq=period, **notes)
    if total and (keys or period) and len(result):
        row = _summarize_all(df, result)
        if curve is not None:
            row = _add_finals(row, df, [], curve)
        result = append_total_row(result, row, keys, period)
    return result


def _add_finals(
    summary: pd.DataFrame,
    df: pd.DataFrame,
    keys: Sequence[str],
    curve: ShareTable,
    freq: str | None = None,
) -> pd.DataFrame:
    """Add the final numbers of each group, beside what was reported."""
    names = select_immature(summary)
    finals = summarize_final(df, names, keys, curve, freq=freq)
    return add_final_columns(summary, finals)


def _add_days(summary: pd.DataFrame, df: pd.DataFrame, buckets: Buckets, freq: str) -> pd.DataFrame:
    """Add how many days of each bucket the frame has, behind the date."""
    counts = count_days(df, buckets, freq)
    if counts is None or DAYS in summary:
        return summary
    rows = counts.take(buckets.names.get_indexer(pd.DatetimeIndex(summary["date"])))
    summary.insert(1, DAYS, rows[DAYS].array)
    summary.insert(2, IS_WHOLE, rows[IS_WHOLE].array)
    return summary


def _summarize_all(df: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of all rows as one, with the columns of a summary by groups."""
    row = summarize_rows(df, [])
    if IS_WHOLE in summary:
        buckets = summary.drop_duplicates("date")
        row = row.assign(**{DAYS: buckets[DAYS].sum(), IS_WHOLE: bool(buckets[IS_WHOLE].all())})
    return row
