"""Colours that can be told from what is behind them, in any theme of matplotlib.

Contrast is that of the Web Content Accessibility Guidelines 2.2 (W3C): the ratio of relative
luminances, from 1 (alike) to 21 (black on white). Graphics need 3, text 4.5.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from matplotlib import rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure

RGBA: TypeAlias = tuple[float, float, float, float]

PALETTE: Final = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
"""Okabe and Ito's colours, which any colour vision can distinguish; without their yellow."""
_INCREASE: Final = "#0072B2"
_DECREASE: Final = "#D55E00"
MIN_GRAPHIC_CONTRAST: Final = 3.0
MIN_TEXT_CONTRAST: Final = 4.5
_LUMINANCE_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)
_EVEN_LUMINANCE: Final = 0.179
"""On a darker colour, white text has more contrast than black."""
_MIX_STEPS: Final = 20
_QUIET_SHARE: Final = 0.62
"""How much of the text's colour is in that of notes; the rest is the background's."""
_GREY_SHARE: Final = 0.42
"""The same of what stands for all others, and of lines that guide the eye."""


class SignedColors(NamedTuple):
    """The colours of increases and decreases."""

    increase: str
    decrease: str


def luminance(color: Any) -> float:
    """Return the relative luminance of a colour, from 0 for black to 1 for white."""
    channels = np.array(to_rgb(color))
    linear = np.where(
        channels <= 0.04045,
        channels / 12.92,
        ((channels + 0.055) / 1.055) ** 2.4,
    )
    return float(np.dot(_LUMINANCE_WEIGHTS, linear))


def contrast(color: Any, behind: Any) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    darker, lighter = sorted([luminance(color), luminance(behind)])
    return (lighter + 0.05) / (darker + 0.05)


def is_dark(color: Any) -> bool:
    """Return whether text on a colour must be light."""
    return luminance(color) < _EVEN_LUMINANCE


def mix(color: Any, other: Any, share: float) -> str:
    """Return a mixture of two colours; `share` is that of the first."""
    part = share * np.array(to_rgb(color))
    rest = (1 - share) * np.array(to_rgb(other))
    red, green, blue = (part + rest).tolist()
    return to_hex((red, green, blue))


def raise_contrast(color: Any, behind: Any, ratio: float = MIN_GRAPHIC_CONTRAST) -> str:
    """Return a colour, darkened on a light and lightened on a dark background until it stands out.

    A colour with enough contrast is returned as it is.
    """
    target = "white" if is_dark(behind) else "black"
    for step in range(_MIX_STEPS):
        raised = mix(color, target, 1 - step / _MIX_STEPS)
        if contrast(raised, behind) >= ratio:
            return raised
    return to_hex(target)


def root_figure(ax: Axes) -> Figure:
    """Return the figure of the axes, also when they are in a subfigure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def background(ax: Axes, *, outside: bool = False) -> RGBA:
    """Return the colour behind the data, or behind the labels outside of the axes."""
    color = to_rgba(ax.get_facecolor())
    is_transparent = color[3] == 0
    if outside or is_transparent:
        color = to_rgba(root_figure(ax).get_facecolor())
    if color[3] == 0:  # a figure without a background is put on a page; its text tells on which
        return to_rgba("white" if is_dark(rcParams["text.color"]) else "black")
    return color


def palette(ax: Axes) -> list[str]:
    """Return the colours of lines and the like: the theme's own, or Okabe and Ito's by default.

    Each has enough contrast with the background of the axes.
    """
    colors = PALETTE
    cycle = rcParams["axes.prop_cycle"]
    if cycle != rcParamsDefault["axes.prop_cycle"]:
        colors = tuple(cycle.by_key().get("color", PALETTE))
    behind = background(ax)
    return [raise_contrast(color, behind) for color in colors]


def main_color(ax: Axes) -> str:
    """Return the first colour of the palette: that of figures with a single one."""
    return palette(ax)[0]


def signed_colors(ax: Axes) -> SignedColors:
    """Return the colours of increases and decreases, the same in any theme."""
    behind = background(ax)
    return SignedColors(
        increase=raise_contrast(_INCREASE, behind),
        decrease=raise_contrast(_DECREASE, behind),
    )


def caption_color(ax: Axes, *, outside: bool = False) -> str:
    """Return the colour of notes: quieter than the text of the theme, and readable."""
    behind = background(ax, outside=outside)
    quiet = mix(rcParams["text.color"], behind, _QUIET_SHARE)
    return raise_contrast(quiet, behind, MIN_TEXT_CONTRAST)


def other_color(ax: Axes) -> str:
    """Return the grey of all others together, and of lines that guide the eye."""
    behind = background(ax)
    grey = mix(rcParams["text.color"], behind, _GREY_SHARE)
    return raise_contrast(grey, behind)
