"""Names of campaigns, products and the like as labels of a figure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from matplotlib import rcParams

from sdanalytics.plots.fonts import drawable_labels

MAX_LABEL_WIDTH: Final = 28
"""Widest label, in Latin letters; a longer one is cut in the middle."""
LABEL_TAIL_WIDTH: Final = 10
"""The width of a cut label's end, in Latin letters."""
_MAX_MEASURED: Final = 100
"""Characters at either end of a name from which its label is cut."""
_WIDE: Final = ("W", "F")
"""Unicode's classes of characters as wide as two Latin letters."""


def short_labels(names: Sequence[object]) -> list[str]:
    """Return names as they can be drawn, no two alike.

    Long ones are cut in the middle, and characters that mean something to matplotlib are escaped.
    """
    shortened = [_shorten(name) for name in names]
    labels = drawable_labels(shortened)
    return [_escape(label) for label in labels]


def _shorten(name: object) -> str:
    words = str(name).split()
    text = " ".join(words) or "(no name)"
    if len(text) > 2 * _MAX_MEASURED:  # each step below measures the rest
        text = f"{text[:_MAX_MEASURED]}…{text[-_MAX_MEASURED:]}"
    if _display_width(text) <= MAX_LABEL_WIDTH:
        return text
    head = text
    tail = ""
    while _display_width(tail) < LABEL_TAIL_WIDTH:
        tail = head[-1] + tail
        head = head[:-1]
    while _display_width(head) > MAX_LABEL_WIDTH - LABEL_TAIL_WIDTH:
        head = head[:-1]
    return f"{head}…{tail}"


def _display_width(text: str) -> int:
    """Return the width in Latin letters; East Asian characters count twice."""
    width = len(text)
    for character in text:
        if unicodedata.east_asian_width(character) in _WIDE:
            width += 1
    return width


def _escape(text: str) -> str:
    """Escape a $, which may begin a formula, and a leading _, which hides a legend's entry."""
    if rcParams["text.parse_math"]:
        text = text.replace("$", r"\$")
    if text.startswith("_"):
        return f" {text}"
    return text
