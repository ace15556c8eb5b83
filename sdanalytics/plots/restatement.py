"""Marking the days that Amazon may still restate."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sdanalytics.analysis.buckets import is_named_by_last_day
from sdanalytics.analysis.kpi_definitions import is_attributed, is_catalogued
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.plots.colors import background, is_dark
from sdanalytics.plots.date_axis import to_date_number
from sdanalytics.plots.style import (
    Style,
)
from sdanalytics.plots.surroundings import add_caption

RESTATABLE_FROM: Final = "restatable_from"
"""A key of the frame's metadata: the first day that may still change."""
TRAFFIC_RESTATABLE_FROM: Final = "traffic_restatable_from"
"""The first day with impressions, clicks and cost that may still change."""
CONVERSIONS_ARRIVING_FROM: Final = "arriving_from"
"""The first day with incomplete conversions."""

AGES_UNKNOWN: Final = "restatable days are not known"
_OVERLAY_ZORDER: Final = 2.5
"""Above the lines, below the marks of undefined ratios."""
_FAR_LEFT: Final = 1e3
_FAR_RIGHT: Final = 1e6
"""Days that an overlay reaches beyond the data: the user may set other limits later."""
_HATCH_STYLE: Final[Style] = {
    "fill": False,
    "hatch": "//",
    "edgecolor": (1, 1, 1, 0.45),
    "linewidth": 0,
}


class _Shade(NamedTuple):
    """A shade over the days from the metadata key's day on, and its explanation."""

    metadata_key: str
    caption: str
    alpha: float


_TRAFFIC_SHADES: Final = (
    _Shade(TRAFFIC_RESTATABLE_FROM, "lighter: may still be restated", alpha=0.5),
)
_CONVERSION_SHADES: Final = (
    _Shade(RESTATABLE_FROM, "lighter: may still be restated", alpha=0.3),
    _Shade(CONVERSIONS_ARRIVING_FROM, "lightest: orders still arriving", alpha=0.35),
)


def shade_restatable(ax: Axes, data: pd.DataFrame, metric: str, days: pd.DatetimeIndex) -> None:
    """Lighten the days that may still be restated, and explain it in the caption."""
    metadata = frame_metadata(data)
    if not _knows_ages(data):
        add_caption(ax, AGES_UNKNOWN)
        return
    last_days = _last_days(days, metadata.get("freq"))
    shades = _CONVERSION_SHADES if _is_conversion_metric(metric) else _TRAFFIC_SHADES
    captions = []
    for shade in shades:
        first_open_day = _metadata_day(data, shade.metadata_key)
        if first_open_day is None:
            continue
        start = int(last_days.searchsorted(first_open_day))
        if start < len(days):
            _overlay(ax, days, start, shade.alpha)
            captions.append(_caption_for_background(ax, shade.caption))
    if captions:
        add_caption(ax, "; ".join(captions))


def _caption_for_background(ax: Axes, caption: str) -> str:
    """Word a caption for dark backgrounds, too: there, paler lines are darker ones."""
    if is_dark(background(ax)):
        return caption.replace("light", "dark")
    return caption


def hatch_open_days(
    ax: Axes, data: pd.DataFrame, metric: str, weeks: pd.DataFrame, *, is_horizontal: bool
) -> None:
    """Hatch the days of a calendar that may still change."""
    if not _knows_ages(data):
        add_caption(ax, AGES_UNKNOWN)
        return
    key = CONVERSIONS_ARRIVING_FROM if _is_conversion_metric(metric) else TRAFFIC_RESTATABLE_FROM
    first_open_day = _metadata_day(data, key)
    if first_open_day is None:
        return
    mondays = weeks.index.to_numpy()
    weekdays = np.arange(7) * np.timedelta64(1, "D")
    days = mondays[:, None] + weekdays
    has_value = weeks.notna().to_numpy()
    is_open = has_value & (days >= first_open_day.to_numpy())
    if is_horizontal:
        is_open = is_open.T
    for y, x in np.argwhere(is_open):
        corner = (x - 0.5, y - 0.5)
        ax.add_artist(Rectangle(corner, 1, 1, **_HATCH_STYLE))
    if is_open.any():
        add_caption(ax, "hatched: still changing")


def _knows_ages(data: pd.DataFrame) -> bool:
    """Return whether the metadata is there, which `concat`, `merge` and CSV drop."""
    return RESTATABLE_FROM in frame_metadata(data)


def _is_conversion_metric(metric: str) -> bool:
    """Return whether a metric is made of conversions, or may be: these arrive for weeks."""
    return is_attributed(metric) or not is_catalogued(metric)


def _metadata_day(data: pd.DataFrame, key: str) -> pd.Timestamp | None:
    metadata = frame_metadata(data)
    day = metadata.get(key)
    return pd.Timestamp(day) if day else None


def _last_days(days: pd.DatetimeIndex, freq: str | None) -> pd.DatetimeIndex:
    """Return the last day of each period of a frequency."""
    if freq is None:
        return days
    offset = pd.tseries.frequencies.to_offset(freq)
    if offset is None:
        return days
    if is_named_by_last_day(freq):
        return days
    next_periods = days + offset
    return pd.DatetimeIndex(next_periods - pd.Timedelta(days=1))


def _overlay(ax: Axes, days: pd.DatetimeIndex, start: int, alpha: float) -> None:
    """Cover the points from `start` on with the background's colour; limits do not change."""
    points = to_date_number(days)
    left = points[0] - _FAR_LEFT
    if start > 0:
        left = (points[start - 1] + points[start]) / 2
    overlay = Rectangle(
        (left, 0),
        width=_FAR_RIGHT,
        height=1,
        transform=ax.get_xaxis_transform(),
        zorder=_OVERLAY_ZORDER,
        facecolor=background(ax),
        alpha=alpha,
        linewidth=0,
    )
    ax.add_artist(overlay)
