"""Titles and captions of figures beside others, with a layout and without."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.rows import small

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack

TITLE = "a title so long that it takes four lines in axes of this size, " * 2


def many_campaigns() -> pd.DataFrame:
    names = [f"Campaign {number}" for number in range(30)]
    return small(
        date=["2026-10-01"] * 30,
        campaignId=list(range(30)),
        campaignName=names,
        cost=[float(30 + number) for number in range(30)],
    )


def draw_above_another(layout: str | None) -> Any:
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(3.2, 4), layout=layout)
    for axes in (upper, lower):
        plots.top(many_campaigns(), "cost", n=5, ax=axes, title=TITLE)
    figure.canvas.draw()
    figure.canvas.draw()
    return upper, lower


def drawn_captions(axes: Any) -> list[bool]:
    texts = [child for artist in axes.get_children() for child in artist.get_children()]
    return [text.get_visible() for text in texts if "5 of 30" in getattr(text, "_text", "")]


def test_a_caption_is_not_drawn_over_the_axes_below() -> None:
    upper, lower = draw_above_another(None)
    assert drawn_captions(upper) == [False]
    assert drawn_captions(lower) == [True]
    assert "5 of 30 campaigns" in text_below(upper)


def test_a_title_keeps_to_one_line_below_other_axes() -> None:
    upper, lower = draw_above_another(None)
    assert "\n" in upper.get_title(loc="left")
    title = lower.get_title(loc="left")
    assert "\n" not in title
    assert title.startswith("a title so long")
    assert title.endswith(" …")


def test_a_layout_makes_room_for_titles_and_captions() -> None:
    upper, lower = draw_above_another("constrained")
    assert drawn_captions(upper) == drawn_captions(lower) == [True]
    assert "\n" in lower.get_title(loc="left")
