"""`plots.data`: the tables of figures have the numbers that these draw."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sdanalytics import explain, pacing
from sdanalytics import plots as typed_plots
from sdanalytics.plots.colors import contrast
from tests.support.curves import make_curve, shares
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
CONVENTION = "SD | US | 2026 Q4 | {} | with a long description | do not pause"


def explained(names: dict[str, str]) -> pd.DataFrame:
    """Return what changed the cost of campaigns, by id, from one day to the next."""
    frames = []
    for date, cost in (("2026-11-01", 10.0), ("2026-11-02", 25.0)):
        frame = pd.DataFrame({"campaignId": list(names), "campaignName": list(names.values())})
        frames.append(frame.assign(date=pd.Timestamp(date), cost=cost, costType="CPC"))
    both = pd.concat(frames, ignore_index=True)
    days = ("2026-11-01", "2026-11-01"), ("2026-11-02", "2026-11-02")
    return explain(both, *days, metric="cost", by="campaignId")


def coverage() -> pd.DataFrame:
    days = pd.date_range("2026-11-01", periods=3, unit="s")
    return pd.DataFrame(
        {
            "source": "NA", "profile_id": "1", "record_type": "campaigns", "segment": None,
            "tactic": "T00020", "date": days, "state": ["final", "missing", "gone"],
            "is_due": [False, True, False],
        }
    )  # fmt: skip


def test_a_waterfall_is_a_row_a_bar() -> None:
    data = explained({"1": "Tents", "2": "Stoves"})
    table = plots.data("waterfall", data, names={"1": "Tents of 2026"})
    assert table["name"].tolist() == ["1 Nov", "Tents of 2026", "Stoves", "2 Nov"]
    assert table["start"].tolist() == [0.0, 20.0, 35.0, 0.0]
    assert table["end"].tolist() == [20.0, 35.0, 50.0, 50.0]
    assert table["is_total"].tolist() == [True, False, False, True]


def test_names_in_a_waterfall_leave_out_what_they_share() -> None:
    names = {str(number): CONVENTION.format(kind) for number, kind in enumerate("ABC")}
    axes = plots.waterfall(explained(names), n=2)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["1 Nov", "A", "B", "C", "2 Nov"]
    assert "each name begins with “SD | US | 2026 Q4 |”" in text_below(axes)


@pytest.mark.parametrize("width", [3.2, 6.4])
def test_the_numbers_of_a_waterfall_are_within_the_figure(width: float) -> None:
    names = {str(number): CONVENTION.format(kind) for number, kind in enumerate("ABC")}
    figure, given = plt.subplots(figsize=(width, 2.6), layout="constrained")
    plots.waterfall(explained(names), ax=given)
    figure.canvas.draw()
    for text in given.texts:
        box = text.get_window_extent()
        assert box.x1 <= figure.bbox.x1


def test_pacing_is_a_row_a_day() -> None:
    frame = sample_frame("campaigns", 19, 1)  # from the first of November on
    data = pacing(frame)
    table = plots.data("pacing", data)
    assert table["date"].tolist() == pd.date_range("2026-11-01", "2026-11-30").tolist()
    whole = table["cost"].dropna()
    assert whole.iloc[-1] == pytest.approx(frame["cost"].sum())
    assert table["cost_forecast"].first_valid_index() == len(whole)
    last = table.iloc[-1]
    assert last["cost_forecast_low"] < last["cost_forecast"] < last["cost_forecast_high"]
    lines = plots.pacing(data).get_lines()
    assert lines[1].get_ydata()[-1] == last["cost_forecast"]
    assert lines[2].get_ydata()[-1] == last["budget"]


def test_the_legend_of_narrow_pacing_is_not_over_the_lines() -> None:
    figure, given = plt.subplots(figsize=(3.2, 5), layout="constrained")
    plots.pacing(pacing(sample_frame("campaigns", 19, 1)), ax=given)
    figure.canvas.draw()
    legend: Any = given.get_legend()
    assert legend.get_window_extent().y1 < given.bbox.y0


def test_maturity_is_a_row_an_age() -> None:
    known = shares(0.4)
    table = plots.data("maturity", make_curve({"CPC": {"orders": known}, "VCPM": {"sales": known}}))
    assert table["name"].unique().tolist() == ["CPC"]
    np.testing.assert_allclose(table["share"], known)
    assert (table["share_low"] < table["share_high"]).all()


def test_a_coverage_is_a_row_a_day() -> None:
    table = plots.data("coverage", coverage())
    assert table["name"].tolist() == ["campaigns T00020"] * 3
    assert table["state"].tolist() == ["final", "missing", "gone"]
    assert table["is_due"].tolist() == [False, True, False]


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_days_that_are_due_or_gone_stand_out_in_any_theme(style: str) -> None:
    with plt.style.context(style):
        axes = plots.coverage(coverage())
    behind = axes.figure.get_facecolor()
    (line,) = axes.collections
    assert contrast(line.get_color()[0], behind) > 4.5
    *_, gone = axes.images[0].get_cmap().colors
    assert contrast(gone, behind) > 3
    handle = axes.get_legend().legend_handles[-1]
    assert contrast(handle.get_color(), behind) > 4.5
