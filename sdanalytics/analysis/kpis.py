"""KPIs row by row: ACOS, ROAS, CTR and the rest, and the results that they are made of.

Which results count depends on how a campaign is charged, as Amazon defines it: for CPC
those within 14 days of a click, for vCPM those within 14 days of a view or a click.
"""

from __future__ import annotations

import pandas as pd

from sdanalytics.analysis.cost_types import (
    WITHOUT_COST_TYPE,
    describe_missing_cost_types,
    has_results,
    read_cost_types,
    warn_of_missing_cost_types,
)
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.missing_columns import no_kpi_error
from sdanalytics.analysis.ratios import divide_rows, find_ratios
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.validation import validate_frame


def add_kpis(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its KPIs, row by row, behind its columns.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`. Rows without `costType` count by click.

    Returns
    -------
    pandas.DataFrame
        `orders`, `units` (Int64) and `sales` (float64, currency): within 14 days of a click
        for CPC, of a view or a click for vCPM; likewise `ntb_orders`, `ntb_sales` (new to the
        brand), `page_views` (of detail pages) and, of the asins report, `halo_orders`,
        `halo_sales`, `halo_units` (of other products than the advertised one). Then the ratios of
        `KPIS` (float64), missing where the denominator is 0 or a part is missing: `ctr`
        clicks/impressions, `cpc` cost/clicks, `vcpm` 1000 cost/viewImpressions, `cvr` orders
        after a click/clicks, `purchase_rate` orders per 1,000 viewable impressions (rows of vCPM
        campaigns only), `cpa` cost/orders, `aov` sales/orders, `acos` cost/sales, `roas`
        sales/cost, `click_roas` sales after a click/cost, `ntb_cpa` cost/ntb_orders,
        `ntb_order_share` and `ntb_sales_share` (new-to-brand by all). A KPI is left out if its
        columns are missing.

    Warns
    -----
    CostTypeWarning
        When rows without a cost type are counted by click;
        ``attrs["sdanalytics"]["without_cost_type"]`` tells how many, and their share of the cost.

    Raises
    ------
    InvalidRequest
        When no KPI can be computed; the message names the `metrics=` to fetch.
    """
    validate_frame(df)
    results = add_conversions(df)
    if not has_results(results) and not list(find_ratios(results.columns)):
        raise no_kpi_error(df)
    note = describe_missing_cost_types(df)
    warn_of_missing_cost_types(note)
    with_ratios = add_ratios(results)
    if note is not None:
        update_metadata(with_ratios, **{WITHOUT_COST_TYPE: note})
    return with_ratios


def add_ratios(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows that have their results with the ratios that their columns allow."""
    is_vcpm = read_cost_types(results).is_vcpm
    quotients = {}
    for ratio in find_ratios(results.columns):
        quotients[ratio.name] = divide_rows(results, ratio, is_vcpm)
    return results.assign(**quotients)
