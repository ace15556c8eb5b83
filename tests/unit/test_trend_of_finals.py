"""Trends of final numbers: what is reported, what is expected, and the interval between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sdanalytics import InvalidRequest, summarize
from sdanalytics import plots as typed_plots
from tests.support.curves import AGES, make_curve
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack

SALES = ["attributedSales14d", "viewAttributedSales14d"]
YOUNG = 7
"""Days that the curves below make larger."""
KNOWN = {"CPC": 0.5, "VCPM": 0.8}
"""The share of the final numbers of young days."""


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return 20 whole days and today, which has not ended."""
    return sample_frame("campaigns", 20, 0)


@pytest.fixture
def curve() -> pd.DataFrame:
    groups = {}
    for group, share in KNOWN.items():
        known = np.where(AGES < YOUNG, share, 1.0)
        groups[group] = {"orders": known, "sales": known, "cost": np.ones(len(AGES))}
    return make_curve(groups, error=0)


def expected_by_day(frame: pd.DataFrame, metric: str) -> Any:
    """Return what the curve above makes of the whole days of a frame."""
    sums = summarize(frame, ["date", "costType"])
    ages = (frame["date"].max() - sums["date"]).dt.days - 1
    known = sums["costType"].astype("str").map(KNOWN).where(ages < YOUNG, 1.0)
    finals = (sums[metric] / known).groupby(sums["date"]).sum()
    return finals[finals.index < frame["date"].max()]


def dotted(axes: Any) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_linestyle() == ":"]


def solid(axes: Any) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_linestyle() == "-"]


def test_reported_is_dotted_and_expected_drawn(frame: pd.DataFrame, curve: pd.DataFrame) -> None:
    axes = plots.trend(frame, "sales", final=curve)
    (reported,), (expected,) = dotted(axes), solid(axes)
    plain = plots.trend(frame, "sales").get_lines()[0]
    np.testing.assert_allclose(reported.get_ydata(), plain.get_ydata())
    finals = expected_by_day(frame, "sales")
    np.testing.assert_allclose(expected.get_ydata()[:-1], finals.to_numpy())
    assert expected.get_ydata()[-2] > 1.2 * reported.get_ydata()[-2]
    assert text_below(axes) == "dotted: reported; line: expected when final, 80% band"
    assert not axes.patches  # no days are lighter: the interval tells what is not settled
    axes.figure.canvas.draw()


def test_a_curve_from_one_snapshot_is_said(frame: pd.DataFrame) -> None:
    known = np.where(AGES < YOUNG, 0.5, 1.0)
    groups = {"CPC": {"sales": known}, "VCPM": {"sales": known}}
    axes = plots.trend(frame, "sales", final=make_curve(groups, method="cross-section"))
    caption = "from one snapshot: a change of conversion counts as delay"
    assert text_below(axes).endswith(caption)


def test_a_day_that_has_not_ended_is_reported_only(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    axes = plots.trend(frame, "orders", final=curve)
    (reported,), (expected,) = dotted(axes), solid(axes)
    assert np.isfinite(reported.get_ydata()[-1])
    assert np.isnan(expected.get_ydata()[-1])


def test_the_band_is_as_wide_as_what_may_still_come(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    (band,) = plots.trend(frame, "orders", final=curve).collections
    corners = band.get_paths()[0].vertices
    heights = pd.DataFrame(corners).groupby(0)[1].agg(["min", "max"]).to_numpy()
    widths = heights[:, 1] - heights[:, 0]
    assert widths[: -YOUNG - 1] == pytest.approx(0, abs=1e-6)
    assert (widths[-YOUNG:] > 1).all()
    finals = expected_by_day(frame, "orders").to_numpy()[-YOUNG:]
    assert (heights[-YOUNG:, 0] < finals).all()
    assert (heights[-YOUNG:, 1] > finals).all()


def test_lines_by_a_column_have_bands_while_they_are_few(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    few = plots.trend(frame, "sales", by="campaignName", n=2, others=True, final=curve)
    assert len(solid(few)) == len(dotted(few)) == len(few.collections) == 3
    for expected, reported, band in zip(solid(few), dotted(few), few.collections, strict=True):
        assert expected.get_color() == reported.get_color()
        np.testing.assert_allclose(band.get_facecolor()[0, :3], to_rgb(expected.get_color()))
    drawn = np.nansum([line.get_ydata() for line in solid(few)])
    assert drawn == pytest.approx(expected_by_day(frame, "sales").sum())
    together = {"others": True, "facet": False}
    many = plots.trend(frame, "sales", by="campaignName", n=5, final=curve, **together)
    assert len(solid(many)) == len(dotted(many)) == 6
    assert not many.collections
    assert text_below(many).endswith("dotted: reported; line: expected when final")


def test_ratios_are_of_final_sums(frame: pd.DataFrame, curve: pd.DataFrame) -> None:
    (expected,) = solid(plots.trend(frame, "acos", final=curve))
    cost = frame.groupby("date")["cost"].sum()[:-1]
    ratios = cost / expected_by_day(frame, "sales")
    np.testing.assert_allclose(expected.get_ydata()[:-1], ratios.to_numpy())


def test_a_curve_by_campaign_serves_any_lines(frame: pd.DataFrame) -> None:
    known = np.where(AGES < YOUNG, 0.5, 1.0)
    names = frame["campaignName"].unique().tolist()
    curve = make_curve({name: {"orders": known} for name in names}, "campaignName")
    (expected,) = solid(plots.trend(frame, "orders", final=curve))
    reported = frame.pipe(summarize, freq="D")["orders"].to_numpy("float64")
    np.testing.assert_allclose(expected.get_ydata()[-YOUNG - 1 : -1], 2 * reported[-YOUNG - 1 : -1])


def test_a_band_without_end_does_not_flatten_the_lines(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    curve["share_low"] /= 40
    curve["share_high"] *= 40
    axes = plots.trend(frame, "orders", final=curve)
    highest = np.nanmax(solid(axes)[0].get_ydata())
    assert highest < axes.get_ylim()[1] < 1.5 * highest
    assert axes.get_ylim()[0] == 0


def test_final_numbers_of_a_summary_are_drawn_in_their_units(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    summary = summarize(frame, "campaignName", final=curve)
    largest = summary.nlargest(5, "cost")
    axes = plots.top(summary, "cost", dot="acos_final", n=5)
    above = next(a for a in axes.figure.axes if a is not axes)
    assert above.get_xlabel().endswith("ACOS final")
    assert above.xaxis.get_major_formatter()(0.25, 0) == "25%"
    heights = plots.efficiency(summary, "sales_final", acos=0.3)
    assert heights.get_ylabel() == "sales final (USD)"
    offsets = np.asarray(heights.collections[0].get_offsets())
    np.testing.assert_allclose(offsets[:5, 1], largest["sales_final"].to_numpy())


def test_no_curve_is_the_trend_as_ever(frame: pd.DataFrame) -> None:
    for nothing in (None, False):
        axes = plots.trend(frame, "sales", final=nothing)
        assert not dotted(axes)
        assert "dashed: orders still arriving" in text_below(axes)


def test_what_has_no_final_numbers_is_an_error(frame: pd.DataFrame, curve: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match=r"final= needs .* got 'profit'"):
        plots.trend(frame.assign(profit=1.0), "profit", final=curve)
    with pytest.raises(InvalidRequest, match="rows must be of single days"):
        plots.trend(summarize(frame, freq="W"), "sales", final=curve)
    frame.attrs = {}
    with pytest.raises(InvalidRequest, match="does not tell when its days were fetched"):
        plots.trend(frame.drop(columns="currency"), "orders", final=curve)


def test_a_line_of_today_alone_keeps_its_place(frame: pd.DataFrame, curve: pd.DataFrame) -> None:
    ranked = summarize(frame, "campaignName").nlargest(3, "sales")["campaignName"].tolist()
    is_today = frame["date"] == frame["date"].max()
    begins_today = frame[is_today | (frame["campaignName"] != ranked[1])].copy()
    begins_today.loc[begins_today["campaignName"] == ranked[1], SALES] *= 1000
    begins_today.attrs = frame.attrs
    axes = plots.trend(begins_today, "sales", by="campaignName", n=2, others=True, final=curve)
    new, largest, _ = solid(axes)
    names = [" ".join(line.get_label().split()) for line in (new, largest)]
    assert names == [ranked[1], ranked[0]]
    assert np.isnan(new.get_ydata()).all()
    assert np.isfinite(largest.get_ydata()[:-1]).all()
    reported, *_ = dotted(axes)
    assert reported.get_color() == new.get_color()
    assert np.isfinite(reported.get_ydata()[-1])


@pytest.mark.parametrize("by", [None, "campaignName"])
def test_today_alone_is_reported_only(
    frame: pd.DataFrame, curve: pd.DataFrame, by: str | None
) -> None:
    today = frame[frame["date"] == frame["date"].max()]
    today.attrs = frame.attrs
    axes = plots.trend(today, "sales", by=by, n=2, final=curve)
    assert sum(bar.get_width() for bar in axes.patches) > 0
    (points,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert np.isnan(points.get_xdata()).all()
    axes.figure.canvas.draw()


def test_results_of_zero_are_drawn_without_a_warning(
    frame: pd.DataFrame, curve: pd.DataFrame
) -> None:
    """Warnings are errors in these tests."""
    frame[SALES] = 0.0
    axes = plots.trend(frame, "sales", final=curve)
    assert [text.get_text() for text in axes.texts] == ["sales is 0 on all days"]
