"""A simulated day of an advertiser: drawn once, alone, and the same whenever it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.arrays import Flags, Integers, make_generator
from sdanalytics.sandbox.simulation.cells import CampaignCells, build_cells
from sdanalytics.sandbox.simulation.orders import (
    Orders,
    draw_more_view_orders,
    draw_orders,
)
from sdanalytics.sandbox.simulation.traffic import Traffic, draw_traffic

_CACHED_DAYS: Final = 70
_BORROW_SHARE: Final = 0.3
"""Of the orders: a book is borrowed besides."""
INTERESTS: Final = {
    "attributedDetailPageView14d": 1.5,
    "attributedBrandedSearches14d": 0.07,
    "addToCartClicks": 0.21,
    "addToListFromClicks": 0.04,
    "detailPageViewsViews": 0.0027,
    "brandedSearchesViews": 0.00013,
    "addToCartViews": 0.0006,
    "addToListFromViews": 0.0001,
}
"""Other things that shoppers do, by clicks or, after a view, by viewable impressions."""
_VCPM_ONLY: Final = ("detailPageViewsViews", "brandedSearchesViews")
"""Interests that count for vCPM campaigns only."""


@dataclass(frozen=True, eq=False)
class SimulatedDay:
    """A day of an advertiser's campaigns.

    Attributes
    ----------
    advertiser : Advertiser
    day : datetime.date
    cells : CampaignCells
        Of the campaigns that run.
    """

    advertiser: Advertiser
    day: date
    cells: CampaignCells

    @cached_property
    def traffic(self) -> Traffic:
        """The impressions, clicks and cost of the day."""
        return draw_traffic(self.cells, self.day, self.advertiser.decimals, self._draw("traffic"))

    @cached_property
    def orders(self) -> Orders:
        """The orders that followed, as reports attribute them since their day."""
        if self.day < VIEW_ATTRIBUTION_CHANGED:
            return self.all_views_orders
        return self._common_orders

    @cached_property
    def all_views_orders(self) -> Orders:
        """The orders that followed by the attribution of before 2026-01-01, whatever the day."""
        generator = self._draw("all views")
        decimals = self.advertiser.decimals
        more = draw_more_view_orders(self.cells, self.traffic, decimals, generator)
        return self._common_orders.join(more)

    @cached_property
    def _common_orders(self) -> Orders:
        """The orders that both attributions count."""
        generator = self._draw("orders")
        return draw_orders(self.cells, self.traffic, self.advertiser.decimals, generator)

    @cached_property
    def has_borrow(self) -> Flags:
        """Whether each order comes with a borrowed book."""
        return self._draw("borrows").random(len(self.orders.cell)) < _BORROW_SHARE

    @cached_property
    def interests(self) -> dict[str, Integers]:
        """Other things than buying that shoppers of each cell did, once all are known."""
        generator = self._draw("interests")
        counts = self.traffic.counts
        by_campaign = [campaign.cost_type == "VCPM" for campaign in self.cells.campaigns]
        is_vcpm = np.array(by_campaign, np.bool_)[self.cells.campaign]
        interests = {}
        for name, rate in INTERESTS.items():
            basis = counts.clicks
            if name.endswith("Views"):
                basis = counts.viewable
            expected = basis * rate
            if name in _VCPM_ONLY:
                expected = np.where(is_vcpm, expected, 0.0)
            interests[name] = generator.poisson(expected)
        return interests

    def _draw(self, topic: str) -> np.random.Generator:
        """Return a generator for one topic, so that topics do not depend on each other."""
        advertiser = self.advertiser
        day = self.day.toordinal()
        key = f"{advertiser.seed}/{advertiser.profile_id}/{day}/{topic}"
        return make_generator(key)


@lru_cache(maxsize=_CACHED_DAYS)
def simulate_day(advertiser: Advertiser, day: date) -> SimulatedDay:
    """Return a day of an advertiser, whatever the moment."""
    campaigns = tuple(advertiser.running_campaigns(day))
    return SimulatedDay(advertiser, day, build_cells(advertiser, campaigns))
