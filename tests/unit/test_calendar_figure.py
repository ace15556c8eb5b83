"""The figure `calendar`: numbers, colours, marks of young days, labels of weeks and months."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba

from sdanalytics import InvalidRequest, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.colors import contrast
from tests.support.curves import make_curve, shares
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
NO_AGES = "restatable days are not known"


@pytest.fixture
def campaigns() -> pd.DataFrame:
    return sample_frame("campaigns", 21, 1)


def made(values: list[float], first: str = "2026-09-07") -> pd.DataFrame:
    """Return a cost a day from a Monday on."""
    days = pd.date_range(first, periods=len(values), unit="s")
    return pd.DataFrame({"date": days, "cost": values, "currency": "USD"})


def cells(axes: Any) -> Any:
    return np.ma.filled(axes.images[0].get_array().astype("float64"), np.nan)


def color(axes: Any, value: float) -> str:
    return str(to_hex(axes.images[0].to_rgba(value)))


def numbers(axes: Any) -> list[str]:
    axes.figure.canvas.draw()
    return [text.get_text() for text in axes.texts if text.get_visible()]


def ticks(axis: Any) -> list[str]:
    axis.axes.figure.canvas.draw()
    return [label.get_text() for label in axis.get_ticklabels()]


def count_covers(axes: Any) -> list[int]:
    """Return how many cells are grey, and how many have a mark."""
    grey, marks = axes.collections[:2]
    return [len(grey.get_paths()), len(marks.get_paths())]


def test_each_day_is_a_cell_in_the_row_of_its_week(campaigns: pd.DataFrame) -> None:
    axes = plots.calendar(campaigns, "cost")
    daily = campaigns.groupby("date")["cost"].sum()
    first = daily.index[0]
    assert np.nansum(cells(axes)) == pytest.approx(daily.sum())
    assert cells(axes)[0, first.day_of_week] == pytest.approx(daily.iloc[0])
    monday = first - timedelta(days=first.day_of_week)
    assert ticks(axes.yaxis)[0] == f"{monday.day} {monday:%b}"
    assert ticks(axes.xaxis)[0] == "Mon"
    assert "cost (USD)" in [other.get_ylabel() for other in axes.figure.axes]


def test_colours_begin_at_zero_and_differ_from_days_without_rows() -> None:
    frame = made([100.0, 180.0, 0.0, 150.0, np.nan, 120.0, 160.0])
    axes = plots.calendar(frame.dropna())
    assert axes.images[0].get_clim() == (0.0, 180.0)
    behind = to_hex(axes.get_facecolor())
    assert color(axes, 0.0) != behind
    assert contrast(color(axes, 0.0), behind) > 1.1
    with plt.style.context("dark_background"):
        dark = plots.calendar(frame.dropna())
    assert contrast(color(dark, 0.0), "black") < contrast(color(dark, 180.0), "black")


def test_one_huge_day_does_not_turn_the_others_white() -> None:
    axes = plots.calendar(made([100.0, 120.0, 90.0, 110.0, 95.0, 105.0, 90_000.0]))
    assert axes.images[0].get_clim()[1] == pytest.approx(180.0)
    assert "90k" in numbers(axes)
    assert contrast(color(axes, 120.0), "white") > 3


def test_negative_days_have_the_other_colour() -> None:
    axes = plots.calendar(made([100.0, 120.0, -90.0, 110.0, 95.0, 105.0, 100.0]))
    low, high = axes.images[0].get_clim()
    assert (low, high) == (-high, 120.0)
    red, _, blue, _ = to_rgba(color(axes, -90.0))
    assert red > blue
    red, _, blue, _ = to_rgba(color(axes, 100.0))
    assert blue > red


def test_colours_around_a_target_tell_its_good_side() -> None:
    days = pd.date_range("2026-09-07", periods=4, unit="s")
    frame = pd.DataFrame({"date": days, "cost": [1.0, 3.0, 5.0, 4.0], "sales": 10.0})
    axes = plots.calendar(frame, "acos", target=0.3)
    red, _, blue, _ = to_rgba(color(axes, 0.1))
    assert blue > red
    red, _, blue, _ = to_rgba(color(axes, 0.5))
    assert red > blue
    with pytest.raises(InvalidRequest, match="target must be a number"):
        plots.calendar(frame, "acos", target="low")


def test_days_without_all_of_their_orders_are_grey_and_not_in_the_scale(
    campaigns: pd.DataFrame,
) -> None:
    axes = plots.calendar(campaigns, "acos")
    table = plots.data("calendar", campaigns, "acos")
    count = int(table["is_open"].sum())
    assert 0 < count < 21
    assert count_covers(axes) == [count, 0]
    complete = table["acos"][~table["is_open"]]
    assert axes.images[0].get_clim() == pytest.approx((0.0, complete.max()))
    assert len(numbers(axes)) == 21
    assert "grey: orders still arriving" in text_below(axes)


def test_days_that_are_all_young_have_numbers_and_no_scale() -> None:
    axes = plots.calendar(sample_frame("campaigns", 7, 1), "sales")
    assert count_covers(axes) == [7, 0]
    assert len(numbers(axes)) == 7
    assert len(axes.figure.axes) == 1


def test_days_of_traffic_that_may_change_have_a_mark_beside_the_number(
    campaigns: pd.DataFrame,
) -> None:
    axes = plots.calendar(campaigns, "cost")
    assert count_covers(axes) == [0, 3]  # traffic settles within three days
    assert "marked corner: may still be restated" in text_below(axes)


def test_a_budget_is_not_restated(campaigns: pd.DataFrame) -> None:
    one = campaigns[campaigns["campaignId"] == campaigns["campaignId"].iloc[0]]
    axes = plots.calendar(one, "campaignBudget")
    assert count_covers(axes) == [0, 0]
    assert text_below(axes) == ""


def test_final_numbers_take_the_place_of_young_ones(campaigns: pd.DataFrame) -> None:
    known = shares(0.5)
    curve = make_curve({name: {"sales": known, "orders": known} for name in ("CPC", "VCPM")})
    axes = plots.calendar(campaigns, "sales", final=curve)
    table = plots.data("calendar", campaigns, "sales", final=curve)
    assert table.columns.tolist() == [
        "date", "sales", "is_open", "sales_final", "sales_final_low", "sales_final_high",
    ]  # fmt: skip
    youngest = table.iloc[-1]
    assert youngest["sales_final"] > 1.2 * youngest["sales"]
    assert cells(axes)[-1][youngest["date"].day_of_week] == pytest.approx(youngest["sales_final"])
    assert count_covers(axes) == [0, table["is_open"].sum()]
    assert "marked corner: expected when final" in text_below(axes)


def test_numbers_are_shortened_and_left_out_as_cells_shrink(campaigns: pd.DataFrame) -> None:
    shown = []
    for width in (6.4, 3.6, 2.4):
        _, given = plt.subplots(figsize=(width, 3), layout="constrained")
        plots.calendar(campaigns, "cost", ax=given)
        shown.append(numbers(given))
    full, tight, none = shown
    assert all("," in number for number in full)
    assert all(number.endswith("k") for number in tight)
    assert none == []


def test_numbers_are_legible_on_their_cells() -> None:
    axes = plots.calendar(made([0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0]))
    for text, value in zip(axes.texts, cells(axes)[0], strict=True):
        assert contrast(text.get_color(), color(axes, value)) > 4.5


@pytest.mark.parametrize(("first", "count"), [("2025-09-01", 400), ("2022-09-01", 1_500)])
def test_long_calendars_have_months_and_years(first: str, count: int) -> None:
    axes = plots.calendar(made([float(number) for number in range(count)], first))
    weeks = cells(axes)
    assert weeks.shape[0] == 7
    labels = ticks(axes.xaxis)
    years = [label.split("\n")[1] for label in labels if "\n" in label]
    last = pd.Timestamp(first) + pd.Timedelta(days=count)
    assert years == [str(year) for year in range(int(years[0]), last.year + 1)]
    assert 4 <= len(labels) <= 16
    assert numbers(axes) == []


def test_a_line_runs_between_months() -> None:
    axes = plots.calendar(made([1.0] * 28 + [2.0] * 7, first="2026-09-07"))  # Thursday 1 October
    lines = [np.sort(line, axis=0).tolist() for line in axes.collections[-1].get_segments()]
    upright = [(x, y) for (x, y), (other, _) in lines if x == other]
    level = [(x, y) for (x, y), (_, other) in lines if y == other]
    assert upright == [(2.5, 2.5)]
    assert sorted(level) == [
        (-0.5, 3.5), (0.5, 3.5), (1.5, 3.5), (2.5, 2.5), (3.5, 2.5), (4.5, 2.5), (5.5, 2.5),
    ]  # fmt: skip


def test_one_day_is_a_number() -> None:
    axes = plots.calendar(made([2437.0]))
    assert numbers(axes) == ["2,437 USD", "Monday"]
    assert not axes.images
    assert axes.get_title(loc="left") == "cost by day, 7 Sep 2026"


def test_days_of_zero_are_said() -> None:
    assert numbers(plots.calendar(made([0.0] * 9))) == ["cost is 0 on all days"]


def test_yen_have_no_millions_at_zero() -> None:
    axes = plots.calendar(made([1e6, 2e6, 3e6]))
    zero, *others = ticks(axes.figure.axes[1].yaxis)
    assert zero == "0"
    assert all(label.endswith("M") for label in others)


def test_weekly_rows_are_rejected(campaigns: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match="a calendar needs daily rows"):
        plots.calendar(summarize(campaigns, freq="W"))
