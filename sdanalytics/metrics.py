"""The catalogue: every metric's name, dtype, unit, meaning, and where it is available.

The table itself is ``metrics.csv`` beside this file, written from Amazon's Sponsored
Display version 2 reference.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from sdanalytics.errors import InvalidRequest
from sdanalytics.names import nearest

RECORD_TYPES: Final = ("campaigns", "adGroups", "productAds", "targets", "asins")
TACTICS: Final = ("T00020", "T00030")
"""Contextual targeting, and audiences (remarketing)."""
SEGMENT: Final = "matchedTarget"

STATES: Final = ("campaignBudget", "cumulativeReach", "avgImpressionsFrequency")
"""Metrics that tell how things stand on a day, and are no one's sum."""

_IDENTITY: Final = {
    "campaigns": ("campaignId",),
    "adGroups": ("campaignId", "adGroupId"),
    "productAds": ("campaignId", "adGroupId", "adId"),
    "targets": ("campaignId", "adGroupId", "targetId"),
    "asins": ("campaignId", "adGroupId", "asin", "otherAsin"),
}

# What most questions need: who, money, the funnel, and the 14-day results that Amazon's
# console shows, by click (CPC campaigns) and by view and click (vCPM campaigns). Each
# record type's default is what it has of these.
_USUAL: Final = (
    "campaignName",
    "adGroupName",
    "campaignStatus",
    "campaignBudget",
    "costType",
    "bidOptimization",
    "targetingText",
    "targetingType",
    "currency",
    "impressions",
    "viewImpressions",
    "clicks",
    "cost",
    "attributedDetailPageView14d",
    "attributedConversions14d",
    "attributedUnitsOrdered14d",
    "attributedSales14d",
    "attributedOrdersNewToBrand14d",
    "attributedSalesNewToBrand14d",
    "viewAttributedDetailPageView14d",
    "viewAttributedConversions14d",
    "viewAttributedUnitsOrdered14d",
    "viewAttributedSales14d",
    "viewAttributedOrdersNewToBrand14d",
    "viewAttributedSalesNewToBrand14d",
    "attributedConversions14dOtherSKU",
    "attributedUnitsOrdered14dOtherSKU",
    "attributedSales14dOtherSKU",
    "viewAttributedConversions14dOtherSKU",
    "viewAttributedUnitsOrdered14dOtherSKU",
    "viewAttributedSales14dOtherSKU",
)
# The advertised product is no part of an ad's identity, but nobody reads ads without it.
_USUAL_OF: Final = {"productAds": ("asin", *_USUAL)}


class Kind(Enum):
    """What a column holds; it decides the column's type everywhere."""

    ID = "id"
    COUNT = "count"
    MONEY = "money"
    RATIO = "ratio"
    TEXT = "text"
    CATEGORY = "category"

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers (64 bits, signed)."""
        return self in (Kind.ID, Kind.COUNT)

    @property
    def is_decimal(self) -> bool:
        """Whether values are numbers with decimals (binary, 64 bits)."""
        return self in (Kind.MONEY, Kind.RATIO)


@dataclass(frozen=True)
class Metric:
    """One metric of the service.

    Attributes
    ----------
    name : str
        Amazon's version 2 name.
    kind : Kind
    unit : str
        ``count``, ``currency`` (the profile's), ``ratio``, ``identifier``, ``text``, ...
    meaning : str
    reports : frozenset of str
        Where it is available: ``campaigns``, ..., ``campaigns+matchedTarget``, ...
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    reports: frozenset[str]

    @property
    def is_summable(self) -> bool:
        """Whether values of several rows can be added: no rates, budgets or reach."""
        return self.kind in (Kind.COUNT, Kind.MONEY) and self.name not in STATES


def _load() -> Mapping[str, Metric]:
    table = files("sdanalytics").joinpath("metrics.csv").read_text(encoding="utf-8")
    fixed = ("metric", "kind", "unit", "meaning")
    return MappingProxyType(
        {
            row["metric"]: Metric(
                name=row["metric"],
                kind=Kind(row["kind"]),
                unit=row["unit"],
                meaning=row["meaning"],
                reports=frozenset(r for r, mark in row.items() if mark == "y" and r not in fixed),
            )
            for row in csv.DictReader(table.splitlines())
        }
    )


CATALOGUE: Final = _load()
"""Every metric by its name, in Amazon's order."""


def report_name(record_type: str, segment: str | None) -> str:
    """The catalogue's name of a report: ``campaigns``, ``campaigns+matchedTarget``, ..."""
    return f"{record_type}+{segment}" if segment else record_type


def available(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """All metrics of a report, in the catalogue's order."""
    report = report_name(record_type, segment)
    return tuple(metric.name for metric in CATALOGUE.values() if report in metric.reports)


def identity(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """The columns that tell the rows of one day and tactic apart."""
    return _IDENTITY[record_type] + ((segment,) if segment else ())


def default_metrics(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """The metrics of a report when none are named.

    Names, state, currency, impressions, viewable impressions, clicks, cost, and the
    14-day results (detail page views, orders, units, sales, new-to-brand) by click and by
    view and click, as far as the report has them. `asins` has the purchases of other
    products of the brand instead. `sku` is never among them: only sellers have it.
    """
    has = set(available(record_type, segment)) - set(identity(record_type, segment))
    usual = _USUAL_OF.get(record_type, _USUAL)
    return tuple(name for name in usual if name in has)


def catalogue_order(names: Iterable[str]) -> tuple[str, ...]:
    """`names` in the catalogue's order, each once."""
    wanted = set(names)
    return tuple(name for name in CATALOGUE if name in wanted)


def check_metrics(
    names: Sequence[object], record_type: str, segment: str | None
) -> tuple[str, ...]:
    """`names`, each once, if the report has them all; else `InvalidRequest` says what to do."""
    report = report_name(record_type, segment)
    has = available(record_type, segment)
    wrong = [_what_is_wrong(name, report) for name in names if name not in has]
    if wrong:
        raise InvalidRequest("; ".join(wrong))
    return tuple(dict.fromkeys(str(name) for name in names))


def _what_is_wrong(name: object, report: str) -> str:
    if not isinstance(name, str):
        return f"a metric is a name (text), not {name!r}"
    if name in ("date", "tactic"):
        return f"{name!r} is no metric: every frame has that column; leave it out"
    if name not in CATALOGUE:
        return f"{name!r} is not a metric{_nearest(name, report)}"
    places = [place for place in _report_names() if place in CATALOGUE[name].reports]
    return f"{name!r} is not available for {report}; it is for {', '.join(places)}"


def _nearest(name: str, report: str) -> str:
    here = [known for known in CATALOGUE if report in CATALOGUE[known].reports]
    meant = nearest(name, here) or nearest(name, CATALOGUE)
    if meant:
        return f"; did you mean {meant!r}?"
    return (
        "; metrics are Amazon's version 2 names, such as 'cost' or 'attributedSales14d': "
        f"sdanalytics.metrics.available({report.partition('+')[0]!r}) lists them"
    )


def _report_names() -> list[str]:
    every = {report for metric in CATALOGUE.values() for report in metric.reports}
    plain = [t for t in RECORD_TYPES if t in every]
    return plain + [f"{t}+{SEGMENT}" for t in RECORD_TYPES if f"{t}+{SEGMENT}" in every]


def segmented_record_types() -> tuple[str, ...]:
    """The record types that can be segmented by matched target."""
    names = _report_names()
    return tuple(t for t in RECORD_TYPES if report_name(t, SEGMENT) in names)
