"""Reading what figures say."""

from __future__ import annotations

from typing import Any

from sdanalytics.plots.surroundings import read_caption


def text_below(axes: Any) -> str:
    """Return the label of the horizontal axis and the caption of a figure."""
    return f"{axes.get_xlabel()}\n{read_caption(axes)}".strip()
