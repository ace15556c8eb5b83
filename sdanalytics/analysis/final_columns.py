"""Columns of final numbers: of each result and its KPIs what is expected, with bounds."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.final_bounds import bound_finals, find_open_groups
from sdanalytics.analysis.final_rows import expect_final_rows
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS, is_attributed
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray, find_buckets, group_rows
from sdanalytics.analysis.share_table import CURVE_LEVEL, ShareTable

MATURITY_COLUMN: Final = "maturity"
FINAL_SUFFIXES: Final = ("_final", "_final_low", "_final_high")
_MATURITY_METRICS: Final = ("orders", "sales", "units")
"""The metrics that maturity is of: the first that there is."""


def summarize_final(
    df: pd.DataFrame,
    names: Sequence[str],
    keys: Sequence[str],
    table: ShareTable,
    *,
    freq: str | None = None,
    level: float = CURVE_LEVEL,
) -> pd.DataFrame:
    """Return final numbers by group, in the order in which `summarize_rows` has the groups.

    Parameters
    ----------
    df : pandas.DataFrame
        Rows of days, without a total row.
    names : sequence of str
        Results, sums and KPIs; those without a curve are left out.
    keys : sequence of str
        Columns to group by.
    table : ShareTable
    freq : str, optional
        Also by time.
    level : float
        Of the bounds, a fraction.

    Returns
    -------
    pandas.DataFrame
        Of each metric `<metric>_final`, `<metric>_final_low` and `<metric>_final_high`, and
        `maturity`: the share of orders (or else sales, or units) that has come, a fraction.
    """
    needed = [*names, *_MATURITY_METRICS]
    condensed_keys = dict.fromkeys([*keys, "date", *table.keys.columns])
    rows = condense(df, needed, list(condensed_keys))
    final_rows = expect_final_rows(rows, table)
    buckets = None
    if freq is not None:
        buckets = find_buckets(rows["date"], freq)
    groups = group_rows(rows, keys, buckets)
    summaries = []
    for part in (final_rows.reported, final_rows.expected):
        summaries.append(summarize_rows(part, keys, buckets, with_labels=False))
    reported, expected = summaries
    wanted = [name for name in names if name in expected]
    finals = bound_finals(final_rows, expected[wanted], groups, level)
    maturity = divide_orders(reported, expected)
    return combine_finals(maturity, finals, find_open_groups(final_rows, groups))


def combine_finals(maturity: Any, finals: Mapping[str, Any], is_open: BoolArray) -> pd.DataFrame:
    """Return maturity and final numbers as a frame, missing for groups without an ended day."""
    columns = {MATURITY_COLUMN: maturity, **finals}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(is_open)))
    frame[is_open] = np.nan
    return frame


def add_final_columns(summary: pd.DataFrame, finals: pd.DataFrame) -> pd.DataFrame:
    """Return a summary with the final numbers of its groups, each beside what was reported."""
    columns: dict[str, Any] = {}
    for name in summary.columns.tolist():
        has_final = f"{name}_final" in finals
        if has_final and MATURITY_COLUMN not in columns:
            columns[MATURITY_COLUMN] = finals[MATURITY_COLUMN].array
        columns[name] = summary[name].array
        if has_final:
            for suffix in FINAL_SUFFIXES:
                columns[f"{name}{suffix}"] = finals[f"{name}{suffix}"].array
    result = pd.DataFrame(columns, index=summary.index)
    result.attrs = summary.attrs
    return result


def select_immature(names: Iterable[Hashable]) -> list[str]:
    """Return the results among the names, and the KPIs that results are part of."""
    known = [*CONVERSION_METRICS, *KPIS]
    return [name for name in map(str, names) if name in known and is_attributed(name)]


def divide_orders(reported: pd.DataFrame, expected: pd.DataFrame) -> Any:
    """Return the share of the expected orders that has been reported."""
    for name in _MATURITY_METRICS:
        if name in expected:
            parts = [to_floats(part[name].array) for part in (reported, expected)]
            return divide(*parts)
    return float("nan")
