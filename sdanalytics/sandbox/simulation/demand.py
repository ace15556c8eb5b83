"""The demand of a day: what makes it differ from an average one, for each campaign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from sdanalytics.sandbox.simulation.arrays import Numbers, make_generator
from sdanalytics.sandbox.simulation.campaigns import CampaignTemplate
from sdanalytics.sandbox.simulation.cells import VIEWABLE_SHARE

_WEEKDAY_FACTORS: Final = (
    0.94,  # Monday
    0.91,
    0.93,
    0.97,
    1.04,
    1.14,
    1.12,  # Sunday
)
_INCIDENT_PERIOD: Final = 28
"""Days with one incident among them."""
_INCIDENT_POSITIONS: Final = range(8, 20)
"""Days of a period on which its incident may begin, so that two are some days apart."""
_LONG_INCIDENT_SHARE: Final = 0.1
"""Of the incidents: they last two days, the others one."""
_INCIDENT_FACTORS: Final = {
    "impressions": 2.2,
    "price": 1.7,
    "order_rate": 0.12,
}
_SALE_FACTORS: Final = {
    "impressions": 0.7,
    "order_rate": 0.3,
}
"""More by these parts on the best day of the sale."""
_NOISE: Final = {
    "impressions": 0.12,
    "click_rate": 0.06,
    "price": 0.05,
    "order_rate": 0.04,
}
"""Standard deviations of the logarithms of the factors by which a campaign's days differ."""
_VIEWABLE_SPREAD: Final = 0.04
_SATURATION: Final = 0.5
"""How soon more impressions bring no more orders: by this share of the usual impressions."""
_BUDGET_SWING: Final = 0.2
"""A day's limit differs from the budget by at most this: Amazon averages budgets."""


@dataclass(frozen=True)
class Demand:
    """The factors of a day by which campaigns differ from an average one; arrays by campaign.

    Attributes
    ----------
    impressions, click_rate, price, order_rate : array of float
        Factors.
    viewable_share : array of float
        Viewable impressions by impressions.
    budget_share : array of float
        The part of the budget at which the campaign stops.
    """

    impressions: Numbers
    click_rate: Numbers
    price: Numbers
    order_rate: Numbers
    viewable_share: Numbers
    budget_share: Numbers


def draw_demand(
    campaigns: Sequence[CampaignTemplate], day: date, generator: np.random.Generator
) -> Demand:
    """Draw the factors of a day."""
    count = len(campaigns)
    factors = {}
    for name, spread in _NOISE.items():
        factors[name] = generator.lognormal(0.0, spread, count)
    sale = _sale_strength(day)
    for name, more in _SALE_FACTORS.items():
        factors[name] *= 1.0 + more * sale
    incidents = [has_incident(campaign, day) for campaign in campaigns]
    is_incident = np.array(incidents, np.bool_)
    for name, factor in _INCIDENT_FACTORS.items():
        factors[name] *= np.where(is_incident, factor, 1.0)
    ramps = [_launch_ramp(campaign, day) for campaign in campaigns]
    factors["impressions"] *= np.array(ramps)
    factors["impressions"] *= _WEEKDAY_FACTORS[day.weekday()]
    factors["impressions"] *= _yearly_factor(day)
    lowest_share = VIEWABLE_SHARE - _VIEWABLE_SPREAD
    highest_share = VIEWABLE_SHARE + _VIEWABLE_SPREAD
    lowest_limit = 1.0 - _BUDGET_SWING
    highest_limit = 1.0 + _BUDGET_SWING
    return Demand(
        **factors,
        viewable_share=generator.uniform(lowest_share, highest_share, count),
        budget_share=generator.uniform(lowest_limit, highest_limit, count),
    )


def saturate(volume: Numbers) -> Numbers:
    """Return the factor of the order rate at a volume of impressions, by the usual one.

    Orders are ``volume * saturate(volume)``: a hyperbola (Michaelis and Menten), which rises ever
    more slowly, and is 1 at the usual volume.
    """
    return (1.0 + _SATURATION) / (1.0 + _SATURATION * volume)


def has_incident(campaign: CampaignTemplate, day: date) -> bool:
    """Return whether a campaign costs much and sells little on a day: one in 28, or two."""
    if not campaign.has_incidents:
        return False
    period, position = divmod(day.toordinal(), _INCIDENT_PERIOD)
    generator = make_generator(f"broken listing/{campaign.name}/{period}")
    start = generator.integers(_INCIDENT_POSITIONS.start, _INCIDENT_POSITIONS.stop)
    duration = 2 if generator.random() < _LONG_INCIDENT_SHARE else 1
    return bool(start <= position < start + duration)


def _yearly_factor(day: date) -> float:
    """Return the factor of the time of the year: highest in summer."""
    day_of_year = day.timetuple().tm_yday
    angle = 2 * math.pi * (day_of_year - 80) / 365
    return 1.0 + 0.12 * math.sin(angle)


def _sale_strength(day: date) -> float:
    """Return how near a day is to the sale after Thanksgiving, from 0 to 1."""
    november = date(day.year, 11, 1)
    # The Friday after the fourth Thursday; the sale goes on until Monday.
    black_friday = 23 + (3 - november.weekday()) % 7
    middle = date(day.year, 11, black_friday).toordinal() + 1.5
    distance = (day.toordinal() - middle) / 2.5
    return math.exp(-(distance**2))


def _launch_ramp(campaign: CampaignTemplate, day: date) -> float:
    """Return the factor of a launch, which grows for ten days."""
    if campaign.is_permanent:
        return 1.0
    days = (day - campaign.first_day).days
    exponent = -(days + 0.6) / 4.0
    return 1.0 - math.exp(exponent)
