"""The orders that the traffic of a day could be expected to bring, whatever was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED
from sdanalytics.sandbox.simulation.arrays import Numbers
from sdanalytics.sandbox.simulation.measures import CONVERSION_METRIC, DayMeasures
from sdanalytics.sandbox.simulation.orders import (
    MAX_AGE,
    MEAN_UNITS,
    MORE_VIEWS_SHARE,
    final_share,
)
from sdanalytics.sandbox.simulation.simulated_day import SimulatedDay


class ExpectedMeasures(DayMeasures):
    """The final metrics of a day, with expectations instead of what was drawn of its orders.

    The draws are binomial: of `n` clicks that convert with a probability of `p`, orders have the
    mean ``n * p`` and the variance ``n * p * (1 - p)``. The traffic is the one that was drawn.
    """

    def __init__(self, simulated: SimulatedDay) -> None:
        super().__init__(simulated, MAX_AGE)

    def by_cell(self, name: str) -> Any:
        """Return a metric of each cell; of conversions the expectation, as floats."""
        match = CONVERSION_METRIC.fullmatch(name)
        if match is None:
            return super().by_cell(name)
        attribution, quantity, new_to_brand, window, sku = match.groups()
        cells = self.day.cells
        expected = self._expect_orders(attribution) * final_share(int(window))
        if new_to_brand:
            expected = expected * cells.new_share[cells.campaign]
        if sku:
            halo = cells.halo_share[cells.ad]
            expected = expected * (halo if sku == "OtherSKU" else 1.0 - halo)
        return expected * self._expect_worth(quantity)

    def _expect_orders(self, attribution: str) -> Numbers:
        """Return the orders of each cell in the longest window, cancelled ones included."""
        traffic = self.day.traffic
        after_click: Numbers = traffic.counts.clicks * traffic.order_rate
        if attribution == "attributed":
            return after_click
        unclicked = traffic.counts.viewable - traffic.counts.clicks
        after_view: Numbers = unclicked * traffic.view_order_rate
        if self.day.day < VIEW_ATTRIBUTION_CHANGED:
            after_view *= 1.0 + MORE_VIEWS_SHARE
        return after_click + after_view

    def _expect_worth(self, quantity: str) -> Numbers | float:
        if quantity == "UnitsOrdered":
            return MEAN_UNITS
        if quantity != "Sales":
            return 1.0
        cells = self.day.cells
        baskets = np.array([campaign.basket for campaign in cells.campaigns], np.float64)
        minor_units: int = 10**self.day.advertiser.decimals
        return baskets[cells.campaign] * minor_units
