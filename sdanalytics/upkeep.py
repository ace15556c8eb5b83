"""Looking after a store: which files are bad, and moving them aside."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sdanalytics.checksum import checksum_of
from sdanalytics.errors import CacheError
from sdanalytics.files import (
    PROFILES,
    REPLACING,
    REPORTS,
    Unusable,
    found,
    opened,
    place_of_profile,
    read_profile,
    refused,
    rows_of,
    slice_at,
    source_name,
)

ASIDE: Final = "damaged"
"""The folder of a store where bad files are moved to."""
ABANDONED: Final = 3600.0
"""Seconds after which nobody is writing any more what was not finished."""


@dataclass(frozen=True)
class Problem:
    """A bad file, what is wrong with it, and where it is now.

    Attributes
    ----------
    path : pathlib.Path
    told : str
    moved_to : pathlib.Path or None
    """

    path: Path
    told: str
    moved_to: Path | None = None


def problems(root: Path) -> Iterator[Problem]:
    """What is wrong in a store, every file read whole."""
    for path in found(root, PROFILES, REPORTS):
        told = _problem_of(path, root)
        if told is not None:
            yield Problem(path, told)


def moved_aside(root: Path) -> list[Problem]:
    """Move everything that is bad aside, and remove what killed writers have left.

    Raises
    ------
    CacheError
        When that was not possible for a file; it was done for all others.
    """
    moved: list[Problem] = []
    failures: list[CacheError] = []
    for problem in problems(root):
        try:
            moved += _move_aside(problem.path, root)
        except OSError as error:
            failures.append(refused("move aside", problem.path, error))
    for path in found(root, PROFILES, REPORTS, leftovers=True):
        try:
            _remove_abandoned(path)
        except OSError as error:
            failures.append(refused("remove", path, error))
    if failures:
        raise _all_of(failures, moved)
    return moved


def _problem_of(path: Path, root: Path) -> str | None:
    """What is wrong with a file; None also when it has gone meanwhile."""
    place = path.relative_to(root)
    try:
        if place.parts[0] == PROFILES:
            _check_profile(path, place)
        else:
            _check_report(path, place)
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else None
    except (Unusable, CacheError) as error:
        return str(error)
    return None


def _check_profile(path: Path, place: Path) -> None:
    source = source_name(place.parent.name.removeprefix("source="))
    if place != place_of_profile(source, read_profile(path).profile_id):
        raise Unusable("foreign: it is not where the facts of that profile are kept")


def _check_report(path: Path, place: Path) -> None:
    with opened(path, slice_at(place)) as (entry, file):
        rows = rows_of(file, entry.columns)
        if entry.checksum is not None and checksum_of(rows) != entry.checksum:
            raise Unusable("damaged: its rows are not those that were stored")


def _move_aside(path: Path, root: Path) -> list[Problem]:
    """Move a file; nothing when a good one has taken its place meanwhile."""
    with REPLACING:
        told = _problem_of(path, root)
        if told is None:
            return []
        aside = root / ASIDE / path.relative_to(root)
        aside = aside.with_name(f"{aside.name}.{secrets.token_hex(6)}")
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, aside)
    return [Problem(path, told, aside)]


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if time.time() - path.lstat().st_mtime > ABANDONED:
            path.unlink()


def _all_of(failures: list[CacheError], moved: list[Problem]) -> CacheError:
    """The first failure, which tells of the others, and of what was done nevertheless."""
    first, *others = failures
    for other in others:
        first.add_note(str(other))
    first.add_note(f"{len(moved)} other files were moved to the folder {ASIDE!r} of the store.")
    return first
