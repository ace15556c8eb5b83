"""Room for the values that are written at the ends of bars, whatever the size of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from sdanalytics.plots.point_sizes import pixels_per_point

_MARGIN: Final = 6
"""Points between a value and the bar, and the edge of the axes."""
_MAX_SHARE: Final = 0.6
"""The largest share of the axes that values take from bars."""


class ValueRoom(Artist):
    """The limits of an axis, widened whenever the figure is drawn so that values are inside.

    Limits that the user sets are kept.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    """

    def __init__(self, ax: Axes) -> None:
        super().__init__()
        self.set_in_layout(False)  # it draws nothing
        self.set_zorder(-1e9)  # the limits are set before anything is drawn
        self._texts: list[Annotation] = []
        self._data_limits = (0.0, 1.0)
        self._limits: tuple[float, float] | None = None

    def add(self, texts: Sequence[Annotation]) -> None:
        """Make room for more values."""
        self._texts.extend(texts)

    def draw(self, renderer: Any) -> None:
        """Set the limits."""
        axes = self.axes
        assert isinstance(axes, Axes)
        if self._limits is None and not axes.get_autoscalex_on():
            return
        if self._limits is not None and axes.get_xlim() != self._limits:
            return
        if self._limits is None:
            self._data_limits = axes.get_xlim()
        self._set_limits(axes, renderer)

    def _set_limits(self, axes: Axes, renderer: Any) -> None:
        low, high = self._data_limits
        width = axes.bbox.width
        margin = _MARGIN * pixels_per_point(axes)
        left = right = 0.0
        for text in self._texts:
            room = text.get_window_extent(renderer).width + margin
            end = float(text.xy[0])
            if end < 0:
                distance = (end - low) / (high - low) * width
                left = max(left, room - distance)
            else:
                distance = (high - end) / (high - low) * width
                right = max(right, room - distance)
        taken = min(left + right, _MAX_SHARE * width)
        if taken > 0:
            scale = (high - low) / (width - taken)
            share = taken / (left + right)
            low -= left * share * scale
            high += right * share * scale
        axes.set_xlim(low, high)
        self._limits = axes.get_xlim()


def make_room_for_values(ax: Axes, texts: Sequence[Annotation]) -> None:
    """Keep values inside the axes, besides those that are kept there already."""
    for artist in ax.get_children():
        if isinstance(artist, ValueRoom):
            artist.add(texts)
            return
    room = ValueRoom(ax)
    ax.add_artist(room)
    room.add(texts)
