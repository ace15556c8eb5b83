"""The rows of each report, from what happened to an advertiser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sdanalytics.metrics import CATALOGUE, Kind
from sdanalytics.sandbox.account import (
    ADDITIVE,
    AdGroup,
    Advertiser,
    Facts,
    ad_groups,
    add,
    asin_of,
    happened,
    money,
    sku_of,
    split,
    weights,
)

Row = dict[str, Any]


def rows_of(
    advertiser: Advertiser,
    record_type: str,
    day: date,
    tactic: str,
    metrics: Sequence[str],
    segment: str | None,
    now: datetime,
) -> list[Row]:
    """A report as the service would send it.

    Fields come in the order asked. Video metrics are absent for campaigns without video;
    a ratio without a denominator is null; whole amounts have no decimals.
    """
    groups = ad_groups(advertiser, tactic, day)
    days = [(group, facts) for group in groups if (facts := happened(group, day, now))]
    parts = _PARTS[record_type](days)
    if segment:
        parts = _by_page(parts)
    rows = []
    for group, names, facts in parts:
        if facts["impressions"] > 0 or record_type == "asins":
            full = names | _described(group, day) | _numbers(group, facts)
            rows.append({name: full[name] for name in metrics if name in full})
    return rows


Part = tuple[AdGroup, Row, Facts]


def _campaigns(days: list[tuple[AdGroup, Facts]]) -> Iterator[Part]:
    for _, members in groupby(days, key=lambda pair: pair[0].campaign_id):
        pairs = list(members)
        yield pairs[0][0], {}, add(facts for _, facts in pairs)


def _ad_groups(days: list[tuple[AdGroup, Facts]]) -> Iterator[Part]:
    for group, facts in days:
        yield group, {}, facts


def _product_ads(days: list[tuple[AdGroup, Facts]]) -> Iterator[Part]:
    for group, facts in days:
        shares = weights(f"ads/{group.id}", len(group.products))
        for product, part in zip(group.products, split(facts, shares), strict=True):
            ad = {"adId": group.id + 1 + group.products.index(product)}
            yield group, ad | {"asin": asin_of(product), "sku": sku_of(product)}, part


def _targets(days: list[tuple[AdGroup, Facts]]) -> Iterator[Part]:
    for group, facts in days:
        targets = _targets_of(group)
        shares = weights(f"targets/{group.id}", len(targets))
        for number, (target, part) in enumerate(zip(targets, split(facts, shares), strict=True)):
            yield group, {"targetId": group.id + 101 + number} | target, part


def _targets_of(group: AdGroup) -> list[Row]:
    if group.plan.tactic == "T00020":
        pages = [asin_of(f"rival/{product}") for product in group.plan.products]
        return [
            _target(f'asin="{page}"', f'asin="{page}"', "TARGETING_EXPRESSION") for page in pages
        ] + [_target("similarProduct", "similar to advertised products", "TARGETING_EXPRESSION")]
    return [
        _target(f"views=(exactProduct lookback={days})", f"viewed in {days} days", kind)
        for days, kind in ((7, "AUDIENCE"), (30, "AUDIENCE"), (90, "AUDIENCE"))
    ]


def _target(expression: str, text: str, kind: str) -> Row:
    return {"targetingExpression": expression, "targetingText": text, "targetingType": kind}


def _asins(days: list[tuple[AdGroup, Facts]]) -> Iterator[Part]:
    """Purchases of other products after ads for one: the halo."""
    for group, ad, facts in _product_ads(days):
        halo = {name: value for name, value in facts.items() if name.endswith("OtherSKU")}
        others = [p for p in group.plan.products if asin_of(p) != ad["asin"]]
        others += [f"{p} accessory" for p in group.plan.products[:2]]
        shares = weights(f"halo/{ad['adId']}", len(others))
        for product, part in zip(others, split(halo, shares), strict=True):
            if any(part.values()):
                blank = dict.fromkeys(ADDITIVE, 0)
                yield group, ad | {"otherAsin": asin_of(product)}, blank | part


def _by_page(parts: Iterator[Part]) -> Iterator[Part]:
    """Split by the page where the ad was clicked; pages without a click have no row."""
    for group, names, facts in parts:
        key = f"pages/{names.get('targetId', group.id)}"
        pages = [asin_of(f"{key}/{n}") for n in range(4)]
        for page, part in zip(pages, split(facts, weights(key, len(pages))), strict=True):
            if part["clicks"] > 0:
                yield group, names | {"matchedTarget": page}, part


_PARTS = {
    "campaigns": _campaigns,
    "adGroups": _ad_groups,
    "productAds": _product_ads,
    "targets": _targets,
    "asins": _asins,
}


def _described(group: AdGroup, day: date) -> Row:
    plan = group.plan
    return {
        "campaignId": group.campaign_id,
        "campaignName": plan.name,
        "campaignStatus": "paused" if plan.last_day == day else "enabled",
        "campaignBudget": plan.budget,
        "costType": plan.cost_type,
        "currency": group.advertiser.currency,
        "adGroupId": group.id,
        "adGroupName": group.name,
        "bidOptimization": "reach" if plan.cost_type == "VCPM" else "conversions",
    }


def _numbers(group: AdGroup, facts: Facts) -> Row:
    decimals = group.advertiser.decimals
    numbers: Row = {
        name: money(value, decimals) if CATALOGUE[name].kind is Kind.MONEY else value
        for name, value in facts.items()
        if group.plan.video or not name.startswith("video")
    }
    impressions, viewed, clicks = (
        facts[name] for name in ("impressions", "viewImpressions", "clicks")
    )
    reach = round(impressions * 0.41)
    return numbers | {
        "vtr": round(viewed / impressions, 6) if impressions else None,
        "vctr": round(clicks / viewed, 6) if viewed else None,
        "cumulativeReach": reach,
        "avgImpressionsFrequency": round(impressions / reach, 4) if reach else None,
    }
