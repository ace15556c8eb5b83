"""Comparison of two periods: sums and KPIs side by side, and how they changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import custom_metrics, select_input_columns
from sdanalytics.analysis.column_arrays import take_arrays, to_floats
from sdanalytics.analysis.column_order import select_main_measures
from sdanalytics.analysis.comparison_columns import SIDES
from sdanalytics.analysis.cost_types import (
    WITHOUT_COST_TYPE,
    describe_missing_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.final_changes import compare_finals
from sdanalytics.analysis.final_columns import (
    FINAL_SUFFIXES,
    MATURITY_COLUMN,
    select_immature,
    summarize_final,
)
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.group_labels import label_columns
from sdanalytics.analysis.group_summary import ROWS_LEFT_OUT, has_measures, summarize_rows
from sdanalytics.analysis.immature import warn_of_immature_results
from sdanalytics.analysis.kpi_definitions import is_additive, is_numeric_measure
from sdanalytics.analysis.metadata import frame_metadata, update_metadata
from sdanalytics.analysis.missing_columns import missing_metric_error, no_measures_error
from sdanalytics.analysis.periods import (
    describe_period,
    parse_period,
    select_period,
    select_periods,
    warn_of_broken_metrics,
    warn_of_periods,
)
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import IntArray, group_rows
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    has_several_currencies,
    parse_group_keys,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.model.query import DateLike

_ROW: Final = "_row"


def compare(
    df: pd.DataFrame,
    period_a: tuple[DateLike, DateLike],
    period_b: tuple[DateLike, DateLike],
    *,
    by: str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    final: FinalLike = None,
    raw: bool = False,
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
        Sums and KPIs to compare; by default KPIs, results and the sums behind them.
    final : pandas.DataFrame or bool, optional
        As in `summarize`: a curve of `maturity`, or True. Young days have a part of their
        conversions only, so that without it the later period seems to be the worse one.
    raw : bool
        Whether to compare all that both periods have, Amazon's metrics of each kind included.

    Returns
    -------
    pandas.DataFrame
        The columns of `by` and the names that describe them, then of each metric `<metric>_a`,
        `<metric>_b`, `<metric>_change` (b - a) and `<metric>_change_share` ((b - a) / abs(a), a
        fraction, missing where a is 0: above 0 is always more). A group without rows in one
        period had no activity: its sums are 0 there, its ratios missing.
        With `final`, of results and their KPIs also `<metric>_final_a` and `<metric>_final_b`
        with `_final_low_a`, `_final_high_a` and so on, `<metric>_final_change`, its bounds
        `<metric>_final_change_low` and `..._high`, and `<metric>_final_change_share`; `maturity_a`
        and `maturity_b`; bounds are of 80 %.
        ``attrs["sdanalytics"]`` has `period_a` and `period_b`: `start`, `end`, `length` in days,
        and `days`, of how many of these the frame has rows.

    Warns
    -----
    PeriodWarning
        When the periods differ in length, overlap, or are swapped, or the frame lacks days of
        them: they are compared as asked. Also when vCPM results of before and after 2026-01-01
        are compared: Amazon attributes views by another model since.
    ImmatureWarning
        When conversions of a period were still arriving when they were fetched, without `final`;
        it tells which share has come, if the default cache has a history of the report.
    CostTypeWarning
        When rows without a cost type are counted by click.

    Raises
    ------
    InvalidRequest
        When the frame has no row in a period, or a column is missing; with `final` as in
        `summarize`.
    """
    df = drop_total_row(validate_frame(df))
    if not has_measures(df) and metrics is None:
        raise no_measures_error(df)
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    requested = [metrics] if isinstance(metrics, str) else metrics
    periods = parse_period(period_a, "period_a"), parse_period(period_b, "period_b")
    curve = resolve_curve(final, df)
    both = select_periods(df, periods)
    warn_of_periods(df, *periods)
    if "currency" not in keys and has_several_currencies(both):
        ensure_single_currency(both, group_rows(both, keys))
    notes = {period.name: describe_period(both, period) for period in periods}
    if requested is not None:
        both = _drop_unneeded(both, requested, keys, curve)
    custom = custom_metrics(both, requested or ())
    rows = [select_period(both, period) for period in periods]
    summaries = [summarize_rows(part, keys, custom=custom) for part in rows]
    comparable = _select_metrics(df, summaries, keys, requested, raw=raw)
    note = describe_missing_cost_types(both, comparable)
    warn_of_missing_cost_types(note)
    warn_of_broken_metrics(both, comparable)
    if curve is None:
        warn_of_immature_results(df, periods, comparable)
    finals = _summarize_finals(rows, comparable, keys, curve)
    result = _put_side_by_side(summaries, finals, keys=keys, metrics=comparable)
    result.attrs = dict(df.attrs)
    update_metadata(result, **notes, **_describe_rows(note, summaries))
    return result


def _drop_unneeded(
    df: pd.DataFrame, requested: Sequence[str], keys: Sequence[str], curve: ShareTable | None
) -> pd.DataFrame:
    """Drop the columns that neither the requested metrics nor their final numbers need."""
    kept = [*keys, *label_columns(keys), "costType"]
    needed = list(requested)
    if curve is not None:
        kept += curve.keys.columns.tolist()
        needed.append("orders")  # whose share that has come is maturity
    return select_input_columns(df, needed, kept)


def _summarize_finals(
    parts: Iterable[pd.DataFrame],
    metrics: Iterable[str],
    keys: Sequence[str],
    curve: ShareTable | None,
) -> list[pd.DataFrame]:
    """Return the final numbers of both periods; none without a curve."""
    if curve is None:
        return []
    immature = select_immature(metrics)
    return [summarize_final(part, immature, keys, curve) for part in parts]


def _describe_rows(
    note: dict[str, Any] | None, summaries: Sequence[pd.DataFrame]
) -> dict[str, object]:
    """Return the entries of the metadata about rows that count otherwise, or not at all."""
    entries: dict[str, object] = {}
    if note is not None:
        entries[WITHOUT_COST_TYPE] = note
    left_out: Counter[str] = Counter()
    for summary in summaries:
        left_out.update(frame_metadata(summary).get(ROWS_LEFT_OUT, {}))
    if left_out:
        entries[ROWS_LEFT_OUT] = dict(left_out)
    return entries


def _select_metrics(
    df: pd.DataFrame,
    summaries: Sequence[pd.DataFrame],
    keys: Sequence[str],
    requested: Sequence[str] | None,
    *,
    raw: bool,
) -> list[str]:
    """Return the metrics to compare, of those that both periods have."""
    first, second = summaries
    comparable = []
    for name in map(str, first):
        if name in second and name not in keys and is_numeric_measure(first, name):
            comparable.append(name)
    if requested is None:
        return comparable if raw else select_main_measures(comparable)
    for name in requested:
        if name not in comparable:
            raise missing_metric_error(df, name)
    return list(dict.fromkeys(requested))


def _put_side_by_side(
    summaries: Sequence[pd.DataFrame],
    finals: Sequence[pd.DataFrame],
    *,
    keys: Sequence[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """Return the groups of either period with their names, both values, and the changes."""
    summary_a, summary_b = summaries
    groups, rows_a, rows_b = _match_groups(summary_a, summary_b, keys)
    labels = [name for name in label_columns(keys) if name in summary_a and name in summary_b]
    groups = _attach_labels(groups, summary_a, summary_b, keys, labels)
    columns = take_arrays(groups, groups.columns.tolist())
    for number, final in enumerate(finals):
        column = _align(final[MATURITY_COLUMN], (rows_a, rows_b)[number])
        columns[f"{MATURITY_COLUMN}_{SIDES[number]}"] = column
    for name in metrics:
        absent = _value_without_rows(name)
        before = _align(summary_a[name], rows_a, absent)
        after = _align(summary_b[name], rows_b, absent)
        change = after - before
        share = divide(to_floats(change), np.abs(to_floats(before)))
        values = dict(zip(SIDES, (before, after, change, share), strict=True))
        if finals and f"{name}_final" in finals[0]:
            values |= _compare_final(name, finals, (rows_a, rows_b))
        columns |= {f"{name}_{side}": value for side, value in values.items()}
    return pd.DataFrame(columns, index=groups.index)


def _compare_final(
    name: str, finals: Sequence[pd.DataFrame], rows: Sequence[IntArray]
) -> dict[str, Any]:
    """Return the final numbers of a metric in both periods, by groups."""
    absent = _value_without_rows(name)
    sides = []
    for final, positions in zip(finals, rows, strict=True):
        bounded = []
        for suffix in FINAL_SUFFIXES:
            aligned = _align(final[f"{name}{suffix}"], positions, absent)
            bounded.append(to_floats(aligned))
        sides.append(tuple(bounded))
    return compare_finals(*sides)


def _match_groups(
    summary_a: pd.DataFrame, summary_b: pd.DataFrame, keys: Sequence[str]
) -> tuple[pd.DataFrame, IntArray, IntArray]:
    """Return the keys of the groups of either period, and their rows in both: -1 for none."""
    if not keys:
        only = np.zeros(1, dtype="int64")
        return pd.DataFrame(index=pd.RangeIndex(1)), only, only
    numbered = [
        summary[list(keys)].assign(**{_ROW: np.arange(len(summary))})
        for summary in (summary_a, summary_b)
    ]
    joined = numbered[0].merge(numbered[1], on=list(keys), how="outer", suffixes=("_a", "_b"))
    rows = [joined[f"{_ROW}{side}"].fillna(-1).to_numpy("int64") for side in ("_a", "_b")]
    return joined[list(keys)], rows[0], rows[1]


def _align(column: pd.Series[Any], rows: IntArray, absent: float | None = None) -> Any:
    """Return a column by groups, with a value for those without rows; missing values stay."""
    is_absent = rows < 0
    if not is_absent.any():
        return column.array.take(rows)
    aligned = column.reindex(rows)
    if absent is not None:
        aligned = aligned.mask(is_absent, absent)
    return aligned.array


def _value_without_rows(name: str) -> float | None:
    """Return the value of a metric where there was no activity: 0 for sums, none for ratios."""
    return 0 if is_additive(name) else None


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
