"""The catalogue: every metric's name, dtype, unit, meaning, and where it is available.

The table itself is ``metrics.csv`` beside this file, written from Amazon's references of
versions 2 and 3 of Sponsored Display reports and of the unified Ads API (version 1): the column of
a report has the versions in which it has the metric (``2``, ``23``, ``123``). A metric of several
versions has its version 2 name everywhere, or else that of version 3. Metrics that are newer than
the table are added by `sdanalytics.model.registration`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Final, get_args

from sdanalytics._core.growing_mapping import GrowingMapping
from sdanalytics._core.suggest import validate_choice
from sdanalytics.model.literals import Api, RecordType, Tactic
from sdanalytics.model.partition import report_name

RECORD_TYPES: Final[tuple[RecordType, ...]] = get_args(RecordType)
TACTICS: Final[tuple[Tactic, ...]] = get_args(Tactic)
"""Contextual targeting, and audiences (remarketing)."""
UNKNOWN_TACTIC: Final = "unknown"
"""The tactic of rows of campaigns that version 3 does not list: its reports have no tactics."""
EVERY_TACTIC: Final = "all"
"""The tactic of reports that have no campaign ids, and so cannot be divided by tactic."""
MATCHED_TARGET: Final = "matchedTarget"
"""The one segment."""
API_VERSIONS: Final[tuple[Api, ...]] = get_args(Api)
"""Versions of the reporting API."""

CAMPAIGN_FACTS: Final = ("costType", "portfolioId", "campaignName", "campaignStatus")
"""Facts of a campaign, which may be asked for with any report: what a report lacks of them is
joined from the profile's list of campaigns when a frame is made."""
DEFAULT_FACTS: Final = ("costType", "campaignName")
"""Those that are among the default metrics of every report."""

NON_ADDITIVE: Final = ("campaignBudget", "cumulativeReach", "avgImpressionsFrequency")
"""Metrics that describe the state of a day: values of several rows cannot be added."""

_IDENTITY_COLUMNS: Final = {
    "campaigns": ("campaignId",),
    "adGroups": ("campaignId", "adGroupId"),
    "productAds": ("campaignId", "adGroupId", "adId"),
    "targets": ("campaignId", "adGroupId", "targetId"),
    "asins": ("campaignId", "adGroupId", "asin", "otherAsin"),
    "invalidTraffic": ("campaignName",),
}

# The metrics that most analyses need: names, money, the funnel, and the 14-day results that
# Amazon's console shows, by click (CPC campaigns) and by view and click (vCPM campaigns). The
# default of a record type is what it has of these.
_DEFAULT_METRICS: Final = (
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
_INVALID_TRAFFIC_METRICS: Final = (
    "campaignStatus",
    "costType",
    "impressions",
    "grossImpressions",
    "invalidImpressions",
    "invalidImpressionRate",
    "clicks",
    "grossClickThroughs",
    "invalidClickThroughs",
    "invalidClickThroughRate",
)
_DEFAULT_METRICS_BY_TYPE: Final = {
    # The advertised product does not identify an ad, but is needed to recognize one.
    "productAds": ("asin", *_DEFAULT_METRICS),
    "invalidTraffic": _INVALID_TRAFFIC_METRICS,
}


class ColumnKind(Enum):
    """The kind of a column's values; it decides the column's type everywhere."""

    ID = "id"
    COUNT = "count"
    MONEY = "money"
    RATIO = "ratio"
    TEXT = "text"
    CATEGORY = "category"

    @property
    def is_integer(self) -> bool:
        """Whether values are integers (64 bits, signed)."""
        return self in (ColumnKind.ID, ColumnKind.COUNT)

    @property
    def is_decimal(self) -> bool:
        """Whether values are numbers with decimals (binary, 64 bits)."""
        return self in (ColumnKind.MONEY, ColumnKind.RATIO)

    @property
    def dtype(self) -> str:
        """The type of such a column of a frame: ``Int64``, ``float64``, ``category``, ``str``."""
        if self.is_integer:
            return "Int64"
        if self.is_decimal:
            return "float64"
        return "category" if self is ColumnKind.CATEGORY else "str"

    @property
    def unit(self) -> str:
        """The unit of a registered metric: a metric of the table may have one of its own."""
        return _UNIT_BY_KIND.get(self, "text")


_UNIT_BY_KIND: Final = {
    ColumnKind.ID: "identifier",
    ColumnKind.COUNT: "count",
    ColumnKind.MONEY: "currency",
    ColumnKind.RATIO: "ratio",
}


@dataclass(frozen=True)
class Metric:
    """One metric of the service.

    Attributes
    ----------
    name : str
        Amazon's version 2 name, or else that of version 3, or else that of version 1 without
        its prefix ``metric.``.
    v3_name : str or None
        Amazon's version 3 name; None if that version does not have the metric.
    kind : ColumnKind
    unit : str
        ``count``, ``currency`` (the profile's), ``ratio``, ``identifier``, ``text``, ...
    meaning : str
    reports, v3_reports : frozenset of str
        The reports of the service that have it in version 2 and in version 3: ``campaigns``, ...,
        ``campaigns+matchedTarget``, ...
    is_registered : bool
        Whether the user registered it, because it is newer than this release.
    v1_name : str or None
        The field of the unified Ads API, such as ``metric.totalCost``; None if it has none.
    v1_reports : frozenset of str
        The reports that have it there.
    """

    name: str
    v3_name: str | None
    kind: ColumnKind
    unit: str
    meaning: str
    reports: frozenset[str]
    v3_reports: frozenset[str]
    is_registered: bool = False
    v1_name: str | None = None
    v1_reports: frozenset[str] = frozenset()

    @property
    def is_summable(self) -> bool:
        """Whether values of several rows can be added: no rates, costs per action or reach."""
        is_amount = self.unit in ("count", "currency")
        return is_amount and self.name not in NON_ADDITIVE

    @property
    def is_campaign_fact(self) -> bool:
        """Whether it is a fact of the campaign, which is joined to reports that lack it."""
        return self.name in CAMPAIGN_FACTS

    def requestable_in(self, api: str | None) -> frozenset[str]:
        """Return the reports of the service that have it in a version; None: in any."""
        by_version = {"v2": self.reports, "v3": self.v3_reports, "v1": self.v1_reports}
        if api is None:
            return frozenset().union(*by_version.values())
        return by_version[api]

    def available_in(self, api: str | None) -> frozenset[str]:
        """Return the reports that it may be asked for with in a version; None: in any."""
        if self.is_campaign_fact:
            return _REPORT_NAMES_BY_VERSION.get(api or "", frozenset(REPORT_NAMES))
        return self.requestable_in(api)


def _load_catalogue() -> GrowingMapping[str, Metric]:
    table = files("sdanalytics.model").joinpath("metrics.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    catalogue = {}
    for row in csv.DictReader(lines):
        metric = _parse_metric(row)
        catalogue[metric.name] = metric
    return GrowingMapping(catalogue)


def _parse_metric(row: dict[str, str]) -> Metric:
    return Metric(
        name=row["metric"],
        v3_name=row["v3_name"] or None,
        kind=ColumnKind(row["kind"]),
        unit=row["unit"],
        meaning=row["meaning"],
        reports=_parse_reports(row, version="2"),
        v3_reports=_parse_reports(row, version="3"),
        v1_name=row["v1_name"] or None,
        v1_reports=_parse_reports(row, version="1"),
    )


def _parse_reports(row: dict[str, str], version: str) -> frozenset[str]:
    reports = set()
    for column, value in row.items():
        report, _, segment = column.partition("+")
        if report in RECORD_TYPES and version in value:
            reports.add(report_name(report, segment))
    return frozenset(reports)


CATALOGUE: Final = _load_catalogue()
"""Every metric by its name, in Amazon's order; those that only version 3 has are later, those that
only version 1 has are last, and after them those that were registered in this process."""


def _list_report_names() -> tuple[str, ...]:
    known: set[str] = set()
    for metric in CATALOGUE.values():
        known |= metric.reports
    names: list[str] = list(RECORD_TYPES)
    for record_type in RECORD_TYPES:
        segmented = report_name(record_type, MATCHED_TARGET)
        if segmented in known:
            names.append(segmented)
    return tuple(names)


def _map_v3_names() -> GrowingMapping[str, str]:
    names = {}
    for metric in CATALOGUE.values():
        if metric.v3_name:
            names[metric.v3_name] = metric.name
    return GrowingMapping(names)


REPORT_NAMES: Final = _list_report_names()
"""Every report: ``campaigns``, ..., ``campaigns+matchedTarget``, ..."""
_REPORT_NAMES_BY_VERSION: Final = {
    "v2": frozenset().union(*(metric.reports for metric in CATALOGUE.values())),
    "v1": frozenset().union(*(metric.v1_reports for metric in CATALOGUE.values())),
}
"""The reports of versions that do not have all of them."""
V2_NAME_BY_V3_NAME: Final = _map_v3_names()
"""The name in the catalogue of every version 3 name."""


def validate_api(api: object) -> Api | None:
    """Return `api` if it is a version of the API or None; else raise `InvalidRequest`."""
    if api is None:
        return None
    return validate_choice("api", api, API_VERSIONS)


def available_metrics(
    record_type: str, segment: str | None = None, api: str | None = "v2"
) -> tuple[str, ...]:
    """Return all metrics that may be asked for with a report, in the catalogue's order.

    They are those that the report has, and the facts of its campaigns (`CAMPAIGN_FACTS`).

    Parameters
    ----------
    record_type : {"campaigns", "adGroups", "productAds", "targets", "asins", "invalidTraffic"}
    segment : {"matchedTarget"}, optional
    api : {"v2", "v3", "v1"} or None, optional
        The version of the API; None: metrics of any. Version 2 has none of `invalidTraffic`,
        version 1 none of it and of `targets`.
    """
    api = validate_api(api)
    report = report_name(record_type, segment)
    return _list_metric_names(lambda metric: report in metric.available_in(api))


def requestable_metrics(
    record_type: str, segment: str | None = None, api: str | None = "v2"
) -> tuple[str, ...]:
    """Return all metrics that a report of the service has, in the catalogue's order.

    Parameters
    ----------
    record_type, segment, api
        As those of `available_metrics`.
    """
    report = report_name(record_type, segment)
    return _list_metric_names(lambda metric: report in metric.requestable_in(api))


def _list_metric_names(is_selected: Callable[[Metric], bool]) -> tuple[str, ...]:
    """Return the names of metrics, in the catalogue's order."""
    names = []
    for metric in CATALOGUE.values():
        if is_selected(metric):
            names.append(metric.name)
    return tuple(names)


def identity_columns(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """Return the columns that identify a row within a day and tactic."""
    columns = _IDENTITY_COLUMNS[record_type]
    if segment:
        return (*columns, segment)
    return columns


def default_metrics(
    record_type: str, segment: str | None = None, api: str | None = None
) -> tuple[str, ...]:
    """Return the metrics of a report when none are named.

    Names, state, currency, impressions, viewable impressions, clicks, cost, and the
    14-day results (detail page views, orders, units, sales, new-to-brand) by click and by
    view and click, as far as the report has them. `asins` has the purchases of other
    products of the brand instead. `sku` is never among them: only sellers have it.
    `invalidTraffic` has all its metrics. `costType` and `campaignName` are among those of all.

    In versions 3 and 1 these are the ones of version 2 that they have, and no others, so that days
    stored through version 2 serve the same call.
    """
    api = validate_api(api)
    in_v2 = requestable_metrics(record_type, segment)
    in_v3 = requestable_metrics(record_type, segment, "v3")
    available = set(in_v2 or in_v3)
    joined = available.intersection(CAMPAIGN_FACTS, in_v3)
    available.intersection_update(requestable_metrics(record_type, segment, api))
    available.update(DEFAULT_FACTS, joined)
    available.difference_update(identity_columns(record_type, segment))
    defaults = _DEFAULT_METRICS_BY_TYPE.get(record_type, _DEFAULT_METRICS)
    return tuple(name for name in defaults if name in available)


def sort_by_catalogue(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` in the catalogue's order, each once."""
    wanted = set(names)
    return tuple(name for name in CATALOGUE if name in wanted)


def reports_with(metric: Metric, api: str | None) -> list[str]:
    """Return the reports that a metric may be asked for with in a version (None: in any)."""
    available = metric.available_in(api)
    return [report for report in REPORT_NAMES if report in available]


def segmented_record_types() -> tuple[RecordType, ...]:
    """Return the record types that can be segmented by matched target."""
    segmented = []
    for record_type in RECORD_TYPES:
        if report_name(record_type, MATCHED_TARGET) in REPORT_NAMES:
            segmented.append(record_type)
    return tuple(segmented)
