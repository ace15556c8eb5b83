"""The days that a frame is of, whether it has them as rows or not."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import pandas as pd

from sdanalytics.analysis.buckets import find_span
from sdanalytics.analysis.metadata import frame_metadata

SUMMARIZED_DAYS: Final = "summarized_days"
"""The entry of a summary's metadata: the first and the last day of the rows behind it."""


class FrameDays(NamedTuple):
    """The first and the last day of a frame."""

    first: date
    last: date


def find_frame_days(df: pd.DataFrame) -> FrameDays | None:
    """Return the days of a frame: those of its rows, or else of the rows behind it, or the fetch.

    A bucket counts with those of its days that were summarized. None: that is not known.
    """
    metadata = frame_metadata(df)
    known = _find_recorded_days(df)
    if "date" not in df or not pd.api.types.is_datetime64_any_dtype(df["date"]):
        return known
    first = df["date"].min()
    last = df["date"].max()
    if pd.isna(first):
        return known
    freq = metadata.get("freq")
    if freq is None:
        return FrameDays(first, last)
    first, last = find_span(first, last, freq)
    if known is None:
        return FrameDays(first, last)
    return FrameDays(
        first=max(first.date(), known.first),
        last=min(last.date(), known.last),
    )


def _find_recorded_days(df: pd.DataFrame) -> FrameDays | None:
    """Return the days of the metadata."""
    metadata = frame_metadata(df)
    fetched = [metadata.get("start"), metadata.get("end")]
    first, last = metadata.get(SUMMARIZED_DAYS) or fetched
    if not first or not last:
        return None
    return FrameDays(date.fromisoformat(first), date.fromisoformat(last))
