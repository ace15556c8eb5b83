"""Names beside bubbles and lines, where they cover neither these nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.plots.colors import background, caption_color, other_color, root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.free_room import FreeRoom, find_line_pixels


class _Position(NamedTuple):
    """A direction from a bubble's centre, and the side of the name's middle that it leads to."""

    dx: float
    dy: float
    side_x: int
    side_y: int


_POSITIONS: Final = (
    _Position(1, 0, 1, 0),
    _Position(-1, 0, -1, 0),
    _Position(0, 1, 0, 1),
    _Position(0, -1, 0, -1),
    _Position(0.75, 0.75, 1, 1),
    _Position(0.75, -0.75, 1, -1),
    _Position(-0.75, 0.75, -1, 1),
    _Position(-0.75, -0.75, -1, -1),
    _Position(0, 1, 1, 1),
    _Position(0, -1, 1, -1),
    _Position(0, 1, -1, 1),
    _Position(0, -1, -1, -1),
    _Position(0.4, 0.9, 1, 1),
    _Position(0.4, -0.9, 1, -1),
    _Position(-0.4, 0.9, -1, 1),
    _Position(-0.4, -0.9, -1, -1),
    _Position(-0.9, 0.4, -1, 0),
    _Position(-0.9, -0.4, -1, 0),
    _Position(0.9, 0.4, 1, 0),
    _Position(0.9, -0.4, 1, 0),
)
"""The positions to try for a name, the best first."""
_GAPS: Final = (2, 8, 18, 32, 50, 75, 105)
"""Points between a bubble and its name; the larger ones are tried when the smaller have no room."""
_LARGEST_PLAIN_GAP: Final = 4
"""A name that is farther away has a line that leads to it."""
_LINE_POSITIONS: Final = (0.96, 0.9, 0.84, 0.78, 0.7, 0.6, 0.5, 0.4, 0.3)
"""The positions to try for the name of a line, as shares of its length."""
_LINE_NAME_BOX: Final = "square,pad=0.1"


class BubbleLabels(Artist):
    """The names of bubbles and lines, placed whenever the figure is drawn.

    A name for which there is no room is left out.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    bubbles : matplotlib.collections.PathCollection
    names : dict of int to str
        Of some of the bubbles, by their number; the first have their choice.
    lines : sequence of matplotlib.lines.Line2D
        Lines that are called by their labels.
    """

    def __init__(
        self,
        ax: Axes,
        bubbles: PathCollection,
        names: dict[int, str],
        lines: Sequence[Line2D],
    ) -> None:
        super().__init__()
        self.set_in_layout(False)  # the names are inside the axes
        self.set_zorder(3)
        self._bubbles = bubbles
        self._texts = {}
        for number, name in names.items():
            self._texts[number] = _create_text(ax, name)
        self._lines = lines
        self._line_texts = []
        for line in lines:
            text = _create_text(ax, str(line.get_label()))
            text.set_color(caption_color(ax))
            box = {
                "boxstyle": _LINE_NAME_BOX,
                "facecolor": background(ax),
                "linewidth": 0,
            }
            text.set_bbox(box)
            self._line_texts.append(text)
        self._leaders: list[Line2D] = []

    def get_children(self) -> list[Artist]:
        """Return the names and the lines that lead to them."""
        return [
            *self._line_texts,
            *self._leaders,
            *self._texts.values(),
        ]

    def draw(self, renderer: Any) -> None:
        """Place the names, and draw those for which there is room."""
        if not self.get_visible():
            return
        self._leaders = []
        room = FreeRoom(self._owner, self._bubbles, renderer)
        for line, text in zip(self._lines, self._line_texts, strict=True):
            is_placed = self._place_on_line(room, line, text)
            text.set_visible(is_placed)
        for number, text in self._texts.items():
            is_placed = self._place_beside(room, number, text)
            text.set_visible(is_placed)
        for artist in self.get_children():
            artist.draw(renderer)

    @property
    def _owner(self) -> Axes:
        axes = self.axes
        assert isinstance(axes, Axes)
        return axes

    def _place_on_line(self, room: FreeRoom, line: Line2D, text: Text) -> bool:
        """Put the name of a line on it, near its end; return whether there is room."""
        size = room.measure(text)
        start, end = find_line_pixels(line)[[0, -1]]
        for share in _LINE_POSITIONS:
            center = start + share * (end - start)
            box = _center_box(center, size)
            if room.has_place(box, without=line):
                text.set_position(center.tolist())
                room.take(box)
                return True
        return False

    def _place_beside(self, room: FreeRoom, number: int, text: Text) -> bool:
        """Put the name of a bubble beside it; return whether there is room."""
        size = room.measure(text)
        center = room.centers[number]
        radius = room.radii[number]
        for gap, position in product(_GAPS, _POSITIONS):
            direction = np.array([position.dx, position.dy])
            start = center + radius * direction
            end = start + gap * room.pixels_per_point * direction
            side = np.array([position.side_x, position.side_y])
            middle = end + side * size / 2
            box = _center_box(middle, size)
            has_leader = gap > _LARGEST_PLAIN_GAP
            if not room.has_place(box):
                continue
            if has_leader and room.is_crossed(start, end):
                continue
            text.set_position(middle.tolist())
            room.take(box)
            if has_leader:
                self._add_leader(start, end)
            return True
        return False

    def _add_leader(self, start: FloatArray, end: FloatArray) -> None:
        line = Line2D(
            [start[0], end[0]],
            [start[1], end[1]],
            color=other_color(self._owner),
            linewidth=0.6,
            transform=IdentityTransform(),
        )
        line.set_figure(root_figure(self._owner))
        self._leaders.append(line)


def _center_box(center: FloatArray, size: FloatArray) -> Bbox:
    half = size / 2
    return Bbox([center - half, center + half])


def _create_text(ax: Axes, name: str) -> Text:
    text = Text(
        text=name,
        ha="center",
        va="center",
        fontsize="x-small",
        linespacing=1.05,
        transform=IdentityTransform(),
    )
    text.set_figure(root_figure(ax))
    set_font_fallback(text)
    return text


def label_bubbles(
    ax: Axes,
    bubbles: PathCollection,
    names: dict[int, str],
    lines: Sequence[Line2D],
) -> None:
    """Write the names of some bubbles and of lines, where there is room whenever it is drawn."""
    labels = BubbleLabels(ax, bubbles, names, lines)
    ax.add_artist(labels)
