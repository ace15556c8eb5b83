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

_WEEKDAY_FACTORS: Final = (0.94, 0.91, 0.93, 0.97, 1.04, 1.14, 1.12)  # Monday to Sunday
_INCIDENT_PERIOD: Final = 28
"""Days with one incident among them."""
_INCIDENT_POSITIONS: Final = range(8, 20)
"""Days of a period on which its incident may begin, so that two are some days apart."""
_LONG_INCIDENT_SHARE: Final = 0.1
"""Of the incidents: they last two days, the others one."""
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
    sale = _sale_strength(day)
    is_incident = np.array([has_incident(campaign, day) for campaign in campaigns], np.bool_)
    ramps = np.array([_launch_ramp(campaign, day) for campaign in campaigns])
    season = _WEEKDAY_FACTORS[day.weekday()] * _yearly_factor(day) * (1.0 + 0.7 * sale)
    swing = generator.uniform(1.0 - _BUDGET_SWING, 1.0 + _BUDGET_SWING, count)
    noise = generator.lognormal(0.0, [[0.12], [0.06], [0.05], [0.04]], (4, count))
    return Demand(
        impressions=season * ramps * noise[0] * np.where(is_incident, 2.2, 1.0),
        click_rate=noise[1],
        price=noise[2] * np.where(is_incident, 1.7, 1.0),
        order_rate=noise[3] * (1.0 + 0.3 * sale) * np.where(is_incident, 0.12, 1.0),
        viewable_share=generator.uniform(VIEWABLE_SHARE - 0.04, VIEWABLE_SHARE + 0.04, count),
        budget_share=swing,
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
