"""Joins of two tables of a partition: columns that one lacks, tactics that one knows.

Rows are told apart by their identity, in which null is a value like any other. Where several
rows share an identity, everything that both tables have is used before a value is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]
UNMATCHED = -1
"""In place of the index of a row that has no match."""


class MergedTable(NamedTuple):
    """A table with the columns of an older one.

    Attributes
    ----------
    table : pyarrow.Table
    ambiguous_rows : int
        Rows of which the older table has several, or that are several themselves, and nothing
        shows which are the same: their values of the older columns are missing.
    """

    table: pa.Table
    ambiguous_rows: int


class _Groups(NamedTuple):
    """The group of each row, by its values in some columns: a number from 0 on."""

    rows: Array
    older_rows: Array
    group_count: int


def merge_columns(table: pa.Table, older: pa.Table, keys: Sequence[str]) -> MergedTable:
    """Add the columns of an older table that a table lacks, row by row.

    Rows are the same where only one of each table has their identity. Others are told apart by
    the texts that both tables have; then by their numbers too, if these are the same in both for
    all rows of a group; then by their place in a group of as many rows in both.

    Parameters
    ----------
    table, older : pyarrow.Table
        Both with `keys`.
    keys : sequence of str
        The identity columns, and others that tell rows apart whatever else is alike.
    """
    added = [name for name in older.column_names if name not in table.column_names]
    shared = [name for name in older.column_names if name in table.column_names]
    texts = [name for name in shared if pa.types.is_string(table.schema.field(name).type)]
    matcher = _RowMatcher(table.num_rows, older.num_rows)
    by_identity = _group_by_values(table, older, keys)
    matcher.match_single_rows(by_identity)
    if not matcher.is_finished(by_identity):
        by_text = _group_by_values(table, older, dict.fromkeys([*keys, *texts]))
        matcher.match_single_rows(by_text)
        matcher.match_equal_rows(_group_by_values(table, older, shared), by_text)
        matcher.match_by_place(by_text)
    indices = pa.array(matcher.matches, mask=matcher.matches == UNMATCHED)
    for name in added:
        table = table.append_column(name, older.column(name).take(indices))
    return MergedTable(table, matcher.count_ambiguous(by_identity))


def anti_join_rows(table: pa.Table, known: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Drop the rows of a table that another one has, by their identity columns."""
    groups = _group_by_values(table, known, keys)
    return table.filter(pa.array(~np.isin(groups.rows, groups.older_rows)))


def sort_rows(table: pa.Table, by: Sequence[str]) -> pa.Table:
    """Sort rows, missing values last; unlike `Table.sort_by`, without copying the table first."""
    names = list(by)
    keys = [(name, "ascending") for name in names]
    order = pc.sort_indices(table.select(names), keys)
    return table.take(order)


class _RowMatcher:
    """Finds which row of an older table each row of a table is, group by group.

    Attributes
    ----------
    matches : numpy.ndarray
        The index of the older row for each row, or `UNMATCHED`.
    """

    def __init__(self, row_count: int, older_row_count: int) -> None:
        self.matches = np.full(row_count, UNMATCHED, np.int64)
        self._is_taken = np.zeros(older_row_count, np.bool_)

    def match_single_rows(self, groups: _Groups) -> None:
        """Match the groups that have one row left in both tables."""
        self._match_groups(self._find_single(groups), groups, groups)

    def match_equal_rows(self, equal: _Groups, within: _Groups) -> None:
        """Match rows by `equal` in those groups of `within` that are the same rows, reordered."""
        rows, older_rows = self._left()
        is_single = self._find_single(equal)
        has_match = is_single[equal.rows[rows]]
        older_has_match = is_single[equal.older_rows[older_rows]]
        unmatched = rows[~has_match]
        older_unmatched = older_rows[~older_has_match]
        is_reordered = np.ones(within.group_count, np.bool_)
        is_reordered[within.rows[unmatched]] = False
        is_reordered[within.older_rows[older_unmatched]] = False
        self._match_groups(is_reordered, within, equal)

    def match_by_place(self, groups: _Groups) -> None:
        """Match the first row of a group with the first, and so on, where both have as many."""
        counts, older_counts = self._count_left(groups)
        self._match_groups(counts == older_counts, groups, groups)

    def is_finished(self, groups: _Groups) -> bool:
        """Return whether no group has rows left in both tables."""
        counts, older_counts = self._count_left(groups)
        return not ((counts > 0) & (older_counts > 0)).any()

    def count_ambiguous(self, groups: _Groups) -> int:
        """Return the number of rows left in groups that have rows left in both tables."""
        counts, older_counts = self._count_left(groups)
        return int(counts[older_counts > 0].sum())

    def _left(self) -> tuple[Array, Array]:
        """Return the indices of the rows without a match, of both tables."""
        return np.flatnonzero(self.matches == UNMATCHED), np.flatnonzero(~self._is_taken)

    def _count_left(self, groups: _Groups) -> tuple[Array, Array]:
        """Return for each group how many rows are left, in both tables."""
        rows, older_rows = self._left()
        counts = np.bincount(groups.rows[rows], minlength=groups.group_count)
        older_counts = np.bincount(groups.older_rows[older_rows], minlength=groups.group_count)
        return counts, older_counts

    def _find_single(self, groups: _Groups) -> Array:
        """Return for each group whether it has one row left in both tables."""
        counts, older_counts = self._count_left(groups)
        is_single: Array = (counts == 1) & (older_counts == 1)
        return is_single

    def _match_groups(self, is_matched: Array, groups: _Groups, order: _Groups) -> None:
        """Match the rows left in some groups, in the order of other groups.

        Within these they are matched in the order in which they are in their tables.
        """
        rows, older_rows = self._left()
        has_group = is_matched[groups.rows[rows]]
        older_has_group = is_matched[groups.older_rows[older_rows]]
        rows = rows[has_group]
        older_rows = older_rows[older_has_group]
        positions = np.argsort(order.rows[rows], kind="stable")
        older_positions = np.argsort(order.older_rows[older_rows], kind="stable")
        matched = older_rows[older_positions]
        self.matches[rows[positions]] = matched
        self._is_taken[matched] = True


def _group_by_values(table: pa.Table, older: pa.Table, columns: Iterable[str]) -> _Groups:
    """Group the rows of both tables by their values in these columns; nulls are equal."""
    numbers = np.zeros(table.num_rows + older.num_rows, np.int64)
    for name in columns:
        chunks = [*table.column(name).chunks, *older.column(name).chunks]
        values = pa.chunked_array(chunks, table.schema.field(name).type).combine_chunks()
        encoded = values.dictionary_encode(null_encoding="encode")
        numbers = numbers * len(encoded.dictionary) + encoded.indices.to_numpy()
        _, numbers = np.unique(numbers, return_inverse=True)
    count = int(numbers.max(initial=-1)) + 1
    return _Groups(numbers[: table.num_rows], numbers[table.num_rows :], count)
