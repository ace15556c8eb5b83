"""Surroundings of the data of axes: a title above, and a caption and legends below.

All are arranged whenever the figure is drawn, so that they fit its size, layout and theme.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase, IdentityTransform

from sdanalytics.plots.colors import caption_color, root_figure
from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.point_sizes import pixels_per_point

_GAP: Final = 5
"""Points between the axis, the caption and the legend."""
_MAX_SHRINKING: Final = 0.95
"""A line becomes at least this much shorter at each attempt to make it fit."""
_MIN_CHARACTERS: Final = 8
"""Characters in a line of a text, however narrow the axes are."""
_TITLE_HEIGHT: Final = 20
"""Points above axes that a line of title takes, with the gap below it."""
_MAX_MOVE: Final = 0.1
"""Pixels by which axes may move without their surroundings."""


class Surroundings(Artist):
    """The title, caption and legends of axes, as wide as these with their labels at the left."""

    def __init__(self) -> None:
        super().__init__()
        self.set_clip_on(False)
        self.set_zorder(-np.inf)  # arranged before anything is drawn
        self._title: _WrappedText | None = None
        self._caption: _WrappedText | None = None
        self._legends: list[Legend] = []
        self._measured_place: Bbox | None = None

    def add_title(self, text: str) -> None:
        """Write a title above the axes, at the left; a title of the user's own replaces it."""
        artist = self._owner.set_title(text, loc="left", y=1.0, fontsize="medium")
        set_font_fallback(artist)
        self._title = _WrappedText(artist, text)

    def add_caption(self, text: str) -> None:
        """Write a note below the axes, after those that are there."""
        if self._caption is None:
            self._caption = _WrappedText(_create_caption(self._owner), "")
        notes = []
        if self._caption.text:
            notes = self._caption.text.split("; ")
        if text not in notes:
            notes.append(text)
        self._caption.replace("; ".join(notes))
        set_font_fallback(self._caption.artist)

    def add_legend(self, legend: Legend) -> None:
        """Put a legend of the axes below the caption, and below those that are there."""
        self._legends.append(legend)

    @property
    def caption(self) -> str:
        """The notes below the axes; empty if there are none."""
        if self._caption is None:
            return ""
        return self._caption.text

    def get_children(self) -> list[Artist]:
        """Return the caption: titles and legends are the children of the axes."""
        if self._caption is None:
            return []
        return [self._caption.artist]

    @property
    def _owner(self) -> Axes:
        axes = self.axes
        assert isinstance(axes, Axes)
        return axes

    def get_tightbbox(self, renderer: Any = None) -> Bbox | None:
        """Arrange everything, and return the box around it; a figure's layout makes room for it."""
        boxes = self._arrange(renderer)
        self._measured_place = self._owner.bbox.frozen()
        if boxes:
            return Bbox.union(boxes)
        return None

    def draw(self, renderer: Any) -> None:
        """Arrange everything, and draw the caption: matplotlib draws titles and legends."""
        if not self._is_arranged():
            self._arrange(renderer)
        if self._caption is not None:
            self._caption.artist.draw(renderer)

    def _is_arranged(self) -> bool:
        """Return whether the layout, which has just run, has left all where it was measured."""
        if root_figure(self._owner).get_layout_engine() is None or self._measured_place is None:
            return False
        moved = self._owner.bbox.get_points() - self._measured_place.get_points()
        return bool(np.abs(moved).max() < _MAX_MOVE)

    def _arrange(self, renderer: Any) -> list[BboxBase]:
        if renderer is None:
            renderer = root_figure(self._owner).canvas.get_renderer()  # type: ignore[attr-defined]
        left, right = self._find_edges(renderer)
        bottom = self._find_lower_edge(renderer)
        boxes: list[BboxBase] = []
        if self._owner.child_axes:  # they leave the layout to their surroundings
            boxes.append(Bbox.from_extents(left, bottom, right, self._owner.bbox.y1))
        if self._title is not None:
            boxes += self._arrange_title(renderer, left, right)
        top = bottom - self._pixels(_GAP)
        if self._caption is not None:
            artist = self._caption.artist
            artist.set_position((left, top))
            artist.set_visible(True)  # else it has no size
            self._caption.wrap(renderer, right - left)
            box = artist.get_window_extent(renderer)
            artist.set_visible(self._has_room_below(box))
            if artist.get_visible():
                boxes.append(box)
                top = box.y0 - self._pixels(_GAP)
        shown = self._owner.get_children()
        for legend in self._legends:
            if legend not in shown:  # another one has taken its place
                continue
            legend.set_bbox_to_anchor((left, top), transform=IdentityTransform())
            box = legend.get_window_extent(renderer)
            boxes.append(box)
            top = box.y0 - self._pixels(_GAP)
        return boxes

    def _arrange_title(self, renderer: Any, left: float, right: float) -> list[BboxBase]:
        assert self._title is not None
        artist = self._title.artist
        if self._owner.get_title(loc="center") or self._owner.get_title(loc="right"):
            artist.set_text("")  # the user's own
            return []
        if not artist.get_text():  # the user has removed it
            return []
        top = self._find_upper_edge(renderer)
        x, y = self._owner.transAxes.inverted().transform((left, top))
        artist.set_position((x, y))
        self._title.wrap(renderer, right - left)
        box = artist.get_window_extent(renderer)
        if "\n" in artist.get_text() and not self._has_room_above(box):
            self._title.cut(renderer, right - left)
            box = artist.get_window_extent(renderer)
        return [box]

    def _has_room_above(self, box: BboxBase) -> bool:
        """Return whether a title keeps off neighbours, for which only a layout makes room."""
        figure = root_figure(self._owner)
        if figure.get_layout_engine() is not None:
            return True
        return not any(box.overlaps(other.bbox) for other in figure.axes)

    def _has_room_below(self, box: BboxBase) -> bool:
        """Return whether a caption keeps off neighbours, for which only a layout makes room."""
        figure = root_figure(self._owner)
        if figure.get_layout_engine() is not None:
            return True
        for other in figure.axes:
            upper = other.bbox.y1
            if other.get_title(loc="left"):
                upper += self._pixels(_TITLE_HEIGHT)
            is_beside = other.bbox.x1 <= box.x0 or other.bbox.x0 >= box.x1
            is_below = other.bbox.y1 < self._owner.bbox.y0
            if is_below and not is_beside and upper > box.y0:
                return False
        return True

    def _find_edges(self, renderer: Any) -> tuple[float, float]:
        """Return the left edge of the axes with their labels, and their right edge, in pixels."""
        left = float(self._owner.bbox.x0)
        all_axes = self._list_axes(renderer)
        edge = min(axes.bbox.x0 for axes in all_axes) + 1
        at_left = [axes.yaxis for axes in all_axes if axes.bbox.x0 <= edge]
        for axis in _drop_alike(at_left):
            labels = _find_axis_box(axis, renderer)
            if labels is not None:
                left = min(left, labels.x0)
        return left, float(self._owner.bbox.x1)

    def _find_lower_edge(self, renderer: Any) -> float:
        """Return the lower edge of the axes with their labels, in pixels."""
        bottom = float(self._owner.bbox.y0)
        all_axes = self._list_axes(renderer)
        edge = min(axes.bbox.y0 for axes in all_axes) + 1
        at_bottom = [axes.xaxis for axes in all_axes if axes.bbox.y0 <= edge]
        for axis in _drop_alike(at_bottom):
            labels = _find_axis_box(axis, renderer)
            if labels is not None:
                bottom = min(bottom, labels.y0)
        return bottom

    def _find_upper_edge(self, renderer: Any) -> float:
        """Return the upper edge of the axes with what labels them there, in pixels."""
        top = float(self._owner.bbox.y1)
        for axes in _list_twins(self._owner):
            if not _has_labels_above(axes.xaxis):
                continue
            labels = _find_axis_box(axes.xaxis, renderer)
            if labels is not None:
                top = max(top, labels.y1)
        return top

    def _list_axes(self, renderer: Any) -> list[Any]:
        """Return the axes and those within, such as small multiples, at their places."""
        children: list[Any] = self._owner.child_axes
        for child in children:
            locate = child.get_axes_locator()
            if locate is not None:
                child.apply_aspect(locate(child, renderer))
        return [self._owner, *children]

    def _pixels(self, points: float) -> float:
        return points * pixels_per_point(self._owner)


class _WrappedText:
    """A text that is broken into lines of a width in pixels.

    Attributes
    ----------
    artist : matplotlib.text.Text
    text : str
        As one line.
    """

    def __init__(self, artist: Text, text: str) -> None:
        self.artist = artist
        self.text = text
        self._shown = artist.get_text()
        self._width: float | None = None

    def replace(self, text: str) -> None:
        """Show another text."""
        self.text = text
        self._show(text)
        self._width = None

    def wrap(self, renderer: Any, width: float) -> None:
        """Break the text for a width, unless the user has set another text.

        The number of characters in a line follows from the width of the whole, and shrinks until
        the widest line fits.
        """
        if self._width == width or self.artist.get_text() != self._shown:
            return
        self._width = width
        self._show(self.text)
        length = len(self.text)
        extent = self.artist.get_window_extent(renderer).width
        while extent > width and length > _MIN_CHARACTERS:
            shrunk = int(length * min(width / extent, _MAX_SHRINKING))
            length = max(shrunk, _MIN_CHARACTERS)
            self._show(textwrap.fill(self.text, length))
            extent = self.artist.get_window_extent(renderer).width

    def cut(self, renderer: Any, width: float) -> None:
        """Show as many words as fit into one line."""
        self._width = None
        length = len(self.text)
        extent = width + 1
        while extent > width and length > _MIN_CHARACTERS:
            length -= 1
            self._show(textwrap.shorten(self.text, length, placeholder=" …"))
            extent = self.artist.get_window_extent(renderer).width

    def _show(self, text: str) -> None:
        self.artist.set_text(text)
        self._shown = text


def find_surroundings(ax: Axes) -> Surroundings:
    """Return the surroundings of axes, new ones if they have none."""
    for artist in ax.get_children():
        if isinstance(artist, Surroundings):
            return artist
    surroundings = Surroundings()
    ax.add_artist(surroundings)
    return surroundings


def add_caption(ax: Axes, text: str) -> None:
    """Write a note below the axes, where neither data nor a title are."""
    find_surroundings(ax).add_caption(text)


def read_caption(ax: Axes) -> str:
    """Return the notes below the axes as one line; empty if there are none."""
    return find_surroundings(ax).caption


def _create_caption(ax: Axes) -> Text:
    artist = Text(
        va="top",
        fontsize="x-small",
        color=caption_color(ax, outside=True),
        transform=IdentityTransform(),
    )
    artist.set_figure(root_figure(ax))
    artist.set_clip_on(False)
    return artist


def _find_axis_box(axis: Any, renderer: Any) -> BboxBase | None:
    """Return the box around the ticks and the label of an axis; None if it has none."""
    if not axis.get_visible() or not axis.axes.axison:
        return None
    box: BboxBase | None = axis.get_tightbbox(renderer)
    return box


def _drop_alike(axis_list: Sequence[Any]) -> list[Any]:
    """Return the first of those that share a scale, and its labels: panels have the same."""
    first_by_scale: dict[int, Any] = {}
    for axis in axis_list:
        first_by_scale.setdefault(id(axis.get_major_locator()), axis)
    return list(first_by_scale.values())


def _list_twins(ax: Axes) -> list[Axes]:
    """Return axes, and those at the same place, such as those of a second scale."""
    figure = root_figure(ax)
    return [other for other in figure.axes if other.bbox.bounds == ax.bbox.bounds]


def _has_labels_above(axis: Any) -> bool:
    is_marked = axis.get_ticks_position() in ("top", "unknown")
    return is_marked or axis.get_label_position() == "top"
