"""Numbers to the right of rows of marks, in axes of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Text

from sdanalytics.plots.colors import caption_color, root_figure
from sdanalytics.plots.point_sizes import pixels_per_point

_GAP: Final = 8
"""Points between the marks, the values and the counts."""
_MAX_SHARE: Final = 0.3
"""The widest that the counts may be, as a share of the room; else they are shorter."""
_LINE_SPACING: Final = 1.2


class NumberRow(NamedTuple):
    """The numbers of a row: a value, and the counts behind it, long and short."""

    position: float
    value: str
    counts: str
    short_counts: str


class NumberColumn(Artist):
    """Values and counts beside marks from 0 to 1: these have the width that the numbers leave.

    They are arranged whenever the figure is drawn. Where counts have no room they are shorter, and
    where rows have no height all texts are smaller.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A row has the height of 1 on its vertical axis.
    rows : sequence of NumberRow
    texts : sequence of matplotlib.text.Text
        Other texts of the axes, which must fit into rows, too.
    """

    def __init__(self, ax: Axes, rows: Sequence[NumberRow], texts: Sequence[Text]) -> None:
        super().__init__()
        self.set_in_layout(False)  # it is inside the axes
        self.set_zorder(-1e9)  # arranged before the marks are drawn
        self._rows = rows
        self._values = []
        self._counts = []
        for row in rows:
            value = _create_number(ax, row.position, row.value, "small")
            self._values.append(value)
            count = _create_number(ax, row.position, row.counts, "x-small")
            count.set_color(caption_color(ax, outside=True))
            self._counts.append(count)
        self._texts = texts
        self._sizes: dict[Text, float] = {}
        for text in (*texts, *self._values, *self._counts):
            self._sizes[text] = float(text.get_fontsize())

    def get_children(self) -> list[Artist]:
        """Return the numbers."""
        return [*self._values, *self._counts]

    def draw(self, renderer: Any) -> None:
        """Arrange the numbers, and draw them."""
        axes = self.axes
        assert isinstance(axes, Axes)
        point = pixels_per_point(axes)
        room = axes.bbox.width
        self._fit_height(axes, point)
        self._fit_width(renderer, room)
        gap = _GAP * point
        value_width = _measure_widest(self._values, renderer)
        count_width = self._fit_counts(renderer, room - value_width)
        taken = gap + value_width + count_width
        width = room - taken - 2 * gap
        right_of_values = 1 + (gap + value_width) / width
        right_of_counts = 1 + (gap + taken) / width
        axes.set_xlim(-gap / width, right_of_counts)
        for text in self._values:
            text.set_x(right_of_values)
        for text in self._counts:
            text.set_x(right_of_counts)
        for artist in self.get_children():
            artist.draw(renderer)

    def _fit_height(self, axes: Axes, point: float) -> None:
        """Make texts smaller where rows are lower than they are."""
        (_, low), (_, high) = axes.transData.transform([(0, 0), (0, 1)])
        row_height = abs(high - low) / point
        largest = max(self._sizes.values())
        factor = min(row_height / (_LINE_SPACING * largest), 1.0)
        for text, size in self._sizes.items():
            text.set_fontsize(size * factor)

    def _fit_width(self, renderer: Any, room: float) -> None:
        """Make headings smaller where axes are narrower than they are."""
        width = _measure_widest(self._texts, renderer)
        factor = min(room / width, 1.0)
        for text in self._texts:
            size = float(text.get_fontsize())
            text.set_fontsize(size * factor)

    def _fit_counts(self, renderer: Any, room: float) -> float:
        """Write counts as long as there is room for them; return their width."""
        for row, text in zip(self._rows, self._counts, strict=True):
            text.set_text(row.counts)
        width = _measure_widest(self._counts, renderer)
        if width <= _MAX_SHARE * room:
            return width
        for row, text in zip(self._rows, self._counts, strict=True):
            text.set_text(row.short_counts)
        return _measure_widest(self._counts, renderer)


def _create_number(ax: Axes, row: float, text: str, size: str) -> Text:
    number = Text(1, row, text, ha="right", va="center_baseline", fontsize=size)
    number.set_transform(ax.transData)
    number.set_figure(root_figure(ax))
    return number


def _measure_widest(texts: Sequence[Text], renderer: Any) -> float:
    widths = [text.get_window_extent(renderer).width for text in texts]
    return float(np.max(widths, initial=0.0))
