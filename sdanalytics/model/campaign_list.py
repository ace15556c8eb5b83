"""`CampaignList`: the campaigns of a profile with their facts, as the service lists them.

Reports have the facts of their campaigns in part: the cost type is in that of campaigns only, the
portfolio in none, and no report of version 3 has the tactic. `GET /sd/campaigns` lists all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics._core.clock import parse_moment
from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.model.category_words import spell_word
from sdanalytics.model.dtypes import arrow_type
from sdanalytics.model.metrics import CAMPAIGN_FACTS, TACTICS

_Row = dict[str, Any]
"""The values of a campaign, by column."""
MAX_ID: Final = 2**63 - 1
_FEW_VALUED: Final = ("costType", "campaignStatus")
_DIGITS: Final = re.compile("[0-9]{1,19}")
_SCHEMA: Final = pa.schema(
    [
        ("campaignId", pa.int64()),
        ("tactic", pa.string()),
        *[(name, arrow_type(name)) for name in CAMPAIGN_FACTS],
        ("read_at", pa.timestamp("s")),
    ]
)
"""The columns of the table; `read_at`, in UTC, is when the service last listed the campaign."""


@dataclass(frozen=True)
class CampaignList:
    """The campaigns of a profile.

    Attributes
    ----------
    table : pyarrow.Table
        A row for each campaign: `campaignId` (int64), `tactic`, `costType` (string),
        `portfolioId` (int64), `campaignName`, `campaignStatus` (string), `read_at` (timestamp in
        UTC). What is not known is null.
    read_at : datetime.datetime or None
        When the list was last read from the service; None: never, or by a release that kept the
        tactics alone.
    """

    table: pa.Table
    read_at: datetime | None = None

    def has_all(self, key: str, values: pa.ChunkedArray) -> bool:
        """Return whether all campaigns are on the list that have these ids or names."""
        return bool(self._positions(key, values).null_count == 0)

    def find(self, key: str, values: pa.ChunkedArray, columns: Sequence[str]) -> pa.Table:
        """Return columns of the campaigns that have these ids or names, null for other ones.

        Parameters
        ----------
        key : {"campaignId", "campaignName"}
            The column that tells campaigns apart. Campaigns may share a name: facts that differ
            among these are null.
        values : pyarrow.ChunkedArray
            Their ids or names.
        columns : sequence of str
            Those of few values (`costType`, `campaignStatus`) are returned as dictionaries.
        """
        positions = self._positions(key, values)
        campaigns = self._campaigns_by(key).select(list(columns))
        for position, name in enumerate(columns):
            if name in _FEW_VALUED:
                encoded = campaigns.column(position).dictionary_encode()
                campaigns = campaigns.set_column(position, name, encoded)
        return campaigns.take(positions)

    def updated(self, documents: Iterable[Mapping[str, Any]], moment: datetime) -> CampaignList:
        """Return the list after the service has listed these campaigns.

        Campaigns that are no longer listed stay as they were. Documents without a valid id
        are left out.
        """
        rows: dict[int, _Row] = {}
        for row in self.table.to_pylist():
            rows[row["campaignId"]] = row
        in_utc = moment.astimezone(UTC)
        read_at = in_utc.replace(tzinfo=None, microsecond=0)
        for document in documents:
            campaign_id = _parse_id(document.get("campaignId"))
            if campaign_id is None:
                continue
            row = _parse_campaign(document)
            row["campaignId"] = campaign_id
            row["read_at"] = read_at
            rows[campaign_id] = row
        by_id: list[_Row] = []
        for campaign_id in sorted(rows):
            by_id.append(rows[campaign_id])
        table = pa.Table.from_pylist(by_id, _SCHEMA)
        return CampaignList(table, moment)

    def to_attrs(self) -> dict[str, str | None]:
        """Return the entry of the metadata of a frame that has facts of the list."""
        return {"campaigns_read_at": self._read_at_text}

    def to_json(self) -> dict[str, Any]:
        """Return plain values, column by column; `from_json` reads them back."""
        columns = {}
        for name, values in zip(_SCHEMA.names, self.table.columns, strict=True):
            if name == "read_at":
                values = values.cast(pa.int64())  # seconds since 1970
            columns[name] = values.to_pylist()
        return {
            "read_at": self._read_at_text,
            "campaigns": columns,
        }

    @classmethod
    def from_json(cls, values: object) -> CampaignList:
        """Read the values of `to_json`, or the tactics by campaign id of earlier releases.

        Raises
        ------
        ValueError, TypeError, OverflowError
            When they are anything else.
        """
        if not isinstance(values, dict):
            raise TypeError("a list of campaigns must be an object")
        columns = values.get("campaigns")
        if not isinstance(columns, dict):
            tactics = _read_tactics(values)
            return cls(tactics)
        arrays: list[pa.Array] = []
        for field in _SCHEMA:
            array = pa.array(columns.get(field.name), field.type)
            arrays.append(array)
        table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
        ids = table.column("campaignId")
        if ids.null_count:
            raise ValueError("a campaign has no id")
        text = values.get("read_at")
        if text is None:
            return cls(table)
        moment = parse_moment(text)
        return cls(table, moment.astimezone(UTC))

    @property
    def _read_at_text(self) -> str | None:
        if self.read_at is None:
            return None
        in_utc = self.read_at.astimezone(UTC)
        return in_utc.isoformat()

    def _positions(self, key: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the rows of the campaigns with these ids or names, null where there is none."""
        campaigns = self._campaigns_by(key)
        known = campaigns.column(key)
        return pc.index_in(values, value_set=known, skip_nulls=True)

    def _campaigns_by(self, key: str) -> pa.Table:
        if key == "campaignId":
            return self.table
        return self._campaigns_by_name

    @cached_property
    def _campaigns_by_name(self) -> pa.Table:
        """The campaigns with one row for each name, without facts that differ among them."""
        rows: dict[str, _Row] = {}
        for row in self.table.to_pylist():
            name = row["campaignName"]
            if name is None:
                continue
            same_name = rows.setdefault(name, row)
            for column, value in row.items():
                if same_name[column] != value:
                    same_name[column] = None
        by_name = list(rows.values())
        return pa.Table.from_pylist(by_name, _SCHEMA)


# Schema.empty_table would import pandas, half a second of a start.
NO_CAMPAIGNS: Final = CampaignList(pa.Table.from_batches([], _SCHEMA))
"""The list of a profile whose campaigns are not known."""


def _parse_campaign(document: Mapping[str, Any]) -> _Row:
    """Return tactic and facts of a campaign in the service's list; None for what it lacks."""
    tactic = document.get("tactic")
    if tactic not in TACTICS:
        tactic = None
    return {
        "tactic": tactic,
        "costType": _parse_word("costType", document.get("costType")),
        "portfolioId": _parse_id(document.get("portfolioId")),
        "campaignName": _parse_text(document.get("name")),
        "campaignStatus": _parse_word("campaignStatus", document.get("state")),
    }


def _parse_id(value: object) -> int | None:
    """Return an id, which the service may write as text; None for anything else, and for 0."""
    text = str(value)
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if 0 < number <= MAX_ID else None


def _parse_text(value: object) -> str | None:
    """Return a text that can be written; None for anything else."""
    if not isinstance(value, str) or not value or has_lone_surrogate(value):
        return None
    return value


def _parse_word(column: str, value: object) -> str | None:
    text = _parse_text(value)
    if text is None:
        return None
    return spell_word(column, text)


def _read_tactics(values: Mapping[str, Any]) -> pa.Table:
    """Return the campaigns of which the tactics alone are known, without unknown tactics."""
    rows: list[_Row] = []
    for campaign, tactic in values.items():
        if tactic in TACTICS:
            campaign_id = int(campaign)
            rows.append({"campaignId": campaign_id, "tactic": tactic})
    return pa.Table.from_pylist(rows, _SCHEMA)
