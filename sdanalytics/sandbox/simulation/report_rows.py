"""The rows of each report of either version, as the service would send them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sdanalytics.model.metrics import CATALOGUE, TACTICS, V2_NAME_BY_V3_NAME, ColumnKind
from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.simulation.advertisers import AdGroup, Advertiser
from sdanalytics.sandbox.simulation.apportion import MetricValues, sum_metrics
from sdanalytics.sandbox.simulation.breakdowns import ReportRow, break_down
from sdanalytics.sandbox.simulation.registered import render_registered
from sdanalytics.sandbox.simulation.traffic import READING_METRICS
from sdanalytics.sandbox.v3_request import V3Request

JsonRow = JsonObject
"""A row as it is sent: values by the names of their fields."""
_DatedRow = tuple[date, ReportRow]

_VIDEO: Final = frozenset(name for name in CATALOGUE if name.startswith("video"))
_TOTALS: Final = {
    "addToCart": ("addToCartClicks", "addToCartViews"),
    "addToList": ("addToListFromClicks", "addToListFromViews"),
    "newToBrandDetailPageViews": (
        "newToBrandDetailPageViewClicks",
        "newToBrandDetailPageViewViews",
    ),
    **{name: (f"{name}FromClicks", f"{name}FromViews") for name in READING_METRICS},
}
"""Metrics after clicks and views together, each with its two parts."""
_REACH_SHARE: Final = 0.41
"""People reached, by impressions."""


def render_v2_rows(
    advertiser: Advertiser,
    record_type: str,
    day: date,
    tactic: str,
    metrics: Sequence[str],
    segment: str | None,
    now: datetime,
) -> list[JsonRow]:
    """Return the rows of a version 2 report.

    Fields are in the order requested. Video metrics are absent for campaigns without video;
    a ratio without a denominator is null; whole amounts have no decimals.
    """
    names = {name: name for name in metrics}
    rendered = []
    for row in break_down(advertiser, record_type, segment, day, tactic, now):
        values = _render_row(row, day)
        rendered.append(_select_fields(values, names))
    return rendered


def render_v3_rows(advertiser: Advertiser, request: V3Request, now: datetime) -> list[JsonRow]:
    """Return the rows of a version 3 report: of both tactics, under version 3's names.

    The numbers are those of the version 2 reports of the same days.
    """
    dated_rows = _dated_rows(advertiser, request, now)
    if not request.is_daily:
        dated_rows = _aggregate_days(dated_rows)
    names = {column: V2_NAME_BY_V3_NAME.get(column, column) for column in request.columns}
    start, end = request.days[0], request.days[-1]
    period = {
        "startDate": start.isoformat(),
        "endDate": end.isoformat(),
    }
    rendered = []
    for day, row in dated_rows:
        values = period | _render_row(row, day)
        values["date"] = day.isoformat()
        if _passes_filters(values, request.filters):
            rendered.append(_select_fields(values, names))
    return rendered


def _dated_rows(advertiser: Advertiser, request: V3Request, now: datetime) -> Iterator[_DatedRow]:
    record_type, segment = request.record_type, request.segment
    for day in request.days:
        for tactic in TACTICS:
            for row in break_down(advertiser, record_type, segment, day, tactic, now):
                yield day, row


def _aggregate_days(dated_rows: Iterable[_DatedRow]) -> Iterator[_DatedRow]:
    """Sum the rows of all days, described as on the last of them."""
    sums: dict[tuple[object, ...], _DatedRow] = {}
    for day, row in dated_rows:
        key = (row.group.id, *row.identity.values())
        if key in sums:
            _, previous = sums[key]
            row = _add_metrics(row, previous)
        sums[key] = day, row
    yield from sums.values()


def _add_metrics(row: ReportRow, previous: ReportRow) -> ReportRow:
    metrics = sum_metrics([previous.metrics, row.metrics])
    return row._replace(metrics=metrics)


def _passes_filters(values: JsonRow, filters: Mapping[str, Sequence[str]]) -> bool:
    for column, allowed in filters.items():
        name = V2_NAME_BY_V3_NAME[column]
        if str(values.get(name)) not in allowed:
            return False
    return True


def _select_fields(values: JsonRow, names: Mapping[str, str]) -> JsonRow:
    """Return fields under their names in the report; `names` maps those to the catalogue's."""
    return {field: values[name] for field, name in names.items() if name in values}


def _render_row(row: ReportRow, day: date) -> JsonRow:
    """Return all fields that any report has of a row, by the catalogue's names."""
    dimensions = _dimensions(row.group, day)
    metrics = _metric_fields(row.group, row.metrics)
    return row.identity | dimensions | metrics


def _dimensions(group: AdGroup, day: date) -> JsonRow:
    campaign = group.campaign
    state = campaign.state(day)
    is_vcpm = campaign.cost_type == "VCPM"
    return {
        "campaignId": group.campaign_id,
        "campaignName": campaign.name,
        "campaignStatus": state,
        "campaignBudget": campaign.budget,
        "costType": campaign.cost_type,
        "currency": group.advertiser.currency,
        "adGroupId": group.id,
        "adGroupName": group.name,
        "bidOptimization": "reach" if is_vcpm else "conversions",
        "adKeywordStatus": state,
    }


def _metric_fields(group: AdGroup, metrics: MetricValues) -> JsonRow:
    metrics = metrics | _totals(metrics)
    decimals = group.advertiser.decimals
    absent = frozenset() if group.campaign.video else _VIDEO
    fields: JsonRow = {}
    for name, value in metrics.items():
        if CATALOGUE[name].kind is ColumnKind.MONEY:
            fields[name] = _to_amount(value, decimals)
        elif name not in absent:
            fields[name] = value
    fields |= _ratios(metrics)
    fields |= _unit_costs(metrics, decimals)
    fields |= _reach(metrics)
    fields |= render_registered(metrics)
    return fields


def _totals(metrics: MetricValues) -> MetricValues:
    """Return metrics after clicks and views together; of searches, those after views only."""
    totals: MetricValues = {}
    for name, parts in _TOTALS.items():
        totals[name] = sum(metrics[part] for part in parts)
    searches = metrics["viewAttributedBrandedSearches14d"]
    searches -= metrics["attributedBrandedSearches14d"]
    totals["brandedSearchesViews"] = max(0, searches)
    return totals


def _ratios(metrics: MetricValues) -> JsonRow:
    impressions = metrics["impressions"]
    viewable = metrics["viewImpressions"]
    searches = metrics["viewAttributedBrandedSearches14d"]
    pages = metrics["newToBrandDetailPageViews"]
    return {
        "vtr": _to_ratio(viewable, impressions),
        "vctr": _to_ratio(metrics["clicks"], viewable),
        "addToCartRate": _to_ratio(metrics["addToCart"], impressions),
        "brandedSearchRate": _to_ratio(searches, impressions),
        "newToBrandDetailPageViewRate": _to_ratio(pages, impressions),
        "invalidClickThroughRate": _to_ratio(
            metrics["invalidClickThroughs"], metrics["grossClickThroughs"]
        ),
        "invalidImpressionRate": _to_ratio(
            metrics["invalidImpressions"], metrics["grossImpressions"]
        ),
        "longTermROAS": _to_ratio(metrics["longTermSales"], metrics["cost"]),
    }


def _unit_costs(metrics: MetricValues, decimals: int) -> JsonRow:
    """Return the cost per event, for the kinds of events that have one; null without an event."""
    events = {
        "eCPAddToCart": metrics["addToCart"],
        "eCPBrandSearch": metrics["viewAttributedBrandedSearches14d"],
        "newToBrandECPDetailPageView": metrics["newToBrandDetailPageViews"],
    }
    costs: JsonRow = {}
    for name, count in events.items():
        costs[name] = None
        if count:
            cost = round(metrics["cost"] / count)
            costs[name] = _to_amount(cost, decimals)
    return costs


def _reach(metrics: MetricValues) -> JsonRow:
    impressions = metrics["impressions"]
    reach = round(impressions * _REACH_SHARE)
    frequency = _to_ratio(impressions, reach, digits=4)
    return {
        "cumulativeReach": reach,
        "avgImpressionsFrequency": frequency,
    }


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
