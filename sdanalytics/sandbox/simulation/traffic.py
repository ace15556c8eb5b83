"""The traffic of a day: impressions, clicks and their cost, drawn for each cell.

A campaign stops when its budget is used up. No day costs more than 125 % of the budget, which is
also what Amazon promises of days that make up for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from sdanalytics.sandbox.simulation.arrays import (
    Integers,
    Numbers,
    sum_groups,
    take_share,
)
from sdanalytics.sandbox.simulation.campaigns import CampaignTemplate
from sdanalytics.sandbox.simulation.cells import CampaignCells
from sdanalytics.sandbox.simulation.demand import Demand, draw_demand, saturate
from sdanalytics.sandbox.simulation.invalid_traffic import (
    LATE_SHARE,
    LateClicks,
    draw_late_clicks,
    invalid_shares,
)

_MAX_OVERSPEND: Final = 1.25
"""Cost of a day, by the budget."""
_MAX_ORDER_RATE: Final = 0.9


class Counts(NamedTuple):
    """Valid impressions, viewable impressions and clicks, and invalid clicks, of each cell."""

    impressions: Integers
    viewable: Integers
    clicks: Integers
    late_clicks: Integers

    def take(self, share: Numbers, rounding: Numbers) -> Counts:
        """Return a share of them (see `take_share`)."""
        return Counts(*(take_share(counts, share, rounding) for counts in self))


class Prices(NamedTuple):
    """The prices in each cell, in the currency's smallest unit; 0 where there is nothing to pay.

    Attributes
    ----------
    click : array of int
    view : array of float
        Of a viewable impression.
    rounding : array of float
        From 0 to 1: how the cost of views, and shares of counts, are rounded.
    """

    click: Integers
    view: Numbers
    rounding: Numbers

    def cost(self, viewable: Integers, clicks: Integers) -> Integers:
        """Return what viewable impressions and clicks of each cell cost."""
        views = np.floor(viewable * self.view + self.rounding)
        return clicks * self.click + views.astype(np.int64)


class _Expectation(NamedTuple):
    """The traffic that each cell expects before the budget ends it."""

    impressions: Numbers
    viewable_share: Numbers
    click_rate: Numbers

    def cost(self, prices: Prices) -> Numbers:
        viewable = self.impressions * self.viewable_share
        return viewable * (self.click_rate * prices.click + prices.view)


@dataclass(frozen=True)
class Traffic:
    """The traffic of a day; arrays by cell.

    Attributes
    ----------
    counts : Counts
        Of the whole day.
    prices : Prices
    late_clicks : LateClicks
        Invalid ones that are in the reports until they are found.
    hidden_clicks, hidden_impressions : array of int
        Invalid ones that are in no report.
    stop : array of float
        The part of the day after which the cell's campaign had stopped.
    order_rate, view_order_rate : array of float
        Orders by clicks, and orders after a view by viewable impressions without a click.
    """

    counts: Counts
    prices: Prices
    late_clicks: LateClicks
    hidden_clicks: Integers
    hidden_impressions: Integers
    stop: Numbers
    order_rate: Numbers
    view_order_rate: Numbers

    def progress(self, age: float) -> Numbers | float:
        """Return the part of the traffic that had happened at an age in days."""
        if age >= 1.0:
            return 1.0
        return np.minimum(1.0, age / self.stop)


def draw_traffic(
    cells: CampaignCells, day: date, decimals: int, generator: np.random.Generator
) -> Traffic:
    """Draw a day's traffic.

    Parameters
    ----------
    cells : CampaignCells
    day : datetime.date
    decimals : int
        Of an amount of money.
    generator : numpy.random.Generator
    """
    demand = draw_demand(cells.campaigns, day, generator)
    prices = _draw_prices(cells, demand, decimals, generator)
    budgets = _by_campaign(cells.campaigns, "budget") * 10**decimals
    expected = _expect(cells, demand)
    demanded = np.bincount(cells.campaign, expected.cost(prices), len(cells.campaigns))
    served = np.minimum(1.0, demand.budget_share * budgets / demanded)
    impressions = expected.impressions * served[cells.campaign]
    counts = _draw_counts(expected._replace(impressions=impressions), generator)
    counts, kept = _stop_at(_MAX_OVERSPEND * budgets, counts, prices, cells.campaign)
    served *= kept
    stop = served[cells.campaign]
    hidden = _list_invalid_shares(cells.campaigns)[cells.campaign]
    order_factor = demand.order_rate * saturate(demand.impressions * served)
    return Traffic(
        counts=counts,
        prices=prices,
        late_clicks=draw_late_clicks(counts.late_clicks, stop, generator),
        hidden_clicks=generator.poisson(counts.clicks * hidden[:, 0]),
        hidden_impressions=generator.poisson(counts.impressions * hidden[:, 1]),
        stop=stop,
        order_rate=np.minimum(_MAX_ORDER_RATE, cells.order_rate * order_factor[cells.campaign]),
        view_order_rate=cells.view_order_rate * order_factor[cells.campaign],
    )


def _expect(cells: CampaignCells, demand: Demand) -> _Expectation:
    impressions = _by_campaign(cells.campaigns, "impressions") * demand.impressions
    return _Expectation(
        impressions=impressions[cells.campaign] * cells.share,
        viewable_share=demand.viewable_share[cells.campaign],
        click_rate=cells.click_rate * demand.click_rate[cells.campaign],
    )


def _draw_prices(
    cells: CampaignCells, demand: Demand, decimals: int, generator: np.random.Generator
) -> Prices:
    base = _by_campaign(cells.campaigns, "price")
    base *= demand.price
    base *= 10**decimals
    price = base[cells.campaign] * cells.price
    by_click = [campaign.cost_type == "CPC" for campaign in cells.campaigns]
    is_cpc = np.array(by_click, np.bool_)[cells.campaign]
    rounding = generator.random(len(cells))
    whole = np.floor(price + rounding).astype(np.int64)
    return Prices(
        click=np.where(is_cpc, np.maximum(1, whole), 0),
        view=np.where(is_cpc, 0.0, price / 1000),
        rounding=generator.random(len(cells)),
    )


def _draw_counts(expected: _Expectation, generator: np.random.Generator) -> Counts:
    impressions = generator.poisson(expected.impressions)
    viewable = generator.binomial(impressions, expected.viewable_share)
    clicks = generator.binomial(viewable, np.minimum(1.0, expected.click_rate))
    late_clicks = generator.poisson(clicks * LATE_SHARE)
    return Counts(impressions, viewable, clicks, late_clicks)


def _stop_at(
    limits: Numbers, counts: Counts, prices: Prices, campaign: Integers
) -> tuple[Counts, Numbers]:
    """Return what is left when campaigns stop at a limit of their cost, and the shares kept."""
    kept = np.ones(len(limits))
    left = counts
    while True:
        paid = prices.cost(left.viewable, left.clicks + left.late_clicks)
        costs = sum_groups(campaign, paid, len(limits))
        is_over = costs > limits
        if not is_over.any():
            return left, kept
        kept[is_over] *= 0.99 * limits[is_over] / costs[is_over]
        left = counts.take(kept[campaign], prices.rounding)


def _list_invalid_shares(campaigns: Sequence[CampaignTemplate]) -> Numbers:
    """Return the shares of invalid clicks and impressions, a row for each campaign."""
    shares = [invalid_shares(campaign.name) for campaign in campaigns]
    return np.array(shares, np.float64).reshape(-1, 2)


def _by_campaign(campaigns: Sequence[CampaignTemplate], name: str) -> Numbers:
    return np.array([getattr(campaign, name) for campaign in campaigns], np.float64)
