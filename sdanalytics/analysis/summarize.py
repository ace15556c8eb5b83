"""Summaries: sums by columns and time, then ratios of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias

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
from sdanalytics.analysis.frame_days import SUMMARIZED_DAYS, find_frame_days
from sdanalytics.analysis.group_summary import has_measures, summarize_rows
from sdanalytics.analysis.kpi_bounds import INTERVALS, add_bound_columns, bound_kpis
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.missing_columns import no_bounds_error, no_measures_error
from sdanalytics.analysis.row_groups import Buckets, find_buckets, group_rows
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.totals import append_total_row, drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_freq,
    parse_group_keys,
    validate_columns,
    validate_frame,
    validate_level,
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
    level: float | None = None,
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
    level : float, optional
        Adds intervals of this level, such as 0.9, of what chance leaves open: of the long-run rates
        that lie behind the numbers that were reported.

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
        parts together. A day that had not ended when it was fetched
        counts as reported; of a group of such days alone these columns are missing.

        With `level`, beside `ctr`, `cvr`, `purchase_rate`, `cpa`, `acos` and `roas` (float64)
        `<name>_low` and `<name>_high`; see the notes. ``attrs["sdanalytics"]["intervals"]`` has the
        `level` and the `dispersion` of each.

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
        is of something else; with `level`, when it is no fraction, or none of these KPIs can be
        computed from the columns.

    Notes
    -----
    The two kinds of intervals answer different questions. `<name>_low` and `<name>_high` are of the
    rate from which the reported numbers were drawn: would a campaign go on for long with an ACOS
    like this one, or was it luck? They stay wide when all conversions have arrived, if these are
    few. `<name>_final_low` and `<name>_final_high` are of what the same days will report in the
    end, and close as conversions arrive.

    - `ctr` and `cvr`: Jeffreys' interval of a binomial probability (Brown, Cai and DasGupta,
      Statistical Science 16, 2001).
    - `purchase_rate` and `cpa`: Jeffreys' interval of a Poisson rate, quantiles of
      Gamma(orders + 1/2), by viewable impressions and by cost.
    - `acos` and `roas`: the same of orders by cost, times the average order value; as order values
      vary, orders count as fewer: by their dispersion and the squared coefficient of variation of
      order values, estimated from the rows (`sdanalytics.analysis.order_values`). Needs orders.
      `sdanalytics.analysis.kpi_bounds` says why this and not a bootstrap.

    Days differ more than chance alone makes them. So all events count as fewer by their dispersion,
    Pearson's chi-squared over the days of all groups (`sdanalytics.analysis.dispersion`): as chance
    alone in a frame with less than a week of days, or without days.

    Without orders, `cvr_low` and `roas_low` are 0, and `cpa_low` and `acos_low` are known; nothing
    bounds CPA and ACOS above, so that `cpa_high` and `acos_high` are missing. ACOS and ROAS then
    have the average order value of the whole frame. Money ratios of groups with negative sales have
    no bounds. Simulated, intervals of 90 % have the true rate in 86 to 94 % of the cases; those of
    ACOS and ROAS in 82 to 86 % only where a group has about three orders of very different values,
    of which the large ones have not been seen. Cost and viewable impressions count as known.
    """
    df = drop_total_row(validate_frame(df))
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    period = parse_freq(freq)
    additions = _Additions(
        curve=resolve_curve(final, df),
        level=None if level is None else validate_level(level),
    )
    buckets = None
    if period is not None:
        validate_columns(df, ["date"])
        keys = [key for key in keys if key != "date"]
        if df["date"].hasnans:
            df = df[df["date"].notna()]
        buckets = find_buckets(df["date"], period)
    if not has_measures(df):
        raise no_measures_error(df)
    note = describe_missing_cost_types(df)
    warn_of_missing_cost_types(note)
    result = summarize_rows(df, keys, buckets)
    if buckets is not None:
        result = _add_days(result, df, buckets, str(period))
    result = _add_estimates(result, df, keys, additions, period)
    notes = _list_summarized_days(df)
    if note is not None:
        notes[WITHOUT_COST_TYPE] = note
    update_metadata(result, summarized_by=keys, freq=period, **notes)
    if total and (keys or period) and len(result):
        ensure_single_currency(df, group_rows(df, []), "leave out total=")
        row = _add_estimates(_summarize_all(df, result), df, [], additions)
        result = append_total_row(result, row, keys, period)
    return result


def _list_summarized_days(df: pd.DataFrame) -> dict[str, Any]:
    """Return the entry of the metadata for the days of the rows, if these are known."""
    days = find_frame_days(df)
    if days is None:
        return {}
    return {SUMMARIZED_DAYS: [f"{day:%Y-%m-%d}" for day in days]}


class _Additions(NamedTuple):
    """Columns that a summary is to have besides what was reported."""

    curve: ShareTable | None
    level: float | None


def _add_estimates(
    summary: pd.DataFrame,
    df: pd.DataFrame,
    keys: Sequence[str],
    additions: _Additions,
    freq: str | None = None,
) -> pd.DataFrame:
    """Add the final numbers of each group and the bounds of its KPIs, beside what was reported."""
    if additions.curve is not None:
        names = select_immature(summary)
        finals = summarize_final(df, names, keys, additions.curve, freq=freq)
        summary = add_final_columns(summary, finals)
    if additions.level is not None:
        bounds = bound_kpis(df, keys, additions.level, freq=freq)
        if not bounds.columns:
            raise no_bounds_error(df)
        summary = add_bound_columns(summary, bounds.columns)
        about = {"level": additions.level, "dispersion": bounds.dispersion}
        update_metadata(summary, **{INTERVALS: about})
    return summary


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
