"""`ReportCache`: every day of every report, stored as parquet that any engine reads.

::

    <root>/reports/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/report.parquet

`ReportCache` is the user's view of a store. The fetching of reports uses its parts, a `Store`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from sdanalytics._core.temp_folders import PREFIX, mark_in_use, remove_abandoned_folders
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import RecordType, Segment, Tactic
from sdanalytics.model.query import DateLike
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.backends.disk import LocalStorage
from sdanalytics.store.cache_maintenance import CacheMaintenance
from sdanalytics.store.cache_reads import CacheReads
from sdanalytics.store.coverage import CoverageFilter, validate_history_days, validate_now
from sdanalytics.store.location import open_storage
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


class ReportCache(CacheReads, CacheMaintenance):
    """The cache of reports: parquet files in a folder or on object storage.

    Parameters
    ----------
    path : path-like or str, optional
        Its folder, created when something is stored; or the URL of object storage, such as
        ``s3://bucket/prefix?region=eu-west-1``. By default ``SDANALYTICS_CACHE_DIR``, or the
        user's data folder: the service retains reports for 60 days only, and then the cache has the
        only copy. Nothing is ever deleted unless `remove` is called.
    filesystem : pyarrow.fs.FileSystem or fsspec.AbstractFileSystem, optional
        A file system of object storage that contains `path`, for settings that a URL cannot
        express.
    history : bool
        Whether to keep what a day had before it is replaced, under ``<path>/history``: for
        `history`, ``read(as_of=...)``, and `maturity`. False keeps none from now on; what was kept
        stays.

    Raises
    ------
    InvalidRequest
        For invalid paths and URLs, such as a URL that contains a secret key.

    Notes
    -----
    Writes are atomic, on a disk and on object storage. A partition is requested once by all calls
    that share a folder; on object storage, by all calls of one machine
    (`sdanalytics.store.backends.object_store`).
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        filesystem: object = None,
        history: bool = True,
    ) -> None:
        self._store = Store.open(open_storage(path, filesystem), keep_history=history)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def storage(self) -> Storage:
        """The backend that stores the files."""
        return self._store.storage

    @property
    def url(self) -> str:
        """Its path, or its URL without options."""
        return self.storage.url

    @property
    def path(self) -> Path:
        """Its folder.

        Raises
        ------
        InvalidRequest
            When it is on object storage, which has no folder: use `url`.
        """
        if isinstance(self.storage, LocalStorage):
            return self.storage.path
        raise InvalidRequest(f"{self!r} is on object storage and has no path; use ReportCache.url")

    def entries(self) -> pd.DataFrame:
        """List the stored partitions (a day and tactic of a report each).

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]), `rows` (Int64), `columns` (list of str), `fetched_at`
            (datetime64, UTC), `api`, `report_id` (str), `bytes` (Int64, on disk), `path`
            (str); sorted by the first six. Damaged and foreign files are left out: `verify`
            lists them.

        Raises
        ------
        CacheError
            When a folder cannot be listed or a file cannot be opened.
        """
        return self._store.inventory.entries()

    def coverage(
        self,
        record_type: RecordType | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        tactic: Tactic | Sequence[Tactic] | None = None,
        segment: Segment | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
        history_days: int = 60,
        now: datetime | None = None,
    ) -> pd.DataFrame:
        """List the state of every day of every report, without the network.

        Parameters
        ----------
        record_type, tactic, segment, profile_id, source : optional
            By default all that have stored partitions. A record type or tactic that is named here
            is listed even if nothing of it is stored.
        start, end : str, date or Timestamp, optional
            Inclusive days. By default, for every report and tactic, from the first day stored
            (or else the first that the service still has) to yesterday in the profile's time
            zone (UTC if the profile is unknown).
        history_days : int
            Of the service: 60 in version 2, 65 in version 3, 455 in version 1 (or with
            ``history="v1"``); of `invalidTraffic` always 365, of `targets` 65 at most.
        now : datetime.datetime, optional
            The moment for which to compute the states, aware. By default the current time.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]); `state` (ordered category, see below); `rows` (Int64) and
            `fetched_at` (datetime64, UTC), missing if the day is not stored; `is_due` (bool:
            `fetch_report` would fetch it now); sorted by the first six. Damaged and foreign
            files count as missing, as they do for `fetch_report`.

            ``"final"``: stored 56 days or more after it, and now past day 60: nothing has changed
            since; ``"restatable"``: may change, or may have since; ``"empty"``: stored, without
            rows; ``"missing"``: not stored, the service still has it; ``"gone"``: not stored, and
            the service no longer has it. A restatable day that is not due is fresh enough,
            or no newer version can be fetched.

        Raises
        ------
        InvalidRequest
            For impossible parameters, such as an `end` before `start` or in the future.
        CacheError
            When a folder cannot be listed or a file cannot be opened.
        """
        moment = datetime.now(UTC) if now is None else validate_now(now)
        selection = CoverageFilter.parse(
            record_type,
            start,
            end,
            tactic=tactic,
            segment=segment,
            profile_id=profile_id,
            source=source,
            now=moment,
        )
        days = validate_history_days(history_days)
        return self._store.inventory.coverage(selection, days, moment)

    def pending(self) -> pd.DataFrame:
        """List the partitions that were requested from the service and are not stored yet.

        `fetch_report` for these days resumes the reports that no call follows.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]), `columns` (list of str), `report_id` (str, missing while the
            service has not assigned one), `api` (str), `asked_at` (datetime64, UTC: when it was
            requested) and `is_followed` (bool: a call is waiting for it); sorted by the first
            six.

        Raises
        ------
        CacheError
            When the in-flight registry of the cache cannot be read.
        """
        return self._store.inventory.pending()

    def sql(
        self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Query stored days in SQL (DuckDB's), read-only and without the network.

        Parameters
        ----------
        query : str
            One ``select``. Its tables are ``campaigns``, ``adGroups``, ``productAds``, ``targets``,
            ``asins`` and ``invalidTraffic``, and by matched target ``campaigns_matchedTarget``,
            ``adGroups_matchedTarget`` and ``targets_matchedTarget``; each has all days of all
            profiles that are stored. Their columns are `source`, `profile_id`, `tactic` (VARCHAR),
            `date` (DATE), the identity columns, then every metric that the report has in any
            version (BIGINT, DOUBLE or VARCHAR); null where a day is stored without it. Tables
            share many names, so qualify columns in a join (``c.clicks``). Only files that may match
            the query's conditions on these first four columns are read.
            ``campaign_list`` has all campaigns (`sdanalytics.store.campaign_table`).
        parameters : sequence or mapping, optional
            Values for each ``?``, or by name for each ``$name``.

        Returns
        -------
        pandas.DataFrame
            Columns as they are named in the query, rows in the query's order. Whole
            numbers as ``Int64``, others as ``float64``, text as ``str``, days and times as
            ``datetime64[s]``, booleans as ``boolean``; the dtypes do not depend on the data.

        Raises
        ------
        MissingDependency
            When DuckDB is not installed.
        InvalidRequest
            For what DuckDB rejects, with its message; also for queries that read or write
            anything but these tables, and when a whole number needs more than 64 bits.
        CacheError
            When a file that is needed cannot be opened, is damaged or foreign.

        Examples
        --------
        >>> import sdanalytics as sda
        >>> store = sda.ReportCache("an-empty-folder")
        >>> store.sql("select date, sum(cost) as cost from campaigns group by date").dtypes
        date    datetime64[s]
        cost          float64
        dtype: object
        """
        from sdanalytics.store.sql import run_query

        return run_query(self.storage, query, parameters)


class TemporaryCache(ReportCache):
    """The cache of one call, in a folder of its own.

    A context manager: on exit it is closed, and its folder is removed.
    """

    def __init__(self) -> None:
        remove_abandoned_folders()
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self._mark = mark_in_use(self._folder.name)
        super().__init__(self._folder.name)
        self._store = Store.open(self.storage, is_temporary=True)

    def __enter__(self) -> TemporaryCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._store.partitions.close()
        self._mark.close()
        self._folder.cleanup()


CacheLike = ReportCache | str | os.PathLike[str] | Literal[False] | None
"""The values of the parameter `cache`: a cache, a path, False for none, None for the default."""


@contextlib.contextmanager
def open_cache(cache: object) -> Iterator[ReportCache]:
    """Open the cache that a user passed (`CacheLike`); a temporary one for False.

    Raises
    ------
    InvalidRequest
        For anything else, and for invalid paths.
    """
    validate_cache(cache)
    if isinstance(cache, ReportCache):
        yield cache
    elif cache is False:
        with TemporaryCache() as temporary:
            yield temporary
    else:
        yield ReportCache(cache)  # type: ignore[arg-type]  # validated above


def validate_cache(cache: object) -> None:
    """Raise `InvalidRequest` unless a user passed a `CacheLike`."""
    is_default_or_none = cache is None or cache is False
    if not is_default_or_none and not isinstance(cache, ReportCache | str | os.PathLike):
        raise InvalidRequest(f"cache must be a ReportCache, a path, None or False, got {cache!r}")


def internal_store(cache: ReportCache) -> Store:
    """Return the parts of a cache, which are not for users."""
    return cache._store
