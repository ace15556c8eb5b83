"""The total row of a sheet: sums, and ratios of sums, by the rules of `summarize`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.comparison_columns import CHANGE_SHARE
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.final_columns import (
    add_final_columns,
    select_immature,
    summarize_final,
)
from sdanalytics.analysis.group_summary import ROWS_LEFT_OUT, has_measures, summarize_rows
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.totals import TOTAL_NAME
from sdanalytics.analysis.validation import has_several_currencies

Cells: TypeAlias = dict[str, Any]
"""The values of a row, by column; columns without a value are left out."""

CONTRIBUTIONS: Final = ("contribution", "rate", "mix")
"""The columns of `explain` that add up."""
_VERSION_COLUMNS: Final = frozenset(("fetched_at", "age"))
"""Columns of versions of a day."""
_CURRENCY: Final = "currency"


def total_rows(df: pd.DataFrame, curve: ShareTable | None = None) -> list[Cells]:
    """Return the total of a frame: one row, one for each currency, or none where nothing adds up.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, `summarize`, `compare` or `explain`, without a total row.
    curve : ShareTable, optional
        Adds final numbers to the total of rows of days.
    """
    if df.empty:
        return []
    metadata = frame_metadata(df)
    if EXPLAINED in metadata:
        return [_add_up_contributions(df, metadata[EXPLAINED])]
    if is_comparison(df):
        return _total_comparison(df)
    if not has_measures(df) or has_versions(df):
        return []
    keys = [_CURRENCY] if has_several_currencies(df) else []
    summary = summarize_rows(df, keys, with_labels=False)
    if curve is not None:
        names = select_immature(summary)
        finals = summarize_final(df, names, keys, curve)
        summary = add_final_columns(summary, finals)
    rows = list_known_cells(summary)
    _drop_partial_ratios(rows, df)
    return rows


def is_comparison(df: pd.DataFrame) -> bool:
    """Return whether a frame is from `compare`."""
    metadata = frame_metadata(df)
    return "period_a" in metadata and EXPLAINED not in metadata


def has_versions(df: pd.DataFrame) -> bool:
    """Return whether a frame has days several times, as `ReportCache.history` has."""
    return _VERSION_COLUMNS.issubset(df.columns)


def list_compared(df: pd.DataFrame) -> list[str]:
    """Return the metrics of a comparison."""
    ending = f"_{CHANGE_SHARE}"
    names = []
    for column in df.columns.tolist():
        metric = column.removesuffix(ending)
        if metric != column and not metric.endswith("_final"):
            names.append(metric)
    return names


def name_total(row: Cells) -> str:
    """Return the name of a total row."""
    if _CURRENCY in row:
        return f"{TOTAL_NAME} {row[_CURRENCY]}"
    return TOTAL_NAME


def list_known_cells(summary: pd.DataFrame) -> list[Cells]:
    """Return rows as cells, without what is missing in them."""
    rows = []
    for record in summary.to_dict("records"):
        row: Cells = {}
        for name, value in record.items():
            if pd.notna(value):
                row[str(name)] = value
        rows.append(row)
    return rows


def _drop_partial_ratios(rows: Sequence[Cells], df: pd.DataFrame) -> None:
    """Leave out the ratios of a summary that take other rows than its sums do."""
    if "summarized_by" not in frame_metadata(df):
        return
    for name in frame_metadata(df).get(ROWS_LEFT_OUT, {}):
        for row in rows:
            row.pop(name, None)


def _add_up_contributions(df: pd.DataFrame, explained: dict[str, Any]) -> Cells:
    """Return the totals of both periods and the change between them."""
    row: Cells = {}
    metric = explained["metric"]
    if explained["is_final"]:
        metric = f"{metric}_final"
    row[f"{metric}_a"] = explained["total_a"]
    row[f"{metric}_b"] = explained["total_b"]
    for name in CONTRIBUTIONS:
        if name in df:
            row[name] = df[name].sum()
    return row


def _total_comparison(df: pd.DataFrame) -> list[Cells]:
    """Return the totals of both periods and the changes; nothing for several currencies."""
    if has_several_currencies(df):
        return []
    names = list_compared(df)
    sides = []
    for side in "ab":
        columns = [f"{name}_{side}" for name in names]
        measures = df[columns].set_axis(names, axis=1)
        summary = summarize_rows(measures, [])
        sides.append(summary)
    before, after = sides
    row: Cells = {}
    left_out = frame_metadata(df).get(ROWS_LEFT_OUT, {})
    for name in names:
        if name in before and name not in left_out:
            row |= _compare_totals(name, before[name], after[name])
    return [row]


def _compare_totals(name: str, before: pd.Series[Any], after: pd.Series[Any]) -> Cells:
    """Return the cells of a metric, from a sum or ratio of each period."""
    change = after - before
    size = before.abs()
    changes = to_floats(change.array)
    sizes = to_floats(size.array)
    shares = divide(changes, sizes)
    values = {
        "a": before.iloc[0],
        "b": after.iloc[0],
        "change": change.iloc[0],
        CHANGE_SHARE: shares[0],
    }
    cells: Cells = {}
    for ending, value in values.items():
        if pd.notna(value):
            cells[f"{name}_{ending}"] = value
    return cells
