"""A store as it is after weeks of daily fetches, made at once.

Each morning fetches those of the last days that are due, as `fetch_report` does. Reports are
rendered here instead of requested, and the versions of a day are written together: it takes
seconds, where as many calls take minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.api.client import Client
from sdanalytics.model.metrics import TACTICS
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.query import ReportQuery
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.measures import DayMeasures
from sdanalytics.sandbox.simulation.simulated_day import simulate_day
from sdanalytics.sandbox.simulation.truth import build_day
from sdanalytics.store.freshness import FreshnessPolicy
from sdanalytics.store.history_archive import HistoryArchive
from sdanalytics.store.parquet_file import CachedPartition, PartitionTables, StoredRows
from sdanalytics.store.partitions import PartitionStore

RECORD_TYPE: Final = "campaigns"
FETCHED_DAYS: Final = 60
"""The last days that each morning asks for."""


class _Fetch(NamedTuple):
    """A day that was fetched on a morning."""

    day: date
    moment: datetime


def fill_history(
    store: PartitionStore, client: Client, advertiser: Advertiser, mornings: Sequence[datetime]
) -> None:
    """Store what a call of ``fetch_report("campaigns", days=60)`` each morning would have.

    Parameters
    ----------
    store : PartitionStore
        An empty one.
    client : Client
        Of the advertiser; no request is sent.
    advertiser : Advertiser
    mornings : sequence of datetime.datetime
        Aware, in order.

    Raises
    ------
    CacheError
        When a file cannot be written.
    """
    versions: dict[Partition, list[StoredRows]] = defaultdict(list)
    query = ReportQuery.parse(RECORD_TYPE, mornings[-1].date())  # for its metrics
    for fetch in _list_fetches(advertiser, mornings):
        for rows in _render_fetch(client, advertiser, query, fetch):
            versions[rows.cached.partition].append(rows)
    latest: dict[str, list[StoredRows]] = defaultdict(list)
    archive = HistoryArchive(store.storage)
    for of_partition in versions.values():
        *earlier, last = of_partition
        archive.keep_versions(earlier)
        morning = last.cached.report_id
        latest[morning].append(last)
    for stored in latest.values():
        tables: PartitionTables = {}
        for rows in stored:
            partition = rows.cached.partition
            tables[partition] = rows.table
        provenance = stored[0].cached.provenance
        store.store_report(tables, provenance, now=mornings[-1])


def _list_fetches(advertiser: Advertiser, mornings: Sequence[datetime]) -> Iterator[_Fetch]:
    """Yield what each morning fetches: of the last days those that are due."""
    fetched_at: dict[date, datetime] = {}
    for morning in mornings:
        policy = FreshnessPolicy(morning, advertiser.zone, FETCHED_DAYS)
        for ago in range(FETCHED_DAYS, 0, -1):
            day = policy.today - timedelta(ago)
            is_fresh = False
            if day in fetched_at:
                is_fresh = policy.is_fresh(day, fetched_at[day])
            if not is_fresh:
                fetched_at[day] = morning
                yield _Fetch(day, morning)


def _render_fetch(
    client: Client, advertiser: Advertiser, query: ReportQuery, fetch: _Fetch
) -> Iterator[StoredRows]:
    """Yield the rows of each tactic of a day, as they were known when it was fetched."""
    midnight = datetime.combine(fetch.day, time(), advertiser.zone)
    age = (fetch.moment - midnight) / timedelta(days=1)
    simulated = simulate_day(advertiser, fetch.day)
    measures = DayMeasures(simulated, age)
    table = build_day(measures, query, fetch.day)
    tactics = table.column("tactic")
    columns = table.drop_columns(["date", "tactic"])
    report_id = fetch.moment.isoformat()
    report = Provenance(report_id, fetch.moment, client.api)
    profile_id = str(client.profile_id)
    for tactic in TACTICS:
        is_chosen = pc.equal(tactics, tactic)
        rows = columns.filter(is_chosen)
        partition = Partition(
            source=client.source,
            profile_id=profile_id,
            record_type=RECORD_TYPE,
            segment=None,
            tactic=tactic,
            date=fetch.day,
        )
        yield _to_stored_rows(partition, rows, report)


def _to_stored_rows(partition: Partition, table: pa.Table, report: Provenance) -> StoredRows:
    cached = CachedPartition(
        partition=partition,
        path="",
        size=0,
        columns=tuple(table.column_names),
        rows=table.num_rows,
        fetched_at=report.fetched_at,
        report_id=report.report_id,
        api=report.api,
        checksum=None,
    )
    return StoredRows(cached, table)
