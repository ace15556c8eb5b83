"""The dates on which the days of a frame were fetched, for its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sdanalytics.model.profile_entries import FETCHED_ON
from sdanalytics.store.freshness import restatement_horizons

_ONE_DAY: Final = timedelta(days=1)

StoredDays = Sequence[tuple[date, datetime]]
"""Days, each with the moment it was fetched; a day may occur several times."""


def describe_ages(stored: StoredDays, zone: ZoneInfo, record_type: str) -> dict[str, Any]:
    """Return how old days were when they were fetched, for the metadata of their frame.

    Returns
    -------
    dict
        Those of `restatement_horizons`, and ``fetched_on``: runs of days that were fetched on
        one date of the profile's time zone, ``[first day, last day, date]`` as ISO days. Of a day
        with several moments the earliest counts.
    """
    horizons = restatement_horizons(stored, zone, record_type)
    return {**horizons, FETCHED_ON: _list_runs(stored, zone)}


def _list_runs(stored: Iterable[tuple[date, datetime]], zone: ZoneInfo) -> list[list[str]]:
    """Return runs of successive days that were fetched on the same date."""
    fetched_on: dict[date, date] = {}
    for day, moment in stored:
        local = moment.astimezone(zone).date()
        fetched_on[day] = min(local, fetched_on.get(day, local))
    runs: list[tuple[date, date, date]] = []
    for day, local in sorted(fetched_on.items()):
        first = day
        if runs and runs[-1][1] + _ONE_DAY == day and runs[-1][2] == local:
            first, _, _ = runs.pop()
        runs.append((first, day, local))
    return [[day.isoformat() for day in run] for run in runs]
