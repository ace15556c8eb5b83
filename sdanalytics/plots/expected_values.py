"""`ExpectedValues`: final values that the lines of a trend are expected to have, by day."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sdanalytics.analysis.final_columns import FINAL_SUFFIXES, summarize_final
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.groups import GROUP_COLUMN

_KEYS = ["date", GROUP_COLUMN]
_TABLES = ("expected", "low", "high")
"""In the order of `FINAL_SUFFIXES`."""


@dataclass(frozen=True)
class ExpectedValues:
    """The expected final values of lines, in tables of one row per day and one column per line.

    Attributes
    ----------
    expected : pandas.DataFrame
        Missing where nothing can be expected: for a day that had not ended when it was fetched.
    low, high : pandas.DataFrame
        The bounds of the 80 % interval.
    is_from_snapshot : bool
        Whether they rest on a cross-section.
    """

    expected: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    is_from_snapshot: bool


def expect_values(
    rows: pd.DataFrame, metric: str, curve: ShareTable, values: pd.DataFrame
) -> ExpectedValues:
    """Return what a metric is expected to be when it is final.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of single days, with the number of their line (`GROUP_COLUMN`).
    metric : str
    curve : ShareTable
    values : pandas.DataFrame
        The reported values of the lines: the tables have its days and its columns.

    Raises
    ------
    InvalidRequest
        When the metric has no final numbers.
    """
    finals = summarize_final(rows, [metric], _KEYS, curve)
    if f"{metric}_final" not in finals:
        raise InvalidRequest(
            f"final= needs a metric with a maturity, or a KPI of such, got {metric!r}: "
            "leave it out, or draw a metric such as 'sales', 'orders' or 'acos'"
        )
    ages = find_row_ages(rows)
    open_days = rows["date"][ages < 0]
    sums = summarize_rows(rows, _KEYS, with_labels=False)
    keys = sums[_KEYS]
    cells = keys.join(finals)
    has_ended = ~cells["date"].isin(open_days)
    ended = cells[has_ended]
    tables: dict[str, pd.DataFrame] = {}
    for name, suffix in zip(_TABLES, FINAL_SUFFIXES, strict=True):
        column = f"{metric}{suffix}"
        table = ended.pivot(index="date", columns=GROUP_COLUMN, values=column)
        # A line of which no day has ended has no row, but keeps its place.
        tables[name] = table.reindex(index=values.index, columns=values.columns)
    return ExpectedValues(**tables, is_from_snapshot=curve.is_from_snapshot)
