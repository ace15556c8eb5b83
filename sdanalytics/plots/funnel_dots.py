"""The figure `funnel`: rates from impressions to orders, as dots with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.periods import select_periods
from sdanalytics.plots.bounded_metric import caption_bounds
from sdanalytics.plots.colors import caption_color, other_color, palette
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.funnel_data import (
    COST_TYPE_COLUMN,
    RESULTS,
    FunnelData,
    FunnelRate,
    PeriodPair,
    funnel_data,
)
from sdanalytics.plots.groups import word_groups, word_shown_groups
from sdanalytics.plots.legends import add_color_legend
from sdanalytics.plots.name_labels import label_names
from sdanalytics.plots.number_column import NumberColumn, NumberRow
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    ensure_axes,
    merge_artist_kwargs,
)
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import TitleLike, add_title, word_interval

_MARKERS: Final = ("o", "s", "D", "^")
_MARKER_SIZE: Final = 6
_LINE_HEIGHT: Final = 0.2
"""Inches of a line: a heading, or a dot."""
_HEIGHT_WITHOUT_LINES: Final = 1.2
"""Inches for the title, the caption and the legend."""
_HEADING_MIDDLE: Final = 0.4
_FIRST_DOT: Final = 1.35
_SCALE_BELOW: Final = 0.55
_NEXT_HEADING: Final = 1.7
"""Lines from the top of a heading to its middle and to the first dots, and from the last dots to
their scale and to the top of the next heading."""
_SCALE_ENDS: Final = (1, 2, 5, 10)
"""First digits of the ends of scales."""


def funnel(
    data: pd.DataFrame,
    *,
    by: str | None = COST_TYPE_COLUMN,
    periods: PeriodPair | None = None,
    n: int = 4,
    level: float = 0.9,
    names: Mapping[Any, Any] | None = None,
    title: TitleLike = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the rates from impressions to orders, with what chance leaves open of them.

    There are two ways to an order, and page views belong to either: clicks lead to page views and
    orders after a click, and viewable impressions, which vCPM campaigns pay for, to those after a
    view or a click. Each rate has a scale of its own that begins at 0, the same for all groups.

    Parameters
    ----------
    data : pandas.DataFrame
        From `fetch_report` or `summarize`. Rates are left out if it lacks their columns.
    by : str or None
        A column: draws a dot for each of its values. None: all rows together, as if the frame has
        no cost types.
    periods : tuple, optional
        Two pairs of days, ``(("2026-11-14", "2026-11-20"), ("2026-11-21", "2026-11-27"))``: draws
        a dot for each, in place of `by`.
    n : int
        The maximum number of values of `by`: those of the most impressions.
    level : float
        Of the intervals, Jeffreys' as in `summarize`, wider where days differ more than by chance.
    names : mapping or pandas.Series, optional
        Names to draw, by id or value.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the dots, and to their right rates and counts; from 0 to 1 is the scale of
        each rate.

    Raises
    ------
    InvalidRequest
        When the frame has fewer than two stages; the message says which `metrics=` to fetch. When
        the level is no fraction, the periods are no two pairs of days, or `by` is given with them.

    Warns
    -----
    PeriodWarning
        When the periods differ in length, overlap, are swapped, or lack days.
    """
    dots = funnel_data(data, by=by, periods=periods, n=n, level=level, names=names)
    layout = _FunnelLayout(dots)
    height = _HEIGHT_WITHOUT_LINES + _LINE_HEIGHT * layout.height
    with ensure_axes(ax, height=height) as ax:
        if dots.table.empty:
            return draw_empty(ax, data)
        labels = label_names(dots.names)
        colors = _choose_group_colors(ax, dots)
        _draw_scales(ax, layout)
        _draw_dots_and_intervals(ax, layout, labels.texts, colors, kwargs)
        _add_numbers(ax, layout, dots)
        ax.set_ylim(layout.height, 0)
        ax.set_axis_off()
        if len(dots.names) > 1:
            _explain_groups(ax, labels.texts, colors)
        shared = labels.describe_shared()
        if shared is not None:
            add_caption(ax, shared)
        _add_funnel_notes(ax, data, dots, by)
        subject = "from impressions to orders"
        if len(dots.names) > 1 and by is not None and not dots.periods:
            subject = f"{subject} by {word_groups(by)}"
        shown = data
        if dots.periods:
            shown = select_periods(data, dots.periods)
        add_title(ax, title, shown, subject)
        return ax


class _FunnelLayout:
    """The lines of the figure: below the heading of each rate its dots, and its scale.

    Attributes
    ----------
    table : pandas.DataFrame
        The dots, with their `line`, their `position` on the scale, and `start` and `stop` of
        their intervals.
    headings : list of (float, float, FunnelRate)
        The line of each rate's heading, and the end of its scale.
    height : float
        In lines.
    """

    def __init__(self, dots: FunnelData) -> None:
        self.headings: list[tuple[float, float, FunnelRate]] = []
        self.height = 0.0
        parts = []
        for number, rate in enumerate(dots.rates):
            rows = dots.table[dots.table["rate"] == number]
            if rows.empty:
                continue
            end = _find_scale_end(rows)
            self.headings.append((self.height, end, rate))
            first = self.height + _FIRST_DOT
            part = rows.assign(
                line=first + np.arange(len(rows)),
                position=rows["value"] / end,
                start=rows["low"] / end,
                stop=rows["high"] / end,
            )
            parts.append(part)
            self.height = first + len(rows) - 1 + _NEXT_HEADING
        self.table = pd.concat(parts) if parts else dots.table


def _find_scale_end(rows: pd.DataFrame) -> float:
    """Return a round number that no value and no bound is above."""
    largest = float(rows[["value", "high"]].max().max())
    power = 10.0 ** math.floor(math.log10(largest))
    for digit in _SCALE_ENDS:
        if largest <= digit * power:
            return digit * power
    return largest


def _choose_group_colors(ax: Axes, dots: FunnelData) -> list[str]:
    """Return a colour for each group: of periods, grey is the one before."""
    colors = palette(ax)
    if dots.periods:
        return [other_color(ax), colors[0]]
    repeated = colors * (len(dots.names) // len(colors) + 1)
    return repeated[: len(dots.names)]


def _draw_scales(ax: Axes, layout: _FunnelLayout) -> None:
    """Write the heading of each rate, and draw its scale below its dots."""
    last_lines = layout.table.groupby("rate")["line"].max()
    guide: Style = {
        "color": other_color(ax),
        "linewidth": 0.6,
        "zorder": 0.6,
    }
    note: Style = {
        "color": caption_color(ax, outside=True),
        "fontsize": "x-small",
        "ha": "center",
        "va": "top",
    }
    for (top, end, rate), last in zip(layout.headings, last_lines, strict=True):
        middle = top + _HEADING_MIDDLE
        ax.text(0, middle, rate.label, va="center", fontsize="small")
        bottom = last + _SCALE_BELOW
        ax.vlines([0, 1], bottom - 0.25, bottom, **guide)
        ax.hlines(bottom, 0, 1, **guide)
        below = bottom + 0.1
        ax.text(0, below, "0", **note)
        ax.text(1, below, format_number(end, rate.unit), **note)


def _draw_dots_and_intervals(
    ax: Axes, layout: _FunnelLayout, names: list[str], colors: list[str], kwargs: Style
) -> None:
    for number, rows in layout.table.groupby("group"):
        group = int(str(number))
        color = colors[group]
        ax.hlines(rows["line"], rows["start"], rows["stop"], color=color, linewidth=1.5)
        style: Style = {
            "color": color,
            "marker": _MARKERS[group % len(_MARKERS)],
            "s": _MARKER_SIZE**2,
            "zorder": 3,
            "label": names[group],
        }
        dot_kwargs = merge_artist_kwargs(style, kwargs, PathCollection)
        ax.scatter(rows["position"], rows["line"], **dot_kwargs)


def _add_numbers(ax: Axes, layout: _FunnelLayout, dots: FunnelData) -> None:
    """Write rates and counts to the right of the dots."""
    rows = []
    for number, rate in enumerate(dots.rates):
        table = layout.table[layout.table["rate"] == number]
        numbers = table[["line", "value", "events", "exposure"]]
        for line, value, events, exposure in numbers.to_numpy("float64").tolist():
            row = NumberRow(
                position=line,
                value=format_number(value, rate.unit),
                counts=_word_counts(events, exposure),
                short_counts=_word_counts(events, exposure, short=True),
            )
            rows.append(row)
    column = NumberColumn(ax, rows, list(ax.texts))
    ax.add_artist(column)


def _word_counts(events: float, exposure: float, *, short: bool = False) -> str:
    above = format_number(events, short=short)
    below = format_number(exposure, short=short)
    return f"{above} / {below}"


def _explain_groups(ax: Axes, names: list[str], colors: list[str]) -> None:
    handles = []
    for number, (name, color) in enumerate(zip(names, colors, strict=True)):
        marker = _MARKERS[number % len(_MARKERS)]
        handle = Line2D(
            [],
            [],
            color=color,
            marker=marker,
            markersize=_MARKER_SIZE,
            label=name,
        )
        handles.append(handle)
    add_color_legend(ax, handles, always_below=True)


def _add_funnel_notes(ax: Axes, data: pd.DataFrame, dots: FunnelData, by: str | None) -> None:
    shown = len(dots.names)
    if dots.group_count > shown:
        add_caption(ax, word_shown_groups(shown, dots.group_count, str(by)))
    caption_bounds(ax, dots.level)
    arriving = frame_metadata(data).get("arriving_from")
    if arriving and "date" in data:
        first = date.fromisoformat(arriving)
        days = data["date"].dropna()
        if len(days) and days.max().date() >= first:
            day = word_interval(first, first)
            add_caption(ax, f"page views and orders since {day} are still arriving")
    caption_data(ax, data, RESULTS)
