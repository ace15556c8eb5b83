"""Metrics that the service refused: the days of a frame that lack them, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sdanalytics.store.parquet_file import CachedPartition

MissingDays = Mapping[str, Sequence[date]]
"""The days that were stored without a metric because the service refused it, by metric."""


def find_missing_days(cached: Iterable[CachedPartition], metrics: Sequence[str]) -> MissingDays:
    """Return the days of stored partitions that lack metrics because the service refused them."""
    found: dict[str, set[date]] = {}
    for entry in cached:
        for name in entry.missing_columns(metrics):
            found.setdefault(name, set()).add(entry.partition.date)
    return {name: sorted(days) for name, days in sorted(found.items())}


def refusal_message(refused: Iterable[str], missing_days: MissingDays) -> str:
    """Return the warning for refused metrics; empty if there are none.

    Parameters
    ----------
    refused : iterable of str
        The metrics that reports of this call were requested without.
    missing_days : mapping of str to sequence of datetime.date
    """
    names = sorted({*refused, *missing_days})
    if not names:
        return ""
    names_by_days: dict[tuple[date, ...], list[str]] = {}
    for name, days in missing_days.items():
        names_by_days.setdefault(tuple(days), []).append(name)
    parts = []
    for days, alike in names_by_days.items():
        names_text = ", ".join(alike)
        parts.append(f"{names_text} ({_word_days(days)})")
    effect = "what is stored of them is kept"
    if parts:
        effect = f"missing are {'; '.join(parts)}"
    return (
        "the service refuses metrics, or this version of its API does not have them; reports are "
        f"requested without them: {', '.join(names)}; {effect}"
    )


def _word_days(days: Sequence[date]) -> str:
    first = days[0]
    if len(days) == 1:
        return str(first)
    return f"{len(days)} days, {first} to {days[-1]}"
