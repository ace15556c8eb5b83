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
from sdanalytics.store.parquet_file import PartitionTables, sort_rows


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
    listed = campaigns.find("campaignId", rows.column("campaignId"), ["tactic"])
    return listed.column("tactic").fill_null(UNKNOWN_TACTIC)


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
    for partition in [key for key in tables if key.tactic == UNKNOWN_TACTIC]:
        rows = tables.pop(partition)
        found = find_tactics(rows, campaigns)
        for tactic in query.tactics:
            chosen = rows.filter(pc.equal(found, tactic))
            if chosen.num_rows:
                target = partition._replace(tactic=tactic)
                parts = [tables[target], chosen] if target in tables else [chosen]
                tables[target] = sort_rows(pa.concat_tables(parts), query.identity)
        unknown = rows.filter(pc.equal(found, UNKNOWN_TACTIC))
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
            is_unknown = pc.equal(find_tactics(rows, campaigns), UNKNOWN_TACTIC)
            count += rows.filter(is_unknown).num_rows
    return count


def find_campaigns_to_join(tables: PartitionTables) -> pa.ChunkedArray | None:
    """Return the campaigns of rows that lack a fact or their tactic, by id or name.

    None if there are none.
    """
    found = []
    for partition, rows in tables.items():
        if partition.tactic == UNKNOWN_TACTIC or _incomplete_facts(rows):
            key = campaign_key(rows.column_names)
            found.append(rows.column(key))
    chunks = [chunk for column in found for chunk in column.chunks]
    if not sum(map(len, chunks)):
        return None
    return pa.chunked_array([pc.unique(pa.chunked_array(chunks))])


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
