"""The total row of a summary: appended on request, and left out of further calculations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata, update_metadata

TOTAL_NAME: Final = "total"
"""The name of the total row, unless a group has the same name."""


def append_total_row(
    summary: pd.DataFrame, total: pd.DataFrame, keys: Sequence[str]
) -> pd.DataFrame:
    """Return the summary with a last row for all groups, named in its first text key.

    Parameters
    ----------
    summary, total : pandas.DataFrame
        The groups, and all rows together as one.
    keys : sequence of str
        The columns that identify the groups.
    """
    text_keys = [key for key in keys if _is_text(summary[key])]
    name = _free_name(summary, text_keys)
    key_dtypes = {key: _total_key_dtype(summary[key]) for key in keys}
    rows = summary.astype(key_dtypes)
    row = total.reindex(columns=summary.columns).astype(rows.dtypes.to_dict())
    if text_keys:
        key = text_keys[0]
        row[key] = pd.Series([name], dtype=rows[key].dtype, index=row.index)
    result = pd.concat([rows, row], ignore_index=True)
    result.attrs = summary.attrs
    total_row = {"keys": list(keys), "named": text_keys[:1], "name": name}
    update_metadata(result, total=total_row)
    return result


def drop_total_row(df: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without the total row of `summarize`, so that nothing counts twice."""
    metadata = frame_metadata(df)
    total = metadata.get("total")
    if not isinstance(total, dict) or not set(total["keys"]) <= set(df.columns):
        return df
    is_total = np.ones(len(df), dtype=bool)
    for key in total["keys"]:
        if key in total["named"]:
            is_total &= df[key].astype("str") == total["name"]
        else:
            is_total &= df[key].isna()
    rows: pd.DataFrame = df[~is_total]
    rows.attrs = df.attrs.copy()
    update_metadata(rows, total=None)
    return rows


def _free_name(summary: pd.DataFrame, text_keys: Sequence[str]) -> str:
    """Return a name for the total that no group has in the first text key."""
    name = TOTAL_NAME
    if not text_keys:
        return name
    taken = set(summary[text_keys[0]].astype("str"))
    while name in taken:
        name = f"{name} of all"
    return name


def _is_text(key: pd.Series[Any]) -> bool:
    is_time = pd.api.types.is_datetime64_any_dtype(key)
    return not is_time and not pd.api.types.is_numeric_dtype(key)


def _total_key_dtype(key: pd.Series[Any]) -> Any:
    """Return a dtype that can hold the total's name or, in a key without it, a missing value."""
    if _is_text(key):
        return "str"
    if pd.api.types.is_bool_dtype(key):
        return "boolean"
    if pd.api.types.is_integer_dtype(key):
        return "Int64"
    return key.dtype
