"""The total row of a summary: appended on request, and left out of further calculations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.group_labels import label_columns
from sdanalytics.analysis.metadata import frame_metadata, update_metadata

TOTAL_NAME: Final = "total"
"""The name of the total row, unless a group has the same name."""
LABEL: Final = "label"
"""The column in front that names the rows of summaries without a text column."""


def append_total_row(
    summary: pd.DataFrame, total: pd.DataFrame, keys: Sequence[str], freq: str | None
) -> pd.DataFrame:
    """Return the summary with a last row for all groups, named in its first text column.

    Parameters
    ----------
    summary, total : pandas.DataFrame
        The groups, and all rows together as one.
    keys : sequence of str
        The columns that identify the groups, besides the date.
    freq : str or None
        The frequency of the dates, which identify them, too.
    """
    identifying = list(keys)
    if freq is not None:
        identifying.insert(0, "date")
    named = _first_text_column(summary, keys)
    if named is None:
        named = LABEL
        summary = _add_labels(summary, identifying)
    name = _free_name(summary[named])
    dtypes = {}
    for key in [*identifying, named]:
        dtypes[key] = _total_key_dtype(summary[key])
    rows = summary.astype(dtypes)
    row = total.reindex(columns=summary.columns)
    row[named] = name
    row_dtypes = rows.dtypes.to_dict()
    row = row.astype(row_dtypes)
    result = pd.concat([rows, row], ignore_index=True)
    result.attrs = summary.attrs
    total_row = {"keys": identifying, "named": named, "name": name}
    update_metadata(result, total=total_row)
    return result


def drop_total_row(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without the total row of `summarize`, so that nothing counts twice."""
    metadata = frame_metadata(df)
    total = metadata.get("total")
    if not isinstance(total, dict):
        return df
    keys = total["keys"]
    if not set(keys) <= set(df.columns):
        return df
    is_total = np.ones(len(df), dtype=bool)
    named = total["named"]
    if named in df:
        names = df[named].astype("str")
        is_total &= names == total["name"]
    for key in keys:
        if key != named:
            is_total &= df[key].isna()
    rows: pd.DataFrame = df[~is_total]
    rows.attrs = df.attrs.copy()
    update_metadata(rows, total=None)
    return rows


def _first_text_column(summary: pd.DataFrame, keys: Sequence[str]) -> str | None:
    """Return the first text key, or else the first name that describes an id among the keys."""
    names = [*keys, *label_columns(keys)]
    for name in names:
        if name in summary and _is_text(summary[name]):
            return name
    return None


def _add_labels(summary: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return the summary with the text of its keys in front, one column for all."""
    labels = summary[keys[0]].astype("str")
    for key in keys[1:]:
        values = summary[key].astype("str")
        labels = labels + ", " + values
    labelled = summary.copy(deep=False)
    labelled.insert(0, LABEL, labels)
    return labelled


def _free_name(groups: pd.Series[Any]) -> str:
    """Return a name for the total that no group has."""
    name = TOTAL_NAME
    taken = set(groups.astype("str"))
    while name in taken:
        name = f"{name} of all"
    return name


def _is_text(key: pd.Series[Any]) -> bool:
    is_time = pd.api.types.is_datetime64_any_dtype(key)
    is_number = pd.api.types.is_numeric_dtype(key)
    return not is_time and not is_number


def _total_key_dtype(key: pd.Series[Any]) -> Any:
    """Return a dtype that can hold the total's name or, in a key without it, a missing value."""
    if _is_text(key):
        return "str"
    if pd.api.types.is_bool_dtype(key):
        return "boolean"
    if pd.api.types.is_integer_dtype(key):
        return "Int64"
    return key.dtype
