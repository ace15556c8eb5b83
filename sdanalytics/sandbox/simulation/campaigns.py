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


class _Shape(NamedTuple):
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


_SHAPES: Final = {
    "retargeting": _Shape("T00030", "CPC", 260, 42_000, 0.0062, 0.58, 0.094, 41.0, 4),
    "category": _Shape("T00020", "CPC", 300, 88_000, 0.0041, 0.66, 0.052, 38.0, 4),
    "competitors": _Shape("T00020", "CPC", 640, 61_000, 0.0038, 0.81, 0.022, 44.0, 3),
    "reach": _Shape("T00030", "VCPM", 650, 160_000, 0.0016, 5.2, 0.061, 40.0, 5),
    "own": _Shape("T00020", "CPC", 120, 24_000, 0.0074, 0.39, 0.121, 47.0, 3),
    "interests": _Shape("T00030", "VCPM", 320, 97_000, 0.0013, 4.4, 0.050, 36.0, 3),
    "video": _Shape("T00020", "VCPM", 400, 67_000, 0.0029, 6.8, 0.057, 52.0, 2),
    "accessories": _Shape("T00020", "CPC", 40, 15_000, 0.0055, 0.31, 0.083, 17.0, 3),
}


def build_permanent_campaigns(
    names: Mapping[str, str], products: Sequence[str], scale: float
) -> tuple[CampaignTemplate, ...]:
    """Build the campaigns that every advertiser has, which differ in names and money.

    Parameters
    ----------
    names : mapping of str to str
        The campaigns' names by the keys of `_SHAPES`.
    products : sequence of str
        All products of the advertiser.
    scale : float
        The value of a dollar in its currency.
    """
    campaigns = []
    for position, (key, shape) in enumerate(_SHAPES.items()):
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
            products=_rotate_products(products, position * 2, shape.product_count),
            has_incidents=key == "competitors",
            video=key == "video",
        )
        campaigns.append(campaign)
    return tuple(campaigns)


def _rotate_products(products: Sequence[str], start: int, count: int) -> tuple[str, ...]:
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
