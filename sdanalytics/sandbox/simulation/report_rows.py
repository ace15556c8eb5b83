"""The rows of each report of either version, from what happened to an advertiser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

from sdanalytics.model.metrics import CATALOGUE, TACTICS, V2_NAME_BY_V3_NAME, ColumnKind
from sdanalytics.sandbox.simulation.advertisers import (
    ADDITIVE,
    AdGroup,
    Advertiser,
    MetricValues,
    ad_groups,
    apportion,
    make_asin,
    make_sku,
    money,
    simulate_day,
    sum_metrics,
    weights,
)
from sdanalytics.sandbox.v3_request import V3Request

ReportRow = dict[str, Any]

_MONEY: Final = frozenset(n for n, metric in CATALOGUE.items() if metric.kind is ColumnKind.MONEY)
_VIDEO: Final = frozenset(name for name in CATALOGUE if name.startswith("video"))


def render_v2_rows(
    advertiser: Advertiser,
    record_type: str,
    day: date,
    tactic: str,
    metrics: Sequence[str],
    segment: str | None,
    now: datetime,
) -> list[ReportRow]:
    """A version 2 report as the service would send it.

    Fields come in the order asked. Video metrics are absent for campaigns without video;
    a ratio without a denominator is null; whole amounts have no decimals.
    """
    parts = _parts(advertiser, record_type, segment, day, tactic, now)
    full = [_full(*part, day) for part in parts]
    return [{name: row[name] for name in metrics if name in row} for row in full]


def render_v3_rows(advertiser: Advertiser, wanted: V3Request, now: datetime) -> list[ReportRow]:
    """A version 3 report as the service would send it: of both tactics, under its own names.

    The numbers are those of the version 2 reports of the same days.
    """
    parts = [
        (day, part)
        for day in wanted.days
        for tactic in TACTICS
        for part in _parts(advertiser, wanted.record_type, wanted.segment, day, tactic, now)
    ]
    if not wanted.is_daily:
        parts = _summed(parts)
    span = {"startDate": wanted.days[0].isoformat(), "endDate": wanted.days[-1].isoformat()}
    full = [span | {"date": day.isoformat()} | _full(*part, day) for day, part in parts]
    names = {column: V2_NAME_BY_V3_NAME.get(column, column) for column in wanted.columns}
    return [
        {column: row[name] for column, name in names.items() if name in row}
        for row in full
        if all(
            str(row.get(V2_NAME_BY_V3_NAME[column])) in values
            for column, values in wanted.filters.items()
        )
    ]


Part = tuple[AdGroup, ReportRow, MetricValues]


def _parts(
    advertiser: Advertiser,
    record_type: str,
    segment: str | None,
    day: date,
    tactic: str,
    now: datetime,
) -> list[Part]:
    """What has a row in a report of a day and tactic: where, its names, what happened."""
    groups = ad_groups(advertiser, tactic, day)
    parts = _PARTS[record_type](
        [(group, facts) for group in groups if (facts := simulate_day(group, day, now))]
    )
    if segment:
        parts = _by_page(parts)
    return [part for part in parts if part[2]["impressions"] > 0 or record_type == "asins"]


def _summed(parts: Iterable[tuple[date, Part]]) -> list[tuple[date, Part]]:
    """One for all days, described as on the last of them."""
    sums: dict[tuple[Any, ...], tuple[date, Part]] = {}
    for day, (group, names, facts) in parts:
        key = (group.id, *names.values())
        before = [sums[key][1][2]] if key in sums else []
        sums[key] = day, (group, names, sum_metrics([*before, facts]))
    return list(sums.values())


def _campaigns(days: list[tuple[AdGroup, MetricValues]]) -> Iterator[Part]:
    for _, members in groupby(days, key=lambda pair: pair[0].campaign_id):
        pairs = list(members)
        yield pairs[0][0], {}, sum_metrics(facts for _, facts in pairs)


def _ad_groups(days: list[tuple[AdGroup, MetricValues]]) -> Iterator[Part]:
    for group, facts in days:
        yield group, {}, facts


def _product_ads(days: list[tuple[AdGroup, MetricValues]]) -> Iterator[Part]:
    for group, facts in days:
        shares = weights(f"ads/{group.id}", len(group.products))
        for product, part in zip(group.products, apportion(facts, shares), strict=True):
            ad = {"adId": group.id + 1 + group.products.index(product)}
            yield group, ad | {"asin": make_asin(product), "sku": make_sku(product)}, part


def _targets(days: list[tuple[AdGroup, MetricValues]]) -> Iterator[Part]:
    for group, facts in days:
        targets = _targets_of(group)
        shares = weights(f"targets/{group.id}", len(targets))
        for number, (target, part) in enumerate(
            zip(targets, apportion(facts, shares), strict=True)
        ):
            yield group, {"targetId": group.id + 101 + number} | target, part


def _targets_of(group: AdGroup) -> list[ReportRow]:
    if group.plan.tactic == "T00020":
        pages = [make_asin(f"rival/{product}") for product in group.plan.products]
        return [
            _target(f'asin="{page}"', f'asin="{page}"', "TARGETING_EXPRESSION") for page in pages
        ] + [_target("similarProduct", "similar to advertised products", "TARGETING_EXPRESSION")]
    return [
        _target(f"views=(exactProduct lookback={days})", f"viewed in {days} days", kind)
        for days, kind in ((7, "AUDIENCE"), (30, "AUDIENCE"), (90, "AUDIENCE"))
    ]


def _target(expression: str, text: str, kind: str) -> ReportRow:
    return {"targetingExpression": expression, "targetingText": text, "targetingType": kind}


def _asins(days: list[tuple[AdGroup, MetricValues]]) -> Iterator[Part]:
    """Purchases of other products after ads for one: the halo."""
    for group, ad, facts in _product_ads(days):
        halo = {name: value for name, value in facts.items() if name.endswith("OtherSKU")}
        others = [p for p in group.plan.products if make_asin(p) != ad["asin"]]
        others += [f"{p} accessory" for p in group.plan.products[:2]]
        shares = weights(f"halo/{ad['adId']}", len(others))
        for product, part in zip(others, apportion(halo, shares), strict=True):
            if any(part.values()):
                listed = {"addToListFromClicks": part["attributedConversions14dOtherSKU"]}
                blank = dict.fromkeys(ADDITIVE, 0)
                yield group, ad | {"otherAsin": make_asin(product)}, blank | part | listed


def _by_page(parts: Iterator[Part]) -> Iterator[Part]:
    """Split by the page where the ad was clicked; pages without a click have no row."""
    for group, names, facts in parts:
        key = f"pages/{names.get('targetId', group.id)}"
        pages = [make_asin(f"{key}/{n}") for n in range(4)]
        for page, part in zip(pages, apportion(facts, weights(key, len(pages))), strict=True):
            if part["clicks"] > 0:
                yield group, names | {"matchedTarget": page}, part


_PARTS = {
    "campaigns": _campaigns,
    "adGroups": _ad_groups,
    "productAds": _product_ads,
    "targets": _targets,
    "asins": _asins,
}


def _full(group: AdGroup, names: ReportRow, facts: MetricValues, day: date) -> ReportRow:
    """All that any report tells of a part, by the catalogue's names."""
    return names | _described(group, day) | _numbers(group, facts)


def _described(group: AdGroup, day: date) -> ReportRow:
    plan = group.plan
    return {
        "campaignId": group.campaign_id,
        "campaignName": plan.name,
        "campaignStatus": plan.state(day),
        "campaignBudget": plan.budget,
        "costType": plan.cost_type,
        "currency": group.advertiser.currency,
        "adGroupId": group.id,
        "adGroupName": group.name,
        "bidOptimization": "reach" if plan.cost_type == "VCPM" else "conversions",
        "adKeywordStatus": plan.state(day),
    }


def _numbers(group: AdGroup, facts: MetricValues) -> ReportRow:
    facts = facts | _totals(facts)
    decimals = group.advertiser.decimals
    absent = () if group.plan.video else _VIDEO
    numbers: ReportRow = {
        name: money(value, decimals) if name in _MONEY else value
        for name, value in facts.items()
        if name not in absent
    }
    return numbers | _ratios(facts) | _costs(facts, decimals) | _reach(facts)


def _totals(facts: MetricValues) -> MetricValues:
    """What comes by click and by view, together; of searches, what clicks leave."""
    more = facts["viewAttributedBrandedSearches14d"] - facts["attributedBrandedSearches14d"]
    return {
        "addToCart": facts["addToCartClicks"] + facts["addToCartViews"],
        "addToList": facts["addToListFromClicks"] + facts["addToListFromViews"],
        "brandedSearchesViews": max(0, more),
        "newToBrandDetailPageViews": facts["newToBrandDetailPageViewClicks"]
        + facts["newToBrandDetailPageViewViews"],
    }


def _ratios(facts: MetricValues) -> ReportRow:
    impressions = facts["impressions"]
    pairs = {
        "vtr": (facts["viewImpressions"], impressions),
        "vctr": (facts["clicks"], facts["viewImpressions"]),
        "addToCartRate": (facts["addToCart"], impressions),
        "brandedSearchRate": (facts["viewAttributedBrandedSearches14d"], impressions),
        "newToBrandDetailPageViewRate": (facts["newToBrandDetailPageViews"], impressions),
        "longTermROAS": (facts["longTermSales"], facts["cost"]),
    }
    return {name: round(part / of, 6) if of else None for name, (part, of) in pairs.items()}


def _costs(facts: MetricValues, decimals: int) -> ReportRow:
    """What one of something cost."""
    counts = {
        "eCPAddToCart": facts["addToCart"],
        "eCPBrandSearch": facts["viewAttributedBrandedSearches14d"],
        "newToBrandECPDetailPageView": facts["newToBrandDetailPageViews"],
    }
    return {
        name: money(round(facts["cost"] / count), decimals) if count else None
        for name, count in counts.items()
    }


def _reach(facts: MetricValues) -> ReportRow:
    impressions = facts["impressions"]
    reach = round(impressions * 0.41)
    frequency = round(impressions / reach, 4) if reach else None
    return {"cumulativeReach": reach, "avgImpressionsFrequency": frequency}
