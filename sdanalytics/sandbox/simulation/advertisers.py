"""The advertisers of the sandbox: their accounts, campaigns and ad groups.

Everything follows from the profile and the day, so it is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, cached_property
from itertools import count, islice
from typing import Final
from zoneinfo import ZoneInfo

from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.settings import DEFAULT_CAMPAIGNS, DEFAULT_PROFILES, Settings
from sdanalytics.sandbox.simulation.campaigns import (
    LAUNCH_INTERVAL,
    CampaignTemplate,
    build_launch_campaign,
    build_permanent_campaigns,
)
from sdanalytics.sandbox.simulation.identifiers import make_code, make_id
from sdanalytics.sandbox.simulation.large_account import build_named_campaigns

_RUNNING_LAUNCHES: Final = 3
"""Launch campaigns that can run on a day: one lasts less than three intervals."""
_LAUNCHES_OF_A_YEAR: Final = 26


@dataclass(frozen=True, eq=False)
class Advertiser:
    """One profile of the sandbox.

    Attributes
    ----------
    profile_id : int
    name, account_type, country, currency, timezone, marketplace : str
    decimals : int
        Of an amount of money in its currency.
    scale : float
        The value of a dollar in its currency.
    products : tuple of str
    permanent_campaigns : tuple of CampaignTemplate
    launch_name : str
        Name of a launch campaign, with the fields ``product`` and ``day``.
    launch_products : tuple of str
    seed : int
        Another number draws other days of the same campaigns.
    """

    profile_id: int
    name: str
    account_type: str
    country: str
    currency: str
    timezone: str
    marketplace: str
    decimals: int
    scale: float
    products: tuple[str, ...]
    permanent_campaigns: tuple[CampaignTemplate, ...]
    launch_name: str
    launch_products: tuple[str, ...]
    seed: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the days in its reports."""
        return ZoneInfo(self.timezone)

    def today(self, now: datetime) -> date:
        """Return the day in its time zone at a moment (aware)."""
        return now.astimezone(self.zone).date()

    def to_document(self) -> JsonObject:
        """Return the profile as GET /v2/profiles lists it."""
        return {
            "profileId": self.profile_id,
            "countryCode": self.country,
            "currencyCode": self.currency,
            "dailyBudget": 999999999.0,
            "timezone": self.timezone,
            "accountInfo": {
                "marketplaceStringId": self.marketplace,
                "id": "A" + make_code(self.name, 13),
                "type": self.account_type,
                "name": self.name,
            },
        }

    def running_campaigns(self, day: date) -> Iterator[CampaignTemplate]:
        """Yield the campaigns that run on a day: the permanent ones, then launches."""
        launches = self._launches(day, _RUNNING_LAUNCHES)
        for campaign in (*self.permanent_campaigns, *launches):
            if campaign.is_running(day):
                yield campaign

    def started_by(self, day: date) -> list[CampaignTemplate]:
        """Return the campaigns that had started by a day: permanent ones, a year's launches."""
        started = list(self.permanent_campaigns)
        for launch in self._launches(day, _LAUNCHES_OF_A_YEAR):
            if launch.first_day <= day:
                started.append(launch)
        return started

    def _launches(self, day: date, count: int) -> Iterator[CampaignTemplate]:
        latest = day.toordinal() // LAUNCH_INTERVAL
        for cycle in range(latest - count + 1, latest + 1):
            yield build_launch_campaign(cycle, self.launch_name, self.launch_products, self.scale)


@dataclass(frozen=True, eq=False)
class AdGroup:
    """A part of a campaign, with its ads and targets.

    Attributes
    ----------
    advertiser : Advertiser
    campaign : CampaignTemplate
    index : int
        From 0, among the campaign's ad groups.
    """

    advertiser: Advertiser
    campaign: CampaignTemplate
    index: int

    @cached_property
    def campaign_id(self) -> int:
        """The campaign's id."""
        profile_id = self.advertiser.profile_id
        return make_id(f"{profile_id}/{self.campaign.name}")

    @cached_property
    def portfolio_id(self) -> int | None:
        """The id of the campaign's portfolio; launches are in none."""
        if not self.campaign.is_permanent:
            return None
        return make_id(f"{self.advertiser.profile_id}/portfolio/{self.campaign.tactic}")

    @cached_property
    def id(self) -> int:
        """The ad group's id; the ids of its ads and targets follow it."""
        return make_id(f"{self.campaign_id}/{self.index}")

    @cached_property
    def name(self) -> str:
        """The campaign's name and a letter."""
        letter = "ABC"[self.index]
        return f"{self.campaign.name} · {letter}"

    @property
    def products(self) -> tuple[str, ...]:
        """The products that it advertises: its share of the campaign's."""
        return self.campaign.products[self.index :: self.campaign.ad_group_count]


_US_PRODUCTS: Final = (
    "Tent 2P",
    "Tent 4P",
    "Backpack 40L",
    "Backpack 65L",
    "Headlamp",
    "Stove",
    "Mug",
)
_GERMAN_PRODUCTS: Final = (
    "Wanderschuh",
    "Regenjacke",
    "Rucksack 30L",
    "Trinkflasche",
    "Mütze",
    "Fäustling",
)
_JAPANESE_PRODUCTS: Final = ("急須 300ml", "湯呑み", "抹茶碗", "茶筅", "煎茶 100g", "茶箱")

_NORTHWIND: Final = Advertiser(
    profile_id=1842030415361601,
    name="Northwind Outdoor",
    account_type="seller",
    country="US",
    currency="USD",
    timezone="America/Los_Angeles",
    marketplace="ATVPDKIKX0DER",
    decimals=2,
    scale=1.0,
    products=_US_PRODUCTS,
    permanent_campaigns=build_permanent_campaigns(
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
        _US_PRODUCTS,
        1.0,
    ),
    launch_name="Launch {product} {day:%b %d}",
    launch_products=("Headlamp Pro", "Stove Mini", "Tent Ultra"),
)
_ALPENGLUECK: Final = Advertiser(
    profile_id=2750418263940173,
    name="Alpenglück GmbH",
    account_type="vendor",
    country="DE",
    currency="EUR",
    timezone="Europe/Berlin",
    marketplace="A1PA6795UKMFR9",
    decimals=2,
    scale=0.9,
    products=_GERMAN_PRODUCTS,
    permanent_campaigns=build_permanent_campaigns(
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
        _GERMAN_PRODUCTS,
        0.9,
    ),
    launch_name="Neu: {product} ab {day:%d.%m.}",
    launch_products=("Gamasche", "Stirnband", "Kletterhose"),
)
_AOBA: Final = Advertiser(
    profile_id=3961527384950284,
    name="青葉商店",
    account_type="seller",
    country="JP",
    currency="JPY",
    timezone="Asia/Tokyo",
    marketplace="A1VC38T7YXB528",
    decimals=0,
    scale=110.0,
    products=_JAPANESE_PRODUCTS,
    permanent_campaigns=build_permanent_campaigns(
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
        _JAPANESE_PRODUCTS,
        110.0,
    ),
    launch_name="新発売 {product} {day:%m/%d}",
    launch_products=("玉露 50g", "ほうじ茶", "茶こし"),
)

_ADVERTISERS: Final = (_NORTHWIND, _ALPENGLUECK, _AOBA)


@cache
def list_advertisers(
    campaigns: int = DEFAULT_CAMPAIGNS, seed: int = 0, profiles: int = DEFAULT_PROFILES
) -> dict[int, Advertiser]:
    """Return the advertisers by their profile ids.

    Parameters
    ----------
    campaigns : int
        How many each has, besides launches.
    seed : int
        Another number draws other days of the same campaigns.
    profiles : int
        How many there are: those beyond the usual three are branches of these.
    """
    advertisers = {}
    for advertiser in islice(_name_advertisers(), profiles):
        first = advertiser.permanent_campaigns[:campaigns]
        more = build_named_campaigns(
            campaigns - len(first),
            advertiser.country,
            advertiser.products,
            advertiser.scale,
        )
        advertisers[advertiser.profile_id] = replace(
            advertiser,
            permanent_campaigns=(*first, *more),
            seed=seed,
        )
    return advertisers


def select_advertisers(settings: Settings) -> dict[int, Advertiser]:
    """Return the advertisers of a sandbox by their profile ids."""
    return list_advertisers(settings.campaigns, settings.seed, settings.profiles)


def _name_advertisers() -> Iterator[Advertiser]:
    """Yield the usual three, and then their branches without end."""
    yield from _ADVERTISERS
    for number in count(2):
        for advertiser in _ADVERTISERS:
            name = f"{advertiser.name} {number}"
            profile_id = make_id(f"{advertiser.profile_id}/branch/{number}")
            yield replace(advertiser, profile_id=profile_id, name=name)


ADVERTISERS: Final[dict[int, Advertiser]] = list_advertisers()
"""The advertisers by their profile ids: a seller in the US, a vendor in Germany, one in Japan."""
