"""`CacheReads`: those methods of `ReportCache` that read days, as they are and as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sdanalytics._core.clock import Clock
from sdanalytics.model.last_days import list_last_days, validate_last_days
from sdanalytics.model.literals import RecordType, Segment, Tactic
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.store.cached_read import read_cached
from sdanalytics.store.history_read import parse_moment_of_read, read_history
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_Period = tuple[DateLike | None, DateLike | None, int | None, datetime | None]
"""The first and the last day of a read, or a number of last days; and the moment it is as of."""


class CacheReads:
    """The days of a `ReportCache`."""

    _store: Store

    def read(
        self,
        record_type: RecordType,
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        days: int | None = None,
        metrics: Sequence[str] | None = None,
        tactic: Tactic | Sequence[Tactic] | None = None,
        segment: Segment | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
        as_of: datetime | str | None = None,
    ) -> pd.DataFrame:
        """Read stored days, without the network and without an account.

        Parameters
        ----------
        record_type, start, end, tactic, segment
            As in `fetch_report`.
        days : int, optional
            Instead of `start` and `end`: so many whole days before today (before the day of
            `as_of`) in the profile's time zone, UTC if the profile is unknown.
        metrics : sequence of str, optional
            By default all that every stored day has, and `costType` and `campaignName`.
        profile_id, source : optional
            May be left out if the cache has a single profile.
        as_of : datetime or str, optional
            A moment with a time zone: the days as the cache had them then, from its history. By
            default now.

        Returns
        -------
        pandas.DataFrame
            As `fetch_report` returns it. Days that are not stored are left out;
            in ``attrs["sdanalytics"]``, ``slices_missing`` is the number of missing partitions.

        Raises
        ------
        InvalidRequest
            When a stored day lacks a requested metric, several profiles match, or `as_of` has no
            time zone.
        """
        moment = None if as_of is None else parse_moment_of_read(as_of)
        parse = partial(
            ReportQuery.parse, record_type, metrics=metrics, tactic=tactic, segment=segment
        )
        period = start, end, days, moment
        query, key = self._resolve(parse, period, source, profile_id)
        return read_cached(self._store, query, key, all_columns=metrics is None, as_of=moment)

    def history(
        self,
        record_type: RecordType,
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        days: int | None = None,
        metrics: Sequence[str] | None = None,
        tactic: Tactic | Sequence[Tactic] | None = None,
        segment: Segment | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> pd.DataFrame:
        """Read all versions of stored days, the current one included, without the network.

        A day is fetched again while Amazon still changes it, and what it had before is kept. Days
        stored by releases without history, or with ``ReportCache(history=False)``, have their
        current version only.

        Parameters
        ----------
        record_type, start, end, days, metrics, tactic, segment, profile_id, source
            As in `read`, but `metrics` are by default all that any version has.

        Returns
        -------
        pandas.DataFrame
            `date` (datetime64[s]), `tactic` (category), the identity columns; `fetched_at`
            (datetime64, UTC: when the version was fetched) and `age` (Int64: the whole days from
            the end of the day in the profile's time zone, UTC if the profile is unknown, to
            `fetched_at`; -1 for a day that had not ended); then the metrics, missing where the
            report of a version did not have them. Sorted by date, tactic and `fetched_at`.

        Raises
        ------
        InvalidRequest
            For impossible parameters, or when several profiles match.
        CacheError
            When a file cannot be opened.
        """
        parse = partial(
            ReportQuery.parse, record_type, metrics=metrics, tactic=tactic, segment=segment
        )
        query, key = self._resolve(parse, (start, end, days, None), source, profile_id)
        return read_history(self._store, query, key, all_columns=metrics is None)

    def _resolve(
        self,
        parse: Callable[..., ReportQuery],
        period: _Period,
        source: str | None,
        profile_id: int | str | None,
    ) -> tuple[ReportQuery, ProfileKey]:
        """Return the query of a read, and its profile, which says which day is today."""
        start, end, days, as_of = period
        inventory = self._store.inventory
        count = validate_last_days(days, start, end)
        if count is None:
            query = parse(start, end)
            return query, inventory.resolve_profile(source, profile_id)
        now = as_of or Clock().now()
        query = parse(*list_last_days(count, now.date()))
        key = inventory.resolve_profile(source, profile_id)
        today = now.astimezone(inventory.profile_timezone(key)).date()
        first, last = list_last_days(count, today)
        return replace(query, start=first, end=last), key
