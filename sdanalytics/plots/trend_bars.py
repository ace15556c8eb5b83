"""A trend of a single day: bars, as there is no line."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import Patch

from sdanalytics.analysis.column_units import column_unit
from sdanalytics.plots.colors import background, main_color, other_color
from sdanalytics.plots.metric_labels import word_undefined
from sdanalytics.plots.number_format import format_number, format_number_axis
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import Style, merge_artist_kwargs, style_axes
from sdanalytics.plots.trend_data import TrendData

_BAR_HEIGHT: Final = 0.7
_MARGIN: Final = 0.16
"""Room for the numbers beside the bars, as a share of the axes."""
_LEAST_ROWS: Final = 3
"""Rows that the axes have room for at least, so that a single bar is no wall."""


def draw_day_bars(
    ax: Axes, lines: TrendData, metric: str, labels: list[str], kwargs: Style
) -> None:
    """Draw the values of a day as bars, hollow where they still grow or are a part of it."""
    has_values = lines.values.notna().any(axis="columns")
    row = int(np.argmax(has_values.to_numpy()))
    values = to_float_array(lines.values.iloc[row])
    is_young = lines.ages is not None and bool(lines.ages.is_arriving[row])
    is_hollow = is_young or bool(lines.is_part[row])
    colors = [main_color(ax)] * len(values)
    if lines.other_name is not None:
        colors[-1] = other_color(ax)
    style: Style = {"height": _BAR_HEIGHT, "color": colors}
    if is_hollow:
        style |= {"color": background(ax), "edgecolor": colors, "linewidth": 1.2}
    bar_kwargs = merge_artist_kwargs(style, kwargs, Patch)
    bars = ax.barh(
        range(len(values)),
        np.nan_to_num(values),
        **bar_kwargs,
    )
    if lines.final is not None:
        _draw_expected(ax, lines, row)
    _write_bar_values(ax, bars, lines, row, values, metric)
    _format_bar_axes(ax, labels, metric)


def _write_bar_values(
    ax: Axes, bars: BarContainer, lines: TrendData, row: int, values: FloatArray, metric: str
) -> None:
    texts = [format_number(value, column_unit(metric)) for value in values]
    if lines.undefined_ratio is not None:
        is_undefined = lines.undefined_ratio.iloc[row].to_numpy()
        for number in np.flatnonzero(is_undefined):
            texts[number] = word_undefined(metric)
    ax.bar_label(
        bars,
        labels=texts,
        padding=4,
        fontsize="small",
    )


def _draw_expected(ax: Axes, lines: TrendData, row: int) -> None:
    """Draw what is expected as a point with its interval."""
    assert lines.final is not None
    expected = to_float_array(lines.final.expected.iloc[row])
    low = to_float_array(lines.final.low.iloc[row])
    high = to_float_array(lines.final.high.iloc[row])
    spans = [expected - low, high - expected]
    reach: Any = np.nan_to_num(spans).clip(min=0)
    ax.errorbar(
        expected,
        np.arange(len(expected)),
        xerr=reach,
        fmt="o",
        markersize=4,
        linewidth=1,
        color=other_color(ax),
    )


def _format_bar_axes(ax: Axes, labels: list[str], metric: str) -> None:
    style_axes(ax)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), _LEAST_ROWS) - 0.5, -0.5)
    ax.margins(x=_MARGIN)
    format_number_axis(ax.xaxis, column_unit(metric))
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    if ax.dataLim.xmin < 0 < ax.dataLim.xmax:
        ax.axvline(
            0,
            color=other_color(ax),
            linewidth=0.8,
        )
