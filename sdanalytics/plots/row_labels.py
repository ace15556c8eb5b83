"""Labels of rows in axes of any size: how wide and high they are, and how large their letters."""

from __future__ import annotations

from typing import Final, NamedTuple

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from sdanalytics.plots.name_labels import MAX_LABEL_WIDTH, MAX_LINES
from sdanalytics.plots.point_sizes import POINTS_PER_INCH, measure_axes
from sdanalytics.plots.style import validate_axes

_LETTERS_PER_INCH: Final = 7
"""Letters of labels for each inch of the axes: they leave most of it to the data."""
_MIN_WIDTH: Final = 12
_LINE_SPACING: Final = 1.2
_ROWS_SHARE: Final = 0.7
"""The share of the axes' height that titles, captions and the like leave to rows."""
_MIN_FONT_SIZE: Final = 5.5
_READABLE_FONT_SIZE: Final = 7.0
"""Labels have a second line where letters of this size fit."""


class RowLabelShape(NamedTuple):
    """The size of the labels of rows.

    Attributes
    ----------
    width : int
        Of a line, in Latin letters.
    lines : float
    font_size : float
        In points.
    """

    width: int
    lines: float
    font_size: float


def choose_row_labels(ax: Axes | None, row_count: int) -> RowLabelShape:
    """Return the size of labels that fit into axes; those of a new figure are as high as needed."""
    tick_size = FontProperties(size=rcParams["ytick.labelsize"]).get_size_in_points()
    if ax is None:
        return RowLabelShape(MAX_LABEL_WIDTH, MAX_LINES, tick_size)
    validate_axes(ax)
    size = measure_axes(ax)
    letters = int(_LETTERS_PER_INCH * size.width / POINTS_PER_INCH)
    height = _ROWS_SHARE * size.height
    line_height = height / row_count / _LINE_SPACING
    lines = min(max(line_height // _READABLE_FONT_SIZE, 1.0), MAX_LINES)
    font_size = max(line_height / lines, _MIN_FONT_SIZE)
    return RowLabelShape(
        width=min(max(letters, _MIN_WIDTH), MAX_LABEL_WIDTH),
        lines=lines,
        font_size=min(font_size, tick_size),
    )
