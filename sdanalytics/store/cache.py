"""`ReportCache`: every day of every report on disk, as parquet that any engine reads.

::

    <root>/reports/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/date=2026-11-01/report.parquet

One file a slice, always the widest: no stored metric is lost, and no row counts twice. Beside
them, in the folder ``months``, are copies that are read faster (`sdanalytics.store.compaction`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import CacheError, InvalidRequest
from sdanalytics.model.dtypes import arrow_schema, string_array, table_to_frame
from sdanalytics.model.metrics import (
    TACTICS,
    UNKNOWN_TACTIC,
    available_metrics,
    identity_columns,
    sort_by_catalogue,
)
from sdanalytics.model.partition import PARTITION_KEYS, Partition
from sdanalytics.model.profile import Profile
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.store import in_flight as ledger
from sdanalytics.store import maintenance as upkeep
from sdanalytics.store import reader as reading
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.backends.disk import LocalStorage
from sdanalytics.store.backends.object_store import ObjectStorage, is_url
from sdanalytics.store.campaign_tactics import read_tactics, tactics_path, write_tactics
from sdanalytics.store.compaction import MonthKey
from sdanalytics.store.coverage import (
    CoverageFilter,
    build_coverage,
    validate_history_days,
    validate_now,
)
from sdanalytics.store.freshness import restatement_horizons
from sdanalytics.store.layout import (
    CACHE_MISS_ERRORS,
    REPORTS,
    InvalidFile,
    decode_source,
    encode_source,
    list_hive_values,
    parse_partition_path,
    partition_path,
    profile_path,
)
from sdanalytics.store.maintenance import Problem
from sdanalytics.store.merge import anti_join_rows, left_join_columns
from sdanalytics.store.parquet_file import CachedPartition, write_partition
from sdanalytics.store.profile_file import read_profile

if TYPE_CHECKING:
    import pandas as pd


class ReportCache:
    """The parquet store of reports.

    Parameters
    ----------
    path : path-like or str, optional
        Its folder, made when something is stored; or the address of object storage, such as
        ``s3://bucket/prefix?region=eu-west-1``. By default ``SDANALYTICS_CACHE_DIR``, or the
        user's data folder: the service forgets after 60 days, and then the store has the
        only copy. Nothing is ever deleted unless `remove` is called.
    filesystem : pyarrow.fs.FileSystem or fsspec.AbstractFileSystem, optional
        Of object storage, in which `path` then is; for what an address cannot say.

    Raises
    ------
    InvalidRequest
        For what cannot be the place of a store, such as an address with a key in it.

    Notes
    -----
    On object storage as on a disk a report is stored whole or not at all; that it is asked
    for once holds for the calls of one machine (`sdanalytics.store.backends.object_store`).
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, filesystem: object = None
    ) -> None:
        if path is None:
            path = os.environ.get("SDANALYTICS_CACHE_DIR") or _default_path()
        if not os.fspath(path):
            raise InvalidRequest("the path of a cache is empty; None means the default place")
        name = os.fsdecode(path)
        if "\0" in name or has_lone_surrogate(name):
            raise InvalidRequest(f"{path!r} is no path of a folder")
        self.storage = _storage_at(name, filesystem)
        self.is_temporary = False
        self._closed = False

    def __repr__(self) -> str:
        return f"ReportCache({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is: its path, or its address without options."""
        return self.storage.url

    @property
    def path(self) -> Path:
        """The folder that it is in.

        Raises
        ------
        InvalidRequest
            When it is on object storage: that has none, but a `url`.
        """
        if isinstance(self.storage, LocalStorage):
            return self.storage.path
        raise InvalidRequest(f"{self!r} is in no folder; its address is ReportCache.url")

    def lookup(self, partition: Partition) -> CachedPartition | None:
        """What is stored of a slice; None for nothing, or a file that is damaged or foreign.

        Raises
        ------
        CacheError
            When there is something that cannot be opened: it may be whole, and is not replaced.
        """
        return reading.lookup(self.storage, partition)

    def lookup_many(self, partitions: Iterable[Partition]) -> dict[Partition, CachedPartition]:
        """What is stored of slices, without those of which `lookup` gives None."""
        return reading.lookup_many(self.storage, partitions)

    def load(self, partition: Partition, columns: Sequence[str]) -> pa.Table | None:
        """The rows of a slice; None where `lookup` gives None, or a page is damaged."""
        return reading.load(self.storage, partition, columns)

    def load_many(
        self, entries: Iterable[CachedPartition], columns: Sequence[str]
    ) -> dict[Partition, pa.Table]:
        """The rows of what was found, without that of which `load` gives None."""
        return reading.load_many(self.storage, entries, columns)

    def load_unknown_tactic(
        self, query: ReportQuery, partitions: Iterable[Partition]
    ) -> dict[Partition, pa.Table]:
        """The rows of unknown tactic that belong to these slices; of a call for one tactic none.

        Columns that they lack are null.
        """
        if query.tactics != TACTICS:
            return {}
        tables = {}
        firsts = (partition for partition in partitions if partition.tactic == query.tactics[0])
        there = self.lookup_many(partition._replace(tactic=UNKNOWN_TACTIC) for partition in firsts)
        for partition, entry in there.items():
            names = [name for name in query.columns if name in entry.columns]
            if names and (table := self.load(partition, names)) is not None and table.num_rows:
                empty = arrow_schema(query.columns).empty_table()
                whole = pa.concat_tables([empty, table], promote_options="default")
                tables[partition] = whole.select(list(query.columns))
        return tables

    def store(
        self,
        partition: Partition,
        table: pa.Table,
        *,
        report_id: str,
        fetched_at: datetime,
        api: str,
    ) -> tuple[str, ...]:
        """Put a report in the place of whatever was there: whole, or not at all.

        What is there stays when it has columns that the table lacks (another call stored
        them meanwhile), so that no stored metric is lost. Columns that only the other version
        of the API has are taken over from it, row by row.

        Parameters
        ----------
        piece : Slice
        table : pyarrow.Table
            Columns of the catalogue, the identity columns among them.
        report_id, api : str
            Where it comes from.
        fetched_at : datetime.datetime
            Aware.

        Returns
        -------
        tuple of str
            The columns that the table lacks; empty when it was stored.

        Raises
        ------
        CacheError
            When the file cannot be written; what was there stays.
        """
        if self._closed:
            raise CacheError(f"{self.url} was for one call only, which has ended")
        held = self.lookup(partition)
        if partition.tactic == UNKNOWN_TACTIC and not table.num_rows and held is None:
            return ()  # nothing to tell, and nothing to replace
        if partition.tactic != UNKNOWN_TACTIC:
            self._leave_unknown(partition, table)
        table = self._with_others(held, table, api)
        lacking: list[str] = []

        def has_more() -> list[str]:
            there = self.lookup(partition)
            lacking.extend(c for c in (there.columns if there else ()) if c not in names)
            return lacking

        names = set(table.column_names)
        self._put(partition, table, report_id, fetched_at, api, skip_if=has_more)
        return tuple(lacking)

    def _with_others(self, held: CachedPartition | None, table: pa.Table, api: str) -> pa.Table:
        """A table with the stored columns that this version of the API does not have."""
        if held is None:
            return table
        partition, there = held.partition, set(table.column_names)
        has = there.union(available_metrics(partition.record_type, partition.segment, api))
        others = [name for name in held.columns if name not in has]
        keys = identity_columns(partition.record_type, partition.segment)
        older = self.load(partition, [*keys, *others]) if others else None
        return table if older is None else left_join_columns(table, older, keys)

    def _leave_unknown(self, partition: Partition, table: pa.Table) -> None:
        """Take rows whose tactic is known now out of those of unknown tactic: none counts twice."""
        unknown = partition._replace(tactic=UNKNOWN_TACTIC)
        entry = self.lookup(unknown)
        rows = self.load(unknown, entry.columns) if entry else None
        if entry is None or rows is None:
            return
        keys = identity_columns(partition.record_type, partition.segment)
        rest = anti_join_rows(rows, table, keys)
        if rest.num_rows < rows.num_rows:
            self._put(unknown, rest, entry.report_id, entry.fetched_at, entry.api)

    def _put(
        self,
        partition: Partition,
        table: pa.Table,
        report_id: str,
        fetched_at: datetime,
        api: str,
        skip_if: Callable[[], object] = lambda: False,
    ) -> None:
        """Write the file of a slice, its rows and columns in their order."""
        first = identity_columns(partition.record_type, partition.segment)
        others = [name for name in sort_by_catalogue(table.column_names) if name not in first]
        table = _sorted(table.select([*first, *others]), by=first)
        moment = fetched_at.astimezone(UTC).isoformat()
        with self.storage.atomic_write(partition_path(partition), skip_if) as file:
            write_partition(file, partition, table, report_id=report_id, fetched_at=moment, api=api)

    def bind(self, entries: Iterable[CachedPartition]) -> None:
        """Bind the months of what was read, where that makes reading them again faster.

        Nothing depends on it: where it cannot be written, days are read from their own files.
        """
        if not self.is_temporary:
            with contextlib.suppress(CacheError):
                reading.compact_fragmented(self.storage, entries)

    def compact(self) -> int:
        """Bind the days of every month in one file more, from which they are read faster.

        Calls do so by themselves for the months that they read, so that this is only for the
        first call of a store that was made otherwise. The files of the days stay: the bound
        months, in the folder ``months``, may be deleted at any time.

        Returns
        -------
        int
            How many months were bound that were not, or not as they are now.

        Raises
        ------
        CacheError
            When one cannot be written.
        """
        return reading.compact_fragmented(self.storage, self._entries())

    def campaign_tactics(self, source: str, profile_id: str) -> dict[int, str]:
        """The tactics of a profile's campaigns by id, as far as they are kept."""
        return read_tactics(self.storage, tactics_path(source, profile_id))

    def store_campaign_tactics(
        self, source: str, profile_id: str, tactics: Mapping[int, str]
    ) -> None:
        """Keep the tactics of a profile's campaigns."""
        write_tactics(self.storage, tactics_path(source, profile_id), tactics)

    def close(self) -> None:
        """Take nothing more: the store of a call that keeps nothing is about to go."""
        self._closed = True

    def read(
        self,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        metrics: Sequence[str] | None = None,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> pd.DataFrame:
        """What is stored of these days, without any network and without an account.

        Parameters
        ----------
        record_type, start, end, tactic, segment
            As in `fetch_report`.
        metrics : sequence of str, optional
            By default all that every stored day of the range has.
        profile_id, source : optional
            Whose; may be left out while the store has one only.

        Returns
        -------
        pandas.DataFrame
            As `fetch_report` gives it. Days that are not stored are left out;
            ``attrs["sdanalytics"]`` has the number of ``slices_missing``.

        Raises
        ------
        InvalidRequest
            When a stored day lacks a metric asked for, or it is not clear whose are meant.
        """
        query = ReportQuery.parse(
            record_type, start, end, metrics=metrics, tactic=tactic, segment=segment
        )
        source, profile_id = self._whose(source, profile_id)
        partitions = query.partitions(source, profile_id)
        entries = list(self.lookup_many(partitions).values())
        columns = query.columns if metrics is not None else _common(entries, query)
        profile = self.profile(source, profile_id)
        _refuse_narrow(entries, columns)
        tables = self.load_many(entries, columns)
        self.bind(entries)
        missing = len(partitions) - len(tables)
        tables |= self.load_unknown_tactic(replace(query, metrics=columns), partitions)
        frame = tables_to_frame(tables, columns)
        stored = [(entry.partition.date, entry.fetched_at) for entry in entries]
        frame.attrs["sdanalytics"] = {
            "record_type": record_type,
            "segment": segment,
            "source": source,
            "profile_id": profile_id,
            "currency": profile.currency if profile else None,
            "slices_missing": missing,
            **(restatement_horizons(stored, profile.zone) if profile else {}),
        }
        return frame

    def entries(self) -> pd.DataFrame:
        """What the store has, a row a slice.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]), `rows` (Int64), `columns` (list of str), `fetched_at`
            (datetime64, UTC), `api`, `report_id` (str), `bytes` (Int64, on disk), `path`
            (str); in the order of the first six. Damaged and foreign files are left out:
            `verify` tells of them.
        """
        import pandas as pd

        found = sorted(self._entries(), key=lambda e: e.path)
        text: dict[str, list[str | None]] = {
            "source": [e.partition.source for e in found],
            "profile_id": [e.partition.profile_id for e in found],
            "record_type": [e.partition.record_type for e in found],
            "segment": [e.partition.segment for e in found],
            "tactic": [e.partition.tactic for e in found],
            "api": [e.api for e in found],
            "report_id": [e.report_id for e in found],
            "path": [e.path for e in found],
        }
        columns: dict[str, Any] = {k: string_array(v) for k, v in text.items()}
        columns["date"] = np.array([e.partition.date for e in found], dtype="datetime64[s]")
        columns["rows"] = pd.array([e.rows for e in found], dtype="Int64")
        columns["columns"] = pd.Series([list(e.columns) for e in found], dtype="object")
        moments = pd.to_datetime([e.fetched_at for e in found], utc=True)
        columns["fetched_at"] = moments.as_unit("us")
        columns["bytes"] = pd.array([e.size for e in found], dtype="Int64")
        order = [
            *PARTITION_KEYS,
            "rows",
            "columns",
            "fetched_at",
            "api",
            "report_id",
            "bytes",
            "path",
        ]
        return pd.DataFrame({name: columns[name] for name in order})

    def coverage(
        self,
        record_type: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
        history_days: int = 60,
        now: datetime | None = None,
    ) -> pd.DataFrame:
        """Which days there are, a row a slice; without any network.

        Parameters
        ----------
        record_type, tactic, segment, profile_id, source : optional
            By default all of which the store has anything. A record type that it has nothing
            of, and each tactic that is named, is told of, too.
        start, end : str, date or Timestamp, optional
            Inclusive days. By default, for each line of slices, from the first day stored
            (or else the first that the service still has) to yesterday in the profile's time
            zone (UTC where the profile is not known).
        history_days : int
            How many days back the service reports: 60 in version 2, 65 in version 3.
        now : datetime.datetime, optional
            Aware; the moment to tell of.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]); `state` (ordered category, see below); `rows` (Int64) and
            `fetched_at` (datetime64, UTC), missing where nothing is stored; `is_due` (bool:
            `fetch_report` would fetch it now); in the order of the first six. Damaged and
            foreign files are as absent as they are for calls.

            ``"final"``: stored, and nothing can have changed since; ``"restatable"``: stored
            when its numbers could still change; ``"empty"``: stored, and has no rows;
            ``"missing"``: not stored, the service still has it; ``"gone"``: not stored, and
            the service no longer has it. A restatable day that is not due is fresh enough,
            or can be had no newer.

        Raises
        ------
        InvalidRequest
            For what cannot exist, such as an `end` before `start` or in the future.
        CacheError
            When a folder cannot be listed or a file cannot be opened.
        """
        now = datetime.now(UTC) if now is None else validate_now(now)
        selection = CoverageFilter.parse(
            record_type, start, end, tactic=tactic, segment=segment, profile_id=profile_id,
            source=source, now=now,
        )  # fmt: skip
        history_days = validate_history_days(history_days)
        # Rows of unknown tactic are what is left over of a day, and nothing to wait for.
        partitions = [
            partition for partition in self._partitions() if partition.tactic != UNKNOWN_TACTIC
        ]
        return build_coverage(
            selection, partitions, self.lookup_many, self._zone, history_days, now
        )

    def pending(self) -> pd.DataFrame:
        """The reports that were asked for and are not stored yet, a row a slice.

        Calling `fetch_report` for these days takes up those that nobody follows any more.

        Returns
        -------
        pandas.DataFrame
            `source`, `profile_id`, `record_type`, `segment`, `tactic` (str), `date`
            (datetime64[s]), `columns` (list of str), `report_id` (str, missing while the
            service has not named it), `api` (str), `asked_at` (datetime64, UTC) and
            `is_followed` (bool: a call is at it); in the order of the first six.

        Raises
        ------
        CacheError
            When the ledger of the store cannot be read.
        """
        import pandas as pd

        rows = [row for row in ledger.read_all(self.storage.state_dir) if not self._has_come(row)]
        columns: dict[str, Any] = {}
        for name in (*PARTITION_KEYS, "report_id", "api"):
            columns[name] = string_array(row[name] for row in rows)
        columns["segment"] = string_array(_segment_of(row["segment"]) for row in rows)
        columns["date"] = np.array([row["date"] for row in rows], dtype="datetime64[s]")
        lists = [json.loads(row["columns"]) for row in rows]
        columns["columns"] = pd.Series(lists, dtype="object")
        columns["asked_at"] = pd.DatetimeIndex(
            [row["asked_at"] for row in rows], dtype="datetime64[us, UTC]"
        )
        columns["is_followed"] = np.array([row["is_followed"] for row in rows], dtype="bool")
        order = [*PARTITION_KEYS, "columns", "report_id", "api", "asked_at", "is_followed"]
        return pd.DataFrame({name: columns[name] for name in order})

    def remove(
        self,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        profile_id: int | str | None = None,
        source: str | None = None,
    ) -> int:
        """Delete what is stored of these days; how many slices there were.

        Days that the service no longer has cannot be fetched again. Parameters are those
        of `read`.
        """
        query = ReportQuery.parse(record_type, start, end, tactic=tactic, segment=segment)
        removed = 0
        partitions = query.partitions(*self._whose(source, profile_id))
        for partition in partitions:
            with contextlib.suppress(FileNotFoundError):
                self.storage.remove(partition_path(partition))
                removed += 1
        # Copies of what was removed, which are void in any case.
        for month in dict.fromkeys(map(MonthKey.from_partition, partitions)):
            with contextlib.suppress(FileNotFoundError, CacheError):
                self.storage.remove(month.place)
        return removed

    def verify(self) -> pd.DataFrame:
        """Read every file, whole, and tell of those that are bad.

        Damaged and foreign files are absent to calls, which replace them; files that cannot
        be opened end a call with a `CacheError`.

        Returns
        -------
        pandas.DataFrame
            `path` and `problem` (str), a row a file; no rows when all is well.

        Raises
        ------
        CacheError
            When a folder cannot be listed.
        """
        return self._problems_frame(upkeep.find_problems(self.storage)).drop(columns="moved_to")

    def repair(self) -> pd.DataFrame:
        """Move aside what `verify` tells of, so that it is fetched anew; nothing is deleted.

        It goes to the folder ``damaged`` of the store, under the same path and a name that
        nothing had before. What was left, unfinished, by processes that were killed more than
        an hour ago is removed.

        Returns
        -------
        pandas.DataFrame
            `path`, `problem` and `moved_to` (str), a row a file.

        Raises
        ------
        CacheError
            When something could not be moved; all else was.
        """
        return self._problems_frame(upkeep.quarantine(self.storage))

    def check_writable(self) -> None:
        """Make sure that reports can be stored, before they are asked for.

        Raises
        ------
        CacheError
            When they cannot: the folder may not be written to, or there is no room.
        """
        self.storage.check_writable()

    def profile(self, source: str, profile_id: str) -> Profile | None:
        """The facts kept of a profile; None for nothing, or what is damaged.

        Raises
        ------
        CacheError
            When there is something that cannot be read.
        """
        with contextlib.suppress(*CACHE_MISS_ERRORS):
            return read_profile(self.storage, profile_path(source, profile_id))
        return None

    def store_profile(self, source: str, profile: Profile) -> None:
        """Keep the facts of a profile, so that stored days can be served without network."""
        place = profile_path(source, profile.profile_id)
        with self.storage.atomic_write(place) as file:
            file.write(json.dumps(profile.to_json(), indent=1).encode())

    def sql(
        self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """What is stored, by SQL (DuckDB's), without any network; nothing is changed by it.

        Parameters
        ----------
        query : str
            One ``select``. Its tables are ``campaigns``, ``adGroups``, ``productAds``,
            ``targets`` and ``asins``, and by matched target ``campaigns_matchedTarget``,
            ``adGroups_matchedTarget`` and ``targets_matchedTarget``; each has all days of all
            profiles that are stored. Their columns are `source`, `profile_id`, `tactic`
            (VARCHAR), `date` (DATE), the identity columns, then every metric that the report
            has in either version (BIGINT, DOUBLE or VARCHAR); null where a day is stored
            without it. Only files are read that may pass what the query asks of `source`,
            `profile_id`, `tactic` and `date`.
        parameters : sequence or mapping, optional
            Values for each ``?``, or by name for each ``$name``.

        Returns
        -------
        pandas.DataFrame
            Columns as they are named in the query, rows in no order but its own. Whole
            numbers as ``Int64``, others as ``float64``, text as ``str``, days and times as
            ``datetime64[s]``, truth as ``boolean``; whatever the data, no rows included.

        Raises
        ------
        NotConfigured
            When DuckDB is not installed.
        InvalidRequest
            For what DuckDB refuses, with its words: queries that read or write anything but
            these tables, too. Also when a whole number needs more than 64 bits.
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

    def _has_come(self, row: Mapping[str, Any]) -> bool:
        """Whether what the ledger has is stored: its call ended before it could strike it out."""
        entry = self.lookup(Partition.from_keys(row)) if row["report_id"] else None
        return entry is not None and entry.report_id == row["report_id"]

    def _problems_frame(self, problems: Iterable[Problem]) -> pd.DataFrame:
        import pandas as pd

        told, name = list(problems), self.storage.display_name
        return pd.DataFrame(
            {
                "path": string_array(name(problem.place) for problem in told),
                "problem": string_array(problem.told for problem in told),
                "moved_to": string_array(name(problem.moved_to or "") for problem in told),
            }
        )

    def _entries(self) -> Iterable[CachedPartition]:
        return self.lookup_many(self._partitions()).values()

    def _partitions(self) -> Iterator[Partition]:
        """The slices in whose place there is something."""
        for place, *_ in self.storage.walk(REPORTS):
            with contextlib.suppress(InvalidFile):
                yield parse_partition_path(place)

    def _zone(self, source: str, profile_id: str) -> ZoneInfo:
        """The time zone of a profile; UTC where that is not known."""
        profile = self.profile(source, profile_id)
        return profile.zone if profile else ZoneInfo("UTC")

    def _has_reports(self, whose: tuple[str, str]) -> bool:
        """Whether there is any file of a profile."""
        source, profile_id = whose
        folder = f"{REPORTS}/source={encode_source(source)}/profile_id={profile_id}"
        return any(True for _ in self.storage.walk(folder))

    def _whose(self, source: str | None, profile_id: int | str | None) -> tuple[str, str]:
        """The one profile that is meant."""
        known = [
            (decode_source(name), each)
            for name, folder in list_hive_values(self.storage, "source", REPORTS).items()
            for each in list_hive_values(self.storage, "profile_id", folder)
        ]
        fitting = [
            (s, p)
            for s, p in known
            if source in (None, s) and (profile_id is None or str(profile_id) == p)
        ]
        if len(fitting) > 1:  # object storage keeps the folders of what was removed
            fitting = list(islice(filter(self._has_reports, fitting), 2))
        if len(fitting) == 1:
            return fitting[0]
        if source is not None and profile_id is not None:
            return source, str(profile_id)
        there_are = ", ".join(f"source={s!r} profile_id={p!r}" for s, p in known) or "nothing"
        raise InvalidRequest(
            f"say whose reports are meant with profile_id= and source=; {self.url} has {there_are}"
        )


def _segment_of(text: str) -> str | None:
    return None if text == "none" else text


def tables_to_frame(tables: dict[Partition, pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    """The tables of slices as one frame.

    They are given up, column by column: all of both are never in memory together.
    """

    def given_up() -> pa.Table:
        table = concat_partitions(tables, columns)
        tables.clear()
        return table

    return table_to_frame(given_up())


def concat_partitions(tables: dict[Partition, pa.Table], columns: Sequence[str]) -> pa.Table:
    """The tables of slices as one, by day and tactic, with these in front."""
    tables = dict(sorted(tables.items(), key=lambda item: (item[0].date, item[0].tactic)))
    rows = [table.num_rows for table in tables.values()]
    days = np.array([partition.date for partition in tables], dtype="datetime64[s]")
    tactics = sorted({partition.tactic for partition in tables})
    codes = np.array([tactics.index(partition.tactic) for partition in tables], dtype="int8")
    tactic = pa.DictionaryArray.from_arrays(np.repeat(codes, rows), pa.array(tactics, pa.string()))
    table = pa.concat_tables(tables.values() or [arrow_schema(columns).empty_table()])
    table = table.add_column(0, "tactic", tactic)
    dates = pa.array(np.repeat(days, rows).view("int64")).view(pa.timestamp("s"))  # no copy
    return table.add_column(0, "date", dates)


def _sorted(table: pa.Table, by: Sequence[str]) -> pa.Table:
    """The rows in order, missing values last; large reports are not copied as a whole first."""
    keys = [(column, "ascending") for column in by]
    order = pc.sort_indices(table.select(list(by)), keys)
    return table.take(order)


def _common(entries: Sequence[CachedPartition], query: ReportQuery) -> tuple[str, ...]:
    """The columns that all these have, in the order of a call without `metrics`."""
    if not entries:
        return query.columns
    shared = set.intersection(*map(set, {entry.columns for entry in entries}))
    order = dict.fromkeys([*query.columns, *entries[0].columns])
    return tuple(column for column in order if column in shared)


def _refuse_narrow(entries: Iterable[CachedPartition], columns: tuple[str, ...]) -> None:
    for entry in entries:
        if not entry.has_columns(columns):
            lacking = [column for column in columns if column not in entry.columns]
            raise InvalidRequest(
                f"{entry.partition} is stored without {', '.join(lacking)}; "
                "fetch_report with these metrics adds them"
            )


def _storage_at(name: str, filesystem: object) -> Storage:
    """Where the store is that a path or an address means."""
    if re.match(r"[a-z][a-z0-9+.]+:/(?!/)", name):
        raise InvalidRequest(f"{name!r} was an address, but paths hold none: pass it as text")
    if filesystem is not None or is_url(name):
        return ObjectStorage(name, filesystem)
    return LocalStorage(Path(name).expanduser().absolute())


def _default_path() -> Path:
    import platformdirs

    return platformdirs.user_data_path("sdanalytics", appauthor=False)
