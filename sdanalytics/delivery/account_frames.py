"""The frames of a report, by profile: fetched side by side, and what could not be fetched."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.maturity import maturity
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.api.client import Client
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.entry_points import submit_report
from sdanalytics.fetch.job import SHUTDOWN_GRACE, ReportJob
from sdanalytics.model.literals import RecordType
from sdanalytics.store.cache import ReportCache

logger = logging.getLogger("sdanalytics")

REPORTED_TYPES: Final[tuple[RecordType, ...]] = ("campaigns", "targets", "asins")
_CURVE_TYPES: Final[tuple[RecordType, ...]] = ("campaigns", "targets")
_PROFILES_AT_A_TIME: Final = 8

_Jobs: TypeAlias = dict[RecordType, ReportJob]


@dataclass
class AccountFrames:
    """What there is of a profile.

    Attributes
    ----------
    profile_id : str
    frames : dict of str to pandas.DataFrame
        By record type, those that have rows.
    curves : dict of str to pandas.DataFrame
        By record type, where the store has enough days to learn from.
    coverage : pandas.DataFrame
        Of the days to fetch.
    failures : dict of str to SDAnalyticsError
        By record type, why days could not be fetched.
    """

    profile_id: str
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: dict[str, SDAnalyticsError] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of a frame: account, country, currency, time zone."""
        for df in self.frames.values():
            return frame_metadata(df)
        return {}


def fetch_accounts(
    clients: Sequence[Client], span: ReportSpan, store: ReportCache
) -> Iterator[AccountFrames]:
    """Fetch the frames of profiles, a few profiles at a time."""
    for begin in range(0, len(clients), _PROFILES_AT_A_TIME):
        some = clients[begin : begin + _PROFILES_AT_A_TIME]
        jobs: list[_Jobs] = []
        try:
            for client in some:
                jobs.append(_submit_jobs(client, span, store))
            accounts = []
            for client, own_jobs in zip(some, jobs, strict=True):
                accounts.append(_collect_frames(client, own_jobs, span, store))
        except BaseException:  # Ctrl-C, above all: the results are no longer wanted
            _detach(jobs)
            raise
        yield from accounts


def _submit_jobs(client: Client, span: ReportSpan, store: ReportCache) -> _Jobs:
    jobs = {}
    for record_type in REPORTED_TYPES:
        jobs[record_type] = submit_report(
            record_type,
            span.first_day(record_type),
            span.period.last,
            client=client,
            cache=store,
        )
    return jobs


def _detach(jobs: Sequence[_Jobs]) -> None:
    """End jobs whose results nobody waits for; their reports are left to the next call."""
    running = [job for own_jobs in jobs for job in own_jobs.values()]
    for job in running:
        job.detach()
    for job in running:
        job.wait(SHUTDOWN_GRACE)


def _collect_frames(
    client: Client, jobs: _Jobs, span: ReportSpan, store: ReportCache
) -> AccountFrames:
    """Wait for the reports of a profile; those that fail are as the store has them."""
    account = AccountFrames(str(client.profile_id))
    for record_type, job in jobs.items():
        try:
            df = job.result()
        except SDAnalyticsError as error:
            logger.info("report: no %s of %s: %s", record_type, account.profile_id, error)
            account.failures[record_type] = error
            df = _read_stored(client, record_type, span, store)
        if len(df):
            account.frames[record_type] = df
    account.curves = _estimate_curves(account, client, store)
    account.coverage = store.coverage(
        start=span.learned.first,
        end=span.period.last,
        profile_id=client.profile_id,
        source=client.source,
        now=client.clock.now(),
    )
    return account


def _read_stored(
    client: Client, record_type: RecordType, span: ReportSpan, store: ReportCache
) -> pd.DataFrame:
    """Return the stored days of a report that could not be fetched whole."""
    try:
        return store.read(
            record_type,
            span.first_day(record_type),
            span.period.last,
            profile_id=client.profile_id,
            source=client.source,
        )
    except SDAnalyticsError:  # nothing of the profile is stored
        return pd.DataFrame()


def _estimate_curves(
    account: AccountFrames, client: Client, store: ReportCache
) -> dict[str, pd.DataFrame]:
    """Return the curves of the reports that the store has enough days of."""
    curves = {}
    for record_type in _CURVE_TYPES:
        if record_type not in account.frames:
            continue
        try:
            with collect_warnings():  # the same are collected of the frames
                curves[record_type] = maturity(
                    store,
                    record_type=cast(RecordType, record_type),
                    profile_id=client.profile_id,
                    source=client.source,
                )
        except SDAnalyticsError as error:
            logger.info("report: no curve of %s: %s", record_type, error)
    return curves
