"""The figure `funnel`: rates, their intervals, and groups side by side."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import InvalidRequest, PeriodWarning, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.number_column import NumberColumn
from tests.support.figures import text_below
from tests.support.samples import day, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack

LEVEL = 0.9
BEFORE = (day(14), day(8))
AFTER = (day(7), day(1))


@pytest.fixture
def campaigns() -> pd.DataFrame:
    return sample_frame("campaigns", 21, 1)


def find_numbers(axes: Any) -> list[str]:
    (column,) = [artist for artist in axes.get_children() if isinstance(artist, NumberColumn)]
    return [text.get_text() for text in column.get_children()]  # type: ignore[attr-defined]


def drawn_dots(axes: Any) -> dict[str, Any]:
    """Return where the dots are, by the label of their group."""
    return {
        dots.get_label(): np.asarray(dots.get_offsets())
        for dots in axes.collections
        if len(dots.get_offsets()) and not dots.get_label().startswith("_")
    }


def render(axes: Any) -> None:
    axes.get_figure(root=True).canvas.draw()


def test_rates_are_those_of_the_summary_with_its_intervals(campaigns: pd.DataFrame) -> None:
    table = plots.data("funnel", campaigns, level=LEVEL).set_index(["name", "rate"])
    summary = summarize(campaigns, "costType", level=LEVEL).set_index("costType")
    for group, name in (("CPC", "CPC"), ("VCPM", "vCPM")):
        for rate in ("ctr", "cvr", "purchase_rate"):
            if (rate, name) == ("purchase_rate", "CPC"):
                continue
            drawn = table.loc[(name, rate), ["value", "low", "high"]]
            expected = summary.loc[group, [rate, f"{rate}_low", f"{rate}_high"]]
            np.testing.assert_allclose(drawn.to_numpy("float64"), expected.to_numpy("float64"))
    row = table.loc["CPC", "cvr"]
    assert row["value"] == row["events"] / row["exposure"]


def test_page_views_are_by_what_led_to_them(campaigns: pd.DataFrame) -> None:
    table = plots.data("funnel", campaigns, by=None).set_index("rate")
    clicks = campaigns["attributedDetailPageView14d"].sum() / campaigns["clicks"].sum()
    by_view = campaigns[campaigns["costType"] == "VCPM"]
    views = by_view["viewAttributedDetailPageView14d"].sum() / by_view["viewImpressions"].sum()
    assert table.loc["click_page_views", "value"] == pytest.approx(clicks)
    assert table.loc["view_page_views", "value"] == pytest.approx(1000 * views)


def test_dots_are_in_proportion_on_one_scale_a_rate(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns)
    table = plots.data("funnel", campaigns)
    dots = drawn_dots(axes)
    for rate in ("vtr", "ctr", "cvr"):
        values = table[table["rate"] == rate].set_index("name")["value"]
        position = table["rate"].unique().tolist().index(rate)
        cpc, vcpm = dots["CPC"][position, 0], dots["vCPM"][position, 0]
        assert cpc / vcpm == pytest.approx(values["CPC"] / values["vCPM"])
        assert 0 < vcpm < 1
    texts = [text.get_text() for text in axes.texts]
    assert "CTR: clicks / impressions" in texts
    assert texts.count("0") == table["rate"].nunique()


def test_intervals_are_drawn(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns, by=None)
    table = plots.data("funnel", campaigns, by=None)
    lines = [c for c in axes.collections if hasattr(c, "get_segments") and c.get_lw()[0] == 1.5]
    widths = [np.ptp(segment[:, 0]) for segment in lines[0].get_segments()]
    relative = np.divide(widths, drawn_dots(axes)["all"][:, 0])
    np.testing.assert_allclose(relative, (table["high"] - table["low"]) / table["value"])
    assert "interval of 90%" in text_below(axes)
    narrow = plots.data("funnel", campaigns, by=None, level=0.5)
    assert (narrow["high"] - narrow["low"] < table["high"] - table["low"]).all()


def test_rates_and_counts_are_written(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns, by=None)
    render(axes)
    numbers = find_numbers(axes)
    whole = summarize(campaigns).iloc[0]
    assert f"{100 * whole['ctr']:.2f}%" in numbers
    assert any(text.startswith(f"{whole['clicks']:,} / ") for text in numbers)


def test_two_periods_are_side_by_side(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns, periods=(BEFORE, AFTER))
    table = plots.data("funnel", campaigns, periods=(BEFORE, AFTER))
    dates = campaigns["date"].dt.date
    for (first, last), (_, rows) in zip(
        (BEFORE, AFTER), table.groupby("name", sort=False), strict=True
    ):
        week = campaigns[(dates >= first) & (dates <= last)]
        assert rows.set_index("rate").loc["ctr", "events"] == week["clicks"].sum()
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    assert entries == table["name"].unique().tolist() == ["6 to 12 Nov 2026", "13 to 19 Nov 2026"]
    assert "6 to 19 Nov 2026" in axes.get_title(loc="left")
    with pytest.warns(PeriodWarning, match="they overlap"):
        plots.funnel(campaigns, periods=(BEFORE, BEFORE))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"periods": (BEFORE, AFTER), "by": "tactic"}, "by and periods must not be given both"),
        ({"periods": ("2026-11-01", "2026-11-02", "x")}, "periods must be two pairs of days"),
        ({"periods": "last week"}, "periods must be two pairs of days"),
        ({"periods": (BEFORE, (day(700), day(699)))}, "no row from"),
        ({"level": 90}, "level must be between 0 and 1"),
        ({"by": "nosuch"}, "nosuch"),
    ],
)
def test_wrong_arguments_are_errors(
    campaigns: pd.DataFrame, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        plots.funnel(campaigns, **arguments)


def test_the_largest_groups_are_drawn_and_the_rest_is_counted(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns, by="campaignName", n=3, title=False)
    sizes = campaigns.groupby("campaignName")["impressions"].sum()
    assert list(drawn_dots(axes)) == sizes.nlargest(3).index.tolist()
    assert f"3 of {len(sizes)} campaigns" in text_below(axes)
    assert axes.get_title(loc="left") == ""
    renamed = plots.data("funnel", campaigns, names={"CPC": "clicks", "VCPM": "views"})
    assert set(renamed["name"]) == {"clicks", "views"}


def test_a_total_row_is_not_counted(campaigns: pd.DataFrame) -> None:
    summary = summarize(campaigns, ["campaignName", "costType"], total=True)
    events = plots.data("funnel", summary).groupby("rate")["events"].sum()
    expected = plots.data("funnel", campaigns).groupby("rate")["events"].sum()
    assert events.to_dict() == expected.to_dict()


def test_rates_without_columns_or_exposure_are_left_out(campaigns: pd.DataFrame) -> None:
    axes = plots.funnel(campaigns[["date", "impressions", "clicks"]])
    assert axes.texts[0].get_text() == "CTR: clicks / impressions"
    with pytest.raises(InvalidRequest, match=r"metrics=.*viewImpressions"):
        plots.funnel(campaigns[["date", "impressions"]])
    unseen = campaigns.assign(clicks=0)
    assert "cvr" not in set(plots.data("funnel", unseen)["rate"])
    render(plots.funnel(unseen))


def test_young_results_are_named(campaigns: pd.DataFrame) -> None:
    assert "are still arriving" in text_below(plots.funnel(campaigns))
    assert "arriving" not in text_below(plots.funnel(campaigns[campaigns["date"] < "2026-11-01"]))


@pytest.mark.parametrize("size", [(3.2, 5), (4.5, 3), (12, 6)])
def test_texts_do_not_overlap_at_any_size(
    campaigns: pd.DataFrame, size: tuple[float, float]
) -> None:
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    plots.funnel(campaigns, ax=axes, title=False)
    figure.canvas.draw()
    (column,) = [artist for artist in axes.get_children() if isinstance(artist, NumberColumn)]
    texts: list[Any] = [*axes.texts, *column.get_children()]
    boxes = [text.get_window_extent() for text in texts]
    for one, other in combinations(boxes, 2):
        shared = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert shared <= 0 or height <= 0.3 * min(one.height, other.height)
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert all(0 <= x <= 1 for dots in drawn_dots(axes).values() for x in dots[:, 0])


def test_a_figure_is_the_same_from_a_frame_of_either_kind(campaigns: pd.DataFrame) -> None:
    lost = pd.concat([campaigns.head(40), campaigns.tail(len(campaigns) - 40)])
    lost.attrs.clear()
    pd.testing.assert_frame_equal(plots.data("funnel", lost), plots.data("funnel", campaigns))
    assert sda.plots.data("funnel", campaigns)["name"].unique().tolist() == ["CPC", "vCPM"]
