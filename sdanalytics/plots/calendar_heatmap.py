"""The figure `calendar`: a metric by day, as a heat map."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.color_scales import make_scale
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.heatmap import (
    add_color_bar,
    draw_heatmap,
    style_cells,
    write_cells,
)
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.plot_data import prepare, to_float_array
from sdanalytics.plots.restatement import hatch_open_days
from sdanalytics.plots.style import (
    draw_empty,
    ensure_axes,
)
from sdanalytics.plots.titles import TitleLike, add_title

MAX_VERTICAL_WEEKS: Final = 14
"""A calendar of more weeks has one column per week instead of one row."""
MAX_WEEK_LABELS: Final = 14
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NO_DATA_COLOR: Final = "#EDEDED"


def calendar(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the days as a calendar: the darker, the larger the metric.

    Parameters
    ----------
    data : pandas.DataFrame
        With daily rows. Days without rows are blank.
    metric : str
        A metric or KPI.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with one row per week, Monday first; from 15 weeks on with one column per week.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metric; the message says which
        `metrics=` to fetch.
    """
    weeks = calendar_data(data, metric)
    with ensure_axes(ax) as ax:
        if weeks.isna().all(axis=None):
            return draw_empty(ax, data, metric)
        is_horizontal = len(weeks) > MAX_VERTICAL_WEEKS
        cells = weeks.T if is_horizontal else weeks
        values = to_float_array(weeks)
        scale = make_scale(ax, values, metric)
        image = draw_heatmap(ax, cells, scale, kwargs)
        ax.set_facecolor(_NO_DATA_COLOR)
        if not is_horizontal:
            write_cells(ax, cells, metric_unit(metric), image)
        _label_weeks(ax, weeks, is_horizontal=is_horizontal)
        style_cells(ax)
        hatch_open_days(ax, data, metric, weeks, is_horizontal=is_horizontal)
        caption_data(ax, data, [metric])
        add_color_bar(ax, image, data, metric, values)
        add_title(ax, title, data, f"{metric_label(metric)} by day")
        return ax


def calendar_data(data: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Compute a metric by day: one row per week, named by its Monday, one column per weekday."""
    data = prepare(data, [metric])
    _validate_daily(data)
    days = aggregate(data, [metric], "date")
    if days.empty:
        return pd.DataFrame(columns=WEEKDAYS)
    return _pivot_weeks(days, metric)


def _pivot_weeks(days: pd.DataFrame, metric: str) -> pd.DataFrame:
    dates = days["date"]
    weekdays = dates.dt.day_of_week
    days_since_monday = pd.to_timedelta(weekdays, unit="D")
    mondays = dates - days_since_monday
    by_week = days.assign(monday=mondays, weekday=weekdays)
    cells = by_week.pivot(index="monday", columns="weekday", values=metric)
    first = mondays.min()
    last = mondays.max()
    all_mondays = pd.date_range(first, last, freq="7D")
    all_weekdays = range(len(WEEKDAYS))
    cells = cells.reindex(index=all_mondays, columns=all_weekdays)
    return cells.set_axis(WEEKDAYS, axis="columns")


def _validate_daily(data: pd.DataFrame) -> None:
    validate_columns(data, ["date"])
    freq = frame_metadata(data).get("freq")
    if freq not in (None, "D"):
        raise InvalidRequest(
            f"a calendar needs daily rows, got a summary with freq={freq!r}; pass the frame of "
            "fetch_report, or summarize with freq='D'"
        )


def _format_monday(monday: pd.Timestamp) -> str:
    return f"{monday:%b} {monday.day}"


def _label_weeks(ax: Axes, weeks: pd.DataFrame, *, is_horizontal: bool) -> None:
    """Label the weeks by their Mondays, as many as there is room for."""
    week_axis: Axis = ax.yaxis
    weekday_axis: Axis = ax.xaxis
    if is_horizontal:
        week_axis, weekday_axis = weekday_axis, week_axis
    labels = [_format_monday(monday) for monday in weeks.index]
    step = math.ceil(len(weeks) / MAX_WEEK_LABELS)
    positions = range(0, len(weeks), step)
    week_axis.set_ticks(positions, labels[::step])
    week_axis.set_label_text("week of")
    weekdays = range(len(WEEKDAYS))
    weekday_axis.set_ticks(weekdays, WEEKDAYS)
    if is_horizontal:
        ax.tick_params(axis="x", labelrotation=60)
