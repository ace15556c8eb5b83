"""How counts and days are written, in bars, plans, log lines and errors alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date


def format_count(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 day`` or ``2 days``."""
    plural = "" if count == 1 else "s"
    return f"{count} {noun}{plural}"


def format_days(days: Iterable[date]) -> str:
    """Return one day, or how many there are and their first and last."""
    ordered = sorted(set(days))
    if len(ordered) == 1:
        return str(ordered[0])
    return f"{len(ordered)} days from {ordered[0]} to {ordered[-1]}"
