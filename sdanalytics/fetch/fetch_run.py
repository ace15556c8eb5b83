"""One call: what it needs, what the store has of it, and what is still to be fetched."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import LimiterStateStore
from sdanalytics._core.scheduler import Scheduler
from sdanalytics.api.client import Client, open_session, profile_key
from sdanalytics.api.profiles import list_profiles
from sdanalytics.api.transport import timeout_error
from sdanalytics.errors import (
    CacheError,
    InvalidRequest,
    PartialFetchError,
    ReportTooOld,
    SDAnalyticsError,
)
from sdanalytics.fetch.engine import ReportEngine, StatusCallback
from sdanalytics.fetch.plan import PlannedPartition, ReportPlan
from sdanalytics.fetch.progress import Progress
from sdanalytics.fetch.protocols import PROTOCOLS, AnyProtocol
from sdanalytics.model.metrics import available_metrics, sort_by_catalogue
from sdanalytics.model.partition import Partition
from sdanalytics.model.profile import Profile, find_profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.cache import internal_store, open_cache
from sdanalytics.store.concat import tables_to_frame
from sdanalytics.store.freshness import FreshnessPolicy, restatement_horizons
from sdanalytics.store.in_flight import InFlightRegistry, InFlightReport, in_flight_reports
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

ColumnsByPartition = Mapping[Partition, Sequence[str]]
ProgressFactory = Callable[[int, int], Progress]
"""Makes what shows the progress of so many reports, of which the store had so many."""


class FetchRun:
    """One call of `fetch_report`.

    Parameters
    ----------
    query : ReportQuery
    client : Client
    profile : Profile
        The client's.
    store : Store
    refresh : {"auto", "never", "always"}
    limit : Limit

    Raises
    ------
    InvalidRequest
        When a day is asked for that has not begun where the profile is.
    """

    def __init__(
        self,
        query: ReportQuery,
        client: Client,
        profile: Profile,
        store: Store,
        refresh: str,
        deadline: Deadline,
    ) -> None:
        self._query = query
        self._client = client
        self._store = store
        self._refresh = refresh
        self._deadline = deadline
        self._profile = profile
        self._now = client.clock.now()
        today = self._now.astimezone(self._profile.zone).date()
        query.ensure_not_future(today, f"in {self._profile.timezone}")
        self._partitions = query.partitions(*profile_key(client))
        self._version = PROTOCOLS[client.api]
        self._freshness = FreshnessPolicy(self._now, profile.zone, self._version.history_days)
        self._oldest = today - timedelta(self._version.history_days)
        self._held: dict[Partition, CachedPartition | None] = {}
        self._damaged: set[Partition] = set()
        self._fetched: set[Partition] = set()
        self._tables: dict[Partition, pa.Table] = {}

    def missing(self) -> list[Partition]:
        """What the store lacks, or has too old or too narrow: what fetching would ask for."""
        there = self._store.partitions.lookup_many(self._partitions)
        self._held = {partition: there.get(partition) for partition in self._partitions}
        return [partition for partition, entry in self._held.items() if not self._will_do(entry)]

    def plan(self) -> ReportPlan:
        """What fetching would do, without doing it."""
        missing = set(self.missing())
        built = in_flight_reports(self._store.storage.state_dir)
        steps = [
            self._step(partition, partition in missing, built.get(partition))
            for partition in self._partitions
        ]
        asked = self._needs(step.partition for step in steps if step.action == "create")
        return ReportPlan(self._query, tuple(steps), len(self._dialect().batch(asked)))

    def fetch(self, meter: ProgressFactory) -> None:
        """Bring into the store what is missing, then read all from it."""
        began = self._client.clock.monotonic()
        missing = self.missing()
        total, asked = len(self._partitions), len(missing)
        words = "%s of profile %s (%s): %d reports, %d from the store, %d to fetch"
        whose = self._client.profile_id, self._client.source
        logger.info(words, self._query, *whose, total, total - asked, asked)
        try:
            self._fetch(missing, meter)
        except Exception as error:
            logger.info("%s: ended by %s", self._query, type(error).__name__)
            raise
        self._store.partitions.maybe_compact(entry for entry in self._held.values() if entry)
        seconds = self._client.clock.monotonic() - began
        logger.info("%s: all there after %.1f s", self._query, seconds)

    def _fetch(self, missing: Sequence[Partition], meter: ProgressFactory) -> None:
        self._bring(missing, meter)
        damaged = self._load()
        if damaged:  # in their pages: looking them up read the footers alone
            self._damaged = set(damaged)
            self._bring(damaged, meter)
            damaged = self._load()
        if damaged:
            raise CacheError(
                f"what was just stored of {damaged[0]} cannot be read: check the disk of "
                f"{self._store.storage.url}, or choose another place with cache="
            )

    def frame(self) -> pd.DataFrame:
        """The answer, with where it came from; it can be had once."""
        frame = tables_to_frame(self._tables, self._query.columns)
        frame.attrs["sdanalytics"] = self._provenance()
        return frame

    def _will_do(self, entry: CachedPartition | None) -> bool:
        """Whether what is stored answers the call as it is."""
        if entry is None or not self._is_wide(entry) or self._refresh == "always":
            return False
        return self._refresh == "never" or self._is_good(entry.partition, entry.fetched_at)

    def _is_good(self, partition: Partition, moment: datetime) -> bool:
        """Whether a slice as it was then can be no other by now."""
        return self._freshness.is_fresh(partition.date, moment)

    def _is_wanted(self, partition: Partition, asked_at: datetime) -> bool:
        """Whether a report that was asked for then will do, once it is there."""
        if self._refresh == "always":  # what may still be being built; not what was forgotten
            return asked_at >= self._now - timedelta(seconds=self._version.timeout)
        return self._refresh == "never" or self._is_good(partition, asked_at)

    def _step(
        self, partition: Partition, is_missing: bool, built: InFlightReport | None
    ) -> PlannedPartition:
        """What fetching would do about a slice, and why."""
        entry = self._held[partition]
        if not is_missing:
            return PlannedPartition(partition, "store", "good")
        if built is not None and self._would_take_up(partition, built):
            return PlannedPartition(
                partition, "being built", f"asked for at {built.asked_at:%Y-%m-%d %H:%M} UTC"
            )
        if partition.date < self._oldest:
            if entry is not None and self._is_wide(entry):
                return PlannedPartition(partition, "store", "the service no longer has it")
            return PlannedPartition(
                partition, "gone", f"older than {self._version.history_days} days"
            )
        return PlannedPartition(partition, "create", self._why(entry))

    def _would_take_up(self, partition: Partition, built: InFlightReport) -> bool:
        entry = self._held[partition]
        has_come = entry is not None and entry.report_id == built.report_id
        fits = built.can_serve(self._version.name, self._to_ask(entry), self._now)
        return fits and not has_come and self._is_wanted(partition, built.asked_at)

    def _why(self, entry: CachedPartition | None) -> str:
        """Why what is stored of a slice will not do."""
        if entry is None:
            return "not stored"
        if not self._is_wide(entry):
            lacking = [name for name in self._query.columns if name not in entry.columns]
            return f"stored without {', '.join(lacking)}"
        is_good = self._is_good(entry.partition, entry.fetched_at)
        return "refresh='always'" if is_good else "may have been restated"

    def _is_wide(self, entry: CachedPartition) -> bool:
        """Whether it has all columns of the call."""
        return entry.has_columns(self._query.columns)

    def _has(self, partition: Partition) -> bool:
        """Whether the store can answer for a slice that the service no longer has."""
        entry = self._held[partition]
        return entry is not None and self._is_wide(entry) and partition not in self._damaged

    def _to_ask(self, entry: CachedPartition | None) -> tuple[str, ...]:
        """The columns to ask for: what is stored is replaced, so all that it has, too.

        Those that only the other version of the API has are left where they are.
        """
        query = self._query
        has = available_metrics(query.record_type, query.segment, self._version.name)
        stored = [name for name in entry.columns if name in has] if entry else []
        return sort_by_catalogue([*query.columns, *stored])

    def _needs(self, partitions: Iterable[Partition]) -> ColumnsByPartition:
        return {partition: self._to_ask(self._held[partition]) for partition in partitions}

    def _dialect(self, memory: LimiterStateStore | None = None) -> AnyProtocol:
        """The version of the API that the client speaks, for this call."""
        metadata = self._store.metadata
        return self._version(self._client, self._deadline, metadata, self._oldest, memory)

    def _bring(self, needed: Sequence[Partition], meter: ProgressFactory) -> None:
        """Fetch slices into the store; what the service no longer has stays as it is stored."""
        needs = self._needs(needed)
        total = len(self._partitions)
        with meter(total, total - len(needs)) as bar:
            failures = self._run(needs, bar.watch) if needs else {}
        arrived = set(needs) - set(failures)
        self._fetched |= arrived
        self._held |= self._store.partitions.lookup_many(arrived)
        missing = {p: e for p, e in failures.items() if not (_is_gone(e) and self._has(p))}
        if missing:
            raise _failure(missing, len(needs))

    def _run(
        self, needs: ColumnsByPartition, watch: StatusCallback
    ) -> dict[Partition, SDAnalyticsError]:
        """Have the flow fetch them; what failed, and why."""
        self._store.partitions.check_writable()  # else reports would be asked for in vain
        facts = (self._version.name, profile_key(self._client), self._now, self._is_wanted)
        with InFlightRegistry(self._store.storage.state_dir, *facts) as ledger:
            # Calls that keep nothing share no store: the client's own pace is what they share.
            memory = None if self._store.is_temporary else ledger
            store = self._store.partitions
            flow = ReportEngine(self._dialect(memory), store, ledger, self._deadline, watch)
            return flow.run(needs, self._held, self._to_ask)

    def _load(self) -> list[Partition]:
        """Read the slices from the store; those that it cannot read."""
        store = self._store.partitions
        loaded = store.load_many(filter(None, self._held.values()), self._query.columns)
        self._tables = loaded | store.load_unknown_tactic(self._query, self._partitions)
        return [partition for partition in self._partitions if partition not in loaded]

    def _provenance(self) -> dict[str, str | int | list[str] | None]:
        entries = [entry for entry in self._held.values() if entry]
        stored = [(entry.partition.date, entry.fetched_at) for entry in entries]
        fetched = {partition.date for partition in self._fetched}
        return {
            "record_type": self._query.record_type,
            "segment": self._query.segment,
            "tactics": list(self._query.tactics),
            "start": self._query.start.isoformat(),
            "end": self._query.end.isoformat(),
            "profile_id": self._profile.profile_id,
            "source": self._client.source,
            "country": self._profile.country,
            "currency": self._profile.currency,
            "timezone": self._profile.timezone,
            "api": self._client.api,
            "days_fetched": len(fetched),
            "days_from_cache": len(set(self._query.days) - fetched),
            "oldest_fetched_at": min(e.fetched_at.isoformat() for e in entries),
            **restatement_horizons(stored, self._profile.zone),
        }


@contextlib.contextmanager
def open_run(
    query: ReportQuery, client: Client, cache: object, refresh: str, deadline: Deadline
) -> Iterator[FetchRun]:
    """A call, with the store that `cache` means and the facts of the client's profile."""
    with open_cache(cache) as opened:
        store = internal_store(opened)
        yield FetchRun(
            query, client, load_profile(store, client, deadline), store, refresh, deadline
        )


def validate_client(client: object) -> None:
    """Raise `InvalidRequest` for what is neither a client nor None."""
    if not isinstance(client, Client | None):
        raise InvalidRequest(f"client={client!r} is no Client; Client.from_env() makes one")


def _is_gone(error: SDAnalyticsError) -> bool:
    """Whether the service no longer has the day: then what is stored is the last word."""
    return isinstance(error, ReportTooOld)


def load_profile(store: Store, client: Client, deadline: Deadline) -> Profile:
    """The facts of the client's profile: from the store, once they have been asked for."""
    key = profile_key(client)
    profile = store.metadata.profile(key)
    if profile is None:
        session = open_session(client, deadline)
        documents = Scheduler.perform(lambda: list_profiles(session), deadline)
        if documents is None:
            raise timeout_error(deadline)
        profile = find_profile(documents, key.profile_id)
        store.metadata.store_profile(key.source, profile)
    return profile


def _failure(missing: Mapping[Partition, SDAnalyticsError], asked: int) -> SDAnalyticsError:
    """One error for all that failed: their own, when nothing arrived and they are alike."""
    first, *others = missing.values()
    if len(missing) == asked and all(type(error) is type(first) for error in others):
        if others:
            first.add_note(f"All {asked} reports of the call failed so: {_days(missing)}.")
        if isinstance(first, ReportTooOld):
            first.add_note(_what_there_is(missing))
        return first
    told = "; ".join(_by_reason(missing))
    gone = [partition for partition, error in missing.items() if isinstance(error, ReportTooOld)]
    advice = _what_there_is(gone) if len(gone) == len(missing) else "Call again for what is missing"
    return PartialFetchError(
        f"{len(missing)} of {asked} reports failed, the others are stored. {told}. {advice}",
        failures=missing,
    )


def _by_reason(missing: Mapping[Partition, SDAnalyticsError]) -> Iterator[str]:
    """Each kind of failure once: how many, which days, and what one of them says."""
    kinds: dict[type[SDAnalyticsError], list[Partition]] = {}
    for partition in sorted(missing):
        kinds.setdefault(type(missing[partition]), []).append(partition)
    for kind, partitions in kinds.items():
        reason = str(missing[partitions[-1]]).rstrip(".")
        yield f"{len(partitions)} {kind.__name__} ({_days(partitions)}): {reason}"


def _days(partitions: Iterable[Partition]) -> str:
    days = sorted({partition.date for partition in partitions})
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _what_there_is(gone: Iterable[Partition]) -> str:
    first = max(partition.date for partition in gone) + timedelta(days=1)
    return (
        f"The service has reports from {first} on: start there. "
        "ReportCache.read gives what is stored of earlier days"
    )
