"""KPI definitions and additivity rules: formulas, units, and the metrics that KPIs require."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.model.rates import RATES
from sdanalytics.model.registration import is_registered

CONVERSION_METRICS: Final = {
    "orders": ("attributedConversions14d", "viewAttributedConversions14d"),
    "sales": ("attributedSales14d", "viewAttributedSales14d"),
    "units": ("attributedUnitsOrdered14d", "viewAttributedUnitsOrdered14d"),
    "ntb_orders": ("attributedOrdersNewToBrand14d", "viewAttributedOrdersNewToBrand14d"),
    "ntb_sales": ("attributedSalesNewToBrand14d", "viewAttributedSalesNewToBrand14d"),
    "page_views": ("attributedDetailPageView14d", "viewAttributedDetailPageView14d"),
    "halo_orders": ("attributedConversions14dOtherSKU", "viewAttributedConversions14dOtherSKU"),
    "halo_sales": ("attributedSales14dOtherSKU", "viewAttributedSales14dOtherSKU"),
    "halo_units": ("attributedUnitsOrdered14dOtherSKU", "viewAttributedUnitsOrdered14dOtherSKU"),
}
"""Amazon's metrics behind each result: after a click (CPC), after a view or a click (vCPM).

In version 3 they are `purchasesClicks` and `purchases`, `salesClicks` and `sales`, and so on; those
of other products than the advertised one (halo) are in the asins report only.
"""

_FINAL_BOUNDS: Final = ("", "_low", "_high")
"""The ends of the names of expected final numbers and their bounds, behind `_final`."""

KpiUnit = Literal["fraction", "ratio", "currency"]
"""A fraction is of 1 and shown as per cent; currency is the profile's."""


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """A ratio: `factor` times `numerator` by `denominator`, both summed first.

    Attributes
    ----------
    name : str
    label : str
        The name as the field writes it.
    numerator, denominator : str
        Columns that add up.
    unit : {"fraction", "ratio", "currency"}
    meaning : str
    factor : int
    is_of_vcpm : bool
        Whether only rows of vCPM campaigns count, so that a frame needs the cost type.
    """

    name: str
    label: str
    numerator: str
    denominator: str
    unit: KpiUnit
    meaning: str
    factor: int = 1
    is_of_vcpm: bool = False


_DEFINITIONS: Final = (
    Kpi(
        name="ctr",
        label="CTR",
        numerator="clicks",
        denominator="impressions",
        unit="fraction",
        meaning="Click-through rate",
    ),
    Kpi(
        name="cpc",
        label="CPC",
        numerator="cost",
        denominator="clicks",
        unit="currency",
        meaning="Cost per click",
    ),
    Kpi(
        name="vcpm",
        label="vCPM",
        numerator="cost",
        denominator="viewImpressions",
        unit="currency",
        meaning="Cost per 1,000 viewable impressions",
        factor=1000,
    ),
    Kpi(
        name="cvr",
        label="CVR",
        numerator="attributedConversions14d",
        denominator="clicks",
        unit="fraction",
        meaning="Conversion rate: orders after a click, per click",
    ),
    Kpi(
        name="purchase_rate",
        label="purchase rate",
        numerator="viewAttributedConversions14d",
        denominator="viewImpressions",
        unit="ratio",
        meaning="Orders per 1,000 viewable impressions of vCPM campaigns",
        factor=1000,
        is_of_vcpm=True,
    ),
    Kpi(
        name="cpa",
        label="CPA",
        numerator="cost",
        denominator="orders",
        unit="currency",
        meaning="Cost per acquisition: per order",
    ),
    Kpi(
        name="aov",
        label="AOV",
        numerator="sales",
        denominator="orders",
        unit="currency",
        meaning="Average order value",
    ),
    Kpi(
        name="acos",
        label="ACOS",
        numerator="cost",
        denominator="sales",
        unit="fraction",
        meaning="Advertising cost of sales",
    ),
    Kpi(
        name="roas",
        label="ROAS",
        numerator="sales",
        denominator="cost",
        unit="ratio",
        meaning="Return on advertising spend",
    ),
    Kpi(
        name="click_roas",
        label="click ROAS",
        numerator="attributedSales14d",
        denominator="cost",
        unit="ratio",
        meaning="Return on advertising spend, of sales after a click only",
    ),
    Kpi(
        name="ntb_cpa",
        label="new-to-brand CPA",
        numerator="cost",
        denominator="ntb_orders",
        unit="currency",
        meaning="Cost per new-to-brand order",
    ),
    Kpi(
        name="ntb_order_share",
        label="new-to-brand share of orders",
        numerator="ntb_orders",
        denominator="orders",
        unit="fraction",
        meaning="New-to-brand orders",
    ),
    Kpi(
        name="ntb_sales_share",
        label="new-to-brand share of sales",
        numerator="ntb_sales",
        denominator="sales",
        unit="fraction",
        meaning="New-to-brand sales",
    ),
)

BOUNDED_KPIS: Final = ("ctr", "cvr", "purchase_rate", "cpa", "acos", "roas")
"""The KPIs of which chance leaves open how large they are in the long run; see `summarize`."""

KPIS: Final = {kpi.name: kpi for kpi in _DEFINITIONS}
"""The KPIs by name: formula, unit and meaning. Fractions are of 1, not of 100."""

_CONVERSION_PREFIXES: Final = (
    "attributed",
    "viewAttributed",
    "allViews",
    "purchases",
    "sales",
    "unitsSold",
    "detailPageViews",
    "addTo",
    "branded",
    "eCP",
    "kindleEdition",
    "longTerm",
    "newToBrand",
    "qualifiedBorrows",
    "royaltyQualifiedBorrows",
)
"""Prefixes of Amazon's metrics that count conversions or derive from them."""

_UNIT_BY_KIND: Final = {
    ColumnKind.MONEY: "currency",
    ColumnKind.COUNT: "count",
    ColumnKind.RATIO: "ratio",
}


def is_additive(name: str) -> bool:
    """Return whether values of several rows can be added."""
    if name in CONVERSION_METRICS:
        return True
    return name in CATALOGUE and CATALOGUE[name].is_summable


def is_catalogued(name: str) -> bool:
    """Return whether a column is Amazon's or this library's, rather than the user's own."""
    return name in CATALOGUE or name in KPIS or name in CONVERSION_METRICS


def is_money(name: str) -> bool:
    """Return whether a column holds amounts in the profile's currency."""
    return metric_unit(name) == "currency"


def is_made_of_money(name: str) -> bool:
    """Return whether amounts of money are part of a metric: of ACOS, which is none, too."""
    return any(map(is_money, [name, *required_metrics(name)]))


def metric_unit(name: str) -> str:
    """Return ``count``, ``currency``, ``fraction`` or ``ratio``; empty for any other column.

    Final numbers and bounds have the unit of what they are of.
    """
    name = remove_suffix(name)
    if name in KPIS:
        return KPIS[name].unit
    if name in CONVERSION_METRICS:
        return "currency" if name.endswith("sales") else "count"
    if name in RATES:
        numerator, _ = RATES[name]
        if not is_money(numerator):
            return "fraction"
    if name not in CATALOGUE:
        return ""
    kind = CATALOGUE[name].kind
    return _UNIT_BY_KIND.get(kind, "")


def remove_suffix(name: str) -> str:
    """Return the metric that a column of final numbers or bounds is of; other names as they are."""
    metric, suffix, bound = name.rpartition("_final")
    if suffix and bound in _FINAL_BOUNDS:
        return metric
    metric, _, bound = name.rpartition("_")
    if metric in BOUNDED_KPIS and bound in ("low", "high"):
        return metric
    return name


def list_results(name: str) -> list[str]:
    """Return the results, which depend on the cost type, that a metric or KPI is or is made of."""
    parts = [name]
    if name in KPIS:
        parts = [KPIS[name].numerator, KPIS[name].denominator]
    return [part for part in parts if part in CONVERSION_METRICS]


def list_ratio_parts(names: Iterable[str] = (*RATES, *KPIS)) -> set[str]:
    """Return the columns that ratios are made of; by default of all ratios."""
    parts: set[str] = set()
    for name in names:
        if name in KPIS:
            parts.update([KPIS[name].numerator, KPIS[name].denominator])
        elif name in RATES:
            parts.update(RATES[name])
    return parts


def is_attributed(name: str) -> bool:
    """Return whether conversions contribute: they change for weeks, traffic settles in days."""
    if name in KPIS:
        kpi = KPIS[name]
        return is_attributed(kpi.numerator) or is_attributed(kpi.denominator)
    if is_registered(name):  # nobody here knows: it may change for as long as any
        return True
    return name in CONVERSION_METRICS or name.startswith(_CONVERSION_PREFIXES)


def required_metrics(name: str) -> list[str]:
    """Return the metrics to fetch so that a column, result or KPI can be computed."""
    if name in KPIS:
        kpi = KPIS[name]
        required = required_metrics(kpi.numerator) + required_metrics(kpi.denominator)
        if kpi.is_of_vcpm:
            required.insert(0, "costType")
        return list(dict.fromkeys(required))
    if name in CONVERSION_METRICS:
        return ["costType", *CONVERSION_METRICS[name]]
    if name in RATES:
        return [name, *RATES[name]]
    return [name]


def is_numeric_measure(df: pd.DataFrame, name: str) -> bool:
    """Return whether a column of the frame holds amounts, and not names or ids."""
    if name in CATALOGUE:
        return CATALOGUE[name].kind in _UNIT_BY_KIND
    column = df[name]
    is_boolean = pd.api.types.is_bool_dtype(column)
    if not pd.api.types.is_numeric_dtype(column):
        return False
    return not is_boolean
