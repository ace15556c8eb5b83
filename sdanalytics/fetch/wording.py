"""Counts and days as text, for bars, plans, log lines and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sdanalytics.model.partition import Partition


def format_count(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 day`` or ``2 days``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"


def unique_days(partitions: Iterable[Partition]) -> list[date]:
    """Return the days of partitions, in order."""
    days = {partition.date for partition in partitions}
    return sorted(days)


def format_days(days: Sequence[date]) -> str:
    """Return a day, or the number of days with the first and the last."""
    if len(days) == 1:
        return str(days[0])
    return f"{len(days)} days from {days[0]} to {days[-1]}"


def format_limited(names: Sequence[str], limit: int) -> str:
    """Return names separated by commas, at most `limit` of them."""
    text = ", ".join(names[:limit])
    if len(names) > limit:
        text += ", ..."
    return text
