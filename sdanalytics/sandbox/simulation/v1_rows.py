"""The rows of version 1 reports: of every profile and product that is not filtered out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.breakdowns import (
    PURCHASED,
    RowKey,
    RowSet,
    break_down,
    is_told_of_products,
)
from sdanalytics.sandbox.simulation.campaigns import ACCOUNT_OPENED
from sdanalytics.sandbox.simulation.fields import (
    list_labels,
    list_summands,
    none_if_left_out,
    render_amounts,
    render_columns,
    render_ratio,
    render_unit_costs,
)
from sdanalytics.sandbox.simulation.identifiers import make_id
from sdanalytics.sandbox.simulation.measures import DayMeasures
from sdanalytics.sandbox.simulation.report_rows import JsonRow, keep_rows, measure_day
from sdanalytics.sandbox.simulation.simulated_day import SimulatedDay
from sdanalytics.sandbox.v1_accounts import Account
from sdanalytics.sandbox.v1_fields import ALL_VIEWS, V1Field
from sdanalytics.sandbox.v1_request import Comparison, V1Request

MATCHED_TARGETS_SINCE: Final = date(2026, 7, 15)
"""The first day of which Sponsored Display has rows by matched target."""
_SPONSORED_DISPLAY: Final = "SPONSORED_DISPLAY"
_PRODUCTS: Final = {
    _SPONSORED_DISPLAY: "Sponsored Display",
    "SPONSORED_PRODUCTS": "Sponsored Products",
}
"""The names of ad products in rows, by those in filters."""
_ROW_TYPES: Final = {"asins": "convertedProducts"}
"""What version 1 counts the promoted product among."""
_LABELS: Final = {
    "campaign.id": "campaignId",
    "campaign.name": "campaignName",
    "campaign.deliveryStatus": "campaignStatus",
    "campaign.costType": "costType",
    "campaign.budgetAmount": "campaignBudget",
    "portfolio.portfolioId": "portfolioId",
    "portfolio.name": "portfolioId",
    "adGroup.id": "adGroupId",
    "adGroup.name": "adGroupName",
    "ad.id": "adId",
    "advertisedProduct.id": "asin",
    "advertisedProduct.sku": "sku",
    "matchedTarget.value": "matchedTarget",
    "convertedProduct.id": "otherAsin",
}
"""Fields that describe a row, by the catalogue's names."""
_STATUSES: Final = {"enabled": "DELIVERING", "paused": "PAUSED", "archived": "ENDED"}
_OWN_OF_PRODUCT: Final = ("campaign.id", "adGroup.id", "ad.id")
"""Ids that each product has of its own."""
_NO_PORTFOLIO: Final = "-1"
_PERCENT: Final = 100.0
_Columns = dict[str, list[Any]]


class _Source(NamedTuple):
    """The rows of one product of a profile: its fields are the same in all of them."""

    account: Account
    advertiser: Advertiser
    product: str

    @property
    def labels(self) -> dict[str, str]:
        """The fields that are the same in all rows, as filters name their values."""
        advertiser = self.advertiser
        return {
            "adProduct.value": self.product,
            "advertiserAccount.id": self.account.account_id,
            "advertiserAccount.timeZone": advertiser.timezone,
            "budgetCurrency.value": advertiser.currency,
            "campaign.country": advertiser.country,
            "campaign.currencyCode": advertiser.currency,
            "advertisedProduct.marketplace": advertiser.country,
            "convertedProductMarketplace.value": advertiser.country,
        }


def render_v1_rows(request: V1Request, now: datetime) -> list[JsonRow]:
    """Return the rows of a report, with its fields under their ids; None: an empty cell.

    The numbers are those of the version 3 reports of the same days. Rates are in percent.
    """
    names = [field.name for field in request.fields]
    rows: list[JsonRow] = []
    for source in _list_sources(request):
        today = source.advertiser.today(now)
        for day in request.days:
            if request.segment and day < MATCHED_TARGETS_SINCE:
                continue
            columns = _render_day(source, request, day, today, now)
            values = [columns[name] for name in names]
            for cells in zip(*values, strict=True):
                row = dict(zip(names, cells, strict=True))
                rows.append(row)
    return rows


def _list_sources(request: V1Request) -> Iterator[_Source]:
    """Yield the parts of the accounts that the filters do not exclude as a whole."""
    for account in request.accounts:
        for advertiser in account.advertisers:
            for product in _PRODUCTS:
                source = _Source(account, advertiser, product)
                if _may_have_rows(source.labels, request.filters):
                    yield source


def _may_have_rows(labels: Mapping[str, str], filters: Sequence[Comparison]) -> bool:
    for item in filters:
        label = labels.get(item.field)
        if label is not None and not item.allows(label):
            return False
    return True


def _render_day(
    source: _Source, request: V1Request, day: date, today: date, now: datetime
) -> _Columns:
    """Return the columns of a day's rows that satisfy the filters."""
    measures = measure_day(source.advertiser, day, now)
    row_type = _ROW_TYPES.get(request.record_type, request.record_type)
    report = (row_type, request.segment)
    labels = {item.field for item in request.filters}
    metrics = []
    for field in request.fields:
        if field.is_metric:
            metrics.append(field)
        else:
            labels.add(field.name)
    rows, columns = render_v1_metrics(measures, report, metrics)
    for name in labels:
        columns[name] = _render_label(name, source, rows.keys, day, today)
    columns = _apply_filters(columns, request.filters)
    products = columns.get("adProduct.value", [])
    columns["adProduct.value"] = [_PRODUCTS[product] for product in products]
    return columns


def render_v1_metrics(
    measures: DayMeasures, report: tuple[str, str | None], metrics: Sequence[V1Field]
) -> tuple[RowSet, _Columns]:
    """Return the rows of a day's report, and the columns of metrics by their ids.

    Parameters
    ----------
    measures : DayMeasures
    report : tuple of str and (str or None)
        The record type, as `break_down` takes it, and the segment.
    metrics : sequence of V1Field
    """
    rows = RowSet([], {})
    columns: _Columns = {}
    for model in (ALL_VIEWS, ""):
        fields = [field for field in metrics if field.model == model]
        if model and not fields:
            continue
        # The rows are the same: they follow from the traffic.
        counted = measures
        if model:
            counted = measures.with_all_views()
        rows = _break_down(counted, report, fields)
        columns |= _render_fields(fields, rows, measures.day)
    return rows, columns


def _break_down(
    measures: DayMeasures, report: tuple[str, str | None], metrics: Sequence[V1Field]
) -> RowSet:
    summands: dict[str, None] = {}
    for field in metrics:
        for name in filter(None, (field.plus, field.minus, field.per)):
            parts = [name]
            if name in CATALOGUE:
                parts = list_summands(parts)
            summands |= dict.fromkeys(parts)
    names = list(summands)
    if report[0] in PURCHASED:
        names = [name for name in summands if is_told_of_products(name)]
    return break_down(measures, *report, names)


def _render_fields(metrics: Sequence[V1Field], rows: RowSet, simulated: SimulatedDay) -> _Columns:
    decimals = simulated.advertiser.decimals
    columns: _Columns = {}
    for field in metrics:
        values = _render_field(field, rows, simulated.day, decimals)
        columns[field.name] = list(map(none_if_left_out, values))
    return columns


def _render_field(field: V1Field, rows: RowSet, day: date, decimals: int) -> list[Any]:
    """Return a metric of rows; None where it is not known."""
    if not field.per and not field.minus and field.plus in CATALOGUE:
        summands = list_summands([field.plus])
        if rows.metrics.keys() >= set(summands):
            return render_columns([field.plus], rows, day, decimals)[field.plus]
    if field.plus not in rows.metrics:
        return [None] * len(rows.keys)
    if field.per:
        return _render_rate(field, rows, decimals)
    values = rows.values(field.plus)
    if field.minus:
        subtracted = rows.values(field.minus)
        pairs = zip(values, subtracted, strict=True)
        values = [value - less for value, less in pairs]
    if field.is_money:
        return render_amounts(values, decimals)
    return values


def _render_rate(field: V1Field, rows: RowSet, decimals: int) -> list[Any]:
    numerators = rows.values(field.plus)
    denominators = rows.values(field.per)
    if field.is_money:
        return render_unit_costs(numerators, denominators, decimals)
    rates = render_ratio(numerators, denominators)
    if field.type != "PERCENTAGE":
        return rates
    return list(map(_to_percent, rates))


def _render_label(
    name: str, source: _Source, keys: Sequence[RowKey], day: date, today: date
) -> list[Any]:
    """Return a field that describes rows; states are those of today."""
    if name == "date.value":
        return [day.isoformat()] * len(keys)
    if name in source.labels:
        return [source.labels[name]] * len(keys)
    if name == "productRelevance.value":
        return list(map(_describe_relevance, keys))
    if name == "campaign.startDate":
        return [_format_start(key) for key in keys]
    values = list_labels(_LABELS[name], keys, today)
    if name == "campaign.deliveryStatus":
        return [_STATUSES[value] for value in values]
    if _LABELS[name] == "portfolioId":
        values = [_NO_PORTFOLIO if value is None else value for value in values]
    if source.product != _SPONSORED_DISPLAY and name in _OWN_OF_PRODUCT:
        return [make_id(f"{source.product}/{value}") for value in values]
    return values


def _to_percent(rate: float | None) -> float | None:
    if rate is None:
        return None
    return round(rate * _PERCENT, 4)


def _describe_relevance(key: RowKey) -> str:
    if key.other == key.ad.asin:
        return "Promoted"
    return "Halo"


def _format_start(key: RowKey) -> str:
    start = max(key.group.campaign.first_day, ACCOUNT_OPENED)
    return f"{start.isoformat()}T00:00:00Z"


def _apply_filters(columns: _Columns, filters: Sequence[Comparison]) -> _Columns:
    """Return the rows that satisfy all filters."""
    for item in filters:
        allowed = list(map(item.allows, columns[item.field]))
        columns = keep_rows(columns, allowed)
    return columns
