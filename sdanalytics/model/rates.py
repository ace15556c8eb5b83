"""Rates of Amazon, by the sums that they are made of.

The unified Ads API (version 1) documents how each is computed, and not whether its reports write
percent or fractions; so its reports are asked for the sums.
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
}
"""The rates of the catalogue that version 1 has, by their names in it."""
