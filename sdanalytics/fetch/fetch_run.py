"""One run of a fetch: look up the cache, fetch what is missing, assemble the frame."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sdanalytics.api.client import profile_key
from sdanalytics.errors import CacheError, PartialFetchError, ReportTooOld, SDAnalyticsError
from sdanalytics.fetch.arrived_days import select_whole_days
from sdanalytics.fetch.campaign_reader import CampaignReader
from sdanalytics.fetch.failures import combine_failures
from sdanalytics.fetch.frame_origin import FrameOrigin
from sdanalytics.fetch.options import FetchOptions
from sdanalytics.fetch.plan import ReportPlan
from sdanalytics.fetch.refresh_policies import RefreshPolicies
from sdanalytics.fetch.tracker import Countable, FetchTracker
from sdanalytics.fetch.version_engines import VersionEngines
from sdanalytics.fetch.wording import format_count, unique_days
from sdanalytics.model.dtypes import table_to_frame
from sdanalytics.model.partition import Partition
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.model.view_attribution import view_attribution_note
from sdanalytics.store.concat import release_tables
from sdanalytics.store.in_flight import in_flight_reports
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.refused_metrics import MissingDays, find_missing_days, refusal_message
from sdanalytics.store.row_notes import inspect_rows
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

ProgressFactory = Callable[[Countable], contextlib.AbstractContextManager[object]]
"""Begins to show the progress of a fetch."""


class FetchRun:
    """One call of `fetch_report`.

    Parameters
    ----------
    query : ReportQuery
    options : FetchOptions
    profile : Profile
        The client's.
    store : Store

    Raises
    ------
    InvalidRequest
        When a requested day has not begun in the profile's time zone.

    Attributes
    ----------
    warnings : list of str
        What is odd about the data, for the user; also when the fetch fails.
    """

    def __init__(
        self,
        query: ReportQuery,
        options: FetchOptions,
        profile: Profile,
        store: Store,
    ) -> None:
        self.warnings: list[str] = []
        self._query = query
        self._client = options.client
        self._title = f"{query} of profile {profile.profile_id} ({self._client.source})"
        self._limits = options.limits
        self._profile = profile
        self._store = store
        self._deadline = options.deadline
        now = self._client.clock.now()
        self._policies = RefreshPolicies.choose(query, options.refresh, profile, self._client, now)
        query.ensure_not_future(self._policies.today, f"in {profile.timezone}")
        self._partitions = query.partitions(*profile_key(self._client))
        self._cached: dict[Partition, CachedPartition | None] = {}
        self._missing: set[Partition] = set()
        self._damaged: set[Partition] = set()
        self._fetched: set[Partition] = set()
        self._tables: dict[Partition, pa.Table] = {}
        self._campaign_reader = CampaignReader(
            self._client, store.metadata, options.deadline, query
        )
        self._engines = VersionEngines(query, options, store, self._campaign_reader)

    def missing(self) -> list[Partition]:
        """Look up the cache; return the partitions that are missing, stale or lack columns."""
        found = self._store.partitions.lookup_many(self._partitions)
        self._cached = {partition: found.get(partition) for partition in self._partitions}
        satisfies = self._policies.satisfies
        missing = []
        for partition, entry in self._cached.items():
            if not satisfies(entry):
                missing.append(partition)
        return missing

    def plan(self) -> ReportPlan:
        """Return the plan of the fetch, without requesting a report."""
        self.missing()
        in_flight = in_flight_reports(self._store.storage.state_dir)
        steps = []
        to_request = []
        for partition, entry in self._cached.items():
            step = self._policies.plan_partition(partition, entry, in_flight.get(partition))
            steps.append(step)
            if step.action == "request":
                to_request.append(partition)
        reports = 0
        for policy, partitions in self._policies.group(to_request):
            reports += self._engines.count_reports(policy, partitions, self._cached)
        return ReportPlan(self._query, tuple(steps), reports)

    def fetch(self, make_progress: ProgressFactory) -> None:
        """Fetch what is missing into the store, then read everything from it."""
        began = self._client.clock.monotonic()
        missing = self.missing()
        self._missing = set(missing)
        _log_start(self._title, self._query, missing)
        try:
            self._fetch(missing, make_progress)
        except Exception as error:
            logger.info("%s: ended by %s", self._title, type(error).__name__)
            if isinstance(error, PartialFetchError):
                with contextlib.suppress(Exception):  # it must not hide why the fetch failed
                    self._load()
                    self._campaign_reader.update(self._tables, has_fetched=bool(self._fetched))
                self._tables = {}
            self._warn_of_refused({})
            raise
        self._store.partitions.maybe_compact(self._entries())
        seconds = self._client.clock.monotonic() - began
        logger.info("%s: complete after %.1f s", self._title, seconds)

    def load_arrived(self) -> list[date]:
        """Load the whole days that there are after a fetch that failed; return the others."""
        wanted = self._partitions
        found = self._store.partitions.lookup_many(wanted)
        whole = select_whole_days(wanted, found, self._policies)
        self._partitions = [partition for partition in wanted if partition in whole]
        self._fetched = self._missing.intersection(whole)
        self._cached = {partition: found[partition] for partition in self._partitions}
        self._load()
        return unique_days(set(wanted).difference(whole))

    def frame(self) -> pd.DataFrame:
        """Return the frame, with its provenance; call it once only."""
        metadata = self.describe()
        frame = table_to_frame(self.table())
        frame.attrs["sdanalytics"] = metadata | view_attribution_note(frame)
        return frame

    def table(self) -> pa.Table:
        """Return the rows of the frame as a table, after `describe`; call it once only."""
        campaigns = self._campaign_reader.campaigns
        return release_tables(self._tables, self._query.columns, campaigns)

    def describe(self) -> dict[str, Any]:
        """Return the metadata of the frame, and collect the warnings about its rows."""
        self.warnings += self._campaign_reader.assign_tactics(self._tables)
        notes = inspect_rows(self._tables, self._query, self._profile.currency)
        self.warnings += notes.messages()
        missing_days = find_missing_days(self._entries(), self._query.stored_columns)
        self._warn_of_refused(missing_days)
        origin = FrameOrigin(self._query, self._client, self._profile)
        return {
            **origin.describe(self._entries(), self._fetched),
            **self._campaign_reader.campaigns.to_attrs(),
            **notes.to_attrs(),
            "refused_metrics": list(missing_days),
        }

    def _warn_of_refused(self, missing_days: MissingDays) -> None:
        message = refusal_message(self._engines.left_out, missing_days)
        if message:
            self.warnings.append(message)

    def _fetch(self, missing: Sequence[Partition], make_progress: ProgressFactory) -> None:
        self._fetch_partitions(missing, make_progress)
        damaged = self._load()
        if damaged:  # in their pages, since lookups read only the footers
            self._damaged = set(damaged)
            self._fetch_partitions(damaged, make_progress)
            damaged = self._load()
        if damaged:
            raise _unreadable_error(damaged[0], self._store.storage.url)
        self._campaign_reader.update(self._tables, has_fetched=bool(self._fetched))

    def _fetch_partitions(
        self, missing: Sequence[Partition], make_progress: ProgressFactory
    ) -> None:
        """Fetch partitions into the store; those that the service no longer has stay as stored."""
        tracker = FetchTracker(self._partitions, missing)
        failures: dict[Partition, SDAnalyticsError] = {}
        with make_progress(tracker):
            try:
                failures = self._fetch_versions(missing, tracker)
            finally:
                self.warnings += tracker.data_notes.messages()
        fetched = set(missing).difference(failures)
        self._fetched |= fetched
        self._cached |= self._store.partitions.lookup_many(fetched)
        unserved = self._drop_stale_served(missing, failures)
        if unserved:
            policies = self._policies
            raise combine_failures(
                unserved, missing, policies.oldest_available, policies.history_advice
            )

    def _fetch_versions(
        self, missing: Sequence[Partition], tracker: FetchTracker
    ) -> dict[Partition, SDAnalyticsError]:
        """Fetch partitions, each through its version; return what failed, and why.

        Days that the first version turns out not to have any more come through the other one.
        """
        failures: dict[Partition, SDAnalyticsError] = {}
        for policy, partitions in self._policies.group(missing):
            failures |= self._engines.fetch(policy, partitions, self._cached, tracker)
        history = self._policies.history
        too_old = []
        for partition, error in failures.items():
            is_own = self._policies.at(partition.date) is self._policies.main
            if is_own and isinstance(error, ReportTooOld) and partition in missing:
                too_old.append(partition)
        if history is not None and too_old:
            failures = {
                partition: error
                for partition, error in failures.items()
                if partition not in too_old
            }
            failures |= self._engines.fetch(history, too_old, self._cached, tracker)
        return failures

    def _drop_stale_served(
        self, missing: Iterable[Partition], failures: Mapping[Partition, SDAnalyticsError]
    ) -> dict[Partition, SDAnalyticsError]:
        """Return the failures of requested partitions that the cache cannot serve as they are.

        Those of another tactic are left out: reports of version 3 have all.
        """
        unserved = {}
        for partition in missing:
            error = failures.get(partition)
            if isinstance(error, ReportTooOld) and self._can_serve_stale(partition):
                continue
            if error is not None:
                unserved[partition] = error
        return unserved

    def _can_serve_stale(self, partition: Partition) -> bool:
        """Return whether the cache can serve a day that the service no longer has."""
        entry = self._cached[partition]
        if entry is None or partition in self._damaged:
            return False
        return self._policies.covers_columns(entry)

    def _load(self) -> list[Partition]:
        """Read the partitions from the store; return those that cannot be read."""
        query = self._query
        self._tables = self._store.partitions.load_days(
            query, self._partitions, self._entries(), query.columns
        )
        return [partition for partition in self._partitions if partition not in self._tables]

    def _entries(self) -> list[CachedPartition]:
        return [entry for entry in self._cached.values() if entry is not None]


def _log_start(title: str, query: ReportQuery, missing: Sequence[Partition]) -> None:
    total = len(query.days)
    to_fetch = len(unique_days(missing))
    days = format_count(total, "day")
    message = "%s: %s, %d from the cache, %d to fetch"
    logger.info(message, title, days, total - to_fetch, to_fetch)


def _unreadable_error(partition: Partition, url: str) -> CacheError:
    return CacheError(
        f"{partition} was stored just now and cannot be read. Call again if another call has "
        f"removed it; otherwise check the disk of {url}, or choose another folder with cache="
    )
