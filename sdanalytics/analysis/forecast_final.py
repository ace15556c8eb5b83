"""`forecast_final`: final numbers row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sdanalytics.analysis.final_bounds import bound_finals, find_open_groups
from sdanalytics.analysis.final_columns import (
    add_final_columns,
    combine_finals,
    divide_orders,
    select_immature,
)
from sdanalytics.analysis.final_curve import resolve_curve
from sdanalytics.analysis.final_rows import expect_final_rows
from sdanalytics.analysis.kpis import add_kpis, add_ratios
from sdanalytics.analysis.row_groups import RowGroups
from sdanalytics.analysis.share_table import CURVE_LEVEL
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import validate_frame, validate_level
from sdanalytics.errors import InvalidRequest


def forecast_final(
    df: pd.DataFrame, curve: pd.DataFrame | bool, *, level: float = CURVE_LEVEL
) -> pd.DataFrame:
    """Forecast the final numbers of each row, beside what was reported.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, or a summary by day (``freq="D"``).
    curve : pandas.DataFrame or bool
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
    level : float
        Of the intervals, a fraction.

    Returns
    -------
    pandas.DataFrame
        As `add_kpis` returns it, and beside each result and KPI of it (float64) `<name>_final`,
        `<name>_final_low` and `<name>_final_high`; `maturity`, the share of the row's final orders
        that has come. The intervals of sums are narrower than sums of these bounds: use
        `summarize(final=)` for them. Of a day that had not ended when it was fetched nothing is
        expected: these are missing. A row without orders is expected to stay without: the
        forecast is the number by the share that is known (`sdanalytics.analysis.final_rows`).

    Raises
    ------
    InvalidRequest
        When `curve` is no curve, or one of another report, profile or currency than the frame, when
        the frame does not tell when its days were fetched, or for an impossible level.
    """
    df = drop_total_row(validate_frame(df))
    level = validate_level(level)
    table = resolve_curve(curve, df)
    if table is None:
        raise InvalidRequest(f"curve must be a curve of maturity, or True, got {curve!r}")
    with_kpis = add_kpis(df)
    rows = expect_final_rows(with_kpis, table)
    expected = add_ratios(rows.expected)
    index = pd.RangeIndex(len(df))
    each_row = RowGroups(np.arange(len(df)), pd.DataFrame(index=index))
    names = select_immature(with_kpis.columns)
    finals = bound_finals(rows, expected[names], each_row, level)
    maturity = divide_orders(rows.reported, expected)
    combined = combine_finals(maturity, finals, find_open_groups(rows, each_row))
    return add_final_columns(with_kpis, combined)
