"""The catalogue: every metric's name, dtype, unit, meaning, and where it is available.

The table itself is ``metrics.csv`` beside this file, written from Amazon's references of
versions 2 and 3 of Sponsored Display reports: a report's column tells which of them have a
metric there (``2``, ``3``, ``23``). What both have goes by its version 2 name everywhere.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, get_args

from sdanalytics._core.suggest import closest_match, validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api, RecordType, Tactic
from sdanalytics.model.partition import report_name

if TYPE_CHECKING:
    import pandas as pd

RECORD_TYPES: Final = get_args(RecordType)
TACTICS: Final = get_args(Tactic)
"""Contextual targeting, and audiences (remarketing)."""
UNKNOWN_TACTIC: Final = "unknown"
"""The tactic of rows whose campaign version 3 does not list: it reports without tactics."""
MATCHED_TARGET: Final = "matchedTarget"
API_VERSIONS: Final = get_args(Api)
"""Of the reporting API."""

NON_ADDITIVE: Final = ("campaignBudget", "cumulativeReach", "avgImpressionsFrequency")
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


class ColumnKind(Enum):
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


@dataclass(frozen=True)
class Metric:
    """One metric of the service.

    Attributes
    ----------
    name : str
        Amazon's version 2 name; of what only version 3 has, that version's.
    v3_name : str or None
        Amazon's version 3 name; None when that version has no such metric.
    kind : Kind
    unit : str
        ``count``, ``currency`` (the profile's), ``ratio``, ``identifier``, ``text``, ...
    meaning : str
    reports, v3_reports : frozenset of str
        Where version 2 and version 3 have it: ``campaigns``, ..., ``campaigns+matchedTarget``,
        ...
    """

    name: str
    v3_name: str | None
    kind: ColumnKind
    unit: str
    meaning: str
    reports: frozenset[str]
    v3_reports: frozenset[str]

    @property
    def is_summable(self) -> bool:
        """Whether values of several rows can be added: no rates, costs per action or reach."""
        return self.unit in ("count", "currency") and self.name not in NON_ADDITIVE

    def available_in(self, api: str | None) -> frozenset[str]:
        """Where a version has it; None: where either has."""
        if api is None:
            return self.reports | self.v3_reports
        return self.v3_reports if api == "v3" else self.reports


def _load() -> Mapping[str, Metric]:
    table = files("sdanalytics.model").joinpath("metrics.csv").read_text(encoding="utf-8")
    metrics = (_metric(**row) for row in csv.DictReader(table.splitlines()))
    return MappingProxyType({metric.name: metric for metric in metrics})


def _metric(metric: str, v3_name: str, kind: str, unit: str, meaning: str, **marks: str) -> Metric:
    two, three = (
        frozenset(report for report, mark in marks.items() if version in mark)
        for version in ("2", "3")
    )
    return Metric(metric, v3_name or None, ColumnKind(kind), unit, meaning, two, three)


CATALOGUE: Final = _load()
"""Every metric by its name, in Amazon's order; those that only version 3 has come last."""

V2_NAME_BY_V3_NAME: Final = MappingProxyType(
    {metric.v3_name: metric.name for metric in CATALOGUE.values() if metric.v3_name}
)
"""Every version 3 name's metric."""


def available_metrics(
    record_type: str, segment: str | None = None, api: str | None = "v2"
) -> tuple[str, ...]:
    """All metrics that a version has of a report, in the catalogue's order.

    `api` is ``"v2"``, ``"v3"``, or None for what either has.
    """
    report, api = report_name(record_type, segment), _version(api)
    return tuple(m.name for m in CATALOGUE.values() if report in m.available_in(api))


def identity_columns(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """The columns that tell the rows of one day and tactic apart."""
    return _IDENTITY[record_type] + ((segment,) if segment else ())


def default_metrics(
    record_type: str, segment: str | None = None, api: str | None = "v2"
) -> tuple[str, ...]:
    """The metrics of a report when none are named.

    Names, state, currency, impressions, viewable impressions, clicks, cost, and the
    14-day results (detail page views, orders, units, sales, new-to-brand) by click and by
    view and click, as far as the report has them. `asins` has the purchases of other
    products of the brand instead. `sku` is never among them: only sellers have it.

    Under version 3 these are what it has of version 2's, and nothing else, so that days
    stored through version 2 answer the same call.
    """
    both = set(available_metrics(record_type, segment)) & set(
        available_metrics(record_type, segment, api)
    )
    has = both - set(identity_columns(record_type, segment))
    usual = _USUAL_OF.get(record_type, _USUAL)
    return tuple(name for name in usual if name in has)


def sort_by_catalogue(names: Iterable[str]) -> tuple[str, ...]:
    """`names` in the catalogue's order, each once."""
    wanted = set(names)
    return tuple(name for name in CATALOGUE if name in wanted)


def list_metrics(
    record_type: str | None = None, segment: str | None = None, api: str | None = None
) -> pd.DataFrame:
    """The catalogue as a frame, to be searched.

    Parameters
    ----------
    record_type : {"campaigns", "adGroups", "productAds", "targets", "asins"}, optional
        Metrics of this report only; None: of any.
    segment : {"matchedTarget"}, optional
        Metrics of reports by matched target only.
    api : {"v2", "v3"}, optional
        Metrics that this version has only; None: that either has.

    Returns
    -------
    pandas.DataFrame
        A row a metric, in the catalogue's order: `metric`, the name by which it is asked for
        and the column of the frame, whatever the version; `v3_name`, Amazon's in version 3
        (missing where that has none); `dtype` of the column; `unit`; `meaning` (all str);
        `is_summable`, whether rows can be added; `v2` and `v3`, whether that version has it
        in such a report (all bool); `reports` (str), all that have it, in the version asked
        for or in either, separated by commas.

    Raises
    ------
    InvalidRequest
        When a parameter is none of the above, or the report has no segments.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> m = sda.list_metrics("campaigns", api="v3")
    >>> m[m["meaning"].str.contains("new to")]["metric"].tolist()[:2]
    ['attributedOrdersNewToBrand14d', 'attributedSalesNewToBrand14d']
    """
    import pandas as pd

    asked, api = _reports_asked(record_type, segment), _version(api)
    found = [metric for metric in CATALOGUE.values() if asked & metric.available_in(api)]
    texts = {
        "metric": [metric.name for metric in found],
        "v3_name": [metric.v3_name for metric in found],
        "dtype": [metric.kind.dtype for metric in found],
        "unit": [metric.unit for metric in found],
        "meaning": [metric.meaning for metric in found],
    }
    facts = {
        "is_summable": [metric.is_summable for metric in found],
        "v2": [bool(asked & metric.reports) for metric in found],
        "v3": [bool(asked & metric.v3_reports) for metric in found],
    }
    reports = pd.Series([", ".join(_places(metric, api)) for metric in found], dtype="str")
    return pd.DataFrame(texts, dtype="str").assign(**facts, reports=reports)


def _reports_asked(record_type: object, segment: object) -> set[str]:
    """The reports of a record type and segment, of which either may be left out."""
    if record_type is not None:
        name = validate_choice("record_type", record_type, RECORD_TYPES)
        return {report_name(name, validate_segment(segment, name))}
    if segment is None:
        return set(_report_names())
    name = validate_choice("segment", segment, (MATCHED_TARGET,))
    return {report_name(record_type, name) for record_type in segmented_record_types()}


def validate_segment(segment: object, record_type: str) -> str | None:
    """`segment`, if the record type has it; else `InvalidRequest` says what is right."""
    if segment is None:
        return None
    name = validate_choice("segment", segment, (MATCHED_TARGET,))
    able = segmented_record_types()
    if record_type not in able:
        raise InvalidRequest(f"{record_type} cannot be segmented by {name}; {', '.join(able)} can")
    return name


def _version(api: object) -> str | None:
    return None if api is None else validate_choice("api", api, API_VERSIONS)


def validate_metrics(
    names: Sequence[object], record_type: str, segment: str | None, api: str | None = None
) -> tuple[str, ...]:
    """`names`, each once, if the report has them all; else `InvalidRequest` says what to do.

    `api` is the version that has to have them; None: either.
    """
    report = report_name(record_type, segment)
    has = available_metrics(record_type, segment, api)
    wrong = [_what_is_wrong(name, report, api) for name in names if name not in has]
    if wrong:
        raise InvalidRequest("; ".join(wrong))
    return tuple(dict.fromkeys(str(name) for name in names))


def _what_is_wrong(name: object, report: str, api: str | None) -> str:
    if not isinstance(name, str):
        return f"a metric is a name (text), not {name!r}"
    if name in ("date", "tactic"):
        return f"{name!r} is no metric: every frame has that column; leave it out"
    if name in CATALOGUE:
        return _why_not(CATALOGUE[name], report, api)
    if name not in V2_NAME_BY_V3_NAME:
        return f"{name!r} is not a metric{_nearest(name, report, api)}"
    metric = CATALOGUE[V2_NAME_BY_V3_NAME[name]]
    told = f"{name!r} is the version 3 name of what is {metric.name!r} here"
    has = report in metric.available_in(api)
    return told if has else f"{told}; {_why_not(metric, report, api)}"


def _why_not(metric: Metric, report: str, api: str | None) -> str:
    """Why a metric is not to be had of a report in a version, and what is."""
    name, places = metric.name, ", ".join(_places(metric, api))
    has_other = report in metric.available_in("v2" if api == "v3" else "v3")
    if api == "v2" and not places:
        others = "" if has_other else f", for {', '.join(_places(metric, 'v3'))}"
        return f'{name!r} is no metric of version 2; version 3 has it (api="v3"){others}'
    if api == "v3" and not places:
        return _without_counterpart(name, report)
    if api == "v3" and has_other:
        return f"{name!r} has no counterpart in version 3 for {report}; it has one for {places}"
    told = f"{name!r} is not available for {report}; it is for {places}"
    return f'{told}; version 3 has it for {report} too (api="v3")' if has_other else told


def _without_counterpart(name: str, report: str) -> str:
    """What version 3 has in place of a metric that only version 2 has."""
    same = CATALOGUE.get(re.sub(r"\d+d", "14d", name))
    if same is None or not same.v3_reports:
        return f"{name!r} has no counterpart in version 3; leave it out"
    places = "" if report in same.v3_reports else f", for {', '.join(_places(same, 'v3'))}"
    return (
        f"{name!r} is no metric of version 3, which has the 14-day window only: "
        f"{same.name!r}{places}"
    )


def _nearest(name: str, report: str, api: str | None) -> str:
    of_version = {known.name: known.available_in(api) for known in CATALOGUE.values()}
    here = [known for known, reports in of_version.items() if report in reports]
    there = [known for known, reports in of_version.items() if reports]
    meant = (
        closest_match(name, here) or closest_match(name, there) or closest_match(name, CATALOGUE)
    )
    if meant:
        return f"; did you mean {meant!r}?"
    asked = repr(report.partition("+")[0]) + (", api='v3'" if api == "v3" else "")
    return (
        "; metrics are Amazon's version 2 names, such as 'cost' or 'attributedSales14d': "
        f"sdanalytics.metrics.available({asked}) lists them"
    )


def _places(metric: Metric, api: str | None) -> list[str]:
    """The reports of a version that have a metric, in order."""
    return [report for report in _report_names() if report in metric.available_in(api)]


def _report_names() -> list[str]:
    every = {report for metric in CATALOGUE.values() for report in metric.reports}
    plain = [t for t in RECORD_TYPES if t in every]
    return plain + [
        f"{t}+{MATCHED_TARGET}" for t in RECORD_TYPES if f"{t}+{MATCHED_TARGET}" in every
    ]


def segmented_record_types() -> tuple[str, ...]:
    """The record types that can be segmented by matched target."""
    names = _report_names()
    return tuple(t for t in RECORD_TYPES if report_name(t, MATCHED_TARGET) in names)
