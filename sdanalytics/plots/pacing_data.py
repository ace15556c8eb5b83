"""The data of the figure `pacing`: a month's cost, its forecast and its budget, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.pacing_table import PACING
from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.errors import InvalidRequest

_COLUMNS: Final = ("forecast", "low", "high", "budget")
_CAUTIONS: Final = {
    "unended_days": "had not ended",
    "missing_days": "missing",
}


@dataclass(frozen=True)
class PacingData:
    """The days of a month.

    Attributes
    ----------
    days : pandas.DatetimeIndex
        All days of the month.
    cost : numpy.ndarray of float
        Up to each whole day.
    forecast, low, high : numpy.ndarray of float
        Up to each day after these, and the interval.
    budget : numpy.ndarray of float
        The sum of the daily budgets up to each day; NaN where it is not known.
    cautions : list of str
    """

    days: pd.DatetimeIndex
    cost: FloatArray
    forecast: FloatArray
    low: FloatArray
    high: FloatArray
    budget: FloatArray
    cautions: list[str]


def read_pacing(data: object) -> PacingData:
    """Return the days that a frame of `pacing` has in its metadata."""
    found = None
    if isinstance(data, pd.DataFrame):
        metadata = frame_metadata(data)
        found = metadata.get(PACING)
    if not isinstance(found, dict):
        raise InvalidRequest(
            "data must be a frame of pacing with its metadata, such as "
            "sda.plots.pacing(sda.pacing(df))"
        )
    columns = {}
    for name in _COLUMNS:
        columns[name] = np.array(found[name], dtype="float64")
    costs = np.array(found["cost"], dtype="float64")
    costs = np.nan_to_num(costs)
    month = pd.Period(found["month"], freq="M")
    days = pd.date_range(
        month.start_time,
        periods=month.days_in_month,
        unit="s",
    )
    return PacingData(
        days=days,
        cost=costs.cumsum(),
        cautions=_word_cautions(found),
        **columns,
    )


def _word_cautions(found: dict[str, Any]) -> list[str]:
    """Return what a reader must know about the days behind the lines."""
    cautions = []
    if found["forecast"]:
        level = found["level"]
        cautions.append(f"band: {level:.0%} interval")
    for key, wording in _CAUTIONS.items():
        dates = found[key]
        if not dates:
            continue
        named = f"{len(dates)} days"
        if len(dates) == 1:
            named = dates[0]
        cautions.append(f"{named} {wording}")
    return cautions


def tidy_pacing(data: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of `pacing` as a table: a row per day of the month.

    `date`, and cumulative: `cost` of whole days, `cost_forecast`, its bounds, and `budget`;
    missing where a line has no point.
    """
    month = read_pacing(data)
    table = pd.DataFrame({"date": month.days})
    lines = {
        "cost": month.cost,
        "cost_forecast": month.forecast,
        "cost_forecast_low": month.low,
        "cost_forecast_high": month.high,
    }
    for name, values in lines.items():
        column = np.full(len(month.days), np.nan)
        if name == "cost":
            column[: len(values)] = values
        elif len(values):
            column[-len(values) :] = values
        table[name] = column
    table["budget"] = month.budget
    return table
