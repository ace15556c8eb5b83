"""From the tables of partitions to one table, and to the user's frame."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sdanalytics.model.dtypes import arrow_schema, table_to_frame
from sdanalytics.model.partition import Partition

if TYPE_CHECKING:
    import pandas as pd


def tables_to_frame(tables: dict[Partition, pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    """Concatenate the tables of partitions into a frame.

    `tables` is emptied, so that its memory is freed column by column: all data are never in
    memory twice.
    """
    return table_to_frame(_release(tables, columns))


def _release(tables: dict[Partition, pa.Table], columns: Sequence[str]) -> pa.Table:
    """Concatenate tables, and leave the only reference to them to the caller."""
    table = concat_partitions(tables, columns)
    tables.clear()
    return table


def concat_partitions(tables: dict[Partition, pa.Table], columns: Sequence[str]) -> pa.Table:
    """Concatenate the tables of partitions by date and tactic, with these two columns in front."""
    tables = dict(sorted(tables.items(), key=_date_and_tactic))
    counts = [table.num_rows for table in tables.values()]
    concatenated = pa.concat_tables(tables.values() or [arrow_schema(columns).empty_table()])
    concatenated = concatenated.add_column(0, "tactic", _tactic_column(tables, counts))
    return concatenated.add_column(0, "date", _date_column(tables, counts))


def _date_and_tactic(item: tuple[Partition, pa.Table]) -> tuple[object, str]:
    partition, _ = item
    return partition.date, partition.tactic


def _tactic_column(partitions: Collection[Partition], counts: Sequence[int]) -> pa.Array:
    names = sorted({partition.tactic for partition in partitions})
    codes = np.array([names.index(partition.tactic) for partition in partitions], dtype="int8")
    dictionary = pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(np.repeat(codes, counts), dictionary)


def _date_column(partitions: Collection[Partition], counts: Sequence[int]) -> pa.Array:
    days = np.array([partition.date for partition in partitions], dtype="datetime64[s]")
    seconds = pa.array(np.repeat(days, counts).view("int64"))
    return seconds.view(pa.timestamp("s"))  # no copy
