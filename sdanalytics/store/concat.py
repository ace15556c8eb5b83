"""From the tables of partitions to one table, and to the user's frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sdanalytics.model.campaign_list import NO_CAMPAIGNS, CampaignList
from sdanalytics.model.dtypes import arrow_schema, table_to_frame
from sdanalytics.model.partition import Partition
from sdanalytics.store.campaign_join import fill_facts
from sdanalytics.store.parquet_file import PartitionTables

if TYPE_CHECKING:
    import pandas as pd


def tables_to_frame(
    tables: PartitionTables, columns: Sequence[str], campaigns: CampaignList = NO_CAMPAIGNS
) -> pd.DataFrame:
    """Concatenate the tables of partitions into a frame, with the facts of their campaigns.

    `tables` is emptied, so that its memory is freed column by column: the data are never in
    memory twice.
    """
    return table_to_frame(release_tables(tables, columns, campaigns))


def release_tables(
    tables: PartitionTables, columns: Sequence[str], campaigns: CampaignList
) -> pa.Table:
    """Concatenate tables, and leave the only reference to them to the caller."""
    table = concat_partitions(tables, columns)
    tables.clear()
    return fill_facts(table, campaigns)


def concat_partitions(tables: PartitionTables, columns: Sequence[str]) -> pa.Table:
    """Concatenate the tables of partitions by date and tactic, with these two columns in front."""
    parts: list[pa.Table] = []
    counts: list[int] = []
    days: list[date] = []
    tactics: list[str] = []
    for partition in sorted(tables, key=_date_and_tactic):
        table = tables[partition]
        parts.append(table)
        counts.append(table.num_rows)
        days.append(partition.date)
        tactics.append(partition.tactic)
    if not parts:
        schema = arrow_schema(columns)
        parts.append(schema.empty_table())
    concatenated = pa.concat_tables(parts)
    tactic_column = _repeat_tactics(tactics, counts)
    date_column = _repeat_days(days, counts)
    concatenated = concatenated.add_column(0, "tactic", tactic_column)
    return concatenated.add_column(0, "date", date_column)


def select_or_null(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Select columns of a table, null where it lacks one."""
    names = [name for name in columns if name in table.column_names]
    empty = arrow_schema(columns).empty_table()
    return pa.concat_tables([empty, table.select(names)], promote_options="default")


def _date_and_tactic(partition: Partition) -> tuple[date, str]:
    return partition.date, partition.tactic


def _repeat_tactics(tactics: Sequence[str], counts: Sequence[int]) -> pa.Array:
    names = sorted(set(tactics))
    positions = [names.index(tactic) for tactic in tactics]
    codes = np.array(positions, dtype="int8")
    repeated = np.repeat(codes, counts)
    dictionary = pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(repeated, dictionary)


def _repeat_days(days: Sequence[date], counts: Sequence[int]) -> pa.Array:
    moments = np.array(days, dtype="datetime64[s]")
    repeated = np.repeat(moments, counts)
    numbers = repeated.view("int64")
    seconds = pa.array(numbers)
    return seconds.view(pa.timestamp("s"))  # no copy
