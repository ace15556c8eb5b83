"""Results of each row: those after a click for CPC, those after a view or a click for vCPM."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sdanalytics.analysis.column_arrays import Columns, choose, take_arrays
from sdanalytics.analysis.cost_types import can_select_results, read_cost_types
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS
from sdanalytics.analysis.row_groups import BoolArray


def add_conversions(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the results that count (`CONVERSION_METRICS`), without its KPIs."""
    without_kpis = df.drop(columns=list(KPIS), errors="ignore")
    if not can_select_results(df):
        return without_kpis
    found = [name for pair in CONVERSION_METRICS.values() for name in pair if name in df]
    columns = take_arrays(df, found)
    results = select_results(columns, read_cost_types(df).is_vcpm)
    missing = {name: values for name, values in results.items() if name not in df}
    return without_kpis.assign(**missing)


def select_results(columns: Columns, is_vcpm: BoolArray) -> dict[str, Any]:
    """Return the results that columns do not have yet and that they allow."""
    results = {}
    for name, (by_click, by_view) in CONVERSION_METRICS.items():
        if name in columns:
            continue
        values = _select_attribution(columns, by_click, by_view, is_vcpm)
        if values is not None:
            results[name] = values
    return results


def _select_attribution(columns: Columns, by_click: str, by_view: str, is_vcpm: BoolArray) -> Any:
    """Return the results that count for each row; None when a needed column is missing."""
    if len(is_vcpm) and is_vcpm.all():
        return columns.get(by_view)
    if not is_vcpm.any():
        return columns.get(by_click)
    if by_click not in columns or by_view not in columns:
        return None
    return choose(is_vcpm, columns[by_view], columns[by_click])
