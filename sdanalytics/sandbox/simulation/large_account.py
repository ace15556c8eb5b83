"""The campaigns of a large account: of the usual kinds, large and small, named by convention."""

from __future__ import annotations

from typing import Final

import numpy as np

from sdanalytics.sandbox.simulation.arrays import make_generator
from sdanalytics.sandbox.simulation.campaigns import (
    SHAPES,
    CampaignShape,
    CampaignTemplate,
    rotate_products,
)

_STRATEGIES: Final = {
    "retargeting": "Retargeting",
    "category": "Category",
    "competitors": "Competitors",
    "reach": "Reach",
    "own": "Own pages",
    "interests": "Interests",
    "video": "Video",
    "accessories": "Cross-sell",
}
_DETAILS: Final = (
    "Views 30d",
    "Purchases 90d",
    "Top sellers",
    "New in",
    "Test",
    "do not pause",
)
_QUARTERS: Final = (
    "2026 Q4",
    "2026 Q3",
    "2026 Q2",
    "2026 Q1",
    "2025 Q4",
)
_MEDIAN_SIZE: Final = 0.35
_SIZE_SPREAD: Final = 0.9
"""Of campaigns, by the usual one of their kind: a log-normal distribution."""
_SIZE_EFFECT: Final = -0.2
"""Exponent: larger campaigns reach shoppers who buy more rarely."""
_RATE_SPREAD: Final = 0.3
_PRICE_SPREAD: Final = 0.15
_BUDGETS: Final = (0.8, 2.5)
"""Range of the budgets, by the cost of a usual day."""
_INCIDENT_SHARE: Final = 0.15
"""Of the campaigns."""
_VIEWABLE_THOUSANDS: Final = 0.62 / 1000


def build_named_campaigns(
    count: int, country: str, products: tuple[str, ...], scale: float
) -> list[CampaignTemplate]:
    """Build campaigns that are always the same for a country.

    Parameters
    ----------
    count : int
    country : str
    products : tuple of str
        All products of the advertiser.
    scale : float
        The value of a dollar in its currency.
    """
    campaigns = []
    for number in range(count):
        rest, strategy = divmod(number, len(_STRATEGIES))
        rest, product = divmod(rest, len(products))
        rest, detail = divmod(rest, len(_DETAILS))
        rest, quarter = divmod(rest, len(_QUARTERS))
        key = list(_STRATEGIES)[strategy]
        parts = [
            "SD",
            country,
            _QUARTERS[quarter],
            _STRATEGIES[key],
            products[product],
            _DETAILS[detail],
        ]
        if rest:
            parts.append(str(rest + 1))
        name = " | ".join(parts)
        chosen = rotate_products(products, product, SHAPES[key].product_count)
        campaigns.append(_vary(key, name, chosen, scale))
    return campaigns


def _vary(key: str, name: str, products: tuple[str, ...], scale: float) -> CampaignTemplate:
    """Draw a campaign of a kind, which differs from the usual one in size, rates and prices."""
    shape = SHAPES[key]
    generator = make_generator(f"campaign/{name}")
    size, rate, price, ctr = np.exp(generator.normal(size=4))
    size = _MEDIAN_SIZE * size**_SIZE_SPREAD
    varied = shape._replace(
        impressions=round(shape.impressions * size),
        ctr=shape.ctr * ctr**_PRICE_SPREAD,
        cvr=min(0.3, shape.cvr * rate**_RATE_SPREAD * size**_SIZE_EFFECT),
        price=shape.price * price**_PRICE_SPREAD,
    )
    budget = _expect_cost(varied) * generator.uniform(*_BUDGETS)
    return CampaignTemplate(
        name=name,
        tactic=varied.tactic,
        cost_type=varied.cost_type,
        budget=max(1, round(budget)) * max(1, round(scale)),
        impressions=varied.impressions,
        ctr=varied.ctr,
        price=varied.price * scale,
        cvr=varied.cvr,
        basket=varied.basket * scale,
        products=products,
        has_incidents=bool(generator.random() < _INCIDENT_SHARE),
        video=key == "video",
    )


def _expect_cost(shape: CampaignShape) -> float:
    """Return the dollars of a usual day."""
    events = shape.impressions * shape.ctr
    if shape.cost_type == "VCPM":
        events = shape.impressions * _VIEWABLE_THOUSANDS
    return events * shape.price
