"""The warning that results of a comparison are still arriving, with the share that has come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.final_columns import MATURITY_COLUMN, summarize_final
from sdanalytics.analysis.final_curve import resolve_curve
from sdanalytics.analysis.kpi_definitions import is_attributed
from sdanalytics.analysis.metadata import frame_metadata, has_several_profiles
from sdanalytics.analysis.periods import Period, select_period
from sdanalytics.errors import ImmatureWarning, SDAnalyticsError

_ARRIVING_FROM: Final = "arriving_from"
"""The entry of a frame's metadata: the first day of which conversions were still arriving."""


def warn_of_immature_results(
    df: pd.DataFrame, periods: Sequence[Period], metrics: Iterable[str]
) -> None:
    """Warn when conversions of a period's days were still arriving when they were fetched."""
    metadata = frame_metadata(df)
    first_day = metadata.get(_ARRIVING_FROM)
    if not first_day or not any(map(is_attributed, metrics)):
        return
    first = date.fromisoformat(first_day)
    immature = [period for period in periods if period.last >= first]
    if not immature:
        return
    names = " and ".join(period.name for period in immature)
    warn_user(
        f"conversions of {names} were still arriving when they were fetched (those of days from "
        f"{first} on), so that the results are lower than they will be{_word_shares(df, periods)}",
        ImmatureWarning,
        each_time=True,
    )


def _word_shares(df: pd.DataFrame, periods: Sequence[Period]) -> str:
    """Return how much has come, by the default cache, and what to do: the end of a sentence."""
    if has_several_profiles(df):
        return ". final= compares what they are expected to be, of one profile at a time"
    try:
        table = resolve_curve(True, df)
    except SDAnalyticsError:  # it has no history of them, or the frame does not tell its ages
        table = None
    if table is None:
        return (
            ". final=maturity(cache) compares what they are expected to be, once the cache has a "
            "history of these days"
        )
    shares = []
    for period in periods:
        finals = summarize_final(select_period(df, period), ["orders"], [], table)
        share = float(finals[MATURITY_COLUMN].iloc[0])
        if not math.isnan(share):  # as of days that had not ended
            shares.append(f"{share:.0%} of the orders of {period.name}")
    if not shares:
        return ""
    both = " and ".join(shares)
    return f": about {both} have come. final=True compares what they are expected to be"
