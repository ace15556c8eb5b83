"""Joins of two tables of a partition: columns that one lacks, tactics that one knows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def left_join_columns(table: pa.Table, older: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Add the columns of an older table to a table, row by row.

    Parameters
    ----------
    table, older : pyarrow.Table
        Both with `keys`, the identity columns; their other columns differ.
    keys : sequence of str

    Returns
    -------
    pyarrow.Table
        The rows of `table`, in any order; null where the older table lacks the row. Among
        older rows of the same identity the first counts.
    """
    first_rows = _first_rows(older, keys)
    return table.join(first_rows, list(keys), join_type="left outer", use_threads=False)


def _first_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Keep the first row of every identity."""
    names = [name for name in table.column_names if name not in keys]
    groups = table.group_by(list(keys), use_threads=False)
    firsts = groups.aggregate([(name, "first") for name in names])
    firsts = firsts.select([*keys, *[f"{name}_first" for name in names]])
    return firsts.rename_columns([*keys, *names])


def anti_join_rows(table: pa.Table, known: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Drop the rows of a table that another one has, by their identity columns."""
    names = list(keys)
    return table.join(known.select(names), names, join_type="left anti", use_threads=False)
