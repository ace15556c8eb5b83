"""The identity of rows: which columns it takes, rows that lack it, and rows that share it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.model.metrics import MATCHED_TARGET, identity_columns

# A purchase may be of a product that is not known, a click on a page that is not.
_MAY_BE_MISSING: Final = ("otherAsin", MATCHED_TARGET)
# One ASIN of a seller may be advertised under several SKUs, each with rows of its own.
_DISTINGUISHED_BY: Final = {"asins": ("sku",)}


class UnidentifiedRow(NamedTuple):
    """A row without its identity, and the first field that it lacks."""

    row: int
    field: str


def required_columns(record_type: str, segment: str | None = None) -> tuple[str, ...]:
    """Return the identity columns that every row must have a value of."""
    required = []
    for name in identity_columns(record_type, segment):
        if name not in _MAY_BE_MISSING:
            required.append(name)
    return tuple(required)


def distinguishing_columns(
    record_type: str, segment: str | None, columns: Collection[str]
) -> tuple[str, ...]:
    """Return the identity columns, and what else of these columns tells rows apart."""
    distinguishing = list(identity_columns(record_type, segment))
    for name in _DISTINGUISHED_BY.get(record_type, ()):
        if name in columns:
            distinguishing.append(name)
    return tuple(distinguishing)


def find_unidentified_row(table: pa.Table, required: Iterable[str]) -> UnidentifiedRow | None:
    """Return the first row without a value of a required column; None if all have them."""
    found: list[UnidentifiedRow] = []
    for name in required:
        column = table.column(name)
        lacks_value = _lacks_value(column)
        rows = np.flatnonzero(lacks_value)
        if len(rows):
            first = int(rows[0])
            found.append(UnidentifiedRow(first, name))
    return min(found, key=lambda unidentified: unidentified.row, default=None)


def count_alike_rows(table: pa.Table, record_type: str, segment: str | None = None) -> int:
    """Return how many rows of a partition nothing tells apart from an earlier one.

    Parameters
    ----------
    table : pyarrow.Table
        Sorted by its identity columns, as stored partitions are.
    record_type : str
    segment : str, optional
    """
    identity = identity_columns(record_type, segment)
    if not _has_equal_neighbours(table, identity):
        return 0
    distinguishing = distinguishing_columns(record_type, segment, table.column_names)
    names = list(distinguishing)
    keys = table.select(names)
    grouped = keys.group_by(names, use_threads=False)
    distinct = grouped.aggregate([])
    return int(table.num_rows - distinct.num_rows)


def _lacks_value(column: pa.ChunkedArray) -> Any:
    lacks = column.is_null()
    if pa.types.is_string(column.type):
        is_empty = pc.equal(column, "")
        lacks = pc.or_kleene(lacks, is_empty)
    return lacks.to_numpy()


def _has_equal_neighbours(table: pa.Table, keys: Iterable[str]) -> bool:
    """Return whether two rows in succession are alike: a fast look, as most often none are."""
    count = max(0, table.num_rows - 1)
    are_alike = np.ones(count, np.bool_)
    for name in keys:
        column = table.column(name)
        earlier = column.slice(0, count)
        later = column.slice(1)
        equal = pc.equal(earlier, later)
        both_equal = equal.fill_null(False)
        both_null = pc.and_(earlier.is_null(), later.is_null())
        same = pc.or_(both_equal, both_null)
        are_alike &= same.to_numpy()
        if not are_alike.any():
            return False
    return True
