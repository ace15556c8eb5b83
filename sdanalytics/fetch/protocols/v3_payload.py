"""The payload of a version 3 report, as it was downloaded, and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sdanalytics.fetch.protocols.row_split import ReportPeriod
from sdanalytics.model.category_words import spell_words
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.parsing.payload import read_payload


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
    def period(self) -> ReportPeriod:
        """The days of the report, as the service spells them."""
        first = self.document.get("startDate")
        last = self.document.get("endDate")
        return ReportPeriod(str(first), str(last))


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
