"""`ManyProfilesRun`: one call for many profiles, each fetched by a run of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sdanalytics._core.hidden_frames import remove_frames
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics._core.scheduler import CallLimits
from sdanalytics._core.side_by_side import call_side_by_side
from sdanalytics.api.client import open_session
from sdanalytics.api.profiles import list_profiles
from sdanalytics.api.transport import timeout_error
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.fetch_run import FetchRun, ProgressFactory
from sdanalytics.fetch.many_failures import combine_profile_failures, combine_warnings
from sdanalytics.fetch.many_frame import (
    ProfileRows,
    build_frame,
    describe_missing,
    describe_profile,
)
from sdanalytics.fetch.many_tracker import ManyTracker
from sdanalytics.fetch.options import MAX_CONCURRENT_REQUESTS, FetchOptions
from sdanalytics.fetch.plan import ReportPlan
from sdanalytics.fetch.profile_choice import Documents, ProfileChoice
from sdanalytics.model.last_days import list_last_days
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.profile_entries import sort_by_profile
from sdanalytics.model.profiles import Profile, find_profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_PROFILES_AT_A_TIME: Final = 64
"""Profiles that are fetched at the same time, at most: each needs a few threads and files."""
MAX_CALLS_AT_A_TIME: Final = 32
"""Requests that all of them send at the same time, at most."""

WorkOnProfile = Callable[[Profile, FetchOptions], None]
"""Works on one profile, with the options for it."""


class ManyProfilesRun:
    """One call of `fetch_report` for many profiles, side by side.

    Parameters
    ----------
    query : ReportQuery
    options : FetchOptions
        Of a client with whose login all can be fetched.
    choice : ProfileChoice
    store : Store
        One for all.

    Attributes
    ----------
    warnings : list of str
        What is odd about the data, for the user; also when the fetch fails.
    """

    def __init__(
        self,
        query: ReportQuery,
        options: FetchOptions,
        choice: ProfileChoice,
        store: Store,
    ) -> None:
        self.warnings: list[str] = []
        self._query = query
        self._options = options
        self._choice = choice
        self._store = store
        self._deadline = options.deadline
        self._source = options.client.source
        self._profiles: dict[str, Profile] = {}
        self._queries: dict[str, ReportQuery] = {}
        self._failures: dict[str, SDAnalyticsError] = {}
        self._rows: dict[str, ProfileRows] = {}

    def fetch(self, make_progress: ProgressFactory) -> None:
        """Fetch what is missing of all profiles into the store, then read everything from it."""
        self._load_profiles()
        tracker = ManyTracker(self._queries)
        warnings: dict[str, list[str]] = {}

        def fetch_one(profile: Profile, options: FetchOptions) -> None:
            query = self._queries[profile.profile_id]
            run = FetchRun(query, options, profile, self._store)
            warnings[profile.profile_id] = run.warnings
            self._fetch_profile(run, profile, tracker)

        with make_progress(tracker):
            try:
                self._work_side_by_side(fetch_one)
            finally:
                self.warnings += combine_warnings(sort_by_profile(warnings))

    def frame(self) -> pd.DataFrame:
        """Return the frame of all profiles, and what is known of each; call it once only.

        Raises
        ------
        PartialFetchError
            With that frame, when a profile could not be fetched whole.
        SDAnalyticsError
            When nothing could be fetched.
        """
        failures = sort_by_profile(self._failures)
        has_arrived = bool(self._rows)
        total = len(self._profiles.keys() | failures.keys())
        if failures and not has_arrived:
            raise combine_profile_failures(failures, total, None)
        others = {}
        for profile_id in failures.keys() - self._rows.keys():
            others[profile_id] = self._describe_failed(profile_id, failures[profile_id])
        frame = build_frame(self._rows.values(), self._query.columns, others)
        if failures:
            raise combine_profile_failures(failures, total, frame)
        return frame

    def _describe_failed(self, profile_id: str, error: SDAnalyticsError) -> dict[str, Any]:
        """Return the entry of a profile without rows, which may not be known."""
        query = self._queries.get(profile_id, self._query)
        profile = self._profiles.get(profile_id)
        entry: dict[str, Any] = {"profile_id": profile_id}
        if profile is not None:
            entry = describe_profile(profile)
        return entry | describe_missing(query.days, error)

    def plan(self) -> ReportPlan:
        """Return the plan of the fetches, without requesting a report."""
        self._load_profiles()
        plans: dict[str, ReportPlan] = {}

        def plan_one(profile: Profile, options: FetchOptions) -> None:
            query = self._queries[profile.profile_id]
            run = FetchRun(query, options, profile, self._store)
            plans[profile.profile_id] = run.plan()

        self._work_side_by_side(plan_one)
        if self._failures and not plans:
            raise combine_profile_failures(self._failures, len(self._failures), None)
        ordered = sort_by_profile(plans)
        return ReportPlan.combine(self._query, ordered.values(), self._failures)

    def _fetch_profile(self, run: FetchRun, profile: Profile, tracker: ManyTracker) -> None:
        """Fetch a profile; when that fails, keep the whole days that have arrived."""
        missing_days: list[date] = []
        failure: SDAnalyticsError | None = None
        try:
            run.fetch(partial(tracker.follow, profile.profile_id))
        except SDAnalyticsError as error:
            failure = error
            missing_days = run.load_arrived()
        if len(missing_days) < len(self._query.days):  # as many as of each profile
            metadata = run.describe()
            # One piece of memory a column, instead of one a day.
            table = run.table().combine_chunks()
            rows = ProfileRows(profile, table, metadata, missing_days, failure)
            self._rows[profile.profile_id] = rows
        if failure is not None:
            raise failure

    def _work_side_by_side(self, work: WorkOnProfile) -> None:
        """Work on all profiles side by side; an error of one is noted, and costs no other."""
        count = len(self._profiles)
        at_a_time = min(count, MAX_PROFILES_AT_A_TIME)
        slots = threading.BoundedSemaphore(MAX_CALLS_AT_A_TIME)
        workers = MAX_CALLS_AT_A_TIME // max(at_a_time, 1)
        limits = CallLimits(min(max(workers, 1), MAX_CONCURRENT_REQUESTS), slots)

        def work_on(profile: Profile) -> None:
            client = self._options.client.for_profile(profile.profile_id)
            options = replace(self._options, client=client, limits=limits, profiles=None)
            try:
                with self._deadline.branch() as deadline:
                    if deadline.remaining <= 0:
                        raise timeout_error(deadline)
                    work(profile, replace(options, deadline=deadline))
            except SDAnalyticsError as error:
                remove_frames(error)
                self._failures[profile.profile_id] = error

        call_side_by_side(work_on, self._profiles.values(), at_a_time, self._deadline)

    def _load_profiles(self) -> None:
        """Load the chosen profiles: from the store, or else from the service's list."""
        chosen = self._choice.ids
        if chosen is not None:
            self._load_side_by_side(chosen, self._find_stored)
        if chosen is not None and len(self._profiles) == len(chosen):
            return
        documents = self._list_profiles()

        def find(profile_id: str) -> Profile:
            return self._find_stored(profile_id) or self._store_listed(profile_id, documents)

        self._load_side_by_side(self._choice.select(documents), find)

    def _load_side_by_side(self, ids: Iterable[int], find: Callable[[str], Profile | None]) -> None:
        """Load the profiles that are not loaded yet, if they are found."""

        def load(profile_id: str) -> None:
            try:
                profile = self._profiles.get(profile_id) or find(profile_id)
            except SDAnalyticsError as error:
                self._failures[profile_id] = error
                return
            if profile is not None:
                self._failures.pop(profile_id, None)  # of an earlier attempt
                self._queries[profile_id] = self._query_for(profile)
                self._profiles[profile_id] = profile

        call_side_by_side(load, map(str, ids), MAX_CALLS_AT_A_TIME, self._deadline)

    def _query_for(self, profile: Profile) -> ReportQuery:
        """Return the query of a profile: of last days, those where it is."""
        last_days = self._options.last_days
        if last_days is None:
            return self._query
        now = self._deadline.clock.now()
        start, end = list_last_days(last_days, profile.today(now))
        return replace(self._query, start=start, end=end)

    def _find_stored(self, profile_id: str) -> Profile | None:
        key = ProfileKey(self._source, profile_id)
        return self._store.metadata.profile(key)

    def _list_profiles(self) -> Documents:
        session = open_session(self._options.client, self._deadline)
        documents = run_interruptible(lambda: list_profiles(session), self._deadline)
        if documents is None:
            raise timeout_error(self._deadline)
        return documents

    def _store_listed(self, profile_id: str, documents: Documents) -> Profile:
        profile = find_profile(documents, profile_id)
        self._store.metadata.store_profile(self._source, profile)
        return profile
