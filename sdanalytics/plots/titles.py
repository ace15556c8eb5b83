"""Titles of figures: what they show, of which days, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, TypeAlias

import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.frame_days import find_frame_days
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.profile_entries import PROFILE_ID_COLUMN, PROFILES
from sdanalytics.plots.surroundings import find_surroundings

TitleLike: TypeAlias = str | bool | None
"""A title of the user's own; True or None for one that is made; False for none."""

_PERIODS: Final = ("period_b", "period_a")
"""The entries of the metadata of a comparison."""


def add_title(
    ax: Axes, title: TitleLike, data: pd.DataFrame, subject: str, when: str | None = None
) -> None:
    """Write a title at the upper left: the given one, or subject, days and profile.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    title : str, bool or None
    data : pandas.DataFrame
        Its dates and metadata tell of which days and of whom it is.
    subject : str
        What the figure shows, such as "cost by campaign".
    when : str, optional
        Of which time it is, if that is not what the frame tells.

    Raises
    ------
    InvalidRequest
        When the title is something else.
    """
    if title is not None and not isinstance(title, str | bool):
        raise InvalidRequest(f"title must be a text, True or False, got {title!r}")
    if isinstance(title, str):
        text = title
    elif title is False:
        return
    else:
        days = word_shown_days(data) if when is None else when
        parts = [subject, days, word_profile(data)]
        text = ", ".join(filter(None, parts))
    if text:
        find_surroundings(ax).add_title(text.replace("$", r"\$"))


def word_shown_days(data: pd.DataFrame) -> str:
    """Return the days of a frame, such as "3 Oct to 27 Nov 2026"; empty if they are not known.

    Those of a comparison are of both its periods, the second first.
    """
    metadata = frame_metadata(data)
    periods = [metadata[name] for name in _PERIODS if metadata.get(name)]
    if periods:
        return " against ".join(map(_word_compared_period, periods))
    days = find_frame_days(data)
    return "" if days is None else word_interval(days.first, days.last)


def _word_compared_period(period: Mapping[str, str]) -> str:
    first = date.fromisoformat(period["start"])
    last = date.fromisoformat(period["end"])
    return word_interval(first, last)


def _word_day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def word_interval(first: date, last: date) -> str:
    """Return a range of days as text, a single one as itself."""
    end = _word_day(last)
    if _word_day(first) == end:
        return end
    start = f"{first.day} {first:%b}"
    if first.year != last.year:
        start = f"{start} {first:%Y}"
    elif first.month == last.month:
        start = f"{first.day}"
    return f"{start} to {end}"


def word_profile(data: pd.DataFrame) -> str:
    """Return the account and country of a frame, or how many profiles it has; else empty."""
    metadata = frame_metadata(data)
    count = len(metadata.get(PROFILES) or ())
    if PROFILE_ID_COLUMN in data:
        count = data[PROFILE_ID_COLUMN].nunique()
    if count > 1:
        return f"{count} profiles"
    account: Any = metadata.get("account_name") or _find_only(data, "accountName")
    if not account:
        return ""
    country = metadata.get("country") or _find_only(data, "countryCode")
    return f"{account} {country}" if country else str(account)


def _find_only(data: pd.DataFrame, column: str) -> str | None:
    """Return the only value of a column; None if there are several, or none."""
    if column not in data:
        return None
    values = data[column].dropna().unique().tolist()
    return str(values[0]) if len(values) == 1 else None
