"""`ExpectedValues`: final values that the lines of a trend are expected to have, by day."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from sdanalytics.analysis.final_columns import FINAL_SUFFIXES, summarize_final
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.groups import GROUP_COLUMN

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

    def select(self, columns: pd.Index) -> ExpectedValues:
        """Return those of some lines."""
        return replace(
            self,
            expected=self.expected[columns],
            low=self.low[columns],
            high=self.high[columns],
        )


def expect_values(
    rows: pd.DataFrame, metric: str, curve: ShareTable, values: pd.DataFrame, day_column: str
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
    day_column : str
        The column with the day that a row counts to: its own, or the last of a window.

    Raises
    ------
    InvalidRequest
        When the metric has no final numbers.
    """
    keys = [day_column, GROUP_COLUMN]
    finals = summarize_final(rows, [metric], keys, curve)
    if f"{metric}_final" not in finals:
        raise InvalidRequest(
            f"final= needs a metric with a maturity, or a KPI of such, got {metric!r}: "
            "leave it out, or draw a metric such as 'sales', 'orders' or 'acos'"
        )
    ages = find_row_ages(rows)
    open_days = rows["date"][ages < 0]
    sums = summarize_rows(rows, keys, with_labels=False)
    cells = sums[keys].join(finals)
    has_ended = ~cells[day_column].isin(open_days)
    ended = cells[has_ended]
    tables: dict[str, pd.DataFrame] = {}
    for name, suffix in zip(_TABLES, FINAL_SUFFIXES, strict=True):
        column = f"{metric}{suffix}"
        table = ended.pivot(index=day_column, columns=GROUP_COLUMN, values=column)
        # A line of which no day has ended has no row, but keeps its place.
        tables[name] = table.reindex(index=values.index, columns=values.columns)
    return ExpectedValues(**tables, is_from_snapshot=curve.is_from_snapshot)


def has_expected_columns(data: pd.DataFrame, metric: str) -> bool:
    """Return whether a summary has the final numbers of a metric."""
    return {f"{metric}{suffix}" for suffix in FINAL_SUFFIXES} <= set(data.columns)


def read_expected_values(
    rows: pd.DataFrame, metric: str, values: pd.DataFrame
) -> ExpectedValues | None:
    """Return the final numbers that a summary has; None if several rows make up each point.

    Final numbers of several rows cannot be added up, as their bounds are not independent.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of a summary, with the number of their line (`GROUP_COLUMN`).
    metric : str
    values : pandas.DataFrame
        The reported values of the lines: the tables have its days and its columns.
    """
    keys = ["date", GROUP_COLUMN]
    alone = rows[~rows.duplicated(keys, keep=False)]
    if alone.empty:
        return None
    tables: dict[str, pd.DataFrame] = {}
    for name, suffix in zip(_TABLES, FINAL_SUFFIXES, strict=True):
        table = alone.pivot(index="date", columns=GROUP_COLUMN, values=f"{metric}{suffix}")
        tables[name] = table.reindex(index=values.index, columns=values.columns)
    return ExpectedValues(**tables, is_from_snapshot=False)
