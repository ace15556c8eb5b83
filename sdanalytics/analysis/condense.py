"""Condensing a frame: the rows of a group become one, from which all metrics can be computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import custom_metrics, select_input_columns
from sdanalytics.analysis.cells import COST_TYPE_WORDS, sum_cells
from sdanalytics.analysis.column_arrays import take_arrays
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS, is_additive
from sdanalytics.analysis.row_groups import group_rows
from sdanalytics.analysis.validation import has_several_currencies

_COST_TYPES: Final = pd.CategoricalDtype(list(COST_TYPE_WORDS))


def condense(df: pd.DataFrame, names: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Return a frame with fewer rows and the same metrics by the same keys.

    Figures group rows several times, to rank, to fold the small ones, and to draw: of a million
    rows the first time takes long, and that is enough.

    Parameters
    ----------
    df : pandas.DataFrame
    names : sequence of str
        Metrics; with one that cannot be computed from sums, the rows are returned as they are.
    keys : sequence of str
        Columns.

    Returns
    -------
    pandas.DataFrame
        The keys, `costType` and `currency` (where the frame has them), and the sums of what the
        metrics need: one row per group, cost type, and measures that the rows lack.
    """
    rows = select_input_columns(df, names, keys)
    custom = custom_metrics(df, names)
    if not all(_is_of_sums(name) or name in custom for name in names):
        return rows
    all_keys = list(keys)
    if has_several_currencies(rows) and "currency" not in keys:
        all_keys.append("currency")
    groups = group_rows(rows, all_keys)
    summed = [name for name in rows.columns.tolist() if is_additive(name) or name in custom]
    cells = sum_cells(rows, groups, summed)
    keys_of_cells = groups.keys.take(cells.codes)
    columns = take_arrays(keys_of_cells, all_keys) | cells.sums
    if "costType" in rows and "costType" not in all_keys:
        codes = np.where(cells.cost_types < len(COST_TYPE_WORDS), cells.cost_types, -1)
        columns["costType"] = pd.Categorical.from_codes(codes, dtype=_COST_TYPES)
    condensed = pd.DataFrame(columns)
    condensed.attrs = df.attrs
    return condensed


def _is_of_sums(name: str) -> bool:
    return is_additive(name) or name in KPIS or name in CONVERSION_METRICS
