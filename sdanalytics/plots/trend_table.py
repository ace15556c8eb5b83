"""The numbers of the figure `trend` as a tidy table."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.final_columns import FINAL_SUFFIXES
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.trend_data import TrendData, trend_data

_MARKS: Final = ("is_other", "is_part", "is_young")


def tidy_trend(data: pd.DataFrame, metric: str = "cost", **options: Any) -> pd.DataFrame:
    """Return the numbers of `trend` as a table of one row per point.

    Returns
    -------
    pandas.DataFrame
        - `date` (datetime64), `name` (object);
        - the metric (float64): what is reported; missing on days without rows;
        - `<metric>_final`, `<metric>_final_low` and `<metric>_final_high` (float64): what is
          expected when final, with the bounds of its 80 % interval, where that is known;
        - `is_other` (bool): whether it is of all others together;
        - `is_part` (bool): whether not all days of a week or longer period are in it;
        - `is_young` (boolean): whether conversions still arrive; missing if that is not known;
        - `is_undefined` (bool, for KPIs): whether the denominator is 0 and the numerator is not.
    """
    lines = trend_data(
        data,
        metric,
        **options,
    )
    if lines.values.empty:
        return pd.DataFrame(columns=["date", "name", metric, *_MARKS])
    tables = []
    for rank in range(len(lines.names)):
        line = lines.select(rank)
        tables.append(_tidy_line(line, metric))
    return pd.concat(tables, ignore_index=True)


def _tidy_line(line: TrendData, metric: str) -> pd.DataFrame:
    (name,) = line.names
    table = pd.DataFrame({"date": line.values.index, "name": name})
    table[metric] = to_float_array(line.values.iloc[:, 0])
    if line.final is not None:
        tables = (line.final.expected, line.final.low, line.final.high)
        for suffix, values in zip(
            FINAL_SUFFIXES,
            tables,
            strict=True,
        ):
            table[f"{metric}{suffix}"] = to_float_array(values.iloc[:, 0])
    table["is_other"] = name == line.other_name
    table["is_part"] = line.is_part
    is_young = pd.NA if line.ages is None else line.ages.is_arriving
    table["is_young"] = pd.Series(
        is_young,
        index=table.index,
        dtype="boolean",
    )
    if line.undefined_ratio is not None:
        table["is_undefined"] = line.undefined_ratio.iloc[:, 0].to_numpy()
    return table
