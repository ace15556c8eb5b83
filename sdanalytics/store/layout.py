"""The paths of a store: from a partition or a profile to its file, and back.

Paths start at the root of the store; their parts are separated by ``/`` on every system.
"""

from __future__ import annotations

import os
import re
import secrets
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.model.partition import (
    PARTITION_KEYS,
    Partition,
    PartitionSeries,
    ProfileKey,
)
from sdanalytics.store.backends.base import Storage

REPORTS: Final = "reports"
"""The folder of the partitions."""
PROFILES: Final = "profiles"
"""The folder of the profiles."""
CAMPAIGNS: Final = "campaigns"
"""The folder of the lists of campaigns."""
ACCOUNTS: Final = "accounts"
"""The folder of the accounts of the unified Ads API."""
COMPACTED_DIR: Final = "months"
"""The folder of the compacted months."""
HISTORY: Final = "history"
"""The folder of what partitions had before."""
QUARANTINE_DIR: Final = "damaged"
"""The folder that invalid files are moved to."""
REPORT_FILENAME: Final = "report.parquet"
HISTORY_FILENAME: Final = "day.history"
_LITTER: Final = re.compile(r"[._].*|Thumbs\.db|desktop\.ini|.*\.crc", re.IGNORECASE)
"""Names of files and folders that other programs leave: Finder, Explorer, Hadoop."""
_CONFLICT_COPY: Final = re.compile(
    r"(report|day|profile_id=\d+|\d{4}-\d{2})[\W_].*\.(parquet|history|json|month)"
)
"""Names that programs give the copy of a file that two machines have changed, such as
``report (1).parquet``."""
_MONTH_SUFFIX: Final = ".month"
_SERIES_KEYS: Final = PARTITION_KEYS[:-1]


def is_litter(path: str) -> bool:
    """Return whether a file, or a folder that it is in, is of no store and does no harm."""
    return any(map(_LITTER.fullmatch, path.split("/")))


def is_conflict_copy(path: str) -> bool:
    """Return whether a program that synchronizes folders has made a file, by its name."""
    name = path.rpartition("/")[2]
    return _CONFLICT_COPY.fullmatch(name) is not None


class InvalidFile(Exception):
    """A file that is damaged or foreign; the message says why."""


CACHE_MISS_ERRORS: Final = (InvalidFile, FileNotFoundError)
"""Errors treated as a cache miss: the partition is fetched again and its file replaced."""


def partition_path(partition: Partition) -> str:
    """Return the path of a partition's file."""
    series = PartitionSeries.from_partition(partition)
    return series_day_path(series, partition.date)


def history_path(partition: Partition) -> str:
    """Return the path of the file with what a partition had before."""
    folder = series_path(PartitionSeries.from_partition(partition))
    return f"{HISTORY}/{folder}/date={partition.date}/{HISTORY_FILENAME}"


def series_day_path(series: PartitionSeries, day: date) -> str:
    """Return the path of the file of a day of a series."""
    folder = series_path(series)
    return f"{REPORTS}/{folder}/date={day}/{REPORT_FILENAME}"


@lru_cache(maxsize=1024)
def series_path(series: PartitionSeries) -> str:
    """Return the folder of a series, relative to the folder of all series."""
    keys = series.partition(date.min).to_keys()
    keys["source"] = encode_source(keys["source"])
    folders: list[str] = []
    for key in _SERIES_KEYS:
        value = keys[key]
        folders.append(f"{key}={value}")
    return "/".join(folders)


def profile_path(key: ProfileKey) -> str:
    """Return the path of a profile's file."""
    return _profile_file(PROFILES, key)


def campaigns_path(key: ProfileKey) -> str:
    """Return the path of the list of a profile's campaigns."""
    return _profile_file(CAMPAIGNS, key)


def account_path(key: ProfileKey) -> str:
    """Return the path of the account of a profile."""
    return _profile_file(ACCOUNTS, key)


def profile_reports_path(key: ProfileKey) -> str:
    """Return the folder of all partitions of a profile."""
    folders = _profile_folders(key)
    return f"{REPORTS}/{folders}"


def record_type_path(key: ProfileKey, record_type: str) -> str:
    """Return the folder of all partitions of a record type of a profile."""
    return f"{profile_reports_path(key)}/record_type={record_type}"


def _profile_file(folder: str, key: ProfileKey) -> str:
    folders = _profile_folders(key)
    return f"{folder}/{folders}.json"


def _profile_folders(key: ProfileKey) -> str:
    source = encode_source(key.source)
    return f"source={source}/profile_id={key.profile_id}"


def quarantine_path(path: str) -> str:
    """Return a path that is not in use, to move an invalid file to."""
    unique = secrets.token_hex(6)
    return f"{QUARANTINE_DIR}/{path}.{unique}"


def parse_partition_path(path: str) -> Partition:
    """Return the partition that a path belongs to.

    Raises
    ------
    InvalidFile
        When it is not the path of a partition's file.
    """
    return _parse_day_path(path, partition_path)


def parse_history_path(path: str) -> Partition:
    """Return the partition that a history file belongs to.

    Raises
    ------
    InvalidFile
        When it is not the path of a history file.
    """
    return _parse_day_path(path, history_path)


def _parse_day_path(path: str, expected_path: Callable[[Partition], str]) -> Partition:
    """Return the partition that a path belongs to, if it is the expected one."""
    keys = _parse_hive_folders(path)
    if tuple(keys) != PARTITION_KEYS or has_lone_surrogate(path):
        raise InvalidFile("foreign: not a file of the store")
    keys["source"] = decode_source(keys["source"])
    try:
        partition = Partition.from_keys(keys)
    except ValueError:
        raise InvalidFile("foreign: its folder has no valid date") from None
    expected = expected_path(partition)
    if path != expected:
        raise InvalidFile(f"foreign: the file of that partition belongs at {expected}")
    return partition


def _parse_hive_folders(path: str) -> dict[str, str]:
    """Return the keys and values of the folders below the first one."""
    keys: dict[str, str] = {}
    parts = path.split("/")
    for folder in parts[1:-1]:
        key, _, value = folder.partition("=")
        keys[key] = value
    return keys


class MonthKey(NamedTuple):
    """A month of a series: the unit of compaction.

    Attributes
    ----------
    series : PartitionSeries
    name : str
        Such as ``"2026-10"``.
    """

    series: PartitionSeries
    name: str

    @classmethod
    def from_partition(cls, partition: Partition) -> MonthKey:
        """Return the month that a partition belongs to."""
        series = PartitionSeries.from_partition(partition)
        day = partition.date.isoformat()
        return cls(series, day[: len("2026-10")])

    @property
    def path(self) -> str:
        """The path of its file."""
        folder = series_path(self.series)
        return f"{COMPACTED_DIR}/{folder}/{self.name}{_MONTH_SUFFIX}"

    def partitions(self) -> Iterator[Partition]:
        """Yield the partitions of all days of the month."""
        first = date.fromisoformat(f"{self.name}-01")
        _, days = monthrange(first.year, first.month)
        for day in range(1, days + 1):
            date_of_month = first.replace(day=day)
            yield self.series.partition(date_of_month)


def parse_month_path(path: str) -> MonthKey:
    """Return the month that a path belongs to.

    Raises
    ------
    InvalidFile
        When it is not the path of a compacted month.
    """
    below = path.removeprefix(f"{COMPACTED_DIR}/")
    folder, _, filename = below.rpartition("/")
    name = filename.removesuffix(_MONTH_SUFFIX)
    first_day = f"{REPORTS}/{folder}/date={name}-01/{REPORT_FILENAME}"
    partition = parse_partition_path(first_day)
    month = MonthKey.from_partition(partition)
    if month.path != path:
        raise InvalidFile("foreign: not a compacted month")
    return month


def encode_source(source: str) -> str:
    """Encode a host:port as a folder name.

    Windows allows no colon in file names: there it is percent-encoded, as in URLs.
    """
    if os.name == "nt":
        return source.replace(":", "%3A")
    return source


def decode_source(folder: str) -> str:
    """Decode a folder name written by `encode_source`."""
    return folder.replace("%3A", ":")


def list_hive_values(storage: Storage, level: str, folder: str) -> dict[str, str]:
    """List the values of a level in a folder, each with the path of its own folder."""
    prefix = f"{level}="
    values: dict[str, str] = {}
    for name in storage.list_folders(folder):
        if name.startswith(prefix) and not has_lone_surrogate(name):
            value = name.removeprefix(prefix)
            values[value] = f"{folder}/{name}"
    return values
