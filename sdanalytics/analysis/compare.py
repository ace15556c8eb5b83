"""Comparison of two periods: sums and KPIs side by side, and how they changed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.attribution_break import find_broken_metrics
from sdanalytics.analysis.kpi_definitions import is_additive, is_numeric_measure
from sdanalytics.analysis.kpis import safe_divide
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.summarize import (
    custom_metrics,
    group_rows,
    label_columns,
    summarize_rows,
)
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_group_keys,
    validate_columns,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.errors import InvalidRequest, PeriodWarning
from sdanalytics.model.query import DateLike, parse_day
from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED


def compare(
    df: pd.DataFrame,
    period_a: tuple[DateLike, DateLike],
    period_b: tuple[DateLike, DateLike],
    *,
    by: str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compare two periods: sums and KPIs of both, and the changes between them.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, with the days of both.
    period_a, period_b : tuple of two days
        First and last day, inclusive; earlier and later.
    by : str or sequence of str, optional
        As in `summarize`.
    metrics : sequence of str, optional
        Sums and KPIs to compare; all that both periods have by default.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then of each metric `<metric>_a`, `<metric>_b`,
        `<metric>_change` (b - a) and `<metric>_change_share` ((b - a) / abs(a), a fraction,
        missing where a is 0: above 0 is always more). A group without rows in one period had
        no activity: its sums are 0 there, its ratios missing.

    Warns
    -----
    PeriodWarning
        When vCPM results of before and after 2026-01-01 are compared: Amazon attributes views by
        another model since.

    Raises
    ------
    InvalidRequest
        When the frame has no row in a period, or a column is missing.
    """
    df = drop_total_row(validate_frame(df))
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    requested = [metrics] if isinstance(metrics, str) else metrics
    rows_a = _filter_period(df, period_a, "period_a")
    rows_b = _filter_period(df, period_b, "period_b")
    both = pd.concat([rows_a, rows_b])
    both.attrs = dict(df.attrs)
    if "currency" not in keys:
        ensure_single_currency(both, group_rows(both, keys, None))
    custom = custom_metrics(df, requested or ())
    summary_a = summarize_rows(rows_a, keys, None, custom)
    summary_b = summarize_rows(rows_b, keys, None, custom)
    shared = [str(name) for name in summary_a if name in summary_b and name not in keys]
    comparable = [name for name in shared if is_numeric_measure(summary_a, name)]
    if requested is not None:
        comparable = _validate_metrics(requested, df, comparable)
    _warn_of_broken_metrics(both, comparable)
    joined = _join_periods(summary_a, summary_b, keys, comparable)
    labels = [name for name in label_columns(keys) if name in shared]
    result = _attach_labels(joined[keys], summary_a, summary_b, keys, labels)
    for name in comparable:
        _add_changes(result, name, joined)
    result.attrs = dict(df.attrs)
    return result


def _warn_of_broken_metrics(both: pd.DataFrame, metrics: Sequence[str]) -> None:
    """Warn when metrics of the rows of both periods are counted by two models."""
    broken = find_broken_metrics(both, metrics)
    if broken:
        names = ", ".join(broken)
        warn_user(
            f"from {VIEW_ATTRIBUTION_CHANGED} on Amazon attributes results of vCPM campaigns to "
            f"views by another model, and the periods have days of both: {names} may differ for "
            "that reason alone. Results by click (attributed...) can be compared",
            PeriodWarning,
        )


def _filter_period(
    df: pd.DataFrame, period: tuple[DateLike, DateLike], parameter: str
) -> pd.DataFrame:
    """Return the rows of a period, both ends included."""
    is_sequence = isinstance(period, Sequence) and not isinstance(period, str)
    if not is_sequence or len(period) != 2:
        raise InvalidRequest(f"{parameter} must be a pair of days (first, last), got {period!r}")
    first = parse_day(parameter, period[0])
    last = parse_day(parameter, period[1])
    validate_columns(df, ["date"])
    is_begun = df["date"] >= pd.Timestamp(first)
    is_over = df["date"] > pd.Timestamp(last)
    rows = df[is_begun & ~is_over]
    if rows.empty:
        raise InvalidRequest(f"the frame has no row from {first} to {last} ({parameter})")
    return rows


def _validate_metrics(
    requested: Sequence[str], df: pd.DataFrame, comparable: Sequence[str]
) -> list[str]:
    for name in requested:
        if name not in comparable:
            raise missing_metric_error(df, name)
    return list(requested)


def _join_periods(
    summary_a: pd.DataFrame,
    summary_b: pd.DataFrame,
    keys: Sequence[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """Return a row per group of either period, with each metric as ``_a`` and ``_b``."""
    columns = [*keys, *metrics]
    left, right = summary_a[columns], summary_b[columns]
    if not keys:
        return left.add_suffix("_a").join(right.add_suffix("_b"))
    joined = left.merge(
        right, on=list(keys), how="outer", suffixes=("_a", "_b"), indicator="_period"
    )
    is_absent_a = joined["_period"] == "right_only"
    is_absent_b = joined["_period"] == "left_only"
    for name in metrics:
        if is_additive(name):  # a group without rows had no activity; missing values stay
            joined[f"{name}_a"] = joined[f"{name}_a"].mask(is_absent_a, 0)
            joined[f"{name}_b"] = joined[f"{name}_b"].mask(is_absent_b, 0)
    return joined


def _attach_labels(
    groups: pd.DataFrame,
    summary_a: pd.DataFrame,
    summary_b: pd.DataFrame,
    keys: Sequence[str],
    labels: Sequence[str],
) -> pd.DataFrame:
    """Return the groups with their names: the later period's, where it has them."""
    if not labels:
        return groups.copy()
    columns = [*keys, *labels]
    described = pd.concat([summary_a[columns], summary_b[columns]])
    latest = described.drop_duplicates(list(keys), keep="last")
    return groups.merge(latest, on=list(keys), how="left")


def _add_changes(result: pd.DataFrame, metric: str, joined: pd.DataFrame) -> None:
    """Add the columns of a metric: both periods, and the change between them."""
    before, after = joined[f"{metric}_a"], joined[f"{metric}_b"]
    change = after - before
    result[f"{metric}_a"] = before
    result[f"{metric}_b"] = after
    result[f"{metric}_change"] = change
    result[f"{metric}_change_share"] = safe_divide(change, before.abs())
