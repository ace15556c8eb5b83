"""Recommendations: which groups to cut, keep or scale, by what is known of their ACOS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import select_input_columns
from sdanalytics.analysis.cost_types import (
    WITHOUT_COST_TYPE,
    describe_missing_cost_types,
    read_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.decisions import (
    CUT,
    WAIT,
    Odds,
    count_needed_orders,
    decide,
    find_cut_bar,
)
from sdanalytics.analysis.final_curve import FinalLike, resolve_curve
from sdanalytics.analysis.group_labels import label_columns
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.order_evidence import CAMPAIGN_KEYS, OrderEvidence, gather_evidence
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.analysis.sales_forecast import ExpectedSales, count_empty_by_chance, expect_sales
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_group_keys,
    validate_frame,
    validate_level,
    warn_of_unknown_currency,
)
from sdanalytics.errors import InvalidRequest

RECOMMENDED: Final = "recommended"
"""The entry of the metadata about recommendations."""
_METRICS: Final = ("cost", "clicks", "viewImpressions", "orders", "sales")
_MIN_TARGET: Final = 1e-6
"""Of either kind: less is no target, and its reciprocal may be too large for a number."""
_MAX_ACOS: Final = 1.0
_MAX_ROAS: Final = 100.0
_VIEWS_OF_EXPOSURE: Final = 1000
_MAX_COUNT: Final = 10**15
_REPORTED: Final = ("cost", "orders", "sales", "acos")


def recommend(
    df: pd.DataFrame,
    *,
    target_acos: float | None = None,
    target_roas: float | None = None,
    by: str | Sequence[str] = "targetId",
    level: float = 0.9,
    final: FinalLike = None,
) -> pd.DataFrame:
    """Recommend which targets, campaigns or the like to cut, keep or scale.

    It says where the ACOS is above a target, and how sure that is. What other bids or budgets would
    bring is not in reports, and is not said: to scale is to try.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, of one currency, with cost, clicks, orders, sales and, for vCPM
        campaigns, viewable impressions. The more days it has, the more is decided.
    target_acos : float, optional
        A fraction: 0.3 for 30 %. Exactly one of the two targets must be given.
    target_roas : float, optional
        A ratio: 4 for sales of four times the cost.
    by : str or sequence of str
        The columns whose values are judged. A group may be in one campaign, as targets are, or in
        several.
    level : float
        How sure a cut or scale must be, as a fraction.
    final : pandas.DataFrame or bool, optional
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
        Clicks of young days then count by the share of their orders that has come, so that no
        target is cut for orders that are still to come. Without it, leave out the last two weeks.

    Returns
    -------
    pandas.DataFrame
        A row for each group, the largest waste first:

        - the columns of `by`, and the names that describe them
        - `cost`, `orders`, `sales`, `acos`: as reported
        - `expected_sales` (float64, currency): final sales that such a group has in the long run,
          for what it cost
        - `p_above_target` (float64, a fraction): the probability that the ACOS is above the target
        - `action` (category): ``cut``, ``keep``, ``scale``, ``wait``; see the notes
        - `waste` (float64, currency): the cost that is above the target by `expected_sales`,
          max(0, cost - target ACOS x expected sales), not only of cuts
        - `clicks_needed`, `views_needed` (Int64): for ``wait``, about how many more clicks (CPC) or
          viewable impressions (vCPM) it takes to decide; missing for others, and for groups of both
          cost types

        ``attrs["sdanalytics"]["recommended"]`` has `target_acos`, `level`, `is_final`;
        `cut_above`, the probability from which on groups are cut, their number `cuts`, and
        `wrong_cuts_expected`; `zero_order_rows`, the number of groups that were clicked or viewed
        and have no order, and `zero_order_rows_by_chance`, how many there would be if all groups
        of a campaign were alike: only what is more than that can be waste; the `dispersion` of
        orders (see `summarize`), and `rows_left_out`, which lack a part.

    Warns
    -----
    CostTypeWarning
        When rows without a cost type are counted by click.

    Raises
    ------
    InvalidRequest
        When not exactly one target is given, or it is out of range (30 for 30 %), a column is
        missing, no row has an order, or money is of several currencies; with `final`, as
        `summarize`.

    Notes
    -----
    Of one target with 40 clicks little is known, but more of the targets of its campaign. So the
    orders by click (CPC) or by 1,000 viewable impressions (vCPM) of a group are shrunken towards
    those of its campaign, and these towards those of the cost type, as far as groups are alike: the
    Gamma-Poisson model of empirical Bayes (`sdanalytics.analysis.shrinkage`). Days that differ more
    than chance makes them let orders count as fewer, by their dispersion. Orders are worth the
    average of their campaign, shrunken likewise. Sales then have a Gamma distribution, whose part
    below cost / target ACOS is `p_above_target`.

    - ``cut``: `p_above_target` is at least `cut_above`, which the rule of Benjamini and Hochberg
      raises above `level` where many groups are judged. Held is the expected share of cuts that are
      wrong, of groups with a long-run ACOS at or below the target: below 1 - level, if the model is
      right. `wrong_cuts_expected` is their number. How many groups above the target are missed is
      not held.
    - ``scale``: `p_above_target` is below 1 - level, row by row, without that rule.
    - ``keep``: neither, and the central interval of the ACOS at this level is within the target by
      1.25 and the target times 1.25: it is about at the target.
    - ``wait``: all others, and groups without cost, clicks or views, of which nothing is known
      (`p_above_target` is missing).

    It fails where a group's orders are worth something else than its campaign's, where conversion
    has changed within the frame (incidents, stock), and where orders come after views of another
    group. The ACOS is that of attributed sales: whether they would have come anyway is not in
    reports either.
    """
    df = drop_total_row(validate_frame(df))
    level = validate_level(level)
    target = parse_target(target_acos, target_roas)
    warn_of_unknown_currency(df)
    keys = parse_group_keys(df, by)
    if not keys:
        raise InvalidRequest("by must name at least one column to judge, such as 'targetId'")
    curve = resolve_curve(final, df)
    curve_keys = []
    if curve is not None:
        curve_keys = curve.keys.columns.tolist()
    rows = _select_rows(df, [*keys, *curve_keys])
    note = describe_missing_cost_types(rows, _METRICS)
    warn_of_missing_cost_types(note)
    evidence = gather_evidence(rows, keys, curve)
    if len(rows) > evidence.left_out:
        _ensure_orders(evidence)
    judged = _judge_groups(evidence, target, level)
    result = _tabulate(rows, keys, judged)
    result.attrs = dict(df.attrs)
    about = _describe_judgement(evidence, judged, result)
    about["target_acos"] = target
    about["level"] = level
    about["is_final"] = curve is not None
    notes = {} if note is None else {WITHOUT_COST_TYPE: note}
    update_metadata(result, **{RECOMMENDED: about}, **notes)
    return result


class _Judgement(NamedTuple):
    """Expected sales, their odds and the decisions, in the order of the groups."""

    sales: ExpectedSales
    odds: Odds
    cut_above: float
    columns: dict[str, Any]


def parse_target(acos: Any, roas: Any) -> float:
    """Return the target as an ACOS.

    Raises
    ------
    InvalidRequest
        When not exactly one is given, or it is out of range.
    """
    if (acos is None) == (roas is None):
        raise InvalidRequest(
            "exactly one target must be given: target_acos=0.3, or target_roas=4; got "
            f"target_acos={acos!r} and target_roas={roas!r}"
        )
    if roas is None:
        if not isinstance(acos, int | float) or not _MIN_TARGET <= acos <= _MAX_ACOS:
            raise InvalidRequest(
                f"target_acos must be a fraction, 0.3 for 30 %, got {acos!r}: above 100 % give "
                "target_roas, such as 0.8 for sales of 80 % of the cost"
            )
        return float(acos)
    if not isinstance(roas, int | float) or not _MIN_TARGET <= roas <= _MAX_ROAS:
        raise InvalidRequest(
            "target_roas must be a ratio above 0, 4 for sales of four times the cost (not 400 for "
            f"400 %), got {roas!r}"
        )
    return 1 / float(roas)


def _select_rows(df: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return the columns that are needed, or raise an error that says which to fetch."""
    labels = label_columns(keys)
    kept = [*keys, *labels, *CAMPAIGN_KEYS, "costType"]
    rows = select_input_columns(df, _METRICS, kept)
    ensure_single_currency(rows, group_rows(rows, []))
    completed = add_conversions(rows)
    needed = [name for name in _METRICS if name != "viewImpressions"]
    if read_cost_types(rows).is_vcpm.any():
        needed.append("viewImpressions")
    for name in needed:
        if name not in completed:
            raise missing_metric_error(df, name)
    return rows


def _ensure_orders(evidence: OrderEvidence) -> None:
    """Raise `InvalidRequest` when nothing tells what an order is worth."""
    has_orders = evidence.sums["orders"] > 0
    if not has_orders.any():
        raise InvalidRequest(
            "no row has an order, so nothing tells what one is worth: pass more days, or more "
            "campaigns"
        )


def _judge_groups(evidence: OrderEvidence, target: float, level: float) -> _Judgement:
    """Return what is to be done about each group."""
    sales = expect_sales(evidence)
    has_cost = sales.costs > 0
    costs = np.where(has_cost, sales.costs, np.nan)
    allowed = target * sales.means
    ratios = divide(costs, allowed)
    odds = Odds(ratios, sales.shapes, level)
    above = odds.above
    bar = find_cut_bar(above, level)
    actions = decide(odds, bar)
    columns: dict[str, Any] = {
        "expected_sales": sales.means,
        "p_above_target": above,
        "action": actions,
        "waste": np.maximum(sales.costs - allowed, 0.0),
    }
    needed = count_needed_orders(odds, bar)
    orders = evidence.dispersion.value * needed
    exposure = orders * divide(sales.exposure, sales.orders)
    exposure[actions != WAIT] = np.nan
    columns |= _split_exposure(evidence, exposure)
    return _Judgement(sales, odds, bar, columns)


def _split_exposure(evidence: OrderEvidence, exposure: Any) -> dict[str, Any]:
    """Return exposure as clicks of CPC groups and views of vCPM groups."""
    vcpm_cells = evidence.add_up(evidence.is_vcpm)
    cpc_cells = evidence.add_up(~evidence.is_vcpm)
    has_vcpm = vcpm_cells > 0
    has_cpc = cpc_cells > 0
    clicks = np.where(has_vcpm, np.nan, exposure)
    thousands = np.where(has_cpc, np.nan, exposure)
    views = _VIEWS_OF_EXPOSURE * thousands
    return {
        "clicks_needed": _count_up(clicks),
        "views_needed": _count_up(views),
    }


def _count_up(values: Any) -> Any:
    """Return numbers as whole ones, rounded up; missing where they are missing."""
    rounded = np.ceil(values)
    is_missing = ~np.isfinite(rounded)
    largest = np.minimum(rounded, _MAX_COUNT)
    counts = np.where(is_missing, 0, largest)
    return pd.arrays.IntegerArray(counts.astype("int64"), is_missing)


def _tabulate(rows: pd.DataFrame, keys: Sequence[str], judged: _Judgement) -> pd.DataFrame:
    """Return groups with their names, what was reported, and what is to be done."""
    summary = summarize_rows(rows, keys)
    columns: dict[str, Any] = {}
    for name in summary.columns.tolist():
        is_described = not metric_unit(name) and name != "currency"
        if name in keys or is_described:
            columns[name] = summary[name].array
    for name in _REPORTED:
        columns[name] = summary[name].array
    table = pd.DataFrame(columns | judged.columns)
    waste = np.nan_to_num(judged.columns["waste"])
    costs = judged.sales.costs
    order = np.lexsort((-costs, -waste))
    return table.take(order).reset_index(drop=True)


def _describe_judgement(
    evidence: OrderEvidence, judged: _Judgement, table: pd.DataFrame
) -> dict[str, Any]:
    """Return the entries of the metadata about the decisions as a whole."""
    cuts = table[table["action"] == CUT]
    errors = 1 - cuts["p_above_target"]
    has_exposure = judged.sales.exposure > 0
    orders = evidence.add_up(evidence.sums["orders"])
    is_empty = has_exposure & (orders == 0)
    return {
        "cut_above": judged.cut_above,
        "cuts": len(cuts),
        "wrong_cuts_expected": float(errors.sum()),
        "zero_order_rows": int(is_empty.sum()),
        "zero_order_rows_by_chance": count_empty_by_chance(evidence),
        "dispersion": evidence.dispersion.value,
        "rows_left_out": evidence.left_out,
    }
