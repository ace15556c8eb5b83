"""Sizes in points, as those of texts and lines are: 72 are an inch."""

from __future__ import annotations

from typing import Final, NamedTuple

from matplotlib.axes import Axes

from sdanalytics.plots.colors import root_figure

POINTS_PER_INCH: Final = 72


class PointSize(NamedTuple):
    """A width and height, in points."""

    width: float
    height: float


def pixels_per_point(ax: Axes) -> float:
    """Return the size of a point in pixels, in the figure of the axes."""
    return float(root_figure(ax).dpi / POINTS_PER_INCH)


def measure_axes(ax: Axes) -> PointSize:
    """Return the size that axes have now."""
    pixels = pixels_per_point(ax)
    return PointSize(ax.bbox.width / pixels, ax.bbox.height / pixels)
