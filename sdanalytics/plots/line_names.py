"""Names at the right ends of lines, in place of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

from sdanalytics.plots.colors import MIN_TEXT_CONTRAST, background, raise_contrast, root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.legends import add_line_legend, has_layout
from sdanalytics.plots.name_labels import measure_width
from sdanalytics.plots.point_sizes import measure_axes, pixels_per_point

NAME_WIDTH: Final = 18
"""The widest line of a name, in Latin letters."""
_GAP: Final = 6
"""Points between the axes and the names."""
_LETTER_WIDTH: Final = 5.6
"""Points that a letter of a name takes."""
_LINE_HEIGHT: Final = 11.5
"""Points that a line of a name takes."""
_MAX_SHARE: Final = 0.3
"""The part of the axes' width that names may take from it, where a layout makes room."""


class NamedLine(NamedTuple):
    """A line that has a name at its end.

    Attributes
    ----------
    name : str
    height : float
        The last value, where the name is.
    color : str
    """

    name: str
    height: float
    color: Any


def name_lines(ax: Axes, lines: Sequence[NamedLine]) -> None:
    """Write the names of lines at their ends, or in a legend where there is no room."""
    if not _has_room_beside(ax, lines):
        add_line_legend(ax)
        return
    names = LineNames()
    ax.add_artist(names)
    behind = background(ax, outside=True)
    for line in lines:
        text = ax.text(
            0,
            0,
            line.name,
            va="center",
            fontsize="small",
            color=raise_contrast(line.color, behind, MIN_TEXT_CONTRAST),
            transform=IdentityTransform(),
        )
        set_font_fallback(text)
        names.add(text, line.height)


def _has_room_beside(ax: Axes, lines: Sequence[NamedLine]) -> bool:
    """Return whether names fit: beside one another, and beside the axes."""
    size = measure_axes(ax)
    rows = [row for line in lines for row in line.name.splitlines()]
    if len(rows) * _LINE_HEIGHT > size.height:
        return False
    letters = max(map(measure_width, rows), default=0)
    width = _GAP + _LETTER_WIDTH * letters
    if has_layout(ax):
        return width <= _MAX_SHARE * size.width
    figure = root_figure(ax)
    right = ax.bbox.x1
    if any(other.bbox.x1 > right + 1 for other in figure.axes):
        return False
    room = (figure.bbox.x1 - right) / pixels_per_point(ax)
    return bool(width <= room)


class LineNames(Artist):
    """Puts names right of the axes, as near to the ends of their lines as they can be."""

    def __init__(self) -> None:
        super().__init__()
        self.set_clip_on(False)
        self.set_zorder(-np.inf)  # arranged before the names are drawn
        self._texts: list[Text] = []
        self._heights: list[float] = []

    def add(self, text: Text, height: float) -> None:
        """Add the name of a line that ends at a height."""
        self._texts.append(text)
        self._heights.append(height)

    def get_tightbbox(self, renderer: Any = None) -> Bbox | None:
        """Arrange the names, which the layout of the figure asks for their size next."""
        if renderer is not None:
            self._arrange(renderer)
        return None

    def draw(self, renderer: Any) -> None:
        """Arrange the names, which are drawn by the axes."""
        self._arrange(renderer)

    def _arrange(self, renderer: Any) -> None:
        axes: Any = self.axes
        box = axes.bbox
        left = box.x1 + _GAP * pixels_per_point(axes)
        anywhere = np.zeros(len(self._heights))
        points = np.column_stack([anywhere, self._heights])
        centers = axes.transData.transform(points)[:, 1]
        sizes = [text.get_window_extent(renderer).height + 1 for text in self._texts]
        centers = np.clip(centers, box.y0, box.y1)
        for text, y in zip(
            self._texts,
            _spread_apart(centers, sizes, box.y0, box.y1),
            strict=True,
        ):
            text.set_position((left, y))


def _spread_apart(centers: Any, sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres that are so far apart that nothing of these sizes overlaps."""
    order = np.argsort(centers, kind="stable").tolist()
    spread = [float(center) for center in centers]
    edge = low
    for index in order:
        half = sizes[index] / 2
        center = max(spread[index], edge + half)
        spread[index] = center
        edge = center + half
    edge = high
    for index in reversed(order):
        half = sizes[index] / 2
        center = min(spread[index], edge - half)
        spread[index] = center
        edge = center - half
    return spread
