"""Rows of a slice that come from two reports: columns that one lacks, tactics that one knows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def left_join_columns(table: pa.Table, older: pa.Table, keys: Sequence[str]) -> pa.Table:
    """A table with the other columns of an older one, row by row.

    Parameters
    ----------
    table, older : pyarrow.Table
        Both with `keys`, the identity columns; else of different columns.
    keys : sequence of str

    Returns
    -------
    pyarrow.Table
        The rows of `table`, in any order; null where the older one has no such row. Of older
        rows that are alike the first counts.
    """
    names = [name for name in older.column_names if name not in keys]
    firsts = older.group_by(list(keys), use_threads=False).aggregate([(n, "first") for n in names])
    firsts = firsts.select([*keys, *(f"{name}_first" for name in names)])
    older = firsts.rename_columns([*keys, *names])
    return table.join(older, list(keys), join_type="left outer", use_threads=False)


def anti_join_rows(table: pa.Table, others: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows of a table that are not among the others, by their identity columns."""
    names = list(keys)
    return table.join(others.select(names), names, join_type="left anti", use_threads=False)
