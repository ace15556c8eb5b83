"""Words of the field for metrics: KPIs, which are computed after fetching, and other names."""

from __future__ import annotations

import re
from typing import Final

_ORDERS: Final = "attributedConversions14d"
_SALES: Final = "attributedSales14d"
_NTB_ORDERS: Final = "attributedOrdersNewToBrand14d"
_NTB_SALES: Final = "attributedSalesNewToBrand14d"

COMPUTED_METRICS: Final = {
    "orders": (_ORDERS,),
    "sales": (_SALES,),
    "units": ("attributedUnitsOrdered14d",),
    "ntb_orders": (_NTB_ORDERS,),
    "ntb_sales": (_NTB_SALES,),
    "page_views": ("attributedDetailPageView14d",),
    "halo_orders": ("attributedConversions14dOtherSKU",),
    "halo_sales": ("attributedSales14dOtherSKU",),
    "halo_units": ("attributedUnitsOrdered14dOtherSKU",),
    "ctr": ("clicks", "impressions"),
    "cpc": ("cost", "clicks"),
    "vcpm": ("cost", "viewImpressions"),
    "cvr": (_ORDERS, "clicks"),
    "purchase_rate": ("costType", "viewAttributedConversions14d", "viewImpressions"),
    "cpa": ("cost", _ORDERS),
    "aov": (_SALES, _ORDERS),
    "acos": ("cost", _SALES),
    "roas": (_SALES, "cost"),
    "click_roas": (_SALES, "cost"),
    "ntb_cpa": ("cost", _NTB_ORDERS),
    "ntb_order_share": (_NTB_ORDERS, _ORDERS),
    "ntb_sales_share": (_NTB_SALES, _SALES),
}
"""The results and KPIs that `add_kpis` computes, which are no metrics of the service, with the
metrics that a report must have for that (of results those after a click)."""
_SYNONYMS: Final = {
    "cost": ("spend", "spent", "spends", "costs", "ad spend", "total cost", "expenditure"),
    "clicks": ("click", "clickthroughs"),
    "impressions": ("impression", "imps", "impr", "views"),
    "viewImpressions": ("viewable impressions", "vimpressions"),
    "campaignBudget": ("budget", "daily budget"),
    "campaignStatus": ("status", "state", "campaign state"),
    "campaignName": ("campaign",),
    "adGroupName": ("ad group",),
    "targetingText": ("target", "targeting"),
    "otherAsin": ("purchased asin",),
    "currency": ("currency code",),
    "vtr": ("viewability", "view through rate"),
    "cumulativeReach": ("reach",),
    "avgImpressionsFrequency": ("frequency",),
    "orders": ("order", "conversions", "conversion", "purchase", "total orders", "sales count"),
    "sales": ("revenue", "turnover", "total sales", "order value", "gmv"),
    "units": ("units ordered", "units sold", "unit sales", "total units"),
    "ntb_orders": ("ntb", "new to brand", "new to brand orders", "ntb purchases"),
    "ntb_sales": ("new to brand sales", "ntb revenue"),
    "page_views": ("detail page views", "dpv", "page view", "pdp views"),
    "ctr": ("click through rate", "click rate"),
    "cpc": ("cost per click", "avg cpc", "average cpc"),
    "vcpm": ("cpm", "cost per mille", "ecpm"),
    "cvr": ("conversion rate", "cr", "conv rate", "order rate"),
    "cpa": ("cost per acquisition", "cost per order", "cpo", "cost per conversion"),
    "aov": ("average order value", "basket size"),
    "acos": ("advertising cost of sales", "acots"),
    "roas": ("return on ad spend", "roi", "romi"),
    "purchase_rate": ("purchases per thousand viewable impressions", "view conversion rate"),
    "click_roas": ("roas clicks", "roas after click"),
    "ntb_cpa": ("cost per new to brand order", "new to brand cpa", "ntb cost per order"),
    "halo_orders": ("brand halo orders", "orders other sku"),
    "halo_sales": ("halo", "brand halo", "brand halo sales", "sales other sku"),
    "halo_units": ("brand halo units", "units other sku"),
    "ntb_order_share": ("ntb share", "percent ntb orders", "ntb rate"),
    "ntb_sales_share": ("percent ntb sales",),
}
"""Other words for metrics and KPIs, in any spelling."""


def _normalize(name: str) -> str:
    """Reduce a name to its letters and digits: ``Click-Through Rate`` is ``click_through_rate``."""
    return re.sub(r"[\W_]", "", name).lower()


def _index_synonyms() -> dict[str, str]:
    names = {_normalize(name): name for name in COMPUTED_METRICS}
    for name, synonyms in _SYNONYMS.items():
        for synonym in synonyms:
            names[_normalize(synonym)] = name
    return names


_NAME_BY_SYNONYM: Final = _index_synonyms()


def find_synonym(word: str) -> str | None:
    """Return the metric or KPI that a word of the field stands for; None for other words."""
    return _NAME_BY_SYNONYM.get(_normalize(word))
