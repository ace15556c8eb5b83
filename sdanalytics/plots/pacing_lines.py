"""The figure `pacing`: a month's cost so far, its forecast, and the budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.pacing_table import PACING
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import main_color, other_color
from sdanalytics.plots.date_axis import format_date_axis, to_date_number
from sdanalytics.plots.legends import add_line_legend
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.plot_data import FloatArray
from sdanalytics.plots.style import (
    Style,
    draw_interval,
    ensure_axes,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title

_COLUMNS: Final = ("forecast", "low", "high", "budget")
_CAUTIONS: Final = {
    "unended_days": "had not ended",
    "missing_days": "missing",
}
_COST_STYLE: Final[Style] = {
    "linewidth": 2.0,
}
_FORECAST_STYLE: Final[Style] = {
    "linestyle": "--",
    "linewidth": 1.5,
}
_BUDGET_STYLE: Final[Style] = {
    "linewidth": 1.2,
    "zorder": 1.5,
}
_HEADROOM: Final = 1.05
_SIDE_MARGIN: Final = 0.7
"""Days: less than one, or a tick names the next month."""


@dataclass(frozen=True)
class _PacingData:
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


def pacing(
    data: pd.DataFrame, *, title: TitleLike = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Draw what a month has cost day by day, what it is expected to cost, and the budget.

    Parameters
    ----------
    data : pandas.DataFrame
        The frame that `pacing` returns. All its campaigns together are drawn, whatever rows are
        left: for one campaign, pass the rows of one to `pacing`.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.plot` for the cost so far.

    Returns
    -------
    matplotlib.axes.Axes
        The axes: cumulative cost at the end of each whole day, dashed the forecast with its 80 %
        interval, and in grey the sum of the daily budgets, if it is known. The legend has the
        numbers at the end of the month.

    Raises
    ------
    InvalidRequest
        When the frame is not from `pacing`, or has lost its metadata.
    """
    month = _read_pacing(data)
    with ensure_axes(ax) as ax:
        line = _draw_cost(ax, month, kwargs)
        if len(month.forecast):
            _draw_forecast(ax, month, line.get_color())
        budget = month.budget[-1]
        if not np.isnan(budget):
            label = f"budget: {_format_money(budget)}"
            ax.plot(
                month.days,
                month.budget,
                label=label,
                color=other_color(ax),
                **_BUDGET_STYLE,
            )
        _format_pacing_axes(ax, data, month)
        add_line_legend(ax, inside=True)  # cumulative lines leave the upper left free
        add_title(ax, title, data, f"cost of {month.days[0]:%B %Y} against budget")
        return ax


def _read_pacing(data: object) -> _PacingData:
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
    return _PacingData(
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


def _draw_cost(ax: Axes, month: _PacingData, kwargs: Style) -> Line2D:
    """Draw the cost up to each whole day."""
    count = len(month.cost)
    spent = month.cost[-1] if count else 0.0
    label = f"cost of {count} days: {_format_money(spent)}"
    style = {"label": label, "color": main_color(ax), **_COST_STYLE}
    line_kwargs = merge_artist_kwargs(style, kwargs, Line2D)
    (line,) = ax.plot(month.days[:count], month.cost, **line_kwargs)
    return line


def _draw_forecast(ax: Axes, month: _PacingData, color: Any) -> None:
    """Draw the forecast from the last whole day to the end of the month."""
    joint = month.cost[-1:]
    forecast = np.concatenate([joint, month.forecast])
    low = np.concatenate([joint, month.low])
    high = np.concatenate([joint, month.high])
    days = month.days[-len(forecast) :]
    expected_text = _format_money(forecast[-1])
    low_text = _format_money(low[-1])
    high_text = _format_money(high[-1])
    ax.plot(
        days,
        forecast,
        color=color,
        label=f"forecast: {expected_text}\n({low_text} – {high_text})",
        **_FORECAST_STYLE,
    )
    draw_interval(ax, days, low, high, color)


def _format_pacing_axes(ax: Axes, data: pd.DataFrame, month: _PacingData) -> None:
    style_axes(ax)
    format_date_axis(ax)
    first, last = to_date_number(month.days[[0, -1]])
    ax.set_xlim(first - _SIDE_MARGIN, last + _SIDE_MARGIN)
    format_number_axis(ax.yaxis, "currency")
    _, top = ax.dataLim.intervaly
    if top > 0:
        ax.set_ylim(0, _HEADROOM * top)
    ax.set_ylabel(axis_title(data, "cost"))
    for caution in month.cautions:
        add_caption(ax, caution)


def _format_money(amount: float) -> str:
    return format_number(amount, "currency")
