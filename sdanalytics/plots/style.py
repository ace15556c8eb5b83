"""The style that all figures share: colours, size, frame and captions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.fonts import set_font_fallback

Style: TypeAlias = dict[str, Any]
"""Keyword arguments of an artist."""
RGBA: TypeAlias = tuple[float, float, float, float]

PALETTE: Final = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
"""Okabe and Ito's colours, which any colour vision can distinguish."""
OTHER_COLOR: Final = "#9A9A9A"
_DASHES: Final = ("-", "--", ":")
"""Line styles: each is used with all colours before the next one."""
MAX_BANDS: Final = 4
"""Bands of more lines would hide one another."""
_BAND_OPACITY: Final = 0.22
CAPTION_COLORS: Final = ("#5F5F5F", "#B8B8B8")
"""The colours of notes: on a light and on a dark background."""
SEQUENTIAL_CMAP: Final = "Blues"
"""The colour map of amounts: from light to dark, for any colour vision and in print."""
FIGSIZE: Final = (6.4, 4.0)
"""Width and least height of a figure, in inches."""
_ROW_HEIGHT: Final = 0.27
"""Inches that a row of labels takes."""
_LUMINANCE_WEIGHTS: Final = (0.299, 0.587, 0.114)
_DARK_LUMINANCE: Final = 0.55
"""Luminance, from 0 to 1, below which a colour needs a light text."""


@contextlib.contextmanager
def ensure_axes(ax: Axes | None, rows: int = 0, height: float | None = None) -> Iterator[Axes]:
    """Yield the axes to draw in: those of a new figure when `ax` is None.

    The new figure is as high as its rows need, unless a height in inches is given. It is closed
    when drawing fails.
    """
    if ax is not None:
        _validate_axes(ax)
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


def _validate_axes(ax: object) -> None:
    if not isinstance(ax, Axes):
        raise InvalidRequest(
            f"ax must be a matplotlib Axes, got {type(ax).__name__}; "
            "pass a single one such as axs[0, 1]"
        )


def root_figure(ax: Axes) -> Figure:
    """Return the figure of the axes, also when they are in a subfigure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def merge_artist_kwargs(style: Style, overrides: Style, artist: type[Artist]) -> Style:
    """Return a style with the user's overrides, in either of matplotlib's spellings.

    The artist's class knows which spellings are aliases, such as ``lw`` of ``linewidth``.
    """
    return style | normalize_kwargs(overrides, artist)


def line_style(rank: int) -> Style:
    """Return the colour and dashes of a line by its rank."""
    dash_number, color_number = divmod(rank, len(PALETTE))
    return {
        "color": PALETTE[color_number],
        "linestyle": _DASHES[dash_number % len(_DASHES)],
    }


def draw_interval(ax: Axes, x: Any, low: Any, high: Any, color: Any) -> None:
    """Draw the interval around a line as a band of its colour, below the lines."""
    ax.fill_between(x, low, high, color=color, alpha=_BAND_OPACITY, linewidth=0, zorder=1)


def style_axes(ax: Axes) -> None:
    """Remove the upper and right spine, and set labels in fonts that have their characters."""
    ax.spines[["top", "right"]].set_visible(False)
    tick_labels = ax.get_yticklabels() + ax.get_xticklabels()
    for text in [ax.title, *tick_labels]:
        set_font_fallback(text)


def is_dark(color: Any) -> bool:
    """Return whether a text on a colour must be light."""
    red, green, blue, _ = to_rgba(color)
    luminance = np.dot(_LUMINANCE_WEIGHTS, (red, green, blue))
    return bool(luminance < _DARK_LUMINANCE)


def background(ax: Axes, *, outside: bool = False) -> RGBA:
    """Return the colour behind the data, or behind the labels outside of the axes."""
    color = to_rgba(ax.get_facecolor())
    is_transparent = color[3] == 0
    if outside or is_transparent:
        return to_rgba(root_figure(ax).get_facecolor())
    return color


def caption_color(ax: Axes, *, outside: bool = False) -> str:
    """Return the colour of a note on the background."""
    return CAPTION_COLORS[is_dark(background(ax, outside=outside))]


def add_caption(ax: Axes, text: str) -> None:
    """Write a caption below the axes, where neither data nor a title are."""
    label = ax.get_xlabel()
    color = ax.xaxis.label.get_color()
    has_caption = color in CAPTION_COLORS
    if label and not has_caption:
        ax.set_xlabel(f"{label}\n{text}")
        return
    if label:
        text = f"{label}; {text}"
    ax.set_xlabel(text, loc="left", fontsize="x-small", color=caption_color(ax, outside=True))


def draw_empty(ax: Axes, *, has_rows: bool) -> Axes:
    """Say that there is nothing to draw: no values in the rows, or no rows at all."""
    text = "no values" if has_rows else "no rows"
    ax.text(
        0.5,
        0.5,
        text,
        ha="center",
        va="center",
        transform=ax.transAxes,
        color=OTHER_COLOR,
    )
    ax.set_axis_off()
    return ax
