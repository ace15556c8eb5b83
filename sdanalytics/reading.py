"""Reading many slices of a store: from bound months where they count, else from their own files."""

from __future__ import annotations

import contextlib
import logging
import threading
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar

import pyarrow as pa

from sdanalytics.files import ABSENT, REPORTS, Entry, opened, place_of_line, place_on, rows_of
from sdanalytics.months import (
    LARGEST,
    WORTHWHILE,
    Month,
    Stamps,
    bind,
    bound_entries,
    bound_rows,
    by_month,
    is_telling,
)
from sdanalytics.query import Line, Slice
from sdanalytics.storage import Stamp, Storage

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")

_BINDERS: Final = 2
"""Months that are bound at a time: each may take hundreds of MB while it is."""


def lookup(storage: Storage, piece: Slice) -> Entry | None:
    """What the file of a slice says; None for no file, or one that is damaged or foreign.

    Raises
    ------
    CacheError
        When there is something that cannot be opened: it may be whole, and is not replaced.
    """
    with contextlib.suppress(*ABSENT), opened(storage, piece) as (entry, _):
        return entry
    return None


def load(storage: Storage, piece: Slice, columns: Sequence[str]) -> pa.Table | None:
    """The rows in the file of a slice; None where `lookup` gives None, or a page is damaged."""
    with contextlib.suppress(*ABSENT), opened(storage, piece) as (_, file):
        return rows_of(file, columns)
    return None


def lookup_all(storage: Storage, pieces: Iterable[Slice]) -> dict[Slice, Entry]:
    """What is stored of slices: those of which there is something.

    Raises
    ------
    CacheError
        As `lookup` does.
    """
    pieces = list(pieces)
    there = stamped(storage, pieces)
    bound, loose = partial(bound_entries, storage), partial(lookup, storage)
    # What a file says is Python's work, of which there is only one piece at a time.
    found = all_of(there, (), bound, loose, storage.readers if storage.is_far else 1)
    return {piece: entry for piece in pieces if (entry := found.get(piece)) is not None}


def load_all(
    storage: Storage, entries: Iterable[Entry], columns: Sequence[str]
) -> dict[Slice, pa.Table]:
    """The rows of what `lookup_all` found: of that which can be read, with these columns."""

    def bound(month: Month, stamps: Stamps) -> dict[Slice, pa.Table]:
        tables = bound_rows(storage, month, stamps, columns)
        return {p: table for p, table in tables.items() if table.num_columns == len(columns)}

    stamps = {entry.piece: entry.stamp for entry in entries}
    there = by_month((piece, stamp) for piece, stamp in stamps.items() if stamp is not None)
    others = [piece for piece, stamp in stamps.items() if stamp is None]
    loose = partial(load, storage, columns=columns)
    found = all_of(there, others, bound, loose, storage.readers)
    return {piece: table for piece, table in found.items() if table is not None}


def all_of(
    there: Mapping[Month, Stamps],
    others: Iterable[Slice],
    bound: Callable[[Month, Stamps], Mapping[Slice, T]],
    loose: Callable[[Slice], T | None],
    threads: int,
) -> dict[Slice, T | None]:
    """What bound months give of slices whose files have these stamps; of all else their files."""
    with _mapping(threads) as each:
        found: dict[Slice, T | None] = {}
        for some in each(bound, there.keys(), there.values()):
            found.update(some)
        unbound = (piece for stamps in there.values() for piece in stamps if piece not in found)
        rest = [*unbound, *others]
        found.update(zip(rest, each(loose, rest), strict=True))
    return found


@contextlib.contextmanager
def _mapping(threads: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """What `map` does, by that many threads; by none when the interpreter is about to end."""
    if threads == 1 or not threading.main_thread().is_alive():
        yield map
    else:
        with ThreadPoolExecutor(threads) as pool:
            yield pool.map


def bind_loose(storage: Storage, entries: Iterable[Entry]) -> int:
    """Bind the months of which so many days lie in files of their own that it is worth it.

    Returns
    -------
    int
        How many.

    Raises
    ------
    CacheError
        When one cannot be written.
    """
    small = (entry for entry in entries if not entry.stamp and entry.rows <= LARGEST)
    loose = by_month((entry.piece, entry) for entry in small)
    months = {month: pieces for month, pieces in loose.items() if len(pieces) >= WORTHWHILE}

    def bind_month(month: Month, pieces: Iterable[Slice]) -> bool:
        stamps = stamped(storage, _days_of(month)).get(month, {})
        telling = [piece for piece in pieces if piece in stamps and is_telling(stamps[piece])]
        is_worth_it = len(telling) >= WORTHWHILE
        if is_worth_it:
            bind(storage, month, stamps)
            logger.debug("%s: bound", month.place)
        return is_worth_it

    with _mapping(_BINDERS) as each:
        return sum(each(bind_month, months.keys(), months.values()))


def _days_of(month: Month) -> Iterator[Slice]:
    """The slices of all its days."""
    year, number = map(int, month.name.split("-"))
    for day in range(1, monthrange(year, number)[1] + 1):
        yield month.line.on(date(year, number, day))


def stamped(storage: Storage, pieces: Iterable[Slice]) -> dict[Month, dict[Slice, Stamp]]:
    """The slices that there is a file of, with its stamp, by month."""
    lines: dict[Line, list[Slice]] = {}
    for piece in pieces:
        lines.setdefault(Line.of(piece), []).append(piece)

    def months_of(line: Line, theirs: Sequence[Slice]) -> dict[Month, dict[Slice, Stamp]]:
        places = {place_on(line, piece.date): piece for piece in theirs}
        stamps = storage.stamps(f"{REPORTS}/{place_of_line(line)}", places)
        return by_month((places[place], stamp) for place, stamp in stamps.items())

    with _mapping(storage.readers if storage.is_far and len(lines) > 1 else 1) as each:
        found = each(months_of, lines.keys(), lines.values())
        return {month: stamps for months in found for month, stamps in months.items()}
