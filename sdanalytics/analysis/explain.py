"""Explanation of a change between two periods: which groups, or which factors, it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sdanalytics.analysis.aggregate import select_input_columns
from sdanalytics.analysis.attribution_break import find_broken_metrics
from sdanalytics.analysis.cost_types import (
    WITHOUT_COST_TYPE,
    describe_missing_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.explanation import EXPLAINED, Explanation
from sdanalytics.analysis.factor_contributions import ensure_cost_types, explain_by_factors
from sdanalytics.analysis.factors import list_factor_columns
from sdanalytics.analysis.final_columns import select_immature
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.final_rows import expect_final_rows
from sdanalytics.analysis.group_contributions import explain_by_groups
from sdanalytics.analysis.group_labels import label_columns
from sdanalytics.analysis.group_summary import ROWS_LEFT_OUT
from sdanalytics.analysis.immature import warn_of_immature_results
from sdanalytics.analysis.kpi_definitions import is_made_of_money, metric_unit
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.periods import (
    describe_period,
    parse_period,
    select_period,
    select_periods,
    warn_of_broken_metrics,
    warn_of_periods,
)
from sdanalytics.analysis.ratios import look_up_ratio
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.analysis.share_table import ShareTable, find_curve_metric
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_group_keys,
    validate_frame,
    warn_of_unknown_currency,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.model.query import DateLike


def explain(
    df: pd.DataFrame,
    period_a: tuple[DateLike, DateLike],
    period_b: tuple[DateLike, DateLike],
    *,
    metric: str = "acos",
    by: str | Sequence[str] | None = "campaignName",
    final: FinalLike = None,
) -> pd.DataFrame:
    """Explain how a metric changed between two periods: by contributions that add up exactly.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, with the days of both.
    period_a, period_b : tuple of two days
        As in `compare`.
    metric : str
        A sum or a ratio of sums: any KPI or metric that `compare` has, except budgets and reach.
    by : str or sequence of str, optional
        The columns whose values are made answerable; None: the factors of the metric.
    final : pandas.DataFrame or bool, optional
        As in `compare`: explains the change of what the metric is expected to be, so that
        conversions that are still arriving are not told as a fall of every group. Metrics that
        have no final numbers in `summarize` are explained as they were reported.

    Returns
    -------
    pandas.DataFrame
        By columns: those of `by` and the names that describe them; `<metric>_a` and `<metric>_b`
        (the group's own, missing where it has none); `contribution`, and for ratios the two parts
        of it, `rate` and `mix`. The largest contribution comes first. All are float64, in the
        unit of the metric (fractions of 1, the profile's currency). With `final` also
        `<metric>_final_a` and `<metric>_final_b`, of which the contributions then are.

        By factors (of `clicks`, `cost`, `orders`, `sales`, `cpa`, `acos`, `roas`): `costType`
        (category), `factor` (str), `value_a`, `value_b`, `contribution` (float64).

        The contributions add up to the metric's change over all rows, which
        ``attrs["sdanalytics"]["explained"]`` has (`metric`, `unit`, `by`, `total_a`, `total_b`,
        `is_final`: whether of expected final numbers).
        `period_a`, `period_b` and `rows_left_out` are those of `compare` and `summarize`.

    Warns
    -----
    PeriodWarning, ImmatureWarning, CostTypeWarning
        As `compare`.

    Raises
    ------
    InvalidRequest
        When a period has no row, a column is missing, money is of several currencies, the metric
        does not add up (`campaignBudget`) or has no factors, or has no value in a period, as ACOS
        without any sales; the message says what to explain instead. With `final` as in `compare`.

    Notes
    -----
    A group contributes (Δn - R̄ Δd) / D̄ to a ratio: the changes of its numerator and denominator,
    with the means of both periods' ratios and denominators over all groups. For ACOS it is the
    change of the group's cost, less what the change of its sales may cost at the account's ACOS. A
    group that does not change contributes 0; of groups that all grow alike, those better and those
    worse than the account cancel out. `rate` is what the change of the group's own ratio makes,
    `mix` what that of its size makes (Bennet, 1920). A group that begins or ends, or lacks the
    ratio in a period, is mix. Values that are missing count as nothing, as in sums; negative ones
    (sales that were cancelled) count as they are.

    Factors are told apart by the logarithmic mean Divisia index, LMDI-I (Ang, Energy Policy 32,
    2004, and 33, 2005), within each cost type: ``sales = impressions x ctr x cvr x aov`` and
    ``cost = clicks x cpc`` for CPC, ``sales = viewImpressions x purchase_rate x aov`` and ``cost =
    viewImpressions x vcpm`` for vCPM; of a ratio of both cost types there is also `share`, a row
    without cost type: how the denominator divides between them. Nothing depends on an order of the
    factors. One that is 0 in a period has all of the change of its cost type (Wood and Lenzen,
    Energy Policy 34, 2006). Sums below 0 have no factors.

    Both say where a change is, not what caused it.
    """
    df = drop_total_row(validate_frame(df))
    _validate_metric(metric)
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    periods = parse_period(period_a, "period_a"), parse_period(period_b, "period_b")
    curve = _select_curve(resolve_curve(final, df), metric)
    both = select_periods(df, periods)
    warn_of_periods(df, *periods)
    used = [metric] if keys else [metric, *list_factor_columns(metric)]
    kept = [*keys, *label_columns(keys), "costType"]
    if curve is not None:
        kept += curve.keys.columns.tolist()
    rows = select_input_columns(both, used, kept)
    if is_made_of_money(metric):
        ensure_single_currency(rows, group_rows(rows, []))
    note = describe_missing_cost_types(rows, used)
    warn_of_missing_cost_types(note)
    warn_of_broken_metrics(rows, used)
    if curve is None:
        warn_of_immature_results(df, periods, [metric])
    parts = [select_period(rows, period) for period in periods]
    explanation = _explain_parts(parts, keys, metric, curve)
    result = _sort_by_size(explanation.table)
    result.attrs = dict(df.attrs)
    entries = {period.name: describe_period(both, period) for period in periods}
    entries |= _describe_result(explanation, rows, metric, keys)
    entries[EXPLAINED]["is_final"] = curve is not None
    if note is not None:
        entries[WITHOUT_COST_TYPE] = note
    update_metadata(result, **entries)
    return result


def _select_curve(curve: ShareTable | None, metric: str) -> ShareTable | None:
    """Return the curve if it makes final numbers of a metric, as `summarize` has them."""
    if curve is None or not select_immature([metric]):
        return None
    ratio = look_up_ratio(metric)
    parts = [metric]
    if ratio is not None:
        parts = [ratio.numerator, ratio.denominator]
    for part in parts:
        if find_curve_metric(part) not in curve.shares:
            return None
    return curve


def _explain_parts(
    parts: Sequence[pd.DataFrame], keys: Sequence[str], metric: str, curve: ShareTable | None
) -> Explanation:
    """Return the explanation of the rows of two periods, or of what they are expected to be."""
    finals = []
    if curve is not None:
        finals = [expect_final_rows(part, curve).expected for part in parts]
    if not keys:
        ensure_cost_types(parts, metric)
        return explain_by_factors(finals or parts, metric)
    reported = explain_by_groups(parts, keys, metric)
    if not finals:
        return reported
    expected = explain_by_groups(finals, keys, metric)
    return expected._replace(table=_put_reported_beside(reported.table, expected.table, metric))


def _put_reported_beside(
    reported: pd.DataFrame, expected: pd.DataFrame, metric: str
) -> pd.DataFrame:
    """Return an explanation of expected numbers with those that were reported."""
    columns: dict[str, Any] = {}
    for name in expected.columns.tolist():
        if name == f"{metric}_a":
            columns |= {f"{metric}_{side}": reported[f"{metric}_{side}"] for side in "ab"}
            columns |= {f"{metric}_final_{side}": expected[f"{metric}_{side}"] for side in "ab"}
        elif name != f"{metric}_b":
            columns[name] = expected[name]
    return pd.DataFrame(columns)


def _validate_metric(metric: object) -> None:
    if not isinstance(metric, str):
        raise InvalidRequest(f"metric must be one name such as 'acos', got {metric!r}")
    if metric in NON_ADDITIVE:
        raise InvalidRequest(
            f"{metric} does not add up over rows, so that nothing contributes to it: see how it "
            "changed with compare(df, period_a, period_b, by='campaignId')"
        )


def _sort_by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Return contributions with the largest first, whatever their sign."""
    sizes = -table["contribution"].abs()
    order = sizes.argsort(kind="stable")
    return table.take(order.to_numpy()).reset_index(drop=True)


def _describe_result(
    explanation: Explanation, rows: pd.DataFrame, metric: str, keys: Sequence[str]
) -> dict[str, Any]:
    """Return the entries of the metadata about what is explained; figures depend on them."""
    explained = {
        "metric": metric,
        "unit": metric_unit(metric),
        "by": list(keys),
        "total_a": explanation.total_a,
        "total_b": explanation.total_b,
        "is_broken": bool(find_broken_metrics(rows, [metric])),
    }
    entries: dict[str, Any] = {EXPLAINED: explained}
    if explanation.left_out:
        entries[ROWS_LEFT_OUT] = {metric: explanation.left_out}
    if "currency" in rows:
        currencies = rows["currency"].dropna()
        if len(currencies) and is_made_of_money(metric):
            entries["currency"] = str(currencies.iloc[0])
    return entries
