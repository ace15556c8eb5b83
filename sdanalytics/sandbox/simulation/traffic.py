"""The traffic model: what an ad group's day looks like.

Everything follows from the ad group, the day and how long ago it was: the same question has
the same answer, on any machine, except that attribution matures as days pass.
"""

from __future__ import annotations

import math
import random
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.sandbox.simulation.advertisers import AdGroup
from sdanalytics.sandbox.simulation.apportion import MetricValues
from sdanalytics.sandbox.simulation.campaigns import CampaignTemplate

ADDITIVE: Final = tuple(metric.name for metric in CATALOGUE.values() if metric.is_summable)
"""The names of all additive metrics."""
_ATTRIBUTION_WINDOWS: Final = (1, 7, 14, 30)
"""Days."""
_SAME_SKU_SHARE: Final = 0.68
_NEW_TO_BRAND_SHARE: Final = 0.36
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


class _DayFactors(NamedTuple):
    """How a day differs from an average one."""

    impressions: float = 1.0
    cost: float = 1.0
    orders: float = 1.0


_USUAL_DAY: Final = _DayFactors()
_INCIDENT_DAY: Final = _DayFactors(impressions=2.2, cost=1.7, orders=0.12)


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
    values["impressions"] = round(traffic.impressions)
    values["viewImpressions"] = round(traffic.viewable)
    values["clicks"] = round(traffic.clicks)
    values["cost"] = round(traffic.cost)
    values |= _conversions("attributed", traffic, 1.0, age)
    is_vcpm = group.campaign.cost_type == "VCPM"
    values |= _conversions("viewAttributed", traffic, _VIEW_FACTOR if is_vcpm else 1.0, age)
    values |= _interest(values, age)
    if group.campaign.video:
        values |= _video_views(traffic.viewable)
    return {name: value for name, value in values.items() if name in CATALOGUE}


def _simulate_traffic(group: AdGroup, day: date, age: float) -> _Traffic:
    """Draw the day's traffic; `age` is in days."""
    # The order in which random numbers are drawn is part of the data: keep it.
    rng = random.Random(f"{group.id}/{day.toordinal()}")
    campaign = group.campaign
    factors = _INCIDENT_DAY if _is_incident(group, day) else _USUAL_DAY
    volume = _season(day) * _launch_ramp(campaign, day) * rng.lognormvariate(0.0, 0.12)
    volume *= min(age, 1.0)

    share = campaign.impressions / campaign.ad_group_count * _AD_GROUP_FACTORS[group.index]
    impressions = share * volume * factors.impressions
    viewable = impressions * rng.uniform(0.58, 0.66)
    clicks = impressions * campaign.ctr * rng.uniform(0.85, 1.15)
    clicks *= 1.0 + 0.01 * max(0.0, 3.0 - age)

    minor_units = 10**group.advertiser.decimals
    charged = clicks if campaign.cost_type == "CPC" else viewable / 1000
    cost = charged * campaign.price * minor_units * rng.uniform(0.92, 1.08) * factors.cost
    orders = clicks * campaign.cvr * rng.uniform(0.75, 1.25) * factors.orders
    basket = campaign.basket * minor_units * rng.uniform(0.9, 1.1)
    return _Traffic(impressions, viewable, clicks, cost, orders, basket)


def _is_incident(group: AdGroup, day: date) -> bool:
    """Return whether a campaign with incidents has one: 8 of every 21 days."""
    return group.campaign.has_incidents and (day.toordinal() + group.campaign_id) % 21 < 8


def _conversions(prefix: str, traffic: _Traffic, factor: float, age: float) -> MetricValues:
    """Return the conversion metrics of one kind of attribution.

    Parameters
    ----------
    prefix : str
        The first word of the metrics' names.
    factor : float
        Conversions of this kind by those after a click.
    age : float
        Days since the day began.
    """
    orders, clicks = traffic.orders * factor, traffic.clicks * factor
    values: MetricValues = {}
    for window in _ATTRIBUTION_WINDOWS:
        matured = orders * _attributed_share(min(age, window)) * _retained_share(age)
        values |= _window_conversions(prefix, f"{window}d", int(matured), traffic.basket)
    count = values[f"{prefix}Conversions14d"]
    sales = values[f"{prefix}Sales14d"]
    new = round(count * _NEW_TO_BRAND_SHARE)
    pages = clicks * 1.5 * _attributed_share(min(3 * age, 30.0))
    searches = clicks * 0.07 * _attributed_share(min(age, 14.0))
    values |= {
        f"{prefix}OrdersNewToBrand14d": new,
        f"{prefix}UnitsOrderedNewToBrand14d": new + new // 6,
        f"{prefix}SalesNewToBrand14d": _prorate(sales, new, count),
        f"{prefix}DetailPageView14d": round(pages),
        f"{prefix}BrandedSearches14d": round(searches),
    }
    return values


def _window_conversions(prefix: str, window: str, count: int, basket: float) -> MetricValues:
    """Return orders, units and sales within one attribution window, such as ``14d``."""
    same = round(count * _SAME_SKU_SHARE)
    other = count - same
    extra_units = count // 6
    sales = round(count * basket)
    same_sales = _prorate(sales, same, count)
    return {
        f"{prefix}Conversions{window}": count,
        f"{prefix}Conversions{window}SameSKU": same,
        f"{prefix}Conversions{window}OtherSKU": other,
        f"{prefix}UnitsOrdered{window}": count + extra_units,
        f"{prefix}UnitsOrdered{window}OtherSKU": other + extra_units,
        f"{prefix}Sales{window}": sales,
        f"{prefix}Sales{window}SameSKU": same_sales,
        f"{prefix}Sales{window}OtherSKU": sales - same_sales,
    }


def _prorate(value: int, part: int, whole: int) -> int:
    """Return the share of a value that belongs to a part of a whole."""
    if whole == 0:
        return 0
    return round(value * part / whole)


def _interest(values: MetricValues, age: float) -> MetricValues:
    """Return the metrics that only version 3 has; nobody here sells books to borrow."""
    clicks, viewable = values["clicks"], values["viewImpressions"]
    pages = values["attributedDetailPageView14d"]
    view_pages = values["viewAttributedDetailPageView14d"] - pages
    share = _attributed_share(min(age, 14.0))
    return {
        "addToCartClicks": round(clicks * 0.21 * share),
        "addToCartViews": round(viewable * 0.0006 * share),
        "addToListFromClicks": round(clicks * 0.04 * share),
        "addToListFromViews": round(viewable * 0.0001 * share),
        "newToBrandDetailPageViewClicks": round(pages * 0.7),
        "newToBrandDetailPageViewViews": round(view_pages * 0.7),
        "longTermSales": round(values["viewAttributedSalesNewToBrand14d"] * 1.6),
    }


def _video_views(viewable: float) -> MetricValues:
    return {name: round(viewable * share) for name, share in _VIDEO_SHARES.items()}


def _attributed_share(days: float) -> float:
    """Return the share of conversions that arrive within some days of the ad interaction."""
    return 1.0 - 0.62 * math.exp(-days / 1.1) - 0.38 * math.exp(-days / 5.5)


def _retained_share(age: float) -> float:
    """Return the share of conversions not yet cancelled or returned, `age` days later."""
    lost = min(1.0, max(0.0, (age - 26.0) / 16.0))
    return 1.0 - 0.03 * lost


def _season(day: date) -> float:
    """Return the factor of the weekday, the time of the year and the week of Black Friday."""
    day_of_year = day.timetuple().tm_yday
    yearly = 1.0 + 0.12 * math.sin(2 * math.pi * (day_of_year - 80) / 365)
    days_to_sale = (day - date(day.year, 11, 29)).days
    sale = 1.0 + 0.7 * math.exp(-((days_to_sale / 3.0) ** 2))
    return _WEEKDAY_FACTORS[day.weekday()] * yearly * sale


def _launch_ramp(campaign: CampaignTemplate, day: date) -> float:
    """Return the factor of a launch, which grows for ten days."""
    if campaign.is_permanent:
        return 1.0
    days = (day - campaign.first_day).days
    return 1.0 - math.exp(-(days + 0.6) / 4.0)
