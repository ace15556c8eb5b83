"""Months of days bound together, so that a year is read from a dozen files, not hundreds.

::

    <root>/months/source=NA/profile_id=123/record_type=campaigns/segment=none/
        tactic=T00020/2026-10.month

Every file costs time, however small it is. So the days of a month are copied into one more
file, beside the reports. The files of the days stay what they are, the truth: a bound month
says of each of its days which very file it was made from (its inode, length, and time of
change), and counts for that day only while that file is there. So nothing in it is ever out of
date, whoever stores or removes a day, and it may be deleted at any time. It is parquet, but
not named so: whatever reads a store by its ``*.parquet`` files meets each row once.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.errors import CacheError
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import identity_columns, sort_by_catalogue
from sdanalytics.model.partition import Partition, PartitionSeries
from sdanalytics.store.backends.base import FileStamp, Storage
from sdanalytics.store.layout import (
    CACHE_MISS_ERRORS,
    REPORT_FILENAME,
    REPORTS,
    InvalidFile,
    parse_partition_path,
    partition_path,
    series_path,
)
from sdanalytics.store.parquet_file import (
    METADATA_KEY,
    CachedPartition,
    matches_checksum,
    open_parquet,
    open_partition,
    read_columns,
)

COMPACTED_DIR: Final = "months"
MAX_COMPACTED_ROWS: Final = 10_000
"""Rows of a day that is not bound: its own file is read as fast."""
MIN_DAYS_TO_COMPACT: Final = 4
"""Days of a month in files of their own from which on it is bound anew."""
_SCHEMA_VERSION: Final = 1
_SUFFIX: Final = ".month"
_ABSENT: Final = (*CACHE_MISS_ERRORS, CacheError)
"""What is as if a month were not bound: its days have files of their own."""
_SETTLED: Final = 20 * 60 * 10**9
"""Nanoseconds after which a file without an inode has no other of the same stamp: those of
object storage tell whole seconds, by a clock of its own, from which S3 allows ours to differ
by a quarter of an hour."""

T = TypeVar("T")

Stamps = Mapping[Partition, FileStamp]


class MonthKey(NamedTuple):
    """A month of a line of slices: what is bound together."""

    line: PartitionSeries
    name: str

    @classmethod
    def from_partition(cls, partition: Partition) -> MonthKey:
        """That of a slice."""
        return cls(PartitionSeries.from_partition(partition), partition.date.isoformat()[:7])

    @property
    def place(self) -> str:
        """Where its file is, from the root of the store."""
        return f"{COMPACTED_DIR}/{series_path(self.line)}/{self.name}{_SUFFIX}"


class _Day(NamedTuple):
    """A day that is bound: what its own file says, and its first row."""

    entry: CachedPartition
    start: int


def group_by_month(found: Iterable[tuple[Partition, T]]) -> dict[MonthKey, dict[Partition, T]]:
    """What there is of slices, by what they are bound in."""
    groups: dict[tuple[object, int, int], dict[Partition, T]] = {}
    for partition, what in found:
        day = partition.date
        # A month is made of each group, not of each slice: stores have many of these.
        groups.setdefault((partition[:-1], day.year, day.month), {})[partition] = what
    return {MonthKey.from_partition(next(iter(group))): group for group in groups.values()}


def compacted_entries(
    storage: Storage, month: MonthKey, stamps: Stamps
) -> dict[Partition, CachedPartition]:
    """What a bound month says of those slices whose files have these stamps."""
    folder = month.place.rpartition("/")[0]
    with contextlib.suppress(*_ABSENT):
        bound = storage.stat_many(folder, [month.place]).get(month.place)
        days = _days_at(storage, month, bound) if bound else {}
        return {partition: day.entry for partition, day in _counting(days, stamps)}
    return {}


def compacted_rows(
    storage: Storage, month: MonthKey, stamps: Stamps, columns: Sequence[str]
) -> dict[Partition, pa.Table]:
    """The rows of those slices that a bound month has, with those of these columns they have.

    None for few slices: a whole month would be read, and kept in memory, for them.
    """
    if len(stamps) < MIN_DAYS_TO_COMPACT:
        return {}
    with contextlib.suppress(*_ABSENT), _opened(storage, month) as (days, file):
        counting = dict(_counting(days, stamps))
        widths = {day.entry.columns for day in counting.values()}
        stored = set().union(*widths)
        rows = read_columns(file, [name for name in columns if name in stored], use_threads=False)
        parts = {width: _narrowed(rows, width) for width in widths}
        return {
            partition: parts[day.entry.columns].slice(day.start, day.entry.rows)
            for partition, day in counting.items()
        }
    return {}


def _narrowed(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    return rows.select([name for name in rows.column_names if name in columns])


def is_unique_fingerprint(stamp: FileStamp) -> bool:
    """Whether no file that takes the place of one can have its stamp."""
    return stamp.inode > 0 or 0 < stamp.modified < time.time_ns() - _SETTLED


def compact_month(storage: Storage, month: MonthKey, stamps: Stamps) -> None:
    """Copy the days of a month whose files have these stamps into one file.

    Those are left out that are large, damaged, or too new for their stamps to tell; few are not
    bound at all.

    Raises
    ------
    CacheError
        When that cannot be written.
    """
    days: list[tuple[CachedPartition, FileStamp, pa.Table]] = []
    # Opened first: where nothing can be written, nothing is read in vain.
    with storage.atomic_write(month.place, skip_if=lambda: len(days) < MIN_DAYS_TO_COMPACT) as file:
        days += _days_to_bind(storage, stamps)
        _write(file, month, days)


def validate_month(storage: Storage, place: str) -> None:
    """Raise `Unusable` when a file is no bound month, or its days are not what was stored."""
    month = parse_month_path(place)
    with _opened(storage, month) as (days, file):
        rows = read_columns(file, file.schema_arrow.names)
        for day in days.values():
            own = rows.slice(day.start, day.entry.rows).select(day.entry.columns)
            if not matches_checksum(own, day.entry):
                raise InvalidFile(
                    f"damaged: its rows of {day.entry.partition} are not what was stored"
                )


def parse_month_path(place: str) -> MonthKey:
    """What is bound in a file of that place; `Unusable` for a place that no such file has."""
    folder, _, name = place.removeprefix(f"{COMPACTED_DIR}/").rpartition("/")
    partition = parse_partition_path(
        f"{REPORTS}/{folder}/date={name.removesuffix(_SUFFIX)}-01/{REPORT_FILENAME}"
    )
    month = MonthKey.from_partition(partition)
    if month.place != place:
        raise InvalidFile("foreign: no bound month")
    return month


def _counting(days: Mapping[Partition, _Day], stamps: Stamps) -> Iterator[tuple[Partition, _Day]]:
    """Those slices with these stamps that were bound from just these files."""
    for partition, stamp in stamps.items():
        day = days.get(partition)
        if day is not None and day.entry.stamp == stamp:
            yield partition, day


@contextlib.contextmanager
def _opened(
    storage: Storage, month: MonthKey
) -> Iterator[tuple[Mapping[Partition, _Day], pq.ParquetFile]]:
    """The days of a bound month, and its file."""
    with storage.open(month.place) as raw:
        file, metadata = open_parquet(raw)
        days = _days_of(storage, month, metadata)
        if file.metadata.num_rows != sum(day.entry.rows for day in days.values()):
            raise InvalidFile("damaged: other rows than its metadata say")
        yield days, file


# Asking for the same days again is what stores are for. A file that is replaced between the
# look at its stamp and the look at it does no harm: days have stamps of their own.
@lru_cache(maxsize=256)
def _days_at(storage: Storage, month: MonthKey, stamp: FileStamp) -> Mapping[Partition, _Day]:
    with _opened(storage, month) as (days, _):
        return days


@lru_cache(maxsize=256)
def _days_of(storage: Storage, month: MonthKey, metadata: bytes) -> Mapping[Partition, _Day]:
    try:
        return _read_facts(storage, month, json.loads(metadata))
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidFile(f"foreign: its metadata are of no bound month ({error})") from None


def _read_facts(
    storage: Storage, month: MonthKey, facts: dict[str, Any]
) -> Mapping[Partition, _Day]:
    if facts["schema"] != _SCHEMA_VERSION:
        raise ValueError(f"schema {facts['schema']}")
    if facts["month"] != _name_of(month):
        raise ValueError(f"it is of {facts['month']}")
    days: dict[Partition, _Day] = {}
    start = 0
    for told in facts["days"]:
        partition = month.line.partition(date.fromisoformat(told["date"]))
        place = partition_path(partition)
        inode, size, modified = map(int, told["stamp"])
        entry = CachedPartition(
            partition=partition,
            path=storage.display_name(place),
            size=size,
            columns=tuple(facts["columns"][told["columns"]]),
            rows=int(told["rows"]),
            fetched_at=datetime.fromisoformat(told["fetched_at"]),
            report_id=str(told["report_id"]),
            api=str(told["api"]),
            checksum=told["checksum"],
            stamp=FileStamp(place, size, modified, inode),
        )
        days[partition] = _Day(entry, start)
        start += entry.rows
    return days


def _name_of(month: MonthKey) -> list[str | None]:
    return [*month.line, month.name]


def _days_to_bind(
    storage: Storage, stamps: Stamps
) -> Iterator[tuple[CachedPartition, FileStamp, pa.Table]]:
    for partition, stamp in sorted(stamps.items()):
        with contextlib.suppress(*_ABSENT), open_partition(storage, partition) as (entry, file):
            if entry.rows <= MAX_COMPACTED_ROWS and is_unique_fingerprint(stamp):
                yield entry, stamp, read_columns(file, entry.columns)


def _write(
    file: IO[bytes], month: MonthKey, days: Sequence[tuple[CachedPartition, FileStamp, pa.Table]]
) -> None:
    sets = list(dict.fromkeys(entry.columns for entry, _, _ in days))
    facts = {
        "schema": _SCHEMA_VERSION,
        "month": _name_of(month),
        "columns": sets,
        "days": [_facts_of_day(entry, stamp, sets) for entry, stamp, _ in days],
    }
    first = identity_columns(month.line.record_type, month.line.segment)
    names = dict.fromkeys([*first, *sort_by_catalogue({name for names in sets for name in names})])
    empty = arrow_schema(list(names)).empty_table()
    table = pa.concat_tables([empty, *(t for *_, t in days)], promote_options="default")
    # It is made and read often, and disks are cheap: lz4 is faster both ways. Arrow's own schema
    # says nothing that parquet's does not, and would hold the facts once more.
    with pq.ParquetWriter(
        file,
        table.schema,
        compression="lz4",
        write_statistics=False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(facts)})


def _facts_of_day(
    entry: CachedPartition, stamp: FileStamp, sets: Sequence[tuple[str, ...]]
) -> dict[str, Any]:
    return {
        "date": entry.partition.date.isoformat(),
        "rows": entry.rows,
        "columns": sets.index(entry.columns),
        "fetched_at": entry.fetched_at.isoformat(),
        "report_id": entry.report_id,
        "api": entry.api,
        "checksum": entry.checksum,
        "stamp": [stamp.inode, stamp.size, stamp.modified],
    }
