"""Where everything is in a store: partitions, profiles, and back from a path to its partition."""

from __future__ import annotations

import os
from datetime import date
from functools import lru_cache
from typing import Final

from sdanalytics.model.partition import NO_SEGMENT, PARTITION_KEYS, Partition, PartitionSeries
from sdanalytics.store.backends.base import Storage

REPORTS: Final = "reports"
PROFILES: Final = "profiles"
REPORT_FILENAME: Final = "report.parquet"


class InvalidFile(Exception):
    """A file that is not what its place says; the message tells why."""


CACHE_MISS_ERRORS: Final = (InvalidFile, FileNotFoundError)
"""What is as if it were not there: it is fetched, and replaces what there is."""


def partition_path(partition: Partition) -> str:
    """Where the file of a slice is, from the root of the store."""
    return series_day_path(PartitionSeries.from_partition(partition), partition.date)


def series_day_path(line: PartitionSeries, day: date) -> str:
    """Where the file of a line's day is."""
    return f"{REPORTS}/{series_path(line)}/date={day}/{REPORT_FILENAME}"


@lru_cache(maxsize=1024)
def series_path(line: PartitionSeries) -> str:
    """The folder of a line of slices, from that of all."""
    values = (encode_source(line.source), *line[1:])
    levels = zip(PARTITION_KEYS, values, strict=False)
    return "/".join(f"{level}={value or NO_SEGMENT}" for level, value in levels)


def profile_path(source: str, profile_id: str) -> str:
    """Where the facts of a profile are."""
    return f"{PROFILES}/source={encode_source(source)}/profile_id={profile_id}.json"


def parse_partition_path(place: str) -> Partition:
    """The slice whose place, from the root of the store, that is."""
    values = dict(part.partition("=")[::2] for part in place.split("/")[1:-1])
    if tuple(values) != PARTITION_KEYS:
        raise InvalidFile("foreign: no file of the store")
    try:
        day = date.fromisoformat(values["date"])
    except ValueError:
        raise InvalidFile("foreign: its folder names no day") from None
    partition = Partition(
        source=decode_source(values["source"]),
        profile_id=values["profile_id"],
        record_type=values["record_type"],
        segment=None if values["segment"] == NO_SEGMENT else values["segment"],
        tactic=values["tactic"],
        date=day,
    )
    if partition_path(partition) != place:
        raise InvalidFile(f"foreign: what it is of lies in {partition_path(partition)}")
    return partition


def encode_source(source: str) -> str:
    """A host:port as a folder; on Windows, where names hold no colon, as URLs write it."""
    return source.replace(":", "%3A") if os.name == "nt" else source


def decode_source(folder: str) -> str:
    """The other way round."""
    return folder.replace("%3A", ":")


def list_hive_values(storage: Storage, level: str, folder: str) -> dict[str, str]:
    """The values of a level that have a folder in this one."""
    names = storage.list_folders(folder)
    named = {name.removeprefix(f"{level}="): name for name in names}
    return {value: f"{folder}/{name}" for value, name in named.items() if value != name}
