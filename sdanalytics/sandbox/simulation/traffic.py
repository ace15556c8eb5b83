"""The traffic model: the metrics of an ad group's day.

Everything follows from the ad group, the day and how long ago it was: the same parameters give the
same metrics on any machine, except that attribution matures as days pass.
"""

from __future__ import annotations

import math
import random
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.sandbox.simulation.advertisers import AdGroup, Advertiser
from sdanalytics.sandbox.simulation.apportion import MetricValues
from sdanalytics.sandbox.simulation.campaigns import CampaignTemplate
from sdanalytics.sandbox.simulation.invalid_traffic import gross_traffic, invalid_click_factor
from sdanalytics.sandbox.simulation.registered import simulate_registered

ADDITIVE: Final = tuple(metric.name for metric in CATALOGUE.values() if metric.is_summable)
"""The names of all additive metrics."""
_ATTRIBUTION_WINDOWS: Final = (1, 7, 14, 30)
"""Days."""
_SAME_SKU_SHARE: Final = 0.68
_NEW_TO_BRAND_SHARE: Final = 0.36
_ORDERS_PER_EXTRA_UNIT: Final = 6
"""One order in this number has a second unit."""
_VIEW_FACTOR: Final = 1.9
"""Orders of vCPM campaigns after a view or click, by those after a click."""
_WEEKDAY_FACTORS: Final = (0.94, 0.91, 0.93, 0.97, 1.04, 1.14, 1.12)  # Monday to Sunday
_AD_GROUP_FACTORS: Final = (0.6, 1.2, 1.2)
_VIDEO_SHARES: Final = {
    "videoFirstQuartileViews": 0.52,
    "videoMidpointViews": 0.38,
    "videoThirdQuartileViews": 0.29,
    "videoCompleteViews": 0.22,
    "videoUnmutes": 0.03,
}
"""Of the viewable impressions."""
_PAGES_OF_A_BORROW: Final = 160
_ROYALTY_OF_A_BORROW: Final = 1.13
_ROYALTY_OF_A_PAGE: Final = 0.0043
"""Dollars."""
READING_METRICS: Final = (
    "qualifiedBorrows",
    "royaltyQualifiedBorrows",
    "kindleEditionNormalizedPagesRead",
    "kindleEditionNormalizedPagesRoyalties",
)
"""What books that are borrowed bring, each ``FromClicks``, ``FromViews`` and together."""


class _DayFactors(NamedTuple):
    """How a day differs from an average one."""

    impressions: float = 1.0
    cost: float = 1.0
    orders: float = 1.0


_USUAL_DAY: Final = _DayFactors()
_INCIDENT_DAY: Final = _DayFactors(impressions=2.2, cost=1.7, orders=0.12)


class _Noise(NamedTuple):
    """The random factors of a day."""

    volume: float
    viewability: float
    ctr: float
    price: float
    cvr: float
    basket: float


class _Traffic(NamedTuple):
    """An ad group's day before attribution; money in the currency's smallest unit."""

    impressions: float
    viewable: float
    clicks: float
    cost: float
    orders: float
    basket: float


def simulate_day(group: AdGroup, day: date, now: datetime) -> MetricValues:
    """Return the metrics of an ad group's day as they are known at `now` (aware).

    Today is partial; invalid clicks are removed within three days; conversions arrive
    over weeks, and some are cancelled after four. A day in the future has no metrics.
    """
    midnight = datetime.combine(day, time(), group.advertiser.zone)
    age = (now - midnight) / timedelta(days=1)
    if age <= 0:
        return {}
    traffic = _simulate_traffic(group, day, age)
    values = dict.fromkeys(ADDITIVE, 0)
    values |= {
        "impressions": round(traffic.impressions),
        "viewImpressions": round(traffic.viewable),
        "clicks": round(traffic.clicks),
        "cost": round(traffic.cost),
    }
    values |= gross_traffic(
        group.campaign_id,
        traffic.clicks / invalid_click_factor(age),
        traffic.impressions,
        values,
    )
    values |= _click_conversions(traffic, age)
    values |= _view_conversions(traffic, age, group.campaign)
    values |= _interest(values, age)
    values |= simulate_registered(values["clicks"], values["cost"])
    values |= simulate_reading(
        group.advertiser,
        clicks=values["attributedConversions14d"],
        views=values["viewAttributedConversions14d"],
    )
    if group.campaign.video:
        values |= _video_views(traffic.viewable)
    return {name: value for name, value in values.items() if name in CATALOGUE}


def _simulate_traffic(group: AdGroup, day: date, age: float) -> _Traffic:
    """Draw the day's traffic; `age` is in days."""
    campaign = group.campaign
    noise = _draw_noise(group, day)
    factors = _day_factors(group, day)

    volume = _season(day) * _launch_ramp(campaign, day)
    volume *= noise.volume
    volume *= min(age, 1.0)
    impressions = campaign.impressions / campaign.ad_group_count
    impressions *= _AD_GROUP_FACTORS[group.index]
    impressions *= volume
    impressions *= factors.impressions
    viewable = impressions * noise.viewability
    clicks = impressions * campaign.ctr
    clicks *= noise.ctr
    clicks *= invalid_click_factor(age)

    minor_units = 10**group.advertiser.decimals
    charged = clicks if campaign.cost_type == "CPC" else viewable / 1000
    cost = charged * campaign.price
    cost *= minor_units
    cost *= noise.price
    cost *= factors.cost
    orders = clicks * campaign.cvr
    orders *= noise.cvr
    orders *= factors.orders
    basket = campaign.basket * minor_units * noise.basket
    return _Traffic(impressions, viewable, clicks, cost, orders, basket)


def _draw_noise(group: AdGroup, day: date) -> _Noise:
    seed = f"{group.id}/{day.toordinal()}"
    rng = random.Random(seed)
    # The order in which random numbers are drawn is part of the data: keep it.
    return _Noise(
        volume=rng.lognormvariate(0.0, 0.12),
        viewability=rng.uniform(0.58, 0.66),
        ctr=rng.uniform(0.85, 1.15),
        price=rng.uniform(0.92, 1.08),
        cvr=rng.uniform(0.75, 1.25),
        basket=rng.uniform(0.9, 1.1),
    )


def _day_factors(group: AdGroup, day: date) -> _DayFactors:
    """Return the factors of a day; campaigns with incidents have one on 8 of 21 days."""
    if not group.campaign.has_incidents:
        return _USUAL_DAY
    position = (day.toordinal() + group.campaign_id) % 21
    is_incident = position < 8
    return _INCIDENT_DAY if is_incident else _USUAL_DAY


def _click_conversions(traffic: _Traffic, age: float) -> MetricValues:
    return _conversions("attributed", traffic.orders, traffic.clicks, traffic.basket, age)


def _view_conversions(traffic: _Traffic, age: float, campaign: CampaignTemplate) -> MetricValues:
    """Return the conversions after a click or view; only vCPM campaigns have more of them."""
    factor = _VIEW_FACTOR if campaign.cost_type == "VCPM" else 1.0
    orders = traffic.orders * factor
    clicks = traffic.clicks * factor
    return _conversions("viewAttributed", orders, clicks, traffic.basket, age)


def _conversions(
    prefix: str, orders: float, clicks: float, basket: float, age: float
) -> MetricValues:
    """Return the conversion metrics of one kind of attribution.

    Parameters
    ----------
    prefix : str
        The first word of the metrics' names.
    orders, clicks : float
        Orders once attribution is complete; page views and searches follow from clicks.
    basket : float
        Sales of an order.
    age : float
        Days since the day began.
    """
    values: MetricValues = {}
    retained = _retained_share(age)
    for window in _ATTRIBUTION_WINDOWS:
        attributed = _attributed_share(min(age, window))
        count = int(orders * attributed * retained)
        values |= _window_conversions(prefix, f"{window}d", count, basket)
    orders_14d = values[f"{prefix}Conversions14d"]
    sales_14d = values[f"{prefix}Sales14d"]
    values |= _new_to_brand(prefix, orders_14d, sales_14d)
    values |= _page_visits(prefix, clicks, age)
    return values


def _window_conversions(prefix: str, window: str, count: int, basket: float) -> MetricValues:
    """Return orders, units and sales within one attribution window, such as ``14d``."""
    same_sku = round(count * _SAME_SKU_SHARE)
    other_sku = count - same_sku
    extra_units = count // _ORDERS_PER_EXTRA_UNIT
    sales = round(count * basket)
    same_sku_sales = _prorate(sales, same_sku, count)
    orders_name = f"{prefix}Conversions{window}"
    units_name = f"{prefix}UnitsOrdered{window}"
    sales_name = f"{prefix}Sales{window}"
    return {
        orders_name: count,
        f"{orders_name}SameSKU": same_sku,
        f"{orders_name}OtherSKU": other_sku,
        units_name: count + extra_units,
        f"{units_name}OtherSKU": other_sku + extra_units,
        sales_name: sales,
        f"{sales_name}SameSKU": same_sku_sales,
        f"{sales_name}OtherSKU": sales - same_sku_sales,
    }


def _new_to_brand(prefix: str, orders: int, sales: int) -> MetricValues:
    """Return the share of new customers in the orders and sales of 14 days."""
    new_orders = round(orders * _NEW_TO_BRAND_SHARE)
    extra_units = new_orders // _ORDERS_PER_EXTRA_UNIT
    new_sales = _prorate(sales, new_orders, orders)
    return {
        f"{prefix}OrdersNewToBrand14d": new_orders,
        f"{prefix}UnitsOrderedNewToBrand14d": new_orders + extra_units,
        f"{prefix}SalesNewToBrand14d": new_sales,
    }


def _page_visits(prefix: str, clicks: float, age: float) -> MetricValues:
    page_share = _attributed_share(min(3 * age, 30.0))
    pages = clicks * 1.5 * page_share
    search_share = _attributed_share(min(age, 14.0))
    searches = clicks * 0.07 * search_share
    return {
        f"{prefix}DetailPageView14d": round(pages),
        f"{prefix}BrandedSearches14d": round(searches),
    }


def _prorate(value: int, part: int, whole: int) -> int:
    """Return the share of a value that belongs to a part of a whole."""
    if whole == 0:
        return 0
    return round(value * part / whole)


def _interest(values: MetricValues, age: float) -> MetricValues:
    """Return what shoppers did besides buying, which only version 3 has."""
    clicks = values["clicks"]
    viewable = values["viewImpressions"]
    pages = values["attributedDetailPageView14d"]
    view_pages = values["viewAttributedDetailPageView14d"] - pages
    sales = values["viewAttributedSales14d"]
    new_sales = values["viewAttributedSalesNewToBrand14d"]
    share = _attributed_share(min(age, 14.0))
    return {
        "addToCartClicks": round(clicks * 0.21 * share),
        "addToCartViews": round(viewable * 0.0006 * share),
        "addToListFromClicks": round(clicks * 0.04 * share),
        "addToListFromViews": round(viewable * 0.0001 * share),
        "newToBrandDetailPageViewClicks": round(pages * 0.7),
        "newToBrandDetailPageViewViews": round(view_pages * 0.7),
        "longTermSales": sales + round(new_sales * 0.6),
        "linkOuts": round(clicks * 0.02),
    }


def simulate_reading(advertiser: Advertiser, clicks: int, views: int) -> MetricValues:
    """Return what is earned with books that are borrowed, for so many orders of all products.

    Parameters
    ----------
    advertiser : Advertiser
    clicks : int
        Orders after a click.
    views : int
        Orders after a view or a click.
    """
    values: MetricValues = {}
    for suffix, orders in (("FromClicks", clicks), ("FromViews", max(0, views - clicks))):
        borrows = round(orders * 0.3)
        pages = borrows * _PAGES_OF_A_BORROW
        of_borrows = _to_minor_units(borrows * _ROYALTY_OF_A_BORROW, advertiser)
        of_pages = _to_minor_units(pages * _ROYALTY_OF_A_PAGE, advertiser)
        for name, value in zip(
            READING_METRICS, (borrows, of_borrows, pages, of_pages), strict=True
        ):
            values[f"{name}{suffix}"] = value
    return values


def _to_minor_units(dollars: float, advertiser: Advertiser) -> int:
    """Return an amount in the smallest unit of an advertiser's currency."""
    minor_units: int = 10**advertiser.decimals
    return round(dollars * advertiser.scale * minor_units)


def _video_views(viewable: float) -> MetricValues:
    return {name: round(viewable * share) for name, share in _VIDEO_SHARES.items()}


def _attributed_share(days: float) -> float:
    """Return the share of conversions that arrive within a number of days of the ad interaction."""
    early = 0.62 * math.exp(-days / 1.1)
    late = 0.38 * math.exp(-days / 5.5)
    return 1.0 - early - late


def _retained_share(age: float) -> float:
    """Return the share of conversions not yet cancelled or returned, `age` days later."""
    progress = (age - 26.0) / 16.0
    progress = max(0.0, progress)
    progress = min(1.0, progress)
    return 1.0 - 0.03 * progress


def _season(day: date) -> float:
    """Return the factor of the weekday, the time of the year and the week of Black Friday."""
    weekday = day.weekday()
    weekly = _WEEKDAY_FACTORS[weekday]
    return weekly * _yearly_factor(day) * _sale_factor(day)


def _yearly_factor(day: date) -> float:
    """Return the factor of the time of the year: highest in summer."""
    day_of_year = day.timetuple().tm_yday
    angle = 2 * math.pi * (day_of_year - 80) / 365
    return 1.0 + 0.12 * math.sin(angle)


def _sale_factor(day: date) -> float:
    """Return the factor of the days around Black Friday."""
    black_friday = date(day.year, 11, 29)
    days = (day - black_friday).days
    distance = days / 3.0
    return 1.0 + 0.7 * math.exp(-(distance**2))


def _launch_ramp(campaign: CampaignTemplate, day: date) -> float:
    """Return the factor of a launch, which grows for ten days."""
    if campaign.is_permanent:
        return 1.0
    days = (day - campaign.first_day).days
    exponent = -(days + 0.6) / 4.0
    return 1.0 - math.exp(exponent)
