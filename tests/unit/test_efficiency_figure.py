"""The figure `efficiency`: its scales, colours, areas, names, and lines of targets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from sdanalytics import InvalidRequest, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.bubble_labels import BubbleLabels
from sdanalytics.plots.colors import contrast
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


def bubbles(
    costs: list[float], sales: list[float], orders: list[int] | None = None, **columns: Any
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "campaignName": [f"campaign {number}" for number in range(len(costs))],
            "cost": costs,
            "sales": sales,
            "orders": orders or [1] * len(costs),
            **columns,
        }
    )


@pytest.fixture
def targets() -> pd.DataFrame:
    return sample_frame("targets", 21, 1)


def find_labels(axes: Any) -> BubbleLabels:
    (found,) = [artist for artist in axes.get_children() if isinstance(artist, BubbleLabels)]
    return found


def drawn_texts(axes: Any) -> dict[str, Any]:
    """Return the boxes of the names that a figure shows, by their text."""
    figure = axes.get_figure(root=True)
    figure.canvas.draw()
    texts = [text for text in find_labels(axes).get_children() if isinstance(text, Text)]
    return {text.get_text(): text.get_window_extent() for text in texts if text.get_visible()}


def drawn_positions(axes: Any) -> Any:
    """Return where the bubbles are in the axes: from 0 to 1 in both directions."""
    axes.figure.canvas.draw()
    offsets = np.asarray(axes.collections[0].get_offsets())
    return axes.transAxes.inverted().transform(axes.transData.transform(offsets))


def legend_texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


class TestScales:
    def test_small_and_large_targets_are_told_apart(self, targets: pd.DataFrame) -> None:
        axes = plots.efficiency(targets, by="targetId")
        assert axes.get_xscale() == "log"
        corner = drawn_positions(axes)
        crowded = (corner < 0.25).all(axis=1).mean()
        linear = drawn_positions(plots.efficiency(targets, by="targetId", scale="linear"))
        assert crowded < 0.1 < (linear < 0.25).all(axis=1).mean()

    def test_equal_roas_is_a_straight_line(self) -> None:
        axes = plots.efficiency(bubbles([1, 10, 100, 5000], [3, 30, 300, 0]), roas=3)
        positions = drawn_positions(axes)[1:]
        steps = np.diff(positions, axis=0)
        slopes = steps[:, 1] / steps[:, 0]
        assert slopes[0] == pytest.approx(slopes[1])
        (line,) = axes.get_lines()
        np.testing.assert_allclose(line.get_ydata(), 3 * line.get_xdata())
        ends = axes.transData.transform(line.get_xydata())
        direction = np.subtract(*ends)
        offsets = axes.collections[0].get_offsets()
        bubble = np.subtract(*axes.transData.transform(offsets[1:3]))
        assert direction[1] / direction[0] == pytest.approx(bubble[1] / bubble[0])

    @pytest.mark.parametrize("sales", [[500.0, 30.0, 0.0], [500.0, 30.0, -90.0]])
    def test_no_sales_and_credits_are_below_all_others(self, sales: list[float]) -> None:
        axes = plots.efficiency(bubbles([100.0, 50.0, 4.0], sales))
        assert axes.get_yscale() == "symlog"
        heights = drawn_positions(axes)[:, 1]
        assert 0 < heights[2] < heights[1] < heights[0] < 1
        texts = [label.get_text() for label in axes.get_yticklabels()]
        assert "0" in texts
        assert all(
            float(text.replace(",", "")) == tick
            for text, tick in zip(texts, axes.get_yticks(), strict=True)
        )

    def test_a_credit_in_the_cost_is_left_of_0(self) -> None:
        axes = plots.efficiency(bubbles([1000.0, 10.0, -30.0], [500.0, 30.0, 20.0]))
        places = drawn_positions(axes)[:, 0]
        origin = axes.transAxes.inverted().transform(axes.transData.transform((0, 20)))[0]
        assert 0 < places[2] < origin < places[1] < places[0] < 1

    def test_values_of_one_size_are_on_linear_scales(self) -> None:
        axes = plots.efficiency(bubbles([100.0, 50.0], [500.0, 90.0]))
        assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")

    def test_an_unknown_scale_is_an_error(self) -> None:
        with pytest.raises(InvalidRequest, match="scale"):
            plots.efficiency(bubbles([1.0], [2.0]), scale="sqrt")

    def test_intervals_are_within_the_limits(self) -> None:
        frame = sample_frame("campaigns", 21, 1)
        axes = plots.efficiency(frame, level=0.9, n=30)
        table = plots.data("efficiency", frame, level=0.9, n=30)
        assert axes.get_ylim()[1] > table["sales_high"].max()

    @pytest.mark.parametrize(("column", "note"), [("cost", "cost is 0"), ("sales", "sales is 0")])
    def test_zeros_are_a_sentence(self, column: str, note: str) -> None:
        frame = bubbles([1.0, 2.0], [3.0, 4.0])
        axes = plots.efficiency(frame.assign(**{column: 0.0}))
        (text,) = axes.texts
        assert text.get_text() == f"{note} on all days"

    def test_groups_without_a_value_are_counted(self) -> None:
        axes = plots.efficiency(bubbles([1.0, 2.0, 3.0], [3.0, 4.0, np.nan]))
        assert "1 without values are left out" in text_below(axes)


class TestColors:
    @pytest.mark.parametrize(
        ("target", "entries"),
        [
            ({"acos": 0.25}, ["ACOS of 25% or less", "ACOS above 25%"]),
            ({"roas": 4}, ["ROAS of 4 or more", "ROAS below 4"]),
        ],
    )
    def test_tell_the_side_of_a_single_target(
        self, target: dict[str, float], entries: list[str]
    ) -> None:
        frame = bubbles([10.0, 100.0, 50.0], [40.0, 399.0, 900.0])
        axes = plots.efficiency(frame, **target)
        high, middle, low = map(to_hex, axes.collections[0].get_edgecolors())
        assert middle == low != high  # by cost: 100, 50, 10
        assert legend_texts(axes) == entries
        meets = plots.data("efficiency", frame, **target).set_index("cost")["meets_target"]
        assert meets.to_dict() == {100.0: False, 50.0: True, 10.0: True}

    def test_tell_the_cost_type_without_one(self) -> None:
        campaigns = sample_frame("campaigns", 21, 1)
        axes = plots.efficiency(campaigns, acos=[0.2, 0.4])
        assert legend_texts(axes) == ["CPC", "vCPM"]
        by_name = summarize(campaigns, ["campaignName", "costType"]).sort_values(
            "cost", ascending=False
        )
        colors = pd.Series(map(to_hex, axes.collections[0].get_edgecolors()))
        pairs = set(zip(by_name["costType"], colors, strict=True))
        assert len(pairs) == by_name["costType"].nunique() == 2
        table = plots.data("efficiency", campaigns)
        assert table["costType"].str.upper().tolist() == by_name["costType"].tolist()

    def test_one_cost_type_has_one_colour_and_no_legend(self) -> None:
        axes = plots.efficiency(bubbles([1.0, 20.0], [2.0, 3.0], costType=["CPC", "CPC"]))
        assert axes.get_legend() is None

    def test_of_the_user_take_their_place(self) -> None:
        axes = plots.efficiency(bubbles([1.0, 20.0], [2.0, 3.0]), acos=0.3, color="red")
        assert {to_hex(color) for color in axes.collections[0].get_facecolors()} == {"#ff0000"}
        assert axes.get_legend() is None

    @pytest.mark.parametrize("style", ["default", "dark_background", "ggplot"])
    def test_stand_out(self, style: str) -> None:
        with plt.style.context(style):
            axes = plots.efficiency(bubbles([10.0, 100.0], [5.0, 900.0]), acos=0.3)
        for color in axes.collections[0].get_edgecolors():
            assert contrast(color, axes.get_facecolor()) >= 3


class TestAreas:
    def test_are_in_proportion_and_none_is_a_ring(self) -> None:
        axes = plots.efficiency(bubbles([40.0, 30, 20, 10], [5.0, 6, 7, 8], [300, 150, 1, 0]))
        points = axes.collections[0]
        areas = points.get_sizes()
        assert areas[0] == pytest.approx(2 * areas[1])
        assert areas[2] == areas[3] > 0
        assert [color[3] for color in points.get_facecolors()] == [0.5, 0.5, 0, 0]
        assert [color[3] for color in points.get_edgecolors()] == [1, 1, 1, 1]

    def test_the_legend_has_true_areas(self) -> None:
        axes = plots.efficiency(bubbles([40.0, 30, 20], [5.0, 6, 7], [300, 100, 0]))
        (legend,) = [child for child in axes.artists if hasattr(child, "get_texts")]
        assert [text.get_text() for text in legend.get_texts()] == ["0", "20", "200"]
        diameters = [handle.get_markersize() for handle in legend.legend_handles]
        largest = axes.collections[0].get_sizes()[0]
        assert diameters[2] ** 2 == pytest.approx(largest * 200 / 300)
        assert diameters[1] ** 2 == pytest.approx(largest * 20 / 300)

    def test_a_figure_without_a_layout_says_it(self) -> None:
        _, axes = plt.subplots()
        plots.efficiency(bubbles([4.0, 3.0], [5.0, 6.0], [300, 1]), ax=axes)
        assert "area: orders, up to 300" in text_below(axes)


def subplots_with_layout() -> Any:
    return plt.subplots(2, 2, figsize=(9, 7), layout="constrained")


def subplots_without_layout() -> Any:
    return plt.subplots(2, 2, figsize=(9, 7))


class TestNames:
    @pytest.mark.parametrize("make", [subplots_with_layout, subplots_without_layout])
    def test_cover_neither_bubbles_nor_lines_nor_each_other(
        self, make: Callable[[], Any], targets: pd.DataFrame
    ) -> None:
        figure, grid = make()
        for axes in grid.flat:
            plots.efficiency(targets, by="adGroupName", acos=[0.2, 0.5], ax=axes)
        figure.canvas.draw()
        figure.set_size_inches(11, 8)  # the names are placed again
        for axes in grid.flat:
            boxes = drawn_texts(axes)
            assert len(boxes) >= 6
            assert not any(one.overlaps(other) for one, other in combinations(boxes.values(), 2))
            points = axes.collections[0]
            centers = axes.transData.transform(points.get_offsets())
            radii = np.sqrt(points.get_sizes()) / 2 * figure.dpi / 72
            for text, box in boxes.items():
                assert axes.bbox.x0 <= box.x0 <= box.x1 <= axes.bbox.x1
                nearest = np.clip(centers, box.min, box.max)
                assert (np.hypot(*(nearest - centers).T) > radii).all(), text
                for line in axes.lines:
                    path = line.get_transform().transform_path(line.get_path())
                    if line.get_label() != text:
                        assert not path.intersects_bbox(box, filled=False), text

    def test_are_those_of_the_costliest_with_and_without_sales(self) -> None:
        costs = [float(cost) for cost in range(100, 60, -1)]
        sales = [300.0] * 30 + [0.0] * 10
        sales[15] = sales[18] = sales[19] = 0.0
        axes = plots.efficiency(bubbles(costs, sales), n=8)
        wanted = [*range(6), 15, 18]
        shown = find_labels(axes).get_children()
        names = [text.get_text() for text in shown if isinstance(text, Text)]
        assert [name for name in names if name.startswith("c")] == [
            f"campaign {number}" for number in wanted
        ]

    def test_lose_what_they_share(self) -> None:
        frame = bubbles([100.0, 50.0], [500.0, 90.0])
        frame["campaignName"] = "SD | US | 2026 Q4 | " + frame["campaignName"] + " | do not pause"
        axes = plots.efficiency(frame)
        assert {"0", "1"} <= drawn_texts(axes).keys()
        assert "begins with “SD | US | 2026 Q4 | campaign”" in text_below(axes)

    def test_of_the_user_are_drawn(self) -> None:
        frame = bubbles([100.0, 50.0], [500.0, 90.0])
        axes = plots.efficiency(frame, names={"campaign 0": "Tents"})
        assert {"Tents", "campaign 1"} <= drawn_texts(axes).keys()


def test_numbers_are_a_table(targets: pd.DataFrame) -> None:
    table = plots.data("efficiency", targets, by="targetId", size="clicks")
    expected = summarize(targets, "targetId").sort_values("cost", ascending=False)
    assert table.columns.tolist() == ["name", "cost", "sales", "clicks", "costType"]
    np.testing.assert_allclose(table["cost"], expected["cost"])
    np.testing.assert_allclose(table["sales"], expected["sales"])
