"""The campaigns of the sandbox: their settings and expected performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final, NamedTuple

ACCOUNT_OPENED: Final = date(2023, 3, 1)
"""Start date of the permanent campaigns, as the console shows it."""
LAUNCH_INTERVAL: Final = 14
"""Days from one launch campaign to the next."""
_LAUNCH_DURATION: Final = 34
"""Days from a launch campaign's first day to its last."""
_MAX_AD_GROUPS: Final = 3


@dataclass(frozen=True, eq=False)
class CampaignTemplate:
    """The settings and the expected performance of a campaign.

    Attributes
    ----------
    name, tactic, cost_type : str
    budget : int
        A day, in the advertiser's currency.
    impressions : int
        Expected on an average day.
    ctr, cvr : float
        Clicks by impressions, and orders by clicks.
    price : float
        Cost of a click (CPC) or of 1,000 viewable impressions (VCPM).
    basket : float
        Sales of an average order.
    products : tuple of str
        The advertised products.
    has_incidents : bool
        Whether it has days, one in thirty, with a high cost and few sales.
    video : bool
    first_day, last_day : datetime.date
    """

    name: str
    tactic: str
    cost_type: str
    budget: int
    impressions: int
    ctr: float
    price: float
    cvr: float
    basket: float
    products: tuple[str, ...]
    has_incidents: bool = False
    video: bool = False
    first_day: date = date.min
    last_day: date = date.max

    @property
    def ad_group_count(self) -> int:
        """The number of ad groups."""
        return min(_MAX_AD_GROUPS, len(self.products))

    @property
    def bid_optimization(self) -> str:
        """The aim of its ad groups' bids."""
        return "reach" if self.cost_type == "VCPM" else "conversions"

    @property
    def is_permanent(self) -> bool:
        """Whether it is not a launch, which has a first day."""
        return self.first_day == date.min

    def is_running(self, day: date) -> bool:
        """Return whether it runs on a day."""
        return self.first_day <= day <= self.last_day

    def state(self, day: date) -> str:
        """Return its state on a day, as the console shows it."""
        if day > self.last_day:
            return "archived"
        if day == self.last_day:
            return "paused"
        return "enabled"


class CampaignShape(NamedTuple):
    """A permanent campaign before it is an advertiser's: without names, money in dollars."""

    tactic: str
    cost_type: str
    budget: int
    impressions: int
    ctr: float
    price: float
    cvr: float
    basket: float
    product_count: int


SHAPES: Final = {
    "retargeting": CampaignShape(
        tactic="T00030",
        cost_type="CPC",
        budget=260,
        impressions=42_000,
        ctr=0.0062,
        price=0.58,
        cvr=0.094,
        basket=41.0,
        product_count=4,
    ),
    "category": CampaignShape(
        tactic="T00020",
        cost_type="CPC",
        budget=300,
        impressions=88_000,
        ctr=0.0041,
        price=0.66,
        cvr=0.052,
        basket=38.0,
        product_count=4,
    ),
    "competitors": CampaignShape(
        tactic="T00020",
        cost_type="CPC",
        budget=640,
        impressions=61_000,
        ctr=0.0038,
        price=0.81,
        cvr=0.022,
        basket=44.0,
        product_count=3,
    ),
    "reach": CampaignShape(
        tactic="T00030",
        cost_type="VCPM",
        budget=650,
        impressions=160_000,
        ctr=0.0016,
        price=5.2,
        cvr=0.061,
        basket=40.0,
        product_count=5,
    ),
    "own": CampaignShape(
        tactic="T00020",
        cost_type="CPC",
        budget=120,
        impressions=24_000,
        ctr=0.0074,
        price=0.39,
        cvr=0.121,
        basket=47.0,
        product_count=3,
    ),
    "interests": CampaignShape(
        tactic="T00030",
        cost_type="VCPM",
        budget=320,
        impressions=97_000,
        ctr=0.0013,
        price=4.4,
        cvr=0.050,
        basket=36.0,
        product_count=3,
    ),
    "video": CampaignShape(
        tactic="T00020",
        cost_type="VCPM",
        budget=400,
        impressions=67_000,
        ctr=0.0029,
        price=6.8,
        cvr=0.057,
        basket=52.0,
        product_count=2,
    ),
    "accessories": CampaignShape(
        tactic="T00020",
        cost_type="CPC",
        budget=40,
        impressions=15_000,
        ctr=0.0055,
        price=0.31,
        cvr=0.083,
        basket=17.0,
        product_count=3,
    ),
}
"""The kinds of campaigns that every advertiser has, by keys."""


def build_permanent_campaigns(
    names: Mapping[str, str], products: Sequence[str], scale: float
) -> tuple[CampaignTemplate, ...]:
    """Build the campaigns that every advertiser has, which differ in names and money.

    Parameters
    ----------
    names : mapping of str to str
        The campaigns' names by the keys of `SHAPES`.
    products : sequence of str
        All products of the advertiser.
    scale : float
        The value of a dollar in its currency.
    """
    campaigns = []
    for position, (key, shape) in enumerate(SHAPES.items()):
        campaign = CampaignTemplate(
            name=names[key],
            tactic=shape.tactic,
            cost_type=shape.cost_type,
            budget=round(shape.budget * scale),
            impressions=shape.impressions,
            ctr=shape.ctr,
            price=shape.price * scale,
            cvr=shape.cvr,
            basket=shape.basket * scale,
            products=rotate_products(products, position * 2, shape.product_count),
            has_incidents=key == "competitors",
            video=key == "video",
        )
        campaigns.append(campaign)
    return tuple(campaigns)


def rotate_products(products: Sequence[str], start: int, count: int) -> tuple[str, ...]:
    """Return `count` products from `start` on, beginning again after the last."""
    chosen = []
    for position in range(start, start + count):
        product = products[position % len(products)]
        chosen.append(product)
    return tuple(chosen)


@cache
def build_launch_campaign(
    cycle: int, name_format: str, products: tuple[str, ...], scale: float
) -> CampaignTemplate:
    """Build the launch campaign of one product.

    Parameters
    ----------
    cycle : int
        Number of the launch: one begins every `LAUNCH_INTERVAL` days.
    name_format : str
        Its name with the fields ``product`` and ``day``.
    products : tuple of str
        The products to launch, one after the other.
    scale : float
        The value of a dollar in the advertiser's currency.
    """
    first_day = date.fromordinal(cycle * LAUNCH_INTERVAL + 2)
    product = products[cycle % len(products)]
    return CampaignTemplate(
        name=name_format.format(product=product, day=first_day),
        tactic="T00020" if cycle % 2 else "T00030",
        cost_type="CPC",
        budget=round(80 * scale),
        impressions=16_000,
        ctr=0.0065,
        price=0.62 * scale,
        cvr=0.055,
        basket=39.0 * scale,
        products=(product,),
        first_day=first_day,
        last_day=first_day + timedelta(_LAUNCH_DURATION),
    )
