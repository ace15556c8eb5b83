"""Small multiples: panels of one scale within axes, each with the name of what it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from sdanalytics.plots.fonts import set_font_fallback
from sdanalytics.plots.name_labels import MAX_LINES, Labels, count_lines, label_names
from sdanalytics.plots.point_sizes import POINTS_PER_INCH, measure_axes, pixels_per_point

_MIN_PANEL: Final = (0.85, 0.45)
"""Least width and height of a panel, in inches."""
_LOW_PANEL: Final = 0.7
"""Panels of less height, in inches, have names on one line."""
_ASPECT: Final = 1.7
"""The width of a good panel by its height."""
_PANEL_HEIGHT: Final = 1.25
_HEIGHT_WITHOUT_PANELS: Final = 1.2
"""Inches, in a figure that is made for panels."""
_USUAL_COLUMNS: Final = 3
_COLUMN_GAP: Final = 12
_ROW_GAP: Final = 7
"""Points between panels."""
_LINE_HEIGHT: Final = 10.5
"""Points that a line of a name takes."""
_NAME_GAP: Final = 4
_LETTER_WIDTH: Final = 5.6


def fit_panels(count: int) -> float:
    """Return the height in inches of a figure that is made for panels."""
    columns = 2 if count <= 4 else _USUAL_COLUMNS
    return _HEIGHT_WITHOUT_PANELS + _PANEL_HEIGHT * math.ceil(count / columns)


def choose_columns(ax: Axes, count: int) -> int:
    """Return the columns that give panels the best shape; 0 if they have no room."""
    min_width, min_height = _MIN_PANEL
    distances = {}
    for columns in range(1, count + 1):
        width, height = _measure_panel(ax, count, columns)
        has_room = width >= min_width and height >= min_height
        if has_room:
            aspect = width / height
            distance = math.log(aspect / _ASPECT)
            distances[columns] = abs(distance)
    return min(
        distances,
        key=lambda columns: distances[columns],
        default=0,
    )


def _measure_panel(ax: Axes, count: int, columns: int) -> tuple[float, float]:
    """Return the width and height in inches of panels with a line of name above each."""
    size = measure_axes(ax)
    rows = math.ceil(count / columns)
    head = _LINE_HEIGHT + _NAME_GAP + _ROW_GAP
    width = size.width / columns - _COLUMN_GAP
    height = size.height / rows - head
    return width / POINTS_PER_INCH, height / POINTS_PER_INCH


def make_panels(
    ax: Axes, names: Sequence[object], special: Sequence[object], columns: int
) -> tuple[list[Axes], Labels]:
    """Divide axes into panels that share their scales.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        They keep their title and caption; the panels are their `child_axes`.
    names : sequence of object
        One for each panel.
    special : sequence of object
        Those of them that are nobody's.
    columns : int
        As of `choose_columns`.

    Returns
    -------
    list of matplotlib.axes.Axes
        The panels, in the order of the names.
    Labels
        The names as they are drawn.
    """
    width, height = _measure_panel(
        ax,
        len(names),
        columns,
    )
    letters = int(width * POINTS_PER_INCH / _LETTER_WIDTH)
    lines = 1 if height < _LOW_PANEL else MAX_LINES
    labels = label_names(
        names,
        special,
        width=letters,
        lines=lines,
    )
    heads = _measure_heads(labels.texts, columns)
    grid = _PanelGrid(ax, columns, heads)
    ax.set_axis_off()
    panels: list[Axes] = []
    for number, label in enumerate(labels.texts):
        panel = _add_panel(grid, number, panels)
        _name_panel(panel, label)
        is_lowest = number + columns >= len(labels.texts)
        is_first = number % columns == 0
        panel.tick_params(
            labelleft=is_first,
            labelbottom=is_lowest,
            labelsize="small",
        )
        panels.append(panel)
    return panels, labels


def _add_panel(grid: _PanelGrid, number: int, panels: Sequence[Axes]) -> Axes:
    """Add a panel that has the scales of those that are there."""
    first = panels[0] if panels else None
    panel: Axes = grid.parent.inset_axes(
        (0, 0, 1, 1),
        sharex=first,
        sharey=first,
    )
    panel.set_in_layout(False)  # the surroundings of all make room for their labels
    locator = _PanelLocator(grid, number)
    panel.set_axes_locator(locator)
    panel.apply_aspect(locator(panel, None))  # what is drawn next depends on the size
    return panel


def _name_panel(panel: Axes, label: str) -> None:
    name = panel.set_title(
        label,
        loc="left",
        y=1.0,  # at once; else matplotlib measures the axes at each drawing
        fontsize="small",
        pad=_NAME_GAP,
    )
    set_font_fallback(name)


def _measure_heads(labels: Sequence[str], columns: int) -> list[float]:
    """Return the points that the names of each row take."""
    heads = []
    for start in range(
        0,
        len(labels),
        columns,
    ):
        row = labels[start : start + columns]
        lines = max(map(count_lines, row))
        heads.append(lines * _LINE_HEIGHT + _NAME_GAP)
    return heads


@dataclass(frozen=True)
class _PanelGrid:
    """The places of panels within axes; gaps and names keep their size when axes change theirs."""

    parent: Axes
    columns: int
    heads: list[float]

    def find_box(self, number: int) -> Bbox:
        """Return the place of a panel, in pixels."""
        box = self.parent.bbox
        scale = pixels_per_point(self.parent)
        row, column = divmod(number, self.columns)
        gap = _COLUMN_GAP * scale
        gaps = gap * (self.columns - 1)
        width = (box.width - gaps) / self.columns
        heads = np.array(self.heads) * scale
        row_gap = _ROW_GAP * scale
        row_gaps = row_gap * (len(heads) - 1)
        free = box.height - heads.sum() - row_gaps
        height = max(free / len(heads), 1.0)
        left = box.x0 + column * (width + gap)
        heads_above = heads[: row + 1].sum()
        panels_above = (row + 1) * height
        bottom = box.y1 - heads_above - panels_above - row * row_gap
        return Bbox.from_bounds(left, bottom, width, height)


class _PanelLocator:
    """Tells matplotlib where a panel is."""

    def __init__(self, grid: _PanelGrid, number: int) -> None:
        self._grid = grid
        self._number = number

    def __call__(self, ax: Any, renderer: Any) -> Bbox:
        """Return the place of the panel, as a part of its figure."""
        figure: Any = self._grid.parent.get_figure(root=False)
        return self._grid.find_box(self._number).transformed(figure.transSubfigure.inverted())
