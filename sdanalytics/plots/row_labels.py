"""Labels of rows in axes of any size: how wide a line of them is, and how large its letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from sdanalytics.plots.colors import root_figure
from sdanalytics.plots.name_labels import MAX_LABEL_WIDTH

_LETTERS_PER_INCH: Final = 6
"""Letters of labels for each inch of the axes: they leave most of it to the data."""
_MIN_LINE_WIDTH: Final = 12
_LINE_SPACING: Final = 1.25
_ROWS_SHARE: Final = 0.85
"""The share of the axes' height that the layout leaves to rows."""
_MIN_FONT_SIZE: Final = 5.0
_POINTS_PER_INCH: Final = 72


def choose_line_width(ax: Axes | None) -> int:
    """Return the widest line of a label, in Latin letters; axes of a new figure are wide."""
    if ax is None:
        return MAX_LABEL_WIDTH
    inches = ax.bbox.width / root_figure(ax).dpi
    letters = int(_LETTERS_PER_INCH * inches)
    return min(max(letters, _MIN_LINE_WIDTH), MAX_LABEL_WIDTH)


def fit_font_size(ax: Axes, labels: Sequence[str]) -> float:
    """Return the size of labels that fits into the rows of axes, at most that of ticks."""
    usual = FontProperties(size=rcParams["ytick.labelsize"]).get_size_in_points()
    inches = ax.bbox.height / root_figure(ax).dpi
    row_height = _ROWS_SHARE * _POINTS_PER_INCH * inches / len(labels)
    most_lines = 1 + max(label.count("\n") for label in labels)
    fitting = row_height / (_LINE_SPACING * most_lines)
    return min(max(fitting, _MIN_FONT_SIZE), usual)
