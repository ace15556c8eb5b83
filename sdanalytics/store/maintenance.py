"""Looking after a store: which files are bad, and moving them aside."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sdanalytics.errors import CacheError
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.compaction import COMPACTED_DIR, validate_month
from sdanalytics.store.layout import (
    PROFILES,
    REPORTS,
    InvalidFile,
    decode_source,
    parse_partition_path,
    profile_path,
)
from sdanalytics.store.parquet_file import matches_checksum, open_partition, read_columns
from sdanalytics.store.profile_file import read_profile

QUARANTINE_DIR: Final = "damaged"
"""The folder of a store where bad files are moved to."""


@dataclass(frozen=True)
class Problem:
    """A bad file, what is wrong with it, and where it is now.

    Attributes
    ----------
    place : str
    told : str
    moved_to : str or None
    """

    place: str
    told: str
    moved_to: str | None = None


def find_problems(storage: Storage) -> Iterator[Problem]:
    """What is wrong in a store, every file read whole."""
    for place, *_ in storage.walk(PROFILES, REPORTS, COMPACTED_DIR):
        told = _problem_of(storage, place)
        if told is not None:
            yield Problem(place, told)


def quarantine(storage: Storage) -> list[Problem]:
    """Move everything that is bad aside, and remove what killed writers have left.

    Raises
    ------
    CacheError
        When that was not possible for a file; it was done for all others.
    """
    moved: list[Problem] = []
    failures: list[CacheError] = []
    for problem in find_problems(storage):
        try:
            moved += _move_aside(storage, problem.place)
        except CacheError as error:
            failures.append(error)
    for place in storage.stale_temp_files(PROFILES, REPORTS, COMPACTED_DIR):
        try:
            _remove_abandoned(storage, place)
        except CacheError as error:
            failures.append(error)
    if failures:
        raise _all_of(failures, moved)
    return moved


def _problem_of(storage: Storage, place: str) -> str | None:
    """What is wrong with a file; None also when it has gone meanwhile."""
    try:
        _CHECKS[place.partition("/")[0]](storage, place)
    except FileNotFoundError:
        return "a link to nothing" if storage.is_broken_link(place) else None
    except (InvalidFile, CacheError) as error:
        return str(error)
    return None


def _check_profile(storage: Storage, place: str) -> None:
    folder = place.rpartition("/")[0].rpartition("/")[2]
    source = decode_source(folder.removeprefix("source="))
    if place != profile_path(source, read_profile(storage, place).profile_id):
        raise InvalidFile("foreign: it is not where the facts of that profile are kept")


def _check_report(storage: Storage, place: str) -> None:
    with open_partition(storage, parse_partition_path(place)) as (entry, file):
        if not matches_checksum(read_columns(file, entry.columns), entry):
            raise InvalidFile("damaged: its rows are not those that were stored")


_CHECKS: Final = {PROFILES: _check_profile, REPORTS: _check_report, COMPACTED_DIR: validate_month}


def _move_aside(storage: Storage, place: str) -> list[Problem]:
    """Move a file; nothing when a good one has taken its place meanwhile."""
    with storage.locked(place):
        told = _problem_of(storage, place)
        if told is None:
            return []
        aside = f"{QUARANTINE_DIR}/{place}.{secrets.token_hex(6)}"
        storage.move(place, aside)
    return [Problem(place, told, aside)]


def _remove_abandoned(storage: Storage, place: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        storage.remove(place)


def _all_of(failures: list[CacheError], moved: list[Problem]) -> CacheError:
    """The first failure, which tells of the others, and of what was done nevertheless."""
    first, *others = failures
    for other in others:
        first.add_note(str(other))
    first.add_note(
        f"{len(moved)} other files were moved to the folder {QUARANTINE_DIR!r} of the store."
    )
    return first
