"""`CacheReads`: those methods of `ReportCache` that read days, as they are and as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sdanalytics.model.literals import RecordType, Segment, Tactic
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.store.cached_read import read_cached
from sdanalytics.store.history_read import parse_moment_of_read, read_history
from sdanalytics.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


class CacheReads:
    """The days of a `ReportCache`."""

    _store: Store

    def read(
        self,
        record_type: RecordType,
        start: DateLike,
        end: DateLike | None = None,
        *,
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
        query = ReportQuery.parse(
            record_type, start, end, metrics=metrics, tactic=tactic, segment=segment
        )
        key = self._store.inventory.resolve_profile(source, profile_id)
        return read_cached(self._store, query, key, all_columns=metrics is None, as_of=moment)

    def history(
        self,
        record_type: RecordType,
        start: DateLike,
        end: DateLike | None = None,
        *,
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
        record_type, start, end, metrics, tactic, segment, profile_id, source
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
        query = ReportQuery.parse(
            record_type, start, end, metrics=metrics, tactic=tactic, segment=segment
        )
        key = self._store.inventory.resolve_profile(source, profile_id)
        return read_history(self._store, query, key, all_columns=metrics is None)
