"""The table ``reports`` of the in-flight database: a row for each claimed partition."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from sdanalytics._core.clock import parse_moment
from sdanalytics.model.partition import Partition, ProfileKey
from sdanalytics.store.leases import Lease
from sdanalytics.store.process_copy import Execute

CLAIMS_TABLE: Final = "reports"
CREATE_CLAIMS_TABLE: Final = """
create table if not exists reports (
    source text not null, profile_id text not null, record_type text not null,
    segment text not null, tactic text not null, date text not null,
    columns text not null, report_id text, api text not null, asked_at text not null,
    host text not null, pid integer not null, call text not null, lease real not null,
    primary key (source, profile_id, record_type, segment, tactic, date)
)
"""
SELECT_ALL_CLAIMS: Final = (
    "select * from reports order by source, profile_id, record_type, segment, tactic, date"
)
_WHERE_PARTITION: Final = (
    " where source = ? and profile_id = ? and record_type = ? and segment = ? and tactic = ?"
    " and date = ?"
)
_SELECT_PARTITION: Final = "select * from reports" + _WHERE_PARTITION  # noqa: S608  # a constant
_SELECT_CREATED: Final = "select * from reports where call = ? and report_id is not null"
_COUNT_IN_FLIGHT: Final = (
    "select count(*) from reports where source = ? and profile_id = ?"
    " and report_id is not null and lease > ?"
)
_COUNT_REPORTS: Final = (
    "select count(distinct report_id) from reports where source = ? and api = ?"
    " and (lease > ? or asked_at between ? and ?)"
)
_IS_OWN: Final = "select 1 from reports" + _WHERE_PARTITION + " and call = ?"  # noqa: S608
_WRITE: Final = "insert or replace into reports values (" + ", ".join("?" * 14) + ")"  # noqa: S608
_INSERT: Final = _WRITE.replace("replace", "ignore", 1)
_DELETE: Final = "delete from reports" + _WHERE_PARTITION + " and call = ?"  # noqa: S608
_RENEW: Final = "update reports set lease = ? where call = ?"
_RELEASE_ALL: Final = "update reports set lease = 0 where call = ? and report_id is not null"
_EXTEND_UNCREATED: Final = "update reports set lease = ? where call = ? and report_id is null"
_DELETE_PROCESS: Final = "delete from reports where host = ? and pid = ?"
_PURGE: Final = "delete from reports where asked_at < ? and lease < ?"

ORPHANED_BUILD_TIME: Final = timedelta(minutes=10)
"""How long a report counts as in flight whose call has ended: the service goes on with it, for 1 to
20 minutes in version 1, and answers another request meanwhile with a 429 that lasts for minutes."""
MAX_TIMESTAMP: Final = 1e11
"""A moment that no clock shows, in seconds since 1970: in the year 5138."""

Row = Mapping[str, Any] | sqlite3.Row


class Claim(NamedTuple):
    """A call's claim on a partition.

    Attributes
    ----------
    partition : Partition
    columns : tuple of str
    report_id : str or None
        None until the service has returned it.
    api : str
        The version of the reporting API.
    asked_at : datetime.datetime
        UTC; when the report was requested.
    call_id : str
        The call that claims it.
    lease : Lease
    """

    partition: Partition
    columns: tuple[str, ...]
    report_id: str | None
    api: str
    asked_at: datetime
    call_id: str
    lease: Lease

    @classmethod
    def from_row(cls, row: Row) -> Claim | None:
        """Parse a row of the table; None if it has a value that no call has written."""
        try:
            values = msgspec.convert(dict(row), _ClaimRow)
            asked_at = parse_moment(values.asked_at).astimezone(UTC)
            return cls(
                partition=Partition.from_keys(dict(row)),
                columns=tuple(msgspec.json.decode(values.columns, type=list[str])),
                report_id=values.report_id,
                api=values.api,
                asked_at=asked_at,
                call_id=values.call,
                lease=Lease(values.lease, values.host, values.pid),
            )
        except ValueError:  # as msgspec's errors are
            return None


class _ClaimRow(msgspec.Struct):
    """The types of the values of a row."""

    source: str
    profile_id: str
    record_type: str
    segment: str
    tactic: str
    columns: str
    report_id: Annotated[str, msgspec.Meta(min_length=1)] | None
    api: str
    asked_at: str
    host: str
    pid: Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
    call: str
    lease: Annotated[float, msgspec.Meta(ge=0, lt=MAX_TIMESTAMP)]


class ClaimsTable:
    """The claims of a store, within one transaction.

    Parameters
    ----------
    execute : callable
        Runs a statement of the transaction.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def find(self, partition: Partition) -> Claim | None:
        """Return the claim on a partition; one that cannot be read is none."""
        cursor = self._execute(_SELECT_PARTITION, *_key_values(partition))
        row = cursor.fetchone()
        if row is None:
            return None
        return Claim.from_row(row)

    def is_own(self, partition: Partition, call_id: str) -> bool:
        """Return whether a partition is claimed by that call."""
        cursor = self._execute(_IS_OWN, *_key_values(partition), call_id)
        return cursor.fetchone() is not None

    def created_by(self, call_id: str) -> list[Claim]:
        """Return the claims of a call that have a report."""
        cursor = self._execute(_SELECT_CREATED, call_id)
        return parse_claims(cursor)

    def count_in_flight(self, profile: ProfileKey) -> int:
        """Count the claims of a profile that have a report and a live lease."""
        cursor = self._execute(_COUNT_IN_FLIGHT, *profile, time.time())
        (count,) = cursor.fetchone()
        return int(count)

    def count_reports(self, source: str, api: str, now: datetime) -> int:
        """Count the reports of a source and version of the API that are in flight.

        They have a live lease or, where their call has ended, were requested a moment ago.
        """
        earliest = now - ORPHANED_BUILD_TIME
        moments = (time.time(), earliest.isoformat(), now.isoformat())
        cursor = self._execute(_COUNT_REPORTS, source, api, *moments)
        (count,) = cursor.fetchone()
        return int(count)

    def write(self, claim: Claim) -> None:
        """Store a claim, replacing any other on its partition."""
        self._execute(
            _WRITE,
            *_key_values(claim.partition),
            json.dumps(claim.columns),
            claim.report_id,
            claim.api,
            claim.asked_at.isoformat(),
            claim.lease.host,
            claim.lease.pid,
            claim.call_id,
            claim.lease.ends_at,
        )

    def delete(self, partition: Partition, call_id: str) -> None:
        """Delete the claim on a partition, if it is that call's."""
        self._execute(_DELETE, *_key_values(partition), call_id)

    def renew(self, call_id: str, lease_end: float) -> None:
        """Move the end of all leases of a call."""
        self._execute(_RENEW, lease_end, call_id)

    def release_all(self, call_id: str) -> None:
        """End the leases of a call's claims that have a report."""
        self._execute(_RELEASE_ALL, call_id)

    def extend_uncreated(self, call_id: str, lease_end: float) -> None:
        """Move the end of the leases of a call's claims that have no report yet."""
        self._execute(_EXTEND_UNCREATED, lease_end, call_id)

    def purge(self, oldest: datetime) -> None:
        """Delete the claims of older reports, unless their lease lasts."""
        self._execute(_PURGE, oldest.isoformat(), time.time())


def parse_claims(rows: Iterable[Row]) -> list[Claim]:
    """Parse rows of the table, without those that have a value that no call has written."""
    claims = map(Claim.from_row, rows)
    return [claim for claim in claims if claim is not None]


def carry_claims(execute: Execute, execute_other: Execute) -> None:
    """Make the claims of this process in a second database those that are in the first one.

    A partition that another process has claimed there meanwhile stays that process's.
    """
    own = Lease.own(0.0)
    execute_other(_DELETE_PROCESS, own.host, own.pid)
    for row in execute(SELECT_ALL_CLAIMS):
        execute_other(_INSERT, *row)


def has_no_claims(execute: Execute) -> bool:
    """Return whether a database has no claim."""
    return execute("select 1 from reports limit 1").fetchone() is None


def _key_values(partition: Partition) -> tuple[str, ...]:
    """Return the values of the primary key."""
    keys = partition.to_keys()
    return tuple(keys.values())
