"""`OrderEvidence`: what rows tell of the orders of groups, by campaign and cost type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.dispersion import Dispersion, estimate_dispersion, number_days
from sdanalytics.analysis.final_rows import FinalRows, expect_final_rows
from sdanalytics.analysis.order_values import estimate_spread
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.row_groups import (
    BoolArray,
    CodePairs,
    FloatArray,
    IntArray,
    group_rows,
    pair_codes,
)
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.errors import InvalidRequest

CAMPAIGN_KEYS: Final = ("campaignId", "campaignName")
"""The columns that tell campaigns apart: the first that a frame has."""
_SHARE_METRICS: Final = ("orders", "units", "sales")
"""The metrics by whose shares orders arrive: the first that a curve has."""
_VIEWS: Final = 1000
"""Viewable impressions of a unit of exposure, for vCPM."""


@dataclass(frozen=True)
class OrderEvidence:
    """Sums of cells: the rows of a group, a campaign and a cost type.

    Attributes
    ----------
    groups, campaigns : numpy.ndarray of int64
        Of each cell, the number of its group, and that of its campaign and cost type.
    group_count, campaign_count : int
    is_vcpm : numpy.ndarray of bool
        Of each cell.
    is_vcpm_campaign : numpy.ndarray of bool
        Of each campaign and cost type.
    sums : dict of str to numpy.ndarray of float64
        By cell: `orders` so far, the `exposure` by which they have come (clicks for CPC, 1,000
        viewable impressions for vCPM, times the share of orders that is known at their age), and
        what is expected to be final: `final_exposure`, `cost`, `final_orders`, `sales`.
    spread : numpy.ndarray of float64
        Of each campaign and cost type, the squared coefficient of variation of order values.
    dispersion : Dispersion
        Of orders.
    left_out : int
        Rows that lack a part, and with a curve those of days that had not ended.
    """

    groups: IntArray
    campaigns: IntArray
    group_count: int
    campaign_count: int
    is_vcpm: BoolArray
    is_vcpm_campaign: BoolArray
    sums: dict[str, Any]
    spread: Any
    dispersion: Dispersion
    left_out: int

    def add_up(self, values: Any) -> Any:
        """Return the sums by group of values of the cells."""
        sums = np.bincount(
            self.groups,
            weights=values,
            minlength=self.group_count,
        )
        return sums.astype("float64")  # without cells they are whole numbers

    def add_up_campaigns(self, name: str) -> Any:
        """Return a sum of the cells by campaign and cost type."""
        return np.bincount(
            self.campaigns,
            weights=self.sums[name],
            minlength=self.campaign_count,
        )


def gather_evidence(
    rows: pd.DataFrame, keys: Sequence[str], curve: ShareTable | None
) -> OrderEvidence:
    """Return what rows tell of the orders of groups, in the order of `summarize_rows`.

    Parameters
    ----------
    rows : pandas.DataFrame
        With cost, clicks, the metrics behind orders and sales, and viewable impressions if any are
        of vCPM campaigns.
    keys : sequence of str
        Columns to group by.
    curve : ShareTable or None
        By which young days are expected to get more orders.
    """
    is_vcpm = read_cost_types(rows).is_vcpm
    measures = _read_measures(rows, is_vcpm, curve)
    are_missing = np.isnan(list(measures.values()))
    lacks = are_missing.any(axis=0)
    used = {name: values[~lacks] for name, values in measures.items()}
    groups = group_rows(rows, keys)
    campaigns = _pair_with_cost_types(rows, is_vcpm)
    campaign_count = len(campaigns.left)
    cells = pair_codes(groups.codes, groups.count, campaigns.codes, campaign_count)
    used_codes = cells.codes[~lacks]
    used_campaigns = campaigns.codes[~lacks]
    days = number_days(rows)
    if days is not None:
        days = days[~lacks]
    is_vcpm_campaign = campaigns.right == 1
    return OrderEvidence(
        groups=cells.left,
        campaigns=cells.right,
        group_count=groups.count,
        campaign_count=campaign_count,
        is_vcpm=is_vcpm_campaign[cells.right],
        is_vcpm_campaign=is_vcpm_campaign,
        sums=_add_up_columns(used, used_codes, len(cells.left)),
        spread=_estimate_value_spread(used, used_campaigns, campaign_count),
        dispersion=_estimate_order_dispersion(used, used_campaigns, days),
        left_out=int(lacks.sum()),
    )


def _estimate_value_spread(measures: dict[str, Any], campaigns: IntArray, count: int) -> FloatArray:
    """Return the spread of order values, by campaign and cost type."""
    return estimate_spread(
        orders=measures["final_orders"],
        sales=measures["sales"],
        groups=campaigns,
        count=count,
    )


def _estimate_order_dispersion(
    measures: dict[str, Any], campaigns: IntArray, days: IntArray | None
) -> Dispersion:
    """Return the dispersion of orders over the days of campaigns."""
    return estimate_dispersion(
        events=measures["orders"],
        exposure=measures["exposure"],
        groups=campaigns,
        days=days,
        is_binomial=False,
    )


def _add_up_columns(columns: dict[str, Any], codes: IntArray, count: int) -> dict[str, Any]:
    """Return sums of columns by number."""
    sums = {}
    for name, values in columns.items():
        sums[name] = np.bincount(
            codes,
            weights=values,
            minlength=count,
        )
    return sums


def _pair_with_cost_types(rows: pd.DataFrame, is_vcpm: BoolArray) -> CodePairs:
    """Return campaigns by cost type; all rows are of one campaign if nothing tells them apart."""
    names = [name for name in CAMPAIGN_KEYS if name in rows]
    campaigns = group_rows(rows, names[:1])
    cost_types = is_vcpm.astype("int64")
    return pair_codes(campaigns.codes, campaigns.count, cost_types, 2)


def _read_measures(
    rows: pd.DataFrame, is_vcpm: BoolArray, curve: ShareTable | None
) -> dict[str, Any]:
    """Return the measures of each row, NaN where missing."""
    reported = add_conversions(rows)
    finals = reported
    shares: Any = 1.0
    if curve is not None:
        final_rows = expect_final_rows(rows, curve)
        finals = final_rows.expected
        shares = _find_order_shares(final_rows)
    exposure = to_floats(finals["clicks"].array)
    if is_vcpm.any():
        views = to_floats(finals["viewImpressions"].array)
        exposure = np.where(is_vcpm, views / _VIEWS, exposure)
    return {
        "orders": to_floats(reported["orders"].array),
        "exposure": exposure * shares,
        "final_exposure": exposure,
        "cost": to_floats(finals["cost"].array),
        "final_orders": to_floats(finals["orders"].array),
        "sales": to_floats(finals["sales"].array),
    }


def _find_order_shares(rows: FinalRows) -> Any:
    """Return the share of each row's final orders that is known at its age."""
    for metric in _SHARE_METRICS:
        if metric in rows.table.shares:
            table = rows.table.shares[metric]
            # Of a day that had not ended nobody knows which share has come: its row is left out.
            shares = np.where(rows.ages < 0, np.nan, 1.0)
            young = np.flatnonzero(rows.is_young)
            groups = rows.groups[young]
            ages = rows.ages[young]
            shares[young] = table[groups, ages]
            return shares
    raise InvalidRequest(
        "final must be a curve with the share of orders, got one without results: call maturity "
        "on a report that has them"
    )
