"""The curve that final numbers are made with: one that was passed, or that of the default cache."""

from __future__ import annotations

from typing import TypeAlias

import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata, has_several_profiles
from sdanalytics.analysis.row_ages import ensure_ages_known
from sdanalytics.analysis.share_table import ShareTable, parse_curve
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest

FinalLike: TypeAlias = pd.DataFrame | bool | None
"""A curve of `maturity`; True: that of the default cache; None or False: no final numbers."""


def resolve_curve(final: FinalLike, df: pd.DataFrame) -> ShareTable | None:
    """Return the table of the curve that a user passed for a frame.

    Raises
    ------
    InvalidRequest
        When it is no curve, or one of another report, profile or currency than the frame; when
        the frame has rows of several profiles, which have a curve each; when it does not tell how
        old its days were, or lacks columns that the curve is by; with True also when the default
        cache has no history of them.
    """
    if final is None or final is False:
        return None
    ensure_single_profile(df)
    ensure_ages_known(df)
    if final is True:
        final = load_default_curve(df)
    table = parse_curve(final, df)
    validate_columns(df, table.keys.columns)
    return table


def ensure_single_profile(df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` when a frame has rows of several profiles: each has its own curve."""
    if has_several_profiles(df):
        raise InvalidRequest(
            "final numbers are those of one profile at a time, each by its own curve; the frame "
            "has rows of several: take one, such as df[df['profile_id'] == profile_id], with "
            "final=maturity(profile_id=profile_id)"
        )


def load_default_curve(df: pd.DataFrame) -> pd.DataFrame:
    """Return the curve of the default cache for the report and profile of a frame.

    Raises
    ------
    InvalidRequest
        When the frame does not tell what it is of, or the cache has no history of it.
    """
    # Here, because it needs the store, which nothing else of frames does.
    from sdanalytics.analysis.maturity import maturity

    ensure_single_profile(df)
    metadata = frame_metadata(df)
    if "record_type" not in metadata:
        raise InvalidRequest(
            "the frame does not tell which report it is of: it has lost its metadata (as in "
            "pandas' concat and merge, or in CSV). Pass a curve: final=maturity(...)"
        )
    return maturity(
        record_type=metadata["record_type"],
        profile_id=metadata.get("profile_id"),
        source=metadata.get("source"),
    )
