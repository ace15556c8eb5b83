"""The figure of maturity: which share is known after how many days, of curves made by hand."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sdanalytics import InvalidRequest
from sdanalytics import plots as typed_plots
from tests.support.curves import AGES, make_curve, shares
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


@pytest.fixture
def curve() -> pd.DataFrame:
    return make_curve(
        {
            "CPC": {"orders": shares(0.55), "clicks": shares(1.05)},
            "VCPM": {"orders": shares(0.3, 6), "clicks": shares(0.98)},
        }
    )


def legend_texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def named_lines(axes: Any) -> dict[str, Any]:
    """Return the lines of the legend, by the name of their group."""
    return {
        str(line.get_label()).partition(":")[0]: line
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_a_line_and_a_band_for_each_group(curve: pd.DataFrame) -> None:
    axes = plots.maturity(curve)
    lines = named_lines(axes)
    assert list(lines) == ["CPC", "VCPM"]
    for group, line in lines.items():
        rows = curve[(curve["costType"] == group) & (curve["metric"] == "orders")]
        assert line.get_xdata().tolist() == rows["age"].tolist()
        np.testing.assert_allclose(line.get_ydata(), rows["share"].to_numpy())
    for band, group in zip(axes.collections, lines, strict=True):
        rows = curve[(curve["costType"] == group) & (curve["metric"] == "orders")]
        corners = band.get_paths()[0].vertices
        at_first_age = corners[corners[:, 0] == 0][:, 1]
        assert at_first_age.min() == pytest.approx(rows["share_low"].iloc[0])
        assert at_first_age.max() == pytest.approx(rows["share_high"].iloc[0])
    assert axes.get_ylabel() == "share of final orders known"
    assert text_below(axes) == "days since the day ended\nband: 80% interval"
    assert axes.yaxis.get_major_formatter()(0.5, 0) == "50%"
    axes.figure.canvas.draw()


def test_says_after_how_many_days_90_percent_are_known(curve: pd.DataFrame) -> None:
    # 1 - 0.45 exp(-n / 4) and 1 - 0.7 exp(-n / 6) are 0.9 after 6.02 and 11.7 days.
    axes = plots.maturity(curve)
    assert legend_texts(axes) == ["CPC: 90% after 7 days", "VCPM: 90% after 12 days"]
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [int(dot.get_xdata()[0]) for dot in dots] == [7, 12]


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (shares(1.05), "starts at 105%"),
        (shares(0.93), "starts at 93%"),
        (shares(1.3, 4), "within 10% after 5 days"),  # 0.3 exp(-n / 4) is 0.1 after 4.4 days
        (shares(0.3, 40), "90% after more than 41 days"),
        (np.where(AGES < 1, 0.5, 1.0), "90% after 1 day"),
        # It is not known at the age at which it passes 90 % the first time.
        (np.where(AGES < 3, 0.95, np.where(AGES < 9, 0.8, 1.0)), "90% after 9 days"),
        (np.where(AGES < 3, 0.5, np.where(AGES < 9, 1.2, 1.0)), "90% after 9 days"),
    ],
)
def test_counts_the_days_until_it_stays_near_the_final_number(known: Any, text: str) -> None:
    axes = plots.maturity(make_curve({"CPC": {"sales": known}}), "sales")
    assert legend_texts(axes) == [f"CPC: {text}"]


def test_numbers_that_shrink_are_within_the_axes(curve: pd.DataFrame) -> None:
    bottom, top = plots.maturity(curve, "clicks").get_ylim()
    assert 0.5 < bottom < 0.9  # as large as they can be drawn
    assert 1.05 < top < 1.3
    steep = make_curve({"CPC": {"clicks": shares(3.0)}})
    assert plots.maturity(steep, "clicks").get_ylim()[1] > 3
    assert plots.maturity(curve).get_ylim()[0] == 0


def test_a_band_without_end_does_not_flatten_the_lines() -> None:
    vague = make_curve({"CPC": {"orders": shares(0.5)}}, error=50)
    vague.loc[0, "share_high"] = np.inf
    bottom, top = plots.maturity(vague).get_ylim()
    assert bottom == 0
    assert top < 1.5


def test_says_that_it_is_from_one_snapshot(curve: pd.DataFrame) -> None:
    estimated = curve.assign(method=pd.Categorical(["cross-section"] * len(curve)))
    assert "cross-section: from one snapshot" in text_below(plots.maturity(estimated))
    assert "cross-section" not in text_below(plots.maturity(curve))


def test_draws_a_curve_without_groups_and_one_without_orders() -> None:
    whole = make_curve({"": {"orders": shares(0.55)}}, by=None)
    assert legend_texts(plots.maturity(whole)) == ["orders: 90% after 7 days"]
    clicks = make_curve({"CPC": {"clicks": shares(0.99)}})
    assert plots.maturity(clicks).get_ylabel() == "share of final clicks known"


def test_many_groups_have_no_bands_and_too_many_no_names() -> None:
    names = [f"campaign {number}" for number in range(12)]
    curve = make_curve({name: {"orders": shares(0.5)} for name in names}, "campaignName")
    some = plots.maturity(curve[curve["campaignName"].isin(names[:6])])
    assert len(legend_texts(some)) == 6
    assert not some.collections
    crowd = plots.maturity(curve)
    assert crowd.get_legend() is None
    assert "12 groups" in text_below(crowd)
    drawn = [line for line in crowd.get_lines() if len(line.get_xdata()) == len(AGES)]
    assert len(drawn) == 12


def test_the_axes_and_the_style_are_the_users(curve: pd.DataFrame) -> None:
    figure, own = plt.subplots()
    axes = plots.maturity(curve, ax=own, lw=4)
    assert axes is own
    assert {line.get_linewidth() for line in named_lines(axes).values()} == {4}
    assert figure.axes == [own]


def test_what_is_not_known_is_not_drawn(curve: pd.DataFrame) -> None:
    curve.loc[curve["costType"] == "VCPM", ["share", "share_low", "share_high"]] = np.nan
    assert list(named_lines(plots.maturity(curve))) == ["CPC"]
    nothing = curve[curve["costType"] == "VCPM"]
    assert plots.maturity(nothing).texts[0].get_text() == "no values"
    assert plots.maturity(curve[:0]).texts[0].get_text() == "no rows"


@pytest.mark.parametrize("wrong", [None, "campaigns", sample_frame("campaigns", 2, 1)])
def test_what_is_no_curve_is_told_where_curves_come_from(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"curve must be .* pass the frame that maturity\(\)"):
        plots.maturity(wrong)


def test_errors_name_the_metrics_of_the_curve(curve: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match=r"got 'acos': it has orders, clicks\. A ratio"):
        plots.maturity(curve, "acos")
    with pytest.raises(InvalidRequest, match="each age of a group once"):
        plots.maturity(pd.concat([curve, curve]))
