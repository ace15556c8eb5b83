"""Frames built from records: the dtypes do not depend on the records, nor on their number."""

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
    """Build a frame with one row per record.

    Parameters
    ----------
    records : iterable of sequence
        The values of a row, in the order of `dtypes`; None for a missing one.
    dtypes : mapping of str to dtype
        By column: ``"str"``, ``"Int64"``, ``"bool"``, ``"datetime64[s]"`` (of dates),
        ``"datetime64[us, UTC]"`` (of aware datetimes), ``"object"`` (lists), or a
        `pandas.CategoricalDtype`.

    Returns
    -------
    pandas.DataFrame
        With a fresh 0-based index.
    """
    import pandas as pd

    rows = list(records)
    columns: dict[str, Any] = {}
    for position, (name, dtype) in enumerate(dtypes.items()):
        values = [row[position] for row in rows]
        columns[name] = _make_array(values, dtype)
    return pd.DataFrame(columns)


def _make_array(values: list[Any], dtype: object) -> Any:
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
