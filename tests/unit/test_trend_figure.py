"""The figure `trend`: what is drawn, in how many axes, and what is said below it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.dates import date2num
from matplotlib.text import Text

from sdanalytics import InvalidRequest, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.colors import background, contrast
from tests.support.curves import AGES, make_curve
from tests.support.figures import text_below
from tests.support.samples import GERMANY, JAPAN, US, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack

SALES = ["attributedSales14d", "viewAttributedSales14d"]


@pytest.fixture
def campaigns() -> pd.DataFrame:
    return sample_frame("campaigns", 28, 1)


def make_days(values: dict[str, Any], start: str = "2026-10-01") -> pd.DataFrame:
    """Return the cost of campaigns by day; missing days are NaN."""
    frames = []
    for name, costs in values.items():
        days = pd.date_range(start, periods=len(costs), unit="s")
        frames.append(pd.DataFrame({"date": days, "campaignName": name, "cost": costs}))
    return pd.concat(frames).dropna().assign(currency="USD")


def panels_of_lines(axes: Any) -> dict[str, Any]:
    """Return the values of the line in each panel, by the panel's name."""
    panels = {}
    for panel in axes.child_axes:
        (line,) = panel.get_lines()
        name = " ".join(panel.get_title(loc="left").split())
        panels[name] = np.asarray(line.get_ydata(), "float64")
    return panels


def written(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def dashed_days(axes: Any) -> Any:
    """Return the days between which a line is dashed."""
    dashes = next(c for c in axes.collections if hasattr(c, "get_segments"))
    path, transform = dashes.get_clip_path().get_transformed_path_and_affine()
    corners = (transform + axes.transData.inverted()).transform(path.vertices)
    return corners[:, 0].min()


class TestPanels:
    def test_four_lines_have_a_panel_each(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="campaignName", n=4, others=False)
        largest = campaigns.groupby("campaignName")["cost"].sum().nlargest(4).index
        panels = panels_of_lines(axes)
        assert list(panels) == list(largest)
        by_day = campaigns.groupby(["campaignName", "date"])["cost"].sum()
        for name, values in panels.items():
            np.testing.assert_allclose(values, by_day[name].to_numpy())
        limits = {panel.get_ylim() for panel in axes.child_axes}
        assert len(limits) == 1
        assert "cost (USD), one scale for all" in text_below(axes)
        assert not axes.get_lines()

    def test_three_lines_share_the_axes(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="campaignName", n=3, others=False)
        assert not axes.child_axes
        assert len(axes.get_lines()) == 3

    def test_facet_decides(self, campaigns: pd.DataFrame) -> None:
        few = plots.trend(campaigns, "cost", by="campaignName", n=2, others=False, facet=True)
        assert len(few.child_axes) == 2
        many = plots.trend(campaigns, "cost", by="campaignName", n=9, facet=False)
        assert len(many.get_lines()) >= 9
        with pytest.raises(InvalidRequest, match="facet must be True, False or None, got 'wrap'"):
            plots.trend(campaigns, "cost", by="campaignName", facet="wrap")

    @pytest.mark.parametrize("layout", [None, "constrained", "tight"])
    def test_panels_stay_in_the_axes_that_were_given(
        self, campaigns: pd.DataFrame, layout: Any
    ) -> None:
        figure, grid = plt.subplots(1, 2, figsize=(12, 4), layout=layout)
        axes = plots.trend(campaigns, "cost", by="campaignName", ax=grid[1])
        assert axes is grid[1]
        figure.canvas.draw()
        boxes = [panel.get_window_extent() for panel in axes.child_axes]
        assert len(boxes) >= 5
        for box in boxes:
            assert axes.bbox.x0 - 1 <= box.x0
            assert box.x1 <= axes.bbox.x1 + 1
            assert axes.bbox.y0 - 1 <= box.y0
            assert box.y1 <= axes.bbox.y1 + 1
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number])

    def test_names_and_ticks_of_panels_do_not_overlap(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="campaignName", title="Where the money goes")
        axes.figure.canvas.draw()
        texts = [text for text in axes.findobj(Text) if text.get_visible() and text.get_text()]
        names = [t for t in texts if t.axes in axes.child_axes and t is t.axes._left_title]
        names.append(axes._left_title)
        boxes = [name.get_window_extent() for name in names]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number])

    def test_axes_without_room_have_lines(self, campaigns: pd.DataFrame) -> None:
        _, ax = plt.subplots(figsize=(2.4, 1.8), layout="constrained")
        axes = plots.trend(campaigns, "cost", by="campaignName", ax=ax)
        assert not axes.child_axes
        assert len(axes.get_lines()) >= 5


class TestOthers:
    def test_others_that_dwarf_the_lines_are_left_out_and_their_share_is_said(self) -> None:
        frame = make_days({f"campaign {i}": [10.0 + i] * 10 for i in range(12)})
        axes = plots.trend(frame, "cost", by="campaignName", n=2)
        names = [line.get_label() for line in axes.get_lines()]
        assert names == ["campaign 11", "campaign 10"]
        share = (21 + 20) / sum(10 + i for i in range(12))
        assert f"2 of 12 campaigns, {share:.0%} of cost" in text_below(axes)

    def test_small_others_are_grey(self) -> None:
        frame = make_days({"a": [90.0] * 9, "b": [70.0] * 9, "c": [9.0] * 9, "d": [4.0] * 9})
        axes = plots.trend(frame, "cost", by="campaignName", n=2)
        *_, others = axes.get_lines()
        assert others.get_label() == "2 others"
        assert set(others.get_ydata()) == {13.0}
        red, green, blue = to_rgb(others.get_color())
        assert red == green == blue

    def test_others_may_be_forced_or_left_out(self) -> None:
        frame = make_days({name: [10.0] * 5 for name in "abcdef"})
        forced = plots.trend(frame, "cost", by="campaignName", n=2, others=True)
        assert [line.get_label() for line in forced.get_lines()] == ["a", "b", "4 others"]
        without = plots.trend(frame, "cost", by="campaignName", n=5, others=False, facet=False)
        assert len(without.get_lines()) == 5
        with pytest.raises(InvalidRequest, match="others must be True, False or None, got 1"):
            plots.trend(frame, "cost", by="campaignName", others=1)
        budgets = frame.assign(campaignBudget=3.0)
        with pytest.raises(InvalidRequest, match="others=True needs a metric that"):
            plots.trend(budgets, "campaignBudget", by="campaignName", n=2, others=True)

    def test_ratios_of_others_are_comparable_and_drawn(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "acos", by="campaignName", n=1)
        assert len(axes.get_lines()) == 2
        assert "% of cost" in text_below(axes)


class TestSmooth:
    def test_ratios_are_of_the_sums_of_the_days(self, campaigns: pd.DataFrame) -> None:
        (line,) = plots.trend(campaigns, "acos", smooth=7).get_lines()
        sums = summarize(campaigns, freq="D").set_index("date")[["cost", "sales"]].rolling(7).sum()
        expected = (sums["cost"] / sums["sales"]).dropna()
        np.testing.assert_allclose(line.get_ydata(), expected.to_numpy())
        assert len(expected) == len(campaigns["date"].unique()) - 6

    def test_sums_are_averages_of_days_and_missing_days_count_in_neither(self) -> None:
        costs = [7.0, 1.0, 4.0, np.nan, 10.0, 4.0]
        (line,) = plots.trend(make_days({"a": costs}), "cost", smooth=3).get_lines()
        drawn = line.get_ydata()
        np.testing.assert_allclose(drawn, [4.0, np.nan, 7.0, 7.0])
        first = pd.Timestamp("2026-10-03")
        assert line.get_xdata()[0] == first.to_datetime64()

    def test_a_day_without_rows_of_one_campaign_counts_as_none_of_it(self) -> None:
        frame = make_days({"a": [6.0, np.nan, 6.0, 6.0], "b": [9.0, 9.0, 9.0, 9.0]})
        axes = plots.trend(frame, "cost", by="campaignName", smooth=3)
        lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
        np.testing.assert_allclose(lines["a"], [4.0, 4.0])
        np.testing.assert_allclose(lines["b"], [9.0, 9.0])

    def test_it_is_said(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", smooth=7)
        assert axes.get_title(loc="left").startswith("cost (7-day average), ")
        assert "each point: average of the 7 days up to it" in text_below(axes)
        ratio = plots.trend(campaigns, "roas", smooth=7)
        assert ratio.get_title(loc="left").startswith("ROAS (7 days), ")
        assert "ratio of the sums of the 7 days" in text_below(ratio)
        few = campaigns[campaigns["date"] >= campaigns["date"].max() - timedelta(days=3)]
        assert written(plots.trend(few, "cost", smooth=7)) == ["fewer than 7 days"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"smooth": 1}, "smooth must be a whole number of days above 1, got 1"),
            ({"smooth": True}, "got True"),
            ({"smooth": 2.5}, "got 2.5"),
            ({"smooth": 7, "metric": "campaignBudget"}, "can be added up"),
        ],
    )
    def test_invalid_windows_are_rejected(
        self, campaigns: pd.DataFrame, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=message):
            plots.trend(campaigns, **arguments)

    def test_weeks_have_no_windows(self, campaigns: pd.DataFrame) -> None:
        with pytest.raises(InvalidRequest, match="rows of single days, got a summary by W"):
            plots.trend(summarize(campaigns, freq="W"), "cost", smooth=7)

    def test_expected_values_are_of_the_same_windows(self) -> None:
        frame = sample_frame("campaigns", 20, 1)
        known = np.where(AGES < 7, 0.5, 1.0)
        curve = make_curve({g: {"sales": known} for g in ("CPC", "VCPM")}, error=0)
        table = plots.data("trend", frame, "sales", final=curve).set_index("date")
        smooth = plots.data("trend", frame, "sales", final=curve, smooth=7).set_index("date")
        expected = table["sales_final"].rolling(7).mean().dropna()
        np.testing.assert_allclose(smooth["sales_final"], expected)


class TestOutliers:
    def test_one_day_does_not_flatten_the_line_and_its_value_is_written(self) -> None:
        costs = [100.0 + day for day in range(30)]
        costs[12] = 9000.0
        axes = plots.trend(make_days({"a": costs}), "cost")
        assert axes.get_ylim() == pytest.approx((0, 1.15 * 129))
        assert written(axes) == ["↑ 9,000"]
        assert max(axes.get_lines()[0].get_ydata()) == 9000
        assert "beyond the scale: values with ↑" in text_below(axes)

    def test_a_ratio_of_one_day_does_not_flatten_the_panels(self, campaigns: pd.DataFrame) -> None:
        names = campaigns.groupby("campaignName")["cost"].sum().nlargest(5).index
        is_outlier = campaigns["campaignName"].eq(names[1]) & (campaigns["date"] == "2026-11-02")
        campaigns.loc[is_outlier, SALES] /= 400
        axes = plots.trend(campaigns, "acos", by="campaignName")
        usual = np.nanmedian(np.concatenate(list(panels_of_lines(axes).values())))
        assert {panel.get_ylim()[1] < 10 * usual for panel in axes.child_axes} == {True}
        highest = np.nanmax(panels_of_lines(axes)[names[1]])
        assert written(axes.child_axes[1]) == [f"↑ {100 * highest:,.0f}%"]
        assert not written(axes.child_axes[0])

    def test_a_negative_outlier_is_written_below(self) -> None:
        costs = [100.0] * 30
        costs[4] = -5000.0
        axes = plots.trend(make_days({"a": costs}), "cost")
        assert written(axes) == ["↓ -5,000"]
        assert axes.get_ylim()[0] > -200

    def test_what_is_usual_is_drawn_whole(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost")
        assert not written(axes)
        assert axes.get_ylim()[1] >= max(axes.get_lines()[0].get_ydata())


class TestNames:
    def test_names_are_at_the_ends_of_lines_and_do_not_overlap(self) -> None:
        frame = make_days({"a": [100.0] * 20, "b": [99.0] * 20, "c": [98.5] * 20})
        axes = plots.trend(frame, "cost", by="campaignName")
        assert axes.get_legend() is None
        figure = axes.figure
        for width in (6.4, 5.0):
            figure.set_size_inches(width, 4)
            figure.canvas.draw()
            boxes = [text.get_window_extent() for text in axes.texts]
            assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]
            for number, box in enumerate(boxes):
                assert box.x0 > axes.bbox.x1
                assert box.x1 <= figure.bbox.x1
                assert not any(box.overlaps(other) for other in boxes[:number])
        heights = [box.y0 for box in boxes]
        assert heights == sorted(heights, reverse=True)

    def test_a_name_has_the_colour_of_its_line(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="costType")
        for text in axes.texts:
            assert contrast(text.get_color(), background(axes)) >= 4.5

    def test_a_legend_stands_in_where_there_is_no_room(self) -> None:
        long = "Video of tents for four persons and more"
        frame = make_days({f"{letter * 20} {long}": [9.0] * 20 for letter in "abc"})
        _, ax = plt.subplots(figsize=(3.2, 4), layout="constrained")
        axes = plots.trend(frame, "cost", by="campaignName", ax=ax)
        assert len(axes.get_legend().get_texts()) == 3
        assert not axes.texts

    def test_what_names_share_is_said_once(self) -> None:
        convention = "SD | US | 2026 Q4 | {} | do not pause"
        frame = make_days({convention.format(name): [9.0] * 20 for name in ("Tents", "Mugs")})
        axes = plots.trend(frame, "cost", by="campaignName")
        assert written(axes) == ["Tents", "Mugs"]
        assert "each name begins with “SD | US | 2026 Q4 |”" in text_below(axes)

    def test_names_may_be_given(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="costType", names={"CPC": "clicks"})
        assert "clicks" in written(axes)


class TestLength:
    def test_a_single_day_is_bars(self, campaigns: pd.DataFrame) -> None:
        day = campaigns["date"].max()
        one = campaigns[campaigns["date"] == day]
        axes = plots.trend(one, "sales", by="campaignName", n=3)
        largest = summarize(one, "campaignName").nlargest(3, "sales")
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(largest["sales"].tolist())
        assert not axes.get_lines()
        assert [label.get_text() for label in axes.get_yticklabels()] == list(
            largest["campaignName"]
        )
        assert {bar.get_facecolor() for bar in axes.patches} == {background(axes)}
        assert "hollow: orders still arriving" in text_below(axes)
        cost = plots.trend(one, "cost")
        assert background(cost) not in {bar.get_facecolor() for bar in cost.patches}

    def test_a_bar_says_why_its_ratio_is_missing(self, campaigns: pd.DataFrame) -> None:
        one = campaigns[campaigns["date"] == campaigns["date"].max()].copy()
        first = one.groupby("campaignName")["cost"].sum().nlargest(1).index[0]
        one.loc[one["campaignName"] == first, SALES] = 0.0
        axes = plots.trend(one, "acos", by="campaignName", n=3)
        assert "cost without sales" in written(axes)

    def test_long_lines_have_markers_only_where_they_are_interrupted(self) -> None:
        costs = [9.0, 8.0] * 200
        costs[100] = costs[102] = np.nan
        (line,) = plots.trend(make_days({"a": costs}), "cost").get_lines()
        assert line.get_markevery() == [101]
        (short,) = plots.trend(make_days({"a": costs[:30]}), "cost").get_lines()
        assert short.get_marker() == "o"
        assert short.get_markevery() is None

    def test_zeros_are_said(self, campaigns: pd.DataFrame) -> None:
        campaigns[[*SALES, "cost"]] = 0.0
        assert written(plots.trend(campaigns, "cost")) == ["cost is 0 on all days"]
        one = campaigns[campaigns["date"] == campaigns["date"].max()]
        assert written(plots.trend(one, "cost")) == ["cost is 0"]

    def test_cost_without_any_sales_is_said(self, campaigns: pd.DataFrame) -> None:
        campaigns[SALES] = 0.0
        axes = plots.trend(campaigns, "acos")
        assert written(axes) == ["no ACOS: cost without sales"]
        assert axes.get_title(loc="left").startswith("ACOS, ")


class TestYoungDays:
    def test_orders_that_arrive_are_dashed_in_the_full_colour(
        self, campaigns: pd.DataFrame
    ) -> None:
        axes = plots.trend(campaigns, "sales")
        arriving = campaigns["date"].max() - timedelta(days=13)
        number = date2num(arriving)  # type: ignore[no-untyped-call]
        assert dashed_days(axes) == pytest.approx(number - 0.5)
        (line,) = axes.get_lines()
        by_day = summarize(campaigns, freq="D")["sales"]
        np.testing.assert_allclose(line.get_ydata(), by_day.to_numpy())
        dashes = next(c for c in axes.collections if hasattr(c, "get_segments"))
        assert contrast(dashes.get_color()[0], background(axes)) >= 3
        assert text_below(axes) == "dashed: orders still arriving; all days may still be restated"

    def test_cost_is_not_dashed(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost")
        assert not axes.collections
        assert text_below(axes) == "may still be restated: from 17 Nov 2026 on"

    @pytest.mark.parametrize("style", ["default", "dark_background", "ggplot"])
    def test_words_and_contrast_hold_in_any_theme(
        self, campaigns: pd.DataFrame, style: str
    ) -> None:
        with plt.style.context(style):
            axes = plots.trend(campaigns, "orders", by="costType")
            for collection in axes.collections:
                for color in collection.get_edgecolor():
                    assert contrast(color, background(axes)) >= 3
        assert "dashed: orders still arriving" in text_below(axes)

    def test_states_and_final_days_have_no_mark(self, campaigns: pd.DataFrame) -> None:
        budget = campaigns.assign(campaignBudget=50.0)
        axes = plots.trend(budget, "campaignBudget", by="campaignName", n=2)
        assert "restated" not in text_below(axes)
        assert not axes.collections
        early = campaigns[campaigns["date"] < campaigns["date"].max() - timedelta(days=14)]
        assert not plots.trend(early, "sales").collections
        assert text_below(plots.trend(early, "cost")) == ""

    def test_weeks_with_an_arriving_day_are_dashed(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(summarize(campaigns, freq="MS"), "sales")
        assert "dashed: orders still arriving" in text_below(axes)


class TestWeeks:
    def test_a_week_that_has_not_ended_is_not_in_the_future(self, campaigns: pd.DataFrame) -> None:
        weekly = summarize(campaigns, freq="W")
        assert weekly["date"].max() > campaigns["date"].max()
        axes = plots.trend(weekly, "cost")
        (line,) = axes.get_lines()
        assert line.get_xdata()[-1] == campaigns["date"].max().to_datetime64()
        assert "hollow: not all days" in text_below(axes)
        axes.figure.canvas.draw()
        last = date2num(campaigns["date"].max())  # type: ignore[no-untyped-call]
        assert max(axes.get_xticks()) <= last

    def test_final_numbers_of_weeks_have_a_band(self) -> None:
        frame = sample_frame("campaigns", 28, 1)
        known = np.where(AGES < 7, 0.5, 1.0)
        groups = {group: {"sales": known} for group in ("CPC", "VCPM")}
        weekly = summarize(frame, freq="W", final=make_curve(groups))
        axes = plots.trend(weekly, "sales")
        expected, reported = axes.get_lines()
        assert reported.get_linestyle() == ":"
        np.testing.assert_allclose(reported.get_ydata(), weekly["sales"])
        np.testing.assert_allclose(expected.get_ydata(), weekly["sales_final"])
        corners = pd.DataFrame(axes.collections[0].get_paths()[0].vertices)
        highs = corners.groupby(0)[1].max()
        np.testing.assert_allclose(highs, weekly["sales_final_high"])
        assert "line: expected when final, 80% band" in text_below(axes)
        assert len(plots.trend(weekly, "sales", final=False).get_lines()) == 1


class TestDates:
    def drawn_ticks(self, axes: Any) -> list[str]:
        axes.figure.canvas.draw()
        assert axes.xaxis.get_offset_text().get_text() == ""
        return [label.get_text() for label in axes.get_xticklabels()]

    def test_the_year_is_below_the_first_tick(self) -> None:
        axes = plots.trend(make_days({"a": [9.0] * 28}), "cost")
        assert self.drawn_ticks(axes) == ["1 Oct\n2026", "8", "15", "22"]

    def test_months_and_years_are_said_where_they_begin(self) -> None:
        axes = plots.trend(make_days({"a": [9.0] * 150}), "cost")
        labels = self.drawn_ticks(axes)
        assert labels == ["Oct\n2026", "Nov", "Dec", "Jan\n2027", "Feb"]

    def test_narrow_axes_have_fewer_ticks(self) -> None:
        _, ax = plt.subplots(figsize=(2.4, 2), layout="constrained")
        axes = plots.trend(make_days({"a": [9.0] * 28}), "cost", ax=ax)
        labels = self.drawn_ticks(axes)
        assert labels == ["1 Oct\n2026", "15"]


class TestProfiles:
    def test_ratios_of_several_currencies_are_lines_with_names_of_accounts(self) -> None:
        frames = []
        accounts = {US: "Northwind", GERMANY: "Alpenglück", JAPAN: "Aoba"}
        for profile, account in accounts.items():
            frame = sample_frame("campaigns", 20, 1, profile_id=profile)
            frames.append(frame.assign(profile_id=str(profile), accountName=account))
        axes = plots.trend(pd.concat(frames, ignore_index=True), "acos", by="profile_id")
        assert sorted(written(axes)) == sorted(accounts.values())
        assert "restatable days are not known" in text_below(axes)


class TestTable:
    def test_it_has_a_row_for_each_point(self, campaigns: pd.DataFrame) -> None:
        table = plots.data("trend", campaigns, "acos", by="costType")
        assert list(table) == [
            "date", "name", "acos", "is_other", "is_part", "is_young", "is_undefined",
        ]  # fmt: skip
        drawn = plots.trend(campaigns, "acos", by="costType").get_lines()
        for line in drawn:
            values = table.loc[table["name"] == line.get_label(), "acos"]
            np.testing.assert_allclose(values, line.get_ydata())
        young = table.loc[table["is_young"], "date"].min()
        assert young == campaigns["date"].max() - timedelta(days=13)
        campaigns.attrs = {}
        assert plots.data("trend", campaigns, "acos")["is_young"].isna().all()

    def test_it_has_expected_values_with_their_bounds(self) -> None:
        frame = sample_frame("campaigns", 20, 1)
        known = np.where(AGES < 7, 0.5, 1.0)
        curve = make_curve({group: {"sales": known} for group in ("CPC", "VCPM")})
        table = plots.data("trend", frame, "sales", final=curve)
        assert (table["sales_final_low"] <= table["sales_final"]).all()
        assert (table["sales_final"] <= table["sales_final_high"]).all()
        np.testing.assert_allclose(table["sales_final"].iloc[-7:], 2 * table["sales"].iloc[-7:])

    def test_others_and_part_weeks_are_told(self, campaigns: pd.DataFrame) -> None:
        weekly = summarize(campaigns, "campaignName", "W")
        table = plots.data("trend", weekly, "cost", by="campaignName", n=2, others=True)
        assert table.loc[table["is_other"], "name"].str.endswith("others").all()
        assert table["is_part"].any()
        assert not table["is_part"].all()
