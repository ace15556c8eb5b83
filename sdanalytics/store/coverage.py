"""Which days of which reports there are: stored, missing, or gone from the service."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from sdanalytics.errors import InvalidRequest
from sdanalytics.model.dtypes import string_array
from sdanalytics.model.metrics import TACTICS
from sdanalytics.model.partition import PARTITION_KEYS, Partition, PartitionSeries
from sdanalytics.model.query import DateLike, ReportQuery, latest_local_date
from sdanalytics.store.freshness import age_in_days, is_final, is_fresh
from sdanalytics.store.parquet_file import CachedPartition

if TYPE_CHECKING:
    import pandas as pd

COVERAGE_STATES: Final = ("final", "restatable", "empty", "missing", "gone")

_DAY: Final = timedelta(1)


@dataclass(frozen=True)
class CoverageFilter:
    """What is looked at; `Selection.of` makes one from whatever a user passes.

    Attributes
    ----------
    record_type, segment, source, profile_id : str or None
        None for all that there are.
    tactics : tuple of str
        Empty for all that there are.
    start, end : datetime.date or None
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
        """Check what a user asked for; raise `InvalidRequest` for what cannot exist."""
        query = ReportQuery.parse(
            "campaigns" if record_type is None else record_type,
            date.min if start is None else start,
            date.max if end is None else end,
            tactic=tactic,
            segment=segment,
        )
        last = query.start if end is None else query.end
        replace(query, end=last).ensure_not_future(latest_local_date(now), "where it is latest")
        return cls(
            record_type=record_type,
            segment=segment,
            tactics=() if tactic is None else query.tactics,
            source=source,
            profile_id=None if profile_id is None else str(profile_id),
            start=None if start is None else query.start,
            end=None if end is None else query.end,
        )

    def lines(self, partitions: Iterable[Partition]) -> list[PartitionSeries]:
        """The lines that are meant, in order, of a store that has these slices."""
        theirs = {
            PartitionSeries.from_partition(partition)
            for partition in partitions
            if self._is_theirs(partition)
        }
        chosen = {each for each in theirs if self._is_chosen(each)}
        if self.record_type is not None:
            chosen |= set(self._unknown(self.record_type, theirs, chosen))
        if self.tactics:
            chosen = {each._replace(tactic=tactic) for each in chosen for tactic in self.tactics}
        return sorted(chosen, key=lambda each: [part or "" for part in each])

    def days(self, stored: Collection[date], today: date, history_days: int) -> list[date]:
        """The days of a line of which these are stored, none of them to come."""
        kept = min(stored, default=today - history_days * _DAY)
        first = kept if self.start is None else self.start
        last = max(today - _DAY, self.start or date.min) if self.end is None else self.end
        return [first + n * _DAY for n in range((min(last, today) - first).days + 1)]

    def _is_theirs(self, partition: Partition) -> bool:
        return self.source in (None, partition.source) and self.profile_id in (
            None,
            partition.profile_id,
        )

    def _is_chosen(self, line: PartitionSeries) -> bool:
        is_kind = self.record_type in (None, line.record_type)
        return is_kind and self.segment in (None, line.segment)

    def _unknown(
        self, record_type: str, theirs: Iterable[PartitionSeries], chosen: Iterable[PartitionSeries]
    ) -> Iterator[PartitionSeries]:
        """Of profiles that have nothing of a record type: both tactics of it."""
        profiles = {each[:2] for each in theirs}
        if self.source is not None and self.profile_id is not None:
            profiles.add((self.source, self.profile_id))
        for profile in profiles - {each[:2] for each in chosen}:
            for tactic in TACTICS:
                yield PartitionSeries(*profile, record_type, self.segment, tactic)


def build_coverage(
    selection: CoverageFilter,
    partitions: Collection[Partition],
    lookup_many: Callable[[Iterable[Partition]], Mapping[Partition, CachedPartition]],
    zone_of: Callable[[str, str], ZoneInfo],
    history_days: int,
    now: datetime,
) -> pd.DataFrame:
    """The frame of `ReportCache.coverage`: a row a line and day.

    Parameters
    ----------
    selection : Selection
    pieces : collection of Slice
        Of which the store has a file.
    lookup_all, zone_of : callable
        What is stored of slices; the time zone of a source's profile.
    history_days : int
    now : datetime
        Aware.
    """
    stored: dict[PartitionSeries, set[date]] = {}
    for partition in partitions:
        stored.setdefault(PartitionSeries.from_partition(partition), set()).add(partition.date)
    lines = selection.lines(partitions)
    zones = {whose: zone_of(*whose) for whose in {line[:2] for line in lines}}
    days: dict[PartitionSeries, list[date]] = {}
    for line in lines:
        today = now.astimezone(zones[line[:2]]).date()
        days[line] = selection.days(stored.get(line, set()), today, history_days)
    there = ((line, day) for line in lines for day in days[line] if day in stored.get(line, ()))
    entries = lookup_many(line.partition(day) for line, day in there)
    rows: list[tuple[Any, ...]] = []
    for line in lines:
        for day in days[line]:
            entry = entries.get(line.partition(day))
            rows.append((*line, day, *_standing(day, entry, now, zones[line[:2]], history_days)))
    return _frame(rows)


def validate_now(now: object) -> datetime:
    """`now`, if it is an aware datetime."""
    if isinstance(now, datetime) and now.tzinfo is not None:
        return now
    raise InvalidRequest(f"now={now!r} is no datetime with a time zone")


def validate_history_days(days: object) -> int:
    """A number of days that the service may keep."""
    if isinstance(days, int) and not isinstance(days, bool) and days >= 0:
        return days
    raise InvalidRequest(f"history_days={days!r} is no whole number of days, such as 60")


def _standing(
    day: date, entry: CachedPartition | None, now: datetime, zone: ZoneInfo, history_days: int
) -> tuple[str, int | None, datetime | None, bool]:
    """The state of a day, its rows, when it was fetched, and whether it is due."""
    if entry is None:
        is_gone = age_in_days(day, now, zone) > history_days
        return "gone" if is_gone else "missing", None, None, not is_gone
    state = "final" if is_final(day, entry.fetched_at, now, zone) else "restatable"
    is_due = not is_fresh(day, entry.fetched_at, now, zone, history_days)
    return state if entry.rows else "empty", entry.rows, entry.fetched_at, is_due


def _frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    names = [*PARTITION_KEYS, "state", "rows", "fetched_at", "is_due"]
    values = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
    columns: dict[str, Any] = {name: string_array(values[name]) for name in PARTITION_KEYS}
    columns["date"] = np.array(values["date"], dtype="datetime64[s]")
    states = pd.CategoricalDtype(pd.Index(COVERAGE_STATES, dtype="str"), ordered=True)
    columns["state"] = pd.Categorical(values["state"], dtype=states)
    columns["rows"] = pd.array(values["rows"], dtype="Int64")
    columns["fetched_at"] = pd.to_datetime(list(values["fetched_at"]), utc=True).as_unit("us")
    columns["is_due"] = np.array(values["is_due"], dtype="bool")
    return pd.DataFrame(columns)
