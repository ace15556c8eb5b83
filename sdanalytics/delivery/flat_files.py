"""CSV and Parquet files of frames, for whatever reads them next."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sdanalytics.delivery.output_file import PathLike, open_output
from sdanalytics.delivery.sheet_columns import (
    FORMULA_BEGINNINGS,
    CellKind,
    choose_cell_kind,
    ensure_exact_ids,
    to_text,
)

_GUARD: Final = "'"
"""The mark in front of a text that a spreadsheet then does not take for a formula."""
_BEGINNINGS: Final = re.escape("".join(FORMULA_BEGINNINGS))
_FORMULA_LIKE: Final = rf"\A[{_BEGINNINGS}]"


def write_csv(path: PathLike, df: pd.DataFrame, *, for_excel: bool = False) -> Path:
    """Write a frame as CSV in UTF-8: texts and ids in quotes, amounts without.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.csv``; one that is there is replaced, whole or not at all.
    df : pandas.DataFrame
        Its index is not written.
    for_excel : bool
        Begins the file with a byte order mark, without which Excel takes it for another encoding
        than UTF-8, and puts a ``'`` in front of texts that a spreadsheet would run as a formula
        (beginning with =, +, -, @, a tab or a line break), as a campaign's name may. Whatever else
        reads the file meets both.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidRequest
        When the file cannot be written, or ids have been rounded to floats.

    Notes
    -----
    Excel takes the digits of an id for a number, quoted or not, when it opens CSV by a double
    click, and keeps 15 of them: import the file with that column as text, or use `to_excel`.
    """
    ensure_exact_ids(df)
    with open_output(path, ".csv") as temporary:
        headers = pa.array(map(to_text, df.columns), "string")
        columns = []
        for name in df.columns.tolist():
            column = _to_csv_column(df[name], name)
            columns.append(column)
        if for_excel:
            headers = _guard_texts(headers)
            columns = list(map(_guard_texts, columns))
        table = pa.Table.from_arrays(columns, headers.to_pylist())
        with open(temporary, "wb") as file:
            if for_excel:
                file.write(codecs.BOM_UTF8)
            csv.write_csv(table, file)
    return Path(path)


def write_parquet(path: PathLike, df: pd.DataFrame) -> Path:
    """Write a frame as Parquet; `pandas.read_parquet` returns its dtypes and its metadata.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.parquet``; one that is there is replaced, whole or not at all.
    df : pandas.DataFrame

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidRequest
        When the file cannot be written.
    """
    with open_output(path, ".parquet") as temporary:
        df.to_parquet(temporary, engine="pyarrow", index=False, compression="zstd")
    return Path(path)


def _to_csv_column(values: pd.Series[Any], name: Any) -> Any:
    """Return a column as it is written: ids as text, days without a time."""
    kind = choose_cell_kind(str(name), values)
    if kind is CellKind.TEXT:
        objects = values.astype("object")
        texts = objects.map(to_text, na_action="ignore")
        return pa.array(texts, "string", from_pandas=True)
    array = pa.array(values, from_pandas=True)
    if kind is CellKind.DAY:
        return array.cast("date32")
    return array


def _guard_texts(values: Any) -> Any:
    """Return texts with a mark in front of those that look like formulas; other values as is."""
    if not pa.types.is_string(values.type):
        return values
    guarded = pc.binary_join_element_wise(_GUARD, values, "")
    is_like = pc.match_substring_regex(values, _FORMULA_LIKE)
    return pc.if_else(is_like, guarded, values)
