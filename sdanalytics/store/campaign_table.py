"""The lists of campaigns of a store as an Arrow dataset: the table ``campaign_list`` of queries.

It has a row for each campaign that the service has listed: `source`, `profile_id` (VARCHAR),
`campaignId` (BIGINT), `tactic`, `costType` (VARCHAR), `portfolioId` (BIGINT), `campaignName`,
`campaignStatus` (VARCHAR), and `read_at` (TIMESTAMP, in UTC): when the service last listed it so.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from sdanalytics.model.campaign_list import NO_CAMPAIGNS, CampaignList
from sdanalytics.model.partition import ProfileKey
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.metadata import MetadataStore

CAMPAIGN_TABLE: Final = "campaign_list"
"""The name of the table."""
_PROFILE_SCHEMA: Final = pa.schema([("source", pa.string()), ("profile_id", pa.string())])
TABLE_SCHEMA: Final = pa.unify_schemas([_PROFILE_SCHEMA, NO_CAMPAIGNS.table.schema])
"""Source and profile, then the columns of `CampaignList.table`."""


class StoredCampaigns:
    """The lists of a store for one query, each read once, when rows need it.

    Any thread may use it.

    Parameters
    ----------
    storage : Storage
    """

    def __init__(self, storage: Storage) -> None:
        self._metadata = MetadataStore(storage)
        self._lock = threading.Lock()
        self._lists: dict[ProfileKey, CampaignList] = {}

    def find(self, key: ProfileKey) -> CampaignList:
        """Return the list of a profile; an empty one where none is stored."""
        with self._lock:
            if key not in self._lists:
                self._lists[key] = self._metadata.campaign_list(key)
            return self._lists[key]


class CampaignTable(ds.InMemoryDataset):  # type: ignore[misc]
    """The lists of all profiles of a store as a dataset; they are read when it is scanned.

    Parameters
    ----------
    storage : Storage

    Attributes
    ----------
    failure : Exception or None
        The error of a scan: DuckDB itself passes on its text only.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(TABLE_SCHEMA.empty_table())
        self.failure: Exception | None = None
        self._metadata = MetadataStore(storage)

    def scanner(
        self, columns: Sequence[str] | None = None, filter: Any = None, **options: Any
    ) -> Any:
        """Return a scanner of the rows that pass a filter: DuckDB calls this to read a dataset."""
        try:
            rows = self._read()
        except Exception as error:
            self.failure = error
            raise
        return ds.dataset(rows).scanner(columns=columns, filter=filter)

    def _read(self) -> pa.Table:
        tables = [TABLE_SCHEMA.empty_table()]
        for key, campaigns in self._metadata.campaign_lists():
            rows = campaigns.table
            for position, field in enumerate(_PROFILE_SCHEMA):
                value = pa.scalar(getattr(key, field.name), field.type)
                values = pa.repeat(value, rows.num_rows)
                rows = rows.add_column(position, field, values)
            tables.append(rows)
        return pa.concat_tables(tables)
