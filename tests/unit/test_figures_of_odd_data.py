"""Figures of odd data, and in the user's style: credits, long names, dark backgrounds, grids."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


def bubbles(costs: list[float], sales: list[float], orders: list[int]) -> pd.DataFrame:
    names = [f"campaign {number}" for number in range(len(costs))]
    return pd.DataFrame({"campaignName": names, "cost": costs, "sales": sales, "orders": orders})


@pytest.mark.parametrize(
    ("costs", "sales"),
    [
        ([100.0, -300.0], [500.0, 40.0]),
        ([100.0, 50.0], [500.0, -90.0]),
        ([-300.0], [-90.0]),
        ([-300.0, -10.0], [20.0, 30.0]),
    ],
)
@pytest.mark.parametrize("acos", [None, 0.3])
def test_efficiency_shows_campaigns_with_a_credit(
    costs: list[float], sales: list[float], acos: float | None
) -> None:
    axes = plots.efficiency(bubbles(costs, sales, [-3] * len(costs)), acos=acos)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    for x, y in axes.collections[0].get_offsets().tolist():
        assert left < x < right
        assert bottom < y < top
    assert left < 0 < right or min(costs) > 0
    assert bottom < 0 < top or min(sales) > 0
    assert "area: orders without their sign" in text_below(axes)
    axes.figure.canvas.draw()


def test_efficiency_begins_at_zero_where_nothing_is_below() -> None:
    axes = plots.efficiency(bubbles([100.0, 50.0], [500.0, 90.0], [3, 4]))
    assert axes.get_xlim()[0] == 0
    assert axes.get_ylim()[0] == 0


def test_names_of_a_megabyte_are_drawn_in_no_time() -> None:
    names = ["x" * 20_000, "日" * 20_000, "y " * 500_000 + "end"]
    frame = pd.DataFrame({"campaignName": names, "cost": [3.0, 2.0, 1.0]})
    began = time.process_time()
    axes = plots.top(frame, "cost")
    axes.figure.canvas.draw()
    assert time.process_time() - began < 5
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0].endswith("x…" + "x" * 10)
    assert labels[2].endswith("y end")
    assert max(map(len, labels)) <= 80
    assert max(len(line) for label in labels for line in label.splitlines()) <= 30


class TestDarkBackground:
    @pytest.fixture(autouse=True)
    def _dark(self) -> Iterator[None]:
        with plt.style.context("dark_background"):
            yield

    def test_an_outlier_is_legible(self) -> None:
        frame = pd.DataFrame(
            {"campaignName": list("abc"), "cost": [3.0, 2.0, 1.0], "clicks": [1.0, 2.0, 900.0]}
        )
        axes = plots.top(frame, "cost", dot="clicks")
        above = axes.figure.axes[1]
        (label,) = above.texts
        box = label.get_bbox_patch()
        assert label.get_text() == "900 ▸"
        assert contrast(label.get_color(), box.get_facecolor()[:3]) > 4.5

    def test_notes_are_legible(self) -> None:
        figures = [
            plots.trend(sample_frame("campaigns", 14, 1), "cost").xaxis.label,
            *plots.funnel(sample_frame("campaigns", 14, 1)).texts[5:],
            *plots.efficiency(bubbles([1.0, 2.0], [5.0, 3.0], [1, 1])).texts,
        ]
        assert len(figures) > 3
        for note in figures:
            assert contrast(note.get_color(), "black") > 4.5, note.get_text()


def contrast(color: Any, background: Any) -> float:
    """Return the contrast of a text as the guidelines of the web compute it: 4.5 is legible."""
    lighter, darker = sorted((luminance(color), luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Any) -> float:
    channels = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in to_rgb(color)
    ]
    return sum(
        weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), channels, strict=True)
    )


@pytest.mark.parametrize("style", ["ggplot", "seaborn-v0_8-darkgrid"])
def test_no_grid_crosses_the_cells_of_a_heat_map(style: str) -> None:
    with plt.style.context(style):
        figures = [
            plots.calendar(sample_frame("campaigns", 14, 1), "cost"),
            plots.halo(sample_frame("asins", 14, 1), "viewAttributedSales14dOtherSKU"),
        ]
    for cells in figures:
        for axes in cells.figure.axes:
            lines = [*axes.get_xgridlines(), *axes.get_ygridlines()]
            assert not [line for line in lines if line.get_visible()]


def test_dollars_in_names_are_drawn_with_and_without_formulas() -> None:
    frame = pd.DataFrame({"campaignName": ["$5 off, $6 deal"], "cost": [3.0]})
    (escaped,) = plots.top(frame, "cost").get_yticklabels()
    assert escaped.get_text() == r"\$5 off, \$6 deal"
    with plt.rc_context({"text.parse_math": False}):
        (plain,) = plots.top(frame, "cost").get_yticklabels()
    assert plain.get_text() == "$5 off, $6 deal"


class TestWithoutMetadata:
    """Frames that pandas' `concat`, or a CSV file, has taken the metadata of."""

    @pytest.fixture
    def frame(self) -> pd.DataFrame:
        both = [sample_frame("campaigns", 14, 8), sample_frame("campaigns", 7, 1)]
        frame = pd.concat(both, ignore_index=True)
        assert not frame.attrs
        return frame

    def test_a_trend_says_that_ages_are_unknown(self, frame: pd.DataFrame) -> None:
        assert text_below(plots.trend(frame, "cost")) == "restatable days are not known"

    def test_a_calendar_says_that_ages_are_unknown(self, frame: pd.DataFrame) -> None:
        assert text_below(plots.calendar(frame, "clicks")) == "restatable days are not known"
