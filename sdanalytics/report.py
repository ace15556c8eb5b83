"""`fetch_report`: the whole flow, or the cache, in one call."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from sdanalytics.api.client import Client
from sdanalytics.api.v2 import V2
from sdanalytics.cache import ReportCache
from sdanalytics.call import Call, profile_of
from sdanalytics.clock import Limit
from sdanalytics.errors import InvalidRequest
from sdanalytics.progress import Progress
from sdanalytics.query import DateLike, ReportQuery, latest_today

if TYPE_CHECKING:
    import pandas as pd

Refresh = Literal["auto", "never", "always"]
_REFRESH: Final = ("auto", "never", "always")


def fetch_report(
    record_type: str,
    start: DateLike,
    end: DateLike | None = None,
    *,
    metrics: Sequence[str] | None = None,
    tactic: str | Sequence[str] | None = None,
    segment: str | None = None,
    client: Client | None = None,
    cache: ReportCache | str | os.PathLike[str] | Literal[False] | None = None,
    refresh: Refresh = "auto",
    timeout: float | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Fetch a Sponsored Display report as a typed frame, from the cache where it can be.

    What is not stored yet, or may have been restated since, is asked for: each day and
    tactic is one report of the service, all are built side by side, and each is stored as
    soon as it arrives. Whatever fails later, nothing that came is lost.

    Parameters
    ----------
    record_type : {"campaigns", "adGroups", "productAds", "targets", "asins"}
    start, end : str, date or Timestamp
        Inclusive days in the profile's time zone, such as ``"2026-11-01"``. Without `end`:
        that one day.
    metrics : sequence of str, optional
        Amazon's version 2 names. By default names, state, currency, impressions, clicks,
        cost and the 14-day results (`sdanalytics.metrics.default_metrics`).
    tactic : {"T00020", "T00030"} or a sequence of them, optional
        Contextual, audiences; both by default.
    segment : {"matchedTarget"}, optional
        Split by the page where the ad was clicked (campaigns, adGroups, targets).
    client : Client, optional
        By default `Client.from_env()`.
    cache : ReportCache or path, optional
        Where reports are kept; None: the default place; False: nowhere.
    refresh : {"auto", "never", "always"}
        ``"auto"`` asks again for days that Amazon may have restated
        (`sdanalytics.freshness`); ``"never"`` only for days that are not stored at all;
        ``"always"`` for all days. Days that the service no longer has come from the store.
    timeout : float, optional
        Seconds for the whole call; by default 1,800.
    progress : bool, optional
        A bar: always, never, or (None) when it takes long and somebody is looking.

    Returns
    -------
    pandas.DataFrame
        Columns `date`, `tactic`, the identity columns of the record type, then the metrics
        in the order asked, none twice. Rows sorted by date, tactic and identity. The dtypes
        never depend on the data: `date` ``datetime64[s]``; ids and counts ``Int64``; money
        (in the profile's currency) and ratios ``float64``, NaN where missing; few-valued
        text ``category``; other text ``str``. ``attrs["sdanalytics"]`` tells where it came
        from.

    Raises
    ------
    InvalidRequest, NotConfigured
        Before any network is touched; only whether the profile exists, and whether the last
        day has begun where it is, has to be asked.
    PartialFetchError
        When some reports failed; the others are stored, and calling again asks for the rest.
    ApiError, ReportFailed, DownloadFailed, CorruptReport
        When all failed for one reason. `Unauthorized` and `RateLimited` end the call at once.
    ReportTimeout
        When `timeout` passed; what arrived is stored.
    CacheError
        When the store cannot be written.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     day = sandbox.today
    ...     df = sda.fetch_report("campaigns", day, client=sandbox.client, cache=False)
    >>> df.columns[:3].tolist()
    ['date', 'tactic', 'campaignId']
    """
    query = ReportQuery.of(record_type, start, end, metrics=metrics, tactic=tactic, segment=segment)
    _check_options(refresh, timeout, client)
    client = client or Client.from_env()
    query.refuse_future(latest_today(client.clock.now()), "where it is latest")
    limit = Limit(client.clock, V2.timeout if timeout is None else timeout)
    with opened_store(cache) as store:
        profile = profile_of(store, client, limit)
        call = Call(query, client, profile, store, refresh, limit)
        call.fetch(partial(Progress, record_type, show=progress, clock=client.clock))
        return call.frame()


def pending(cache: ReportCache | str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """The reports of a store that were asked for and have not come yet.

    Parameters
    ----------
    cache : ReportCache or path, optional
        As in `fetch_report`.

    Returns
    -------
    pandas.DataFrame
        See `ReportCache.pending`.
    """
    with opened_store(cache) as store:
        return store.pending()


def check_client(client: object) -> None:
    """Raise `InvalidRequest` for what is neither a client nor None."""
    if not isinstance(client, Client | None):
        raise InvalidRequest(f"client={client!r} is no Client; Client.from_env() makes one")


def check_cache(cache: object) -> None:
    """Raise `InvalidRequest` for what means no store."""
    if cache is None or cache is False or isinstance(cache, ReportCache | str | os.PathLike):
        return
    raise InvalidRequest(f"cache={cache!r} is neither a ReportCache, a path, None nor False")


def _check_options(refresh: object, timeout: object, client: object) -> None:
    if not isinstance(refresh, str) or refresh not in _REFRESH:
        raise InvalidRequest(f"refresh={refresh!r} is not one of {', '.join(_REFRESH)}")
    check_client(client)
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise InvalidRequest(f"timeout={timeout!r} is no number of seconds above 0")


@contextlib.contextmanager
def opened_store(cache: object) -> Iterator[ReportCache]:
    """The store that a call means; a temporary one for False."""
    check_cache(cache)
    if isinstance(cache, ReportCache):
        yield cache
    elif cache is False:
        with tempfile.TemporaryDirectory(
            prefix="sdanalytics-", ignore_cleanup_errors=True
        ) as folder:
            store = ReportCache(folder)
            try:
                yield store
            finally:
                store.close()
    else:
        yield ReportCache(cache)  # type: ignore[arg-type]  # looked at above
