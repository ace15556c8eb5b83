"""A table that grows while rows are decoded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.parsing.column_builders import make_column_builder
from sdanalytics.parsing.row_decoder import Rows


class TableBuilder:
    """Builds a table of columns of the catalogue.

    Parameters
    ----------
    columns : sequence of str
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._schema = arrow_schema(columns)
        self._columns = {name: make_column_builder(name) for name in columns}
        self._length = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the rows count as: 8 for each value."""
        value_count = self._length * len(self._columns)
        return 8 * value_count

    def reserve(self, row_count: int) -> None:
        """Reserve memory for as many rows, which costs nothing until they are added."""
        for column in self._columns.values():
            column.reserve(row_count)

    def extend_rows(self, rows: Rows) -> None:
        """Add decoded rows; `CorruptReport` when a value does not fit its column."""
        if not rows:
            return
        rows_of_values = map(msgspec.structs.astuple, rows)
        columns_of_values = zip(*rows_of_values, strict=True)
        names = rows[0].__struct_fields__
        for name, values in zip(names, columns_of_values, strict=True):
            column = self._columns[name]
            column.extend_rows(values, self._length)
        self._length += len(rows)

    def extend_arrow(self, table: pa.Table) -> None:
        """Add the rows of a table with the same columns."""
        columns = self._columns.values()
        for batch in table.to_batches():
            arrays = batch.columns
            for column, values in zip(columns, arrays, strict=True):
                column.extend_arrow(values)
        self._length += len(table)

    def finish(self) -> pa.Table:
        """Return the table; no rows can be added any more."""
        arrays = []
        for column in self._columns.values():
            array = column.finish()
            arrays.append(array)
        return pa.table(arrays, schema=self._schema)
