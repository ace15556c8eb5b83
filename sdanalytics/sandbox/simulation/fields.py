"""The fields of rows: labels, metrics that add up, and ratios of those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final

from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.sandbox.simulation.breakdowns import RowKey, RowSet
from sdanalytics.sandbox.simulation.registered import is_registered_metric, make_registered_value

LEFT_OUT: Final = object()
"""The value of a field that a row lacks."""
_REACH_SHARE: Final = 0.41
"""People reached, by impressions."""

_RATIOS: Final = {
    "vtr": ("viewImpressions", "impressions"),
    "vctr": ("clicks", "viewImpressions"),
    "addToCartRate": ("addToCart", "impressions"),
    "brandedSearchRate": ("viewAttributedBrandedSearches14d", "impressions"),
    "newToBrandDetailPageViewRate": ("newToBrandDetailPageViews", "impressions"),
    "invalidClickThroughRate": ("invalidClickThroughs", "grossClickThroughs"),
    "invalidImpressionRate": ("invalidImpressions", "grossImpressions"),
    "longTermROAS": ("longTermSales", "cost"),
}
_UNIT_COSTS: Final = {
    "eCPAddToCart": "addToCart",
    "eCPBrandSearch": "viewAttributedBrandedSearches14d",
    "newToBrandECPDetailPageView": "newToBrandDetailPageViews",
}
"""Costs of an event, by the metric that counts the events."""
_REACH: Final = ("cumulativeReach", "avgImpressionsFrequency")

_LABELS: Final = {
    "campaignId": "group.campaign_id",
    "campaignName": "group.campaign.name",
    "campaignBudget": "group.campaign.budget",
    "portfolioId": "group.portfolio_id",
    "costType": "group.campaign.cost_type",
    "currency": "group.advertiser.currency",
    "adGroupId": "group.id",
    "adGroupName": "group.name",
    "bidOptimization": "group.campaign.bid_optimization",
    "adId": "ad.id",
    "asin": "ad.asin",
    "sku": "ad.sku",
    "targetId": "target.id",
    "targetingExpression": "target.expression",
    "targetingText": "target.text",
    "targetingType": "target.type",
    "matchedTarget": "page",
    "otherAsin": "other",
}
"""Fields that describe a row, by attributes of its key."""
_STATES: Final = ("campaignStatus", "adKeywordStatus")
"""Fields that depend on the day, too."""


def render_columns(
    names: Iterable[str], rows: RowSet, day: date, decimals: int
) -> dict[str, list[Any]]:
    """Return fields of rows by their names, as the service writes them.

    A ratio without a denominator is None; whole amounts have no decimals; video metrics of
    campaigns without video are `LEFT_OUT`.
    """
    columns = {}
    for name in names:
        values = _render_metric(name, rows, decimals)
        if values is None:
            values = list_labels(name, rows.keys, day)
        columns[name] = values
    return columns


def none_if_left_out(value: Any) -> Any:
    """Return a value of a field; None for one that is left out."""
    if value is LEFT_OUT:
        return None
    return value


def list_labels(name: str, keys: Iterable[RowKey], day: date) -> list[Any]:
    """Return a field that describes rows, as it is on a day."""
    if name in _STATES:
        return [key.group.campaign.state(day) for key in keys]
    return list(map(attrgetter(_LABELS[name]), keys))


def list_summands(names: Iterable[str]) -> list[str]:
    """Return the metrics that add up, of which the metrics among these fields are made."""
    summands: dict[str, None] = {}
    for name in names:
        if name in _RATIOS:
            summands |= dict.fromkeys(_RATIOS[name])
        elif name in _UNIT_COSTS:
            summands |= dict.fromkeys(("cost", _UNIT_COSTS[name]))
        elif name in _REACH:
            summands["impressions"] = None
        elif is_registered_metric(name) and not CATALOGUE[name].is_summable:
            summands["clicks"] = None
        elif name in CATALOGUE and name not in _LABELS and name not in _STATES:
            summands[name] = None
    return list(summands)


def _render_metric(name: str, rows: RowSet, decimals: int) -> list[Any] | None:
    """Return a metric of rows; None: the field is not a metric."""
    if name in _RATIOS:
        numerator, denominator = _RATIOS[name]
        return render_ratio(rows.values(numerator), rows.values(denominator))
    if name in _UNIT_COSTS:
        events = rows.values(_UNIT_COSTS[name])
        return render_unit_costs(rows.values("cost"), events, decimals)
    if name in _REACH:
        return _render_reach(name, rows.values("impressions"))
    if name in rows.metrics:
        values = rows.values(name)
        if CATALOGUE[name].kind is ColumnKind.MONEY:
            return render_amounts(values, decimals)
        if name.startswith("video"):
            return _hide_video(values, rows.keys)
        return values
    if is_registered_metric(name):
        return [make_registered_value(name, clicks) for clicks in rows.values("clicks")]
    return None


def _hide_video(values: Sequence[int], keys: Iterable[RowKey]) -> list[Any]:
    shown: list[Any] = []
    for value, key in zip(values, keys, strict=True):
        campaign = key.group.campaign
        shown.append(value if campaign.video else LEFT_OUT)
    return shown


def render_amounts(values: Iterable[int], decimals: int) -> list[int | float]:
    """Return amounts of money, of amounts in the currency's smallest unit."""
    return [_to_amount(value, decimals) for value in values]


def render_ratio(numerators: Iterable[int], denominators: Iterable[int]) -> list[float | None]:
    """Return one number by another; None without a denominator."""
    pairs = zip(numerators, denominators, strict=True)
    return [_to_ratio(numerator, denominator) for numerator, denominator in pairs]


def render_unit_costs(
    costs: Iterable[int], events: Iterable[int], decimals: int
) -> list[int | float | None]:
    """Return the cost per event; None without an event."""
    rendered: list[int | float | None] = []
    for cost, count in zip(costs, events, strict=True):
        amount = None
        if count:
            amount = _to_amount(round(cost / count), decimals)
        rendered.append(amount)
    return rendered


def _render_reach(name: str, impressions: Sequence[int]) -> list[Any]:
    reach = [round(count * _REACH_SHARE) for count in impressions]
    if name == "cumulativeReach":
        return reach
    pairs = zip(impressions, reach, strict=True)
    return [_to_ratio(shown, people, digits=4) for shown, people in pairs]


def _to_ratio(numerator: int, denominator: int, digits: int = 6) -> float | None:
    if denominator == 0:
        return None
    return round(numerator / denominator, digits)


def _to_amount(value: int, decimals: int) -> int | float:
    """Return money as the service writes it: whole amounts without decimals."""
    minor_units: int = 10**decimals
    if value % minor_units:
        return value / minor_units
    return value // minor_units
