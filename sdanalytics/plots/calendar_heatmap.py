"""The figure `calendar`: a metric by day, as a heat map."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.analysis.final_curve import FinalLike
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.analysis.share_table import FROM_SNAPSHOT
from sdanalytics.plots.calendar_axis import draw_month_lines, label_calendar
from sdanalytics.plots.calendar_data import WEEKDAYS, CalendarData, calendar_data
from sdanalytics.plots.color_scales import make_scale, validate_target
from sdanalytics.plots.colors import caption_color
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.heatmap import (
    add_color_bar,
    draw_heatmap,
    grey_cells,
    mark_corners,
    separate_cells,
    style_cells,
    write_cells,
)
from sdanalytics.plots.metric_labels import drawable_currency, metric_label
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.restatement import AGES_UNKNOWN, can_change, knows_ages
from sdanalytics.plots.style import Style, draw_empty, draw_note, ensure_axes
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title

MAX_VERTICAL_WEEKS: Final = 14
"""A calendar of more weeks has one column per week instead of one row."""
_MAX_SEPARATED_WEEKS: Final = 60
"""With more weeks side by side there are no gaps between them."""
_GAP: Final = 1.5
_NARROW_GAP: Final = 0.5
"""The width of the gaps between cells, in points; the latter where weeks are columns."""
_CENTERED: Final[Style] = {"ha": "center", "va": "center"}
_ROW_HEIGHT: Final = 0.3
"""Inches per week; and per weekday where weeks are columns."""
_HEIGHT_WITHOUT_ROWS: Final = 1.2
_MIN_HEIGHT: Final = 2.1


def calendar(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    target: float | None = None,
    final: FinalLike = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the days as a calendar, coloured by a metric from 0 on.

    Days with conversions that are still arriving are grey, since their results are not to be
    compared with others, unless `final` tells what they are expected to be.

    Parameters
    ----------
    data : pandas.DataFrame
        With daily rows. Days without rows are blank.
    metric : str
        A metric or KPI.
    target : float, optional
        A value of the metric, such as 0.3 for ACOS: colours tell the distance from it, blue on the
        good side. Without it, values of both signs lie around 0.
    final : pandas.DataFrame or bool, optional
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
        Draws what the days are expected to be when no more conversions arrive.
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
        A single day is a number.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metric; the message says which
        `metrics=` to fetch. When the target is no number. With `final`, when the metric has no
        final numbers, or the curve is of something else.
    """
    validate_target(target)
    table = calendar_data(data, metric, final)
    values = table.values
    with ensure_axes(ax, height=_measure_calendar(table)) as ax:
        if values.isna().all():
            return draw_empty(ax, data, metric)
        add_title(ax, title, data, f"{metric_label(metric)} by day")
        if len(values) == 1:
            return _draw_single_day(ax, data, table)
        if (values.fillna(0) == 0).all():
            return draw_note(ax, f"{metric_label(metric)} is 0 on all days")
        _draw_days(ax, data, table, target, kwargs)
        _note_open_days(ax, data, table)
        return ax


def _measure_calendar(table: CalendarData) -> float:
    """Return the height of a new figure, in inches."""
    if len(table.days) < 2:
        return _MIN_HEIGHT
    rows = len(table.arrange(table.values))
    if rows > MAX_VERTICAL_WEEKS:
        rows = len(WEEKDAYS)
    return max(_HEIGHT_WITHOUT_ROWS + _ROW_HEIGHT * rows, _MIN_HEIGHT)


def _draw_single_day(ax: Axes, data: pd.DataFrame, table: CalendarData) -> Axes:
    """Write the value of the one day, large."""
    value = float(table.values.iloc[0])
    day = table.days["date"].iloc[0]
    unit = column_unit(table.metric)
    number = format_number(value, unit)
    if unit == "currency":
        number = f"{number} {drawable_currency(data)}".rstrip()
    ax.text(0.5, 0.5, number, fontsize="xx-large", **_CENTERED, transform=ax.transAxes)
    name = f"{day:%A}"
    color = caption_color(ax)
    ax.text(0.5, 0.2, name, color=color, **_CENTERED, transform=ax.transAxes)
    ax.set_axis_off()
    _note_open_days(ax, data, table)
    return ax


def _draw_days(
    ax: Axes, data: pd.DataFrame, table: CalendarData, target: float | None, kwargs: Style
) -> None:
    metric = table.metric
    weeks = table.arrange(table.values)
    is_horizontal = len(weeks) > MAX_VERTICAL_WEEKS
    cells = weeks.T if is_horizontal else weeks
    is_grey = _arrange_flags(table, table.is_incomplete, is_horizontal=is_horizontal)
    is_marked = _arrange_flags(table, table.is_marked, is_horizontal=is_horizontal)
    compared = np.where(is_grey, np.nan, to_float_array(cells))
    scale = make_scale(ax, compared, metric, target)
    image = draw_heatmap(ax, cells, scale, kwargs)
    grey_cells(ax, is_grey)
    mark_corners(ax, is_marked, image.to_rgba(to_float_array(cells)))
    if not is_horizontal:
        write_cells(ax, cells, column_unit(metric), image, is_grey)
    label_calendar(ax, pd.DatetimeIndex(weeks.index), is_horizontal=is_horizontal)
    style_cells(ax)
    if len(weeks) <= _MAX_SEPARATED_WEEKS:
        separate_cells(ax, *cells.shape, width=_NARROW_GAP if is_horizontal else _GAP)
    draw_month_lines(ax, weeks, is_horizontal=is_horizontal)
    if np.isfinite(compared).any():
        add_color_bar(ax, image, data, metric, compared)


def _arrange_flags(table: CalendarData, flags: BoolArray, *, is_horizontal: bool) -> BoolArray:
    weeks = table.arrange(flags)
    arranged: BoolArray = weeks.eq(True).to_numpy("bool")
    return arranged.T if is_horizontal else arranged


def _note_open_days(ax: Axes, data: pd.DataFrame, table: CalendarData) -> None:
    """Say what grey and marked days are."""
    if can_change(table.metric) and not knows_ages(data):
        add_caption(ax, AGES_UNKNOWN)
    if table.is_incomplete.any():
        reason = "days had not ended" if table.is_final else "orders still arriving"
        add_caption(ax, f"grey: {reason}")
    if table.is_marked.any():
        meaning = "expected when final" if table.is_final else "may still be restated"
        add_caption(ax, f"marked corner: {meaning}")
    if table.is_from_snapshot:
        add_caption(ax, FROM_SNAPSHOT)
    caption_data(ax, data, [table.metric])
