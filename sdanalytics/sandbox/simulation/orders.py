"""The orders of a day's ads: drawn once, and then known from when they arrive.

An order belongs to the day of the click or view that it followed. It is in every report from the
moment at which it has arrived until it is cancelled, if it is: so all reports of a moment agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from sdanalytics.sandbox.simulation.arrays import Flags, Integers, Numbers
from sdanalytics.sandbox.simulation.cells import CampaignCells
from sdanalytics.sandbox.simulation.traffic import Traffic

MAX_AGE: Final = 60.0
"""Days after which nothing changes any more."""
_LONGEST_WINDOW: Final = 30.0
"""Days: an order that follows its click or view later belongs to no ad."""
_DELAYS: Final = {
    0.12: 0.7,
    3.0: 0.2,
    8.0: 0.1,
}
"""Mean days from the click or view to the order, each with the share of shoppers who take them."""
_LAGS: Final = {
    0.2: 0.9,
    8.0: 0.085,
    25.0: 0.015,
}
"""Mean days from the order until it is reported, each with the share of orders that take them."""
_LAST_REPORTED: Final = MAX_AGE - 1.0
_CANCELLED_SHARE: Final = 0.035
_CANCELLED_BETWEEN: Final = (4.0, 4.0)
"""The Beta distribution of when, between their arrival and the last day, orders are cancelled."""
MORE_VIEWS_SHARE: Final = 0.45
"""Orders after views that only the former attribution counts, by those that both count."""
_SECOND_UNIT_SHARE: Final = 1 / 6
_THIRD_UNIT_SHARE: Final = 1 / 60
MEAN_UNITS: Final = 1.0 + _SECOND_UNIT_SHARE + _THIRD_UNIT_SHARE
"""Of an order."""
_PRICE_SPREAD: Final = 0.25
"""Standard deviation of the logarithm of what shoppers pay for one product."""
_NEVER: Final = np.inf


@dataclass(frozen=True)
class Orders:
    """The orders of a day; one array element each, money in the currency's smallest unit.

    Attributes
    ----------
    cell : array of int
        The cell of the click or view that it followed.
    is_click : array of bool
        Whether it followed a click.
    other : array of int
        The product, by its position among the ad's others; -1: the advertised one.
    is_new : array of bool
        Whether the buyer is new to the brand.
    units, sales : array of int
    delay : array of float
        Days from the click or view to the order.
    arrived, cancelled : array of float
        When it is in reports, and when no longer, in days since the day began.
    """

    cell: Integers
    is_click: Flags
    other: Integers
    is_new: Flags
    units: Integers
    sales: Integers
    delay: Numbers
    arrived: Numbers
    cancelled: Numbers

    def join(self, others: Orders) -> Orders:
        """Return these orders, and then others of the same day."""
        columns = {}
        for column in fields(self):
            parts = [getattr(self, column.name), getattr(others, column.name)]
            columns[column.name] = np.concatenate(parts)
        return Orders(**columns)

    def are_known(self, age: float) -> Flags:
        """Return which orders are in a report `age` days after the day began."""
        return (self.arrived <= age) & (age < self.cancelled)


def draw_orders(
    cells: CampaignCells, traffic: Traffic, decimals: int, generator: np.random.Generator
) -> Orders:
    """Draw the orders of a day's clicks and views.

    Parameters
    ----------
    cells : CampaignCells
    traffic : Traffic
    decimals : int
        Of an amount of money.
    generator : numpy.random.Generator
    """
    counts = traffic.counts
    unclicked = counts.viewable - counts.clicks
    after_click = generator.binomial(counts.clicks, traffic.order_rate)
    after_view = generator.binomial(unclicked, traffic.view_order_rate)
    return _draw_details(cells, traffic, (after_click, after_view), decimals, generator)


def draw_more_view_orders(
    cells: CampaignCells, traffic: Traffic, decimals: int, generator: np.random.Generator
) -> Orders:
    """Draw the orders after views that only the attribution of before 2026-01-01 counts.

    Parameters
    ----------
    cells, traffic, decimals, generator
        As those of `draw_orders`.
    """
    unclicked = traffic.counts.viewable - traffic.counts.clicks
    after_view = generator.binomial(unclicked, MORE_VIEWS_SHARE * traffic.view_order_rate)
    after_click = np.zeros_like(after_view)
    return _draw_details(cells, traffic, (after_click, after_view), decimals, generator)


def _draw_details(
    cells: CampaignCells,
    traffic: Traffic,
    counts: tuple[Integers, Integers],
    decimals: int,
    generator: np.random.Generator,
) -> Orders:
    """Draw what is known of orders, of their counts in each cell after a click and after a view."""
    positions = np.arange(len(cells))
    clicked, viewed = (np.repeat(positions, orders) for orders in counts)
    cell = np.concatenate([clicked, viewed])
    count = len(cell)
    units = _draw_units(count, generator)
    delay = _draw_waits(_DELAYS, _LONGEST_WINDOW, count, generator)
    occurred = traffic.stop[cell] * generator.random(count)
    arrived = occurred + delay
    arrived += _draw_waits(_LAGS, MAX_AGE, count, generator)
    # What would arrive too late is told of in the last week in which anything is.
    last_week = _LAST_REPORTED - 7.0 * occurred
    arrived = np.where(arrived < _LAST_REPORTED, arrived, last_week)
    return Orders(
        cell=cell,
        is_click=np.arange(count) < len(clicked),
        other=_draw_products(cells, cell, generator),
        is_new=generator.random(count) < cells.new_share[cells.campaign[cell]],
        units=units,
        sales=_draw_sales(cells, cell, units, decimals, generator),
        delay=delay,
        arrived=arrived,
        cancelled=_draw_cancellations(arrived, generator),
    )


def _draw_units(count: int, generator: np.random.Generator) -> Integers:
    chance = generator.random(count)
    units = np.ones(count, np.int64)
    units += chance < _SECOND_UNIT_SHARE
    units += chance < _THIRD_UNIT_SHARE
    return units


def _draw_products(
    cells: CampaignCells, cell: Integers, generator: np.random.Generator
) -> Integers:
    """Draw which of the ad's other products each order is of; -1: of none."""
    ad = cells.ad[cell]
    chance = generator.random((len(cell), 1))
    is_beyond = cells.halo_bounds[ad] <= chance
    other: Integers = is_beyond.sum(axis=1)
    is_own = generator.random(len(cell)) >= cells.halo_share[ad]
    other[is_own] = -1
    return other


def final_share(window: int) -> float:
    """Return the share of orders that stay in a metric of an attribution window, in days."""
    arrived = 0.0
    for mean, share in _DELAYS.items():
        reached = np.expm1(-window / mean)
        reached /= np.expm1(-_LONGEST_WINDOW / mean)
        arrived += share * reached
    return float(arrived * (1.0 - _CANCELLED_SHARE))


def _draw_waits(
    parts: Mapping[float, float],
    longest: float,
    count: int,
    generator: np.random.Generator,
) -> Numbers:
    """Draw days from a mixture of exponential distributions that end at the longest wait."""
    means = np.array(list(parts))
    bounds = np.cumsum(list(parts.values()))
    part = np.searchsorted(bounds[:-1], generator.random(count), side="right")
    mean = means[part]
    reached = -np.expm1(-longest / mean)
    chance = reached * generator.random(count)
    days: Numbers = -mean * np.log1p(-chance)
    return days


def _draw_cancellations(arrived: Numbers, generator: np.random.Generator) -> Numbers:
    """Draw when orders are cancelled: most never."""
    count = len(arrived)
    left = MAX_AGE - arrived
    left *= generator.beta(*_CANCELLED_BETWEEN, count)
    is_cancelled = generator.random(count) < _CANCELLED_SHARE
    return np.where(is_cancelled, arrived + left, _NEVER)


def _draw_sales(
    cells: CampaignCells,
    cell: Integers,
    units: Integers,
    decimals: int,
    generator: np.random.Generator,
) -> Integers:
    """Draw what is paid for orders, so that an average order is the campaign's basket."""
    baskets = [campaign.basket for campaign in cells.campaigns]
    price = np.array(baskets, np.float64)[cells.campaign[cell]]
    price *= 10**decimals
    price /= MEAN_UNITS
    # The mean of the factors is 1.
    log_mean = -(_PRICE_SPREAD**2) / 2
    price *= generator.lognormal(log_mean, _PRICE_SPREAD, len(cell))
    sales = np.maximum(1.0, np.round(price * units))
    return sales.astype(np.int64)
