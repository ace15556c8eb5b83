"""The advertisers of the sandbox: who they are and what happened to them on a day.

Everything follows from the profile, the day and how long ago it was: the same question has
the same answer, on any machine, except that attribution matures as days pass. All numbers
of a day are made for each ad group, and split among its ads, targets, matched pages and
halo products without losing any: every report adds up to every other.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sdanalytics.model.metrics import CATALOGUE

MetricValues = dict[str, int]
"""Additive metrics by name; money in the currency's smallest unit."""

ACCOUNT_OPENED: Final = date(2023, 3, 1)
"""Since when the lasting campaigns run, as far as the console says."""
ADDITIVE: Final = tuple(metric.name for metric in CATALOGUE.values() if metric.is_summable)
_WINDOWS: Final = (1, 7, 14, 30)
_SAME_SKU_SHARE: Final = 0.68
_NEW_TO_BRAND_SHARE: Final = 0.36
_WEEK: Final = (0.94, 0.91, 0.93, 0.97, 1.04, 1.14, 1.12)  # Monday to Sunday


@dataclass(frozen=True)
class CampaignTemplate:
    """What a campaign is meant to do, before the days happen to it."""

    name: str
    tactic: str
    cost_type: str
    budget: int
    impressions: int
    ctr: float
    price: float  # of a click, or of 1,000 viewable impressions
    cvr: float
    basket: float
    products: tuple[str, ...]
    has_incidents: bool = False
    video: bool = False
    first_day: date = date.min
    last_day: date = date.max

    def state(self, day: date) -> str:
        """What the console says of it on a day."""
        if day > self.last_day:
            return "archived"
        return "paused" if day == self.last_day else "enabled"


@dataclass(frozen=True)
class Advertiser:
    """One profile of the sandbox."""

    profile_id: int
    name: str
    account_type: str
    country: str
    currency: str
    timezone: str
    marketplace: str
    decimals: int
    scale: float
    plans: tuple[CampaignTemplate, ...]
    launch_name: str
    launch_products: tuple[str, ...]

    @property
    def zone(self) -> ZoneInfo:
        """Whose days the reports are of."""
        return ZoneInfo(self.timezone)

    def today(self, now: datetime) -> date:
        """The day that it is there at a moment (aware)."""
        return now.astimezone(self.zone).date()

    def document(self) -> dict[str, Any]:
        """The profile as GET /v2/profiles lists it."""
        return {
            "profileId": self.profile_id,
            "countryCode": self.country,
            "currencyCode": self.currency,
            "dailyBudget": 999999999.0,
            "timezone": self.timezone,
            "accountInfo": {
                "marketplaceStringId": self.marketplace,
                "id": "A" + _code(self.name, 13),
                "type": self.account_type,
                "name": self.name,
            },
        }

    def campaigns(self, day: date) -> list[CampaignTemplate]:
        """The campaigns that run on a day: the lasting ones, and launches of two weeks' rhythm."""
        running = [*self.plans, *self._launches(day)]
        return [plan for plan in running if plan.first_day <= day <= plan.last_day]

    def started_by(self, day: date) -> list[CampaignTemplate]:
        """The campaigns that had begun by a day: the lasting ones, and a year's launches."""
        plans = [*self.plans, *self._launches(day, cycles=26)]
        return [plan for plan in plans if plan.first_day <= day]

    def _launches(self, day: date, cycles: int = 3) -> Iterator[CampaignTemplate]:
        newest = day.toordinal() // 14
        for cycle in range(newest - cycles + 1, newest + 1):
            begin = date.fromordinal(cycle * 14 + 2)
            product = self.launch_products[cycle % len(self.launch_products)]
            yield CampaignTemplate(
                name=self.launch_name.format(product=product, day=begin),
                tactic="T00020" if cycle % 2 else "T00030",
                cost_type="CPC",
                budget=round(80 * self.scale),
                impressions=26_000,
                ctr=0.0065,
                price=0.62 * self.scale,
                cvr=0.055,
                basket=39.0 * self.scale,
                products=(product,),
                first_day=begin,
                last_day=begin + timedelta(34),
            )


@dataclass(frozen=True)
class AdGroup:
    """A part of a campaign, with its ads and targets."""

    advertiser: Advertiser
    plan: CampaignTemplate
    number: int

    @property
    def campaign_id(self) -> int:
        """The campaign's id."""
        return _id(f"{self.advertiser.profile_id}/{self.plan.name}")

    @property
    def id(self) -> int:
        """The ad group's id; those of its ads and targets follow it."""
        return _id(f"{self.campaign_id}/{self.number}")

    @property
    def name(self) -> str:
        """The campaign's name and a letter."""
        return f"{self.plan.name} · {'ABC'[self.number]}"

    @property
    def products(self) -> tuple[str, ...]:
        """What it advertises: its share of the campaign's products."""
        return self.plan.products[self.number :: ad_groups_of(self.plan)]


def ad_groups_of(plan: CampaignTemplate) -> int:
    """How many ad groups a campaign has."""
    return min(3, len(plan.products))


def ad_groups(advertiser: Advertiser, tactic: str, day: date) -> list[AdGroup]:
    """All ad groups that run on a day under one tactic."""
    return [
        AdGroup(advertiser, plan, number)
        for plan in advertiser.campaigns(day)
        if plan.tactic == tactic
        for number in range(ad_groups_of(plan))
    ]


def simulate_day(group: AdGroup, day: date, now: datetime) -> MetricValues:
    """What an ad group's day looks like, seen from `now` (aware).

    Today is partial; invalid clicks are taken out within three days; conversions arrive
    over weeks, and some are cancelled after four.
    """
    plan = group.plan
    chance = random.Random(f"{group.id}/{day.toordinal()}")
    midnight = datetime.combine(day, time(), group.advertiser.zone)
    age = (now - midnight) / timedelta(days=1)
    if age <= 0:
        return {}
    wrong = plan.has_incidents and (day.toordinal() + group.campaign_id) % 21 < 8
    traffic = _season(day) * _ramp(plan, day) * chance.lognormvariate(0.0, 0.12) * min(age, 1.0)
    impressions = plan.impressions / ad_groups_of(plan) * (0.6, 1.2, 1.2)[group.number] * traffic
    impressions *= 2.2 if wrong else 1.0
    viewed = impressions * chance.uniform(0.58, 0.66)
    clicks = impressions * plan.ctr * chance.uniform(0.85, 1.15)
    clicks *= 1.0 + 0.01 * max(0.0, 3.0 - age)
    minor = 10**group.advertiser.decimals
    charged = clicks if plan.cost_type == "CPC" else viewed / 1000
    cost = charged * plan.price * minor * chance.uniform(0.92, 1.08) * (1.7 if wrong else 1.0)
    orders = clicks * plan.cvr * chance.uniform(0.75, 1.25) * (0.12 if wrong else 1.0)
    facts = dict.fromkeys(ADDITIVE, 0)
    facts |= {
        "impressions": round(impressions),
        "viewImpressions": round(viewed),
        "clicks": round(clicks),
        "cost": round(cost),
    }
    by_view = 1.9 if plan.cost_type == "VCPM" else 1.0
    basket = plan.basket * minor * chance.uniform(0.9, 1.1)
    facts |= _results("attributed", orders, basket, clicks, age, _WINDOWS)
    facts |= _results("viewAttributed", orders * by_view, basket, clicks * by_view, age, _WINDOWS)
    facts |= _interest(facts, age)
    if plan.video:
        facts |= _video(viewed)
    return {name: value for name, value in facts.items() if name in CATALOGUE}


def _results(
    who: str, orders: float, basket: float, clicks: float, age: float, windows: Iterable[int]
) -> MetricValues:
    facts: MetricValues = {}
    for window in windows:
        count = int(orders * _arrived(min(age, window)) * _kept(age))
        same = round(count * _SAME_SKU_SHARE)
        units, sales = count + count // 6, round(count * basket)
        same_sales = round(sales * same / count) if count else 0
        days = f"{window}d"
        facts |= {
            f"{who}Conversions{days}": count,
            f"{who}Conversions{days}SameSKU": same,
            f"{who}Conversions{days}OtherSKU": count - same,
            f"{who}UnitsOrdered{days}": units,
            f"{who}UnitsOrdered{days}OtherSKU": count - same + count // 6,
            f"{who}Sales{days}": sales,
            f"{who}Sales{days}SameSKU": same_sales,
            f"{who}Sales{days}OtherSKU": sales - same_sales,
        }
    count = facts[f"{who}Conversions14d"]
    new = round(count * _NEW_TO_BRAND_SHARE)
    facts |= {
        f"{who}OrdersNewToBrand14d": new,
        f"{who}UnitsOrderedNewToBrand14d": new + new // 6,
        f"{who}SalesNewToBrand14d": round(facts[f"{who}Sales14d"] * new / count) if count else 0,
        f"{who}DetailPageView14d": round(clicks * 1.5 * _arrived(min(3 * age, 30.0))),
        f"{who}BrandedSearches14d": round(clicks * 0.07 * _arrived(min(age, 14.0))),
    }
    return facts


def _interest(facts: MetricValues, age: float) -> MetricValues:
    """What only version 3 tells; nobody here sells books that could be borrowed."""
    clicks, viewed = facts["clicks"], facts["viewImpressions"]
    pages = facts["attributedDetailPageView14d"]
    more_pages = facts["viewAttributedDetailPageView14d"] - pages
    arrived = _arrived(min(age, 14.0))
    return {
        "addToCartClicks": round(clicks * 0.21 * arrived),
        "addToCartViews": round(viewed * 0.0006 * arrived),
        "addToListFromClicks": round(clicks * 0.04 * arrived),
        "addToListFromViews": round(viewed * 0.0001 * arrived),
        "newToBrandDetailPageViewClicks": round(pages * 0.7),
        "newToBrandDetailPageViewViews": round(more_pages * 0.7),
        "longTermSales": round(facts["viewAttributedSalesNewToBrand14d"] * 1.6),
    }


def _video(viewed: float) -> MetricValues:
    shares = {
        "videoFirstQuartileViews": 0.52,
        "videoMidpointViews": 0.38,
        "videoThirdQuartileViews": 0.29,
        "videoCompleteViews": 0.22,
        "videoUnmutes": 0.03,
    }
    return {name: round(viewed * share) for name, share in shares.items()}


def _arrived(days: float) -> float:
    """The share of conversions that came within so many days of the ad interaction."""
    return 1.0 - 0.62 * math.exp(-days / 1.1) - 0.38 * math.exp(-days / 5.5)


def _kept(age: float) -> float:
    """The share of conversions that was not cancelled or returned, as far as known."""
    return 1.0 - 0.03 * min(1.0, max(0.0, (age - 26.0) / 16.0))


def _season(day: date) -> float:
    """The weekly rhythm, the year's, and the week of Black Friday."""
    yearly = 1.0 + 0.12 * math.sin(2 * math.pi * (day.timetuple().tm_yday - 80) / 365)
    friday = date(day.year, 11, 29)
    sale = 1.0 + 0.7 * math.exp(-(((day - friday).days / 3.0) ** 2))
    return _WEEK[day.weekday()] * yearly * sale


def _ramp(plan: CampaignTemplate, day: date) -> float:
    """A launch grows for ten days."""
    if plan.first_day == date.min:
        return 1.0
    return 1.0 - math.exp(-((day - plan.first_day).days + 0.6) / 4.0)


def apportion(facts: MetricValues, weights: Sequence[float]) -> list[MetricValues]:
    """Share out facts so that the parts add up to them exactly.

    Orders go by `weights`, and whatever belongs to orders goes where they go: no part has
    sales without an order.
    """
    parts = [dict.fromkeys(facts, 0) for _ in weights]
    for name, basis in _bases(tuple(facts)):
        if facts[name]:
            by = [part[basis] for part in parts] if basis else weights
            for part, piece in zip(parts, _shares(facts[name], by), strict=True):
                part[name] = piece
    return parts


_RESULT: Final = re.compile(
    r"(\w*ttributed)(Conversions|UnitsOrdered|Sales|Orders)(NewToBrand)?(\d+d)(\w*)"
)


@cache
def _bases(names: tuple[str, ...]) -> tuple[tuple[str, str | None], ...]:
    """What each metric is shared out by, in an order that begins with these."""
    bases = [(name, _basis(name, names)) for name in names]
    return tuple(sorted(bases, key=lambda pair: _rank(pair[1])))


def _basis(name: str, names: Container[str]) -> str | None:
    """What a metric is shared out by, if it belongs to another one."""
    result = _RESULT.fullmatch(name)
    if not result:
        return None
    who, what, new, days, sku = result.groups()
    basis = f"{who}Conversions{days}{sku}"
    if new:
        basis = f"{who}OrdersNewToBrand{days}" if what != "Orders" else f"{who}Conversions{days}"
    elif what == "Conversions":
        basis = f"{who}Conversions{days}"
    return basis if basis in names and basis != name else None


def _rank(basis: str | None) -> int:
    """Bases come before what is shared out by them."""
    if basis is None:
        return 0
    return 2 if "NewToBrand" in basis or "SKU" in basis else 1


def _shares(value: int, weights: Sequence[float]) -> Iterator[int]:
    total = sum(weights) or 1
    given, upto = 0, 0.0
    for weight in weights:
        upto += weight
        part = round(value * upto / total) - given
        given += part
        yield part


def sum_metrics(all_facts: Iterable[MetricValues]) -> MetricValues:
    """The sum of facts."""
    total: MetricValues = {}
    for facts in all_facts:
        for name, value in facts.items():
            total[name] = total.get(name, 0) + value
    return total


def weights(key: str, count: int) -> list[float]:
    """How a thing is shared out among so many, always in the same way."""
    chance = random.Random(key)
    return [1.0 / (n + 1) ** 0.8 * chance.uniform(0.7, 1.3) for n in range(count)]


def make_asin(product: str) -> str:
    """The ASIN of a product."""
    return "B0" + _code(f"asin/{product}", 8)


def make_sku(product: str) -> str:
    """The seller's own number of a product."""
    return f"SKU-{_id(product) % 100000:05d}"


def money(value: int, decimals: int) -> int | float:
    """An amount as the service writes it: whole ones without decimals."""
    minor: int = 10**decimals
    return value / minor if value % minor else value // minor


@cache
def _id(key: str) -> int:
    """An id of 18 digits: beyond what a float holds exactly, as Amazon's are."""
    digest = hashlib.sha256(key.encode()).digest()
    return 300_000_000_000_000_000 + int.from_bytes(digest[:8], "big") % 10**17


@cache
def _code(key: str, length: int) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    digest = hashlib.sha256(key.encode()).digest()
    return "".join(letters[byte % len(letters)] for byte in digest[:length])


def _plans(
    names: Mapping[str, str], products: Sequence[str], scale: float
) -> tuple[CampaignTemplate, ...]:
    """The lasting campaigns, alike for all advertisers but for names and money."""
    # key: tactic, cost type, budget, impressions, CTR, price, CVR, basket, products
    shapes: dict[str, tuple[str, str, int, int, float, float, float, float, int]] = {
        "retargeting": ("T00030", "CPC", 180, 42_000, 0.0062, 0.58, 0.094, 41.0, 4),
        "category": ("T00020", "CPC", 280, 88_000, 0.0041, 0.66, 0.052, 38.0, 4),
        "competitors": ("T00020", "CPC", 220, 61_000, 0.0038, 0.81, 0.034, 44.0, 3),
        "reach": ("T00030", "VCPM", 650, 160_000, 0.0016, 5.2, 0.061, 40.0, 5),
        "own": ("T00020", "CPC", 90, 24_000, 0.0074, 0.39, 0.121, 47.0, 3),
        "interests": ("T00030", "VCPM", 320, 97_000, 0.0013, 4.4, 0.043, 36.0, 3),
        "video": ("T00020", "VCPM", 360, 74_000, 0.0029, 6.8, 0.057, 52.0, 2),
        "accessories": ("T00020", "CPC", 40, 15_000, 0.0055, 0.31, 0.083, 17.0, 3),
    }
    plans = []
    for position, (key, shape) in enumerate(shapes.items()):
        tactic, cost_type, budget, impressions, ctr, price, cvr, basket, count = shape
        chosen = [products[(position * 2 + n) % len(products)] for n in range(count)]
        plans.append(
            CampaignTemplate(
                name=names[key],
                tactic=tactic,
                cost_type=cost_type,
                budget=round(budget * scale),
                impressions=impressions,
                ctr=ctr,
                price=price * scale,
                cvr=cvr,
                basket=basket * scale,
                products=tuple(chosen),
                has_incidents=key == "competitors",
                video=key == "video",
            )
        )
    return tuple(plans)


_EN: Final = ("Tent 2P", "Tent 4P", "Backpack 40L", "Backpack 65L", "Headlamp", "Stove", "Mug")
_DE: Final = ("Wanderschuh", "Regenjacke", "Rucksack 30L", "Trinkflasche", "Mütze", "Fäustling")
_JA: Final = ("急須 300ml", "湯呑み", "抹茶碗", "茶筅", "煎茶 100g", "茶箱")

ADVERTISERS: Final = {
    advertiser.profile_id: advertiser
    for advertiser in (
        Advertiser(
            profile_id=1842030415361601,
            name="Northwind Outdoor",
            account_type="seller",
            country="US",
            currency="USD",
            timezone="America/Los_Angeles",
            marketplace="ATVPDKIKX0DER",
            decimals=2,
            scale=1.0,
            plans=_plans(
                {
                    "retargeting": "Tents – Retargeting",
                    "category": "Tents – Category",
                    "competitors": "Backpacks – Competitors",
                    "reach": "Brand – Reach",
                    "own": "Backpacks – Own detail pages",
                    "interests": "Camping – Interests",
                    "video": "Stoves – Video",
                    "accessories": "Accessories – Cross-sell",
                },
                _EN,
                1.0,
            ),
            launch_name="Launch {product} {day:%b %d}",
            launch_products=("Headlamp Pro", "Stove Mini", "Tent Ultra"),
        ),
        Advertiser(
            profile_id=2750418263940173,
            name="Alpenglück GmbH",
            account_type="vendor",
            country="DE",
            currency="EUR",
            timezone="Europe/Berlin",
            marketplace="A1PA6795UKMFR9",
            decimals=2,
            scale=0.9,
            plans=_plans(
                {
                    "retargeting": "Schuhe – Wiederansprache",
                    "category": "Schuhe – Kategorie",
                    "competitors": "Rucksäcke – Wettbewerb",
                    "reach": "Marke – Reichweite",
                    "own": "Rucksäcke – eigene Seiten",
                    "interests": "Wandern – Interessen",
                    "video": "Regenjacke – Video",
                    "accessories": "Zubehör „für unterwegs“",
                },
                _DE,
                0.9,
            ),
            launch_name="Neu: {product} ab {day:%d.%m.}",
            launch_products=("Gamasche", "Stirnband", "Kletterhose"),
        ),
        Advertiser(
            profile_id=3961527384950284,
            name="青葉商店",
            account_type="seller",
            country="JP",
            currency="JPY",
            timezone="Asia/Tokyo",
            marketplace="A1VC38T7YXB528",
            decimals=0,
            scale=110.0,
            plans=_plans(
                {
                    "retargeting": "急須・リターゲティング",
                    "category": "急須・カテゴリー",
                    "competitors": "抹茶碗・競合",
                    "reach": "ブランド・リーチ",
                    "own": "抹茶碗・自社商品",
                    "interests": "お茶・興味関心",
                    "video": "茶筅・動画",
                    "accessories": "小物・クロスセル",
                },
                _JA,
                110.0,
            ),
            launch_name="新発売 {product} {day:%m/%d}",
            launch_products=("玉露 50g", "ほうじ茶", "茶こし"),
        ),
    )
}
