"""`CellNumbers`: the numbers in the cells of a heat map."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from sdanalytics.plots.number_format import format_number, format_tightly

_MAX_WIDTH: Final = 0.88
"""Of a number, as a share of its cell's."""


class CellNumbers(Artist):
    """The numbers in cells: as long as the cells have room for when they are drawn, or none.

    Parameters
    ----------
    unit : str
        As of `metric_unit`.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.set_clip_on(False)
        self.set_zorder(-np.inf)  # fitted before anything is drawn
        self._unit = unit
        self._texts: list[Text] = []
        self._long_forms: list[str] = []
        self._tight_forms: list[str] = []

    def write(
        self, column: float, row: float, value: float, color: Any, unit: str | None = None
    ) -> None:
        """Write a number into a cell, in a unit of its own if it has one."""
        if unit is None:
            unit = self._unit
        long_form = format_number(value, unit, short=True)
        text = self._owner.text(
            column,
            row,
            long_form,
            ha="center",
            va="center",
            fontsize="x-small",
            color=color,
        )
        self._texts.append(text)
        self._long_forms.append(long_form)
        self._tight_forms.append(format_tightly(value, unit))

    def draw(self, renderer: Any) -> None:
        """Choose the longest form of the numbers that fits, and hide them if none does."""
        has_room = False
        for forms in (self._long_forms, self._tight_forms):
            for text, form in zip(self._texts, forms, strict=True):
                text.set_text(form)
            has_room = self._fits(renderer)
            if has_room:
                break
        for text in self._texts:
            text.set_visible(has_room)

    def get_tightbbox(self, renderer: Any = None) -> Bbox | None:
        """Return nothing: the numbers are within the axes."""
        return None

    @property
    def _owner(self) -> Axes:
        axes = self.axes
        assert isinstance(axes, Axes)
        return axes

    def _fits(self, renderer: Any) -> bool:
        """Return whether the longest number fits its cell."""
        if not self._texts:
            return True
        longest = max(self._texts, key=_count_characters)
        longest.set_visible(True)
        number = longest.get_window_extent(renderer)
        corners = self._owner.transData.transform([(0, 0), (1, 1)])
        width, height = np.abs(corners[1] - corners[0])
        is_low = number.height <= height
        is_narrow = number.width <= _MAX_WIDTH * width
        return bool(is_low and is_narrow)


def _count_characters(text: Text) -> int:
    return len(text.get_text())
