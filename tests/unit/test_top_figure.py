"""The figure `top` in axes of any size, and of odd numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from sdanalytics import compare
from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.samples import day, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


@pytest.fixture
def campaigns() -> pd.DataFrame:
    return sample_frame("campaigns", 21, 1)


def make_axes(width: float, height: float = 3.0) -> Any:
    _, axes = plt.subplots(figsize=(width, height), layout="constrained")
    return axes


def render(axes: Any) -> None:
    axes.get_figure(root=True).canvas.draw()


@pytest.mark.parametrize("width", [3.2, 6.4, 12])
def test_values_are_inside_the_axes(width: float) -> None:
    frame = pd.DataFrame(
        {"campaignName": ["one", "two", "three"], "sales": [81_234.0, 5_678.0, -60_123.0]}
    )
    axes = plots.top(frame, "sales", ax=make_axes(width))
    render(axes)
    for text in axes.texts:
        box = text.get_window_extent()
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1, text.get_text()


def test_limits_of_the_user_are_kept(campaigns: pd.DataFrame) -> None:
    axes = plots.top(campaigns)
    axes.set_xlim(0, 1000)
    render(axes)
    assert axes.get_xlim() == (0, 1000)


@pytest.mark.parametrize("dot", [None, "acos"])
def test_narrow_axes_are_for_bars_rather_than_names(
    campaigns: pd.DataFrame, dot: str | None
) -> None:
    axes = plots.top(campaigns, dot=dot, ax=make_axes(3.2))
    render(axes)
    assert axes.bbox.width > 0.4 * axes.figure.bbox.width
    for group in [axes.get_yticklabels(), axes.get_xticklabels()]:
        boxes = [label.get_window_extent() for label in group if label.get_text()]
        for one, other in pairwise(boxes):
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            assert height <= 0.25 * one.height or width <= 0


def test_bars_without_a_length_are_a_sentence(campaigns: pd.DataFrame) -> None:
    axes = plots.top(campaigns.assign(cost=0.0))
    assert [text.get_text() for text in axes.texts] == ["cost is 0 on all days"]
    drawn = plots.top(campaigns.assign(cost=0.0), dot="clicks")
    assert "10 of" in text_below(drawn)


def test_the_title_of_a_change_names_both_periods(campaigns: pd.DataFrame) -> None:
    weeks = (day(21), day(15)), (day(14), day(8))
    changes = compare(campaigns, *weeks, by="campaignName", metrics=["cost"])
    title = plots.top(changes, "cost_change").get_title(loc="left").replace("\n", " ")
    assert "6 to 12 Nov 2026 against 30 Oct to 5 Nov 2026" in title


def test_a_scale_around_a_target_shows_what_occurs(campaigns: pd.DataFrame) -> None:
    axes = plots.top(campaigns, "orders", hue="acos", n=6, target=0.3)
    (bar,) = [other for other in axes.figure.axes if other is not axes]
    assert bar.get_ylim()[0] > 0  # an ACOS is not negative


def test_a_renamed_campaign_has_its_latest_name_whatever_the_order_of_rows(
    campaigns: pd.DataFrame,
) -> None:
    one = campaigns[campaigns["campaignId"] == campaigns["campaignId"].iloc[0]]
    names = ["old"] * (len(one) - 1) + ["new"]
    renamed = one.sort_values("date").assign(campaignName=names)
    for rows in (renamed, renamed.iloc[::-1]):
        axes = plots.top(rows, "cost")
        assert [label.get_text() for label in axes.get_yticklabels()] == ["new"]


@pytest.mark.parametrize(("metric", "is_good"), [("vcpm", False), ("roas", True)])
def test_the_good_side_of_a_target_is_blue(
    campaigns: pd.DataFrame, metric: str, is_good: bool
) -> None:
    by_view = campaigns[campaigns["costType"] == "VCPM"]
    axes = plots.top(by_view, "cost", hue=metric, target=1e-6)  # all are above it
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert {colour[2] > colour[0] for colour in colours} == {is_good}
