"""Metadata of frames: the report that a frame is from, and how it was summarized."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

FRAME_METADATA_KEY: Final = "sdanalytics"
"""The entry of `DataFrame.attrs` that holds the metadata."""


def frame_metadata(df: pd.DataFrame) -> dict[str, Any]:
    """Return the metadata that `fetch_report` and `summarize` record; empty for other frames."""
    metadata = df.attrs.get(FRAME_METADATA_KEY)
    return metadata if isinstance(metadata, dict) else {}


def update_metadata(df: pd.DataFrame, **values: object) -> None:
    """Record in a frame's metadata how it was made; the plots depend on it."""
    df.attrs[FRAME_METADATA_KEY] = frame_metadata(df) | values
