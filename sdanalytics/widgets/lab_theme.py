"""The theme of the notebook: its colours, as the browser tells them, for figures to match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anywidget
import traitlets

from sdanalytics.widgets.front_end_files import read_front_end

LIGHT_COLORS: Final = {"background": "#ffffff", "text": "#212121", "faint": "#d0d0d0"}
"""The colours of a page without a theme, and of figures that are saved."""
_PARTS_OF_GREY: Final = (0.299, 0.587, 0.114)
_HALF_WAY: Final = 128


class LabTheme(anywidget.AnyWidget):
    """An invisible widget that knows the colours around it.

    Attributes
    ----------
    colors : dict of str to str
        `background`, `text` and `faint` (lines) as ``#rrggbb``; those of a light theme until the
        widget is displayed.
    """

    _esm = read_front_end("lab_theme.js")
    _css = read_front_end("picker.css")
    colors = traitlets.Dict(LIGHT_COLORS).tag(sync=True)

    @property
    def is_dark(self) -> bool:
        """Whether the background is dark."""
        return has_dark_background(self.colors)


def has_dark_background(colors: Mapping[str, str]) -> bool:
    """Return whether the background of a theme is darker than a middle grey."""
    digits = colors["background"].removeprefix("#")
    brightness = 0.0
    for part, weight in zip(bytes.fromhex(digits), _PARTS_OF_GREY, strict=True):
        brightness += part * weight
    return brightness < _HALF_WAY


def make_figure_style(colors: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters of matplotlib for figures on a theme's background."""
    background = colors["background"]
    text = colors["text"]
    style: dict[str, Any] = {"grid.color": colors["faint"]}
    for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor"):
        style[name] = background
    for name in ("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"):
        style[name] = text
    for name in ("xtick.color", "ytick.color", "xtick.labelcolor", "ytick.labelcolor"):
        style[name] = text
    style["legend.labelcolor"] = text
    style["legend.facecolor"] = background
    return style
