"""What can be measured: columns that add up, key figures of their sums, and what these need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from sdanalytics._core.suggest import closest_match
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import (
    CATALOGUE,
    NON_ADDITIVE,
    RECORD_TYPES,
    ColumnKind,
    available_metrics,
)

CONVERSION_METRICS: Final = {
    "orders": ("attributedConversions14d", "viewAttributedConversions14d"),
    "sales": ("attributedSales14d", "viewAttributedSales14d"),
    "units": ("attributedUnitsOrdered14d", "viewAttributedUnitsOrdered14d"),
    "ntb_orders": ("attributedOrdersNewToBrand14d", "viewAttributedOrdersNewToBrand14d"),
    "ntb_sales": ("attributedSalesNewToBrand14d", "viewAttributedSalesNewToBrand14d"),
    "page_views": ("attributedDetailPageView14d", "viewAttributedDetailPageView14d"),
}
"""Results by click (for CPC), and by view and click (for vCPM), as Amazon counts them."""


@dataclass(frozen=True)
class Kpi:
    """A ratio: `factor` times `part` by `whole`, both summed first.

    Attributes
    ----------
    name, label, part, whole : str
        The label is the name as the field writes it.
    unit : str
        ``fraction`` (shown as per cent), ``ratio`` or ``currency``.
    meaning : str
    factor : int
    """

    name: str
    label: str
    numerator: str
    denominator: str
    unit: str
    meaning: str
    factor: int = 1


KPIS: Final = {
    kpi.name: kpi
    for kpi in (
        Kpi("ctr", "CTR", "clicks", "impressions", "fraction", "Click-through rate"),
        Kpi("cpc", "CPC", "cost", "clicks", "currency", "Cost per click"),
        Kpi(
            "vcpm",
            "vCPM",
            "cost",
            "viewImpressions",
            "currency",
            "Cost per 1,000 viewable impressions",
            1000,
        ),
        Kpi("cvr", "CVR", "orders", "clicks", "fraction", "Conversion rate: orders per click"),
        Kpi("cpa", "CPA", "cost", "orders", "currency", "Cost per acquisition: per order"),
        Kpi("aov", "AOV", "sales", "orders", "currency", "Average order value"),
        Kpi("acos", "ACOS", "cost", "sales", "fraction", "Advertising cost of sales"),
        Kpi("roas", "ROAS", "sales", "cost", "ratio", "Return on advertising spend"),
        Kpi(
            "ntb_order_share",
            "new-to-brand share of orders",
            "ntb_orders",
            "orders",
            "fraction",
            "New-to-brand orders",
        ),
        Kpi(
            "ntb_sales_share",
            "new-to-brand share of sales",
            "ntb_sales",
            "sales",
            "fraction",
            "New-to-brand sales",
        ),
    )
}
"""The ratios, by name: formula, unit and meaning. Fractions are of 1, not of 100."""

AMAZON_RATIOS: Final = {
    "vtr": ("viewImpressions", "impressions"),
    "vctr": ("clicks", "viewImpressions"),
    "addToCartRate": ("addToCart", "impressions"),
    "brandedSearchRate": ("viewAttributedBrandedSearches14d", "impressions"),
    "eCPAddToCart": ("cost", "addToCart"),
    "eCPBrandSearch": ("cost", "viewAttributedBrandedSearches14d"),
    "longTermROAS": ("longTermSales", "cost"),
    "newToBrandDetailPageViewRate": ("newToBrandDetailPageViews", "impressions"),
    "newToBrandECPDetailPageView": ("cost", "newToBrandDetailPageViews"),
}
"""Amazon's own ratios, which are computed anew from the sums; all but two in version 3 only."""

# What the names of metrics begin with that have conversions in them.
_ATTRIBUTED: Final = (
    "attributed",
    "viewAttributed",
    "addTo",
    "branded",
    "eCP",
    "longTerm",
    "newToBrand",
    "qualifiedBorrows",
    "royaltyQualifiedBorrows",
)


def is_additive(name: str) -> bool:
    """Whether values of several rows add up."""
    return name in CONVERSION_METRICS or (name in CATALOGUE and CATALOGUE[name].is_summable)


def is_catalogued(name: str) -> bool:
    """Whether it is Amazon's or ours, and not a column of the user's own."""
    return name in CATALOGUE or name in KPIS or name in CONVERSION_METRICS


def is_money(name: str) -> bool:
    """Whether it is an amount in the profile's currency."""
    return metric_unit(name) == "currency"


def metric_unit(name: str) -> str:
    """``count``, ``currency``, ``fraction``, ``ratio``, or nothing for the user's own."""
    if name in KPIS:
        return KPIS[name].unit
    if name in CONVERSION_METRICS:
        return "currency" if name.endswith("sales") else "count"
    if name in AMAZON_RATIOS and not is_money(AMAZON_RATIOS[name][0]):
        return "fraction"
    units = {ColumnKind.MONEY: "currency", ColumnKind.COUNT: "count", ColumnKind.RATIO: "ratio"}
    return units.get(CATALOGUE[name].kind, "") if name in CATALOGUE else ""


def is_attributed(name: str) -> bool:
    """Whether conversions are in it: these change for weeks, traffic settles in days."""
    if name in KPIS:
        return is_attributed(KPIS[name].numerator) or is_attributed(KPIS[name].denominator)
    return name in CONVERSION_METRICS or name.startswith(_ATTRIBUTED)


def required_metrics(name: str) -> list[str]:
    """The metrics to fetch for it."""
    if name in KPIS:
        both = [*required_metrics(KPIS[name].numerator), *required_metrics(KPIS[name].denominator)]
        return list(dict.fromkeys(both))
    if name in CONVERSION_METRICS:
        return ["costType", *CONVERSION_METRICS[name]]
    return [name, *AMAZON_RATIOS[name]] if name in AMAZON_RATIOS else [name]


def missing_column_error(df: pd.DataFrame, name: str) -> InvalidRequest:
    """The error for a column that is not there: what was meant, or how to have it."""
    notes = frame_metadata(df)
    if "summarized_by" in notes and (name == "date" or name in CATALOGUE):
        kept = f"freq='D' keeps the days, by={name!r} other columns"
        return InvalidRequest(f"the summary has no column {name!r}; summarize again: {kept}")
    if name in CATALOGUE:
        return InvalidRequest(f"the frame has no column {name!r}; {_remedy(df, name)}")
    columns = [str(column) for column in df.columns]
    return InvalidRequest(f"the frame has no column {name!r}{suggestion(name, columns)}")


def missing_metric_error(df: pd.DataFrame, name: str) -> InvalidRequest:
    """The error for what cannot be computed from a frame, and what it would take."""
    if name in KPIS or name in CONVERSION_METRICS or name in AMAZON_RATIOS:
        return InvalidRequest(f"{name} cannot be computed from these columns; {_remedy(df, name)}")
    if name in df and name in NON_ADDITIVE:
        return InvalidRequest(
            f"{name} may not be summed over rows: it has no total to draw. Take rows of one "
            "kind, such as by='campaignId' of a campaigns report"
        )
    if name in df:
        return InvalidRequest(
            f"{name} is no number that can be summed; take one such as 'cost' or 'acos'"
        )
    if name in CATALOGUE:
        return missing_column_error(df, name)
    here = [str(column) for column in df.columns if is_numeric_measure(df, str(column))]
    hint = suggestion(name, dict.fromkeys([*KPIS, *CONVERSION_METRICS, *here, *CATALOGUE]))
    return InvalidRequest(f"{name!r} is neither a column nor a key figure{hint}")


def _remedy(df: pd.DataFrame, name: str) -> str:
    """What to fetch; of a frame whose report is known, whether it can be had at all."""
    notes = frame_metadata(df)
    report: Any = notes.get("record_type")
    segment, api = notes.get("segment"), notes.get("api")
    has = available_metrics(report, segment, api) if report in RECORD_TYPES else tuple(CATALOGUE)
    wanted = required_metrics(name)
    absent = [metric for metric in wanted if metric not in has and metric != "costType"]
    if absent:
        of_v3 = set(absent) <= set(available_metrics(report, segment, "v3"))
        other = 'with api="v3"' if of_v3 else "another record type"
        return f"{report} have no {', '.join(absent)}: fetch {other}"
    had = [metric for metric in wanted if metric in has]
    return (
        f"fetch it with metrics=[..., {name!r}]" if had == [name] else f"fetch with metrics={had!r}"
    )


def no_kpi_error(df: pd.DataFrame) -> InvalidRequest:
    """The error for a frame from which nothing can be computed."""
    return InvalidRequest(
        f"no key figure can be computed from these columns: for CTR {_remedy(df, 'ctr')}; for "
        f"ACOS {_remedy(df, 'acos')}"
    )


def is_numeric_measure(df: pd.DataFrame, name: str) -> bool:
    """Whether a column of the frame holds amounts, and not names or ids."""
    if name in CATALOGUE:
        return CATALOGUE[name].kind in (ColumnKind.COUNT, ColumnKind.MONEY, ColumnKind.RATIO)
    plain: Any = df[name].dtype
    return pd.api.types.is_numeric_dtype(plain) and not pd.api.types.is_bool_dtype(plain)


def suggestion(name: object, there_are: Any) -> str:
    """The nearest name there is, as the end of a sentence."""
    meant = closest_match(name, there_are)
    if meant:
        return f"; did you mean {meant!r}?"
    return f"; there are {', '.join(list(there_are)[:30])}"


def frame_metadata(df: pd.DataFrame) -> dict[str, Any]:
    """What `fetch_report` and `summarize` noted with a frame: ``attrs["sdanalytics"]``."""
    notes = df.attrs.get("sdanalytics")
    return notes if isinstance(notes, dict) else {}
