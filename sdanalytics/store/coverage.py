"""Coverage: which days of which reports are stored, missing, or unavailable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sdanalytics.errors import InvalidRequest
from sdanalytics.model.frames import frame_from_records
from sdanalytics.model.partition import (
    COVERAGE_STATES,
    PARTITION_KEYS,
    Partition,
    PartitionSeries,
    ProfileKey,
)
from sdanalytics.model.query import DateLike, ReportQuery, latest_local_date
from sdanalytics.model.record_types import list_tactics
from sdanalytics.store.freshness import FreshnessPolicy
from sdanalytics.store.parquet_file import CachedPartition

if TYPE_CHECKING:
    import pandas as pd

Record = tuple[object, ...]

_DAY = timedelta(1)


@dataclass(frozen=True)
class CoverageFilter:
    """The series and days of a coverage; `parse` makes one from a user's parameters.

    Attributes
    ----------
    record_type, segment, source, profile_id : str or None
        None for all that are stored.
    tactics : tuple of str
        Empty for all that are stored.
    start, end : datetime.date or None
        None: from the first day stored; up to yesterday.
    """

    record_type: str | None
    segment: str | None
    tactics: tuple[str, ...]
    source: str | None
    profile_id: str | None
    start: date | None
    end: date | None

    @classmethod
    def parse(
        cls,
        record_type: str | None,
        start: DateLike | None,
        end: DateLike | None,
        *,
        tactic: str | Sequence[str] | None,
        segment: str | None,
        profile_id: int | str | None,
        source: str | None,
        now: datetime,
    ) -> CoverageFilter:
        """Validate a user's parameters; raise `InvalidRequest` for impossible ones."""
        query = ReportQuery.parse(
            "campaigns" if record_type is None else record_type,
            date.min if start is None else start,
            date.max if end is None else end,
            tactic=tactic,
            segment=segment,
        )
        last = query.start if end is None else query.end
        bounded = replace(query, end=last)
        today = latest_local_date(now)
        bounded.ensure_not_future(today, "where it is latest")
        return cls(
            record_type=record_type,
            segment=segment,
            tactics=() if tactic is None else query.tactics,
            source=source,
            profile_id=None if profile_id is None else str(profile_id),
            start=None if start is None else query.start,
            end=None if end is None else query.end,
        )

    def series(self, stored: Iterable[PartitionSeries]) -> list[PartitionSeries]:
        """Return the series to report on, in order, of a store that has these."""
        of_profiles = [series for series in stored if self._matches_profile(series)]
        chosen = {series for series in of_profiles if self._matches_report(series)}
        if self.record_type is not None:
            missing = self._missing_series(self.record_type, of_profiles, chosen)
            chosen.update(list(missing))
        if self.tactics:
            chosen = set(self._with_tactics(chosen))
        return sorted(chosen, key=_none_first)

    def days(self, stored: Collection[date], today: date, history_days: int) -> list[date]:
        """Return the days to report on, none in the future, of a series that has these stored."""
        first = self.start
        if first is None:
            oldest_available = today - history_days * _DAY
            first = min(stored, default=oldest_available)
        last = self.end
        if last is None:
            last = today - _DAY
            if self.start is not None:
                last = max(last, self.start)
        last = min(last, today)
        days: list[date] = []
        while first <= last:
            days.append(first)
            first += _DAY
        return days

    def _matches_profile(self, series: PartitionSeries) -> bool:
        is_source = self.source in (None, series.source)
        is_profile = self.profile_id in (None, series.profile_id)
        return is_source and is_profile

    def _matches_report(self, series: PartitionSeries) -> bool:
        is_record_type = self.record_type in (None, series.record_type)
        is_segment = self.segment in (None, series.segment)
        return is_record_type and is_segment

    def _missing_series(
        self,
        record_type: str,
        stored: Iterable[PartitionSeries],
        chosen: Iterable[PartitionSeries],
    ) -> Iterator[PartitionSeries]:
        """Yield all tactics of a record type, for the profiles without any partition of it."""
        profiles = {series.profile for series in stored}
        if self.source is not None and self.profile_id is not None:
            named = ProfileKey(self.source, self.profile_id)
            profiles.add(named)
        profiles -= {series.profile for series in chosen}
        for profile in profiles:
            for tactic in list_tactics(record_type):
                yield PartitionSeries(*profile, record_type, self.segment, tactic)

    def _with_tactics(self, chosen: Iterable[PartitionSeries]) -> Iterator[PartitionSeries]:
        for series in chosen:
            known = list_tactics(series.record_type)
            for tactic in self.tactics:
                if tactic in known:
                    yield series._replace(tactic=tactic)


def _none_first(series: PartitionSeries) -> list[str]:
    return [value or "" for value in series]


def build_coverage(
    selection: CoverageFilter,
    partitions: Iterable[Partition],
    lookup_many: Callable[[Iterable[Partition]], Mapping[Partition, CachedPartition]],
    policy_for: Callable[[ProfileKey, str], FreshnessPolicy],
) -> pd.DataFrame:
    """Build the frame of `ReportCache.coverage`: a row for every day of every series.

    Parameters
    ----------
    selection : CoverageFilter
    partitions : iterable of Partition
        Those that the store has a file of.
    lookup_many : callable
        Reads the metadata of partitions.
    policy_for : callable
        Returns the freshness policy of a profile and record type.
    """
    stored: dict[PartitionSeries, set[date]] = {}
    for partition in partitions:
        series = PartitionSeries.from_partition(partition)
        stored.setdefault(series, set()).add(partition.date)
    policies: dict[tuple[ProfileKey, str], FreshnessPolicy] = {}
    requested: list[Partition] = []
    present: list[Partition] = []
    for series in selection.series(stored):
        key = (series.profile, series.record_type)
        if key not in policies:
            policies[key] = policy_for(*key)
        policy = policies[key]
        stored_days = stored.get(series, set())
        days = selection.days(stored_days, policy.today, policy.history_days)
        for day in days:
            partition = series.partition(day)
            requested.append(partition)
            if day in stored_days:
                present.append(partition)
    cached = lookup_many(present)
    records: list[Record] = []
    for partition in requested:
        policy = policies[partition.profile, partition.record_type]
        entry = cached.get(partition)
        state = _partition_state(partition.date, entry, policy)
        records.append((*partition, *state))
    return frame_from_records(records, _coverage_dtypes())


def _partition_state(
    day: date, cached: CachedPartition | None, policy: FreshnessPolicy
) -> tuple[str, int | None, datetime | None, bool]:
    """Return the state of a day, its rows, when it was fetched, and whether it is due."""
    if cached is None:
        if policy.is_unavailable(day):
            return "gone", None, None, False
        return "missing", None, None, True
    is_due = not policy.is_fresh(day, cached.fetched_at)
    if not cached.rows:
        state = "empty"
    elif policy.is_final(day, cached.fetched_at):
        state = "final"
    else:
        state = "restatable"
    return state, cached.rows, cached.fetched_at, is_due


def _coverage_dtypes() -> dict[str, object]:
    import pandas as pd

    states = pd.Index(COVERAGE_STATES, dtype="str")
    dtypes: dict[str, object] = dict.fromkeys(PARTITION_KEYS, "str")
    dtypes["date"] = "datetime64[s]"
    dtypes["state"] = pd.CategoricalDtype(states, ordered=True)
    dtypes["rows"] = "Int64"
    dtypes["fetched_at"] = "datetime64[us, UTC]"
    dtypes["is_due"] = "bool"
    return dtypes


def validate_now(now: object) -> datetime:
    """Return `now` if it is an aware datetime; else raise `InvalidRequest`."""
    if isinstance(now, datetime) and now.tzinfo is not None:
        return now
    raise InvalidRequest(f"now must be a datetime with a time zone, got {now!r}")


def validate_history_days(days: object) -> int:
    """Return `days` if it is a number of days; else raise `InvalidRequest`."""
    if isinstance(days, int) and not isinstance(days, bool) and days >= 0:
        return days
    raise InvalidRequest(
        f"history_days must be a whole number of days, such as 60 or 65, got {days!r}"
    )
