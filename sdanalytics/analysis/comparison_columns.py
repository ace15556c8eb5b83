"""Columns that `compare` makes, of which those of ratios must not be added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from sdanalytics.analysis.kpi_definitions import BOUNDED_KPIS, KPIS
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.model.rates import RATES

CHANGE_SHARE: Final = "change_share"
SIDES: Final = ("a", "b", "change", CHANGE_SHARE)
"""The ends of the names of the columns of a metric."""
_BOUNDS: Final = (
    "_final_low",
    "_final_high",
    "_low_a",
    "_low_b",
    "_high_a",
    "_high_b",
    "_change_low",
    "_change_high",
)
"""The ends of the names of bounds of final numbers, which sums do not keep."""
_KPI_BOUNDS: Final = tuple(f"{kpi}{end}" for kpi in BOUNDED_KPIS for end in ("_low", "_high"))


def ensure_one_row_a_group(df: pd.DataFrame, names: Sequence[str], keys: Sequence[str]) -> None:
    """Raise `InvalidRequest` when changes of ratios would be added up over rows.

    A change of a ratio, such as `acos_change`, can be drawn and ranked as it is, where each group
    is one row; the sum of those of several rows means nothing.
    """
    refused = []
    for name in names:
        if name in df and _is_of_ratio(name):
            refused.append(name)
    if not refused or len(df) == group_rows(df, keys).count:
        return
    raise InvalidRequest(
        f"{refused[0]} must not be added up: it is of a ratio, and a group has several rows here. "
        "explain(df, period_a, period_b, metric=..., by=...) has contributions that add up"
    )


def _is_of_ratio(name: str) -> bool:
    """Return whether a column is of a ratio, of another metric not added, or a bound."""
    if name.endswith(_BOUNDS) or name in _KPI_BOUNDS:
        return True
    for side in SIDES:
        metric = name.removesuffix(f"_{side}").removesuffix("_final")
        if name == metric:
            continue
        if side == CHANGE_SHARE or metric in KPIS or metric in RATES:
            return True
        if metric in NON_ADDITIVE:
            return True
    return False
