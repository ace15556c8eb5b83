"""The style that all figures share: size, frame, lines, and what is said of no data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.ticker import FixedLocator

from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import caption_color, palette, root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.name_labels import count_lines
from sdanalytics.plots.titles import word_shown_days

Style: TypeAlias = dict[str, Any]
"""Keyword arguments of an artist."""

_DASHES: Final = ("-", "--", ":")
"""Line styles: each is used with all colours before the next one."""
MAX_BANDS: Final = 4
"""Bands of more lines would hide one another."""
_BAND_OPACITY: Final = 0.22
FIGSIZE: Final = (6.4, 4.0)
"""Width and least height of a figure, in inches."""
_NARROW_WIDTH: Final = 3.4
"""Inches of axes from which on there is room for large labels."""
_ROW_HEIGHT: Final = 0.27
"""Inches that a row of labels takes."""
_LINE_HEIGHT: Final = 0.19
"""Inches that a line of a label takes."""
_HEIGHT_WITHOUT_ROWS: Final = 1.1
"""Inches for the title, the axis and the caption."""


@contextlib.contextmanager
def ensure_axes(ax: Axes | None, rows: int = 0, height: float | None = None) -> Iterator[Axes]:
    """Yield the axes to draw in: those of a new figure when `ax` is None.

    The new figure is as high as its rows need, unless a height in inches is given. It is closed
    when drawing fails.
    """
    if ax is not None:
        validate_axes(ax)
        yield ax
        return
    import matplotlib.pyplot as plt  # chooses a backend, which only a new figure needs

    width, min_height = FIGSIZE
    if height is None:
        height = max(min_height, 1 + _ROW_HEIGHT * rows)
    figure, new_axes = plt.subplots(figsize=(width, height), layout="constrained")
    try:
        yield new_axes
    except BaseException:
        plt.close(figure)
        raise


def fit_rows(labels: Sequence[str]) -> float:
    """Return the height in inches of a figure with a row for each label, of one or more lines."""
    lines = sum(map(count_lines, labels))
    rows = max(lines * _LINE_HEIGHT, len(labels) * _ROW_HEIGHT)
    return _HEIGHT_WITHOUT_ROWS + rows


def validate_axes(ax: object) -> None:
    """Raise `InvalidRequest` unless an object is axes of matplotlib."""
    if not isinstance(ax, Axes):
        raise InvalidRequest(
            f"ax must be a matplotlib Axes, got {type(ax).__name__}; "
            "pass a single one such as axs[0, 1]"
        )


def merge_artist_kwargs(style: Style, overrides: Style, artist: type[Artist]) -> Style:
    """Return a style with the user's overrides, in either of matplotlib's spellings.

    The artist's class knows which spellings are aliases, such as ``lw`` of ``linewidth``.
    """
    return style | normalize_kwargs(overrides, artist)


def line_style(ax: Axes, rank: int) -> Style:
    """Return the colour and dashes of a line by its rank."""
    colors = palette(ax)
    dash_number, color_number = divmod(rank, len(colors))
    return {
        "color": colors[color_number],
        "linestyle": _DASHES[dash_number % len(_DASHES)],
    }


def draw_interval(ax: Axes, x: Any, low: Any, high: Any, color: Any) -> None:
    """Draw the interval around a line as a band of its colour, below the lines."""
    ax.fill_between(x, low, high, color=color, alpha=_BAND_OPACITY, linewidth=0, zorder=1)


def style_axes(ax: Axes) -> None:
    """Remove the upper and right spine, and set labels in fonts that have their characters."""
    ax.spines[["top", "right"]].set_visible(False)
    set_font_fallback(ax.title)
    for axis in (ax.xaxis, ax.yaxis):
        if not isinstance(axis.get_major_locator(), FixedLocator):  # it has numbers or days
            continue
        for label in axis.get_ticklabels():
            set_font_fallback(label)


def is_narrow(ax: Axes) -> bool:
    """Return whether axes have little room for labels beside and legends in them."""
    return bool(ax.bbox.width < _NARROW_WIDTH * root_figure(ax).dpi)


def draw_empty(ax: Axes, data: pd.DataFrame, metric: str = "") -> Axes:
    """Say that there is nothing to draw: no values of the metric in the rows, or no rows at all."""
    return draw_note(ax, word_empty(data, metric))


def word_empty(data: pd.DataFrame, metric: str = "") -> str:
    """Return what is said of rows without values of a metric, or of no rows."""
    if not len(data):
        return "no rows"
    parts = ["no values"]
    if metric:
        parts.append(f"of {metric_label(metric)}")
    days = word_shown_days(data)
    if days:
        parts.append(f"({days})")
    return " ".join(parts)


def draw_note(ax: Axes, text: str) -> Axes:
    """Write a sentence in place of a figure."""
    ax.text(
        0.5,
        0.5,
        text,
        ha="center",
        va="center",
        wrap=True,
        transform=ax.transAxes,
        color=caption_color(ax, outside=True),
    )
    ax.set_axis_off()
    return ax
