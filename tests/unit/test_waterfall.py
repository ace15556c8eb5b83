"""The figure `waterfall`: its bars, numbers and names."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import sdanalytics as sda
from sdanalytics import InvalidRequest
from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.rows import small

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
UP, DOWN = "#0072b2", "#d55e00"


def explain(before: dict[str, float], after: dict[str, float], **options: Any) -> pd.DataFrame:
    """Explain sales (or another metric) by campaign; each campaign costs 10 in either period."""
    names = [*before, *after]
    days = [options.pop("first", "2026-10-28")] * len(before)
    days += [options.pop("second", "2026-11-04")] * len(after)
    sales = [*before.values(), *after.values()]
    frame = small(
        date=days,
        campaignName=names,
        costType=["CPC"] * len(days),
        clicks=[10] * len(days),
        impressions=[1000] * len(days),
        cost=[10.0] * len(days),
        attributedSales14d=sales,
    )
    frame.attrs["sdanalytics"] = {"record_type": "campaigns", "currency": "USD"}
    periods = (days[0], "2026-11-03"), (days[-1], "2026-11-10")
    if days[0] != "2026-10-28":
        periods = (days[0], days[0]), (days[-1], days[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sda.PeriodWarning)
        return sda.explain(frame, *periods, **{"metric": "sales"} | options)


def numbers(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def names(axes: Any) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def ends(axes: Any) -> list[tuple[float, float]]:
    """Return the start and end of each bar."""
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]


CAMPAIGNS = {"a": 100.0, "b": 300.0, "c": 50.0, "d": 40.0}


def test_bars_lead_from_total_to_total() -> None:
    explanation = explain(CAMPAIGNS, {"a": 700.0, "b": 100.0, "c": 60.0, "d": 45.0})
    axes = plots.waterfall(explanation, n=2)
    assert names(axes) == ["28 Oct – 3 Nov", "a", "b", "2 others", "4–10 Nov"]
    assert numbers(axes) == ["490 USD", "+600 USD", "-200 USD", "+15 USD", "905 USD"]
    assert ends(axes) == [(0, 490), (490, 1090), (1090, 890), (890, 905), (0, 905)]
    colors = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colors[1:-1] == [UP, DOWN, UP]
    assert colors[0] == colors[-1] not in (UP, DOWN)
    assert text_below(axes) == "sales (USD)"
    assert axes.get_xlim()[0] == 0
    one_left = plots.waterfall(explanation, n=3)
    assert names(one_left)[1:-1] == ["a", "b", "c", "d"]
    drawn_in = plots.waterfall(explanation, ax=axes, height=0.5, edgecolor="black")
    assert drawn_in is axes
    assert axes.patches[-1].get_height() == 0.5
    axes.figure.canvas.draw()


def test_fractions_are_in_percentage_points() -> None:
    explanation = explain({"a": 40.0, "b": 20.0}, {"a": 40.0, "b": 60.0}, metric="acos")
    axes = plots.waterfall(explanation)
    assert numbers(axes) == ["33.3%", "-13.3 pp", "+0.0 pp", "20.0%"]
    assert text_below(axes) == "ACOS"
    roas = plots.waterfall(explain({"a": 40.0, "b": 2.0}, {"a": 40.0, "b": 6.0}, metric="roas"))
    assert numbers(roas) == ["2.10", "+0.20", "+0.00", "2.30"]


def test_close_totals_are_points_on_an_axis_without_zero() -> None:
    axes = plots.waterfall(explain({"a": 1000.0, "b": 500.0}, {"a": 1100.0, "b": 470.0}))
    assert "axis not from 0" in text_below(axes)
    assert axes.get_xlim()[0] > 1400
    assert [end - start for start, end in ends(axes)] == [0, 100, -30, 0]
    (points,) = axes.get_lines()
    assert points.get_xdata().tolist() == [1500, 1570]
    below = plots.waterfall(explain({"a": -1000.0, "b": -500.0}, {"a": -1100.0, "b": -470.0}))
    assert numbers(below) == ["-1,500 USD", "-100 USD", "+30 USD", "-1,570 USD"]
    assert below.get_xlim()[1] < -1400


def test_totals_of_opposite_signs_have_a_line_at_zero() -> None:
    axes = plots.waterfall(explain({"a": 100.0}, {"a": -50.0}))
    assert ends(axes) == [(0, 100), (100, -50), (0, -50)]
    assert axes.get_xlim()[0] < -50
    assert [line.get_xdata() for line in axes.get_lines()][-1] == [0, 0]


def test_factors_and_ids_have_names() -> None:
    frame = small(
        date=["2025-11-01", "2025-11-01", "2026-11-01", "2026-11-01"],
        campaignId=[1, 2, 1, 2],
        campaignName=["same", "same", "same", "same"],
        costType=["CPC", "VCPM", "CPC", "VCPM"],
        impressions=[100, 100, 200, 100],
        viewImpressions=[100, 100, 100, 120],
        clicks=[10, 10, 10, 30],
        cost=[10.0, 20.0, 30.0, 30.0],
        attributedConversions14d=[5, 5, 5, 6],
        viewAttributedConversions14d=[5, 5, 5, 6],
        attributedSales14d=[50.0, 40.0, 60.0, 70.0],
        viewAttributedSales14d=[50.0, 40.0, 60.0, 70.0],
    )
    frame.attrs["sdanalytics"] = {"currency": "USD"}
    days = ("2025-11-01", "2025-11-01"), ("2026-11-01", "2026-11-01")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sda.PeriodWarning)
        by_factor = sda.explain(frame, *days, metric="acos", by=None)
        by_id = sda.explain(frame, *days, metric="acos", by=["campaignId", "costType"])
    axes = plots.waterfall(by_factor, n=9)
    assert {*names(axes)[1:-1]} == {
        "CPC (CPC)", "CVR (CPC)", "AOV (CPC)", "vCPM (vCPM)", "purchase rate (vCPM)",
        "AOV (vCPM)", "mix of cost types",
    }  # fmt: skip
    assert names(axes)[0] == "1 Nov 2025"
    assert "view attribution changed on 2026-01-01" in text_below(axes)
    assert {*names(plots.waterfall(by_id))[1:-1]} == {"same, CPC", "same, VCPM"}


def test_years_are_written_where_periods_are_of_two() -> None:
    explanation = explain(CAMPAIGNS, CAMPAIGNS, first="2025-11-03", second="2026-11-03")
    axes = plots.waterfall(explanation)
    assert (names(axes)[0], names(axes)[-1]) == ("3 Nov 2025", "3 Nov 2026")
    assert numbers(axes)[1:-1] == ["+0 USD"] * 4


def test_a_part_of_an_explanation_still_ends_at_the_total() -> None:
    explanation = explain(CAMPAIGNS, {"a": 700.0, "b": 100.0, "c": 60.0, "d": 45.0})
    axes = plots.waterfall(explanation.head(1))
    assert names(axes)[1:-1] == ["a", "rest"]
    assert ends(axes)[2] == (1090, 905)


def test_numbers_of_millions_are_short() -> None:
    axes = plots.waterfall(explain({"a": 2e6, "b": 1e6}, {"a": 4e6, "b": 1.01e6}))
    assert numbers(axes) == ["3.00M USD", "+2.00M USD", "+0.01M USD", "5.01M USD"]


def test_cautions_are_written_below() -> None:
    explanation = explain(CAMPAIGNS, {"a": 700.0})
    explanation.attrs["sdanalytics"]["arriving_from"] = "2026-11-05"
    assert "orders still arriving" in text_below(plots.waterfall(explanation))
    explanation.attrs["sdanalytics"]["explained"]["is_final"] = True
    assert "expected final numbers" in text_below(plots.waterfall(explanation))
    frame = small(
        date=["2026-11-01", "2026-11-02"],
        campaignName=["a", "a"],
        cost=[1.0, 2.0],
        attributedSales14d=[5.0, 9.0],
    )
    frame.attrs["sdanalytics"] = {"currency": "USD"}
    days = ("2026-11-01", "2026-11-01"), ("2026-11-02", "2026-11-02")
    with pytest.warns(sda.CostTypeWarning):
        nameless = sda.explain(frame, *days)
    assert "2 of 2 rows have no costType" in text_below(plots.waterfall(nameless))


@pytest.mark.parametrize("size", [(2.6, 2.0), (3.2, 3.0), (6.4, 4.0)])
def test_ticks_have_room_on_narrow_axes(size: tuple[float, float]) -> None:
    explanation = explain({"a": 34_000.0, "b": 100.0}, {"a": 40_000.0, "b": 300.0})
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    plots.waterfall(explanation, ax=axes)
    figure.canvas.draw()
    low, high = axes.get_xlim()
    extents = [
        label.get_window_extent()
        for label, tick in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
        if low <= tick <= high
    ]
    assert extents
    for left, right in pairwise(extents):
        assert left.x1 < right.x0


def test_what_is_no_explanation_is_refused() -> None:
    explanation = explain(CAMPAIGNS, CAMPAIGNS)
    for wrong in (5, small(cost=[1.0])):
        with pytest.raises(InvalidRequest, match=r"waterfall\(explain\(df"):
            plots.waterfall(wrong)
    with pytest.raises(InvalidRequest, match="n must be a whole number above 0"):
        plots.waterfall(explanation, n=0)
    lost = pd.DataFrame(explanation.to_dict("list"))
    with pytest.raises(InvalidRequest, match="lost its metadata"):
        plots.waterfall(lost)
    assert not plt.get_fignums()
    assert np.isfinite(explanation["contribution"]).all()
