"""The figure `trend`: a metric over time, as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.final_curve import FinalLike
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import main_color, other_color
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.line_names import NAME_WIDTH, NamedLine, name_lines
from sdanalytics.plots.metric_labels import axis_title
from sdanalytics.plots.name_labels import label_names
from sdanalytics.plots.plot_data import to_float_array
from sdanalytics.plots.small_multiples import choose_columns, fit_panels, make_panels
from sdanalytics.plots.style import (
    FIGSIZE,
    Style,
    draw_note,
    ensure_axes,
    fit_rows,
    line_style,
)
from sdanalytics.plots.titles import TitleLike, add_title
from sdanalytics.plots.trend_bars import draw_day_bars
from sdanalytics.plots.trend_data import TrendData, trend_data
from sdanalytics.plots.trend_marks import draw_trend, set_scale
from sdanalytics.plots.trend_words import (
    TrendDrawing,
    caption_trend,
    find_nothing,
    word_subject,
)

_MIN_PANELS: Final = 4
"""Lines from which on each has a panel."""


def trend(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str | None = None,
    n: int = 5,
    others: bool | None = None,
    smooth: int | None = None,
    facet: bool | None = None,
    final: FinalLike = None,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a metric over time; where conversions still arrive, lines are dashed.

    A few outliers do not decide the scale: their values are written where they leave it. A single
    day is drawn as bars. For years of days, draw weeks: ``trend(summarize(df, freq="W"))``.

    Parameters
    ----------
    data : pandas.DataFrame
        With a column `date`. Days without rows are a gap in the line; the points of weeks and
        months of which the summary does not have all days are hollow. Of a summary with final
        numbers (``summarize(..., final=curve)``), these are drawn as with `final`.
    metric : str
        A metric or KPI.
    by : str, optional
        A column: draws a line for each of its `n` largest values (for ratios: the largest by
        cost). Campaigns, ad groups and targets are told apart by their ids.
    n : int
        The maximum number of lines, not counting the one for the others.
    others : bool, optional
        Whether all others together have a line, in grey; by default where their total does not
        exceed that of the largest line. The caption has the share of those that are named.
    smooth : int, optional
        Days, such as 7: each point is of so many days up to it, so that the rhythm of the week
        does not hide the course. Ratios are of the sums of these days, other metrics their average.
        Days without rows count in neither, and have no point, nor have the days that
        the first window begins with. Needs rows of single days.
    facet : bool, optional
        Whether each line has a panel of its own, all on one scale: by default from four lines on,
        where there is room. The panels are the `child_axes` of the axes.
    final : pandas.DataFrame or bool, optional
        A curve of `maturity`, of the frame's report and profile; True: that of the default cache.
        Draws what the metric is expected to be when it is final, with an interval of 80 % (for up
        to four lines in axes), and what is reported so far dotted.
        Needs a frame of days that tells when they were fetched. Days that had not ended
        then have no expected value. False: not even what a summary has.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.plot`; of a single day to `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the lines, or around the panels.

    Raises
    ------
    InvalidRequest
        When the frame does not have the columns for the metric; the message says which
        `metrics=` to fetch. With `final`, when the metric has no final numbers, the curve is of
        something else, or the frame is not of days; with `smooth`, when it is not of days, or the
        metric cannot be added up.
    """
    if facet is not None and not isinstance(facet, bool):
        raise InvalidRequest(f"facet must be True, False or None, got {facet!r}")
    lines = trend_data(
        data, metric, by=by, n=n, others=others, smooth=smooth, final=final, names=names
    )
    with ensure_axes(ax, height=_choose_height(lines, facet)) as ax:
        subject = word_subject(metric, by, smooth)
        note = find_nothing(data, lines, metric, smooth)
        if note is not None:
            draw_note(ax, note)
            add_title(ax, title, data, subject)
            return ax
        unit = axis_title(data, metric)
        drawing = _draw_as_fits(
            ax,
            lines,
            metric,
            unit,
            facet,
            kwargs,
            is_named=by is not None,
        )
        caption_trend(ax, lines, metric, by, smooth, drawing)
        caption_data(ax, data, [metric])
        add_title(ax, title, data, subject)
        return ax


def _choose_height(lines: TrendData, facet: bool | None) -> float:
    """Return the height of a new figure, in inches."""
    count = len(lines.names)
    if lines.is_single_day:
        return fit_rows([str(name) for name in lines.names])
    height = FIGSIZE[1]
    if facet or (facet is None and count >= _MIN_PANELS):
        return max(height, fit_panels(count))
    return height


def _draw_as_fits(
    ax: Axes,
    lines: TrendData,
    metric: str,
    unit: str,
    facet: bool | None,
    kwargs: Style,
    *,
    is_named: bool,
) -> TrendDrawing:
    """Draw a trend as bars, as panels or as lines in the axes."""
    if lines.is_single_day:
        labels = label_names(lines.names, lines.special_names)
        draw_day_bars(
            ax,
            lines,
            metric,
            labels.texts if is_named else [""],
            kwargs,
        )
        ax.set_xlabel(unit)
        return TrendDrawing(labels, "bars")
    ax.set_ylabel(unit)
    columns = _choose_columns(ax, lines, facet)
    if columns:
        return _draw_panels(ax, lines, metric, columns, kwargs)
    return _draw_together(
        ax,
        lines,
        metric,
        kwargs,
        is_named=is_named,
    )


def _choose_columns(ax: Axes, lines: TrendData, facet: bool | None) -> int:
    """Return the columns of panels; 0 if the lines share the axes."""
    count = len(lines.names)
    if facet is False or (facet is None and count < _MIN_PANELS):
        return 0
    columns = choose_columns(ax, count)
    return columns or (1 if facet else 0)


def _draw_panels(
    ax: Axes, lines: TrendData, metric: str, columns: int, kwargs: Style
) -> TrendDrawing:
    panels, labels = make_panels(
        ax,
        lines.names,
        lines.special_names,
        columns,
    )
    drawn = []
    for rank, panel in enumerate(panels):
        is_other = lines.names[rank] == lines.other_name
        color = other_color(panel) if is_other else main_color(panel)
        style = {"color": color, "label": labels.texts[rank]}
        drawn.append(
            draw_trend(
                panel,
                lines.select(rank),
                metric,
                [style],
                kwargs,
            )
        )
    are_cut = set_scale(drawn, lines.list_values(), metric)
    return TrendDrawing(labels, "panels", are_cut=are_cut)


def _draw_together(
    ax: Axes, lines: TrendData, metric: str, kwargs: Style, *, is_named: bool
) -> TrendDrawing:
    labels = label_names(
        lines.names,
        lines.special_names,
        width=NAME_WIDTH,
    )
    styles = []
    for rank, label in enumerate(labels.texts):
        style: Style = line_style(ax, rank)
        if lines.names[rank] == lines.other_name:
            style = {"color": other_color(ax)}
        styles.append(style | {"label": label})
    drawn = draw_trend(ax, lines, metric, styles, kwargs)
    are_cut = set_scale([drawn], lines.list_values(), metric)
    if is_named:
        name_lines(ax, _list_ends(lines, styles))
    return TrendDrawing(labels, "lines", are_cut=are_cut)


def _list_ends(lines: TrendData, styles: list[Style]) -> list[NamedLine]:
    """Return the names of lines with their last values."""
    table = lines.drawn.where(lines.drawn.notna(), lines.values)
    ends = []
    for style, column in zip(styles, table, strict=True):
        values = to_float_array(table[column].dropna())
        height = 0.0
        if len(values):
            height = float(values[-1])
        ends.append(NamedLine(style["label"], height, style["color"]))
    return ends
