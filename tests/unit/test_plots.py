"""The figures: the numbers and labels in them, for data of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from matplotlib.text import Text

from sdanalytics import InvalidRequest, add_kpis, compare, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.model.literals import RecordType
from sdanalytics.plots import fonts
from tests.support.figures import text_below
from tests.support.samples import JAPAN, US, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
Plot = Callable[..., Any]

# Only the machine's fonts decide whether Japanese names are drawn or numbered with a warning.
pytestmark = pytest.mark.filterwarnings("ignore:no installed font has:UserWarning")


def three_weeks(record_type: RecordType, profile_id: int = US) -> pd.DataFrame:
    return sample_frame(record_type, 21, 1, profile_id=profile_id)


@pytest.fixture
def campaigns() -> pd.DataFrame:
    return three_weeks("campaigns")


@pytest.fixture
def asins() -> pd.DataFrame:
    return three_weeks("asins")


@pytest.fixture
def japan() -> pd.DataFrame:
    return three_weeks("campaigns", JAPAN)


def plotted_lines(axes: Any) -> dict[str, Any]:
    """Return the values of each line, by its label."""
    lines = {}
    for line in axes.get_lines():
        lines[str(line.get_label())] = np.asarray(line.get_ydata(), "float64")
    return lines


def shown(axes: Any) -> set[str]:
    return {text.get_text() for text in axes.findobj(Text)}


def unbroken(labels: Any) -> list[str]:
    """Return labels as one line each."""
    return [" ".join(label.split()) for label in labels]


def all_text(axes: Any) -> str:
    texts = [text.get_text() for text in axes.findobj(Text)]
    return " | ".join(filter(None, texts))


def render(axes: Any) -> None:
    """Draw the figure; warnings are errors here, such as the one about a missing glyph."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()


class TestNamespace:
    FIGURES: ClassVar = [
        "calendar", "coverage", "data", "efficiency", "funnel", "halo", "maturity", "pacing", "top",
        "trend", "waterfall",
    ]  # fmt: skip

    def test_has_the_figures_and_nothing_else(self) -> None:
        assert dir(plots) == self.FIGURES
        assert plots.__all__ == self.FIGURES


class TestTrend:
    def test_draws_daily_sums_and_folds_the_rest(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="campaignName", n=3, others=True, facet=False)
        lines = plotted_lines(axes)
        others = campaigns["campaignName"].nunique() - 3
        largest = campaigns.groupby("campaignName")["cost"].sum().nlargest(3).index
        assert unbroken(lines) == [*largest, f"{others} others"]
        assert sum(np.nansum(y) for y in lines.values()) == pytest.approx(campaigns["cost"].sum())
        assert axes.get_ylabel() == "cost (USD)"
        clicks = plotted_lines(plots.trend(campaigns, "clicks"))["clicks"]
        assert clicks.tolist() == campaigns.groupby("date")["clicks"].sum().tolist()

    def test_draws_ratios_of_sums_and_ranks_their_lines_by_cost(
        self, campaigns: pd.DataFrame
    ) -> None:
        axes = plots.trend(campaigns, "acos", by="campaignName", n=2)
        lines = plotted_lines(axes)
        spenders = campaigns.groupby("campaignName")["cost"].sum().nlargest(2).index
        assert unbroken(lines)[:2] == list(spenders)
        rest = summarize(campaigns[~campaigns["campaignName"].isin(spenders)], freq="D")
        np.testing.assert_allclose(list(lines.values())[2], rest["acos"].to_numpy())
        assert axes.get_ylabel() == "ACOS"
        assert axes.yaxis.get_major_formatter()(0.25, 0) == "25%"

    def test_days_with_cost_and_no_sales_are_marked(self, campaigns: pd.DataFrame) -> None:
        without_sales = campaigns.copy()
        day = campaigns["date"].max()
        for name in ("attributedSales14d", "viewAttributedSales14d"):
            without_sales.loc[without_sales["date"] == day, name] = 0.0
        axes = plots.trend(without_sales, "acos")
        assert np.isnan(plotted_lines(axes)["ACOS"][-1])
        marks = axes.collections[-1].get_offsets()
        assert [spot[0] for spot in marks] == [date2num(day)]  # type: ignore[no-untyped-call]
        assert "▲ cost without sales" in text_below(axes)
        assert "▲" not in text_below(plots.trend(campaigns, "acos"))

    def test_a_summary_gives_the_same_lines(self, campaigns: pd.DataFrame) -> None:
        daily = summarize(campaigns, "campaignName", "D", total=True)
        for metric in ("roas", "cost", "clicks"):
            from_summary = plotted_lines(plots.trend(daily, metric, by="campaignName", n=3))
            from_rows = plotted_lines(plots.trend(campaigns, metric, by="campaignName", n=3))
            assert list(from_summary) == list(from_rows)
            for name, line in from_summary.items():
                np.testing.assert_allclose(line, from_rows[name])

    def test_weeks_are_points_without_gaps(self, campaigns: pd.DataFrame) -> None:
        weekly = summarize(campaigns, freq="W")
        line = plotted_lines(plots.trend(weekly, "sales"))["sales"]
        assert line.tolist() == weekly["sales"].tolist()

    def test_a_missing_day_is_a_gap(self, campaigns: pd.DataFrame) -> None:
        days = sorted(campaigns["date"].unique())[:5]
        subset = campaigns[campaigns["date"].isin(days)]
        gap = plotted_lines(plots.trend(subset[subset["date"] != days[2]], "cost"))["cost"]
        assert np.isnan(gap).tolist() == [False, False, True, False, False]

    def test_draws_a_custom_column(self, campaigns: pd.DataFrame) -> None:
        own = add_kpis(campaigns)
        own["profit"] = 0.3 * own["sales"] - own["cost"]
        axes = plots.trend(own, "profit", by="tactic")
        total = sum(np.nansum(y) for y in plotted_lines(axes).values())
        assert total == pytest.approx(own["profit"].sum())
        assert axes.get_ylim()[0] < 0


def test_totals_include_campaigns_of_any_name(campaigns: pd.DataFrame) -> None:
    names = campaigns["campaignName"].unique().tolist()
    strange = ["2 others", None, "_private", "$5 to $10 off", "x" * 40 + "1", "x" * 40 + "2"]
    renamed = campaigns["campaignName"].replace(dict(zip(names, strange, strict=False)))
    relabelled = campaigns.assign(campaignName=renamed)
    options = {"n": 6, "others": True, "facet": False}
    axes = plots.trend(relabelled, "cost", by="campaignName", **options)
    drawn = sum(np.nansum(np.asarray(line.get_ydata(), float)) for line in axes.get_lines())
    assert drawn == pytest.approx(campaigns["cost"].sum())
    assert len({line.get_label() for line in axes.get_lines()} & shown(axes)) == 7
    bars = plots.top(relabelled, "cost", n=20)
    assert len({bar.get_y() for bar in bars.patches}) == len(names)
    widths = sum(bar.get_width() for bar in bars.patches)
    assert widths == pytest.approx(campaigns["cost"].sum())
    for drawn_axes in (axes, bars, plots.efficiency(relabelled)):
        render(drawn_axes)


class TestTop:
    def test_draws_the_largest_first(self, asins: pd.DataFrame) -> None:
        metric = "attributedSales14dOtherSKU"
        axes = plots.top(asins, metric, by="otherAsin", n=4)
        expected = asins.groupby("otherAsin")[metric].sum().nlargest(4)
        widths = [bar.get_width() for bar in axes.patches]
        assert widths == pytest.approx(expected.tolist())
        assert [label.get_text() for label in axes.get_yticklabels()] == list(expected.index)
        assert axes.get_xlabel() == f"{metric} (USD)"

    def test_a_second_metric_as_dots(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "cost", dot="acos", n=5)
        above = next(a for a in axes.figure.axes if a is not axes)
        expected = summarize(campaigns, "campaignName").nlargest(5, "cost")["acos"].to_numpy()
        offsets = np.asarray(above.collections[0].get_offsets())
        alone = expected > 4 * np.sort(expected)[-2]
        np.testing.assert_allclose(offsets[~alone, 0], expected[~alone])
        assert offsets[:, 1].tolist() == [0, 1, 2, 3, 4]
        assert "ACOS" in above.get_xlabel()

    def test_an_outlier_among_the_dots_is_cut_and_labelled(self) -> None:
        frame = pd.DataFrame({"name": list("abcd"), "cost": [4.0, 3, 2, 1], "x": [1.0, 90, 2, 3]})
        axes = plots.top(frame, "cost", by="name", dot="x")
        above = next(a for a in axes.figure.axes if a is not axes)
        offsets = np.asarray(above.collections[0].get_offsets())
        assert offsets[:, 0].tolist() == [1.0, 4.5, 2.0, 3.0]
        assert "90 ▸" in all_text(above)

    def test_a_second_metric_as_colour(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "sales", hue="acos", n=6)
        expected = summarize(campaigns, "campaignName").nlargest(6, "sales")["acos"]
        lightness = [sum(bar.get_facecolor()[:3]) for bar in axes.patches[:6]]
        assert np.argsort(lightness).tolist() == np.argsort(-expected.to_numpy()).tolist()
        assert "ACOS" in [a.get_ylabel() for a in axes.figure.axes]

    def test_colours_tell_the_side_of_a_target(self, campaigns: pd.DataFrame) -> None:
        target = 0.3
        axes = plots.top(campaigns, "sales", hue="acos", n=6, target=target)
        expected = summarize(campaigns, "campaignName").nlargest(6, "sales")["acos"]
        is_blue = [bar.get_facecolor()[2] > bar.get_facecolor()[0] for bar in axes.patches[:6]]
        assert is_blue == (expected < target).tolist()

    def test_the_same_unit_has_one_axis(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "cost", dot="sales", n=6)
        assert axes.figure.axes == [axes]
        totals = summarize(campaigns, "campaignName").nlargest(6, "cost")
        (dots,) = axes.collections
        assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(totals["sales"].to_numpy())

    def test_others_are_a_bar_unless_it_would_dwarf_the_named(
        self, campaigns: pd.DataFrame
    ) -> None:
        totals = summarize(campaigns, "campaignName")["cost"].sort_values(ascending=False)
        axes = plots.top(campaigns, "cost", n=5)
        assert axes.patches[-1].get_width() == pytest.approx(totals.iloc[5:].sum())
        share = totals.iloc[:1].sum() / totals.sum()
        few = plots.top(campaigns, "cost", n=1)
        assert len(few.patches) == 1
        assert f"1 of {len(totals)} campaigns, {share:.0%} of the total" in text_below(few)

    def test_campaigns_of_the_same_name_stay_two(self, campaigns: pd.DataFrame) -> None:
        renamed = campaigns.assign(campaignName="Tents")
        axes = plots.top(renamed, "cost", n=20)
        assert len(axes.patches) == campaigns["campaignId"].nunique()
        assert plots.top(renamed.drop(columns="campaignId"), "cost").patches[0].get_width() > 1

    def test_names_of_the_user_are_drawn(self, asins: pd.DataFrame) -> None:
        first = summarize(asins, "otherAsin").nlargest(1, "halo_sales")["otherAsin"].iloc[0]
        axes = plots.top(asins, "halo_sales", by="otherAsin", names={first: "Tent, 2 persons"})
        assert axes.get_yticklabels()[0].get_text() == "Tent, 2 persons"

    def test_what_all_names_share_is_said_once(self, campaigns: pd.DataFrame) -> None:
        names = "SD | US | 2026 Q4 | " + campaigns["campaignName"] + " | do not pause"
        axes = plots.top(campaigns.assign(campaignName=names), "cost", n=3)
        drawn = [label.get_text() for label in axes.get_yticklabels()]
        assert drawn[:3] == [
            label.get_text() for label in plots.top(campaigns, "cost", n=3).get_yticklabels()[:3]
        ]
        assert "begins with “SD | US | 2026 Q4 |” and ends with “| do not pause”" in all_text(axes)

    def test_bars_are_labelled_with_their_values(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "ctr", by="tactic")
        expected = summarize(campaigns, "tactic")["ctr"].sort_values(ascending=False)
        labels = [text.get_text() for text in axes.texts]
        assert labels == [f"{100 * value:.2f}%" for value in expected]

    @pytest.mark.parametrize(
        ("number", "label"),
        [
            (999_999, "999,999"),
            (2_500_000, "2.5M"),
            (-3_000_000, "-3M"),
            (1_500_000_000, "1.5B"),
            (1_000_000_000_000, "1T"),
            (1_000_000_000_000_000, "1,000T"),
            (2_000_000_000_000_000_000, "2e+18"),
        ],
    )
    def test_large_numbers_are_short(self, number: int, label: str) -> None:
        axes = plots.top(pd.DataFrame({"name": ["a"], "x": [number]}), "x", by="name")
        render(axes)
        assert label in [text.get_text() for text in axes.texts]
        assert "000,000" not in all_text(axes)
        assert "000,000" not in "".join(text.get_text() for text in axes.get_xticklabels())

    def test_draws_changes_between_periods(self, campaigns: pd.DataFrame) -> None:
        days = sorted(campaigns["date"].unique())
        weeks = (days[0], days[6]), (days[7], days[13])
        sides = compare(campaigns, *weeks, by="campaignName", metrics=["cost"])
        axes = plots.top(sides, "cost_change", by="campaignName", n=3)
        widths = [bar.get_width() for bar in axes.patches]
        changes = sides["cost_change"].sort_values(key=lambda values: -values.abs())
        assert widths == pytest.approx(changes.head(3).tolist())
        assert axes.get_xlabel() == "cost change (USD)"
        colors = {bar.get_width() > 0: bar.get_facecolor() for bar in axes.patches}
        assert colors[True] != colors[False]


class TestEfficiency:
    def test_cost_against_sales_by_orders(self, campaigns: pd.DataFrame) -> None:
        axes = plots.efficiency(campaigns)
        expected = summarize(campaigns, "campaignName").sort_values("cost", ascending=False)
        bubbles = axes.collections[0]
        offsets = np.asarray(bubbles.get_offsets())
        np.testing.assert_allclose(offsets, expected[["cost", "sales"]].to_numpy("float64"))
        sizes, orders = bubbles.get_sizes(), expected["orders"].to_numpy("float64")
        np.testing.assert_allclose(sizes[0] / sizes[1], orders[0] / orders[1])
        assert axes.get_xlabel().startswith("cost (USD)")
        assert axes.get_ylabel() == "sales (USD)"
        assert "area: orders" in text_below(axes)
        assert expected["campaignName"].iloc[0] in all_text(axes)

    def test_lines_of_equal_targets(self, campaigns: pd.DataFrame) -> None:
        axes = plots.efficiency(campaigns, acos=[0.1, 0.25], roas=3)
        slopes = {
            round(float(line.get_ydata()[-1] / line.get_xdata()[-1]), 6)
            for line in axes.get_lines()
        }
        assert slopes == {10.0, 4.0, 3.0}
        assert all(f"{name}" in all_text(axes) for name in ("ACOS 10%", "ACOS 25%", "ROAS 3"))
        assert "ROAS" in all_text(plots.efficiency(campaigns))
        for invalid in (0, "x", 2500):
            with pytest.raises(InvalidRequest, match=f"acos must be a number .* got {invalid!r}"):
                plots.efficiency(campaigns, acos=invalid)
        with pytest.raises(InvalidRequest, match=r"must be money .* got 'orders'"):
            plots.efficiency(campaigns, "orders", roas=3)

    def test_negative_returns_are_visible(self, campaigns: pd.DataFrame) -> None:
        own = add_kpis(campaigns)
        own["profit"] = 0.1 * own["sales"] - own["cost"]
        axes = plots.efficiency(own, "profit")
        lowest = own.groupby("campaignName")["profit"].sum().min()
        assert axes.get_ylim()[0] < lowest < 0
        dots = next(a for a in plots.top(own, dot="profit").figure.axes if a.get_xlabel()[0] == "●")
        assert dots.get_xlim()[0] < lowest


class Inventory:
    """An object with a coverage that is not a `ReportCache`."""

    def coverage(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "source": "NA",
                "profile_id": "1",
                "record_type": "campaigns",
                "segment": None,
                "tactic": "T00020",
                "date": pd.date_range("2026-11-01", periods=2, unit="s"),
                "state": ["final", "missing"],
                "is_due": [False, True],
            }
        )


class TestCoverage:
    def test_draws_anything_that_has_a_coverage(self) -> None:
        axes = plots.coverage(Inventory())
        assert axes.images[0].get_array().tolist() == [[0.0, 3.0]]

    def test_a_frame_may_have_a_column_of_that_name(self) -> None:
        frame = Inventory().coverage().assign(coverage=1.0)
        axes = plots.coverage(frame)
        assert axes.images[0].get_array().tolist() == [[0.0, 3.0]]

    def test_a_class_has_no_coverage(self) -> None:
        with pytest.raises(InvalidRequest):
            plots.coverage(Inventory)


ALL: list[tuple[Plot, RecordType]] = [
    (plots.trend, "campaigns"),
    (plots.top, "campaigns"),
    (plots.efficiency, "campaigns"),
    (plots.funnel, "campaigns"),
    (plots.halo, "asins"),
    (plots.calendar, "campaigns"),
]


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_draw_in_given_axes_at_the_default_size(plot: Plot, report: RecordType) -> None:
    axes = plot(three_weeks(report))
    width, height = axes.figure.get_size_inches()
    assert width == 6.4
    assert 2 < height < 7
    render(axes)
    figure, given = plt.subplots(figsize=(6, 4))
    before = plt.get_fignums()
    assert plot(three_weeks(report), ax=given) is given
    assert plt.get_fignums() == before
    figure.canvas.draw()


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_show_no_rows(plot: Plot, report: RecordType) -> None:
    axes = plot(three_weeks(report).head(0))
    assert [text.get_text() for text in axes.texts] == ["no rows"]


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_show_no_values(plot: Plot, report: RecordType) -> None:
    frame = three_weeks(report)
    for name in frame.columns[frame.dtypes.astype("str").isin(["Int64", "float64"])]:
        if not name.endswith("Id"):
            frame[name] = pd.Series(pd.NA, frame.index, dtype="Int64").astype(frame[name].dtype)
    axes = plot(frame)
    (text,) = axes.texts
    assert text.get_text().startswith("no values")
    render(axes)
    zero = frame.fillna(dict.fromkeys(frame.columns[frame.isna().all()], 0))
    render(plot(zero))


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_an_unknown_style_leaves_no_figure_behind(plot: Plot, report: RecordType) -> None:
    with pytest.raises(AttributeError):
        plot(three_weeks(report), nosuchstyle=1)
    assert plt.get_fignums() == []


def test_the_legend_is_in_the_figure(japan: pd.DataFrame) -> None:
    for layout in (None, "constrained"):
        figure, axes = plt.subplots(figsize=(6, 4), layout=layout)
        long = "夏のセール2026年バックパック専門店向けキャンペーン"
        named = japan.assign(campaignName=japan["campaignName"] + long)
        legend = plots.trend(named, by="campaignName", facet=False, ax=axes).get_legend()
        figure.canvas.draw()
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0


@pytest.mark.parametrize("top", [12.0, 0.12, 2.4e6, 34.56])
def test_tick_labels_are_tick_positions(top: float) -> None:
    days = pd.date_range("2026-11-01", periods=5, unit="s")
    axes = plots.trend(pd.DataFrame({"date": days, "cost": np.linspace(0, top, 5)}))
    render(axes)
    for position, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        text = label.get_text()
        scale = 1e6 if text.endswith("M") else 1.0
        assert float(text.rstrip("M").replace(",", "")) * scale == pytest.approx(position)


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_pass_styles_to_the_artists(plot: Plot, report: RecordType) -> None:
    axes = plot(three_weeks(report), alpha=0.37)
    artists = [*axes.lines, *axes.patches, *axes.collections, *axes.images]
    assert 0.37 in [artist.get_alpha() for artist in artists]


@pytest.mark.parametrize("plot", [plots.trend, plots.top, plots.efficiency])
def test_currencies_are_not_mixed(campaigns: pd.DataFrame, japan: pd.DataFrame, plot: Plot) -> None:
    both = pd.concat([campaigns, japan])
    with pytest.raises(InvalidRequest, match="JPY, USD"):
        plot(both)
    render(plots.top(both, "ctr"))  # a ratio without a currency can be compared


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "costt"}, "did you mean 'cost'"),
        ({"metric": "acoss"}, "did you mean 'acos'"),
        ({"by": "campagneName"}, "did you mean 'campaignName'"),
        ({"by": "adGroupName"}, "campaigns have no adGroupName"),
        ({"by": "costType"}, r"fetch it with metrics=\[..., 'costType'\]"),
        ({"by": ["campaignName"]}, "by must be the name of one column"),
        ({"metric": None}, "a metric must be a name"),
        ({"n": 0}, "n must be a whole number above 0, got 0"),
        ({"n": 2.5}, "n must be a whole number above 0, got 2.5"),
        ({"ax": "left"}, "ax must be a matplotlib Axes, got str"),
        ({"metric": "campaignName"}, "not numeric"),
        ({"metric": "campaignId"}, "not numeric"),
        ({"metric": "vtr"}, r"metrics=\['vtr', 'viewImpressions', 'impressions'\]"),
        ({"metric": "campaignBudget", "by": "tactic"}, "cannot be summed"),
        ({"metric": "videoUnmutes"}, r"fetch it with metrics=\[..., 'videoUnmutes'\]"),
        (
            {"metric": "acos"},
            r"metrics=\['cost', 'costType', 'attributedSales14d', 'viewAttributedSales14d'\]",
        ),
    ],
)
def test_invalid_arguments_are_rejected(
    campaigns: pd.DataFrame, arguments: dict[str, Any], message: str
) -> None:
    few = ["date", "tactic", "campaignId", "campaignName", "cost", "campaignBudget"]
    frame = campaigns[few].assign(vtr=0.5)
    before = plt.get_fignums()
    for plot in (plots.trend, plots.top):
        with pytest.raises(InvalidRequest, match=message):
            plot(frame, **arguments)
    assert plt.get_fignums() == before


def test_message_names_metrics_that_the_report_never_has(asins: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match="asins have no clicks, impressions"):
        plots.trend(asins, "ctr")


class TestNames:
    def test_japanese_is_drawn_or_numbered_with_a_warning(self, japan: pd.DataFrame) -> None:
        if fonts.font_families_for("急") == fonts.font_families_for("a"):
            with pytest.warns(UserWarning, match="name 1 = .*Noto Sans CJK"):
                axes = plots.top(japan, "cost", n=3)
            names = [label.get_text() for label in axes.get_yticklabels()]
            assert names == ["name 1", "name 2", "name 3"]
        else:
            axes = plots.top(japan, "cost", n=3)
            largest = japan.groupby("campaignName")["cost"].sum().nlargest(3).index
            assert [label.get_text() for label in axes.get_yticklabels()] == list(largest)
        render(axes)  # a character without a glyph would warn

    def test_characters_that_no_font_has(self, campaigns: pd.DataFrame) -> None:
        names = dict(enumerate(["\U0010fffd sale", "\U0010fffe sale", "\U0010fffd\U0010fffd", "a"]))
        codes = pd.Series(pd.factorize(campaigns["campaignName"])[0] % 4, index=campaigns.index)
        relabelled = campaigns.drop(columns="campaignId").assign(campaignName=codes.map(names))
        with pytest.warns(UserWarning, match="name 1 = \U0010fffd\U0010fffd"):
            axes = plots.top(relabelled, "cost")
        drawn = {label.get_text() for label in axes.get_yticklabels()}
        assert drawn == {"□ sale", "□ sale (2)", "name 1", "a"}
        render(axes)
