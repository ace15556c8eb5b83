"""The additive metrics of a simulated day, as they are known at some age of the day."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

import numpy as np

from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.sandbox.simulation.arrays import (
    Flags,
    Integers,
    sum_groups,
    take_share,
)
from sdanalytics.sandbox.simulation.orders import Orders
from sdanalytics.sandbox.simulation.registered import is_registered_metric, registered_share
from sdanalytics.sandbox.simulation.simulated_day import INTERESTS, SimulatedDay
from sdanalytics.sandbox.simulation.traffic import Counts

CONVERSION_METRIC: Final = re.compile(
    r"(attributed|viewAttributed)(Conversions|UnitsOrdered|Sales|Orders)(NewToBrand)?(\d+)d"
    r"(SameSKU|OtherSKU)?"
)
"""By click or by view, the quantity, new-to-brand or all, days of the window, product or all."""
_READING_METRIC: Final = re.compile(
    r"(qualifiedBorrows|royaltyQualifiedBorrows|kindleEditionNormalizedPagesRead|"
    r"kindleEditionNormalizedPagesRoyalties)(FromClicks|FromViews)?"
)
_READING_WINDOW: Final = 14
"""Days."""
_PAGES_OF_A_BORROW: Final = 160
_DOLLARS_OF_A_BORROW: Final = {
    "royaltyQualifiedBorrows": 1.13,
    "kindleEditionNormalizedPagesRoyalties": 0.69,
}
_SHARES: Final = {
    "videoFirstQuartileViews": ("viewImpressions", 0.52),
    "videoMidpointViews": ("viewImpressions", 0.38),
    "videoThirdQuartileViews": ("viewImpressions", 0.29),
    "videoCompleteViews": ("viewImpressions", 0.22),
    "videoUnmutes": ("viewImpressions", 0.03),
    "newToBrandDetailPageViewClicks": ("attributedDetailPageView14d", 0.7),
    "newToBrandDetailPageViewViews": ("detailPageViewsViews", 0.7),
    "linkOuts": ("clicks", 0.02),
}
"""Metrics that are a share of another."""
_SUMS: Final = {
    "viewAttributedDetailPageView14d": (
        "attributedDetailPageView14d",
        "detailPageViewsViews",
    ),
    "viewAttributedBrandedSearches14d": (
        "attributedBrandedSearches14d",
        "brandedSearchesViews",
    ),
    "newToBrandDetailPageViews": (
        "newToBrandDetailPageViewClicks",
        "newToBrandDetailPageViewViews",
    ),
    "addToCart": ("addToCartClicks", "addToCartViews"),
    "addToList": ("addToListFromClicks", "addToListFromViews"),
}
"""Metrics after clicks and views together."""
_LONG_TERM_SHARE: Final = 0.6
"""Of the sales to new buyers: what they will buy later."""
_INTEREST_DAYS: Final = 30.0
"""Days after which all interest is known."""
_FASTER_PAGES: Final = 3.0
"""Page views are known sooner than orders: as if the day were older by this factor."""


class DayMeasures:
    """The additive metrics of a simulated day at an age.

    Attributes
    ----------
    day : SimulatedDay
    age : float
        Days since the day began.
    """

    def __init__(self, simulated: SimulatedDay, age: float) -> None:
        self.day = simulated
        self.age = age

    @cached_property
    def orders(self) -> Orders:
        """The orders that count."""
        return self.day.orders

    def by_cell(self, name: str) -> Integers:
        """Return a metric of each cell; money in the currency's smallest unit."""
        if name in _CELL_MEASURES:
            return _CELL_MEASURES[name](self)
        if name in _SUMS:
            first, second = _SUMS[name]
            return self.by_cell(first) + self.by_cell(second)
        if name in INTERESTS:
            return self._interest(name)
        if name in _SHARES:
            basis, share = _SHARES[name]
            return self._share(self.by_cell(basis), share)
        if is_registered_metric(name):
            basis = "clicks"
            if CATALOGUE[name].kind is ColumnKind.MONEY:
                basis = "cost"
            return self._share(self.by_cell(basis), registered_share(name))
        orders = self.orders
        return sum_groups(orders.cell, self.by_order(name), len(self.day.cells))

    def with_all_views(self) -> DayMeasures:
        """Return the metrics by the attribution of before 2026-01-01, of the same moment."""
        measures = DayMeasures(self.day, self.age)
        measures.orders = self.day.all_views_orders
        return measures

    def by_order(self, name: str) -> Integers:
        """Return the part of a metric of each order; 0 for orders that do not count."""
        conversion = CONVERSION_METRIC.fullmatch(name)
        if conversion is not None:
            return self._conversions(*conversion.groups())
        reading = _READING_METRIC.fullmatch(name)
        if reading is not None:
            return self._reading(*reading.groups())
        raise KeyError(name)

    def long_term_sales(self) -> Integers:
        """Return the sales of each cell, and what new buyers will buy later."""
        orders = self.orders
        expected = orders.sales * orders.is_new * _LONG_TERM_SHARE
        later = np.round(expected).astype(np.int64)
        sales = self.by_order("viewAttributedSales14d")
        values = np.where(sales > 0, sales + later, 0)
        return sum_groups(orders.cell, values, len(self.day.cells))

    def clicks(self) -> Integers:
        """Return the valid clicks, and those that have not been found invalid yet."""
        return self._known.clicks + self._late(self.day.traffic.late_clicks.are_reported)

    def cost(self) -> Integers:
        """Return what viewable impressions and clicks cost."""
        return self.day.traffic.prices.cost(self._known.viewable, self.clicks())

    def gross_clicks(self) -> Integers:
        """Return valid and invalid clicks, found or not."""
        traffic = self.day.traffic
        hidden = self._until_now(traffic.hidden_clicks)
        return self._known.clicks + self._late(traffic.late_clicks.have_occurred) + hidden

    def invalid_impressions(self) -> Integers:
        """Return the impressions that are in no report."""
        return self._until_now(self.day.traffic.hidden_impressions)

    def invalid_clicks(self) -> Integers:
        """Return the clicks that have been found invalid."""
        return self.gross_clicks() - self.clicks()

    def gross_impressions(self) -> Integers:
        """Return valid and invalid impressions."""
        return self.impressions() + self.invalid_impressions()

    def impressions(self) -> Integers:
        """Return the valid impressions."""
        return self._known.impressions

    def viewable(self) -> Integers:
        """Return the viewable impressions."""
        return self._known.viewable

    @cached_property
    def _known(self) -> Counts:
        """The valid traffic that has happened."""
        counts = self.day.traffic.counts
        return Counts(*(self._until_now(values) for values in counts))

    def _interest(self, name: str) -> Integers:
        """Return how often shoppers did something else than buying, as far as it is known."""
        speed = _FASTER_PAGES if "Page" in name else 1.0
        return self._share(self.day.interests[name], _known_share(self.age * speed))

    def _until_now(self, counts: Integers) -> Integers:
        traffic = self.day.traffic
        progress = traffic.progress(self.age)
        return take_share(counts, progress, traffic.prices.rounding)

    def _share(self, counts: Integers, share: float) -> Integers:
        return take_share(counts, share, self.day.traffic.prices.rounding)

    def _late(self, select: Callable[[float], Flags]) -> Integers:
        """Return how many of the clicks that were found invalid later are selected."""
        cell = self.day.traffic.late_clicks.cell[select(self.age)]
        return np.bincount(cell, minlength=len(self.day.cells))

    @cached_property
    def _are_known(self) -> Flags:
        return self.orders.are_known(self.age)

    def _conversions(
        self, kind: str, quantity: str, new_to_brand: str | None, window: str, sku: str | None
    ) -> Integers:
        orders = self.orders
        counted = self._are_known & (orders.delay <= int(window))
        if kind == "attributed":
            counted = counted & orders.is_click
        if new_to_brand:
            counted = counted & orders.is_new
        if sku:
            counted = counted & ((orders.other < 0) == (sku == "SameSKU"))
        if quantity == "Sales":
            return counted * orders.sales
        if quantity == "UnitsOrdered":
            return counted * orders.units
        return counted.astype(np.int64)

    def _reading(self, quantity: str, source: str | None) -> Integers:
        orders = self.orders
        counted = self._are_known & (orders.delay <= _READING_WINDOW) & self.day.has_borrow
        if source is not None:
            counted = counted & (orders.is_click == (source == "FromClicks"))
        return counted * self._worth_of_borrow(quantity)

    def _worth_of_borrow(self, quantity: str) -> int:
        if quantity == "qualifiedBorrows":
            return 1
        if quantity == "kindleEditionNormalizedPagesRead":
            return _PAGES_OF_A_BORROW
        advertiser = self.day.advertiser
        minor_units: int = 10**advertiser.decimals
        return round(_DOLLARS_OF_A_BORROW[quantity] * advertiser.scale * minor_units)


def is_told_of_orders(name: str) -> bool:
    """Return whether a metric has a part of each order."""
    is_conversion = CONVERSION_METRIC.fullmatch(name) is not None
    return is_conversion or _READING_METRIC.fullmatch(name) is not None


def _known_share(age: float) -> float:
    """Return the share of other interest than orders that is known at an age."""
    days = min(age, _INTEREST_DAYS)
    return _arrived_share(days) / _arrived_share(_INTEREST_DAYS)


def _arrived_share(days: float) -> float:
    early = 0.62 * math.exp(-days / 1.1)
    late = 0.38 * math.exp(-days / 5.5)
    return 1.0 - early - late


_CELL_MEASURES: Final[dict[str, Callable[[DayMeasures], Integers]]] = {
    "impressions": DayMeasures.impressions,
    "viewImpressions": DayMeasures.viewable,
    "clicks": DayMeasures.clicks,
    "cost": DayMeasures.cost,
    "grossClickThroughs": DayMeasures.gross_clicks,
    "invalidClickThroughs": DayMeasures.invalid_clicks,
    "grossImpressions": DayMeasures.gross_impressions,
    "invalidImpressions": DayMeasures.invalid_impressions,
    "longTermSales": DayMeasures.long_term_sales,
}
