"""Drawing what numbers will become: reported and expected lines, and the interval of the latter."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.share_table import FROM_SNAPSHOT
from sdanalytics.plots.expected_values import ExpectedValues
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.style import MAX_BANDS, Style, draw_interval
from sdanalytics.plots.surroundings import add_caption

_MAX_BEYOND: Final = 0.3
"""The part of bands that is shown beyond all lines, as a share of the highest point."""
_REPORTED_STYLE: Final[Style] = {
    "linestyle": ":",
    "linewidth": 1.6,
    "marker": "",
    "zorder": 1.9,  # below the expected lines
}


def draw_reported_lines(
    ax: Axes, days: pd.DatetimeIndex, values: pd.DataFrame, colors: list[Any]
) -> None:
    """Draw the reported values of lines, dotted in their colours."""
    for color, column in zip(
        colors,
        values,
        strict=True,
    ):
        reported = to_float_array(values[column])
        ax.plot(
            days,
            reported,
            color=color,
            **_REPORTED_STYLE,
        )


def draw_expected_bands(
    ax: Axes, days: pd.DatetimeIndex, values: ExpectedValues, colors: list[Any]
) -> None:
    """Draw the intervals of lines, if these are few."""
    if not has_bands(values):
        return
    for color, column in zip(
        colors,
        values.expected,
        strict=True,
    ):
        low = to_float_array(values.low[column])
        high = to_float_array(values.high[column])
        draw_interval(ax, days, low, high, color)


def has_bands(values: ExpectedValues) -> bool:
    """Return whether lines that are drawn together are so few that they have bands."""
    return len(values.expected.columns) <= MAX_BANDS


def caption_expected(ax: Axes, values: ExpectedValues, *, are_banded: bool) -> None:
    """Say what lines and bands are."""
    caption = "dotted: reported; line: expected when final"
    if are_banded:
        caption = f"{caption}, 80% band"
    add_caption(ax, caption)
    if values.is_from_snapshot:
        add_caption(ax, FROM_SNAPSHOT)


def limit_to_lines(ax: Axes, values: FloatArray) -> None:
    """Keep bands that reach far from flattening the lines."""
    highest = np.nanmax(values)
    lowest = np.nanmin(values)
    bottom, top = ax.get_ylim()
    room = _MAX_BEYOND * max(abs(highest), abs(lowest))
    if not room:
        return
    if top > highest + room:
        ax.set_ylim(top=highest + room)
    if bottom < lowest - room:
        ax.set_ylim(bottom=lowest - room)
