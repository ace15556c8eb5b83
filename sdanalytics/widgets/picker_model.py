"""The picker without widgets: from a selection to a query, a plan, a job and code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

import pandas as pd

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics.api.client import Client, default_client, open_session
from sdanalytics.api.profiles import list_profiles
from sdanalytics.errors import InvalidRequest, SDAnalyticsError
from sdanalytics.fetch.entry_points import plan_report, submit_report
from sdanalytics.fetch.job import ReportJob
from sdanalytics.fetch.options import validate_client
from sdanalytics.fetch.plan import ReportPlan
from sdanalytics.fetch.protocols import count_history_days
from sdanalytics.model.last_days import list_last_days
from sdanalytics.model.metrics import default_metrics
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.cache import CacheLike, validate_cache
from sdanalytics.widgets.code_generation import (
    cache_expression,
    client_expression,
    fetch_report_code,
)
from sdanalytics.widgets.final_numbers import load_curve
from sdanalytics.widgets.messages import NO_COMPARISON_TEXT, availability_text, days_text
from sdanalytics.widgets.selection_problems import (
    find_age_problem,
    find_first_available,
    find_report_problem,
    list_unavailable_days,
)
from sdanalytics.widgets.shown_report import find_period_before
from sdanalytics.widgets.view_code import ViewCode, include_period_before

MAX_SELECTED_DAYS: Final = 366
"""Days of a selection."""
PROFILES_TIMEOUT: Final = 5.0
"""Seconds to list the profiles; after that the picker opens without them."""


@dataclass(frozen=True)
class PickerSelection:
    """The values of the menus, which need not be valid together.

    Attributes
    ----------
    profile_id, record_type : str
    tactic, segment : str or None
        None: both tactics, no segment.
    start, end : datetime.date or None
        Inclusive; None while a day is being typed.
    metrics : tuple of str
    last_days : int or None
        The number of days before today that were chosen by that number.
    """

    profile_id: str
    record_type: str
    tactic: str | None
    segment: str | None
    start: date | None
    end: date | None
    metrics: tuple[str, ...]
    last_days: int | None = None


@dataclass(frozen=True)
class SelectionState:
    """Availability of a selection, known before it is fetched.

    Attributes
    ----------
    availability : str
        The number of days, and where they would be read from.
    problem : str
        Why it cannot be fetched, or nothing.
    comparison_problem : str
        Why the period before cannot be compared, or nothing.
    """

    availability: str
    problem: str
    comparison_problem: str


class PickerModel:
    """The profiles of a login, and the actions on a selection.

    Parameters
    ----------
    client : Client or None
        None: that of the environment or the config file, as in `fetch_report`.
    cache : ReportCache, path, None or False
        As in `fetch_report`.

    Attributes
    ----------
    api : {"v2", "v3"}
        The version of the reporting API.
    profile_options : list of tuple of str
        Title and id of the profiles to choose from.
    default_profile_id : str
    notice : str
        A problem with the profiles to show to the user, or nothing.

    Raises
    ------
    NotConfigured
        Without a client, and without an account in the environment or the config file.
    """

    def __init__(self, client: Client | None, cache: CacheLike) -> None:
        validate_client(client)
        validate_cache(cache)
        self._is_client_given = client is not None
        self._client = client or default_client()
        self._cache = cache
        self.api = self._client.api
        self._profiles, self.notice = _load_profiles(self._client)
        own_id = str(self._client.profile_id or "")
        unlisted = own_id or "none is known"
        self.profile_options = _profile_options(self._profiles) or [(unlisted, own_id)]
        self.default_profile_id = own_id
        if self._profiles and own_id not in self._profiles:
            self.default_profile_id = next(iter(self._profiles))
        if self._profiles and own_id and own_id not in self._profiles:
            self.notice = (
                f"profile {own_id} is not among those of this login: the first one is selected"
            )

    def today(self, profile_id: str) -> date:
        """Return the date where the profile is."""
        return self._profile(profile_id).today(self._client.clock.now())

    def build_query(self, selection: PickerSelection) -> ReportQuery:
        """Return the query of a selection.

        Raises
        ------
        InvalidRequest
            When it is invalid: no metric, the last day before the first or in the future.
        """
        if not selection.metrics:
            raise InvalidRequest("no metric is selected: select one, or choose a preset")
        start, end = _validate_range(selection.start, selection.end)
        query = ReportQuery.parse(
            selection.record_type,
            start,
            end,
            metrics=selection.metrics,
            tactic=selection.tactic,
            segment=selection.segment,
            api=self.api,
        )
        today = self.today(selection.profile_id)
        timezone = self._profile(selection.profile_id).timezone
        query.ensure_not_future(today, f"in {timezone}")
        return query

    def inspect(self, selection: PickerSelection) -> SelectionState:
        """Return where the selected days would be read from, and whether they can be had.

        Raises
        ------
        InvalidRequest
            As `build_query`.
        """
        query = self.build_query(selection)
        profile = self._profile(selection.profile_id)
        first_available = self._first_available(selection)
        before = find_period_before(query.start, query.end)
        lacks_before = before.first < first_available
        unavailable = list_unavailable_days(query.days, first_available)
        can_plan = self._cache is not False and selection.profile_id in self._profiles
        if can_plan:
            plan = plan_report(**self._call_arguments(query, selection))
            text = availability_text(plan)
            unavailable = plan.unavailable
            lacks_before = lacks_before and bool(self._plan_both(query, selection).unavailable)
        elif self._cache is False:
            text = "nothing is stored (cache=False)"
        else:
            # Planning would request the profile from the service, which has just not responded.
            text = "the profile is unknown, so the cache is not searched"
        report_problem = find_report_problem(selection.record_type, profile)
        return SelectionState(
            availability=f"{days_text(query)} ({profile.timezone}); {text}",
            problem=report_problem or find_age_problem(unavailable, first_available),
            comparison_problem=NO_COMPARISON_TEXT if lacks_before else "",
        )

    def submit(self, selection: PickerSelection) -> ReportJob:
        """Start to fetch a selection in the background.

        Raises
        ------
        InvalidRequest
            As `build_query`, and when the selection cannot be had.
        """
        problem = self.inspect(selection).problem
        if problem:
            raise InvalidRequest(problem)
        query = self.build_query(selection)
        return submit_report(**self._call_arguments(query, selection))

    def submit_both(self, selection: PickerSelection) -> ReportJob:
        """Start to fetch a selection together with the period before it."""
        query = include_period_before(self.build_query(selection))
        return submit_report(**self._call_arguments(query, selection))

    def find_curve(self, data: pd.DataFrame) -> pd.DataFrame | None:
        """Return the curve of the cache for a frame that was fetched, or None."""
        return load_curve(self._cache, data)

    def generate_code(self, selection: PickerSelection, view: ViewCode | None = None) -> str:
        """Return Python that gives the frame of a selection, and what is shown of it."""
        client = client_expression(
            self._client, selection.profile_id, is_given=self._is_client_given
        )
        query = self.build_query(selection)
        cache = cache_expression(self._cache)
        is_compared = view is not None and view.is_compared
        last_days = None
        if not is_compared:
            last_days = self._last_days(selection)
        code = fetch_report_code(query, self.api, client, cache, last_days)
        lines = ["import sdanalytics as sda", code]
        if view is not None:
            both = None
            if is_compared:
                both_query = include_period_before(query)
                both = fetch_report_code(both_query, self.api, client, cache, name="both")
            lines += view.list_lines(query, both)
        return "\n".join(lines)

    def _first_available(self, selection: PickerSelection) -> date:
        history_days = count_history_days(self._client, selection.record_type)
        return find_first_available(self.today(selection.profile_id), history_days)

    def _plan_both(self, query: ReportQuery, selection: PickerSelection) -> ReportPlan:
        both = include_period_before(query)
        return plan_report(**self._call_arguments(both, selection))

    def _last_days(self, selection: PickerSelection) -> int | None:
        """Return the number of last days that was chosen, if the service has so many.

        Where another profile was chosen since, it may be another day.
        """
        days = selection.last_days
        if days is None or days > count_history_days(self._client, selection.record_type):
            return None
        chosen = selection.start, selection.end
        last_days = list_last_days(days, self.today(selection.profile_id))
        if chosen == last_days:
            return days
        return None

    def _call_arguments(self, query: ReportQuery, selection: PickerSelection) -> dict[str, Any]:
        """Return the arguments that `plan_report` and `submit_report` share."""
        default = default_metrics(query.record_type, query.segment, self.api)
        return {
            "record_type": query.record_type,
            "start": query.start,
            "end": query.end,
            "metrics": None if query.metrics == default else query.metrics,
            "tactic": query.tactics,
            "segment": query.segment,
            "client": self._client.for_profile(selection.profile_id),
            "cache": self._cache,
        }

    def _profile(self, profile_id: str) -> Profile:
        """Return a profile; days are UTC's for one that could not be listed."""
        profile = self._profiles.get(profile_id)
        if profile is not None:
            return profile
        return Profile(
            profile_id=profile_id,
            country="",
            currency="",
            timezone="UTC",
            account_type="",
            account_name="",
        )


def _load_profiles(client: Client) -> tuple[dict[str, Profile], str]:
    """Return the profiles of the login by id, and the last problem with them, if any."""
    deadline = Deadline(client.clock, PROFILES_TIMEOUT)
    try:
        list_all = partial(list_profiles, open_session(client, deadline))
        documents = run_interruptible(list_all, deadline)
    except SDAnalyticsError as error:
        return {}, f"the profiles cannot be listed: {error}"
    if documents is None:
        return {}, f"the profiles cannot be listed: no answer within {PROFILES_TIMEOUT:.0f} seconds"
    profiles = {}
    problem = ""
    for document in documents:
        try:
            profile = Profile.from_api(document)
        except SDAnalyticsError as error:
            problem = str(error)
        else:
            profiles[profile.profile_id] = profile
    return profiles, problem


def _validate_range(start: date | None, end: date | None) -> tuple[date, date]:
    """Return the days if they are a range: a date field has odd years while one is typed."""
    if start is None:
        raise InvalidRequest("choose the first day")
    if end is None:
        raise InvalidRequest("choose the last day")
    count = (end - start).days + 1
    if count > MAX_SELECTED_DAYS:
        raise InvalidRequest(
            f"{start} to {end} are {count:,} days; choose up to {MAX_SELECTED_DAYS}, or call "
            "fetch_report for more"
        )
    return start, end


def _profile_options(profiles: dict[str, Profile]) -> list[tuple[str, str]]:
    """Return a title and the id of each profile."""
    options = []
    for profile_id, profile in profiles.items():
        title = f"{profile.account_name} · {profile.country} · {profile_id}"
        options.append((title, profile_id))
    return options
