"""From the payload of a version 3 report, which mixes days and tactics, to partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics.errors import CorruptReport
from sdanalytics.model.category_words import spell_words
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import CATALOGUE, EVERY_TACTIC, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.parsing.payload import read_payload

MAX_SHOWN_CHARACTERS: Final = 40
"""Characters of a value that an error message shows, at most."""
ALL_TACTICS: Final = (*TACTICS, UNKNOWN_TACTIC, EVERY_TACTIC)
"""The tactics of partitions, in the order of their numbers."""
Array = np.ndarray[Any, Any]
TacticLookup = Callable[[Array], list[str]]
"""Returns the tactic of each of these campaign ids."""


@dataclass(frozen=True)
class DownloadedReport:
    """A report as it was downloaded.

    Attributes
    ----------
    body : bytes or None
        The payload; None where there are no rows.
    document : mapping
        The service's description of the report.
    """

    body: bytes | None
    document: Mapping[str, Any] = field(repr=False)

    @property
    def start(self) -> str:
        """The first day of the report, as the service spells it."""
        first = self.document.get("startDate")
        return str(first)

    @property
    def end(self) -> str:
        """The last day of the report, likewise."""
        last = self.document.get("endDate")
        return str(last)

    def parse_day(self, text: str) -> date:
        """Return a day of the report; ValueError or TypeError for anything else."""
        if not self.start <= text <= self.end:
            raise ValueError(text)
        return date.fromisoformat(text)


def read_rows(
    payload: DownloadedReport, columns: Sequence[str], required: Sequence[str], max_bytes: int
) -> pa.Table:
    """Parse a payload into a table with `date` and the columns, words spelled as in version 2.

    Each row must have a value of the required columns, those that identify it.
    """
    names = ["date", *columns]
    if payload.body is None:
        schema = arrow_schema(names)
        return schema.empty_table()
    v3_names = {}
    for name in columns:
        metric = CATALOGUE[name]
        v3_names[name] = str(metric.v3_name)
    rows = read_payload(payload.body, names, max_bytes, v3_names, required=required)
    return spell_words(rows)


def split_rows(
    rows: pa.Table,
    payload: DownloadedReport,
    partitions: Iterable[Partition],
    columns: Sequence[str],
    lookup_tactics: TacticLookup,
) -> dict[Partition, pa.Table]:
    """Return the rows of each partition; those of other days are left out."""
    indices = _row_indices_by_partition(rows, payload, lookup_tactics)
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
    rows: pa.Table, payload: DownloadedReport, lookup_tactics: TacticLookup
) -> dict[tuple[date, str], Array]:
    """Return the indices of the rows of each day and tactic, in the order of the rows."""
    if not rows.num_rows:
        return {}
    days, day_indices = _encode_days(rows.column("date"), payload)
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


def _encode_days(texts: pa.ChunkedArray, payload: DownloadedReport) -> tuple[list[date], Array]:
    """Return the days that occur, and for each row the index of its day."""
    array = texts.combine_chunks()
    encoded = array.dictionary_encode(null_encoding="encode")
    indices = encoded.indices.to_numpy()
    days = []
    unique_texts = encoded.dictionary.to_pylist()
    for index, text in enumerate(unique_texts):
        try:
            day = payload.parse_day(text)
            days.append(day)
        except (ValueError, TypeError):
            has_text = indices == index
            row = int(np.argmax(has_text))
            raise _invalid_day_error(row, text, payload) from None
    return days, indices


def _invalid_day_error(row: int, text: object, payload: DownloadedReport) -> CorruptReport:
    whole = str(text)
    shown = whole[:MAX_SHOWN_CHARACTERS]
    return CorruptReport(
        f"field 'date' of row {row} must be a day from {payload.start} to {payload.end}, "
        f"got {shown!r}. Nothing of this report is stored",
        field="date",
        row=row,
    )
