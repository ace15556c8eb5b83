"""The list of campaigns joined to the rows of reports, when a frame or a result is made of them.

Facts of campaigns that a report lacks come from the profile's list (`CampaignList`), so that days
that were stored without them have them, too. A fact that a report has is that of the report's day,
and stays. So do the tactics of rows; those that were stored without one have that of the list.

Rows are joined by `campaignId`, those of a report without it (`invalidTraffic`) by `campaignName`:
there, a campaign that was renamed has no facts, and those of one name have what they share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.model.campaign_list import CampaignList
from sdanalytics.model.metrics import CAMPAIGN_FACTS, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.merge import sort_rows
from sdanalytics.store.parquet_file import PartitionTables


def campaign_key(columns: Collection[str]) -> str:
    """Return the column that tells the campaigns of rows apart."""
    return "campaignId" if "campaignId" in columns else "campaignName"


def fill_facts(rows: pa.Table, campaigns: CampaignList) -> pa.Table:
    """Return rows with the facts of the list where they have none.

    Parameters
    ----------
    rows : pyarrow.Table
        With `campaignId` or `campaignName`; of the facts, those of its columns are filled.
    campaigns : CampaignList

    Returns
    -------
    pyarrow.Table
        Facts of few values that no row has had are dictionaries, which become categories as fast
        as they are.
    """
    names = _incomplete_facts(rows)
    if not names or not campaigns.table.num_rows:
        return rows
    key = campaign_key(rows.column_names)
    listed = campaigns.find(key, rows.column(key), names)
    for name in names:
        position = rows.schema.get_field_index(name)
        own = rows.column(position)
        values = listed.column(name)
        if own.null_count < rows.num_rows:
            values = pc.coalesce(own, values.cast(own.type))
        rows = rows.set_column(position, name, values)
    return rows


def find_tactics(rows: pa.Table, campaigns: CampaignList) -> pa.ChunkedArray:
    """Return the tactics of rows of unknown tactic by the list; `unknown` where it has none."""
    ids = rows.column("campaignId")
    listed = campaigns.find("campaignId", ids, ["tactic"])
    tactics = listed.column("tactic")
    return tactics.fill_null(UNKNOWN_TACTIC)


def assign_tactics(tables: PartitionTables, query: ReportQuery, campaigns: CampaignList) -> str:
    """Move rows of unknown tactic to their tactic, as far as the list has it.

    Parameters
    ----------
    tables : dict of Partition to pyarrow.Table
        Changed in place: afterwards it has rows of the query's tactics only, and those that stay
        unknown if these are all tactics.
    query : ReportQuery
    campaigns : CampaignList

    Returns
    -------
    str
        A warning if rows are left out that may be of the query's tactic; else empty.
    """
    left_out = 0
    for partition in list(tables):
        if partition.tactic != UNKNOWN_TACTIC:
            continue
        rows = tables.pop(partition)
        found = find_tactics(rows, campaigns)
        for tactic in query.tactics:
            is_chosen = pc.equal(found, tactic)
            chosen = rows.filter(is_chosen)
            if not chosen.num_rows:
                continue
            target = partition._replace(tactic=tactic)
            if target in tables:
                both = pa.concat_tables([tables[target], chosen])
                chosen = sort_rows(both, query.identity)
            tables[target] = chosen
        is_unknown = pc.equal(found, UNKNOWN_TACTIC)
        unknown = rows.filter(is_unknown)
        if query.tactics != TACTICS:
            left_out += unknown.num_rows
        elif unknown.num_rows:
            tables[partition] = unknown
    if not left_out:
        return ""
    return (
        f"{left_out} rows of {query} are left out: their tactic is not known, since the list of "
        "campaigns does not have them. Without tactic= they are in the frame"
    )


def count_unknown_rows(tables: PartitionTables, campaigns: CampaignList) -> int:
    """Return the number of rows whose tactic is not known, by the list either."""
    count = 0
    for partition, rows in tables.items():
        if partition.tactic == UNKNOWN_TACTIC:
            tactics = find_tactics(rows, campaigns)
            is_unknown = pc.equal(tactics, UNKNOWN_TACTIC)
            unknown = rows.filter(is_unknown)
            count += unknown.num_rows
    return count


def find_campaigns_to_join(tables: PartitionTables) -> pa.ChunkedArray | None:
    """Return the campaigns of rows that lack a fact or their tactic, by id or name.

    None if there are none.
    """
    chunks: list[pa.Array] = []
    for partition, rows in tables.items():
        if rows.num_rows and (partition.tactic == UNKNOWN_TACTIC or _incomplete_facts(rows)):
            key = campaign_key(rows.column_names)
            column = rows.column(key)
            chunks += column.chunks
    if not chunks:
        return None
    together = pa.chunked_array(chunks)
    campaigns = pc.unique(together)
    return pa.chunked_array([campaigns])


def lacking_facts(tables: Iterable[pa.Table]) -> list[str]:
    """Return the facts that rows of some tables have no value of."""
    names = set()
    for rows in tables:
        names.update(_incomplete_facts(rows))
    return [name for name in CAMPAIGN_FACTS if name in names]


def no_list_message(tables: PartitionTables, campaigns: CampaignList) -> str:
    """Return the warning for facts that are missing because no list is stored; or an empty text."""
    missing = lacking_facts(tables.values())
    if campaigns.read_at is not None or not missing:
        return ""
    return (
        f"{', '.join(missing)} are missing where the report has none: the store has no list of the "
        "profile's campaigns. fetch_report with these metrics reads it, and no report for it"
    )


def _incomplete_facts(rows: pa.Table) -> list[str]:
    """Return the facts among the columns of rows that some rows have no value of."""
    key = campaign_key(rows.column_names)
    names = []
    for name in CAMPAIGN_FACTS:
        if name != key and name in rows.column_names and rows.column(name).null_count:
            names.append(name)
    return names
