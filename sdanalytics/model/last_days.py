"""The last whole days, as people say them: ``days=14`` instead of a first and a last day."""

from __future__ import annotations

import numbers
from datetime import date, timedelta
from typing import Final

from sdanalytics.errors import InvalidRequest

MAX_LAST_DAYS: Final = 36_525
"""Days of a hundred years: longer than any store."""
_HINT: Final = "start= and end= (inclusive days), or days=14 for the last 14 whole days"


def validate_last_days(days: object, start: object, end: object) -> int | None:
    """Return the number of last days that a call asks for; None if it names its days.

    Raises
    ------
    InvalidRequest
        When it does both, or neither, or the number is none.
    """
    if days is None:
        if start is None:
            raise InvalidRequest(f"start must be a day, got none: pass {_HINT}")
        return None
    if start is not None or end is not None:
        given = "start" if start is not None else "end"
        raise InvalidRequest(f"days must be passed alone, got {given}= beside it: pass {_HINT}")
    is_whole = isinstance(days, numbers.Integral) and not isinstance(days, bool)
    if not is_whole or not 1 <= int(days) <= MAX_LAST_DAYS:  # type: ignore[call-overload]
        raise InvalidRequest(
            f"days must be a whole number from 1 to {MAX_LAST_DAYS}, such as days=14 for the last "
            f"14 whole days up to yesterday, got {days!r}; for other days pass start= and end="
        )
    return int(days)  # type: ignore[call-overload,no-any-return]


def list_last_days(days: int, today: date) -> tuple[date, date]:
    """Return the first and the last of a number of whole days before today."""
    one_day = timedelta(1)
    return today - days * one_day, today - one_day


def ensure_within_history(days: int, history_days: int, record_type: str, advice: str = "") -> None:
    """Raise `InvalidRequest` when the service does not have so many last days.

    Parameters
    ----------
    days, history_days : int
    record_type : str
    advice : str, optional
        How to fetch more history, in a sentence.
    """
    if days > history_days:
        more = f". {advice}" if advice else ""
        raise InvalidRequest(
            f"days must be at most {history_days} for {record_type}, the history that the service "
            f"has, got {days}: pass days={history_days}, or start= and end= for days that the "
            f"cache has{more}"
        )
