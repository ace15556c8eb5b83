"""Units of the columns of any frame, and what their names mean."""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd

from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.final_columns import MATURITY_COLUMN
from sdanalytics.analysis.kpi_definitions import (
    CONVERSION_METRICS,
    KPIS,
    metric_unit,
    remove_suffix,
)
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.share_table import MATURITY
from sdanalytics.model.metrics import CATALOGUE

_CHANGE_SHARE: Final = "_change_share"
_ENDINGS: Final = {
    "_a": "in period a",
    "_b": "in period b",
    _CHANGE_SHARE: "change from a to b, by the value in a",
    "_change": "change from a to b",
    "_low": "lower bound",
    "_high": "upper bound",
    "_final": "expected when no more conversions arrive",
}
"""The ends of names that summaries and comparisons make, and what they mean."""
_CONTRIBUTIONS: Final = {
    "contribution": "part of the change from a to b that comes from here",
    "rate": "part of the contribution that comes from the own ratio",
    "mix": "part of the contribution that comes from the own size",
}
"""The columns of `explain` that are in the unit of what is explained."""
_OTHER_UNITS: Final = {
    MATURITY_COLUMN: "fraction",
    "expected_sales": "currency",
    "p_above_target": "fraction",
    "waste": "currency",
    "clicks_needed": "count",
    "views_needed": "count",
    "cost_forecast": "currency",
    "daily_rate": "currency",
    "daily_budget": "currency",
    "budget": "currency",
    "budget_share": "fraction",
}
"""Units of what `recommend` and `pacing` add."""
_CURVE_SHARES: Final = ("share", "share_low", "share_high")
_OTHER_MEANINGS: Final = {
    "date": "day in the time zone of the profile; of weeks and longer the day that names them",
    "days": "days of which there are rows",
    "is_whole": "whether there are rows of all days",
    "profile_id": "the profile: an advertiser in a marketplace",
    "accountName": "the account of the profile",
    "countryCode": "the marketplace of the profile",
    "tactic": "T00020: contextual targeting, T00030: audiences",
    MATURITY_COLUMN: "share of the final orders that had come when the days were fetched",
    "expected_sales": "final sales that such a group has in the long run, for what it cost",
    "p_above_target": "probability that the ACOS is above the target",
    "action": "cut, keep, scale, or wait until more is known",
    "waste": "cost above the target, by the expected sales",
    "clicks_needed": "about how many more clicks it takes to decide",
    "views_needed": "about how many more viewable impressions it takes to decide",
    "days_with_cost": "days of the month on which it cost something",
    "daily_rate": "expected cost of an average day from now on",
    "cost_forecast": "cost of the month at its end",
    "daily_budget": "latest daily budget",
    "budget": "sum of the daily budgets of the month",
    "budget_share": "forecast of the cost by the budget",
    "days_at_budget": "whole days that cost at least 95 % of their budget",
}


class ColumnUnit(NamedTuple):
    """The unit of a column.

    Attributes
    ----------
    metric : str
        The metric that it is of, or a change or bound of; empty for a column of another kind.
    unit : str
        ``count``, ``currency``, ``fraction``, ``ratio``; empty if it has none that is known.
    is_change : bool
        Whether values are differences, so that their sign says something.
    """

    metric: str
    unit: str
    is_change: bool = False


def find_unit(df: pd.DataFrame, name: str) -> ColumnUnit:
    """Return the unit of a column of a frame, also of what `compare` and `explain` add."""
    metadata = frame_metadata(df)
    explained = metadata.get(EXPLAINED)
    if explained and name in _CONTRIBUTIONS:
        return ColumnUnit(explained["metric"], explained["unit"], is_change=True)
    if MATURITY in metadata and name in _CURVE_SHARES:
        return ColumnUnit("", "fraction")
    metric, ending = split_name(name)
    unit = column_unit(name)
    return ColumnUnit(metric if unit else "", unit, is_change="_change" in ending)


def column_unit(name: str) -> str:
    """Return the unit of a column by its name alone: of metrics, and of what is made of them."""
    metric, ending = split_name(name)
    unit = _base_unit(metric)
    if unit and ending.endswith(_CHANGE_SHARE):
        return "fraction"
    return unit


def split_name(name: str) -> tuple[str, str]:
    """Return the metric that a column is of, and the rest of its name; else the name as it is."""
    metric = name
    while not _base_unit(metric):
        shorter = _remove_ending(metric)
        if shorter == metric:
            return name, ""
        metric = shorter
    metric = remove_suffix(metric)
    return metric, name.removeprefix(metric)


def describe_column(name: str) -> str:
    """Return what a column means, in a few words; empty if nothing is known about it."""
    if name in _CONTRIBUTIONS:
        return _CONTRIBUTIONS[name]
    metric, ending = split_name(name)
    words = []
    while ending:
        shorter = _remove_ending(ending)
        last = ending.removeprefix(shorter)
        words.append(_ENDINGS[last])
        ending = shorter
    words.append(_explain_metric(metric))
    words.reverse()
    return "; ".join(filter(None, words))


def _base_unit(name: str) -> str:
    return metric_unit(name) or _OTHER_UNITS.get(name, "")


def _remove_ending(name: str) -> str:
    for ending in _ENDINGS:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def _explain_metric(metric: str) -> str:
    if metric in KPIS:
        kpi = KPIS[metric]
        formula = f"{kpi.numerator} / {kpi.denominator}"
        if kpi.factor != 1:
            formula = f"{kpi.factor:,} × {formula}"
        return f"{kpi.meaning}: {formula}"
    if metric in CONVERSION_METRICS:
        by_click, by_view = CONVERSION_METRICS[metric]
        return f"{by_click} of CPC campaigns, {by_view} of vCPM campaigns"
    if metric in CATALOGUE:
        return CATALOGUE[metric].meaning
    return _OTHER_MEANINGS.get(metric, "")
