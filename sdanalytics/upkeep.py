"""Looking after a store: which files are bad, and moving them aside."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sdanalytics.errors import CacheError
from sdanalytics.files import (
    PROFILES,
    REPORTS,
    Unusable,
    is_of,
    opened,
    place_of_profile,
    read_profile,
    rows_of,
    slice_at,
    source_name,
)
from sdanalytics.months import MONTHS, check_month
from sdanalytics.storage import Storage

ASIDE: Final = "damaged"
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


def problems(storage: Storage) -> Iterator[Problem]:
    """What is wrong in a store, every file read whole."""
    for place, *_ in storage.found(PROFILES, REPORTS, MONTHS):
        told = _problem_of(storage, place)
        if told is not None:
            yield Problem(place, told)


def moved_aside(storage: Storage) -> list[Problem]:
    """Move everything that is bad aside, and remove what killed writers have left.

    Raises
    ------
    CacheError
        When that was not possible for a file; it was done for all others.
    """
    moved: list[Problem] = []
    failures: list[CacheError] = []
    for problem in problems(storage):
        try:
            moved += _move_aside(storage, problem.place)
        except CacheError as error:
            failures.append(error)
    for place in storage.abandoned(PROFILES, REPORTS, MONTHS):
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
        return "a link to nothing" if storage.is_link_to_nothing(place) else None
    except (Unusable, CacheError) as error:
        return str(error)
    return None


def _check_profile(storage: Storage, place: str) -> None:
    folder = place.rpartition("/")[0].rpartition("/")[2]
    source = source_name(folder.removeprefix("source="))
    if place != place_of_profile(source, read_profile(storage, place).profile_id):
        raise Unusable("foreign: it is not where the facts of that profile are kept")


def _check_report(storage: Storage, place: str) -> None:
    with opened(storage, slice_at(place)) as (entry, file):
        if not is_of(rows_of(file, entry.columns), entry):
            raise Unusable("damaged: its rows are not those that were stored")


_CHECKS: Final = {PROFILES: _check_profile, REPORTS: _check_report, MONTHS: check_month}


def _move_aside(storage: Storage, place: str) -> list[Problem]:
    """Move a file; nothing when a good one has taken its place meanwhile."""
    with storage.held(place):
        told = _problem_of(storage, place)
        if told is None:
            return []
        aside = f"{ASIDE}/{place}.{secrets.token_hex(6)}"
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
    first.add_note(f"{len(moved)} other files were moved to the folder {ASIDE!r} of the store.")
    return first
