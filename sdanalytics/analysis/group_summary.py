"""The summary of groups of rows: their names, sums and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.cells import Cells, sum_cells
from sdanalytics.analysis.column_order import sort_measures
from sdanalytics.analysis.cost_types import can_select_results
from sdanalytics.analysis.group_labels import LatestRows, describe_groups
from sdanalytics.analysis.kpi_definitions import is_additive
from sdanalytics.analysis.metadata import update_metadata
from sdanalytics.analysis.ratios import divide_sums, find_ratios
from sdanalytics.analysis.results import select_results
from sdanalytics.analysis.row_groups import Buckets, RowGroups, group_rows
from sdanalytics.analysis.validation import ensure_single_currency
from sdanalytics.model.metrics import NON_ADDITIVE

ROWS_LEFT_OUT: Final = "rows_left_out"
"""The entry of a summary's metadata: by KPI, how many rows lack one part and are not in it."""


def summarize_rows(
    df: pd.DataFrame,
    keys: Sequence[str],
    buckets: Buckets | None = None,
    custom: Sequence[str] = (),
    *,
    with_labels: bool = True,
) -> pd.DataFrame:
    """Return keys, names, KPIs and sums of each group, for validated arguments.

    Parameters
    ----------
    df : pandas.DataFrame
        Without a total row.
    keys : sequence of str
        Columns to group by.
    buckets : Buckets or None
        Also by time.
    custom : sequence of str
        Columns of the user's own that are summed.
    with_labels : bool
        Whether to add the columns that describe the groups.
    """
    attrs, df = df.attrs, df.copy(deep=False)
    df.attrs = {}  # pandas copies them for each column that is read
    names = df.columns.tolist()
    groups = group_rows(df, keys, buckets)
    ensure_single_currency(df, groups)
    columns: dict[str, Any] = {name: groups.keys[name].array for name in groups.keys.columns}
    if with_labels:
        columns |= describe_groups(df, groups, keys)
    cells = sum_measures(df, groups, custom)
    ratios = divide_sums(cells, list(find_ratios([*cells.sums, *names], names)))
    measures = cells.add_up() | _take_snapshots(df, groups) | ratios.values
    columns |= {name: measures[name] for name in sort_measures(measures)}
    result = pd.DataFrame(columns, index=pd.RangeIndex(groups.count))
    result.attrs = dict(attrs)
    if ratios.left_out:
        update_metadata(result, **{ROWS_LEFT_OUT: ratios.left_out})
    return result


def sum_measures(df: pd.DataFrame, groups: RowGroups, custom: Sequence[str] = ()) -> Cells:
    """Sum all columns that add up, and the results that they allow, by group and cost type.

    Parameters
    ----------
    df : pandas.DataFrame
    groups : RowGroups
        Of its rows.
    custom : sequence of str
        Columns of the user's own that are summed, too.
    """
    summed = [name for name in df.columns.tolist() if is_additive(name) or name in custom]
    cells = sum_cells(df, groups, summed)
    if can_select_results(df):
        cells.sums.update(select_results(cells.sums, cells.is_vcpm))
    return cells


def has_measures(df: pd.DataFrame) -> bool:
    """Return whether a frame has any column that a summary adds up or takes the latest of."""
    return any(is_additive(name) or name in NON_ADDITIVE for name in df.columns.tolist())


def _take_snapshots(df: pd.DataFrame, groups: RowGroups) -> dict[str, Any]:
    """Return the latest day's values that cannot be added, if no group has two rows of a day."""
    names = [name for name in NON_ADDITIVE if name in df]
    if not names or not _has_one_row_per_day(df, groups):
        return {}
    rows = LatestRows(df, groups)
    return {name: rows.take(name) for name in names}


def _has_one_row_per_day(df: pd.DataFrame, groups: RowGroups) -> bool:
    """Return whether no group has several rows of a day."""
    if "date" not in df:
        return len(df) == groups.count
    codes, days = pd.factorize(df["date"])
    if len(df) > groups.count * len(days):
        return False
    is_known = codes >= 0
    pairs = groups.codes[is_known] * len(days) + codes[is_known]
    return bool(is_known.all()) and pd.Index(pairs).is_unique
