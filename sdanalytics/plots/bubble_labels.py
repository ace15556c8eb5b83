"""Names beside bubbles, at positions where they cover neither bubbles nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

from sdanalytics.plots.colors import root_figure
from sdanalytics.plots.fonts import set_font_fallback


class LabelPosition(NamedTuple):
    """The direction from a bubble's centre to its name, and the alignment of the name."""

    dx: int
    dy: int
    ha: str
    va: str


LABEL_POSITIONS: Final = (
    LabelPosition(1, 0, "left", "center"),
    LabelPosition(-1, 0, "right", "center"),
    LabelPosition(0, 1, "center", "bottom"),
    LabelPosition(0, -1, "center", "top"),
    LabelPosition(0, 1, "left", "bottom"),
    LabelPosition(0, -1, "left", "top"),
    LabelPosition(0, 1, "right", "bottom"),
    LabelPosition(0, -1, "right", "top"),
)
"""The positions to try for a name, the best first."""
LABEL_GAPS: Final = (2, 9)
"""Points between a bubble and its name; the larger gap is tried when the smaller has no room."""
_POINTS_PER_INCH: Final = 72


def label_bubbles(ax: Axes, bubbles: PathCollection, names: Sequence[str]) -> None:
    """Name the first bubbles; a name for which there is no room is left out."""
    figure = root_figure(ax)
    figure.draw_without_rendering()  # places the axes, so that positions are known
    centers: Any = bubbles.get_offsets()
    areas = np.broadcast_to(bubbles.get_sizes(), len(centers))
    radii = np.sqrt(areas) / 2
    taken = _bubble_boxes(ax, figure, centers, radii)
    label_area = _label_area(ax, figure)
    for name, center, radius in zip(names, centers, radii, strict=False):
        for gap, position in product(LABEL_GAPS, LABEL_POSITIONS):
            distance = radius + gap
            label = _annotate_at(ax, name, center, distance, position)
            box = label.get_window_extent()
            if _has_room(box, label_area, taken):
                taken.append(box)
                break
            label.remove()


def _bubble_boxes(ax: Axes, figure: Figure, centers: Any, radii: Any) -> list[BboxBase]:
    """Return the boxes around all bubbles, in pixels."""
    pixel_centers = ax.transData.transform(centers)
    pixels_per_point = figure.dpi / _POINTS_PER_INCH
    pixel_radii = pixels_per_point * radii[:, None]
    lower_corners = pixel_centers - pixel_radii
    upper_corners = pixel_centers + pixel_radii
    corners = np.stack([lower_corners, upper_corners], axis=1)
    return list(map(Bbox, corners))


def _label_area(ax: Axes, figure: Figure) -> BboxBase:
    """Return the area for names: the axes, and the margin to their right if it is free."""
    axes_box = ax.bbox
    right = axes_box.x1
    if len(figure.axes) == 1:
        right = figure.bbox.x1
    return Bbox.from_extents(axes_box.x0, axes_box.y0, right, np.inf)


def _has_room(box: BboxBase, label_area: BboxBase, taken: Sequence[BboxBase]) -> bool:
    if box.x0 < label_area.x0 or box.x1 > label_area.x1:
        return False
    if box.y0 < label_area.y0:
        return False
    return not any(map(box.overlaps, taken))


def _annotate_at(
    ax: Axes, name: str, center: Any, distance: float, position: LabelPosition
) -> Annotation:
    offset = (position.dx * distance, position.dy * distance)
    label = ax.annotate(
        name,
        center,
        xytext=offset,
        textcoords="offset points",
        ha=position.ha,
        va=position.va,
        fontsize="x-small",
    )
    set_font_fallback(label)
    return label
