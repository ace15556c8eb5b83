"""KPIs row by row: ACOS, ROAS, CTR and the rest, and the results that they are made of.

Which results count depends on how a campaign is charged, as Amazon defines it: for CPC
those within 14 days of a click, for vCPM those within 14 days of a view or a click.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS
from sdanalytics.analysis.missing_columns import no_kpi_error
from sdanalytics.analysis.validation import validate_frame


def add_kpis(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its KPIs, row by row, behind its columns.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`. Without `costType` (campaigns have it) results by click are used for
        all rows, with a warning once in a process.

    Returns
    -------
    pandas.DataFrame
        `orders`, `units` (Int64) and `sales` (float64, currency): within 14 days of a click
        for CPC, of a view or a click for vCPM; likewise `ntb_orders`, `ntb_sales` (new to the
        brand) and `page_views` (of detail pages). Then the ratios of `KPIS` (float64), missing
        where the denominator is 0 or missing: `ctr` clicks/impressions, `cpc` cost/clicks,
        `vcpm` 1000 cost/viewImpressions, `cvr` orders/clicks, `cpa` cost/orders, `aov`
        sales/orders, `acos` cost/sales, `roas` sales/cost, `ntb_order_share` and
        `ntb_sales_share` (new-to-brand by all). A KPI is left out if its columns are missing.

    Raises
    ------
    InvalidRequest
        When no KPI can be computed; the message names the `metrics=` to fetch.
    """
    with_conversions = add_conversions(validate_frame(df))
    ratios = compute_ratios(with_conversions)
    if not ratios and not _has_conversions(with_conversions):
        raise no_kpi_error(df)
    return with_conversions.assign(**ratios)


def add_conversions(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the results that count (`CONVERSION_METRICS`), without its KPIs."""
    # A summary has results, but may have lost the cost type that selected them: its results are
    # used as they are, and no others are derived.
    can_select = "costType" in df or not _has_conversions(df)
    results = {}
    for name, (by_click, by_view) in CONVERSION_METRICS.items():
        if name in df or not can_select:
            continue
        values = _select_attribution(df, by_click, by_view)
        if values is not None:
            results[name] = values
    without_kpis = df.drop(columns=list(KPIS), errors="ignore")
    return without_kpis.assign(**results)


def compute_ratios(df: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return the KPIs that the columns of the frame allow, row by row."""
    ratios = {}
    for kpi in KPIS.values():
        if kpi.numerator in df and kpi.denominator in df:
            quotient = safe_divide(df[kpi.numerator], df[kpi.denominator])
            ratios[kpi.name] = kpi.factor * quotient
    return ratios


def safe_divide(numerator: pd.Series[Any], denominator: pd.Series[Any]) -> pd.Series[Any]:
    """Return a quotient (float64), missing where the denominator is 0 or either is missing."""
    dividend = numerator.to_numpy(dtype="float64", na_value=np.nan)
    divisor = denominator.to_numpy(dtype="float64", na_value=np.nan)
    quotient = np.full(len(numerator), np.nan)
    np.divide(dividend, divisor, out=quotient, where=divisor != 0)
    return pd.Series(quotient, index=numerator.index)


def _has_conversions(df: pd.DataFrame) -> bool:
    return not CONVERSION_METRICS.keys().isdisjoint(df.columns)


def _select_attribution(df: pd.DataFrame, by_click: str, by_view: str) -> pd.Series[Any] | None:
    """Return the results that count for each row; None when a needed column is missing."""
    if "costType" not in df:
        if by_click not in df:
            return None
        _warn_once()
        return df[by_click]
    is_vcpm = df["costType"].astype("str").str.upper().eq("VCPM")
    if len(df) and is_vcpm.all():
        return df.get(by_view)
    if not is_vcpm.any():
        return df.get(by_click)
    if by_click not in df or by_view not in df:
        return None
    return df[by_view].where(is_vcpm, df[by_click])


_warned = False


def _warn_once() -> None:
    """Warn, once in a process, that results are counted by click for lack of the cost type."""
    global _warned
    if _warned:
        return
    _warned = True
    warn_user(
        "the frame has no costType: orders, sales and units are results of clicks only (as for "
        "CPC), which is too few for vCPM campaigns. The campaigns report has costType"
    )
