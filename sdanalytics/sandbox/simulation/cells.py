"""The cells of campaigns: one ad, shown for one target on one page.

A cell is the smallest part of a campaign that a report tells of: the numbers of a day are drawn for
cells, and every report is a sum of them. What cells expect differs as it does in real
accounts: between targets by a Gamma distribution, and a few targets sell next to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np

from sdanalytics.sandbox.simulation.advertisers import AdGroup, Advertiser
from sdanalytics.sandbox.simulation.arrays import Integers, Numbers, make_generator
from sdanalytics.sandbox.simulation.campaigns import CampaignTemplate
from sdanalytics.sandbox.simulation.identifiers import make_asin, make_sku, name_accessory

_TARGET_ID_OFFSET: Final = 101
"""From an ad group's id to that of its first target."""
_AUDIENCE_LOOKBACKS: Final = (7, 30, 90)
"""Days."""
_SIMILAR_PAGES: Final = 4
"""Pages of a campaign on which ads are shown for targets that are not one product."""
_AD_GROUP_WEIGHTS: Final = (0.6, 1.2, 1.2)
VIEWABLE_SHARE: Final = 0.62
"""Viewable impressions by impressions."""
VIEW_FACTOR: Final = 1.9
"""Orders of vCPM campaigns after a view or click, by those after a click."""
_TARGET_SHAPE: Final = 3.0
_AD_SHAPE: Final = 10.0
"""Of the Gamma distributions of conversion rates: the larger, the more alike."""
_TARGET_CTR_SHAPE: Final = 8.0
_AD_CTR_SHAPE: Final = 20.0
_WASTE_SHARE: Final = 0.1
_WASTE_FACTOR: Final = 0.02
"""One target in ten converts fifty times as rarely."""
_MAX_RATE: Final = 0.6
_HALO_SHARE: Final = 0.32
_HALO_CONCENTRATION: Final = 15.0
_NEW_TO_BRAND_SHARES: Final = {"T00020": 0.42, "T00030": 0.3}
_NEW_TO_BRAND_CONCENTRATION: Final = 40.0


class Ad(NamedTuple):
    """A product ad; `others` are the products of the brand that its customers buy besides."""

    id: int
    asin: str
    sku: str
    others: tuple[str, ...]


class Target(NamedTuple):
    """A target; `pages` are the positions of the pages where its ads are shown."""

    id: int
    expression: str
    text: str
    type: str
    pages: tuple[int, ...]


class CellKey(NamedTuple):
    """The parts of a campaign that a cell belongs to."""

    group: AdGroup
    ad: Ad
    target: Target
    page: str


@dataclass(frozen=True, eq=False)
class CampaignCells:
    """Cells of one or more campaigns, in the order of reports.

    Attributes
    ----------
    campaigns : list of CampaignTemplate
    ads : list of Ad
    keys : list of CellKey
        One for each cell.
    campaign, group, ad, target, page : array of int
        Of each cell, the position among all campaigns, ad groups, ads, targets and pages.
    share : array of float
        Of the campaign's impressions; they add up to 1 for each campaign.
    click_rate : array of float
        Clicks by viewable impressions.
    order_rate, view_order_rate : array of float
        Orders by clicks, and orders after a view without a click by viewable impressions.
    price : array of float
        The price of a click or of 1,000 viewable impressions, by the campaign's.
    halo_share : array of float
        Of each ad: how often another product is bought.
    halo_bounds : array of float, ads x others
        Of each ad, the cumulative shares of the other products.
    new_share : array of float
        Of each campaign: how often the buyer is new to the brand.
    """

    campaigns: list[CampaignTemplate]
    ads: list[Ad]
    keys: list[CellKey]
    campaign: Integers
    group: Integers
    ad: Integers
    target: Integers
    page: Integers
    share: Numbers
    click_rate: Numbers
    order_rate: Numbers
    view_order_rate: Numbers
    price: Numbers
    halo_share: Numbers
    halo_bounds: Numbers
    new_share: Numbers

    def __len__(self) -> int:
        return len(self.keys)


@lru_cache(maxsize=16)
def build_cells(advertiser: Advertiser, campaigns: tuple[CampaignTemplate, ...]) -> CampaignCells:
    """Return the cells of an advertiser's campaigns, one campaign after the other."""
    parts = [_build_campaign(advertiser, campaign) for campaign in campaigns]
    return CampaignCells(
        campaigns=list(campaigns),
        ads=[ad for part in parts for ad in part.ads],
        keys=[key for part in parts for key in part.keys],
        campaign=_join_positions(parts, "campaign"),
        group=_join_positions(parts, "group"),
        ad=_join_positions(parts, "ad"),
        target=_join_positions(parts, "target"),
        page=_join_positions(parts, "page"),
        share=_join(parts, "share"),
        click_rate=_join(parts, "click_rate"),
        order_rate=_join(parts, "order_rate"),
        view_order_rate=_join(parts, "view_order_rate"),
        price=_join(parts, "price"),
        halo_share=_join(parts, "halo_share"),
        halo_bounds=_join_bounds(parts),
        new_share=_join(parts, "new_share"),
    )


def _join(parts: Sequence[CampaignCells], name: str) -> Numbers:
    arrays = [np.empty(0)]
    for part in parts:
        arrays.append(getattr(part, name))
    return np.concatenate(arrays)


def _join_positions(parts: Sequence[CampaignCells], name: str) -> Integers:
    """Join positions so that those of different campaigns differ."""
    arrays = [np.empty(0, np.int64)]
    first = 0
    for part in parts:
        positions = getattr(part, name)
        arrays.append(positions + first)
        first += int(positions.max()) + 1
    return np.concatenate(arrays)


def _join_bounds(parts: Sequence[CampaignCells]) -> Numbers:
    """Join tables of cumulative shares, which differ in width: 1 is the end of each."""
    width = max((part.halo_bounds.shape[1] for part in parts), default=0)
    tables = [np.empty((0, width))]
    for part in parts:
        rows, columns = part.halo_bounds.shape
        table = np.ones((rows, width))
        table[:, :columns] = part.halo_bounds
        tables.append(table)
    return np.concatenate(tables)


@cache
def _build_campaign(advertiser: Advertiser, campaign: CampaignTemplate) -> CampaignCells:
    groups = [AdGroup(advertiser, campaign, n) for n in range(campaign.ad_group_count)]
    pages = _list_pages(groups[0])
    ads: list[Ad] = []
    targets: list[Target] = []
    keys: list[CellKey] = []
    positions: list[tuple[int, int, int, int]] = []
    shares: list[float] = []
    group_weights = _to_shares(_AD_GROUP_WEIGHTS[: len(groups)])
    for group, group_share in zip(groups, group_weights, strict=True):
        own_ads = list(_list_ads(group))
        own_targets = list(_list_targets(group))
        for ad, target, page, share in _combine(group, own_ads, own_targets):
            keys.append(CellKey(group, ad, target, pages[page]))
            ad_position = len(ads) + own_ads.index(ad)
            target_position = len(targets) + own_targets.index(target)
            positions.append((group.index, ad_position, target_position, page))
            shares.append(group_share * share)
        ads += own_ads
        targets += own_targets
    columns = np.array(positions, np.int64).T
    rates = _draw_rates(groups[0], columns, np.array(shares))
    return CampaignCells(
        campaigns=[campaign],
        ads=ads,
        keys=keys,
        campaign=np.zeros(len(keys), np.int64),
        group=columns[0],
        ad=columns[1],
        target=columns[2],
        page=columns[3],
        share=np.array(shares),
        halo_bounds=_halo_bounds(ads),
        **rates,
    )


def _combine(
    group: AdGroup, ads: Sequence[Ad], targets: Sequence[Target]
) -> Iterator[tuple[Ad, Target, int, float]]:
    """Yield the cells of an ad group, each with its page and its share of the impressions."""
    ad_shares = make_shares(f"ads/{group.id}", len(ads))
    target_shares = make_shares(f"targets/{group.id}", len(targets))
    shown = []
    for target, target_share in zip(targets, target_shares, strict=True):
        page_shares = make_shares(f"pages/{target.id}", len(target.pages))
        for page, page_share in zip(target.pages, page_shares, strict=True):
            shown.append((target, page, target_share * page_share))
    for ad, ad_share in zip(ads, ad_shares, strict=True):
        for target, page, share in shown:
            yield ad, target, page, ad_share * share


def _draw_rates(group: AdGroup, columns: Integers, share: Numbers) -> dict[str, Numbers]:
    """Draw what the cells expect, so that a group's campaign has the rates of its template."""
    campaign = group.campaign
    generator = make_generator(f"rates/{group.campaign_id}")
    _, ad, target, _ = columns
    ad_count = int(ad.max()) + 1
    target_count = int(target.max()) + 1
    ctr = _draw_factors(generator, _TARGET_CTR_SHAPE, target_count)[target]
    ctr *= _draw_factors(generator, _AD_CTR_SHAPE, ad_count)[ad]
    clicks_by_views = campaign.ctr / VIEWABLE_SHARE
    click_rate = clicks_by_views * ctr / np.sum(ctr * share)
    cvr = _draw_factors(generator, _TARGET_SHAPE, target_count)
    is_waste = generator.random(target_count) < _WASTE_SHARE
    cvr[is_waste] = _WASTE_FACTOR
    order_rate = cvr[target]
    order_rate *= _draw_factors(generator, _AD_SHAPE, ad_count)[ad]
    order_rate *= campaign.cvr / np.average(order_rate, weights=click_rate * share)
    order_rate = np.minimum(order_rate, _MAX_RATE)
    view_order_rate = np.zeros(len(share))
    if campaign.cost_type == "VCPM":
        view_order_rate = (VIEW_FACTOR - 1.0) * order_rate * clicks_by_views
    new_share = _NEW_TO_BRAND_SHARES[campaign.tactic]
    return {
        "click_rate": click_rate,
        "order_rate": order_rate,
        "view_order_rate": view_order_rate,
        "price": _draw_factors(generator, 60.0, target_count)[target],
        "halo_share": _draw_shares(generator, _HALO_SHARE, _HALO_CONCENTRATION, ad_count),
        "new_share": _draw_shares(generator, new_share, _NEW_TO_BRAND_CONCENTRATION, 1),
    }


def _draw_factors(generator: np.random.Generator, shape: float, count: int) -> Numbers:
    """Draw factors of mean 1 from a Gamma distribution."""
    return generator.gamma(shape, 1.0 / shape, count)


def _draw_shares(
    generator: np.random.Generator, mean: float, concentration: float, count: int
) -> Numbers:
    """Draw shares from a Beta distribution."""
    return generator.beta(mean * concentration, (1.0 - mean) * concentration, count)


def _halo_bounds(ads: Sequence[Ad]) -> Numbers:
    width = max(len(ad.others) for ad in ads)
    bounds = np.ones((len(ads), width))
    for row, ad in enumerate(ads):
        shares = make_shares(f"halo/{ad.id}", len(ad.others))
        sums = np.cumsum(shares[:-1])
        bounds[row, : len(sums)] = sums
    return bounds


def _list_ads(group: AdGroup) -> Iterator[Ad]:
    advertised = group.campaign.products
    accessories = [name_accessory(product) for product in advertised[:2]]
    for position, product in enumerate(group.products, 1):
        others = []
        for other in (*advertised, *accessories):
            if other != product:
                others.append(make_asin(other))
        yield Ad(
            id=group.id + position,
            asin=make_asin(product),
            sku=make_sku(product),
            others=tuple(others),
        )


def _list_targets(group: AdGroup) -> Iterator[Target]:
    """Yield the targets: of contextual campaigns rival products and all that are similar."""
    target_id = group.id + _TARGET_ID_OFFSET
    if group.campaign.tactic != "T00020":
        pages = tuple(range(_SIMILAR_PAGES))
        for number, days in enumerate(_AUDIENCE_LOOKBACKS):
            expression = f"views=(exactProduct lookback={days})"
            yield Target(
                target_id + number, expression, f"viewed in {days} days", "AUDIENCE", pages
            )
        return
    kind = "TARGETING_EXPRESSION"
    products = group.campaign.products
    for number, product in enumerate(products):
        rival = _make_rival(product)
        expression = f'asin="{rival}"'
        yield Target(target_id + number, expression, expression, kind, (number,))
    count = len(products)
    pages = tuple(range(count, count + _SIMILAR_PAGES))
    text = "similar to advertised products"
    yield Target(target_id + count, "similarProduct", text, kind, pages)


def _list_pages(group: AdGroup) -> list[str]:
    """Return the pages of a campaign: of the rivals that it targets, and of other products."""
    pages = []
    if group.campaign.tactic == "T00020":
        pages += [_make_rival(product) for product in group.campaign.products]
    for number in range(_SIMILAR_PAGES):
        page = make_asin(f"pages/{group.campaign_id}/{number}")
        pages.append(page)
    return pages


def _make_rival(product: str) -> str:
    return make_asin(f"rival/{product}")


def make_shares(key: str, count: int) -> list[float]:
    """Return `count` decreasing shares that add up to 1, always the same for a key."""
    if count == 1:
        return [1.0]
    rng = random.Random(key)
    weights = []
    for position in range(count):
        weight = 1.0 / (position + 1) ** 0.8
        weight *= rng.uniform(0.7, 1.3)
        weights.append(weight)
    return _to_shares(weights)


def _to_shares(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]
