"""Columns that describe groups: names and states that are the same in all rows, or the latest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import number_values
from sdanalytics.analysis.row_groups import IntArray, RowGroups
from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.model.profile_entries import PROFILE_COLUMNS

_LABELS_BY_ID: Final = {
    "profile_id": ("accountName", "countryCode", "currency"),
    "campaignId": ("campaignName", "campaignStatus", "costType"),
    "adGroupId": ("adGroupName", "bidOptimization"),
    "targetId": ("targetingExpression", "targetingText", "targetingType"),
}
"""Columns that describe ids; a summary has their latest value."""
_LABEL_KINDS: Final = (ColumnKind.ID, ColumnKind.TEXT, ColumnKind.CATEGORY)
_SAMPLE: Final = 2000
"""Rows that most often show already that a column is not constant."""


def label_columns(keys: Sequence[str]) -> list[str]:
    """Return the columns that describe the ids among the keys."""
    labels: list[str] = []
    for key in keys:
        labels += _LABELS_BY_ID.get(key, ())
    return labels


def describe_groups(df: pd.DataFrame, groups: RowGroups, keys: Sequence[str]) -> dict[str, Any]:
    """Return the labels that are constant in every group, or that describe a group key.

    Returns
    -------
    dict of str to array
        The latest day's value of each label, by group.
    """
    described = label_columns(keys)
    rows = LatestRows(df, groups)
    labels = {}
    for name in df.columns.tolist():
        if name in keys or not _is_label(name):
            continue
        if name in described or _is_constant(df[name], groups):
            labels[name] = rows.take(name)
    return labels


class LatestRows:
    """The latest row of each group, of those that have a value."""

    def __init__(self, df: pd.DataFrame, groups: RowGroups) -> None:
        self._df = df
        self._groups = groups
        self._order = _sort_by_date(df)
        self._latest: IntArray | None = None

    def take(self, name: str) -> Any:
        """Return the latest value of a column in each group; missing if it has none."""
        column = self._df[name]
        values = column.array
        is_known = ~values.isna()
        rows = self._find_any() if is_known.all() else self._find(is_known)
        return values.take(rows, allow_fill=True)

    def _find_any(self) -> IntArray:
        """Return the latest row of each group, found once for all columns without gaps."""
        if self._latest is None:
            self._latest = self._find(None)
        return self._latest

    def _find(self, is_known: Any) -> IntArray:
        rows = np.arange(len(self._df))
        if self._order is not None:
            rows = rows[self._order]
        if is_known is not None:
            is_known_by_date = is_known[rows]
            rows = rows[is_known_by_date]
        codes = self._groups.codes[rows]
        latest = np.full(self._groups.count, -1)
        latest[codes] = rows  # of several rows the last one stays
        return latest


def _sort_by_date(df: pd.DataFrame) -> Any:
    """Return the order of the rows by date; None if they have it."""
    if "date" not in df:
        return None
    dates = df["date"]
    if dates.is_monotonic_increasing:
        return None
    order = dates.argsort(kind="stable")
    return order.to_numpy()


def _is_label(name: str) -> bool:
    if name == "tactic" or name in PROFILE_COLUMNS:
        return True
    metric = CATALOGUE.get(name)
    if metric is None:
        return False
    return metric.kind in _LABEL_KINDS


def _is_constant(column: pd.Series[Any], groups: RowGroups) -> bool:
    """Return whether a column has one value in each group, not counting missing ones."""
    sample_codes = groups.codes[:_SAMPLE]
    sample_groups = RowGroups(sample_codes, groups.keys)
    sample = column.iloc[:_SAMPLE]
    if not _has_one_value(sample, sample_groups):
        return False
    return _has_one_value(column, groups)


def _has_one_value(column: pd.Series[Any], groups: RowGroups) -> bool:
    values, is_known = _read_values(column)
    codes = groups.codes
    if not is_known.all():
        values = values[is_known]
        codes = codes[is_known]
    one_value = np.zeros(groups.count, dtype=values.dtype)
    one_value[codes] = values
    are_equal = values == one_value[codes]
    return bool(are_equal.all())


def _read_values(column: pd.Series[Any]) -> tuple[Any, Any]:
    """Return numbers that stand for the values of a column, and which of them are known."""
    if column.dtype == "Int64":
        numbers = column.to_numpy("int64", na_value=0)
        is_known = column.notna()
        return numbers, is_known.to_numpy()
    numbers, _ = number_values(column)
    return numbers, numbers >= 0
