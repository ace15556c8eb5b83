"""Frames built from records: every column has its dtype, no rows included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sdanalytics.model.dtypes import string_array

if TYPE_CHECKING:
    import pandas as pd


def frame_from_records(
    records: Iterable[Sequence[object]], dtypes: Mapping[str, object]
) -> pd.DataFrame:
    """Build a frame from records, a row each.

    Parameters
    ----------
    records : iterable of sequence
        The values of a row, in the order of `dtypes`; None where one is missing.
    dtypes : mapping of str to dtype
        Every column's: ``"str"``, ``"Int64"``, ``"bool"``, ``"datetime64[s]"`` (of dates),
        ``"datetime64[us, UTC]"`` (of aware datetimes), ``"object"`` (lists), or a
        `pandas.CategoricalDtype`.

    Returns
    -------
    pandas.DataFrame
        A fresh 0-based index; the dtypes do not depend on the records.
    """
    import pandas as pd

    rows = list(records)
    columns: dict[str, Any] = {}
    for position, (name, dtype) in enumerate(dtypes.items()):
        values = [row[position] for row in rows]
        columns[name] = _column(values, dtype)
    return pd.DataFrame(columns)


def _column(values: list[Any], dtype: object) -> Any:
    import pandas as pd

    if dtype == "str":
        return string_array(values)
    if dtype in ("datetime64[s]", "bool"):
        return np.array(values, dtype=str(dtype))
    if dtype == "datetime64[us, UTC]":
        return pd.to_datetime(values, utc=True).as_unit("us")
    if dtype == "object":
        return pd.Series(values, dtype="object")
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]  # a dtype of pandas
