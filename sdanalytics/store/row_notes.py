"""Oddities of the rows of a frame, in its metadata and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from sdanalytics.model.category_words import spell_word
from sdanalytics.model.identity import count_alike_rows
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.parquet_file import PartitionTables


@dataclass(frozen=True)
class RowNotes:
    """Oddities of the rows of a frame.

    Attributes
    ----------
    query : ReportQuery
        What the frame is of.
    currency : str or None
        The profile's; None if it is not known.
    rows_alike : int
        Rows that nothing tells apart from another row of the same day.
    other_currencies : tuple of str
        Those in the rows that are not the profile's.
    """

    query: ReportQuery
    currency: str | None
    rows_alike: int
    other_currencies: tuple[str, ...]

    def to_attrs(self) -> dict[str, Any]:
        """Return the entries of the frame's metadata."""
        return {
            "rows_alike": self.rows_alike,
            "other_currencies": list(self.other_currencies),
        }

    def messages(self) -> list[str]:
        """Return a warning for each of them."""
        found = []
        if self.rows_alike:
            found.append(self._alike_message())
        if self.other_currencies:
            names = ", ".join(self.other_currencies)
            found.append(
                f"rows of {self.query} are in {names}, and the profile's currency is "
                f"{self.currency}: do not add them up; df['currency'] tells them apart"
            )
        return found

    def _alike_message(self) -> str:
        identity = ", ".join(self.query.identity)
        advice = ""
        if self.query.record_type == "asins" and "sku" not in self.query.columns:
            advice = (
                ". An ASIN may be advertised under several SKUs: the metric sku tells them apart"
            )
        return (
            f"rows of {self.query} are alike in {identity} on the same day: {self.rows_alike} more "
            f"than there are identities. All are kept, and sums count all of them{advice}"
        )


def inspect_rows(tables: PartitionTables, query: ReportQuery, currency: str | None) -> RowNotes:
    """Look for rows alike, and for currencies other than the profile's.

    Parameters
    ----------
    tables : mapping of Partition to pyarrow.Table
        The rows of stored partitions.
    query : ReportQuery
    currency : str or None
        The profile's; None if it is not known.
    """
    alike = 0
    for table in tables.values():
        alike += count_alike_rows(table, query.record_type, query.segment)
    others: set[str] = set()
    if currency is not None:
        others.update(_find_currencies(tables))
    return RowNotes(query, currency, alike, tuple(sorted(others - {currency})))


def _find_currencies(tables: PartitionTables) -> Iterator[str]:
    for table in tables.values():
        if "currency" in table.column_names:
            for word in pc.unique(table.column("currency").drop_null()).to_pylist():
                yield spell_word("currency", word)
