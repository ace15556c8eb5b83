"""The figure `maturity`: the share of the final numbers that is known, by age."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.plots.colors import other_color
from sdanalytics.plots.legends import add_line_legend
from sdanalytics.plots.maturity_data import (
    MATURE_SHARE,
    MaturityData,
    MaturityLine,
    maturity_data,
)
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.name_labels import short_labels
from sdanalytics.plots.number_format import format_number_axis
from sdanalytics.plots.style import (
    MAX_BANDS,
    Style,
    draw_interval,
    draw_note,
    ensure_axes,
    line_style,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title

MAX_NAMED_LINES: Final = 10
"""More lines are thin, grey and without names."""
_MAX_BEYOND: Final = 0.3
"""The part of bands that is shown beyond all lines: that of the first age may reach far."""
_MARGIN: Final = 0.05
_MANY_LINES_STYLE: Final[Style] = {
    "linestyle": "-",
    "linewidth": 0.7,
    "alpha": 0.6,
}
_GUIDE_STYLE: Final[Style] = {
    "linewidth": 0.8,
    "zorder": 0.5,
}


def maturity(
    curve: pd.DataFrame,
    metric: str | None = None,
    *,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the share of a day's final number that is known at each age.

    One line a group of the curve, and its 80 % interval as a band, for up to four groups. The
    legend tells after how many days 90 % are known, and a dot shows it. Numbers that
    shrink (cancelled orders, invalid clicks) begin above 100 %: then it is told when they are
    within 10 % of the final number for good.

    Parameters
    ----------
    curve : pandas.DataFrame
        The frame that `maturity` returns, or some of its rows.
    metric : str, optional
        One of the curve's metrics; by default `orders`, or the first if it has none.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes: ages in days, counted from the end of the day in the profile's time zone, and
        shares as per cent. More than ten groups are grey lines without names.

    Raises
    ------
    InvalidRequest
        When the frame is not a curve, or does not have the metric.
    """
    data = maturity_data(curve, metric)
    with ensure_axes(ax) as ax:
        if not data.lines:
            return draw_note(ax, "no values" if data.has_rows else "no rows")
        if len(data.lines) > MAX_NAMED_LINES:
            _draw_many_lines(ax, data, kwargs)
        else:
            _draw_named_lines(ax, data, kwargs)
        _draw_guides(ax)
        _format_maturity_axes(ax, data)
        _add_captions(ax, data)
        if len(data.lines) <= MAX_NAMED_LINES:
            add_line_legend(ax, inside=True)  # there is room below or above curves
        add_title(ax, title, curve, f"maturity of {metric_label(data.metric)}")
        return ax


def _draw_many_lines(ax: Axes, data: MaturityData, kwargs: Style) -> None:
    style = {"color": other_color(ax), **_MANY_LINES_STYLE}
    line_kwargs = merge_artist_kwargs(style, kwargs, Line2D)
    for line in data.lines:
        ax.plot(line.ages, line.shares, **line_kwargs)


def _draw_named_lines(ax: Axes, data: MaturityData, kwargs: Style) -> None:
    names = short_labels([line.name for line in data.lines])
    for rank, line in enumerate(data.lines):
        style = line_style(ax, rank)
        style["label"] = f"{names[rank]}: {_word_maturity(line)}"
        line_kwargs = merge_artist_kwargs(style, kwargs, Line2D)
        (drawn,) = ax.plot(line.ages, line.shares, **line_kwargs)
        if len(data.lines) <= MAX_BANDS:
            draw_interval(ax, line.ages, line.low, line.high, drawn.get_color())
        _mark_mature_age(ax, line, drawn)


def _word_maturity(line: MaturityLine) -> str:
    """Say after how many days 90 % are known, or how much is from the first day on."""
    position = line.mature_position
    is_growing = line.shares[0] < 1
    goal = "within 10%"
    if is_growing:
        goal = f"{MATURE_SHARE:.0%}"
    if position is None:
        return f"{goal} after more than {line.ages[-1]:.0f} days"
    if position == 0:
        return f"starts at {line.shares[0]:.0%}"
    age = line.ages[position]
    noun = "day" if age == 1 else "days"
    return f"{goal} after {age:.0f} {noun}"


def _mark_mature_age(ax: Axes, line: MaturityLine, drawn: Line2D) -> None:
    position = line.mature_position
    if not position:  # never, or from the first age on
        return
    ax.plot(
        line.ages[position],
        line.shares[position],
        marker="o",
        markersize=5,
        color=drawn.get_color(),
        zorder=drawn.get_zorder() + 0.1,
    )


def _draw_guides(ax: Axes) -> None:
    """Draw lines at the final number, and where most of it is known."""
    color = other_color(ax)
    ax.axhline(1, linestyle="-", color=color, **_GUIDE_STYLE)
    ax.axhline(MATURE_SHARE, linestyle="--", color=color, **_GUIDE_STYLE)


def _format_maturity_axes(ax: Axes, data: MaturityData) -> None:
    style_axes(ax)
    format_number_axis(ax.xaxis, "count")
    format_number_axis(ax.yaxis, "fraction")
    _set_share_limits(ax, data)
    label = metric_label(data.metric)
    ax.set_ylabel(f"share of final {label} known")
    ax.set_xlabel("days since the day ended")


def _set_share_limits(ax: Axes, data: MaturityData) -> None:
    """Show all lines, and as much of the bands as leaves room for these; small shares from 0."""
    highest = highest_of_band = 1.0
    lowest = lowest_of_band = MATURE_SHARE
    for line in data.lines:
        highest = max(highest, line.shares.max())
        lowest = min(lowest, line.shares.min())
        highest_of_band = np.fmax(highest_of_band, np.fmax.reduce(line.high))
        lowest_of_band = np.fmin(lowest_of_band, np.fmin.reduce(line.low))
    top = np.clip(highest_of_band, highest, highest + _MAX_BEYOND)
    bottom = np.clip(lowest_of_band, lowest - _MAX_BEYOND, lowest)
    margin = _MARGIN * (top - bottom)
    bottom = 0.0 if bottom < 0.5 else bottom - margin
    ax.set_ylim(bottom, top + margin)


def _add_captions(ax: Axes, data: MaturityData) -> None:
    count = len(data.lines)
    if count <= MAX_BANDS:
        add_caption(ax, "band: 80% interval")
    if count > MAX_NAMED_LINES:
        add_caption(ax, f"{count} groups, too many to name")
    if data.is_cross_section:
        add_caption(ax, "cross-section: from one snapshot")
