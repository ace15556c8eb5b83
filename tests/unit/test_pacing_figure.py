"""The figure `pacing`: cost so far, forecast and budget."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest
from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.rows import small

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


def month(last: str, *, budget: float | None = 150.0, fetched_on: str | None = None) -> Any:
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2026-08-20", last)]
    count = len(days)
    costs = [90.0 + 20.0 * (number % 2) for number in range(count)]
    frame = small(date=days, campaignId=[1] * count, cost=costs)
    if budget is not None:
        frame["campaignBudget"] = budget
    runs = [["2026-08-20", last, fetched_on]] if fetched_on else []
    frame.attrs["sdanalytics"] = {"currency": "USD", "fetched_on": runs}
    return sda.pacing(frame)


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_lines_lead_to_the_end_of_the_month() -> None:
    pacing = month("2026-10-14")
    axes = plots.pacing(pacing)
    cost, forecast, budget = axes.get_lines()
    last = pacing.iloc[-1]
    assert cost.get_ydata()[-1] == forecast.get_ydata()[0] == last["cost"] == 1400.0
    assert len(cost.get_ydata()) + len(forecast.get_ydata()) - 1 == 31
    assert forecast.get_ydata()[-1] == last["cost_forecast"]
    assert budget.get_ydata()[-1] == last["budget"] == 31 * 150.0
    assert axes.get_ylabel() == "cost (USD)"
    named = labels(axes)
    assert named[0] == "cost of 14 days: 1,400"
    assert named[1].startswith("forecast: 3,1")
    assert named[2] == "budget: 4,650"
    assert text_below(axes) == "band: 80% interval"
    band = axes.collections[0].get_paths()[0].get_extents()
    assert band.y1 == pytest.approx(last["cost_forecast_high"])
    axes.get_figure().canvas.draw()
    assert axes.get_xticklabels()[0].get_text() == "1 Oct\n2026"


def test_a_month_that_is_over_has_no_forecast_and_one_without_budgets_no_line() -> None:
    axes = plots.pacing(month("2026-09-30", budget=None))
    assert labels(axes) == ["cost of 30 days: 3,000"]
    assert text_below(axes) == ""


def test_days_that_are_missing_are_said() -> None:
    with pytest.warns(sda.PeriodWarning, match="lacks 19 days"):
        pacing = month("2026-08-30")
    axes = plots.pacing(pacing)
    assert text_below(axes) == "band: 80% interval; 19 days missing"


def test_a_day_that_has_not_ended_is_said() -> None:
    pacing = month("2026-10-14", fetched_on="2026-10-14")
    axes = plots.pacing(pacing, color="black", lw=3)
    assert text_below(axes) == "band: 80% interval; 2026-10-14 had not ended"
    line = axes.get_lines()[0]
    assert (line.get_color(), line.get_linewidth()) == ("black", 3)
    assert labels(axes)[0] == "cost of 13 days: 1,290"


def test_the_first_day_of_a_month_is_all_forecast() -> None:
    axes = plots.pacing(month("2026-10-01", budget=None, fetched_on="2026-10-01"))
    assert labels(axes)[0] == "cost of 0 days: 0"
    _, forecast = axes.get_lines()
    assert len(forecast.get_ydata()) == 31


def test_only_frames_of_pacing_are_drawn() -> None:
    pacing = month("2026-10-14")
    lost = pacing.copy()
    lost.attrs = {}
    for data in (lost, small(cost=[1.0]), [1]):
        with pytest.raises(InvalidRequest, match=r"sda.plots.pacing\(sda.pacing\(df\)\)"):
            plots.pacing(data)
