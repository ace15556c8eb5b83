"""The figure `pacing`: a month's cost so far, its forecast, and the budget."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.plots.colors import main_color, other_color
from sdanalytics.plots.date_axis import format_date_axis, to_date_number
from sdanalytics.plots.legends import add_line_legend
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.pacing_data import PacingData, read_pacing
from sdanalytics.plots.style import (
    Style,
    draw_interval,
    ensure_axes,
    is_narrow,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title

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
    month = read_pacing(data)
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
        # Cumulative lines leave the upper left free.
        add_line_legend(ax, inside=not is_narrow(ax))
        add_title(ax, title, data, "cost against budget", f"{month.days[0]:%B %Y}")
        return ax


def _draw_cost(ax: Axes, month: PacingData, kwargs: Style) -> Line2D:
    """Draw the cost up to each whole day."""
    count = len(month.cost)
    spent = 0.0
    if count:
        spent = month.cost[-1]
    label = f"cost of {count} days: {_format_money(spent)}"
    style = {"label": label, "color": main_color(ax), **_COST_STYLE}
    line_kwargs = merge_artist_kwargs(style, kwargs, Line2D)
    (line,) = ax.plot(month.days[:count], month.cost, **line_kwargs)
    return line


def _draw_forecast(ax: Axes, month: PacingData, color: Any) -> None:
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


def _format_pacing_axes(ax: Axes, data: pd.DataFrame, month: PacingData) -> None:
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
