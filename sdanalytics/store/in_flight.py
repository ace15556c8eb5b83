"""The in-flight registry: which call requests which partition, so that none is requested twice.

A small SQLite database in the store, shared by all calls of all processes. A call claims a
partition before it requests a report of it, records the report's id as soon as the service has
returned it, and releases the claim when the partition is stored. A call that finds another's claim
waits, or resumes the report if that call has ended. The state of the rate limiter
(`sdanalytics.api.rate_limit`) is in the same database, so that all these calls share one limit.

Each row of the table ``reports`` is the claim of a partition::

    state       report_id  lease  next
    ----------  ---------  -----  -------------------------------------------------------------
    unclaimed   (no row)          `claim` -> claimed
    claimed     null       live   `record` -> in flight; `release` -> unclaimed (failed to create);
                                  call ends: after CREATE_GRACE, call dies -> expired
    in flight   set        live   `release` -> unclaimed (stored, or failed for good);
                                  call ends or dies -> orphaned
    orphaned    set        ended  `status` or `claim` of any call -> in flight, when the report can
                                  still serve it (resumed); else `claim` -> claimed
    expired     null       ended  `claim` of any call -> claimed

A lease is renewed while its call runs (`sdanalytics.store.leases`). Rows with an ended lease
that are older than `MAX_RESUME_AGE` are purged when a call begins.

Guarantees: a partition is requested once, however many calls want it at the same time. A call
creates one report at a time. If a process dies between sending that request and recording the
returned id (one round trip), at most one report is requested twice. Other calls wait for its claim
until its death is noticed: at once on the same machine (but for Windows); elsewhere once the lease
has not been renewed for `LEASE_DURATION`, or, without an id, for `CREATE_GRACE`, even if clocks are
wrong. A call that ends (Ctrl-C, its timeout) while it creates a report makes others wait until the
response can no longer arrive.

This holds among the calls of one store. A store on object storage cannot hold a database, so its
registry is in the user's state folder, and it holds among the calls of one machine: two machines
may each request the same partition once.

The database holds no secret: partitions, columns, report ids, times, and process ids.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sdanalytics._core.clock import Clock
from sdanalytics._core.limiter_state import CountInFlight, LimiterState
from sdanalytics.errors import CacheError
from sdanalytics.model.partition import Partition, ProfileKey
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.store import leases
from sdanalytics.store.claim_status import ClaimedReport, ClaimStatus, ResumableReport
from sdanalytics.store.claims_table import (
    CLAIMS_TABLE,
    CREATE_CLAIMS_TABLE,
    SELECT_ALL_CLAIMS,
    Claim,
    ClaimsTable,
    carry_claims,
    has_no_claims,
    parse_claims,
)
from sdanalytics.store.leases import Lease, LeaseMonitor
from sdanalytics.store.limiter_table import CREATE_LIMITER_TABLE, LimiterTable
from sdanalytics.store.process_copy import Execute, Schema
from sdanalytics.store.sqlite_state import StateDatabase, query_read_only

DATABASE_FILENAME: Final = "in-flight.sqlite"
MAX_RESUME_AGE: Final = timedelta(hours=24)
"""Age beyond which a report is not resumed: the service may have dropped it."""

_SCHEMA: Final = Schema((CREATE_CLAIMS_TABLE, CREATE_LIMITER_TABLE), carry_claims, has_no_claims)
_running_calls: Final[set[str]] = set()
"""The calls of this process that have not ended."""

T = TypeVar("T")
IsAcceptable = Callable[[Partition, datetime], bool]
"""Returns whether a report of a partition that was requested at a time is still new enough."""


class InFlightRegistry:
    """One call's view of the registry; a context manager that gives up its claims at the end.

    Parameters
    ----------
    state_dir : pathlib.Path
        The folder of the database (`Storage.state_dir`).
    api : str
        The version of the reporting API that the call uses.
    profile : ProfileKey
        The profile that the call fetches.
    clock : Clock
        Reports that are too old to be resumed when the call begins are purged.
    is_acceptable : callable
        Whether a report of a partition, requested at a time, is new enough to be resumed.
    limits_client : bool
        Whether the service limits all profiles of a client together.

    Notes
    -----
    While the database cannot be used, claims are those of this process
    (`sdanalytics.store.sqlite_state`).
    """

    def __init__(
        self,
        state_dir: Path,
        api: str,
        profile: ProfileKey,
        clock: Clock,
        is_acceptable: IsAcceptable,
        *,
        limits_client: bool = False,
    ) -> None:
        self._database = StateDatabase(state_dir / DATABASE_FILENAME, _SCHEMA)
        if limits_client:
            self._limiter = LimiterTable.for_version(self._database, profile.source, api, clock)
        else:
            self._limiter = LimiterTable.for_profile(self._database, profile)
        self._monitor = LeaseMonitor()
        self._api = api
        self._source = profile.source
        self._clock = clock
        self._oldest_resumable = clock.now() - MAX_RESUME_AGE
        self._is_acceptable = is_acceptable
        self._call_id = secrets.token_hex(8)
        self._ended = threading.Event()

    def __enter__(self) -> InFlightRegistry:
        self._transaction(self._purge, needs_room=True)
        _running_calls.add(self._call_id)
        self._renewal = threading.Thread(
            target=self._renew_leases, name="sdanalytics lease renewal", daemon=True
        )
        self._renewal.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._database.retire()
        self._renewal.join(1.0)
        self._transaction(self._give_up_claims)
        _running_calls.discard(self._call_id)
        self._database.close()

    def status(self, batch: ReportBatch, now: datetime) -> ClaimStatus:
        """Return the status of a batch; this call claims the reports of it that are orphaned."""
        check = partial(self._check_claims, batch, now)
        return self._transaction(check)

    def claim(self, batch: ReportBatch, now: datetime) -> ClaimStatus:
        """Return the status of a batch, and claim what is unclaimed: to be requested now.

        Raises
        ------
        CacheError
            When the disk is full: the reports could not be stored either.
        """
        check_and_claim = partial(self._claim_unclaimed, batch, now)
        return self._transaction(check_and_claim, needs_room=True, can_wait=True)

    def record(self, batch: ReportBatch, report: ClaimedReport) -> None:
        """Record the report that was created for a batch; the record outlasts a power cut."""
        write_id = partial(self._write_report_id, batch, report)
        self._transaction(write_id, durable=True)

    def release(self, partitions: Iterable[Partition]) -> None:
        """Delete claims: the partitions are stored, or their report will never be ready."""

        def delete(claims: ClaimsTable) -> None:
            for partition in partitions:
                claims.delete(partition, self._call_id)

        self._transaction(delete)

    def owned(self) -> dict[str, list[Partition]]:
        """Return the partitions of the reports that this call has created or resumed, by id."""

        def select(claims: ClaimsTable) -> list[Claim]:
            return claims.created_by(self._call_id)

        reports: dict[str, list[Partition]] = {}
        for claim in self._transaction(select):
            if claim.report_id is not None:
                partitions = reports.setdefault(claim.report_id, [])
                partitions.append(claim.partition)
        return reports

    def count_reports(self) -> int:
        """Count the reports of this version in flight that the registry knows, of all profiles."""
        now = self._clock.now()
        return self._transaction(lambda claims: claims.count_reports(self._source, self._api, now))

    def update(self, fn: Callable[[LimiterState, CountInFlight], T]) -> T:
        """Run a function that may change the rate limiter's state (`LimiterStateStore`)."""
        return self._limiter.update(fn)

    def _transaction(
        self,
        fn: Callable[[ClaimsTable], T],
        *,
        durable: bool = False,
        needs_room: bool = False,
        can_wait: bool = False,
    ) -> T:
        """Run a function on the claims."""

        def run(execute: Execute) -> T:
            return fn(ClaimsTable(execute))

        return self._database.transaction(
            run, durable=durable, needs_room=needs_room, can_wait=can_wait
        )

    def _check_claims(self, batch: ReportBatch, now: datetime, claims: ClaimsTable) -> ClaimStatus:
        resumed: dict[ClaimedReport, list[Partition]] = {}
        superseded: dict[ClaimedReport, list[Partition]] = {}
        unclaimed: list[Partition] = []
        claimed_elsewhere: list[Partition] = []
        for partition in batch.partitions:
            claim = claims.find(partition)
            if claim is None:
                unclaimed.append(partition)
                continue
            if self._is_claimed_elsewhere(claim):
                claimed_elsewhere.append(partition)
                continue
            report = self._resumable_report(claim, batch.columns, now)
            if report is None:
                unclaimed.append(partition)
                if claim.report_id is not None and claim.api == self._api:
                    old = ClaimedReport(claim.columns, claim.report_id, claim.asked_at)
                    superseded.setdefault(old, []).append(partition)
                continue
            claims.write(self._claim_with_report(partition, report))
            resumed.setdefault(report, []).append(partition)
        return ClaimStatus(
            resumable=_freeze(resumed),
            unclaimed=tuple(unclaimed),
            claimed_elsewhere=tuple(claimed_elsewhere),
            superseded=_freeze(superseded),
        )

    def _is_claimed_elsewhere(self, claim: Claim) -> bool:
        if claim.call_id == self._call_id:
            return False
        if claim.call_id in _running_calls and claim.lease.pid == os.getpid():
            return True  # its lease may have ended while the database was locked
        is_created = claim.report_id is not None
        return self._monitor.is_alive(claim.partition, claim.lease, is_created=is_created)

    def _resumable_report(
        self, claim: Claim, columns: Sequence[str], now: datetime
    ) -> ClaimedReport | None:
        """Return the report of an orphaned claim; None when it has no suitable one."""
        report = _to_report(claim)
        if report is None:
            return None
        if not report.can_serve(self._api, columns, now):
            return None
        if not self._is_acceptable(claim.partition, report.asked_at):
            return None
        return ClaimedReport(report.columns, report.report_id, report.asked_at)

    def _claim_unclaimed(
        self, batch: ReportBatch, now: datetime, claims: ClaimsTable
    ) -> ClaimStatus:
        if self._ended.is_set():  # while it waited for the database: its call wants none any more
            return ClaimStatus(claimed_elsewhere=batch.partitions)
        status = self._check_claims(batch, now, claims)
        for partition in status.unclaimed:
            claims.write(self._new_claim(partition, batch.columns, now))
        return status

    def _write_report_id(
        self, batch: ReportBatch, report: ClaimedReport, claims: ClaimsTable
    ) -> None:
        for partition in batch.partitions:
            # The claim may be another call's by now, if the response was very late.
            if claims.is_own(partition, self._call_id):
                claims.write(self._claim_with_report(partition, report))

    def _claim_with_report(self, partition: Partition, report: ClaimedReport) -> Claim:
        claim = self._new_claim(partition, report.columns, report.asked_at)
        return claim._replace(report_id=report.report_id)

    def _new_claim(
        self, partition: Partition, columns: tuple[str, ...], asked_at: datetime
    ) -> Claim:
        lease_end = leases.next_lease_end()
        if self._ended.is_set():  # a late response: its report is for another call to resume
            lease_end = 0.0
        return Claim(
            partition=partition,
            columns=columns,
            report_id=None,
            api=self._api,
            asked_at=asked_at,
            call_id=self._call_id,
            lease=Lease.own(lease_end),
        )

    def _purge(self, claims: ClaimsTable) -> None:
        claims.purge(self._oldest_resumable)

    def _renew_leases(self) -> None:
        while not self._ended.wait(leases.RENEWAL_INTERVAL):
            lease_end = leases.next_lease_end()
            self._transaction(partial(self._renew, lease_end))

    def _renew(self, lease_end: float, claims: ClaimsTable) -> None:
        claims.renew(self._call_id, lease_end)

    def _give_up_claims(self, claims: ClaimsTable) -> None:
        # Reports in flight may be resumed at once. A report that is being created may not: the
        # response, with its id, may still arrive.
        grace_end = time.time() + leases.CREATE_GRACE
        claims.release_all(self._call_id)
        claims.extend_uncreated(self._call_id, grace_end)


@dataclass(frozen=True)
class InFlightReport:
    """A report in flight, as the registry records it.

    Attributes
    ----------
    api, report_id : str
        The version of the reporting API, and its id there.
    columns : tuple of str
    asked_at : datetime.datetime
        UTC; when it was requested.
    """

    api: str
    report_id: str
    columns: tuple[str, ...]
    asked_at: datetime

    def can_serve(self, api: str, columns: Sequence[str], now: datetime) -> bool:
        """Return whether a call that wants these columns of that API can resume the report."""
        has_columns = set(columns) <= set(self.columns)
        is_recent = now - self.asked_at <= MAX_RESUME_AGE
        return api == self.api and has_columns and is_recent


def in_flight_reports(state_dir: Path) -> dict[Partition, InFlightReport]:
    """Return the reports in flight of a store; none when its registry cannot be read."""
    reports: dict[Partition, InFlightReport] = {}
    with contextlib.suppress(CacheError):
        for claim in read_all(state_dir):
            report = _to_report(claim)
            if report is not None:
                reports[claim.partition] = report
    return reports


def read_all(state_dir: Path) -> list[Claim]:
    """Read all claims of a store.

    Raises
    ------
    CacheError
        When the registry exists and cannot be read.
    """
    path = state_dir / DATABASE_FILENAME
    try:
        rows = query_read_only(path, SELECT_ALL_CLAIMS, table=CLAIMS_TABLE)
    except (OSError, sqlite3.Error) as error:
        raise CacheError(
            f"cannot read the in-flight registry {path}: {error}. If it is damaged, delete it: "
            "the reports in flight are then requested again"
        ) from error
    return parse_claims(rows)


def _freeze(reports: Mapping[ClaimedReport, list[Partition]]) -> tuple[ResumableReport, ...]:
    return tuple((report, tuple(partitions)) for report, partitions in reports.items())


def _to_report(claim: Claim) -> InFlightReport | None:
    """Return the report of a claim; None until the service has returned its id."""
    if claim.report_id is None:
        return None
    return InFlightReport(claim.api, claim.report_id, claim.columns, claim.asked_at)
