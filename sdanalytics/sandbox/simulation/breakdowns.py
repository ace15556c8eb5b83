"""Break an ad group's day down into the rows of a report: by ad, target, page or product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import groupby
from typing import Final, NamedTuple

from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.simulation.advertisers import AdGroup, Advertiser, list_ad_groups
from sdanalytics.sandbox.simulation.apportion import (
    MetricValues,
    apportion,
    make_weights,
    sum_metrics,
)
from sdanalytics.sandbox.simulation.identifiers import make_asin, make_sku
from sdanalytics.sandbox.simulation.registered import simulate_registered
from sdanalytics.sandbox.simulation.traffic import ADDITIVE, simulate_day, simulate_reading

_TARGET_ID_OFFSET: Final = 101
"""From an ad group's id to that of its first target."""
_AUDIENCE_LOOKBACKS: Final = (7, 30, 90)
"""Days."""
_PAGES: Final = 4
"""Pages on which the ads of an ad group or target are shown."""


class ReportRow(NamedTuple):
    """One row of a report before it is rendered.

    Attributes
    ----------
    group : AdGroup
    identity : dict
        The fields that distinguish it from the ad group's other rows.
    metrics : dict of str to int
    """

    group: AdGroup
    identity: JsonObject
    metrics: MetricValues


_Days = list[tuple[AdGroup, MetricValues]]
"""The metrics of each ad group on one day."""


def break_down(
    advertiser: Advertiser,
    record_type: str,
    segment: str | None,
    day: date,
    tactic: str,
    now: datetime,
) -> list[ReportRow]:
    """Return the rows of a partition, as the report is known at `now` (aware)."""
    days = []
    for group in list_ad_groups(advertiser, tactic, day):
        metrics = simulate_day(group, day, now)
        if metrics:
            days.append((group, metrics))
    rows = _BREAKDOWNS[record_type](days)
    if segment:
        rows = _split_by_matched_target(rows)
    if record_type == "asins":
        return list(rows)
    return [row for row in rows if row.metrics["impressions"] > 0]


def _by_campaign(days: _Days) -> Iterator[ReportRow]:
    for _, campaign_days in groupby(days, key=_campaign_id):
        groups, metrics = zip(*campaign_days, strict=True)
        yield ReportRow(groups[0], {}, sum_metrics(metrics))


def _campaign_id(group_day: tuple[AdGroup, MetricValues]) -> int:
    group, _ = group_day
    return group.campaign_id


def _by_ad_group(days: _Days) -> Iterator[ReportRow]:
    for group, metrics in days:
        yield ReportRow(group, {}, metrics)


def _by_product_ad(days: _Days) -> Iterator[ReportRow]:
    for group, metrics in days:
        products = group.products
        weights = make_weights(f"ads/{group.id}", len(products))
        shares = apportion(metrics, weights)
        for product, share in zip(products, shares, strict=True):
            identity = {
                "adId": group.id + 1 + products.index(product),
                "asin": make_asin(product),
                "sku": make_sku(product),
            }
            yield ReportRow(group, identity, share)


def _by_target(days: _Days) -> Iterator[ReportRow]:
    for group, metrics in days:
        targets = _list_targets(group)
        weights = make_weights(f"targets/{group.id}", len(targets))
        shares = apportion(metrics, weights)
        target_id = group.id + _TARGET_ID_OFFSET
        for target, share in zip(targets, shares, strict=True):
            identity = {"targetId": target_id} | target
            yield ReportRow(group, identity, share)
            target_id += 1


def _list_targets(group: AdGroup) -> list[JsonObject]:
    if group.campaign.tactic == "T00020":
        return _contextual_targets(group)
    targets = []
    for days in _AUDIENCE_LOOKBACKS:
        expression = f"views=(exactProduct lookback={days})"
        text = f"viewed in {days} days"
        target = _make_target(expression, text, "AUDIENCE")
        targets.append(target)
    return targets


def _contextual_targets(group: AdGroup) -> list[JsonObject]:
    kind = "TARGETING_EXPRESSION"
    targets = []
    for product in group.campaign.products:
        rival = make_asin(f"rival/{product}")
        expression = f'asin="{rival}"'
        target = _make_target(expression, expression, kind)
        targets.append(target)
    similar = _make_target("similarProduct", "similar to advertised products", kind)
    targets.append(similar)
    return targets


def _make_target(expression: str, text: str, kind: str) -> JsonObject:
    return {
        "targetingExpression": expression,
        "targetingText": text,
        "targetingType": kind,
    }


def _by_purchased_product(days: _Days) -> Iterator[ReportRow]:
    """Yield the halo: purchases of other products than the advertised one."""
    for ad in _by_product_ad(days):
        ad_id = ad.identity["adId"]
        products = _halo_products(ad.group, ad.identity["asin"])
        weights = make_weights(f"halo/{ad_id}", len(products))
        halo = _halo_metrics(ad.metrics)
        shares = apportion(halo, weights)
        for product, share in zip(products, shares, strict=True):
            if any(share.values()):
                yield _halo_row(ad, product, share)


def _halo_row(ad: ReportRow, product: str, share: MetricValues) -> ReportRow:
    other_asin = make_asin(product)
    metrics = dict.fromkeys(ADDITIVE, 0)
    metrics |= share
    clicks = share["attributedConversions14dOtherSKU"]
    views = share["viewAttributedConversions14dOtherSKU"]
    metrics["addToListFromClicks"] = clicks
    metrics |= simulate_reading(ad.group.advertiser, clicks, views)
    metrics |= simulate_registered(views, share["viewAttributedSales14dOtherSKU"])
    return ReportRow(ad.group, ad.identity | {"otherAsin": other_asin}, metrics)


def _halo_metrics(metrics: MetricValues) -> MetricValues:
    return {name: value for name, value in metrics.items() if name.endswith("OtherSKU")}


def _halo_products(group: AdGroup, advertised_asin: str) -> list[str]:
    """Return the other products that customers of an advertised product buy."""
    advertised = group.campaign.products
    products = []
    for product in advertised:
        if make_asin(product) != advertised_asin:
            products.append(product)
    for product in advertised[:2]:
        products.append(f"{product} accessory")
    return products


def _split_by_matched_target(rows: Iterable[ReportRow]) -> Iterator[ReportRow]:
    """Split by the page where the ad was clicked; pages without a click have no row."""
    for row in rows:
        group = row.group
        target_id = row.identity.get("targetId", group.id)
        key = f"pages/{target_id}"
        weights = make_weights(key, _PAGES)
        shares = apportion(row.metrics, weights)
        for number, share in enumerate(shares):
            if share["clicks"] == 0:
                continue
            page = make_asin(f"{key}/{number}")
            identity = row.identity | {"matchedTarget": page}
            yield ReportRow(group, identity, share)


_Breakdown = Callable[[_Days], Iterator[ReportRow]]
_BREAKDOWNS: Final[dict[str, _Breakdown]] = {
    "campaigns": _by_campaign,
    "adGroups": _by_ad_group,
    "productAds": _by_product_ad,
    "targets": _by_target,
    "asins": _by_purchased_product,
    "invalidTraffic": _by_campaign,
}
