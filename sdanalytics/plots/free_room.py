"""Room in axes that neither bubbles, lines, a legend nor names take."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.plots.point_sizes import pixels_per_point

_PADDING: Final = 1
"""Points around a name that are free, too."""


class FreeRoom:
    """The places in axes that are free for names, in pixels.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        In their final position.
    bubbles : matplotlib.collections.PathCollection
    renderer : matplotlib.backend_bases.RendererBase

    Attributes
    ----------
    pixels_per_point : float
    centers : numpy.ndarray of float64
        Of the bubbles, two columns.
    radii : numpy.ndarray of float64
        Of the bubbles.
    """

    def __init__(self, ax: Axes, bubbles: PathCollection, renderer: Any) -> None:
        self._renderer = renderer
        self._axes_box = ax.bbox
        self.pixels_per_point = pixels_per_point(ax)
        offsets = np.asarray(bubbles.get_offsets())
        self.centers: FloatArray = ax.transData.transform(offsets)
        areas = np.broadcast_to(bubbles.get_sizes(), len(offsets))
        self.radii: FloatArray = np.sqrt(areas) / 2 * self.pixels_per_point
        radii = self.radii[:, None]
        corners = [self.centers - radii, self.centers + radii]
        self._taken: FloatArray = np.hstack(corners)
        self._names: list[Bbox] = []
        self._paths = _find_paths(ax)
        legend = ax.get_legend()
        if legend is not None:
            extent = legend.get_window_extent(renderer)
            self.take(Bbox(extent.get_points()))

    def measure(self, text: Text) -> FloatArray:
        """Return the width and height of a text with room around it."""
        text.set_visible(True)
        box = text.get_window_extent(self._renderer)
        size = np.array([box.width, box.height])
        padded: FloatArray = size + 2 * _PADDING * self.pixels_per_point
        return padded

    def take(self, box: Bbox) -> None:
        """Take a place for a name."""
        self._names.append(box)
        row = np.array([box.extents])
        self._taken = np.concatenate([self._taken, row])

    def has_place(self, box: Bbox, without: Line2D | None = None) -> bool:
        """Return whether a place is in the axes, and free of all but a given line."""
        if not self._contains(box):
            return False
        left, bottom, right, top = self._taken.T
        overlaps_x = (left < box.x1) & (right > box.x0)
        overlaps_y = (bottom < box.y1) & (top > box.y0)
        if (overlaps_x & overlaps_y).any():
            return False
        for artist, path in self._paths:
            if artist is without:
                continue
            if path.intersects_bbox(box, filled=False):
                return False
        return True

    def _contains(self, box: Bbox) -> bool:
        area = self._axes_box
        is_wide_enough = area.x0 <= box.x0 and box.x1 <= area.x1
        is_high_enough = area.y0 <= box.y0 and box.y1 <= area.y1
        return bool(is_wide_enough and is_high_enough)

    def is_crossed(self, start: FloatArray, end: FloatArray) -> bool:
        """Return whether a straight line crosses a name."""
        path = Path(np.array([start, end]))
        return any(map(path.intersects_bbox, self._names))


def _find_paths(ax: Axes) -> list[tuple[Artist, Path]]:
    """Return the lines in axes, and those of intervals, in pixels."""
    paths: list[tuple[Artist, Path]] = []
    for line in ax.lines:
        points = find_line_pixels(line)
        paths.append((line, Path(points)))
    for collection in ax.collections:
        if not isinstance(collection, LineCollection):
            continue
        transform = collection.get_transform()
        for path in collection.get_paths():
            paths.append((collection, path.transformed(transform)))
    return paths


def find_line_pixels(line: Line2D) -> FloatArray:
    """Return the points of a line, in pixels."""
    points: FloatArray = line.get_transform().transform(line.get_xydata())
    return points
