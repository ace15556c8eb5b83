"""From partitions to the request documents of version 1, the unified Ads API.

A report has one time dimension, the dimensions of its record type, and metrics that add up. Rates
are computed from sums (`sdanalytics.model.rates`): whether the service writes percent or fractions
is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.advertiser_account import AdvertiserAccount
from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.model.rates import RATES
from sdanalytics.model.report_batch import ReportBatch

MAX_REPORT_DAYS: Final = 120
"""Days that one report by day may span, at most."""
REPORT_FORMAT: Final = "CSV"
"""The one format whose shape Amazon documents."""
DATE: Final = "date.value"
PRODUCT: Final = "adProduct.value"
COUNTRY: Final = "campaign.country"
PROMOTED_PRODUCT: Final = "advertisedProduct.id"
CONVERTED_PRODUCT: Final = "convertedProduct.id"
RELEVANCE: Final = "productRelevance.value"
_AD_PRODUCT: Final = "SPONSORED_DISPLAY"
_DIMENSIONS: Final = (DATE, PRODUCT, "campaign.id", "budgetCurrency.value")
"""Fields of every report: what it is about, and what metrics and dimensions need beside them."""
_COMPANIONS: Final = {
    "adGroup.name": ("adGroup.id",),
    "advertisedProduct.sku": (PROMOTED_PRODUCT,),
    CONVERTED_PRODUCT: ("convertedProductMarketplace.value", RELEVANCE),
}
"""Fields that others need beside them; those of the campaign and the currency are always there."""
JsonObject = Mapping[str, Any]


def source_columns(column: str) -> tuple[str, ...]:
    """Return the columns that a column is made of: a rate of its sums, any other of itself."""
    rate = RATES.get(column)
    if rate is None:
        return (column,)
    return tuple(rate)


def field_name(column: str) -> str:
    """Return the field of a column that is no rate."""
    return str(CATALOGUE[column].v1_name)


def list_fields(columns: Iterable[str]) -> dict[str, ColumnKind]:
    """Return the fields to request for columns, with the kinds of their values."""
    kinds = dict.fromkeys(_DIMENSIONS, ColumnKind.TEXT)
    kinds["campaign.id"] = ColumnKind.ID
    for column in columns:
        for source in source_columns(column):
            name = field_name(source)
            for companion in _COMPANIONS.get(name, ()):
                kinds.setdefault(companion, _companion_kind(companion))
            kinds[name] = CATALOGUE[source].kind
    return kinds


def _companion_kind(field: str) -> ColumnKind:
    if field == "adGroup.id":
        return ColumnKind.ID
    return ColumnKind.TEXT


def request_document(batch: ReportBatch, account: AdvertiserAccount) -> dict[str, Any]:
    """Return the document with which a report of an account is requested."""
    days = unique_days(batch.partitions)
    first = days[0].isoformat()
    last = days[-1].isoformat()
    period = {"startDate": first, "endDate": last}
    report = {
        "format": REPORT_FORMAT,
        "periods": [{"datePeriod": period}],
        "query": {
            "fields": list(list_fields(batch.columns)),
            "filter": _build_filter(account),
        },
    }
    return {
        "accessRequestedAccounts": [{"advertiserAccountId": account.account_id}],
        "reports": [report],
    }


def read_period(report: JsonObject) -> tuple[str, str]:
    """Return the first and the last day of a report; empty texts if it has none."""
    periods = report.get("periods")
    period = None
    if isinstance(periods, list) and len(periods) == 1:
        period = periods[0]
    dates = None
    if isinstance(period, dict):
        dates = period.get("datePeriod")
    if not isinstance(dates, dict):
        return "", ""
    first = str(dates.get("startDate"))
    last = str(dates.get("endDate"))
    return first, last


def read_fields(report: JsonObject) -> tuple[str, ...] | None:
    """Return the fields of a report; None if it does not say."""
    query = report.get("query")
    if not isinstance(query, dict):
        return None
    fields = query.get("fields")
    if not isinstance(fields, list):
        return None
    return tuple(map(str, fields))


def _build_filter(account: AdvertiserAccount) -> dict[str, Any]:
    """Return the filter of the ad product and, where the account has several, of the country."""
    product = _equals(PRODUCT, _AD_PRODUCT)
    if not account.is_shared:
        return product
    return {"and": {"filters": [product, _equals(COUNTRY, account.country)]}}


def _equals(field: str, value: str) -> dict[str, Any]:
    comparison = {
        "field": field,
        "comparisonOperator": "EQUALS",
        "not": False,
        "values": [value],
    }
    return {"on": comparison}
