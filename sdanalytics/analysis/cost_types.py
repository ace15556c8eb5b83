"""The cost types of rows, which decide the results that count, and rows that have none.

Results are those after a click for CPC, and those after a view or a click for vCPM. A row without
a cost type counts by click, which is too few if its campaign is charged by viewable impressions:
whoever uses such rows is told, by a warning a call, in the metadata, and in figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.column_arrays import number_values
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, list_results
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.errors import CostTypeWarning

WITHOUT_COST_TYPE: Final = "without_cost_type"
"""The entry of a frame's metadata: how many rows had no cost type, of how many, and their share
of the cost (None if that is not known)."""
_VCPM: Final = "VCPM"


@dataclass(frozen=True)
class CostTypes:
    """The cost types of a frame's rows.

    Attributes
    ----------
    is_vcpm, is_missing : numpy.ndarray of bool
        Whether each row is charged by viewable impressions; whether its cost type is unknown.
    """

    is_vcpm: BoolArray
    is_missing: BoolArray


def read_cost_types(df: pd.DataFrame) -> CostTypes:
    """Return the cost types of rows, in any spelling; all are missing without the column."""
    if "costType" not in df:
        return CostTypes(np.zeros(len(df), dtype="bool"), np.ones(len(df), dtype="bool"))
    numbers, words = number_values(df["costType"])
    # The last entry is that of the number -1, which missing values have.
    is_vcpm = np.array([str(word).upper() == _VCPM for word in words] + [False])
    return CostTypes(is_vcpm[numbers], numbers == -1)


def has_results(df: pd.DataFrame) -> bool:
    """Return whether results were computed already."""
    return not CONVERSION_METRICS.keys().isdisjoint(df.columns)


def can_select_results(df: pd.DataFrame) -> bool:
    """Return whether results are to be computed from Amazon's metrics.

    A summary has results, but may have lost the cost type that selected them: its results are
    used as they are, and no others are derived.
    """
    return "costType" in df or not has_results(df)


def describe_missing_cost_types(
    df: pd.DataFrame, names: Iterable[str] | None = None
) -> dict[str, Any] | None:
    """Return how many rows count by click for lack of a cost type; None if none do.

    Parameters
    ----------
    df : pandas.DataFrame
    names : iterable of str, optional
        The metrics and KPIs that are used; all that the frame has by default.
    """
    if not _uses_results(df, names):
        return None
    if not can_select_results(df):
        note: dict[str, Any] | None = frame_metadata(df).get(WITHOUT_COST_TYPE)
        return note
    if "costType" in df and not df["costType"].isna().any():
        return None
    is_missing = read_cost_types(df).is_missing
    if not is_missing.any():
        return None
    return {
        "rows": int(is_missing.sum()),
        "of_rows": len(df),
        "cost_share": _cost_share(df, is_missing),
    }


def warn_of_missing_cost_types(note: dict[str, Any] | None) -> None:
    """Warn, in each call, that rows without a cost type are counted by click."""
    if note is not None:
        warn_user(
            f"{word_missing_cost_types(note)}: their orders, sales and units are results of "
            "clicks only (as for CPC), which is too few for vCPM campaigns. Fetch the metric "
            "'costType' with them",
            CostTypeWarning,
            each_time=True,
        )


def word_missing_cost_types(note: dict[str, Any]) -> str:
    """Return the beginning of a sentence about rows without a cost type."""
    text = f"{note['rows']:,} of {note['of_rows']:,} rows have no costType"
    if note["cost_share"] is None:
        return text
    return f"{text} ({note['cost_share']:.1%} of the cost)"


def _uses_results(df: pd.DataFrame, names: Iterable[str] | None) -> bool:
    """Return whether any of the metrics is made of results, which depend on the cost type."""
    used = set(CONVERSION_METRICS)
    if names is not None:
        used = {part for name in names for part in list_results(name)}
    return any(name in df or CONVERSION_METRICS[name][0] in df for name in used)


def _cost_share(df: pd.DataFrame, is_missing: BoolArray) -> float | None:
    if "cost" not in df:
        return None
    costs = df["cost"].to_numpy(dtype="float64", na_value=np.nan)
    total = float(np.nansum(costs))
    if total == 0:
        return None
    return float(np.nansum(costs[is_missing])) / total
