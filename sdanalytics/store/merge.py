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
    names = list(keys)
    first_rows = _first_rows(older, names)
    return table.join(first_rows, names, join_type="left outer", use_threads=False)


def _first_rows(table: pa.Table, keys: list[str]) -> pa.Table:
    """Keep the first row of every identity."""
    names: list[str] = []
    aggregations: list[tuple[str, str]] = []
    aggregated: list[str] = []
    for name in table.column_names:
        if name not in keys:
            names.append(name)
            aggregations.append((name, "first"))
            aggregated.append(f"{name}_first")
    groups = table.group_by(keys, use_threads=False)
    first_rows = groups.aggregate(aggregations)
    first_rows = first_rows.select([*keys, *aggregated])
    return first_rows.rename_columns([*keys, *names])


def anti_join_rows(table: pa.Table, known: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Drop the rows of a table that another one has, by their identity columns."""
    names = list(keys)
    known_keys = known.select(names)
    return table.join(known_keys, names, join_type="left anti", use_threads=False)
