"""The frames of a report, by profile: fetched side by side, and what could not be fetched."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.maturity import maturity
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.api.client import Client
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.errors import InvalidRequest, PartialFetchError, ReportTooOld, SDAnalyticsError
from sdanalytics.fetch.entry_points import fetch_report, submit_report
from sdanalytics.fetch.job import SHUTDOWN_GRACE, ReportJob
from sdanalytics.fetch.profile_choice import ProfilesLike
from sdanalytics.model.literals import RecordType
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.profile_entries import PROFILES
from sdanalytics.model.profiles import Profile
from sdanalytics.store.cache import ReportCache, internal_store

logger = logging.getLogger("sdanalytics")

_CAMPAIGNS: Final[RecordType] = "campaigns"
_OTHER_TYPES: Final[tuple[RecordType, ...]] = ("targets", "asins")
_SELLERS_ONLY: Final = "asins"
_VENDOR: Final = "vendor"
_CURVE_TYPES: Final[tuple[RecordType, ...]] = ("campaigns", "targets")


@dataclass
class AccountFrames:
    """Frames of a profile, and what else there is of it.

    Attributes
    ----------
    profile_id : str
    profile : Profile or None
        None if it could not be looked up.
    frames : dict of str to pandas.DataFrame
        By record type, those that have rows.
    curves : dict of str to pandas.DataFrame
        By record type, where the store has enough days to learn from.
    coverage : pandas.DataFrame
        Of the days to read.
    failures : dict of str to SDAnalyticsError
        By record type, why days could not be fetched.
    too_old : dict of str to SDAnalyticsError
        The same where the only reason is that the service no longer has them.
    """

    profile_id: str
    profile: Profile | None = None
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: dict[str, SDAnalyticsError] = field(default_factory=dict)
    too_old: dict[str, SDAnalyticsError] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the account; the profile's number where it has none."""
        name = "" if self.profile is None else self.profile.account_name
        return name or f"Profile {self.profile_id}"

    def lacks_report(self, record_type: str) -> bool:
        """Return whether the service has no such report for the profile."""
        is_vendor = self.profile is not None and self.profile.account_type == _VENDOR
        return is_vendor and record_type == _SELLERS_ONLY

    @property
    def currency(self) -> str:
        """The code of the currency; empty if it is not known."""
        return "" if self.profile is None else self.profile.currency


class FetchedFrame(NamedTuple):
    """How the fetch of a report ended.

    Attributes
    ----------
    profile_ids : set of str
        Those of the call; empty where they could not be listed.
    failures : dict of str to SDAnalyticsError
        By profile id.
    common : SDAnalyticsError or None
        Why nothing could be fetched of any profile.
    """

    profile_ids: set[str]
    failures: dict[str, SDAnalyticsError]
    common: SDAnalyticsError | None = None


class FetchedReports(NamedTuple):
    """The reports of a call, which are in the store.

    Attributes
    ----------
    profile_ids : list of str
        Of all profiles, fetched or not, by number.
    outcomes : dict of str to FetchedFrame
        By record type.
    """

    profile_ids: list[str]
    outcomes: Mapping[RecordType, FetchedFrame]


def fetch_reports(
    client: Client, profiles: ProfilesLike | None, span: ReportSpan, store: ReportCache
) -> FetchedReports:
    """Fetch the reports of profiles side by side into the store.

    Raises
    ------
    InvalidRequest, NotConfigured
        For invalid profiles, before any request.
    SDAnalyticsError
        When nothing could be fetched of several profiles.
    """
    outcomes = _fetch_side_by_side(client, profiles, span, store)
    profile_ids: set[str] = set()
    for outcome in outcomes.values():
        profile_ids |= outcome.profile_ids
    error = outcomes[_CAMPAIGNS].common
    if error is not None and not profile_ids:
        raise error
    return FetchedReports(sorted(profile_ids, key=int), outcomes)


def _fetch_side_by_side(
    client: Client, profiles: ProfilesLike | None, span: ReportSpan, store: ReportCache
) -> dict[RecordType, FetchedFrame]:
    """Fetch all reports at the same time; the one that takes longest has the progress bar."""
    jobs: dict[RecordType, ReportJob] = {}
    outcomes: dict[RecordType, FetchedFrame] = {}
    try:
        for record_type in _OTHER_TYPES:
            jobs[record_type] = submit_report(
                record_type,
                span.first_day_to_fetch(record_type),
                span.period.last,
                profiles=profiles,
                client=client,
                cache=store,
            )
        fetch_campaigns = partial(
            fetch_report,
            _CAMPAIGNS,
            span.first_day_to_fetch(_CAMPAIGNS),
            span.period.last,
            profiles=profiles,
            client=client,
            cache=store,
        )
        outcomes[_CAMPAIGNS] = _await_outcome(client, profiles, fetch_campaigns)
        for record_type, job in jobs.items():
            outcomes[record_type] = _await_outcome(client, profiles, job.result)
    except BaseException:  # Ctrl-C, above all: the results are no longer wanted
        _detach(jobs.values())
        raise
    return outcomes


def _await_outcome(
    client: Client, profiles: ProfilesLike | None, wait: Callable[[], pd.DataFrame]
) -> FetchedFrame:
    """Wait for a report; its rows are read from the store later, profile by profile."""
    common: SDAnalyticsError | None = None
    failures: dict[str, SDAnalyticsError] = {}
    listed: dict[str, Any] = {}
    try:
        listed = _list_profiles(wait())
    except SDAnalyticsError as error:
        frame = getattr(error, "frame", None)
        if isinstance(error, PartialFetchError) and frame is not None:
            failures = error.failures
            listed = _list_profiles(frame)
        else:
            logger.info("report: %s", error)
            common = error
    if profiles is None:
        return FetchedFrame({str(client.profile_id)}, {}, common)
    return FetchedFrame({*listed, *failures}, failures, common)


def _list_profiles(df: pd.DataFrame) -> dict[str, Any]:
    """Return the facts of the profiles of a frame by their ids; none of a frame of one profile."""
    profiles: dict[str, Any] = frame_metadata(df).get(PROFILES) or {}
    return profiles


def _detach(jobs: Iterable[ReportJob]) -> None:
    """End jobs whose results nobody waits for; their reports are left to the next call."""
    running = list(jobs)
    for job in running:
        job.detach()
    for job in running:
        job.wait(SHUTDOWN_GRACE)


def read_account(
    client: Client, fetched: FetchedReports, span: ReportSpan, store: ReportCache
) -> AccountFrames:
    """Return what the store has of a profile, and what could not be fetched."""
    profile_id = str(client.profile_id)
    key = ProfileKey(client.source, profile_id)
    profile = internal_store(store).metadata.profile(key)
    account = AccountFrames(profile_id, profile)
    for record_type, outcome in fetched.outcomes.items():
        error = outcome.failures.get(profile_id, outcome.common)
        if error is not None and not account.lacks_report(record_type):
            reasons = account.too_old if _is_too_old(error) else account.failures
            reasons[record_type] = error
        df = _read_stored(client, record_type, span, store)
        if len(df):
            account.frames[record_type] = df
    account.curves = _estimate_curves(account, client, store)
    record_types = [name for name in fetched.outcomes if not account.lacks_report(name)]
    account.coverage = _list_coverage(client, record_types, span, store)
    return account


def _is_too_old(error: SDAnalyticsError) -> bool:
    """Return whether all that failed is of days that the service no longer has."""
    if not isinstance(error, PartialFetchError):
        return isinstance(error, ReportTooOld)
    return all(map(_is_too_old, error.failures.values()))


def _list_coverage(
    client: Client, record_types: Iterable[RecordType], span: ReportSpan, store: ReportCache
) -> pd.DataFrame:
    """Return the states of the days that were to be read."""
    parts = []
    for record_type in record_types:
        part = store.coverage(
            record_type,
            span.first_day(record_type),
            span.period.last,
            profile_id=client.profile_id,
            source=client.source,
            now=client.clock.now(),
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _read_stored(
    client: Client, record_type: RecordType, span: ReportSpan, store: ReportCache
) -> pd.DataFrame:
    """Return the stored days of a report; no rows if the store has nothing of the profile."""
    try:
        return store.read(
            record_type,
            span.first_day(record_type),
            span.period.last,
            profile_id=client.profile_id,
            source=client.source,
        )
    except InvalidRequest:
        return pd.DataFrame()


def _estimate_curves(
    account: AccountFrames, client: Client, store: ReportCache
) -> dict[str, pd.DataFrame]:
    """Return the curves of the reports that the store has enough days of."""
    curves: dict[str, pd.DataFrame] = {}
    for record_type in _CURVE_TYPES:
        if record_type not in account.frames:
            continue
        try:
            with collect_warnings():  # the same are collected of the frames
                curves[record_type] = maturity(
                    store,
                    record_type=record_type,
                    profile_id=client.profile_id,
                    source=client.source,
                )
        except SDAnalyticsError as error:
            logger.info("report: no curve of %s: %s", record_type, error)
    return curves
