"""Metadata of frames: the report that a frame is from, and how it was summarized."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from sdanalytics.model.profile_entries import PROFILE_ID_COLUMN, PROFILES, combine_entries

FRAME_METADATA_KEY: Final = "sdanalytics"
"""The entry of `DataFrame.attrs` that holds the metadata."""


def frame_metadata(df: pd.DataFrame) -> dict[str, Any]:
    """Return the metadata that `fetch_report` and `summarize` record; empty for other frames.

    Of a frame of many profiles it is that of those whose rows it has: of a single one's rows, as if
    this profile had been fetched alone.
    """
    metadata = df.attrs.get(FRAME_METADATA_KEY)
    if not isinstance(metadata, dict):
        return {}
    if metadata.get(PROFILES) and PROFILE_ID_COLUMN in df:
        return metadata | _combine_present(df, metadata[PROFILES])
    return metadata


def _combine_present(df: pd.DataFrame, profiles: dict[str, Any]) -> dict[str, Any]:
    """Return what is right for all profiles that a frame has rows of."""
    present = []
    for profile_id in df[PROFILE_ID_COLUMN].unique().tolist():
        entry = profiles.get(str(profile_id))
        if entry is not None:
            present.append(entry)
    return combine_entries(present) if present else {}


def has_several_profiles(df: pd.DataFrame) -> bool:
    """Return whether a frame has rows of several profiles, as far as it tells."""
    metadata = frame_metadata(df)
    return bool(metadata.get(PROFILES)) and metadata.get("profile_id") is None


def settle_metadata(df: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose metadata stay those of its profiles, whatever columns it loses."""
    if not frame_metadata(df).get(PROFILES):
        return df
    frame = df.copy(deep=False)
    update_metadata(frame)
    return frame


def update_metadata(df: pd.DataFrame, **values: object) -> None:
    """Record in a frame's metadata how it was made; the plots depend on it."""
    df.attrs[FRAME_METADATA_KEY] = frame_metadata(df) | values
