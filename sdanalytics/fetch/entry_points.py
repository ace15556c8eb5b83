"""The entry points: fetch a report, submit or plan a fetch, and list pending reports."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from sdanalytics._core.hidden_frames import remove_frames
from sdanalytics.api.client import Client
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.job import SHUTDOWN_GRACE, ReportJob
from sdanalytics.fetch.open_run import open_run
from sdanalytics.fetch.options import FetchOptions, ReportArguments, validate_call
from sdanalytics.fetch.plan import ReportPlan
from sdanalytics.fetch.profile_choice import ProfilesLike
from sdanalytics.fetch.progress import Progress
from sdanalytics.model.literals import RecordType, Refresh, Segment, Tactic
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.store.cache import CacheLike, open_cache

if TYPE_CHECKING:
    import pandas as pd


def fetch_report(
    record_type: RecordType,
    start: DateLike | None = None,
    end: DateLike | None = None,
    *,
    days: int | None = None,
    metrics: Sequence[str] | None = None,
    tactic: Tactic | Sequence[Tactic] | None = None,
    segment: Segment | None = None,
    profiles: ProfilesLike | None = None,
    client: Client | None = None,
    cache: CacheLike = None,
    refresh: Refresh = "auto",
    timeout: float | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Fetch a Sponsored Display report as a typed frame, from the cache where possible.

    Days that are not cached, or may have been restated since, are requested. All reports are
    requested concurrently, and each is stored as soon as it arrives, so that a later failure loses
    nothing.

    Parameters
    ----------
    record_type : {"campaigns", "adGroups", "productAds", "targets", "asins", "invalidTraffic"}
        The last, of version 3 only, identifies rows by `campaignName`: two campaigns of one name on
        one day are rows alike (kept, counted in ``attrs["sdanalytics"]["rows_alike"]``, one
        `DataWarning`), and a renamed campaign is another one from that day. Join it with
        `campaigns` by `date` and `campaignName`.
    start, end : str, date or Timestamp, optional
        Inclusive days in the profile's time zone, such as ``"2026-11-01"``. Without `end`:
        that one day.
    days : int, optional
        Instead of `start` and `end`: so many whole days up to yesterday, where the profile is.
        At most the history of the service (60 in version 2, 65 in version 3, 455 in version 1 or
        with ``Client(history="v1")``; 365 of `invalidTraffic`).
    metrics : sequence of str, optional
        Amazon's version 2 names, in all versions of the API; metrics that only version 3 or 1 has,
        by their names there (`list_metrics`). By default names, state, cost type, currency,
        impressions, clicks, cost and the 14-day results (`sdanalytics.metrics.default_metrics`);
        one of these that the service refuses is left out with a `DataWarning`, and missing in the
        frame. `costType`, `portfolioId`, `campaignName` and `campaignStatus` may be named with any
        record type: what a report lacks of them is joined from the profile's list of campaigns,
        without another report; if that list cannot be read, they are missing, with a `DataWarning`.
    tactic : {"T00020", "T00030"} or a sequence of them, optional
        Contextual, audiences; both by default. `invalidTraffic` has none to select.
    segment : {"matchedTarget"}, optional
        Split by the page where the ad was clicked (campaigns, adGroups, targets).
    profiles : "all", sequence of int or str, or callable, optional
        Fetch many profiles of the client's login, side by side: all of them, those with these ids,
        or those that a function chooses, which is given `Client.profiles()` and returns rows of it,
        a mask of them, or ids. Each has a rate limiter of its own, and days are those of its own
        time zone. Lists of ids that the cache knows need no request. By default the client's
        profile alone.
    client : Client, optional
        By default that of the environment (`Client.from_env`) or, if it has no credentials, of
        the login that ``sdanalytics login`` has kept (`Client.from_config`). A client without a
        profile takes the only one of its login.
    cache : ReportCache or path, optional
        The cache that stores the reports; None: the default one; False: none.
    refresh : {"auto", "never", "always"}
        ``"auto"`` fetches days again that Amazon may have restated
        (`sdanalytics.store.freshness`); ``"never"`` only days that are not cached at all;
        ``"always"`` all days. Days that the service no longer has are read from the cache.
    timeout : float, optional
        Seconds for the whole call; by default half an hour with version 2 of the API, four
        hours with version 3, twelve with version 1.
    progress : bool, optional
        Show a progress bar. None: only in a terminal or notebook, after one second.

    Returns
    -------
    pandas.DataFrame
        Columns `date`, `tactic`, the identity columns of the record type, then the metrics
        in the order requested, each once. Rows sorted by date, tactic and identity. The dtypes
        never depend on the data: `date` ``datetime64[s]``; ids and counts ``Int64``; money
        (in the profile's currency) and ratios ``float64``, NaN where missing; few-valued
        text ``category``; other text ``str``. ``attrs["sdanalytics"]`` is its
        provenance.

        With `profiles` there are `profile_id` (Int64), `accountName` (str), `countryCode` and
        `currency` (category) in front, and the rows are sorted by `profile_id` first.
        ``attrs["sdanalytics"]["profiles"]`` has by profile id (str) what `attrs` of that profile
        alone would have, the `missing_days`, and the `error` if it failed; the entries beside it
        are right for all, such as the earliest day that may be restated.

    Raises
    ------
    InvalidRequest, NotConfigured
        Before any network request, except that the profile may have to be looked up first: to
        choose it, to check that it exists, and which day it is in its time zone.
    PartialFetchError
        When some partitions could not be fetched; the others are stored, and calling again requests
        the rest. With `profiles`, when a profile could not be fetched whole, which costs the others
        nothing: `failures` are by profile id, and `frame` has what there is.
    ApiError, ReportFailed, DownloadFailed, CorruptReport
        When all failed for one reason. `Unauthorized` and `RateLimited` end the call at once.
    ReportTimeout
        When `timeout` passed; what has arrived is stored.
    CacheError
        When the cache cannot be written.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     day = sandbox.today
    ...     df = sda.fetch_report("campaigns", day, client=sandbox.client, cache=False)
    >>> df.columns[:3].tolist()
    ['date', 'tactic', 'campaignId']
    """
    arguments = ReportArguments(record_type, start, end, days, metrics, tactic, segment)
    query, options = validate_call(
        arguments,
        client=client,
        cache=cache,
        refresh=refresh,
        timeout=timeout,
        progress=progress,
        profiles=profiles,
    )
    job = _start_job(query, options)
    try:
        return job.result()
    except BaseException:  # Ctrl-C, above all: the result is no longer wanted
        job.detach()
        job.wait(SHUTDOWN_GRACE)
        raise


def submit_report(
    record_type: RecordType,
    start: DateLike | None = None,
    end: DateLike | None = None,
    *,
    days: int | None = None,
    metrics: Sequence[str] | None = None,
    tactic: Tactic | Sequence[Tactic] | None = None,
    segment: Segment | None = None,
    profiles: ProfilesLike | None = None,
    client: Client | None = None,
    cache: CacheLike = None,
    refresh: Refresh = "auto",
    timeout: float | None = None,
    progress: bool = False,
) -> ReportJob:
    """Start to fetch a report in the background, and return at once.

    Parameters
    ----------
    record_type, start, end, days, metrics, tactic, segment, profiles : optional
    client, cache, refresh, timeout : optional
        As in `fetch_report`, which submits the same job and waits for its result.
    progress : bool
        Show a progress bar, besides the display of the job.

    Returns
    -------
    ReportJob
        With `status`, `wait`, `result` and `cancel`; in a notebook it displays its status.

    Raises
    ------
    InvalidRequest, NotConfigured
        Before any network request, except that the profile is looked up if the client has none, or
        for `days` if the cache does not know it. All other errors are raised by
        `ReportJob.result`, but those of that look-up.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     job = sda.submit_report(
    ...         "campaigns", sandbox.today, client=sandbox.client, cache=False
    ...     )
    ...     df = job.result()
    >>> job.status().state
    'done'
    """
    arguments = ReportArguments(record_type, start, end, days, metrics, tactic, segment)
    query, options = validate_call(
        arguments,
        client=client,
        cache=cache,
        refresh=refresh,
        timeout=timeout,
        progress=progress,
        profiles=profiles,
    )
    return _start_job(query, options)


def plan_report(
    record_type: RecordType,
    start: DateLike | None = None,
    end: DateLike | None = None,
    *,
    days: int | None = None,
    metrics: Sequence[str] | None = None,
    tactic: Tactic | Sequence[Tactic] | None = None,
    segment: Segment | None = None,
    profiles: ProfilesLike | None = None,
    client: Client | None = None,
    cache: CacheLike = None,
    refresh: Refresh = "auto",
) -> ReportPlan:
    """Plan what `fetch_report` would do, without requesting any report.

    Parameters
    ----------
    record_type, start, end, days, metrics, tactic, segment, profiles, client, cache, refresh
        As in `fetch_report`.

    Returns
    -------
    ReportPlan
        The days that would be fetched and the reports that would be requested for them, the days
        whose reports are in flight, those from the cache, and those that are unavailable.

    Raises
    ------
    InvalidRequest, NotConfigured, ApiError
        As `fetch_report`. Only the profile is looked up, once.
    """
    arguments = ReportArguments(record_type, start, end, days, metrics, tactic, segment)
    query, options = validate_call(
        arguments, client=client, cache=cache, refresh=refresh, profiles=profiles
    )
    try:
        with open_run(query, options) as run:
            return run.plan()
    except SDAnalyticsError as error:
        remove_frames(error)
        raise


def pending(cache: CacheLike = None) -> pd.DataFrame:
    """List the reports of a cache that are in flight.

    Parameters
    ----------
    cache : ReportCache or path, optional
        As in `fetch_report`.

    Returns
    -------
    pandas.DataFrame
        See `ReportCache.pending`.
    """
    with open_cache(cache) as store:
        return store.pending()


def _start_job(query: ReportQuery, options: FetchOptions) -> ReportJob:
    title = f"{options.subject} {query.record_type}"  # fetches may run side by side
    clock = options.client.clock
    make_progress = partial(Progress, title, show=options.progress, clock=clock)
    return ReportJob(query, options, make_progress).start()
