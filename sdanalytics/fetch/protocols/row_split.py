"""From the rows of a report that mixes days and tactics to partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics.errors import CorruptReport
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import EVERY_TACTIC, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition

MAX_SHOWN_CHARACTERS: Final = 40
"""Characters of a value that an error message shows, at most."""
ALL_TACTICS: Final = (*TACTICS, UNKNOWN_TACTIC, EVERY_TACTIC)
"""The tactics of partitions, in the order of their numbers."""
Array = np.ndarray[Any, Any]
TacticLookup = Callable[[Array], list[str]]
"""Returns the tactic of each of these campaign ids."""


@dataclass(frozen=True)
class ReportPeriod:
    """The days that a report spans.

    Attributes
    ----------
    start, end : str
        The first and the last day, as the service spells them.
    """

    start: str
    end: str

    def parse_day(self, text: str) -> date:
        """Return a day of the report; ValueError or TypeError for anything else."""
        if not self.start <= text <= self.end:
            raise ValueError(text)
        return date.fromisoformat(text)


def split_rows(
    rows: pa.Table,
    period: ReportPeriod,
    partitions: Iterable[Partition],
    columns: Sequence[str],
    lookup_tactics: TacticLookup,
) -> dict[Partition, pa.Table]:
    """Return the rows of each partition; those of other days are left out."""
    indices = _row_indices_by_partition(rows, period, lookup_tactics)
    schema = arrow_schema(columns)
    empty = schema.empty_table()
    tables = {}
    for partition in partitions:
        key = (partition.date, partition.tactic)
        found = indices.get(key)
        if found is None:
            tables[partition] = empty
        else:
            table = rows.take(found)
            tables[partition] = table.select(list(columns))
    return tables


def _row_indices_by_partition(
    rows: pa.Table, period: ReportPeriod, lookup_tactics: TacticLookup
) -> dict[tuple[date, str], Array]:
    """Return the indices of the rows of each day and tactic, in the order of the rows."""
    if not rows.num_rows:
        return {}
    days, day_indices = _encode_days(rows.column("date"), period)
    tactic_indices = _tactic_indices(rows, lookup_tactics)
    # One number for each day and tactic; a stable sort leaves the rows of each in order.
    keys = day_indices * len(ALL_TACTICS) + tactic_indices
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    found_keys, starts = np.unique(sorted_keys, return_index=True)
    indices = {}
    groups = np.split(order, starts[1:])
    for key, group in zip(found_keys, groups, strict=True):
        day_index, tactic_index = divmod(int(key), len(ALL_TACTICS))
        day = days[day_index]
        tactic = ALL_TACTICS[tactic_index]
        indices[day, tactic] = group
    return indices


def _tactic_indices(rows: pa.Table, lookup_tactics: TacticLookup) -> Array:
    """Return for each row the index of its tactic."""
    if "campaignId" not in rows.column_names:
        index = ALL_TACTICS.index(EVERY_TACTIC)
        return np.full(rows.num_rows, index)
    campaigns = rows.column("campaignId")
    campaign_ids = campaigns.to_numpy()
    unique_ids, positions = np.unique(campaign_ids, return_inverse=True)
    indices = []
    for tactic in lookup_tactics(unique_ids):
        index = ALL_TACTICS.index(tactic)
        indices.append(index)
    index_by_position = np.array(indices)
    return index_by_position[positions]


def _encode_days(texts: pa.ChunkedArray, period: ReportPeriod) -> tuple[list[date], Array]:
    """Return the days that occur, and for each row the index of its day."""
    array = texts.combine_chunks()
    encoded = array.dictionary_encode(null_encoding="encode")
    indices = encoded.indices.to_numpy()
    days = []
    unique_texts = encoded.dictionary.to_pylist()
    for index, text in enumerate(unique_texts):
        try:
            day = period.parse_day(text)
            days.append(day)
        except (ValueError, TypeError):
            has_text = indices == index
            row = int(np.argmax(has_text))
            raise _invalid_day_error(row, text, period) from None
    return days, indices


def _invalid_day_error(row: int, text: object, period: ReportPeriod) -> CorruptReport:
    whole = str(text)
    shown = whole[:MAX_SHOWN_CHARACTERS]
    return CorruptReport(
        f"field 'date' of row {row} must be a day from {period.start} to {period.end}, "
        f"got {shown!r}. Nothing of this report is stored",
        field="date",
        row=row,
    )
