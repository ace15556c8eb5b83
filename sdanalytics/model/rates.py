"""Rates of Amazon, by the sums that they are made of.

Summaries compute them from sums. So do reports of the unified Ads API (version 1): Amazon documents
how each rate is computed, and not whether reports write percent or fractions.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Rate(NamedTuple):
    """The metrics whose quotient a rate is."""

    numerator: str
    denominator: str


_BRANDED_SEARCHES: Final = "viewAttributedBrandedSearches14d"
RATES: Final = {
    "vtr": Rate("viewImpressions", "impressions"),
    "vctr": Rate("clicks", "viewImpressions"),
    "addToCartRate": Rate("addToCart", "impressions"),
    "eCPAddToCart": Rate("cost", "addToCart"),
    "brandedSearchRate": Rate(_BRANDED_SEARCHES, "impressions"),
    "eCPBrandSearch": Rate("cost", _BRANDED_SEARCHES),
    "longTermROAS": Rate("longTermSales", "cost"),
    "newToBrandDetailPageViewRate": Rate("newToBrandDetailPageViews", "impressions"),
    "newToBrandECPDetailPageView": Rate("cost", "newToBrandDetailPageViews"),
    "invalidClickThroughRate": Rate("invalidClickThroughs", "grossClickThroughs"),
    "invalidImpressionRate": Rate("invalidImpressions", "grossImpressions"),
}
"""The rates of the catalogue. All but `vtr` and `vctr` are in versions 3 and 1 only."""
